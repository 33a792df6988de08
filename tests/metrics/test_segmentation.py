"""Fold figures against counting point by point, with the conventions told apart."""

import math

import numpy as np
import pytest
import torch

from s2r_metrics import (
    confusion,
    confusions,
    fold_figures,
    mean_accuracy,
    miou,
    overall_accuracy,
    pooled_difference,
)
from s2r_metrics.labels import class_accuracy, class_iou
from s2r_metrics.segmentation import intersection_union_target


def brute(pairs, classes):
    """IoU and recall of each class and the share of right points, counted one by one; None where there is none."""
    points = [(int(p), int(t)) for pred, target in pairs for p, t in zip(pred.flatten(), target.flatten(), strict=True)]
    ious, recalls = [], []
    for label in range(classes):
        hits = sum(p == t == label for p, t in points)
        union = sum(label in (p, t) for p, t in points)
        there = sum(t == label for _, t in points)
        ious.append(hits / union if union else None)
        recalls.append(hits / there if there else None)
    return ious, recalls, sum(p == t for p, t in points) / len(points)


def mean(values):
    held = [value for value in values if value is not None]
    return sum(held) / len(held)


@pytest.fixture
def folds():
    """Six folds of different sizes; class 4 is nowhere, class 3 in one fold only, class 2 predicted but never true."""
    rng = np.random.default_rng(0)
    made = []
    for fold, count in enumerate((40, 90, 10, 60, 25, 70)):
        target = rng.choice([0, 1, 3], count, p=[0.5, 0.4, 0.1] if fold == 1 else [0.6, 0.4, 0])
        pred = np.where(rng.random(count) < 0.6, target, rng.integers(0, 3, count))
        made.append((torch.from_numpy(pred), torch.from_numpy(target)))
    return made


def test_six_folds_as_counted(folds):
    figures = fold_figures(torch.stack([confusion(pred, target, 5) for pred, target in folds]))
    ious, recalls, right = brute(folds, 5)
    assert ious[4] is None
    assert recalls[2] is None
    assert ious[2] == 0
    assert figures.miou_pooled == pytest.approx(mean(ious), abs=1e-12)
    assert figures.macc == pytest.approx(mean(recalls), abs=1e-12)
    assert figures.oa == pytest.approx(right, abs=1e-12)
    assert figures.miou_absent_as_zero == pytest.approx(sum(iou or 0 for iou in ious) / 5, abs=1e-12)
    assert figures.n_classes_present == 4
    each = [mean(brute([fold], 5)[0]) for fold in folds]
    assert figures.miou_fold_mean == pytest.approx(sum(each) / 6, abs=1e-12)
    assert abs(figures.miou_pooled - figures.miou_fold_mean) > 0.01  # two figures of one name


def test_one_fold_is_pooled_and_mean_alike(folds):
    matrix = confusion(*folds[1], 5)
    figures = fold_figures(matrix[None])
    assert figures.miou_pooled == figures.miou_fold_mean == miou(matrix)
    assert (figures.oa, figures.macc) == (overall_accuracy(matrix), mean_accuracy(matrix))


def test_truth_as_prediction_is_perfect():
    target = torch.tensor([0, 1, 1, 4])
    figures = fold_figures(confusion(target, target, 5)[None])
    assert (figures.miou_pooled, figures.oa, figures.macc, figures.n_classes_present) == (1, 1, 1, 3)
    assert figures.miou_absent_as_zero == pytest.approx(3 / 5)


def test_recall_is_of_the_target_and_not_of_the_prediction():
    matrix = confusion(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), 2)
    assert class_accuracy(matrix).tolist() == [1, 0]
    assert mean_accuracy(matrix) == 0.5
    assert math.isnan(class_accuracy(matrix.T)[1])


def test_a_batch_is_its_samples():
    draw = torch.Generator().manual_seed(0)
    pred, target = (torch.randint(0, 4, (3, 5, 7), generator=draw) for _ in range(2))
    kept = pred.clone(), target.clone()
    found = confusions(pred, target, 4, ignore=3)
    assert found.tolist() == [confusion(*pair, 4, ignore=3).tolist() for pair in zip(pred, target, strict=True)]
    assert found.sum(0).tolist() == confusion(pred, target, 4, ignore=3).tolist()
    assert int(found.sum()) == int((target != 3).sum())
    assert torch.equal(pred, kept[0])
    assert torch.equal(target, kept[1])
    np.testing.assert_array_equal(class_iou(found), [class_iou(matrix) for matrix in found])


