"""Weights of a file, by name, without running what the file says.

A `.ckpt` is a pickle. It is read as tensors and plain values and nothing else (`weights_only`), mapped into memory
where its form allows, so that a file of many gigabytes costs little; anything else in it is refused with a way out.
"""

import zipfile
from pathlib import Path

import torch
from torch import Tensor

from s2r_bench.engine.checkpoint import read_tensors
from s2r_bench.errors import DataError

NESTED = "state_dict"
WAY_OUT = (
    "open it where you trust it, and keep its tensors alone: "
    "safetensors.torch.save_file({k: v.contiguous() for k, v in torch.load(FILE, weights_only=False)"
    f"['{NESTED}'].items()}}, 'weights.safetensors')"
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a `.safetensors` file, or of a torch file of tensors, with or without `state_dict` around.

    Raises:
        DataError: it is missing, empty, damaged, holds more than tensors and plain values, or no tensors.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes); fetch it again")
    try:
        raw = torch.load(path, map_location="cpu", mmap=zipfile.is_zipfile(path), weights_only=True)
    except Exception as wrong:  # a reader of a format that others chose raises whatever it likes
        why = (str(wrong).strip().splitlines() or [type(wrong).__name__])[0]
        raise DataError(
            f"{path} cannot be read as tensors and plain values ({why}). Either it is damaged, or it holds objects, "
            f"whose code would be run: {WAY_OUT}"
        ) from None
    state = raw.get(NESTED, raw) if isinstance(raw, dict) else None
    named = state.items() if isinstance(state, dict) else []
    found = {str(name): value for name, value in named if isinstance(value, Tensor)}
    if not found:
        raise DataError(f"{path} holds no named tensors, neither at its top nor under {NESTED!r}")
    return found
