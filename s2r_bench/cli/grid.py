"""Run a grid of cells and tell of it: plan, outcomes, table, report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2r_bench import workers
from s2r_bench.cli.prepare import request
from s2r_bench.cli.session import Session, describe
from s2r_bench.cli.side_by_side import Brief, jobs_for, run_side_by_side
from s2r_bench.config import SuiteConfig

if TYPE_CHECKING:
    from s2r_bench.steps.evaluate import Grid, Outcome
    from s2r_bench.store import Overwrite


@dataclass(frozen=True)
class Asked:
    """How a grid is to be run.

    Attributes:
        overwrite, refit: what to do with cells and fits that are there.
        report: whether a report is written. report_to: where, instead of `HOME/reports/NAME-WORLD-PRESET`.
        jobs: processes; None: as many as the machine bears.
    """

    overwrite: "Overwrite"
    refit: "Overwrite"
    report: bool
    report_to: Path | None = None
    jobs: int | None = None


def run_rounds(session: Session, rounds: Sequence[SuiteConfig], asked: Asked) -> int:
    """Run the grid of every round, print the tables, write the reports if asked; the exit code.

    Raises:
        DataError: data of the suite are not on this machine; nothing was run.
    """
    from s2r_bench.steps.needs import with_data

    told: list[dict[str, Any]] = []
    tables: list[str] = []
    codes: list[int] = []
    for config in [with_data(one, session.home) for one in rounds]:
        if len(rounds) > 1:
            session.say(f"round {len(told) + 1} of {len(rounds)}: {config.name}")
        to = asked.report_to
        if to is not None and len(rounds) > 1:
            to = to / config.name
        code, document, text = _run_grid(session, config, replace(asked, report_to=to))
        codes.append(code)
        told.append(document if len(rounds) == 1 else {"round": config.name, **document})
        tables.append((text or "") if len(rounds) == 1 else f"{config.name}\n{text or ''}")
    document = told[0] if len(rounds) == 1 else {"command": told[0]["command"], "rounds": told}
    session.answer(document, None if session.json else "\n\n".join(tables))
    return next((code for code in codes if code), 0)


def plan_rounds(session: Session, suite: SuiteConfig, rounds: Sequence[SuiteConfig], asked: Asked) -> int:
    """Print what `run_rounds` would do; data that are not here are named, not refused."""
    from s2r_bench.cli import plan as told
    from s2r_bench.cli.prepare import opened
    from s2r_bench.steps.evaluate import Grid
    from s2r_bench.steps.needs import missing, needs_of, with_data
    from s2r_bench.steps.plan import facts_of, plan_of
    from s2r_bench.worlds.base import is_made

    needs = needs_of(rounds[0], session.home)
    if missing(needs):
        cells = [(config, told.cells_without_data(config)) for config in rounds]
        return told.tell_plan(session, cells, plan_of(rounds, facts_of(suite)), needs)
    rounds = [with_data(config, session.home) for config in rounds]
    grids = [Grid(request(session, one, asked.overwrite, asked.refit), session.store) for one in rounds]
    cells = [(config, told.cells_of(grid)) for config, grid in zip(rounds, grids, strict=True)]
    world = opened(session, rounds[0])
    pairs = len(world.pairs("train")) if is_made(world, ["train"]) else None
    return told.tell_plan(session, cells, plan_of(rounds, facts_of(suite, pairs)), needs)


def _run_grid(session: Session, config: SuiteConfig, asked: Asked) -> tuple[int, dict[str, Any], str | None]:
    """Exit code, document and table of all cells of one round."""
    from s2r_bench.cli.compare import table, write_report
    from s2r_bench.steps.evaluate import Grid, exit_code

    grid = Grid(request(session, config, asked.overwrite, asked.refit), session.store, session.progress)
    world = grid.request.world
    session.say(f"world {world.name} ({world.sensor}), preset {world.preset}; results in {session.home}")
    outcomes = _in_order(grid, _run(session, grid, _found(session, grid, config, asked.jobs)))
    records = [outcome.record for outcome in outcomes if outcome.record]
    written: list[Path] = []
    if records and asked.report:
        name = f"{config.name}-{Path(config.world.name).name}-{config.preset}"
        written = write_report(records, asked.report_to or session.home / "reports" / name, config.report, session.home)
    document = {
        "command": "run" if asked.report else "evaluate",
        "cells": [_told(outcome) for outcome in outcomes],
        "report": [str(path) for path in written],
    }
    for path in written:
        session.say(f"report: {path}")
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        session.warn(
            f"{len(failed)} of {len(outcomes)} cells failed, the rest is saved; `s2r-bench results ls --failed`"
        )
    return exit_code(outcomes), document, None if session.json else table(records, session.home)


def _found(session: Session, grid: "Grid", config: SuiteConfig, jobs: int | None) -> Iterator["Outcome"]:
    """Outcomes of all cells; those that are to do are done last, several at a time where that was asked for."""
    todo = grid.to_do() if jobs_for(jobs, grid.request.device, len(grid)) > 1 else []
    several = jobs_for(jobs, grid.request.device, len(todo))
    if several == 1:
        yield from grid.run()
        return
    for cell in grid.longest_first():
        if cell not in todo:
            yield grid.cell(*cell)
    threads = max(1, workers.count() // several)
    session.say(f"{several} cells at a time, {threads} thread{'s' * (threads > 1)} each (--jobs)")
    brief = Brief(replace(session, json=False), config, grid.request.overwrite, grid.request.refit, threads)
    yield from run_side_by_side(brief, todo, several)


def _in_order(grid: "Grid", outcomes: list["Outcome"]) -> list["Outcome"]:
    """As one process would have given them."""
    names, seeds = [one.name for one in grid.contenders], list(grid.request.seeds)
    return sorted(outcomes, key=lambda outcome: (seeds.index(outcome.seed), names.index(outcome.arm)))


def _run(session: Session, grid: "Grid", found: Iterator["Outcome"]) -> list["Outcome"]:
    outcomes: list[Outcome] = []
    try:
        for outcome in found:
            outcomes.append(outcome)
            where = f"[{len(outcomes)}/{len(grid)}] {outcome.arm}, seed {outcome.seed}: {outcome.status}"
            if outcome.error:
                session.error(outcome.error)
            session.say(where)
            if outcome.record and outcome.record.failures:
                sample, why = next(iter(outcome.record.failures.items()))
                session.warn(f"{len(outcome.record.failures)} samples without a score; {sample}: {why}")
    except BaseException:
        session.say(f"stopped: {len(outcomes)} of {len(grid)} cells done.")
        raise
    return outcomes


def _told(outcome: "Outcome") -> dict[str, Any]:
    told: dict[str, Any] = {"arm": outcome.arm, "seed": outcome.seed, "status": outcome.status}
    if outcome.error:
        return told | {"error": describe(outcome.error), "exit_code": outcome.exit_code}
    assert outcome.record is not None
    return told | {
        "key": outcome.record.spec.key,
        "folder": str(outcome.folder),
        "failures": len(outcome.record.failures),
        "scores": means([outcome.record]),
        "costs": outcome.record.costs,
    }


def means(records: Sequence[Any]) -> list[dict[str, Any]]:
    """The mean of every metric and category over samples, for one arm."""
    sums: dict[tuple[str, str], list[float]] = {}
    for record in records:
        for score in record.scores:
            sums.setdefault((score.metric, score.category), []).append(score.value)
    return [
        {"metric": metric, "category": category, "mean": sum(values) / len(values), "samples": len(values)}
        for (metric, category), values in sums.items()
    ]
