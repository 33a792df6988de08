"""ModelNet40 as a corpus of furniture; its files are those of `s2r_bench.cad.modelnet40`.

No unit is known, so each model gets the usual longest side of its category (`s2r_bench.cad.published.USUAL_M`); most of
the 40 classes are "other". A class counts its files on from train to test without gaps, so a file that is missing shows
as a number that is.
"""

from collections.abc import Mapping
from pathlib import Path

from s2r_bench.cad.categories import category_of
from s2r_bench.cad.modelnet40 import CLASSES, COUNTS, MeshSplit, modelnet40_files
from s2r_bench.cad.published import Entry, StoredFile, meshes_wrong
from s2r_bench.data.checks.finding import Finding, error, of_error, warning
from s2r_bench.errors import DataError

LICENCE = "academic use only; the models belong to their makers"
GET = "https://modelnet.cs.princeton.edu (ModelNet40.zip)"
SPLITS: tuple[MeshSplit, ...] = ("train", "test")


def is_here(source: Path) -> bool:
    """Whether a path holds ModelNet40, some class in both splits; folders are looked at, not searched."""
    return any(
        (place / name / "test").is_dir() and next((place / name / "train").glob(f"{name}_*.off"), None) is not None
        for place in (source, source / "ModelNet40")
        for name in CLASSES
    )


def entries(source: Path) -> list[Entry]:
    """The models of both splits, by class and number.

    Raises:
        DataError: there is none, or something else is in their folders; the message names it.
    """
    if not is_here(source):
        raise DataError(f"{source} holds no ModelNet40/CLASS/train/CLASS_0001.off; get it from {GET}")
    files = [file for split in SPLITS for file in modelnet40_files(source, split, published=False)]
    return [
        Entry(
            file.id, category_of(file.class_name), StoredFile(file.path), "ModelNet40", LICENCE, usual=True, up_axis="z"
        )
        for file in sorted(files, key=lambda file: file.id)
    ]


def check(source: Path) -> list[Finding]:
    """Folders and files that are out of place or missing, counts, empty files; a sample of meshes is read.

    Raises:
        DataError: there is nothing of it.
    """
    if not is_here(source):
        entries(source)
    folder = source / "ModelNet40" if (source / "ModelNet40").is_dir() else source
    findings: list[Finding] = []
    numbers: dict[str, dict[int, MeshSplit]] = {}
    for split in SPLITS:
        try:
            files = modelnet40_files(source, split, published=False)
        except DataError as wrong:
            findings.append(of_error(wrong, folder, f"Unpack it again: {GET}"))
            continue
        for one in files:
            numbers.setdefault(one.class_name, {})[int(one.id.rpartition("_")[2])] = split
        if len(files) != COUNTS[split]:
            message = f"it holds {len(files)} models to {split}, the published set {COUNTS[split]}"
            findings.append(warning(folder, message, "Is it complete?"))
    if any(finding.severity == "error" for finding in findings):
        return findings
    findings += [
        error(folder / name / split / f"{name}_{number:04d}.off", "it is missing, by the numbers beside it", GET)
        for name, found in numbers.items()
        for number, split in _lost(found)
    ]
    return sorted([*findings, *meshes_wrong(entries(source))], key=lambda finding: finding.severity)


def _lost(numbers: Mapping[int, MeshSplit]) -> list[tuple[int, MeshSplit]]:
    """Numbers of a class up to its last that no file has, and the split in which they should be.

    >>> _lost({1: "train", 3: "train", 4: "test"})
    [(2, 'train')]
    """
    first_test = min((number for number, split in numbers.items() if split == "test"), default=max(numbers) + 1)
    lost = sorted(set(range(1, max(numbers) + 1)) - set(numbers))
    return [(number, "train" if number < first_test else "test") for number in lost]
