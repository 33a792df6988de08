"""The networks of `classify` and `segment`: CPU and CUDA give the same, in float64, so that neighbours are the same."""

import copy

import pytest
import torch
from torch import nn

from s2r_tasks._occo.completion import training_loss
from s2r_tasks._occo.neighbours import knn
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


def cloud(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def assert_same_on_both(network: nn.Module, loss) -> None:
    """Loss, gradients and running statistics of one training step, and the same again in evaluation."""
    other = copy.deepcopy(network).cuda()
    for training in (True, False):
        values = [loss(one.train(training), device) for one, device in ((network, "cpu"), (other, "cuda"))]
        for value in values:
            value.backward()
        torch.testing.assert_close(values[1].cpu(), values[0], rtol=1e-9, atol=1e-11)
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(theirs.grad.cpu(), mine.grad, rtol=1e-7, atol=1e-10)
    for mine, theirs in zip(network.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(theirs.cpu(), mine)


def test_neighbours_and_their_ties() -> None:
    grid = torch.cartesian_prod(*[torch.arange(8.0)] * 3)[None].repeat(2, 1, 1)
    for k in (1, 5, 20):
        assert torch.equal(knn(grid.cuda(), k).cpu(), knn(grid, k))


def test_classifier() -> None:
    torch.manual_seed(0)
    network = ClassifyNetworks.preset("tiny", {"head.dropout": 0.0}).classifier(5).double()
    x, label = cloud(8, 256, 3), torch.arange(8) % 5
    assert_same_on_both(network, lambda n, device: nn.functional.cross_entropy(n(x.to(device)), label.to(device)))


def test_segmenter() -> None:
    torch.manual_seed(0)
    network = SegmentNetworks.preset("tiny", {"head.dropout": 0.0}).segmenter(13).double()
    x, label = cloud(2, 512, 9), torch.arange(1024) % 13
    assert_same_on_both(
        network, lambda n, device: nn.functional.cross_entropy(n(x.to(device)).flatten(0, 1), label.to(device))
    )


@pytest.mark.parametrize("encoder", ["dgcnn", "pointnet"])
def test_completion(encoder: str) -> None:
    torch.manual_seed(0)
    network = ClassifyNetworks.preset("tiny", {"encoder": encoder}).completion().double()
    batch = {"partial": cloud(4, 256, 3), "complete": cloud(4, 1024, 3) + 0.01, "alpha": torch.tensor(0.5)}

    def loss(n: nn.Module, device: str) -> torch.Tensor:
        return training_loss(n, {name: tensor.to(device) for name, tensor in batch.items()}, torch.Generator())

    assert_same_on_both(network, loss)


def test_published_sizes_train_in_float32() -> None:
    torch.manual_seed(0)
    network = ClassifyNetworks().completion().cuda()
    batch = {
        "partial": cloud(16, 1024, 3).float(),
        "complete": cloud(16, 16_384, 3).float(),
        "alpha": torch.tensor(1.0),
    }
    value = training_loss(network, {name: tensor.cuda() for name, tensor in batch.items()}, torch.Generator())
    value.backward()
    assert bool(torch.isfinite(value))
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters())
