"""CAD corpora in the layouts in which they are given out: where each model is, what it is, and how long.

A corpus lies as a folder, as a zip, or as zips in a folder (ShapeNet gives one a synset). Files are named, not read.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s2r_bench.cad.formats import parse_mesh
from s2r_bench.cad.frame import in_object_frame, longest_side
from s2r_bench.data.checks.finding import Finding, error
from s2r_bench.errors import DataError
from s2r_bench.types import CadModel, Mesh

# longest side, metres, of a model whose file has no scale: round numbers of usual furniture, this package's choice
USUAL_M = {"chair": 0.95, "sofa": 2.0, "table": 1.3, "cabinet": 1.3, "bed": 2.1, "shelf": 1.6}

SAMPLE = 24  # meshes of a corpus that a check reads


@dataclass(frozen=True)
class StoredFile:
    """A file in a folder or in a zip; it can be sent to another process.

    Attributes:
        path: of the file, or of the zip.
        member: its name within the zip; "" where it is none.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def read(self) -> bytes:
        """Its content.

        Raises:
            DataError: it is gone, or the archive is damaged.
        """
        try:
            if not self.member:
                return self.path.read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        except (OSError, zipfile.BadZipFile, KeyError, zlib.error) as wrong:
            raise DataError(f"{self} cannot be read: {wrong}") from None


@dataclass(frozen=True)
class Entry:
    """One model of a corpus, not read yet.

    Attributes:
        id: unique within the corpus.
        category: one of the six, or "other".
        file: its mesh.
        library: the corpus' name.
        licence: of the corpus.
        usual: the file has no scale, so the model gets its category's usual size; else it is in metres.
        up_axis: of the file.
    """

    id: str
    category: str
    file: StoredFile
    library: str
    licence: str
    usual: bool = False
    up_axis: Literal["y", "z"] = "y"

    def model(self) -> CadModel:
        """The model in metres, y up, standing on y = 0.

        Raises:
            DataError: the file cannot be used; the message names it.
        """
        ending = Path(self.file.member or self.file.path.name).suffix.lower()
        mesh = parse_mesh(self.file.read(), ending, str(self.file))
        if self.usual:
            scale = USUAL_M.get(self.category, 1.0) / longest_side(mesh)
            mesh = Mesh(mesh.vertices * scale, mesh.faces)
        return CadModel(self.id, self.category, in_object_frame(mesh, "m", self.up_axis), self.library, self.licence)


def meshes_wrong(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Files without content, and of a sample those that cannot be read."""
    yield from empty_files(entries)
    full = with_content(entries)
    for entry in full[:: max(1, len(full) // SAMPLE)]:
        try:
            entry.model()
        except DataError as wrong:
            said = str(wrong).removeprefix(f"{entry.file}").lstrip(": ")
            yield error(entry.file, said, "Unpack it again; it is left out when it is prepared")


def empty_files(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Files without content; those within zips are not looked at."""
    for entry in entries:
        if _is_empty(entry.file):
            yield error(entry.file, "it is empty (0 bytes)", "Unpack it again; it is left out when it is prepared")


def with_content(entries: Sequence[Entry]) -> list[Entry]:
    """The others."""
    return [entry for entry in entries if not _is_empty(entry.file)]


def _is_empty(file: StoredFile) -> bool:
    return not file.member and file.path.stat().st_size == 0


def stored_files(source: Path, wanted: Callable[[str], bool]) -> dict[str, StoredFile]:
    """Path within the source, with "/", -> the file, for names that are wanted, sorted.

    Raises:
        DataError: nothing is there, or it is no folder and no zip, or a zip is damaged.
    """
    if not source.exists():
        raise DataError(f"there is nothing at {source}; download the data set first, then give its folder or zip")
    found: dict[str, StoredFile] = {}
    if source.is_file():
        if not zipfile.is_zipfile(source):
            raise DataError(f"{source} is no folder and no zip; unpack other archives (tar, 7z, rar) first")
        found |= _of_zip(source, "", wanted)
    else:
        for path in source.rglob("*"):
            name = path.relative_to(source).as_posix()
            if wanted(name):
                if path.is_file():
                    found[name] = StoredFile(path)
            elif path.suffix == ".zip" and path.is_file() and not path.with_suffix("").is_dir():
                found |= _of_zip(path, name.removesuffix(path.name), wanted)
    return dict(sorted(found.items()))


def _of_zip(path: Path, prefix: str, wanted: Callable[[str], bool]) -> dict[str, StoredFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {prefix + name: StoredFile(path, name) for name in archive.namelist() if wanted(name)}
    except zipfile.BadZipFile as wrong:
        raise DataError(f"{path} is a damaged archive ({wrong}); download it again") from None
