"""Run a grid of cells and tell of it: plan, outcomes, table, report."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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


def run_grid(
    session: Session,
    config: SuiteConfig,
    *,
    overwrite: "Overwrite",
    refit: "Overwrite",
    dry_run: bool,
    report_to: Path | None,
    report: bool,
    jobs: int | None = None,
) -> int:
    """Run all cells of `config` in `jobs` processes, print the table, write the report if asked; the exit code."""
    from s2r_bench.cli.compare import table, write_report
    from s2r_bench.steps.evaluate import Grid, exit_code

    grid = Grid(request(session, config, overwrite, refit), session.store, session.progress)
    if dry_run:
        return _plan(session, grid)
    world = grid.request.world
    session.say(f"world {world.name} ({world.sensor}), preset {world.preset}; results in {session.home}")
    outcomes = _in_order(grid, _run(session, grid, _found(session, grid, config, jobs)))
    records = [outcome.record for outcome in outcomes if outcome.record]
    written: list[Path] = []
    if records and report:
        to = report_to or session.home / "reports" / f"{config.name}-{Path(config.world.name).name}-{config.preset}"
        written = write_report(records, to, config.report, session.home)
    document = {
        "command": "run" if report else "evaluate",
        "cells": [_told(outcome) for outcome in outcomes],
        "report": [str(path) for path in written],
    }
    session.answer(document, None if session.json else table(records, session.home))
    for path in written:
        session.say(f"report: {path}")
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        session.warn(
            f"{len(failed)} of {len(outcomes)} cells failed, the rest is saved; `s2r-bench results ls --failed`"
        )
    return exit_code(outcomes)


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


def _plan(session: Session, grid: "Grid") -> int:
    planned = grid.plan()
    words = {"done": "cached", "absent": "to do", "unfinished": "to continue", "failed": "to do again"}
    rows = [
        {"arm": one.arm, "seed": one.seed, "fit": one.fit and words[one.fit], "score": words[one.cell]}
        for one in planned
    ]
    lines = [
        f"{row['arm']:<20} seed {row['seed']:<4} fit: {row['fit'] or '-':<12} score: {row['score']}" for row in rows
    ]
    todo = sum(row["score"] != "cached" for row in rows)
    lines.append(f"{todo} of {len(rows)} cells to do, in {session.home}")
    session.answer({"dry_run": True, "cells": rows, "to_do": todo}, "\n".join(lines))
    return 0


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
