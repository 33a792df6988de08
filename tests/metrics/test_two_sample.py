"""The classifier test: chance on equal sets, certainty on different ones, and no leak between folds."""

import pytest
import torch

from s2r_metrics.patch_features import cut, features
from s2r_metrics.two_sample import two_sample_accuracy


def rows(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)) + shift


def folds(count: int) -> torch.Tensor:
    return torch.arange(count) * 4 // count


def test_equal_distributions_are_chance() -> None:
    accuracy = two_sample_accuracy(rows(800, 0), rows(800, 1), folds(800), folds(800))
    assert accuracy == pytest.approx(0.5, abs=0.05)


def test_known_overlap() -> None:
    """Two unit Gaussians 2 apart along each of six axes: the best rule is right in Phi(sqrt 6) = 99.3 %."""
    accuracy = two_sample_accuracy(rows(800, 0), rows(800, 1, 2.0), folds(800), folds(800))
    assert accuracy == pytest.approx(0.993, abs=0.01)


def test_unequal_sizes_do_not_count() -> None:
    accuracy = two_sample_accuracy(rows(1500, 0), rows(150, 1), folds(1500), folds(150))
    assert accuracy == pytest.approx(0.5, abs=0.08)


def test_deterministic_and_inputs_left_alone() -> None:
    a, b = rows(200, 0), rows(200, 1, 0.5)
    copy = a.clone()
    first = two_sample_accuracy(a, b, folds(200), folds(200))
    torch.rand(3)
    assert two_sample_accuracy(a, b, folds(200), folds(200)) == first
    assert torch.equal(a, copy)


def test_refuses_one_fold_and_nan() -> None:
    one = torch.zeros(10).long()
    with pytest.raises(ValueError, match="two folds"):
        two_sample_accuracy(rows(10, 0), rows(10, 1), one, one)
    with pytest.raises(ValueError, match="NaN"):
        two_sample_accuracy(rows(10, 0) * torch.nan, rows(10, 1), folds(10), folds(10))


def patches(residual: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    clean = torch.full_like(residual, 2.0)
    parts = [cut(stack, 16).flatten(0, 2) for stack in (clean, residual * valid, valid, torch.zeros_like(valid))]
    return features(*parts)


def test_features_see_correlation_holes_and_scale_but_not_the_file_format() -> None:
    draw = torch.Generator().manual_seed(0)
    white = torch.randn(8, 64, 64, generator=draw) * 0.005
    smooth = torch.nn.functional.avg_pool2d(white[:, None], 3, 1, 1)[:, 0] * 3
    valid = torch.rand(8, 64, 64, generator=draw) > 0.1
    full = torch.ones_like(valid)
    fold = folds(8).repeat_interleave(16)
    base = patches(white, full)
    assert base.isfinite().all()
    for other in (patches(smooth, full), patches(white, valid), patches(white * 1.5, full)):
        assert two_sample_accuracy(base, other, fold, fold) > 0.9
    stored = patches((white * 1000).round() / 1000, full)
    assert torch.equal(base, stored)


def test_a_patch_without_any_valid_pixel_has_features() -> None:
    assert patches(torch.zeros(1, 16, 16), torch.zeros(1, 16, 16).bool()).isfinite().all()
