"""Squared distances, batches and gradients against float64 brute force, by every backend that is here."""

import sys
import types

import pytest
import torch

from s2r_metrics import (
    backend_name,
    chamfer_distance,
    chamfer_l2,
    compare_clouds,
    f_score,
    nearest,
    neighbours,
    precision_recall,
    sided_distance,
)
from s2r_metrics.neighbours import search

CPU_BACKENDS = ["auto", "scipy", "pykdtree", "torch"]


@pytest.fixture(params=CPU_BACKENDS)
def backend(request):
    if request.param == "pykdtree":
        pytest.importorskip("pykdtree.kdtree", reason="pykdtree is optional")
    return request.param


def rand(seed, *shape, kind=torch.float32):
    return (torch.rand(*shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5).to(kind)


def brute(a, b):
    """Squared distances of all pairs, least of each row, in float64 and differentiable."""
    return (a.double()[..., :, None, :] - b.double()[..., None, :, :]).square().sum(-1).min(-1).values


def brute_chamfer(a, b):
    return brute(a, b).mean(-1) + brute(b, a).mean(-1)


CLOUDS = {
    "random": (rand(0, 300), rand(1, 400)),
    "float64": (rand(0, 300, kind=torch.float64), rand(1, 400, kind=torch.float64)),
    "of two kinds": (rand(0, 300), rand(1, 400, kind=torch.float64)),
    "half": (rand(0, 50, kind=torch.float16), rand(1, 60, kind=torch.float16)),
    "duplicates": (rand(2, 20).repeat(30, 1), rand(3, 15).repeat(40, 1)),
    "one point many times": (rand(2, 7), torch.full((500, 3), 0.25)),
    "tiny coordinates": (1e-4 * rand(4, 300), 1e-4 * rand(5, 400)),
    "tiny coordinates off the origin": (0.3 + 1e-4 * rand(4, 300), 0.3 + 1e-4 * rand(5, 400)),
    "single points": (rand(6, 1), rand(7, 1)),
    "one against many": (rand(6, 1), rand(7, 100)),
    "far apart": (rand(8, 200), rand(9, 300) + torch.tensor([3.0, 0, 0])),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_squared_distances_are_those_of_brute_force(name, backend):
    a, b = CLOUDS[name]
    squared, index = sided_distance(a, b, backend=backend)
    assert squared.dtype == torch.float64
    assert index.dtype == torch.int64
    torch.testing.assert_close(squared, brute(a, b), rtol=1e-6, atol=0)
    # the index is of the point that the distance was taken to: no other formula lies between
    torch.testing.assert_close(squared, (a.double() - b.double()[index]).square().sum(-1), rtol=1e-15, atol=0)
    figures = compare_clouds(a, b, backend=backend)
    torch.testing.assert_close(figures.chamfer(), brute_chamfer(a, b), rtol=1e-6, atol=0)


def test_batches_are_their_single_clouds(backend):
    a, b = rand(10, 4, 50), rand(11, 4, 70)
    squared, index = sided_distance(a, b, backend=backend)
    assert squared.shape == index.shape == (4, 50)
    found = compare_clouds(a, b, backend=backend)
    figures = (found.chamfer(), found.precision(0.1), found.recall(0.1), found.f_score(0.1), nearest(a, b).sum(-1))
    assert all(figure.shape == (4,) for figure in figures)
    for item in range(4):
        single = sided_distance(a[item], b[item], backend=backend)
        assert torch.equal(squared[item], single[0])
        assert torch.equal(index[item], single[1])
        one = compare_clouds(a[item], b[item], backend=backend)
        assert torch.equal(one.chamfer(), found.chamfer()[item])
        assert torch.equal(one.f_score(0.1), found.f_score(0.1)[item])


def test_the_figures_of_a_comparison_are_those_of_the_single_functions():
    a, b = rand(12, 200), rand(13, 300)
    found = compare_clouds(a, b)
    assert found.backend == backend_name("cpu")
    assert float(found.chamfer()) == float(chamfer_distance(a, b)) == chamfer_l2(a, b)
    assert (float(found.precision(0.1)), float(found.recall(0.1))) == precision_recall(a, b, radius=0.1)
    assert 0 < float(found.f_score(0.1)) == f_score(a, b, radius=0.1) < 1
    apart = compare_clouds(a, b + 5)
    assert float(apart.f_score()) == 0


def test_a_comparison_searches_once_in_each_direction(monkeypatch):
    asked = []
    monkeypatch.setattr("s2r_metrics.pointcloud.search", lambda *words: asked.append(words[2]) or search(*words))
    found = compare_clouds(rand(0, 9), rand(1, 9))
    found.chamfer(), found.f_score(0.1), found.f_score(0.2)
    assert asked == [found.backend] * 2


@pytest.mark.parametrize("shape", [(), (3,)])
def test_gradients_are_those_of_brute_force(shape, backend):
    pairs = [[rand(seed, *shape, count).requires_grad_() for seed, count in ((14, 40), (15, 60))] for _ in range(2)]
    weight = torch.arange(1.0, 4.0)[: max(1, sum(shape))].double()
    for (a, b), function in zip(pairs, (lambda *p: chamfer_distance(*p, backend=backend), brute_chamfer), strict=True):
        (function(a, b) * weight).sum().backward()
    for ours, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-9)
        assert float(ours.grad.abs().sum()) > 0


def test_gradcheck():
    a, b = (rand(seed, 2, 5, kind=torch.float64).requires_grad_() for seed in (16, 17))
    assert torch.autograd.gradcheck(lambda *pair: sided_distance(*pair)[0], (a, b))
    assert torch.autograd.gradcheck(chamfer_distance, (a, b))


def test_gradient_of_equal_clouds_is_zero_not_nan():
    a = rand(18, 30).requires_grad_()
    chamfer_distance(a, a.detach().clone()).backward()
    assert torch.equal(a.grad, torch.zeros_like(a))


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (torch.zeros(0, 3), torch.zeros(2, 3), "a is empty"),
        (torch.zeros(2, 3), torch.zeros(0, 3), "b is empty"),
        (torch.zeros(2, 0, 3), torch.zeros(2, 4, 3), "a is empty"),
        (torch.zeros(0, 4, 3), torch.zeros(0, 4, 3), "a is empty"),
        (torch.zeros(2, 4, 3), torch.zeros(4, 3), "batches of one length"),
        (torch.zeros(2, 4, 3), torch.zeros(1, 4, 3), "batches of one length"),
        (torch.zeros(1, 2, 4, 3), torch.zeros(1, 2, 4, 3), r"\(B, n, 3\)"),
        (torch.zeros(2, 4, 2), torch.zeros(2, 4, 3), r"\(B, n, 3\)"),
        (torch.zeros(2, 3), torch.full((2, 3), torch.nan), "b holds NaN"),
        (torch.zeros(2, 3), torch.zeros(2, 3, device="meta"), "two devices"),
        (torch.zeros(2, 3).long(), torch.zeros(2, 3), "floating point"),
    ],
)
def test_refuses(a, b, why):
    for function in (sided_distance, nearest, chamfer_distance, compare_clouds):
        with pytest.raises(ValueError, match=why):
            function(a, b)


