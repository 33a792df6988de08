"""Furniture of Sweet Home 3D: zips of OBJ files with a catalogue (.sh3f), as the Debian package brings them.

`apt-get download sweethome3d-furniture` gives five libraries, 820 models, CC0 or CC BY 3.0. The catalogue names every
model, its size in centimetres and, where the file lies on its side, a rotation; the size is that of the turned box.
"""

import io
import lzma
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2r_bench.cad.categories import OTHER, category_of
from s2r_bench.cad.formats import parse_mesh
from s2r_bench.cad.frame import standing
from s2r_bench.errors import DataError
from s2r_bench.types import CadModel, FloatArray, Mesh

CATALOGUE = "PluginFurnitureCatalog.properties"
# rooms of the catalogue in which a "seat" or an "island" is no furniture of the six kinds
_NO_FURNITURE = ("Bathroom", "Characters", "Vehicles", "Lights", "Doors and windows", "Staircases", "Miscellaneous")
_FURNITURE_ANYWHERE = ("cabinet", "locker")


Files = Callable[[str], bytes]  # reads a file of a library by its path within it


@dataclass(frozen=True, eq=False)
class Entry:
    """One piece of a catalogue.

    Attributes:
        id: library and model, usable as a file name.
        name: as people call it.
        category: of the six, or "other".
        inner: path of the OBJ file within the library.
        size_m: width (x), height (y), depth (z) in metres.
        rotation: (3, 3), applied before the size is.
        creator: who made it.
        licence: SPDX identifier, or the catalogue's own words.
        files: reads the library.
    """

    id: str
    name: str
    category: str
    inner: str
    size_m: tuple[float, float, float]
    rotation: FloatArray
    creator: str
    licence: str
    files: Files

    def model(self) -> CadModel:
        """Read the mesh, turn it, and bring it to the catalogue's size.

        Raises:
            DataError: the model's file is missing or damaged.
        """
        try:
            data = self.files(self.inner)
        except (KeyError, OSError, zipfile.BadZipFile) as wrong:
            raise DataError(f"{self.id}: {self.inner} cannot be read from the library ({wrong})") from None
        mesh = parse_mesh(data, Path(self.inner).suffix.lower(), f"{self.id} ({self.inner})")
        return CadModel(self.id, self.category, _sized(mesh, self.rotation, self.size_m), self.creator, self.licence)


def libraries_in(path: Path) -> list[Path]:
    """The libraries at `path`: .sh3f files, unpacked ones (folders with a catalogue), or a .deb package."""
    if path.is_file():
        return [path] if path.suffix in (".sh3f", ".deb") or _is_library_zip(path) else []
    unpacked = [file.parent for file in path.rglob(CATALOGUE)]
    return sorted([*path.rglob("*.sh3f"), *path.glob("sweethome3d-furniture_*.deb"), *unpacked])


def unpacked_libraries(source: Path) -> Iterator[tuple[str, bytes]]:
    """File name and content of every .sh3f library in a package, a folder or a file.

    Raises:
        DataError: there is none, or the package is damaged.
    """
    found = [library for library in libraries_in(source) if library.is_file()] if source.exists() else []
    if not found:
        raise DataError(f"{source} holds no Sweet Home 3D library; fetch it: apt-get download sweethome3d-furniture")
    for library in found:
        if library.suffix == ".deb":
            yield from _libraries_of_deb(library)
        else:
            yield f"{library.stem}.sh3f", library.read_bytes()


def iter_entries(library: Path) -> Iterator[Entry]:
    """The pieces of a library in the catalogue's order; meshes are read when asked for.

    Raises:
        DataError: no catalogue, or a damaged file.
    """
    if library.suffix == ".deb":
        for _, inner in _libraries_of_deb(library):
            yield from _of_zip(io.BytesIO(inner), library)
    elif library.is_dir():
        text = (library / CATALOGUE).read_bytes()
        yield from _entries(text, lambda inner: (library / inner).read_bytes(), library)
    else:
        yield from _of_zip(library, library)


def _of_zip(file: Path | io.BytesIO, library: Path) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(file)
        text = archive.read(CATALOGUE)
    except (zipfile.BadZipFile, KeyError) as wrong:
        raise DataError(f"{library} is no Sweet Home 3D library: {wrong}; fetch it again") from None
    yield from _entries(text, archive.read, library)


