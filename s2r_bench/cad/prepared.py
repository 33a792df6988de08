"""A published corpus as the package's own: one npz a model, and an index; read again, no text file is parsed.

OUT/CATEGORY/ID.npz      V (N, 3) float32 metres, y up, standing on y = 0; F (M, 3) int32
OUT/index.csv            file, category, library, licence; it is written last
"""

import csv
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench import workers
from s2r_bench.cad.formats import read_mesh
from s2r_bench.cad.frame import longest_side
from s2r_bench.cad.published import SAMPLE, Entry
from s2r_bench.data.checks.finding import Finding, error, of_error, warning
from s2r_bench.data.claim import claim, release
from s2r_bench.errors import DataError
from s2r_bench.files import whole, write_text
from s2r_bench.types import CATEGORIES

CHUNK = 128  # models handed to the processes at a time
SIDES_M = (0.05, 10.0)  # of furniture


def prepare_corpus(
    source: Path, entries: Sequence[Entry], out: Path, progress: Callable[[str, int, int], None] | None = None
) -> dict[str, Any]:
    """Write the models of the six categories to `out`, on all cores; run again, it goes on where it was broken off.

    Args:
        source: for messages.
        entries: of the corpus.
        out: the new folder.
        progress: called with a stage's name, models done and models in all.

    Returns:
        {"models", "categories", "left_out"}: how many, of which category, and model -> why it was left out.

    Raises:
        DataError: no model of the six categories can be used, or `out` holds other data.
    """
    wanted = [entry for entry in entries if entry.category in CATEGORIES]
    if not wanted:
        raise DataError(
            f"{source}: none of its {len(entries)} models is a {', '.join(CATEGORIES[:-1])} or {CATEGORIES[-1]}"
        )
    claim(out, {"corpus": wanted[0].library, "models": len(wanted)}, "index.csv")
    left_out: dict[str, str] = {}
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        said = workers.each(partial(_written, out=out), some, workers.count(), "reading CAD models")
        left_out |= {entry.id: why for entry, why in zip(some, said, strict=True) if why}
        if progress is not None:
            progress("models", start + len(some), len(wanted))
    kept = [entry for entry in wanted if entry.id not in left_out]
    if not kept:
        raise DataError(f"{source}: no model of {len(wanted)} can be used; first: {next(iter(left_out.values()))}")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "category", "library", "licence"])
    rows.writerows([_file(entry), entry.category, entry.library, entry.licence] for entry in kept)
    write_text(out / "index.csv", text.getvalue())
    release(out)
    counts = {name: sum(entry.category == name for entry in kept) for name in CATEGORIES}
    return {"models": len(kept), "categories": counts, "left_out": left_out}


def check_corpus(folder: Path) -> list[Finding]:
    """Files that the index names and that are missing or empty, files that it does not name; a sample is read.

    Raises:
        DataError: the index is damaged.
    """
    named = _indexed(folder / "index.csv")
    findings: list[Finding] = []
    again = "Delete the folder, and prepare the set again"
    for at, name in enumerate(named):
        path = folder / name
        if not path.is_file():
            findings.append(error(path, "it is missing, and index.csv names it", again))
        elif path.stat().st_size == 0:
            findings.append(error(path, "it is empty (0 bytes)", again))
        elif at % max(1, len(named) // SAMPLE) == 0:
            findings += _mesh_wrong(path, again)
    stray = {path.relative_to(folder).as_posix() for path in folder.rglob("*.npz")} - set(named)
    findings += [warning(folder / name, "index.csv does not name it", "It is left out") for name in sorted(stray)]
    return sorted(findings, key=lambda finding: finding.severity)


def _indexed(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    if not rows or not all(row.get("file") and row.get("category") for row in rows):
        raise DataError(f"{path} names no models; expected the columns file, category, library, licence")
    return [row["file"] for row in rows]


def _mesh_wrong(path: Path, remedy: str) -> list[Finding]:
    try:
        side = longest_side(read_mesh(path))
    except DataError as wrong:
        return [of_error(wrong, path, remedy)]
    if not SIDES_M[0] <= side <= SIDES_M[1]:
        return [error(path, f"its longest side is {side:.4g}, which is no furniture in metres", remedy)]
    return []


def _file(entry: Entry) -> str:
    return f"{entry.category}/{entry.id}.npz"


def _written(entry: Entry, out: Path) -> str:
    """Write one model; why it cannot be used, else ""."""
    path = out / _file(entry)
    if path.is_file():
        return ""
    try:
        mesh = entry.model().mesh
    except DataError as wrong:
        return str(wrong)
    with whole(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, V=mesh.vertices.astype(np.float32), F=mesh.faces.astype(np.int32))
    return ""
