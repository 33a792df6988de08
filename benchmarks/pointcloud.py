"""Chamfer distance and F-score of two clouds: ours against what people use instead, by turns in one process.

Every side builds both trees and searches both directions once, float32 points in, both figures out. `near`: two draws
of one noisy surface; `far`: the second one moved 3 box sides away, as a failed prediction is. The ratio is ours over
the best of the others, the median of turns side by side. On a CUDA device kaolin (where installed) and chunked
torch.cdist take the others' place; without one that part says why it is skipped.

    python benchmarks/pointcloud.py [--sizes 10000 100000] [--apart near] [--repeats N] [--out FILE.json]
"""

import argparse
import importlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from made import timed
from torch import Tensor

from s2r_metrics import backend_name, compare_clouds
from s2r_metrics.neighbours import KAOLIN_INSTALL

RADIUS = 0.01
CDIST_LARGEST = 200_000  # points; chunked cdist takes minutes above
CDIST_PAIRS = 1 << 27
AGREE = 1e-5  # relative, of Chamfer distances: some sides sum float32

Figures = tuple[float, float]
Side = Callable[[Tensor, Tensor], Figures]


@dataclass
class Row:
    """Chamfer and F-score of one pair of clouds: medians by side, and ours over the best of the others.

    `best`: the other side of least CPU time (wall time on CUDA); `ratio`: of that time, `wall_ratio`: of wall time;
    `differences`: the largest of Chamfer (relative) and of F.
    """

    device: str
    points: int
    apart: str
    ours: str
    best: str
    ratio: float
    wall_ratio: float
    cpu_ms: dict[str, float]
    wall_ms: dict[str, float]
    differences: tuple[float, float]
    left_out: dict[str, str] = field(default_factory=dict)


