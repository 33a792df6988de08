"""Overlap, labels and PSNR: known answers that separate the readings of one name."""

import math

import pytest
import torch

from s2r_metrics import accuracy, confusion, miou, psnr, volume_iou, volume_ious
from s2r_metrics.labels import class_iou
from s2r_metrics.occupancy import voxelise


def test_volume_iou_known() -> None:
    a = torch.tensor([True] * 3 + [False] * 5)
    b = torch.tensor([False] * 2 + [True] * 4 + [False] * 2)
    assert volume_iou(a, b) == pytest.approx(1 / 6)
    assert volume_iou(a, b) == volume_iou(b, a)


def test_volume_iou_of_empty_volumes_is_one_and_of_no_elements_is_refused() -> None:
    assert volume_iou(torch.zeros(4).bool(), torch.zeros(4).bool()) == 1.0
    assert volume_iou(torch.zeros(4).bool(), torch.ones(4).bool()) == 0.0
    with pytest.raises(ValueError, match="empty"):
        volume_iou(torch.zeros(0).bool(), torch.zeros(0).bool())


def test_volume_ious_of_a_batch_are_those_of_its_objects():
    draw = torch.Generator().manual_seed(1)
    a, b = (torch.rand(5, 4, 4, 4, generator=draw) < 0.4 for _ in range(2))
    a[2], b[2] = False, False
    found = volume_ious(a, b)
    assert found.dtype == torch.float64
    assert found.tolist() == [volume_iou(*pair) for pair in zip(a, b, strict=True)]
    assert found[2] == 1
    with pytest.raises(ValueError, match="empty"):
        volume_ious(a[:0], b[:0])


def test_volume_iou_refuses_logits_and_other_shapes() -> None:
    with pytest.raises(ValueError, match="bool"):
        volume_iou(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="shapes"):
        volume_iou(torch.zeros(3).bool(), torch.zeros(1).bool())


def test_voxels_are_half_open_and_points_outside_are_left_out() -> None:
    points = torch.tensor([[0.0, 0, 0], [0.49, 0, 0], [0.5, 0, 0], [1.0, 0, 0], [-0.01, 0, 0]])
    cells = voxelise(points, torch.zeros(3), 1.0, 2)
    assert cells.nonzero().tolist() == [[0, 0, 0], [1, 0, 0]]


def test_confusion_rows_are_targets() -> None:
    pred, target = torch.tensor([1, 1, 2, 0]), torch.tensor([0, 1, 2, 2])
    assert confusion(pred, target, 3).tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert confusion(pred, target, 3, ignore=2).tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_miou_is_pooled_not_averaged_over_samples() -> None:
    """Per sample: (1 + 1/3 ...) differs; pooled over both: class 0 = 3/4, class 1 = 1/2."""
    first = confusion(torch.tensor([0, 0]), torch.tensor([0, 0]), 2)
    second = confusion(torch.tensor([0, 1]), torch.tensor([1, 1]), 2)
    third = confusion(torch.tensor([0]), torch.tensor([0]), 2)
    pooled = first + second + third
    assert class_iou(pooled).tolist() == [0.75, 0.5]
    assert miou(pooled) == pytest.approx(0.625)


def test_a_class_that_nobody_holds_is_left_out() -> None:
    assert miou(torch.tensor([[4, 0, 0], [0, 0, 0], [0, 0, 2]])) == 1.0


def test_labels_are_checked() -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        confusion(torch.tensor([2]), torch.tensor([0]), 2)
    with pytest.raises(ValueError, match="argmax"):
        accuracy(torch.tensor([0.5]), torch.tensor([0]))
    with pytest.raises(ValueError, match="empty"):
        accuracy(torch.zeros(0).long(), torch.zeros(0).long())
    with pytest.raises(ValueError, match="counts nothing"):
        miou(torch.zeros(2, 2).long())
    with pytest.raises(ValueError, match="shapes differ"):
        accuracy(torch.zeros(2).long(), torch.zeros(1).long())


def test_psnr_known_and_needs_a_peak() -> None:
    a = torch.zeros(2, 5)
    assert psnr(a, a + 0.5, peak=5.0) == pytest.approx(20.0)
    assert psnr(a, a, peak=5.0) == math.inf
    with pytest.raises(TypeError):
        psnr(a, a)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="NaN"):
        psnr(a, a * torch.nan, peak=1.0)


def test_names_are_listed_without_torch() -> None:
    import subprocess
    import sys

    code = "import sys, s2r_metrics; assert 'nearest' in s2r_metrics.__all__; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
