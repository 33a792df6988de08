"""Whether an entry says of itself what its values say, and whether it is of this installation's benchmark."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from s2r_reports._leaderboard.figures import (
    Scored,
    anchors_of,
    by_content,
    differences,
    group_key,
    reserved,
    shown_metrics,
)
from s2r_reports._leaderboard.form import Board, Entry, Run, slug_of
from s2r_reports._leaderboard.reading import Read, read

VIRTUAL = "virtual sensor"
BUILT_IN = "mini"
SHARE_SLACK = 1e-4  # published scripts add a little to a share
MOST_FAULTS = 40


@dataclass(frozen=True)
class Here:
    """What this installation makes of a board's task and data.

    Attributes:
        protocol: the task's here; "" where it has no such task.
        settings: the board's, with what it does not name filled in; None where they cannot be used here.
        keys: digests of the data here; None where they are not known.
        why: why something is not known.
        contents: name of a key of files -> name and digest that do not depend on the files.
    """

    protocol: str = ""
    settings: Mapping[str, object] | None = None
    keys: Mapping[str, str] | None = None
    why: str = ""
    contents: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    def differs(self, board: Board) -> str:
        """In what the board is not of this installation's benchmark; "" where it is, as far as is known."""
        if board.protocol != self.protocol:
            return f"protocol {board.protocol}, here it is {self.protocol or 'no such task'}"
        if self.settings is None:
            return f"its settings are not of this version ({self.why})"
        if self.keys is not None:
            here, there = self.named(self.keys), self.named(board.keys)
            names = sorted(name for name in {**here, **there} if here.get(name) != there.get(name))
            told = ", ".join(f"{name} {there.get(name, '-')} (here {here.get(name, '-')})" for name in names)
            return f"other data of {board.world}: {told}" if told else ""
        return ""

    def named(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Keys of data, those of files here by what does not depend on the files."""
        own = self.keys or {}
        known = {name: self.contents[name] for name in self.contents if keys.get(name, "") == own.get(name)}
        return by_content(keys, known)

    def group(self, board: Board) -> str:
        """The board's table: settings that it does not name have the values of this version."""
        same = board.protocol == self.protocol and self.settings is not None
        settings = dict(self.settings) if same and self.settings is not None else None
        return group_key(board, settings, self.named(board.keys))


Look = Callable[[Board], Here]
"""What this installation makes of a board; the command line knows how to ask."""


def check(paths: Sequence[Path], look: Look, other_versions: bool = False) -> list[Read]:
    """The entries in files, with all that is wrong with each.

    Args:
        paths: files.
        look: what this installation makes of a board.
        other_versions: whether other protocols and data than this installation's are a note instead of a fault.
    """
    found = [_checked(read(path), look, other_versions) for path in paths]
    return _apart(found)


def _checked(one: Read, look: Look, other_versions: bool) -> Read:
    if one.entry is None:
        return one
    faults = [f"{field}: {wrong}" for field, wrong in _of_entry(one.entry)]
    notes: list[str] = []
    for place, board in enumerate(one.entry.boards):
        at, here = f"boards.{place}", look(board)
        wrong = [f"{at}.{field}: {text}" for field, text in _of_board(board, here.protocol == board.protocol)]
        if not wrong:
            told = differences(board.figures, Scored(board, one.entry.slug).figures())
            wrong = [f"{at}.figures.{field}: {text}" for field, text in told]
        faults += wrong
        differs = here.differs(board)
        if differs:
            (notes if other_versions else faults).append(f"{at}: {differs}")
        elif here.keys is None:
            notes.append(f"{at}: data keys not compared: {here.why}")
    if len(faults) > MOST_FAULTS:
        faults = [*faults[:MOST_FAULTS], f"and {len(faults) - MOST_FAULTS} more faults"]
    named = [tuple(f"{one.path}: {text}" for text in some) for some in (faults, notes)]
    return replace(one, faults=named[0], notes=named[1])


def _apart(found: Sequence[Read]) -> list[Read]:
    """The same, with a fault for each entry that has the name and version of one before it."""
    taken: dict[str, Path] = {}
    kept = []
    for one in found:
        if one.entry is not None:
            before = taken.setdefault(one.entry.slug, one.path)
            if before is not one.path:
                wrong = f"{one.entry.shown!r} is too like that of {before}: choose another name or version"
                one = replace(one, faults=(*one.faults, f"{one.path}: simulator.name: {wrong}"))
        kept.append(one)
    return kept


def _of_entry(entry: Entry) -> Iterator[tuple[str, str]]:
    card, data = entry.simulator, entry.data
    if "truth" in card.needs:
        yield "simulator.needs", "who needs the truth is an upper bound, not a simulator"
    learned = bool(data.worlds or data.scenes or data.statement)
    if card.training == "untrained" and (data.worlds or data.scenes):
        yield "data", "a simulator that is not trained has learned from nothing"
    if card.training != "untrained" and not learned:
        yield "data.statement", "say what it was trained on: neither worlds nor a statement are given"
    seen: dict[str, int] = {}
    for place, board in enumerate(entry.boards):
        key = group_key(board)
        if key in seen:
            yield f"boards.{place}", f"the same task, protocol, data and settings as boards.{seen[key]}"
        seen.setdefault(key, place)
        if slug_of(card.name) in {slug_of(name) for name in reserved(board.task)}:
            yield "simulator.name", f"{card.name!r} is the name of an arm of {board.task} (boards.{place})"


def _of_board(board: Board, known: bool) -> Iterator[tuple[str, str]]:
    """What is wrong within a board; `known`: its protocol is this version's."""
    if board.world.lower() == BUILT_IN and not board.sensor.startswith(VIRTUAL):
        yield "sensor", f"captures of {BUILT_IN} are a {VIRTUAL}'s, not {board.sensor[:60]!r}"
    if len(set(board.rows)) < len(board.rows):
        (twice, _), *_ = Counter(board.rows).most_common(1)
        yield "rows", f"{' '.join(twice).strip()!r} stands twice"
    for field, arms in (("runs", board.runs), *((f"anchors.{arm}", runs) for arm, runs in board.anchors.items())):
        if not arms:
            yield field, "no run"
        for place, run in enumerate(arms):
            if any(other.seed == run.seed for other in arms[:place]):
                yield f"{field}.{place}.seed", f"seed {run.seed} stands twice"
            for name, wrong in _of_run(board, run, known):
                yield f"{field}.{place}.{name}", wrong
    if known:
        for arm in board.anchors.keys() - set(anchors_of(board.task)):
            yield f"anchors.{arm}", f"is no anchor of {board.task}, whose are {', '.join(anchors_of(board.task))}"


def _of_run(board: Board, run: Run, known: bool) -> Iterator[tuple[str, str]]:
    metrics = shown_metrics(board.task) if known else {}
    for metric, values in run.scores.items():
        at = f"scores.{metric}"
        if known and metric not in metrics:
            yield at, f"{board.task} has no metric of that name"
        if len(values.at) != len(values.values):
            yield at, f"{len(values.at)} rows and {len(values.values)} values"
        if any(later <= before for before, later in zip(values.at, values.at[1:], strict=False)):
            yield f"{at}.at", "rows must ascend, each once"
        if max(values.at) >= len(board.rows):
            yield f"{at}.at", f"row {max(values.at)}, but there are {len(board.rows)}, counted from 0"
        info = metrics.get(metric)
        if info is not None and info.unit == "%":
            wrong = [value for value in values.values if not 0 <= value <= 1 + SHARE_SLACK]
            if wrong:
                yield f"{at}.values", f"holds {wrong[0]:.6g}, and a share lies between 0 and 1"
