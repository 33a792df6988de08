"""What `--dry-run` prints: cells, trainings with what they cost, disk, and the data that are not here."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from s2r_bench.cli.session import Session
from s2r_bench.config import SuiteConfig

if TYPE_CHECKING:
    from s2r_bench.steps.evaluate import Grid
    from s2r_bench.steps.needs import Needed
    from s2r_bench.steps.plan import StoredRow, SuitePlan, TrainingRow

WORDS = {"done": "cached", "absent": "to do", "unfinished": "to continue", "failed": "to do again"}
GIB = 2**30
Row = dict[str, Any]


def cells_of(grid: "Grid") -> list[Row]:
    """The cells of a grid whose world can be opened, with what of them is there."""
    return [
        {"arm": one.arm, "seed": one.seed, "fit": one.fit and WORDS[one.fit], "score": WORDS[one.cell]}
        for one in grid.plan()
    ]


def cells_without_data(config: SuiteConfig) -> list[Row]:
    """The cells of a suite whose data are not here: all are to do."""
    from pathlib import Path

    from s2r_bench.steps.checkpoint import is_checkpoint
    from s2r_bench.steps.evaluate import open_task
    from s2r_bench.steps.methods import find
    from s2r_bench.task import references_of

    task = open_task(config.task.name, config.preset, config.task.options)[0]
    arms: list[tuple[str, bool]] = [(name, False) for name in (references_of(task) if config.references else ())]
    for named in config.methods:
        given = is_checkpoint(Path(named.name))
        arms.append((named.name, not given and find(named.name).trained))
    to_do = WORDS["absent"]
    return [
        {"arm": name, "seed": seed, "fit": to_do if trained else None, "score": to_do}
        for seed in config.seeds
        for name, trained in arms
    ]


def tell_plan(
    session: Session, rounds: Sequence[tuple[SuiteConfig, list[Row]]], plan: "SuitePlan", needs: "Sequence[Needed]"
) -> int:
    """Print a plan; the exit code."""
    single = len(rounds) == 1
    cells = [row if single else {"round": config.name, **row} for config, rows in rounds for row in rows]
    todo = sum(row["score"] != "cached" for row in cells)
    lines: list[str] = []
    for config, rows in rounds:
        lines += [] if single else [f"{config.name}:"]
        lines += [
            f"{row['arm']:<20} seed {row['seed']:<4} fit: {row['fit'] or '-':<12} score: {row['score']}" for row in rows
        ]
    lines += _training_lines(plan) + _stored_lines(plan) + _data_lines(needs)
    lines.append(f"{todo} of {len(cells)} cells to do, in {session.home}")
    document = {
        "dry_run": True,
        "cells": cells,
        "to_do": todo,
        "trainings": [_training(row) for row in plan.trainings],
        "hours": _hours(plan),
        "not_measured": plan.unmeasured,
        "timings": {name: vars(timing) for name, timing in plan.timings.items()},
        "disk": [_stored(row) for row in plan.stored],
        "data": [{**vars(need), "place": str(need.place)} for need in needs],
    }
    session.answer(document, "\n".join(lines))
    return 0


def _training(row: "TrainingRow") -> Row:
    from s2r_bench.steps.plan import WORDS as SCOPES

    one, timing = row.one, row.timing
    return {
        "owner": row.owner,
        "what": one.what,
        "steps": one.steps,
        "batch": one.batch,
        "count": row.count,
        "shared": SCOPES[one.scope],
        "hours": row.hours,
        "device": timing.device if timing else None,
        "note": one.note,
    }


def _hours(plan: "SuitePlan") -> dict[str, float]:
    """Device -> hours of all trainings that have any."""
    found: dict[str, float] = {}
    for row in plan.trainings:
        if row.timing and row.hours is not None:
            found[row.timing.device] = found.get(row.timing.device, 0.0) + row.hours
    return found


def _training_lines(plan: "SuitePlan") -> list[str]:
    from s2r_bench.steps.plan import WORDS as SCOPES

    if not plan.trainings:
        return []
    lines = ["trainings"]
    for row in plan.trainings:
        one = row.one
        steps = "steps not known" if one.steps is None else f"{one.steps:,} steps"
        batch = f" of {one.batch}" if one.batch else ""
        cost = f"{row.hours:,.1f} h on {row.timing.device}" if row.timing and row.hours is not None else "not measured"
        note = f" ({one.note})" if one.note else ""
        what = f"{row.owner}: {one.what}"
        lines.append(f"  {what:<32} {row.count:>4} x {steps + batch:<26} {SCOPES[one.scope]:<28} {cost}{note}")
    for device, hours in _hours(plan).items():
        lines.append(f"  in all {hours:,.1f} hours on {device}, and what is not measured")
    lines += [f"  by: {one.source}; assumed: {one.assumes}" for one in plan.timings.values()]
    return lines


def _stored(row: "StoredRow") -> Row:
    one = row.one
    told = {"what": one.what, "bytes": one.size, "count": row.count, "passing": one.passing, "note": one.note}
    return {"owner": row.owner, **told}


def _stored_lines(plan: "SuitePlan") -> list[str]:
    if not plan.stored:
        return []
    lines = ["disk (before compression; simulated frames come on top, their size is not measured)"]
    for row in plan.stored:
        one = row.one
        known = "as many as there are" if row.count is None else f"x {row.count:,} = {_size(one.size * row.count)}"
        passing = ", deleted after the fit" if one.passing else ""
        note = f" ({one.note})" if one.note else ""
        what = f"{row.owner}: {one.what}"
        lines.append(f"  {what:<40} {_size(one.size):>10} {known}{passing}{note}")
    return lines


def _size(count: int) -> str:
    """Bytes as people say them.

    >>> _size(55_296), _size(3 * 2**30)
    ('54.0 KiB', '3.0 GiB')
    """
    for unit, name in ((GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count} B"


def _data_lines(needs: "Sequence[Needed]") -> list[str]:
    if not needs:
        return []
    lines = ["data"]
    for need in needs:
        use = f" ({need.use})" if need.use else ""
        where = str(need.place) if need.state == "here" else need.remedy
        lines.append(f"  {need.name:<14} {need.state:<10}{use} {where}")
    return lines
