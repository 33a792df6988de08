"""An entry is made of finished runs: the simulator's and, beside them, those of its anchors."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, cast

from s2r_bench import __version__
from s2r_bench.errors import UsageError
from s2r_bench.records import RunSpec, content_key
from s2r_reports._leaderboard.figures import FILES, Scored, anchors_of, by_content, reserved, shown_metrics
from s2r_reports._leaderboard.form import (
    COSTS,
    FORM,
    Board,
    Card,
    Cost,
    Entry,
    Figure,
    Run,
    Submitter,
    TrainingData,
    Values,
    is_place,
    unfit,
)
from s2r_reports.frames import Entry as RunEntry

Row = tuple[str, str]
Contents = Callable[[RunSpec], Mapping[str, tuple[str, str]]]
"""Names of a run's keys of files -> name and digest that do not depend on the files."""


@dataclass(frozen=True)
class About:
    """All of an entry that is not a board."""

    card: Card
    data: TrainingData
    submitter: Submitter


def make(
    about: About, own: Sequence[RunEntry], every: Sequence[RunEntry], contents: Contents
) -> tuple[Entry, list[str]]:
    """An entry of the runs `own`, and notes on what was left out or chosen.

    Args:
        about: the rest of the entry.
        own: runs of the simulator.
        every: all runs; anchors are looked for among them.
        contents: what stands for a run's keys of files.

    Raises:
        UsageError: none of the runs can stand in a leaderboard, or one arm was run with several sets of options.
        pydantic.ValidationError: something does not have the form of an entry.
    """
    notes: list[str] = []
    groups: dict[str, list[RunEntry]] = {}
    for run in own:
        groups.setdefault(run.group, []).append(run)
    boards = []
    for group, runs in groups.items():
        spec = runs[0].record.spec
        if not shown_metrics(spec.task):
            notes.append(f"{spec.task}: left out, a leaderboard holds the tasks of s2r-bench")
        elif spec.method in reserved(spec.task):
            notes.append(f"{spec.task}: left out, {spec.method} is an anchor there and comes with every entry")
        else:
            boards.append(_board(runs, [run for run in every if run.group == group], contents, notes))
    if not boards:
        raise UsageError("; ".join(["no run that can stand in a leaderboard", *notes]))
    told = {"schema": FORM, "made_by": __version__}
    entry = Entry(
        **cast(Any, told), simulator=about.card, data=about.data, submitter=about.submitter, boards=tuple(boards)
    )
    return entry, notes


def _board(own: Sequence[RunEntry], every: Sequence[RunEntry], contents: Contents, notes: list[str]) -> Board:
    spec = own[0].record.spec
    _refuse_variants(own)
    code = {run.record.spec.inputs.get("task", "") for run in own}
    runs = _one_a_seed(own, frozenset(), notes)
    anchors: dict[str, list[RunEntry]] = {}
    for arm in anchors_of(spec.task):
        found = [run for run in every if run.record.spec.method == arm]
        if found:
            anchors[arm] = _one_a_seed(found, code, notes)
        else:
            notes.append(f"{_heading(own[0])}: no run of {arm} beside it, so no gap closed, or no lead over it")
    kept = shown_metrics(spec.task)
    used = [*runs, *(run for found in anchors.values() for run in found)]
    rows = _rows(used, kept)
    made = {
        "task": spec.task,
        "protocol": spec.protocol,
        "world": plain_name(spec.world),
        "sensor": own[0].sensor,
        "preset": spec.preset,
        "keys": _keys(own[0], contents, notes),
        "settings": without_places(spec.options.get("task", {})),
        "world_options": without_places(spec.options.get("world", {})),
        "options": without_places(spec.options.get("method", {})),
        "rows": tuple(rows),
        "runs": tuple(_run(run, rows, kept) for run in runs),
        "anchors": {arm: tuple(_run(run, rows, kept) for run in found) for arm, found in anchors.items()},
    }
    # figures are made of the board itself, so that whoever reads it can make the same
    blank = Figure(metric="none", mean=0.0, low=None, high=None, samples=0, seeds=0, gap=None)
    board = Board(**cast(Any, made), figures=(blank,))
    return Board(**cast(Any, made), figures=Scored(board, "entry").figures())


