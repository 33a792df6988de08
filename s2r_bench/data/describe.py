"""What `s2r-bench data describe` calls: what lies at a path, by the files that tell its kind."""

from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.data.sets import SETS
from s2r_bench.worlds.custom import splits_of
from s2r_bench.worlds.pair_folder import FolderPairs, read_cameras

Told = tuple[dict[str, Any], list[str]]
SAMPLE = 32  # pairs of a split that are decoded


def described(path: Path) -> Told:
    """A document, and lines for people: of pairs, scanned objects, labelled rooms, DisCo's arrays, or CAD models.

    Raises:
        DataError: nothing that can be described, or a damaged file; the message names it.
    """
    from s2r_bench.data.lasa.disco import describe_disco
    from s2r_bench.data.s3dis.layout import layout_of

    if (path / "cameras.json").is_file():
        return _pairs(path)
    if any((path / name).is_dir() for name in ("h5_files", "main_split", "main_split_nobg")):
        return _told(path, SETS["scanobjectnn"].describe(path))
    if layout_of(path) is not None:
        return _told(path, SETS["s3dis"].describe(path))
    if (path / "objects" / "index.csv").is_file():  # of LASA, without its pairs
        return _models(path / "objects")
    if (path / "occ_data").is_dir():
        return _told(path, describe_disco(path))
    return _models(path)


def _pairs(path: Path) -> Told:
    cameras = read_cameras(path)
    width, height = cameras.size[1], cameras.size[0]
    document: dict[str, Any] = {
        "path": str(path),
        "sensor": cameras.sensor,
        "pairs": len(cameras.entries),
        "width": width,
        "height": height,
        "splits": {},
    }
    lines = [f"{path}: {len(cameras.entries)} pairs of {width}x{height} pixels, {cameras.sensor}"]
    for split, names in splits_of(cameras).items():
        pairs = FolderPairs(path, names=names, step=1, cameras=cameras)
        facts = {"pairs": len(pairs), "scenes": len({cameras.entries[name].scene for name in names}), **_depths(pairs)}
        document["splits"][split] = facts
        lines.append(
            f"  {split:<6} {facts['pairs']:>6} pairs of {facts['scenes']} scenes; median depth "
            f"{facts['median_depth_m']:.2f} m, holes {facts['clean_holes']:.0%} clean, {facts['captured_holes']:.0%} "
            f"captured, median |captured - clean| {facts['median_apart_mm']:.1f} mm ({facts['looked_at']} looked at)"
        )
    placed = path / "objects"
    if (placed / "index.csv").is_file():
        objects, some = _models(placed)
        document["objects"] = objects
        lines += some
    return document, lines


def _depths(pairs: FolderPairs) -> dict[str, Any]:
    """Of a sample of a split, evenly spread."""
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(SAMPLE, len(pairs))).astype(int))
    some = [pairs[int(k)] for k in chosen]
    clean = np.concatenate([pair.clean.depth.ravel() for pair in some])
    captured = np.concatenate([pair.captured.depth.ravel() for pair in some])
    both = (clean > 0) & (captured > 0)
    return {
        "looked_at": len(chosen),
        "median_depth_m": round(_median(captured[captured > 0]), 4),
        "clean_holes": round(float((clean == 0).mean()), 4),
        "captured_holes": round(float((captured == 0).mean()), 4),
        "median_apart_mm": round(1000 * _median(np.abs(captured - clean)[both]), 2),
    }


def _median(values: Any) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _models(path: Path) -> Told:
    from statistics import median

    from s2r_bench.cad import read_models
    from s2r_bench.cad.frame import longest_side

    corpus = read_models(path)
    counts = corpus.counts()
    sides = {
        name: round(median(longest_side(model.mesh) for model in corpus.models if model.category == name), 3)
        for name in counts
    }
    failures = {failure.id: failure.reason for failure in corpus.failures}
    lines = [f"{path}: {len(corpus.models)} models"]
    lines += [f"  {name:<8} {count:>6}, median longest side {sides[name]:.2f} m" for name, count in counts.items()]
    lines += [f"  cannot be read: {name}: {reason}" for name, reason in failures.items()]
    document = {"path": str(path), "models": len(corpus.models), "categories": counts, "longest_side_m": sides}
    return {**document, "failures": failures}, lines


def _told(path: Path, facts: dict[str, Any]) -> Told:
    return {"path": str(path), **facts}, [f"{path}:", *_lines(facts, "  ")]


def _lines(facts: dict[str, Any], indent: str) -> list[str]:
    """One line a value, deeper values indented; a mapping of plain values on one line."""
    lines: list[str] = []
    for name, value in facts.items():
        if isinstance(value, dict) and any(isinstance(one, dict) for one in value.values()):
            lines += [f"{indent}{name}:", *_lines(value, f"{indent}  ")]
        elif isinstance(value, dict):
            lines.append(f"{indent}{name}: {', '.join(f'{key} {one}' for key, one in value.items())}")
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines
