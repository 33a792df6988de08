"""The leaderboard: entries that anybody can check, and a static site of them.

An entry is a JSON file that rests on finished runs and holds every value that they gave. `make` makes one, `check`
makes its figures again and says in what it is not of this installation's benchmark, `build` writes the site.
docs/leaderboard.md says what an entry holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError, UsageError, VerificationError
from s2r_bench.files import write_bytes, write_text
from s2r_bench.records import RunRecord, RunSpec
from s2r_reports._leaderboard.checking import Here, Look
from s2r_reports._leaderboard.form import Board, Entry, dumped, schema
from s2r_reports._leaderboard.reading import Read

MOST_ENTRIES = 5000
PAGE, TABLE = "index.html", "leaderboard.csv"


def make(
    about: dict[str, Any],
    own: Sequence[RunRecord],
    every: Sequence[RunRecord],
    home: Path,
    contents: Callable[[RunSpec], Mapping[str, tuple[str, str]]] = lambda spec: {},
) -> tuple[Entry, list[str]]:
    """An entry of finished runs, and notes on what was left out or chosen.

    Args:
        about: "card", "data" and "submitter", as the form has them.
        own: runs of the simulator.
        every: all runs; those of the anchors are taken from them.
        home: the store in which they lie.
        contents: names of a run's keys of files -> name and digest that do not depend on the files.

    Raises:
        UsageError: no run can stand in a leaderboard, several sets of options, or a field that has not its form.
    """
    from pydantic import ValidationError

    from s2r_reports._leaderboard import making
    from s2r_reports._leaderboard.form import Card, Submitter, TrainingData
    from s2r_reports._leaderboard.reading import explained
    from s2r_reports.frames import entries_of

    try:
        parts = Card(**about["card"]), TrainingData(**about["data"]), Submitter(**about["submitter"])
        return making.make(making.About(*parts), entries_of(own, home), entries_of(every, home), contents)
    except ValidationError as wrong:
        raise UsageError(f"not the form of an entry: {'; '.join(explained(wrong))}") from None


def write(entry: Entry, path: Path) -> Path:
    """Write an entry."""
    return write_text(path, dumped(entry))


def check(paths: Sequence[Path], look: Look, other_versions: bool = False) -> list[Read]:
    """The entries in files, each with all that is wrong with it.

    Args:
        paths: files.
        look: what this installation makes of a board.
        other_versions: whether other protocols and data than this installation's are allowed, with a note.

    Raises:
        DataError: a file is not there.
    """
    from s2r_reports._leaderboard import checking

    for path in paths:
        if not path.exists():
            raise DataError(f"{path} is missing; an entry is a JSON file that `s2r-bench leaderboard entry` writes")
    return checking.check(paths, look, other_versions)


@dataclass(frozen=True)
class Site:
    """What was written: files, how many entries and tables, and notes."""

    files: tuple[Path, ...]
    entries: int
    tables: int
    apart: int
    notes: tuple[str, ...]


def build(folder: Path, out: Path, look: Look) -> Site:
    """Write the site of the entries in `folder` to `out`.

    Raises:
        DataError: there is no such folder, or no entry in it.
        UsageError: `out` is where the entries lie.
        VerificationError: an entry that is not what it should be; nothing is written.
    """
    from s2r_reports._leaderboard import site
    from s2r_reports._leaderboard.standing import tables

    paths = _files(folder)
    kept = out / site.ENTRIES
    if folder.resolve() in (out.resolve(), kept.resolve()):
        raise UsageError(f"{out} would be written over the entries in {folder}; name another folder with -o")
    looked: dict[int, Here] = {}

    def once(board: Board) -> Here:
        if id(board) not in looked:
            looked[id(board)] = look(board)
        return looked[id(board)]

    found = check(paths, once, other_versions=True)
    faults = [fault for one in found for fault in one.faults]
    if faults:
        raise VerificationError("nothing is written:\n  " + "\n  ".join(faults))
    entries = [one.entry for one in found if one.entry is not None]
    made = tables(entries, looked)
    files = [write_text(out / PAGE, site.html(made)), write_text(out / TABLE, site.csv_text(made))]
    files += [write_bytes(kept / f"{one.entry.slug}.json", one.data) for one in found if one.entry is not None]
    left = sorted(set(kept.glob("*.json")) - set(files))
    notes = [f"{path}: of an earlier site, in no table" for path in left]
    notes += [note for one in found for note in one.notes]
    return Site(tuple(files), len(entries), len(made), sum(bool(one.apart) for one in made), tuple(notes))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give one that holds entries (*.json)")
    paths = sorted(folder.glob("*.json"))
    links = [path for path in paths if path.is_symlink()]
    if links:
        raise VerificationError(f"{links[0]} is a link; entries are files of {folder} itself")
    if not paths:
        raise DataError(f"{folder} holds no entry (*.json); `s2r-bench leaderboard entry METHOD` makes one")
    if len(paths) > MOST_ENTRIES:
        raise VerificationError(f"{folder} holds {len(paths)} files, more than {MOST_ENTRIES}")
    return paths


__all__ = ["Board", "Entry", "Here", "Look", "Read", "Site", "build", "check", "make", "schema", "write"]
