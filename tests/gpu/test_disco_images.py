"""What the denoiser makes of images is the same on CPU and CUDA, in one part and in many."""

import pytest
import torch
from parity import exact_float32
from torch import nn

from s2r_tasks._disco import images as image_layers
from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.images import ImageAttention, Images


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("most", [1, image_layers.MOST])
def test_cuda_agrees_with_cpu(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_layers, "MOST", most)
    options = ImageOptions(views=5, tokens=16, width=64)
    draws = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    layer = ImageAttention(32, 8, options)
    nn.init.normal_(layer.leave.conv.weight, std=0.1)
    planes = torch.randn(2, 3, 32, 16, 16, generator=draws)
    matrices = torch.eye(4) + 0.2 * torch.randn(2, 5, 4, 4, generator=draws)
    matrices[..., 2, 3] += 2  # in front of the camera
    images = Images(torch.randn(2, 5, 64, 16, 16, generator=draws), matrices)
    with exact_float32():
        found = [
            layer.to(device)(planes.to(device), Images(*(part.to(device) for part in images))).detach().cpu()
            for device in ("cpu", "cuda")
        ]
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)
