"""CPU and CUDA give the same, path by path; the same code as `benchmarks/gpu.py --parity-only`."""

import pytest
import torch
from parity import PATHS, compared


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_cuda_agrees_with_cpu(path):
    found = compared(path, "cuda")
    assert found["passed"], f"{found['max_abs_difference']:.2e} apart, {path.tolerance:.0e} {path.unit} allowed"