def test_an_ignored_target_may_be_any_number():
    pred, target = torch.tensor([[1, 0, 2]], dtype=torch.uint8), torch.tensor([[1, 255, 2]], dtype=torch.uint8)
    assert confusions(pred, target, 3, ignore=255)[0].diagonal().tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match=r"target holds a label outside 0\.\.2"):
        confusions(pred, target, 3)
    with pytest.raises(ValueError, match=r"pred holds a label outside 0\.\.1"):
        confusions(pred, pred.clamp(max=1), 2)


def test_pointcepts_counts_give_the_same_pooled_figure(folds):
    matrices = torch.stack([confusion(pred, target, 5) for pred, target in folds])
    kept = intersection_union_target(matrices)
    assert {name: tuple(counts.shape) for name, counts in kept.items()} == dict.fromkeys(kept, (6, 5))
    shares = kept["intersection"].sum(0).double() / kept["union"].sum(0).double()
    assert float(shares.nanmean()) == fold_figures(matrices).miou_pooled
    assert kept["target"].sum(0).tolist() == [sum(int((t == k).sum()) for _, t in folds) for k in range(5)]


def test_what_is_no_fold():
    counts = torch.tensor([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="folds are"):
        fold_figures(counts)
    with pytest.raises(ValueError, match="folds are"):
        fold_figures(counts[None][:0])
    with pytest.raises(ValueError, match="counts nothing"):
        fold_figures(torch.stack([counts, torch.zeros_like(counts)]))
    with pytest.raises(ValueError, match="folds are"):
        fold_figures(torch.ones(1, 2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="holds counts"):
        overall_accuracy(counts.float())
    with pytest.raises(ValueError, match="holds counts"):
        mean_accuracy(-counts)


def naive_difference(a, b, draws, seed=0):
    """Room by room and draw by draw."""
    seeds, rooms = a.shape[:2]
    draw = np.random.default_rng(seed)
    by_room = draw.multinomial(rooms, np.full(rooms, 1 / rooms), size=draws)
    by_seed = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)

    def figure(counts, weights, of_seeds):
        values = []
        for matrices, times in zip(counts, of_seeds, strict=True):
            pooled = sum(int(w) * matrix for w, matrix in zip(weights, matrices, strict=True))
            values += [miou(pooled)] * int(times)
        return sum(values) / len(values)

    found = [figure(a, w, s) - figure(b, w, s) for w, s in zip(by_room, by_seed, strict=True)]
    ones = np.ones(rooms, int), np.ones(seeds, int)
    return figure(a, *ones) - figure(b, *ones), *np.quantile(found, [0.025, 0.975])


def test_a_paired_difference_against_a_naive_bootstrap():
    rng = np.random.default_rng(1)
    b = torch.from_numpy(rng.integers(0, 30, (2, 7, 4, 4)))
    a = b + torch.from_numpy(rng.integers(0, 20, (2, 7, 4))).diag_embed()
    a[:, :, 3], b[:, :, 3], a[:, :, :, 3], b[:, :, :, 3] = 0, 0, 0, 0  # a class that no room has
    found = pooled_difference(a, b, draws=60)
    np.testing.assert_allclose((found.mean, found.low, found.high), naive_difference(a, b, 60), atol=1e-12)
    assert found.excludes_zero
    back = pooled_difference(b, a, draws=60)
    assert (back.mean, back.low) == (-found.mean, pytest.approx(-found.high))
    same = pooled_difference(a, a)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    assert not same.excludes_zero


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (torch.ones(2, 3, 4, 4), torch.ones(2, 3, 4, 4), "holds counts"),
        (torch.ones(1, 3, 4, 4).long(), torch.ones(2, 3, 4, 4).long(), "b is"),
        (torch.ones(3, 4, 4).long(), torch.ones(3, 4, 4).long(), "a is"),
        (torch.ones(1, 3, 4, 4).long(), torch.zeros(1, 3, 4, 4).long(), "b holds counts"),
    ],
)
def test_what_cannot_be_compared(a, b, told):
    with pytest.raises(ValueError, match=told):
        pooled_difference(a, b)
