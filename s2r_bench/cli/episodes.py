"""data export-episodes: the few-shot episodes of `classify` as the files that other codebases read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError

if TYPE_CHECKING:
    from s2r_bench.task import Task
    from s2r_bench.worlds import World

TASK = "classify"


def add_to(data: typer.Typer) -> None:
    """Register `data export-episodes`."""
    common.command(
        data,
        "export-episodes",
        examples=[
            "s2r-bench data export-episodes -o episodes/ --ways 5 --shots 10",
            "s2r-bench data export-episodes -o episodes/ --set task.scanobjectnn=PATH",
        ],
    )(export_episodes)


def export_episodes(
    session: Session,
    out: Annotated[Path, typer.Option("--out", "-o", help="Gets 5way_10shot/0.pkl and so on.", metavar="DIR")],
    data: common.Data = None,
    ways: Annotated[int | None, typer.Option("--ways", min=2, help="Classes of an episode.")] = None,
    shots: Annotated[
        int | None, typer.Option("--shots", "-k", min=1, help="Objects of each class to learn from.")
    ] = None,
    runs: Annotated[int | None, typer.Option("--runs", min=1, help="How many episodes.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="From which they are drawn. [default: 0]")] = None,
    preset: common.Preset = None,
    set_: common.Sets = None,
) -> None:
    """Write the episodes of `classify` as Point-BERT's files; `task.episodes=DIR` reads them back."""
    from s2r_bench import registry
    from s2r_bench.options import parse_set, preset_name

    named = {"ways": ways, "shots": shots, "runs": runs, "episode_seed": seed}
    given = {f"task.{name}": value for name, value in named.items() if value is not None}
    size = preset_name(preset or "tiny")
    world, task = _opened(session, data or "mini", size, parse_set(set_ or ()) | given)
    written: list[Path] = registry.module(registry.TASKS, TASK).export_episodes(task, world, out)
    document = {"command": "data export-episodes", "episodes": [str(path) for path in written]}
    session.answer(document, f"{len(written)} episodes in {written[0].parent}; they are read by task.episodes={out}")


def _opened(session: Session, name: str, preset: str, sets: dict[str, Any]) -> "tuple[World, Task]":
    """The world and the task, with the options that are said of each.

    Raises:
        UsageError: an option of neither, or one that does not exist.
    """
    from s2r_bench.steps.evaluate import open_task
    from s2r_bench.worlds import open_world

    of: dict[str, dict[str, Any]] = {"task": {}, "world": {}}
    for dotted, value in sets.items():
        owner, _, option = dotted.partition(".")
        if owner not in of or not option:
            raise UsageError(f"--set {dotted}: expected task.NAME or world.NAME")
        of[owner][option] = value
    task, _ = open_task(TASK, preset, of["task"])
    return open_world(name, preset=preset, home=session.home, options=of["world"]), task
