"""ShapeNetCore (Chang et al., 2015), versions 1 and 2, in the synsets of the six categories.

ROOT/SYNSET/MODEL/model.obj                       version 1
ROOT/SYNSET/MODEL/models/model_normalized.obj     version 2
ROOT/taxonomy.json                                synset -> number of models; it need not be there

ROOT may be the folder above; SYNSET.zip is read as it is. Models are y up and normalised, so no size is known: each
gets the usual longest side of its category (`s2r_bench.cad.published.USUAL_M`).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s2r_bench.cad.published import Entry, StoredFile, meshes_wrong, stored_files
from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.errors import DataError

# DisCo's folders; 03207941 is the dishwasher, which counts as a cabinet
SYNSETS = {
    "03001627": "chair",
    "04256520": "sofa",
    "04379243": "table",
    "02933112": "cabinet",
    "03207941": "cabinet",
    "02818832": "bed",
    "02871439": "shelf",
}
LICENCE = "ShapeNet terms of use: non-commercial research and education"
_MODEL = re.compile(r"(?:^|.*/)(\d{8})/([^/]+)/(?:model|models/model_normalized)\.obj$")
_FOLDER = re.compile(r"(?:^|.*/)(\d{8})/([^/]+)/")
_TAXONOMY = re.compile(r"(?:^|.*/)taxonomy\.json$")


def is_here(source: Path) -> bool:
    """Whether a path holds ShapeNet; folders are looked at, not searched."""
    for place in (source, source / "ShapeNetCore.v2", source / "ShapeNetCore.v1"):
        for name in SYNSETS:
            meshes = ((place / name).glob(f"*/{mesh}") for mesh in ("models/model_normalized.obj", "model.obj"))
            if (place / f"{name}.zip").is_file() or any(next(found, None) for found in meshes):
                return True
    return False


def entries(source: Path) -> list[Entry]:
    """The models of the seven synsets, in the order of synset and name.

    Raises:
        DataError: there is none.
    """
    found: dict[str, Entry] = {}
    for name, file in stored_files(source, lambda name: _MODEL.match(name) is not None).items():
        match = _MODEL.match(name)
        if match and match.group(1) in SYNSETS:
            one = f"{match.group(1)}_{match.group(2)}"
            # of both versions beside each other, the second stands
            if one not in found or name.endswith("model_normalized.obj"):
                found[one] = Entry(one, SYNSETS[match.group(1)], file, "ShapeNet", LICENCE, usual=True)
    if not found:
        raise DataError(
            f"{source} holds no SYNSET/MODEL/models/model_normalized.obj (version 2) and no SYNSET/MODEL/model.obj "
            f"(version 1) of the synsets {', '.join(SYNSETS)}; it is given out after registration: "
            "https://shapenet.org "
            "or https://huggingface.co/datasets/ShapeNet/ShapeNetCore"
        )
    return [found[one] for one in sorted(found)]


def check(source: Path) -> list[Finding]:
    """Synsets that are missing, model folders without a mesh, counts that are not those of taxonomy.json, empty files.

    A sample of meshes is read.

    Raises:
        DataError: nothing of it is there.
    """
    there = {(one.id[:8], one.id[9:]) for one in entries(source)}
    findings: list[Finding] = []
    for synset, category in SYNSETS.items():
        if not any(one == synset for one, _ in there):
            findings.append(warning(source / synset, f"the synset ({category}) is missing", "Unpack it, or go without"))
    findings += _folders_without(source, there)
    findings += _of_taxonomy(source, there)
    findings += meshes_wrong(entries(source))
    return sorted(findings, key=lambda finding: finding.severity)


def _folders_without(source: Path, there: set[tuple[str, str]]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    names = list(stored_files(source, lambda name: _FOLDER.match(name) is not None))
    if source.is_dir():  # a folder may be empty
        names += sorted(f"{path.relative_to(source).as_posix()}/" for path in source.rglob("*/"))
    for name in names:
        match = _FOLDER.match(name)
        if match and match.group(1) in SYNSETS and (match.group(1), match.group(2)) not in there | seen:
            seen.add((match.group(1), match.group(2)))
            place = source / name[: match.end() - 1]
            yield warning(place, "the model has no model_normalized.obj and no model.obj", "It is left out")


def _of_taxonomy(source: Path, there: set[tuple[str, str]]) -> Iterator[Finding]:
    for name, file in stored_files(source, lambda name: _TAXONOMY.match(name) is not None).items():
        try:
            counts = _counts(file)
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as wrong:
            yield error(source / name, f"it is no list of synsets ({wrong})", "Download it again, or take it out")
            continue
        for synset in SYNSETS:
            here = sum(one == synset for one, _ in there)
            if here and synset in counts and counts[synset] != here:
                message = f"{synset} holds {here} models, taxonomy.json says {counts[synset]}"
                yield warning(source / name, message, "Is the download complete?")


def _counts(file: StoredFile) -> dict[str, int]:
    rows: list[dict[str, Any]] = json.loads(file.read())
    return {str(row["synsetId"]): int(row["numInstances"]) for row in rows}