def made_clouds(points: int, apart: str, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Two draws of a noisy wavy sphere of diameter 1: (points, 3) float32 each; `far` moves the second by 3."""
    dice = torch.Generator().manual_seed(points)

    def draw() -> Tensor:
        way = torch.nn.functional.normalize(torch.randn(points, 3, generator=dice), dim=1)
        reach = 0.4 + 0.1 * torch.sin(9 * way[:, :1]) * torch.cos(7 * way[:, 1:2])
        return way * reach + 0.001 * torch.randn(points, 3, generator=dice)

    move = torch.tensor([3.0 if apart == "far" else 0.0, 0.0, 0.0])
    return draw().to(device), (draw() + move).to(device)


def figures(forward: np.ndarray, backward: np.ndarray) -> Figures:
    """From distances, not squared, in both directions."""
    precision, recall = (float((side < RADIUS).mean()) for side in (forward, backward))
    both = precision + recall
    chamfer = sum(float(np.square(side, dtype=np.float64).mean()) for side in (forward, backward))
    return chamfer, 2 * precision * recall / both if both else 0.0


def ours(backend: str = "auto") -> Side:
    def side(a: Tensor, b: Tensor) -> Figures:
        found = compare_clouds(a, b, backend=backend)  # type: ignore[arg-type]
        return float(found.chamfer()), float(found.f_score(RADIUS))

    return side


def by_scipy(a: Tensor, b: Tensor) -> Figures:
    from scipy.spatial import cKDTree

    first, second = a.numpy(), b.numpy()
    forward = cKDTree(second).query(first, workers=-1)[0]
    return figures(forward, cKDTree(first).query(second, workers=-1)[0])


def by_pykdtree(a: Tensor, b: Tensor) -> Figures:
    from pykdtree.kdtree import KDTree

    first, second = a.numpy(), b.numpy()
    forward = KDTree(second, leafsize=32).query(first)[0]
    return figures(forward, KDTree(first, leafsize=32).query(second)[0])


def by_open3d(a: Tensor, b: Tensor) -> Figures:
    import open3d as o3d

    first, second = (o3d.core.Tensor(points.numpy()) for points in (a, b))
    sides = []
    for query, reference in ((first, second), (second, first)):
        search = o3d.core.nns.NearestNeighborSearch(reference)
        search.knn_index()
        sides.append(np.sqrt(search.knn_search(query, 1)[1].numpy().ravel()))
    return figures(*sides)


def by_kaolin(a: Tensor, b: Tensor) -> Figures:
    from kaolin.metrics.pointcloud import sided_distance

    forward, backward = (sided_distance(*pair)[0][0].sqrt() for pair in ((a[None], b[None]), (b[None], a[None])))
    return on_device(forward, backward)


def by_cdist(a: Tensor, b: Tensor) -> Figures:
    def least(query: Tensor, reference: Tensor) -> Tensor:
        parts = torch.split(query, max(1, CDIST_PAIRS // len(reference)))
        exact = "donot_use_mm_for_euclid_dist"
        return torch.cat([torch.cdist(part, reference, compute_mode=exact).amin(1) for part in parts])

    return on_device(least(a, b), least(b, a))


def on_device(forward: Tensor, backward: Tensor) -> Figures:
    precision, recall = ((side < RADIUS).double().mean() for side in (forward, backward))
    both = precision + recall
    chamfer = forward.double().square().mean() + backward.double().square().mean()
    return float(chamfer), float(2 * precision * recall / both) if both else 0.0


CPU_PEERS = {
    "pykdtree": (by_pykdtree, "pykdtree.kdtree", "pip install pykdtree"),
    "scipy cKDTree": (by_scipy, "scipy.spatial", "pip install scipy"),
    "Open3D core.nns": (by_open3d, "open3d", "pip install open3d-cpu"),
}
CUDA_PEERS = {
    "kaolin": (by_kaolin, "kaolin.metrics.pointcloud", KAOLIN_INSTALL),
    "torch.cdist, chunked": (by_cdist, "torch", ""),
}


def sides_of(device: str, points: int) -> tuple[dict[str, Side], dict[str, str]]:
    """Sides by name, ours first, and those left out with the reason."""
    sides: dict[str, Side] = {"ours": ours()}
    if device == "cuda" and backend_name(device) != "torch":
        sides["ours, torch"] = ours("torch")
    left: dict[str, str] = {}
    for name, (side, module, install) in (CUDA_PEERS if device == "cuda" else CPU_PEERS).items():
        try:
            importlib.import_module(module)
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            left[name] = f"not installed ({type(error).__name__}): {install}"
            continue
        if side is by_cdist and points > CDIST_LARGEST:
            left[name] = f"takes too long above {CDIST_LARGEST} points"
            continue
        sides[name] = side
    return sides, left


def measured(device: str, points: int, apart: str, repeats: int) -> Row:
    """All sides once for warmth and for their answers, then by turns."""
    a, b = made_clouds(points, apart, device)
    sides, left = sides_of(device, points)
    answers = {name: side(a, b) for name, side in sides.items()}
    chamfer, share = answers["ours"]
    for name, answer in answers.items():
        if abs(answer[0] - chamfer) > AGREE * chamfer:
            raise SystemExit(f"{name}: Chamfer {answer[0]} and not {chamfer}; times of other answers are not compared")
    names, turns = list(sides), []
    for turn in range(repeats):
        # another side begins each turn: whoever follows a side with the same trees finds a warm cache
        order = names[turn % len(names) :] + names[: turn % len(names)]
        # floats leave the device at the end of every side, which waits for it
        turns.append({name: timed(lambda side=sides[name]: side(a, b)) for name in order})
    medians = [{name: statistics.median(turn[name][kind] for turn in turns) for name in sides} for kind in (0, 1)]
    others = [name for name in sides if not name.startswith("ours")]
    judged = medians[1 if device == "cuda" else 0]
    best = min(others, key=lambda name: judged[name]) if others else "ours"
    ratios = [statistics.median(turn["ours"][kind] / max(turn[best][kind], 1e-9) for turn in turns) for kind in (0, 1)]
    return Row(
        device,
        points,
        apart,
        backend_name(device),
        best,
        round(ratios[1 if device == "cuda" else 0], 3),
        round(ratios[1], 3),
        *({name: round(1000 * seconds, 2) for name, seconds in part.items()} for part in medians),
        (
            max(abs(answer[0] - chamfer) / chamfer for answer in answers.values()),
            max(abs(answer[1] - share) for answer in answers.values()),
        ),
        left,
    )


def facts() -> dict[str, str]:
    """What the figures depend on besides the code."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return {"torch": torch.__version__, "OMP_NUM_THREADS": threads, "cpus": str(os.cpu_count()), "cuda": device}


def table(row: Row) -> str:
    times = ", ".join(f"{name} {row.cpu_ms[name]:.1f} / {row.wall_ms[name]:.1f}" for name in row.cpu_ms)
    left = "".join(f"\n{'':25}{name}: {why}" for name, why in row.left_out.items())
    ratio = f"ratio {row.ratio:.3f} to {row.best} (wall {row.wall_ratio:.3f})"
    return f"{row.device:5}{row.points:>9}  {row.apart:5} {ratio}   CPU / wall ms: {times}{left}"


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="points of each cloud"
    )
    words.add_argument("--apart", choices=("near", "far"), nargs="+", default=["near", "far"])
    words.add_argument("--repeats", type=int, default=5)
    words.add_argument("--out", type=Path, help="write the figures here as JSON")
    chosen = words.parse_args()
    if min(chosen.sizes) < 1 or chosen.repeats < 1:
        words.error("sizes and repeats must be above 0")
    has_device = torch.cuda.is_available()
    skipped = {} if has_device else {"cuda": "skipped: no CUDA device"}
    found = {"facts": facts(), "skipped": skipped, "rows": []}
    print(f"Chamfer and F-score at {RADIUS}, ours: {backend_name('cpu')} on the CPU; {found['facts']}", file=sys.stderr)
    for device in ("cpu", "cuda") if has_device else ("cpu",):
        for points in chosen.sizes:
            for apart in chosen.apart:
                row = measured(device, points, apart, chosen.repeats)
                print(table(row), flush=True)
                found["rows"].append(asdict(row))
                if chosen.out:
                    chosen.out.write_text(json.dumps(found, indent=1))
    for device, why in skipped.items():
        print(f"{device:5}{why}")


if __name__ == "__main__":
    main()
