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
from s2r_bench.cad.published import Entry
from s2r_bench.data.claim import claim, release
from s2r_bench.errors import DataError
from s2r_bench.files import whole, write_text
from s2r_bench.types import CATEGORIES

CHUNK = 128  # models handed to the processes at a time


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