def _keys(run: RunEntry, contents: Contents, notes: list[str]) -> dict[str, str]:
    """The digests of a run's data, which do not depend on files where those are here."""
    spec = run.record.spec
    files = {name: digest for name, digest in spec.inputs.items() if name not in ("task", "simulator")}
    found = by_content(files, contents(spec) if any(name.startswith(FILES) for name in files) else {})
    if any(name.startswith(FILES) for name in found):
        notes.append(
            f"{_heading(run)}: its data are not here as they were scored, so they are named by their files; "
            "who has the same depth in other files has another table"
        )
    return found


def _refuse_variants(own: Sequence[RunEntry]) -> None:
    variants: dict[str, list[str]] = {}
    for run in own:
        spec = run.record.spec
        variants.setdefault(content_key(spec.options.get("method", {})), []).append(spec.key)
    if len(variants) > 1:
        told = "; ".join(", ".join(keys) for keys in variants.values())
        raise UsageError(
            f"{_heading(own[0])}: {own[0].record.spec.method} was run with {len(variants)} sets of options, and an "
            f"entry has one; name the runs of one: {told}"
        )


def _one_a_seed(runs: Sequence[RunEntry], code: Iterable[str], notes: list[str]) -> list[RunEntry]:
    """One run a seed: of several the one scored by the same code as the simulator's, then the newest."""
    preferred, found = set(code), dict[int, list[RunEntry]]()
    for run in runs:
        found.setdefault(run.record.spec.seed, []).append(run)
    chosen = []
    for seed, some in sorted(found.items()):
        some.sort(key=lambda run: (run.record.spec.inputs.get("task", "") in preferred, _age(run)))
        chosen.append(some[-1])
        if len(some) > 1:
            spec = some[-1].record.spec
            notes.append(f"{_heading(some[-1])}: {len(some)} runs of {spec.method}, seed {seed}; {spec.key} is taken")
    return chosen


def _age(run: RunEntry) -> int:
    path = run.folder / "result.json" if run.folder else None
    return path.stat().st_mtime_ns if path and path.is_file() else 0


def _heading(run: RunEntry) -> str:
    spec = run.record.spec
    shots = spec.options.get("task", {}).get("shots")
    return f"{spec.task} on {plain_name(spec.world)} ({spec.preset}{'' if shots is None else f', shots {shots}'})"


def _rows(runs: Sequence[RunEntry], kept: Mapping[str, Any]) -> list[Row]:
    """Sample and category of every score, in the order of the first run that has it."""
    scores = (score for run in runs for score in run.record.scores if score.metric in kept)
    return list(dict.fromkeys((score.sample, score.category) for score in scores))


def _run(run: RunEntry, rows: Sequence[Row], kept: Mapping[str, Any]) -> Run:
    record, place = run.record, {row: number for number, row in enumerate(rows)}
    found: dict[str, dict[int, float]] = {}
    for score in record.scores:
        if score.metric in kept:
            found.setdefault(score.metric, {})[place[score.sample, score.category]] = float(score.value)
    scores = {
        metric: Values(at=tuple(sorted(values)), values=tuple(values[row] for row in sorted(values)))
        for metric, values in found.items()
    }
    kind, name = run.device
    return Run(
        seed=record.spec.seed,
        key=record.spec.key,
        code=record.spec.inputs.get("task", ""),
        device=name or kind,
        costs={cast(Cost, name): float(value) for name, value in record.costs.items() if name in COSTS},
        leaked_scenes=len(record.spec.options.get("leakage", [])),
        failures=tuple(record.failures),
        left_out=dict(record.left_out),
        scores=scores,
    )


def plain_name(world: str) -> str:
    """A world's name in an entry: of a folder its own name alone, without what a name may not hold.

    >>> plain_name("mini"), plain_name("/data/my (wall)")
    ('mini', 'my -wall')
    """
    name = re.sub(r"[^A-Za-z0-9 ._+-]", "-", _last(world))
    return name.strip(" ._+-")[:48].strip(" ._+-") or "folder"


def without_places(value: Any) -> Any:
    """Options without places of this machine: of a path its last part stays.

    >>> without_places({"a": "/data/set/", "b": ["owner/model", 1, None]})
    {'a': 'set', 'b': ['owner/model', 1, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): without_places(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(one) for one in value]
    if isinstance(value, str):
        return _last(value) if is_place(value) else _cleaned(value)
    return value


def _last(text: str) -> str:
    windows = PureWindowsPath(text).is_absolute() and not PurePosixPath(text).is_absolute()
    path: PurePath = PureWindowsPath(text) if windows else Path(text)
    return _cleaned(path.name) if path.name not in ("", "..", "~") else "folder"


def _cleaned(text: str) -> str:
    return "".join("?" if unfit(letter) else letter for letter in text)
