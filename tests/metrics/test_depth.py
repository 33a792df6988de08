"""Residuals, holes, edges and autocorrelation of stacks with known answers."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from s2r_metrics import depth as figures
from s2r_metrics import residual_wasserstein
from s2r_metrics.samples import median, robust_spread


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_w1_of_a_shift_is_the_shift() -> None:
    sample = noise(5000).double()
    assert residual_wasserstein(sample, sample + 0.7) == pytest.approx(0.7, rel=1e-9)
    assert residual_wasserstein(sample, sample) == 0.0


def test_w1_is_not_the_paired_difference() -> None:
    assert residual_wasserstein(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])) == 0.0


def test_w1_against_scipy_with_unequal_sizes_and_ties() -> None:
    a, b = (noise(800) * 3).round(), (noise(1300, seed=1) * 2 + 1).round()
    expected = wasserstein_distance(a.numpy(), b.numpy())
    assert residual_wasserstein(a, b) == pytest.approx(expected, rel=1e-6)
    assert residual_wasserstein(b, a) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.tensor([torch.nan]), torch.zeros(2, 2)])
def test_w1_refuses(bad: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"empty|NaN|1-D"):
        residual_wasserstein(bad, torch.zeros(2))


def test_robust_spread_of_a_gaussian_and_median() -> None:
    assert robust_spread(noise(200_000)) == pytest.approx(1.0, abs=0.01)
    assert median(torch.tensor([4.0, 1.0, 3.0, 2.0])) == 2.5
    assert median(torch.tensor([3.0, 1.0, 2.0])) == 2.0


def test_pixel_rule() -> None:
    clean = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0]])
    depth = torch.tensor([[1.1, 1.2, 0.0, 0.9, 1.0]])  # inside, at the limit, missing, inside, no clean depth
    residual, valid = figures.residuals(clean, depth)
    assert valid.tolist() == [[True, False, False, True, False]]
    np.testing.assert_allclose(residual.numpy(), [[0.1, 0, 0, -0.1, 0]], atol=1e-6)


def test_hole_figures() -> None:
    domain = torch.tensor([True, True, True, True, False])
    a = torch.tensor([True, False, False, True, False])
    b = torch.tensor([True, True, False, False, False])
    assert figures.hole_rate(a, domain) == 0.5
    assert figures.hole_iou(a, b, domain) == pytest.approx(1 / 3)
    assert figures.hole_iou(domain, domain, domain) == 1.0
    with pytest.raises(ValueError, match="domain is empty"):
        figures.hole_rate(a, torch.zeros(5).bool())


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_autocorrelation_of_white_noise_is_zero(lag: int) -> None:
    residual = noise(4, 100, 100)
    assert figures.autocorrelation(residual, torch.ones_like(residual).bool(), lag) == pytest.approx(0, abs=0.01)


def test_autocorrelation_of_a_moving_average() -> None:
    """The mean of two neighbours in a row: 1/2 at lag 1 across, 0 down; both directions in one figure: 1/4."""
    white = noise(8, 100, 101)
    residual = (white[..., 1:] + white[..., :-1]) / 2
    valid = torch.ones_like(residual).bool()
    assert figures.autocorrelation(residual, valid, 1) == pytest.approx(0.25, abs=0.01)
    assert figures.autocorrelation(residual + 5.0, valid, 1) == pytest.approx(0.25, abs=0.01)  # less the mean
    assert figures.autocorrelation(residual, valid, 2) == pytest.approx(0.0, abs=0.01)


def test_autocorrelation_leaves_holes_out() -> None:
    residual = noise(2, 60, 60).cumsum(2)
    valid = torch.rand(2, 60, 60, generator=torch.Generator().manual_seed(1)) > 0.3
    spoiled = torch.where(valid, residual, torch.full_like(residual, 1000.0))
    assert figures.autocorrelation(spoiled, valid, 1) == figures.autocorrelation(residual, valid, 1)
    with pytest.raises(ValueError, match="no autocorrelation"):
        figures.autocorrelation(torch.zeros(1, 4, 4), torch.ones(1, 4, 4).bool(), 1)


def plane(tilt: float, width: int = 64, focal: float = 60.0) -> torch.Tensor:
    """A plane whose inverse depth falls linearly along the rows: 1/z = 1/2 - tilt u."""
    u = (torch.arange(width).double() - width / 2) / focal
    return (1 / (0.5 - tilt * u)).float().expand(1, 8, width).contiguous()


def test_a_grazing_plane_has_no_edges() -> None:
    depth = plane(0.85)
    assert float((depth[..., 1:] - depth[..., :-1]).max()) > figures.EDGE_JUMP_M  # a plain threshold would see one
    assert not figures.edge_mask(depth).any()


def test_a_step_marks_two_pixels_each_side() -> None:
    depth = torch.full((1, 6, 12), 2.0)
    depth[..., 6:] = 1.5
    assert figures.edge_mask(depth)[0, 3].nonzero()[:, 0].tolist() == [4, 5, 6, 7]
    depth[..., 6:] = 1.98
    assert not figures.edge_mask(depth).any()


def test_a_thin_bar_is_an_edge_and_missing_depth_is_not() -> None:
    bar = torch.full((1, 9, 9), 2.0)
    bar[..., 4] = 1.0
    assert figures.edge_mask(bar, radius=1)[0, 0].nonzero()[:, 0].tolist() == [3, 4, 5]
    gap = torch.full((1, 9, 9), 2.0)
    gap[..., 4:] = 0
    assert not figures.edge_mask(gap).any()


def test_inputs_are_left_alone() -> None:
    clean = torch.rand(2, 8, 8) + 1
    depth = clean.clone()
    depth[0, 0, 0] = 0
    copies = clean.clone(), depth.clone()
    residual, valid = figures.residuals(clean, depth)
    figures.edge_mask(clean)
    kept = residual.clone()
    figures.autocorrelation(residual + torch.rand(2, 8, 8), valid, 1)
    assert torch.equal(clean, copies[0])
    assert torch.equal(depth, copies[1])
    assert torch.equal(residual, kept)
