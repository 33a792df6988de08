"""Adopts a folder of pairs that exists already: the same depth files, and a full cameras file."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s2r_bench.data.splits import FRACTIONS, GAP, scene_ids, split_by_fractions, split_by_ranges
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, sha256, whole, write_json
from s2r_bench.worlds.pair_folder import depth_path, read_cameras, sequences_of

PARTS = ("clean", "captured", "label")


def prepare_pairs(
    source: Path,
    out: Path,
    *,
    splits: Mapping[str, tuple[int, int]] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    gap: float = GAP,
    sensor: str | None = None,
    scene: str | None = None,
    sequence: str | None = None,
) -> Path:
    """Write the pair folder `out` from the pairs in `source`; files are hard-linked where the disk allows it.

    Args:
        source: a folder with cameras.json, clean/ and captured/ (or real/); label/ comes along if it is there.
        out: the new folder; equal files that are there already stay, cameras.json is written last.
        splits: split -> first and last frame number, both in it; None: as in the source,
            else stretches by `fractions`.
        fractions: shares of train, val and test in every sequence.
        gap: share of a sequence left out between two stretches.
        sensor: name of the sensor; None: as in the source.
        scene: name of the room; None: as in the source. Held-out stretches of one room get scene ids of their own
            (`room@0000-0519`), for a split by stretches is a split of scenes to the leakage guard.
        sequence: name of the capture session; None: as in the source.

    Returns:
        The path of the new cameras.json.

    Raises:
        DataError: the source holds no pairs, a file is missing, a split gets no frame, or `out` is a finished folder
            of other content (the same content is left as it is).
        UsageError: splits that overlap.
    """
    cameras = read_cameras(source)
    sequences = sequences_of(cameras)
    if splits is not None:
        chosen = split_by_ranges(sequences, splits)
    else:
        chosen = cameras.splits or split_by_fractions(sequences, fractions, gap)
    fields = json.loads(cameras.path.read_text(encoding="utf-8"))
    fields.pop("depth_unit", None)
    fields["metres_per_unit"] = cameras.metres_per_unit
    fields["sensor"] = sensor or cameras.sensor
    rooms = {name: scene or entry.scene for name, entry in cameras.entries.items()}
    ids = scene_ids(rooms, sequences, chosen)
    fields["frames"] = {
        name: {**fields.get("frames", {}).get(name, {}), "scene": ids[name], "sequence": sequence or entry.sequence}
        for name, entry in cameras.entries.items()
    }
    fields["splits"] = chosen
    if (out / "cameras.json").exists():
        return _unchanged(source, out, fields)
    for part in PARTS:
        _link_part(source, out, part, list(cameras.entries))
    return write_cameras(out, fields)


def write_cameras(folder: Path, fields: Mapping[str, Any]) -> Path:
    """Write `folder/cameras.json` whole, and last: a folder without it is an unfinished one."""
    return write_json(folder / "cameras.json", dict(fields))


def _unchanged(source: Path, out: Path, fields: Mapping[str, Any]) -> Path:
    """The cameras file of a finished folder that holds just what would be written."""
    path, wrong = out / "cameras.json", ""
    if read_json(path) != json.loads(json.dumps(fields)):
        wrong = "another cameras.json"
    else:
        for part in PARTS:
            for file, target in _files(source, out, part, list(fields["frames"])):
                if not _same(file, target):
                    wrong = wrong or f"another {target.relative_to(out)}"
    if wrong:
        raise DataError(
            f"{out} holds a prepared pair folder already, with {wrong}; delete it, or give another name or place (-o)"
        )
    return path


def _link_part(source: Path, out: Path, part: str, names: Sequence[str]) -> None:
    for file, target in _files(source, out, part, names):
        link(file, target)


def _files(source: Path, out: Path, part: str, names: Sequence[str]) -> list[tuple[Path, Path]]:
    """Every file of a part, and where it goes."""
    origin = source / part
    if part == "captured" and not origin.is_dir():
        origin = source / "real"
    if not origin.is_dir():
        if part == "label":
            return []
        raise DataError(f"{source} has no folder {part}/: a pair folder holds cameras.json, clean/ and captured/")
    files = [depth_path(origin, name) for name in names]
    return [(file, out / part / file.name) for file in files]


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    return one.samefile(other) or sha256(one) == sha256(other)


def link(source: Path, target: Path) -> None:
    """Hard-link, or copy where the disk cannot; a file that is there with the same content stays."""
    if _same(source, target):
        return
    with whole(target) as part:
        part.unlink(missing_ok=True)
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
