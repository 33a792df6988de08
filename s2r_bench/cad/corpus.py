"""A corpus of CAD models from a folder of meshes or a furniture library; what cannot be read is listed, not lost."""

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from s2r_bench.cad import abo, future3d, modelnet40_clouds, modelnet40_corpus, shapenet, sweethome3d
from s2r_bench.cad.categories import category_of
from s2r_bench.cad.formats import MESH_ENDINGS, read_mesh
from s2r_bench.cad.frame import METRES, UP_AXIS, Units, UpAxis, guess_units, in_object_frame, longest_side
from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import CATEGORIES, CadModel

SAMPLE = 16  # files looked at to guess the unit of a corpus
# corpora that say themselves what and how large their models are
PUBLISHED = (shapenet, abo, future3d, modelnet40_corpus, modelnet40_clouds)


class Listed(Protocol):
    """A model of a published corpus, not read yet."""

    @property
    def id(self) -> str:
        """Unique within the corpus."""
        ...

    @property
    def category(self) -> str:
        """One of the six, or "other"."""
        ...

    def model(self) -> CadModel:
        """The model in metres, y up, standing on y = 0; DataError where it cannot be used."""
        ...


@dataclass(frozen=True)
class Failure:
    """A model that cannot be used, and why."""

    id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Corpus:
    """The models of a corpus and those that failed."""

    models: tuple[CadModel, ...]
    failures: tuple[Failure, ...]

    def counts(self) -> dict[str, int]:
        """Category -> number of models; the six categories first, "other" last, empty ones left out."""
        found = [model.category for model in self.models]
        return {name: found.count(name) for name in (*CATEGORIES, "other") if name in found}


def read_models(
    path: Path,
    *,
    units: Units = "auto",
    up_axis: UpAxis = "auto",
    limit: int | None = None,
    categories: Collection[str] | None = None,
) -> Corpus:
    """All models of a corpus. Arguments and errors: see `iter_models`."""
    models: list[CadModel] = []
    failures: list[Failure] = []
    for found in iter_models(path, units=units, up_axis=up_axis, limit=limit, categories=categories):
        if isinstance(found, Failure):
            failures.append(found)
        else:
            models.append(found)
    return Corpus(tuple(models), tuple(failures))


def iter_models(
    path: Path,
    *,
    units: Units = "auto",
    up_axis: UpAxis = "auto",
    limit: int | None = None,
    categories: Collection[str] | None = None,
    chosen: Callable[[str], bool] | None = None,
) -> Iterator[CadModel | Failure]:
    """The models of a corpus one after another, in order of their names; one mesh is in memory at a time.

    Args:
        path: a mesh file; a folder of OBJ, GLB, OFF, PLY or npz (with arrays V and F), sub-folders included; a Sweet
            Home 3D library (.sh3f, the Debian package .deb, or a folder that holds .sh3f files or an unpacked one);
            ShapeNet, ABO, 3D-FUTURE or ModelNet40 (meshes, or clouds with normals) as they are given out (unless units
            or axis are said).
        units: of the vertices; "auto": metres for GLB and npz, else `guess_units` over the corpus. A Sweet Home 3D
            catalogue gives sizes itself.
        up_axis: "auto": y for OBJ, GLB and npz, z for OFF and PLY.
        limit: give at most that many models (failures do not count).
        categories: give these only; others are not read.
        chosen: give only models whose id it takes; the others count for the limit, and are not read without one.

    Yields:
        A `CadModel` in metres, y up, standing on y = 0, or a `Failure` with the reason.

    Raises:
        DataError: there is no such path, or nothing in it that can be read.
        UsageError: unknown units or axis.
    """
    if units not in (*METRES, "auto") or up_axis not in ("auto", "y", "z"):
        raise UsageError(f"units are auto, {', '.join(METRES)}, up axis auto, y or z; not {units!r}, {up_axis!r}")
    if not path.exists():
        raise DataError(f"there is nothing at {path}; give a mesh file, a folder of meshes or a .sh3f or .deb library")
    given = 0
    libraries = sweethome3d.libraries_in(path)
    early = chosen if limit is None else None  # with a limit, it takes reading to know which models come within it
    published = _published(path) if units == "auto" and up_axis == "auto" else None
    if published is not None:
        found = _of_entries(published, categories, early)
    elif libraries:
        found = _of_library(libraries, categories, early)
    else:
        found = _of_files(path, units, up_axis, categories, early)
    for model in found:
        if limit is not None and given >= limit:
            return
        given += isinstance(model, CadModel)
        if chosen is None or chosen(model.id):
            yield model