def _entries(text: bytes, files: Files, library: Path) -> Iterator[Entry]:
    fields = parse_properties(text)
    licence = _spdx(fields.get("license", ""))
    numbers = sorted({int(key.rpartition("#")[2]) for key in fields if re.fullmatch(r"model#\d+", key)})
    if not numbers:
        raise DataError(f"{library}: its catalogue names no models")
    for number in numbers:
        row = {key.rpartition("#")[0]: value for key, value in fields.items() if key.endswith(f"#{number}")}
        try:
            size = tuple(float(row[side]) / 100 for side in ("width", "height", "depth"))
            rotation = np.array(row.get("modelRotation", "1 0 0 0 1 0 0 0 1").split(), dtype=np.float64).reshape(3, 3)
        except (KeyError, ValueError) as wrong:
            raise DataError(f"{library}: entry {number} of the catalogue lacks or misspells {wrong}") from None
        yield Entry(
            id=_slug(row.get("id", f"model#{number}")),
            name=row.get("name", ""),
            category=_category(row),
            inner=row["model"].lstrip("/"),
            size_m=(size[0], size[1], size[2]),
            rotation=rotation,
            creator=row.get("creator", ""),
            licence=_spdx(row["license"]) if "license" in row else licence,
            files=files,
        )


def parse_properties(data: bytes) -> dict[str, str]:
    r"""A Java properties file: Latin-1 with \uXXXX, `key=value`, # comments, lines continued by a backslash."""
    text = re.sub(r"\\\r?\n[ \t]*", "", data.decode("latin-1"))
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", "!")):
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code.group(1), 16)), value)
            fields[key.strip()] = value.strip()
    return fields


def _category(row: dict[str, str]) -> str:
    name = row.get("name", "")
    if row.get("category") in _NO_FURNITURE and not any(word in name.lower() for word in _FURNITURE_ANYWHERE):
        return OTHER
    return "table" if name == "Island" else category_of(name)


def _sized(mesh: Mesh, rotation: FloatArray, size_m: tuple[float, float, float]) -> Mesh:
    vertices = mesh.vertices @ rotation.T
    extent = np.ptp(vertices, axis=0)
    scale = np.divide(np.array(size_m), extent, out=np.ones(3), where=extent > 0)
    faces = mesh.faces if np.linalg.det(rotation) > 0 else mesh.faces[:, ::-1]
    return Mesh(standing(vertices * scale), np.ascontiguousarray(faces))


def _libraries_of_deb(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of the .sh3f files within a Debian package, one after another."""
    with tarfile.open(fileobj=io.BytesIO(_data_tar(path))) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".sh3f"):
                stream = tar.extractfile(member)
                if stream is not None:
                    yield member.name.rpartition("/")[2], stream.read()


def _data_tar(path: Path) -> bytes:
    """The data archive of a Debian package, unpacked: an `ar` file whose member data.tar.* is a compressed tar."""
    data = path.read_bytes()
    at = 8
    while data.startswith(b"!<arch>\n") and at + 60 <= len(data):
        name, size = data[at : at + 16].decode("latin-1").strip(" /"), int(data[at + 48 : at + 58])
        body = data[at + 60 : at + 60 + size]
        if name.startswith("data.tar"):
            if len(body) < size:
                break
            if name.endswith(".xz"):
                return lzma.decompress(body)
            if name.endswith((".gz", ".bz2", ".tar")):
                return body
            return _with_dpkg(path)
        at += 60 + size + size % 2
    raise DataError(f"{path} is not a whole Debian package; fetch it again: apt-get download sweethome3d-furniture")


def _with_dpkg(path: Path) -> bytes:
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise DataError(f"{path} is packed with zstd, which needs dpkg-deb; unpack it and give the folder instead")
    return subprocess.run([tool, "--fsys-tarfile", str(path)], check=True, capture_output=True).stdout


def _is_library_zip(path: Path) -> bool:
    if path.suffix != ".zip" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return CATALOGUE in archive.namelist()


def _spdx(words: str) -> str:
    if "public domain" in words.lower():
        return "CC0-1.0"
    if "attribution 3.0" in words.lower():
        return "CC-BY-3.0-US" if "United States" in words else "CC-BY-3.0"
    return words


def _slug(name: str) -> str:
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in name.split("#")).lower()
