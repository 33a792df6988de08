"""ScanObjectNN's download as a whole: which of its files are there, what is wrong with them, and a place of their own.

What is prepared has the published layout (`s2r_bench.data.scanobjectnn`), with OUT/contents.json, written last:
{"variants": {"obj_bg": {"train": 2309, "test": 581}}}.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.data.adopt import link
from s2r_bench.data.checks.finding import Finding, error, of_error, refuse_errors, warning
from s2r_bench.data.claim import claim, release
from s2r_bench.data.clouds import CloudSet, CloudSplit
from s2r_bench.data.pairing import Progress
from s2r_bench.data.scanobjectnn import FOLDS, POINTS, VARIANTS, file_of, read_scanobjectnn
from s2r_bench.errors import DataError
from s2r_bench.files import write_json

CONTENTS = "contents.json"
GET = "https://hkust-vgd.github.io/scanobjectnn/ (h5_files.zip, after a form)"
LONGEST_M = 10.0  # of the median object; scans are metres or lie in a unit sphere
SPLITS: tuple[CloudSplit, ...] = ("train", "test")


def held(source: Path) -> list[tuple[str, str, Path]]:
    """(variant, fold, folder) of which one file at least is there; none is opened.

    Raises:
        DataError: there is none.
    """
    base = source / "h5_files" if (source / "h5_files").is_dir() else source
    found = []
    for fold in FOLDS:
        for name, variant in VARIANTS.items():
            folder = base / (fold if variant.background else f"{fold}_nobg")
            if any(file_of(folder, name, split).is_file() for split in SPLITS):
                found.append((name, fold, folder))
    if not found:
        raise DataError(
            f"{source} holds no h5_files/main_split/training_objectdataset.h5 and none of its other variants; {GET}"
        )
    return found


def check(source: Path) -> list[Finding]:
    """Files without their partner, damaged arrays, counts and sizes; every file is read.

    Raises:
        DataError: there is none.
    """
    findings = [finding for one in held(source) for finding in _of_variant(source, *one)]
    return sorted(findings, key=lambda finding: finding.severity)


def prepare(source: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Put the files to `out`, by hard links where the disk allows; run again, it goes on where it was broken off.

    Raises:
        DataError: a file is missing or damaged; the message names the first and says how many there are.
    """
    refuse_errors(check(source))
    every = held(source)
    claim(out, {"set": "scanobjectnn", "variants": [[name, fold] for name, fold, _ in every]}, CONTENTS)
    for done, (name, _, folder) in enumerate(every, 1):
        for split in SPLITS:
            file = file_of(folder, name, split)
            link(file, out / "h5_files" / folder.name / file.name)
        if progress is not None:
            progress("files", done, len(every))
    counts = {}
    for name, fold, _ in every:
        counts[_title(name, fold)] = _counts(read_scanobjectnn(out, name, fold=fold, published=False))
    write_json(out / CONTENTS, {"variants": counts})
    release(out)
    return {"variants": counts}


def describe(place: Path) -> dict[str, Any]:
    """Variant -> objects of each split, and of each class; points of an object.

    Raises:
        DataError: a file is missing or damaged.
    """
    told: dict[str, Any] = {}
    for name, fold, _ in held(place):
        found = read_scanobjectnn(place, name, fold=fold, published=False)
        classes = {label: [found.train.counts()[label], found.test.counts()[label]] for label in found.classes}
        told[_title(name, fold)] = {
            **_counts(found),
            "points": int(found.train.points.shape[1]),
            "classes_train_test": classes,
        }
    return {"variants": told}


def _title(name: str, fold: str) -> str:
    return name if fold == FOLDS[0] else f"{name}/{fold}"


def _counts(found: CloudSet) -> dict[str, int]:
    return {"train": len(found.train), "test": len(found.test)}


def _of_variant(source: Path, name: str, fold: str, folder: Path) -> Iterator[Finding]:
    files = {split: file_of(folder, name, split) for split in SPLITS}
    try:
        found = read_scanobjectnn(source, name, fold=fold, published=False)
    except DataError as wrong:
        yield of_error(wrong, folder, f"Unpack it again: {GET}")
        return
    known = VARIANTS[name].counts if fold == FOLDS[0] else None
    for split, count in zip(SPLITS, known or (0, 0), strict=True):
        clouds, part = found.split(split), "task.published=false scores files of your own, or a part"
        if known and len(clouds) != count:
            yield warning(files[split], f"it holds {len(clouds)} objects, the published file {count}", part)
        if clouds.points.shape[1] != POINTS:
            yield warning(files[split], f"its clouds have {clouds.points.shape[1]} points, published {POINTS}", part)
        sides = np.ptp(clouds.points, axis=1).max(1)
        if np.median(sides) > LONGEST_M:
            message = f"the median object is {np.median(sides):.4g} long, which is neither metres nor a unit sphere"
            yield error(files[split], message, "Expected metres")
