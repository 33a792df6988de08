"""3D-FUTURE (Fu et al., IJCV 2021): 16,563 furniture models, y up, metres in their raw files.

ROOT/3D-FUTURE-model/MODEL/raw_model.obj    also normalized_model.obj, which has no size and is not read
ROOT/3D-FUTURE-model/model_info.json        a list of {model_id, super-category, category, ...}

ROOT may be 3D-FUTURE-model itself. A file name is taken in whichever folder it lies below, so the zips of the several
parts may be unpacked side by side, or left as zips.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.cad.categories import category_of
from s2r_bench.cad.frame import longest_side
from s2r_bench.cad.published import Entry, StoredFile, empty_files, stored_files, with_content
from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.errors import DataError

LICENCE = "3D-FUTURE terms of use: non-commercial research"
SAMPLE = 16  # meshes whose size a check looks at
SIDES_M = (0.2, 5.0)  # where the median of their longest sides lies, if they are in metres
GET = "https://tianchi.aliyun.com/dataset/98063 (an account, and terms to agree to)"
_MESH = re.compile(r"(?:^|.*/)([^/]+)/raw_model\.obj$")
_INFO = re.compile(r"(?:^|.*/)model_info\.json$")
_NORMALISED = re.compile(r"(?:^|.*/)([^/]+)/normalized_model\.obj$")


def is_here(source: Path) -> bool:
    """Whether a path holds 3D-FUTURE; folders are looked at, not searched."""
    return (source / "3D-FUTURE-model").is_dir() or (source / "model_info.json").is_file()


def entries(source: Path) -> list[Entry]:
    """The models that are there and named by model_info.json, in the order of their ids.

    Raises:
        DataError: there is none, or model_info.json is missing or damaged.
    """
    info, meshes = _info(source), _named(source, _MESH)
    found = [
        Entry(name, _category(info[name]), meshes[name], "3D-FUTURE", LICENCE)
        for name in sorted(info)
        if name in meshes
    ]
    if not found:
        raise DataError(
            f"{source} holds no MODEL/raw_model.obj of the {len(info)} that model_info.json names; get them from {GET}"
        )
    return found


def check(source: Path) -> list[Finding]:
    """Models without a file, files without a name, and whether raw files are in metres.

    Raises:
        DataError: nothing of it is there.
    """
    info, meshes, normalised = _info(source), _named(source, _MESH), _named(source, _NORMALISED)
    findings = []
    base = source / "3D-FUTURE-model" if (source / "3D-FUTURE-model").is_dir() else source
    for name in sorted(info.keys() - meshes.keys()):
        only = "; normalized_model.obj is there, but has no size" if name in normalised else ""
        findings.append(error(base / name / "raw_model.obj", f"the model is missing{only}", f"Unpack it again: {GET}"))
    for name in sorted(meshes.keys() - info.keys()):
        findings.append(warning(meshes[name], "model_info.json does not name it", "It is left out"))
    sides = []
    findings += empty_files(entries(source))
    every = with_content(entries(source))
    for entry in every[:: max(1, len(every) // SAMPLE)]:
        try:
            sides.append(longest_side(entry.model().mesh))
        except DataError as wrong:
            findings.append(error(entry.file, str(wrong).removeprefix(f"{entry.file} "), "Unpack it again"))
    if sides and not SIDES_M[0] <= np.median(sides) <= SIDES_M[1]:
        message = f"the median longest side of raw_model.obj is {np.median(sides):.4g}, which is no size in metres"
        findings.append(error(source, message, "Are these the raw models of 3D-FUTURE?"))
    return sorted(findings, key=lambda finding: finding.severity)


def _category(row: dict[str, Any]) -> str:
    """The category of an entry; a bookcase counts as a shelf, whatever else its name says."""
    name = str(row.get("category") or row.get("super-category") or "")
    return "shelf" if name.lower().startswith("bookcase") else category_of(name)


def _info(source: Path) -> dict[str, dict[str, Any]]:
    """Model -> its entry."""
    files = stored_files(source, lambda name: _INFO.match(name) is not None)
    if not files:
        raise DataError(f"{source}/model_info.json is missing: it says what each model is; 3D-FUTURE is at {GET}")
    file = next(iter(files.values()))
    try:
        rows: list[dict[str, Any]] = json.loads(file.read())
        return {str(row["model_id"]): row for row in rows}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as wrong:
        raise DataError(
            f"{file} is no list of models with model_id and category ({wrong}); download it again"
        ) from None


def _named(source: Path, pattern: re.Pattern[str]) -> dict[str, StoredFile]:
    found = {}
    for name, file in stored_files(source, lambda name: pattern.match(name) is not None).items():
        match = pattern.match(name)
        if match:
            found[match.group(1)] = file
    return found
