"""Files of a data set as it was downloaded: an unpacked folder, a zip (with zips inside), or a tar."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from s2r_bench.errors import DataError

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2")
Reader = Callable[[], bytes]


def read_tree(source: Path, endings: tuple[str, ...]) -> dict[str, Reader]:
    """Path within the source -> a function that reads that file, for files with one of the endings, sorted.

    A zip within a folder or a zip counts as a folder of its name (7-Scenes ships `seq-01.zip` within a scene's zip).
    The wanted files of a tar are kept in memory, since a compressed tar can only be read from its beginning.

    Raises:
        DataError: nothing there, or a damaged archive.
    """
    if not source.exists():
        raise DataError(f"there is nothing at {source}; download the sequence first, then give its folder or archive")
    try:
        found = dict(_walk(source, endings))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as wrong:
        raise DataError(f"{source} holds a damaged archive ({wrong}); download it again") from None
    return dict(sorted(found.items()))


def _walk(source: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Reader]]:
    if source.is_dir():
        for path in source.rglob("*"):
            name = path.relative_to(source).as_posix()
            if path.name.endswith(endings) and path.is_file():
                yield name, path.read_bytes
            elif path.suffix == ".zip" and not path.with_suffix("").is_dir():
                yield from _of_zip(zipfile.ZipFile(path), name.removesuffix(".zip"), endings)
    elif zipfile.is_zipfile(source):
        yield from _of_zip(zipfile.ZipFile(source), "", endings)
    elif tarfile.is_tarfile(source):
        yield from _of_tar(source, endings)
    else:
        raise DataError(f"{source} is no folder and no archive that can be read ({', '.join(ARCHIVES)})")


def _of_zip(archive: zipfile.ZipFile, prefix: str, endings: tuple[str, ...]) -> Iterator[tuple[str, Reader]]:
    for inner in archive.namelist():
        name = f"{prefix}/{inner}".lstrip("/")
        if inner.endswith(endings):
            yield name, lambda inner=inner: archive.read(inner)  # type: ignore[misc]
        elif inner.endswith(".zip"):
            data = io.BytesIO(archive.read(inner))
            yield from _of_zip(zipfile.ZipFile(data), name.removesuffix(".zip"), endings)


def _of_tar(source: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Reader]]:
    with tarfile.open(source) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() and member.name.endswith(endings) else None
            if stream is not None:
                yield member.name.removeprefix("./"), io.BytesIO(stream.read()).getvalue
