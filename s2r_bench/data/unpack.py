"""Downloads that are archives, laid out as the folder that a reader expects: once, whole, and taken away when done.

HOME/unpacked/KEY/NAME/...      NAME: of the archive, or of the folder that holds the archives
"""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from s2r_bench.data.checks.finding import Finding
from s2r_bench.data.trees import ARCHIVES
from s2r_bench.errors import DataError
from s2r_bench.files import held
from s2r_bench.records import content_key

FOLDER = "unpacked"
WHOLE = ".whole"  # written last


class Unpacked:
    """A download as a folder.

    Attributes:
        source: what was given.
        folder: what a reader reads: `source` itself, or where its archives were unpacked.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self.source, self.folder = source, folder

    def told(self, finding: Finding) -> Finding:
        """The finding with the names that the user knows: of the source, not of where it was unpacked."""
        return Finding(finding.severity, *map(self._plain, (finding.file, finding.message, finding.remedy)))

    def plain(self, value: Any) -> Any:
        """A value of a report, with the same names in all its texts."""
        if isinstance(value, str):
            return self._plain(value)
        if isinstance(value, Mapping):
            return {key: self.plain(one) for key, one in value.items()}
        return [self.plain(one) for one in value] if isinstance(value, list | tuple) else value

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors within the block get such names, too."""
        try:
            yield
        except DataError as wrong:
            raise DataError(self._plain(str(wrong))) from wrong

    def drop(self) -> None:
        """Take away what was unpacked; the source stays."""
        if self.folder != self.source:
            shutil.rmtree(self.folder.parent)

    def _plain(self, text: str) -> str:
        return text.replace(str(self.folder), str(self.source))


def unpacked(source: Path, home: Path, *, zips: bool) -> Unpacked:
    """The download as a folder; archives that the reader does not take as they are get unpacked below `home`, once.

    Args:
        source: a folder, an archive, or a folder that holds nothing but archives (as BOP and ABO are given out).
        home: S2R_HOME.
        zips: the reader takes zips as they are.

    Raises:
        DataError: there is nothing, an archive is damaged or of another kind; the message names it.
    """
    if not source.exists():
        raise DataError(f"there is nothing at {source}; download the data set first, then give its folder or archive")
    archives = [path for path in _archives(source) if not (zips and path.name.lower().endswith(".zip"))]
    if not archives:
        return Unpacked(source, source)
    facts = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in archives]
    place = home / FOLDER / content_key(facts)
    target = place / source.name.partition(".")[0]
    place.mkdir(parents=True, exist_ok=True)
    with held(place / ".lock"):
        if not (place / WHOLE).is_file():
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for path in archives:
                _extract(path, target)
            (place / WHOLE).touch()
    return Unpacked(source, target)


def _archives(source: Path) -> list[Path]:
    if source.is_file():
        if not source.name.lower().endswith(ARCHIVES):
            raise DataError(f"{source} is no folder and no archive that can be read ({', '.join(ARCHIVES)})")
        return [source]
    there = sorted(path for path in source.iterdir() if not path.name.startswith("."))
    found = [path for path in there if path.is_file() and path.name.lower().endswith(ARCHIVES)]
    return found if len(found) == len(there) else []


def _extract(path: Path, target: Path) -> None:
    """Plain files of an archive: links are passed over, names that lead out of the target refused."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        with archive.open(info) as stream, _opened(target, info.filename, path) as out:
                            shutil.copyfileobj(stream, out, 1 << 20)
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    inner = tar.extractfile(member) if member.isfile() else None
                    if inner is not None:
                        with inner, _opened(target, member.name, path) as out:
                            shutil.copyfileobj(inner, out, 1 << 20)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as wrong:
        raise DataError(f"{path} is a damaged archive ({wrong}); download it again") from None


@contextmanager
def _opened(target: Path, name: str, archive: Path) -> Iterator[BinaryIO]:
    place = (target / name).resolve()
    if not place.is_relative_to(target.resolve()):
        raise DataError(f"{archive} holds a file {name!r}, which leads out of it; it is not unpacked")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as out:
        yield out