def test_floats_are_of_one_pair_of_clouds():
    batch = torch.zeros(2, 4, 3)
    for function in (chamfer_l2, f_score, precision_recall):
        with pytest.raises(ValueError, match=r"\(n, 3\)"):
            function(batch, batch)


@pytest.fixture
def no_kaolin(monkeypatch):
    """As with PyPI's placeholder: importing it raises."""
    neighbours._has_kaolin.cache_clear()
    monkeypatch.setitem(sys.modules, "kaolin", None)
    monkeypatch.setitem(sys.modules, "kaolin.metrics.pointcloud", None)
    yield
    neighbours._has_kaolin.cache_clear()


@pytest.fixture
def made_kaolin(monkeypatch):
    """A module with kaolin's signature: (B, n, 3), (B, m, 3) -> squared distances, int64 index."""
    calls = []

    def answer(a, b):
        calls.append((a, b))
        squared, index = torch.cdist(a, b).square().min(-1)
        return squared + 1e-3, index  # its distances are not used

    neighbours._has_kaolin.cache_clear()
    for name in ("kaolin", "kaolin.metrics", "kaolin.metrics.pointcloud"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["kaolin.metrics.pointcloud"].sided_distance = answer
    yield calls
    neighbours._has_kaolin.cache_clear()


def test_a_working_kaolin_is_taken_on_cuda_only(made_kaolin, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert backend_name("cuda") == backend_name(torch.device("cuda", 1)) == "kaolin"
    assert backend_name("cpu") in ("pykdtree", "scipy")
    assert backend_name("meta") == "torch"
    with pytest.raises(ValueError, match="CUDA only"):
        sided_distance(torch.zeros(1, 3), torch.zeros(1, 3), backend="kaolin")


def test_without_a_device_kaolin_is_not_taken(made_kaolin, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert backend_name("cuda") == "torch"


def test_kaolin_gives_neighbours_and_we_the_distances(made_kaolin, monkeypatch):
    monkeypatch.setattr("s2r_metrics.pointcloud.chosen", lambda backend, device: backend)
    a, b = rand(20, 3, 30).requires_grad_(), rand(21, 3, 40)
    squared, index = sided_distance(a, b, backend="kaolin")
    torch.testing.assert_close(squared, brute(a, b), rtol=1e-6, atol=0)
    assert index.shape == (3, 30)
    squared.sum().backward()
    assert a.grad is not None
    assert [points.shape for points in made_kaolin[0]] == [(3, 30, 3), (3, 40, 3)]
    assert not any(points.requires_grad for points in made_kaolin[0])


def test_a_missing_kaolin_is_named_with_the_line_that_installs_it(no_kaolin, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert backend_name("cuda") == "torch"
    with pytest.raises(ImportError, match=r"pip install kaolin==0\.18\.0 -f https://nvidia-kaolin"):
        search(torch.zeros(1, 1, 3), torch.zeros(1, 1, 3), "kaolin")


@pytest.mark.parametrize(
    "trouble", [OSError("undefined symbol"), RuntimeError("built for torch 2.8"), AttributeError()]
)
def test_a_broken_kaolin_counts_as_missing(made_kaolin, monkeypatch, trouble):
    class Broken(types.ModuleType):
        def __getattr__(self, name):
            raise trouble if name == "sided_distance" else AttributeError(name)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "kaolin.metrics.pointcloud", Broken("kaolin.metrics.pointcloud"))
    assert backend_name("cuda") == "torch"


def test_without_pykdtree_scipy_searches(monkeypatch):
    monkeypatch.setitem(sys.modules, "pykdtree.kdtree", None)
    assert backend_name("cpu") == compare_clouds(rand(0, 4), rand(1, 4)).backend == "scipy"
    with pytest.raises(ImportError, match=r"s2r-bench\[fast\]"):
        sided_distance(rand(0, 4), rand(1, 4), backend="pykdtree")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("name", CLOUDS)
def test_cuda_agrees_with_brute_force(name):
    a, b = (cloud.cuda() for cloud in CLOUDS[name])
    for backend in {"torch", backend_name("cuda")}:
        squared, index = sided_distance(a, b, backend=backend)
        assert squared.device == index.device == a.device
        torch.testing.assert_close(squared.cpu(), brute(*CLOUDS[name]), rtol=1e-6, atol=0)
