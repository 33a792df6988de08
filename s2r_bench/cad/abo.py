"""Amazon Berkeley Objects (Collins et al., CVPR 2022): 7,953 models of products, in metres, y up.

ROOT/3dmodels/original/C/ID.glb              C: last character of ID
ROOT/3dmodels/metadata/3dmodels.csv.gz       3dmodel_id, path, ..., extent_x, extent_y, extent_z (metres)
ROOT/listings/metadata/listings_0.json.gz    ... to 9 and a to f; a product a line: 3dmodel_id, product_type

The tables may be unpacked (.csv, .json). Without the listings no product's type is known, so they must be there.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from s2r_bench.cad.categories import category_of
from s2r_bench.cad.published import Entry, StoredFile, empty_files, stored_files, with_content
from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.errors import DataError

LICENCE = "CC BY 4.0 (Amazon.com)"
COUNT = 7953
SAMPLE = 8  # meshes whose size a check compares with the table
GET = "https://amazon-berkeley-objects.s3.amazonaws.com/index.html (abo-3dmodels.tar and abo-listings.tar; no form)"
_TABLE = re.compile(r"(?:^|.*/)3dmodels/metadata/3dmodels\.csv(?:\.gz)?$")
_LISTING = re.compile(r"(?:^|.*/)listings/metadata/listings_[0-9a-f]\.json(?:\.gz)?$")
_MESH = re.compile(r"(?:^|.*/)3dmodels/original/(.+\.glb)$")


def is_here(source: Path) -> bool:
    """Whether a path holds ABO; folders are looked at, not searched."""
    return (source / "3dmodels" / "original").is_dir()


def entries(source: Path) -> list[Entry]:
    """The models that are there, in the order of their ids.

    Raises:
        DataError: there is none, or a table is missing or damaged.
    """
    rows, meshes, types = _rows(source), _meshes(source), _types(source)
    found = []
    for name, row in sorted(rows.items()):
        if row["path"] in meshes:
            found.append(Entry(name, category_of(types.get(name, "")), meshes[row["path"]], "ABO", LICENCE))
    if not found:
        raise DataError(
            f"{source} holds none of the {len(rows)} .glb files that 3dmodels.csv names; get them from {GET}"
        )
    return found


def check(source: Path) -> list[Finding]:
    """Files that the table names and that are missing or too many, and whether meshes are as large as it says.

    Raises:
        DataError: a table is missing or damaged.
    """
    rows, meshes = _rows(source), _meshes(source)
    base = source / "3dmodels" / "original"
    findings = []
    for row in rows.values():
        if row["path"] not in meshes:
            findings.append(error(base / row["path"], "the model is missing", f"Unpack abo-3dmodels.tar again: {GET}"))
    known = {row["path"] for row in rows.values()}
    findings += [
        warning(base / path, "3dmodels.csv does not name it", "It is left out") for path in meshes.keys() - known
    ]
    if len(rows) != COUNT:
        message = f"the table names {len(rows)} models, the published one {COUNT}"
        findings.append(warning(source / "3dmodels" / "metadata", message, "Is it complete?"))
    types = _types(source)
    unknown = [name for name in rows if name not in types]
    if unknown:
        message = f"{len(unknown)} models have no product type, such as {unknown[0]}"
        findings.append(warning(source / "listings" / "metadata", message, "They count as other furniture"))
    findings += [*empty_files(entries(source)), *_sizes_wrong(source, rows)]
    return sorted(findings, key=lambda finding: finding.severity)


def _sizes_wrong(source: Path, rows: dict[str, dict[str, str]]) -> Iterator[Finding]:
    every = with_content(entries(source))
    for entry in every[:: max(1, len(every) // SAMPLE)]:
        row = rows[entry.id]
        try:
            low, high = entry.model().mesh.bounds
            told = np.array([float(row[f"extent_{axis}"]) for axis in "xyz"])
        except DataError as wrong:
            yield error(entry.file, str(wrong).removeprefix(f"{entry.file} "), "Download it again")
            continue
        except (KeyError, ValueError) as wrong:
            yield error(source / "3dmodels" / "metadata", f"{entry.id} has no extents ({wrong})", "Download it again")
            continue
        if not np.allclose(high - low, told, rtol=0.02, atol=0.002):
            size = " x ".join(f"{side:.3f}" for side in high - low)
            message = f"the mesh is {size} m, the table says {' x '.join(f'{side:.3f}' for side in told)}"
            yield error(entry.file, message, "Are the files of one release?")


def _rows(source: Path) -> dict[str, dict[str, str]]:
    """3dmodel_id -> its row."""
    tables = stored_files(source, lambda name: _TABLE.match(name) is not None)
    if not tables:
        raise DataError(f"{source}/3dmodels/metadata/3dmodels.csv.gz is missing; ABO is at {GET}")
    file = next(iter(tables.values()))
    rows = csv.DictReader(io.StringIO(_text(file)))
    try:
        found = {row["3dmodel_id"]: {**row, "path": row["path"]} for row in rows}
    except KeyError as missing:
        raise DataError(f"{file} has no column {missing}; expected 3dmodel_id, path, extent_x ...") from None
    if not found:
        raise DataError(f"{file} names no model")
    return found


def _types(source: Path) -> dict[str, str]:
    """3dmodel_id -> product type."""
    listings = stored_files(source, lambda name: _LISTING.match(name) is not None)
    if not listings:
        raise DataError(
            f"{source}/listings/metadata/listings_0.json.gz is missing: it says what a model is; get it from {GET}"
        )
    found: dict[str, str] = {}
    for file in listings.values():
        for number, line in enumerate(_text(file).splitlines(), 1):
            if '"3dmodel_id"' not in line:
                continue
            try:
                row = json.loads(line)
                found.setdefault(str(row["3dmodel_id"]), str(row["product_type"][0]["value"]))
            except (json.JSONDecodeError, KeyError, IndexError, TypeError) as wrong:
                raise DataError(f"{file}, line {number}: expected a product with product_type ({wrong})") from None
    return found


def _meshes(source: Path) -> dict[str, StoredFile]:
    """Path below 3dmodels/original -> the file."""
    found = {}
    for name, file in stored_files(source, lambda name: _MESH.match(name) is not None).items():
        match = _MESH.match(name)
        if match:
            found[match.group(1)] = file
    return found


def _text(file: StoredFile) -> str:
    data = file.read()
    try:
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as wrong:
        raise DataError(f"{file} is damaged ({wrong}); download it again") from None
