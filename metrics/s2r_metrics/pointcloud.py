"""Distances between point clouds, as DisCo measures them (LASA, disco/scripts/evaluate_reconstruction.py).

`a` is the prediction, `b` the reference. The published protocol puts both into one box, [-0.5, 0.5]^3 along the
reference's longest side; the functions do not rescale. Distances are Euclidean and **not** squared unless a name says
so. Neighbours may be searched in lower precision, but every distance is recomputed in float64 from the neighbour found.

The F-score counts each side over its own cloud. kaolin's `f_score` is another figure (it puts predicted points that
hit and reference points that miss into one fraction): 100 predictions on one of two references give 0.995 there and
0.667 here.
"""

from typing import Literal

import torch
from torch import Tensor

from s2r_metrics import _checks

Backend = Literal["auto", "pykdtree", "scipy", "torch"]
_PAIRS_AT_ONCE = 1 << 25  # distance-matrix elements held at once: 128 MiB in float32
_LEAF = 32


def nearest(a: Tensor, b: Tensor, *, backend: Backend = "auto") -> Tensor:
    """For each point of `a` (n, 3), the distance to its nearest point of `b` (m, 3): (n,) float64, in the clouds' unit.

    `backend="auto"`: tensors on a GPU are searched there by brute force; on the CPU by a kd-tree, pykdtree's where it
    is installed, else scipy's. A backend that is named is used or fails; there is no silent change.

    Raises:
        ValueError: an empty or non-finite cloud, another shape, two devices, or an unknown backend.
        ImportError: the named backend is not installed.

    >>> nearest(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[3.0, 4.0, 0.0], [9.0, 0.0, 0.0]]))
    tensor([5.], dtype=torch.float64)
    """
    _checks.cloud("a", a)
    _checks.cloud("b", b)
    if a.device != b.device:
        raise ValueError(f"clouds are on two devices: {a.device} and {b.device}")
    index = _search(a.detach(), b.detach(), _choose(backend, a.device))
    return (a.detach().double() - b.detach().double()[index]).square().sum(1).sqrt()


def chamfer_l2(a: Tensor, b: Tensor) -> float:
    """Mean over a of d^2 plus mean over b of d^2: the sum of both directions, squared, unscaled (tables show x1000).

    >>> chamfer_l2(torch.tensor([[0.0, 0, 0]]), torch.tensor([[0.0, 0, 0.5]]))
    0.5
    """
    return float(nearest(a, b).square().mean() + nearest(b, a).square().mean())


def precision_recall(a: Tensor, b: Tensor, *, radius: float = 0.01) -> tuple[float, float]:
    """Share of `a` closer than `radius` to `b`, and share of `b` closer than `radius` to `a` (strictly closer).

    >>> precision_recall(torch.zeros(4, 3), torch.tensor([[0.0, 0, 0], [0.4, 0, 0]]))
    (1.0, 0.5)
    """
    if not radius > 0:
        raise ValueError(f"radius must be above 0, not {radius}")
    precision = (nearest(a, b) < radius).double().mean()
    recall = (nearest(b, a) < radius).double().mean()
    return float(precision), float(recall)


def f_score(a: Tensor, b: Tensor, *, radius: float = 0.01) -> float:
    """Harmonic mean of precision and recall at `radius` (published: 1 % of the box side); 0 if both are 0.

    >>> crowd = torch.zeros(100, 3)
    >>> round(f_score(crowd, torch.tensor([[0.0, 0, 0], [0.4, 0, 0]])), 6)
    0.666667
    """
    precision, recall = precision_recall(a, b, radius=radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _choose(backend: str, device: torch.device) -> str:
    if backend not in ("auto", "pykdtree", "scipy", "torch"):
        raise ValueError(f"there is no backend {backend!r}; there are: auto, pykdtree, scipy, torch")
    if backend != "auto":
        return backend
    if device.type != "cpu":
        return "torch"
    try:
        import pykdtree.kdtree  # noqa: F401
    except ImportError:
        return "scipy"
    return "pykdtree"


def _search(a: Tensor, b: Tensor, backend: str) -> Tensor:
    """(n,) int64: for each row of `a` the index of its nearest row of `b`."""
    if backend == "torch":
        return _brute(a, b)
    if backend == "scipy":
        from scipy.spatial import cKDTree

        found = cKDTree(b.cpu().double().numpy(), leafsize=_LEAF).query(a.cpu().double().numpy(), workers=-1)[1]
    else:
        from pykdtree.kdtree import KDTree

        kind = torch.promote_types(a.dtype, b.dtype)
        kind = kind if kind in (torch.float32, torch.float64) else torch.float32
        tree = KDTree(b.cpu().to(kind).contiguous().numpy(), leafsize=_LEAF)
        found = tree.query(a.cpu().to(kind).contiguous().numpy())[1]
    return torch.as_tensor(found.astype("int64"), device=a.device)


def _brute(a: Tensor, b: Tensor) -> Tensor:
    # coordinate differences, not |a|^2 - 2ab + |b|^2: the matrix product loses digits where points are close
    kind = torch.promote_types(a.dtype, b.dtype)
    kind = kind if kind in (torch.float32, torch.float64) else torch.float32
    reference = b.to(kind)
    found = []
    for part in torch.split(a.to(kind), max(1, _PAIRS_AT_ONCE // len(b))):
        squared = (part[:, 0:1] - reference[:, 0]).square_()
        for axis in (1, 2):
            squared += (part[:, axis : axis + 1] - reference[:, axis]).square_()
        found.append(squared.argmin(1))
    return torch.cat(found)