def _of_library(
    libraries: list[Path], categories: Collection[str] | None, chosen: Callable[[str], bool] | None
) -> Iterator[CadModel | Failure]:
    for library in libraries:
        for entry in sweethome3d.iter_entries(library):
            if categories is not None and entry.category not in categories:
                continue
            if chosen is not None and not chosen(entry.id):
                continue
            try:
                yield entry.model()
            except DataError as wrong:
                yield Failure(entry.id, str(wrong))


def _published(path: Path) -> Sequence[Listed] | None:
    """The models of a published corpus; None where the path holds none, or a prepared one, which has an index."""
    if (path / "index.csv").is_file():
        return None
    return next((corpus.entries(path) for corpus in PUBLISHED if corpus.is_here(path)), None)


def _of_entries(
    entries: Sequence[Listed], categories: Collection[str] | None, chosen: Callable[[str], bool] | None
) -> Iterator[CadModel | Failure]:
    for entry in entries:
        if (categories is not None and entry.category not in categories) or not (chosen is None or chosen(entry.id)):
            continue
        try:
            yield entry.model()
        except DataError as wrong:
            yield Failure(entry.id, str(wrong))


def _of_files(
    path: Path,
    units: str,
    up_axis: str,
    categories: Collection[str] | None,
    chosen: Callable[[str], bool] | None,
) -> Iterator[CadModel | Failure]:
    root = path if path.is_dir() else path.parent
    files = _mesh_files(path)
    index = _index(root)
    ids = _ids(root, files)
    wanted = [file for file in files if categories is None or _category(root, file, index) in categories]
    guessed = _corpus_units(wanted) if units == "auto" else {}
    for file in wanted:
        if chosen is not None and not chosen(ids[file]):
            continue
        row = index.get(file.relative_to(root).as_posix(), {})
        ending = file.suffix.lower()
        unit = guessed.get(ending, "m") if units == "auto" else units
        try:
            mesh = in_object_frame(read_mesh(file), unit, UP_AXIS[ending] if up_axis == "auto" else up_axis)
        except DataError as wrong:
            yield Failure(ids[file], str(wrong))
            continue
        source = row.get("library") or root.name
        yield CadModel(ids[file], _category(root, file, index), mesh, source, row.get("licence", ""))


def _mesh_files(path: Path) -> list[Path]:
    if path.is_file():
        if path.suffix.lower() not in MESH_ENDINGS:
            raise DataError(f"{path}: no reader for this file; there are: {', '.join(MESH_ENDINGS)}, .sh3f, .deb")
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in MESH_ENDINGS and file.is_file())
    files = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not files:
        raise DataError(f"{path} holds no mesh ({', '.join(MESH_ENDINGS)}) and no Sweet Home 3D library (.sh3f)")
    return files


def _index(root: Path) -> dict[str, dict[str, str]]:
    """Rows of `index.csv` by file, where a corpus has one: columns file, category, library, licence."""
    path = root / "index.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as text:
        return {row["file"]: row for row in csv.DictReader(text) if row.get("file")}


def _category(root: Path, file: Path, index: dict[str, dict[str, str]]) -> str:
    relative = file.relative_to(root)
    known = index.get(relative.as_posix(), {}).get("category")
    # the nearest folder is trusted most, then those above it, then the file, then the folder that was given
    return known or category_of(*reversed(relative.parts[:-1]), relative.stem, root.name)


def _ids(root: Path, files: list[Path]) -> dict[Path, str]:
    """File -> id: its path below the root joined by underscores; the ending stays where two files differ only in it."""
    plain = {file: "_".join(file.relative_to(root).with_suffix("").parts) for file in files}
    taken = list(plain.values())
    return {file: name if taken.count(name) == 1 else f"{name}{file.suffix}" for file, name in plain.items()}


def _corpus_units(files: list[Path]) -> dict[str, str]:
    """Ending -> unit, from at most SAMPLE files of each kind spread over the corpus."""
    guessed: dict[str, str] = {}
    for ending in {file.suffix.lower() for file in files}:
        if ending in (".glb", ".npz"):
            guessed[ending] = "m"
            continue
        kind = [file for file in files if file.suffix.lower() == ending]
        sides = []
        for file in kind[:: max(1, -(-len(kind) // SAMPLE))]:
            try:
                sides.append(longest_side(read_mesh(file)))
            except DataError:
                continue  # it is reported when its turn comes
        guessed[ending] = guess_units(sides, ending)
    return guessed
