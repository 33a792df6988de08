"""Inside tests and iso-surfaces against the plainest use of the libraries below them.

Wall time, the two sides by turns, medians and their ratio: above 1, ours takes longer. The tree of each inside test is
built beforehand on both sides; what it costs us to examine a mesh first stands in a row of its own.

    python benchmarks/occupancy.py [--toy] [--repeats N] [--models DIR] [--out FILE]
"""

import argparse
import json
import statistics
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from side_by_side import Ratio, compare

from s2r_bench.cad.formats import read_mesh
from s2r_bench.errors import DataError
from s2r_bench.geometry.isosurface import isosurface
from s2r_bench.geometry.occupancy import solid_of
from s2r_bench.types import Mesh


def ball(subdivisions: int) -> Mesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=subdivisions)
    return Mesh(np.asarray(made.vertices, np.float64), np.asarray(made.faces, np.int64))


def inside_tests(mesh: Mesh, count: int, repeats: int) -> list[Ratio]:
    import igl
    import open3d as o3d

    points = np.random.default_rng(0).uniform(-1.05, 1.05, (count, 3))
    tree = igl.FastWindingNumberBVH()
    tree.init(mesh.vertices, mesh.faces)
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
    )
    queries = {
        "winding": lambda: tree.winding_number(points) > 0.5,
        "parity": lambda: scene.compute_occupancy(o3d.core.Tensor(points.astype(np.float32))).numpy() > 0.5,
    }
    rows = []
    size = f"{count} points, {len(mesh.faces)} faces"
    for method, reference in queries.items():
        solid = solid_of(mesh, method)
        differ = f"{int((solid.contains(points) != reference()).sum())} labels"
        rows.append(
            compare(f"{method}, {size}", lambda solid=solid: solid.contains(points), reference, repeats, differ)
        )

    def bare():
        igl.FastWindingNumberBVH().init(mesh.vertices, mesh.faces)

    examined = f"solid_of, {len(mesh.faces)} faces, against libigl's tree alone"
    return [*rows, compare(examined, lambda: solid_of(mesh, "winding"), bare, max(1, repeats // 2), "examined")]


def surfaces(side: int, repeats: int) -> list[Ratio]:
    import open3d as o3d

    axis = np.linspace(-1, 1, side, dtype=np.float32)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    field = 0.7 + 0.1 * np.sin(9 * x) * np.cos(7 * y) - np.sqrt(x * x + y * y + z * z)
    low, spacing = np.full(3, -1.0), 2 / (side - 1)

    def ours():
        return isosurface(field, low, spacing)

    def direct():
        return o3d.t.geometry.TriangleMesh.create_isosurfaces(o3d.core.Tensor.from_numpy(field))

    faces = len(ours().faces)
    name = f"iso-surface of {side}^3"
    counts = f"{faces} / {len(direct().triangle.indices)} faces"
    rows = [compare(f"{name}, against Open3D direct", ours, direct, repeats, counts)]
    if find_spec("skimage"):
        from skimage.measure import marching_cubes

        def plain():
            return marching_cubes(field, 0.0, spacing=(spacing,) * 3)

        counts = f"{faces} / {len(plain()[1])} faces"
        rows.append(compare(f"{name}, against scikit-image", ours, plain, repeats, counts))
    return rows


def models(folder: Path) -> dict:
    """What `solid_of` finds of each model of a folder of npz files with V and F."""
    found, failed, seconds = {}, {}, []
    for path in sorted(folder.rglob("*.npz")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        begin = time.perf_counter()
        try:
            found[name] = asdict(solid_of(read_mesh(path)).quality)
        except DataError as wrong:
            failed[name] = str(wrong)
        seconds.append(time.perf_counter() - begin)
    kinds = ("watertight", "reoriented", "open_shell")
    counts = {kind: sum(model[kind] for model in found.values()) for kind in kinds}
    return {
        "models": len(found),
        "failed": failed,
        **counts,
        "parity": sum(model["method"] == "parity" for model in found.values()),
        "with_duplicates": sum(model["duplicate_faces"] > 0 for model in found.values()),
        "seconds_median": round(statistics.median(seconds), 3) if seconds else None,
        "seconds_longest": round(max(seconds), 3) if seconds else None,
        "by_model": found,
    }


def show(rows: list[Ratio], corpus: dict | None) -> None:
    print(f"{'what':56} {'ours ms':>9} {'ref. ms':>9} {'ratio':>7}  difference   (wall time, medians)")
    for row in rows:
        print(f"{row.name:56} {row.ours_ms:9.2f} {row.reference_ms:9.2f} {row.ratio:7.3f}  {row.difference}")
    for key, value in (corpus or {}).items():
        if key != "by_model":
            print(f"{key:20} {value}")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--toy", action="store_true", help="small sizes: does every part run?")
    words.add_argument("--repeats", type=int, default=7)
    words.add_argument("--models", type=Path, help="a folder of npz files with arrays V and F to examine")
    words.add_argument("--out", type=Path, help="write all figures as JSON")
    chosen = words.parse_args()
    count, side, cuts = (1000, 16, (2,)) if chosen.toy else (100_000, 128, (5, 7))
    rows = [row for cut in cuts for row in inside_tests(ball(cut), count, chosen.repeats)]
    rows += surfaces(side, chosen.repeats)
    corpus = models(chosen.models) if chosen.models else None
    show(rows, corpus)
    if chosen.out:
        chosen.out.write_text(json.dumps({"ratios": [asdict(row) for row in rows], "models": corpus}, indent=1) + "\n")


if __name__ == "__main__":
    main()
