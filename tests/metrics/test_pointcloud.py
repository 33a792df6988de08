"""Cloud distances against float64 brute force, and known answers that tell look-alike definitions apart."""

import numpy as np
import pytest
import torch

from s2r_metrics import chamfer_l2, f_score, nearest
from s2r_metrics.pointcloud import precision_recall

BACKENDS = ["scipy", "pykdtree", "torch"]


def brute(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    first, second = a.double().numpy(), b.double().numpy()
    return np.sqrt(((first[:, None] - second[None]) ** 2).sum(-1).min(1))


def clouds(n: int = 300, m: int = 500, kind: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(3)
    return torch.rand(n, 3, generator=draw).to(kind) - 0.5, torch.rand(m, 3, generator=draw).to(kind) - 0.5


def need(backend: str) -> None:
    if backend == "pykdtree":
        pytest.importorskip("pykdtree.kdtree", reason="pykdtree is optional")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_nearest_agrees_with_brute_force(backend: str, kind: torch.dtype) -> None:
    need(backend)
    a, b = clouds(kind=kind)
    found = nearest(a, b, backend=backend)
    assert found.dtype == torch.float64
    assert found.shape == (300,)
    np.testing.assert_allclose(found.numpy(), brute(a, b), rtol=0, atol=1e-12 if kind == torch.float64 else 2e-7)


def test_auto_is_one_of_the_backends() -> None:
    a, b = clouds()
    np.testing.assert_allclose(nearest(a, b).numpy(), nearest(a, b, backend="torch").numpy(), atol=2e-7)


@pytest.mark.parametrize("backend", BACKENDS)
def test_far_from_the_origin_digits_survive(backend: str) -> None:
    """|a|^2 - 2ab + |b|^2 would lose these distances: 1 mm apart, 100 m from the origin."""
    need(backend)
    a = torch.tensor([[100.0, 100.0, 100.0]], dtype=torch.float64)
    b = a + torch.tensor([[0.001, 0.0, 0.0]], dtype=torch.float64)
    assert float(nearest(a, b, backend=backend)) == pytest.approx(0.001, rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_duplicates_and_single_points(backend: str) -> None:
    need(backend)
    a = torch.zeros(7, 3)
    assert nearest(a, torch.zeros(1, 3), backend=backend).tolist() == [0.0] * 7
    assert nearest(a[:1], torch.full((5, 3), 2.0), backend=backend).tolist() == pytest.approx([12**0.5])


def test_brute_force_in_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2r_metrics.neighbours._PAIRS_AT_ONCE", 2000)
    a, b = clouds()
    np.testing.assert_allclose(nearest(a, b, backend="torch").numpy(), brute(a, b), atol=2e-7)


def test_direction_each_point_of_the_first_cloud() -> None:
    a, b = torch.zeros(2, 3), torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]])
    assert nearest(a, b).tolist() == [0, 0]
    assert nearest(b, a).tolist() == [0, 1, 3]


def test_chamfer_is_squared_and_summed() -> None:
    """Unsquared gives 0.7, halved 0.17, the larger direction alone 0.25: only one reading gives 0.29 + 0.05."""
    a = torch.tensor([[0.0, 0, 0]])
    b = torch.tensor([[0.2, 0, 0], [0.5, 0, 0]])
    assert chamfer_l2(a, b) == pytest.approx(0.04 + (0.04 + 0.25) / 2, rel=1e-6)
    assert chamfer_l2(a, b) == chamfer_l2(b, a)


def test_chamfer_against_brute_force() -> None:
    a, b = clouds()
    assert chamfer_l2(a, b) == pytest.approx((brute(a, b) ** 2).mean() + (brute(b, a) ** 2).mean(), rel=1e-6)


def test_f_score_counts_each_cloud_over_itself() -> None:
    """kaolin's definition gives 0.995 here."""
    crowd, pair = torch.zeros(100, 3), torch.tensor([[0.0, 0, 0], [0.4, 0, 0]])
    assert f_score(crowd, pair) == pytest.approx(2 / 3)
    assert precision_recall(crowd, pair) == (1.0, 0.5)
    assert precision_recall(pair, crowd) == (0.5, 1.0)


def test_f_score_compares_unsquared_distances() -> None:
    """A distance between r^2 and r hits."""
    a = torch.zeros(1, 3)
    assert f_score(a, a + torch.tensor([0.005, 0, 0])) == 1.0
    assert f_score(a, a + torch.tensor([0.02, 0, 0])) == 0.0


def test_f_score_is_strict() -> None:
    a = torch.zeros(1, 3, dtype=torch.float64)
    at_radius = torch.tensor([[0.25, 0, 0]], dtype=torch.float64)
    assert f_score(a, at_radius, radius=0.25) == 0.0
    assert f_score(a, at_radius, radius=0.2500001) == 1.0


def test_no_overlap_scores_zero_not_nan() -> None:
    assert f_score(torch.zeros(3, 3), torch.ones(4, 3)) == 0.0


def test_identity_is_perfect() -> None:
    a, _ = clouds()
    assert chamfer_l2(a, a) == 0.0
    assert f_score(a, a) == 1.0


def test_inputs_are_left_alone() -> None:
    a, b = clouds()
    before = a.clone(), b.clone()
    f_score(a, b)
    assert torch.equal(a, before[0])
    assert torch.equal(b, before[1])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (torch.zeros(0, 3), "empty"),
        (torch.full((2, 3), torch.nan), "NaN"),
        (torch.full((2, 3), torch.inf), "NaN or infinite"),
        (torch.zeros(2, 2), r"\(n, 3\)"),
        (torch.zeros(2, 3, dtype=torch.long), "floating point"),
    ],
)
def test_refuses(bad: torch.Tensor, why: str) -> None:
    good = torch.zeros(2, 3)
    for function in (nearest, chamfer_l2, f_score):
        with pytest.raises(ValueError, match=why):
            function(bad, good)
        with pytest.raises(ValueError, match=why):
            function(good, bad)


def test_unknown_backend_and_radius() -> None:
    with pytest.raises(ValueError, match="no backend 'cdist'"):
        nearest(torch.zeros(1, 3), torch.zeros(1, 3), backend="cdist")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="radius"):
        precision_recall(torch.zeros(1, 3), torch.zeros(1, 3), radius=-1.0)
    with pytest.raises(ValueError, match="radius"):
        f_score(torch.zeros(1, 3), torch.zeros(1, 3), radius=0.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_agrees_with_cpu() -> None:
    a, b = clouds(2000, 3000)
    np.testing.assert_allclose(nearest(a.cuda(), b.cuda()).cpu().numpy(), nearest(a, b).numpy(), atol=2e-7)
