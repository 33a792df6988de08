"""Which point of a cloud is nearest: the backends of the search, and which of them "auto" takes.

A backend gives indices only; distances are recomputed from them in float64 (`s2r_metrics.pointcloud`). So every backend
gives the same figures but for the rounding of near ties in the search: some 1e-7 of a distance in float32.

kaolin is used for its `sided_distance` alone, which exists only for CUDA. PyPI's `kaolin` is a placeholder that raises
on import, and a wheel built for another torch fails in other ways; all of these count as "not installed".
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor

Backend = Literal["auto", "kaolin", "pykdtree", "scipy", "torch"]
KAOLIN_INSTALL = (
    "pip install kaolin==0.18.0 -f https://nvidia-kaolin.s3.us-east-2.amazonaws.com/torch-2.8.0_cu129.html"
    " (a wheel fits one torch and one CUDA: choose the page of yours)"
)
_PAIRS_AT_ONCE = 1 << 25  # distance-matrix elements held at once: 128 MiB in float32
_LEAF = 32


def backend_name(device: torch.device | str = "cpu") -> str:
    """The backend that "auto" takes for tensors on `device`, as a record names it.

    CUDA: kaolin where a working one is installed, else torch (chunked brute force). CPU: pykdtree where it is
    installed, else scipy. Any other device: torch.

    >>> backend_name("cpu") in ("pykdtree", "scipy")
    True
    """
    kind = torch.device(device).type
    if kind == "cpu":
        return "pykdtree" if _has_pykdtree() else "scipy"
    return "kaolin" if kind == "cuda" and torch.cuda.is_available() and _has_kaolin() else "torch"


def chosen(backend: str, device: torch.device) -> str:
    """What `backend` means on `device`: itself, or for "auto" what `backend_name` says.

    Raises:
        ValueError: an unknown backend, or kaolin for tensors that are not on a CUDA device.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"there is no backend {backend!r}; there are: {', '.join(get_args(Backend))}")
    if backend == "kaolin" and device.type != "cuda":
        raise ValueError(f"kaolin searches on CUDA only, the clouds are on {device}; use backend='auto'")
    return backend_name(device) if backend == "auto" else backend


def search(a: Tensor, b: Tensor, backend: str) -> Tensor:
    """For each row of `a` (B, n, 3) the index of its nearest row of `b` (B, m, 3): (B, n) int64 on their device.

    Among points at one distance the index is any of theirs. The search runs in float64 where either cloud is, else in
    float32. `backend` is one of `chosen`.

    Raises:
        ImportError: the backend is not installed; the message says how to.
    """
    kind = torch.promote_types(a.dtype, b.dtype)
    kind = kind if kind in (torch.float32, torch.float64) else torch.float32
    first, second = (points.detach().to(kind).contiguous() for points in (a, b))
    if backend == "kaolin":
        return _kaolin(first, second)
    one = {"torch": _brute, "scipy": _scipy, "pykdtree": _pykdtree}[backend]
    return torch.stack([one(*pair) for pair in zip(first, second, strict=True)])


def _kaolin(a: Tensor, b: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = _kaolin_function()(a, b)[1]
    return found.long()


def _kaolin_function() -> Callable[[Tensor, Tensor], Any]:
    try:
        from kaolin.metrics.pointcloud import sided_distance
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise ImportError(f"no working kaolin ({error}); install one: {KAOLIN_INSTALL}") from error
    found: Callable[[Tensor, Tensor], Any] = sided_distance
    return found


@cache  # a broken installation can take seconds to fail, and would at every call
def _has_kaolin() -> bool:
    try:
        _kaolin_function()
    except ImportError:
        return False
    return True


def _has_pykdtree() -> bool:
    try:
        import pykdtree.kdtree  # noqa: F401
    except ImportError:
        return False
    return True


def _pykdtree(a: Tensor, b: Tensor) -> Tensor:
    try:
        from pykdtree.kdtree import KDTree
    except ImportError as error:
        raise ImportError("pykdtree is not installed; install it: pip install s2r-bench[fast]") from error
    found = KDTree(b.cpu().numpy(), leafsize=_LEAF).query(a.cpu().numpy())[1]
    return torch.as_tensor(found.astype("int64"), device=a.device)


def _scipy(a: Tensor, b: Tensor) -> Tensor:
    from scipy.spatial import cKDTree

    found = cKDTree(b.cpu().numpy(), leafsize=_LEAF).query(a.cpu().numpy(), workers=-1)[1]
    return torch.as_tensor(found.astype("int64"), device=a.device)


def _brute(a: Tensor, b: Tensor) -> Tensor:
    # coordinate differences, not |a|^2 - 2ab + |b|^2: the matrix product loses digits where points are close
    found = []
    for part in torch.split(a, max(1, _PAIRS_AT_ONCE // len(b))):
        squared = (part[:, 0:1] - b[:, 0]).square_()
        for axis in (1, 2):
            squared += (part[:, axis : axis + 1] - b[:, axis]).square_()
        found.append(squared.argmin(1))
    return torch.cat(found)
