"""From words to what the runners take: worlds opened, methods found, options checked before anything is run."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2r_bench import shots
from s2r_bench.cli.session import Session
from s2r_bench.config import SuiteConfig, load_suite, place
from s2r_bench.errors import UsageError

if TYPE_CHECKING:
    from s2r_bench.steps.evaluate import Request
    from s2r_bench.steps.fit import FitJob
    from s2r_bench.store import Overwrite
    from s2r_bench.worlds.base import World


def opened(session: Session, config: SuiteConfig) -> "World":
    """The world of a configuration."""
    from s2r_bench.worlds import open_world

    return open_world(config.world.name, preset=config.preset, home=session.home, options=config.world.options)


def request(session: Session, config: SuiteConfig, overwrite: "Overwrite", refit: "Overwrite") -> "Request":
    """What a configuration asks to be scored."""
    from s2r_bench.simulator import Budget
    from s2r_bench.steps.environment import pick_device
    from s2r_bench.steps.evaluate import Request

    device = pick_device(config.device)
    return Request(
        task=config.task.name,
        methods={method.name: method.options for method in config.methods},
        world=opened(session, config),
        seeds=config.seeds,
        task_options=config.task.options,
        world_options=config.world.options,
        budget=Budget(config.max_steps),
        device=device,
        references=config.references,
        allow_leakage=config.allow_leakage,
        overwrite=overwrite,
        refit=refit,
        config=config.model_dump(mode="json"),
    )


def check_options(word: str | None, config: SuiteConfig) -> None:
    """Check the options of the task, and options and names of all methods, before anything is run.

    Raises:
        UsageError: an option that does not exist or is out of range, with its line in the suite `word`; two methods
            that would be one arm.
    """
    from s2r_bench.steps.checkpoint import is_checkpoint
    from s2r_bench.steps.evaluate import open_task
    from s2r_bench.steps.methods import find, refuse_shared_names
    from s2r_bench.task import own_arms

    task = config.task
    _located(word, ["task.options"], lambda: open_task(task.name, config.preset, task.options))
    methods = []
    for index, method in enumerate(config.methods):
        if not is_checkpoint(Path(method.name)):
            found, sections = find(method.name), [f"methods.{method.name}", f"methods.{index}.options"]
            _located(word, sections, partial(found.options, config.preset, method.options))
            methods.append((method.name, found))
    refuse_shared_names(methods, own_arms(open_task(task.name, config.preset, task.options)[0]))


def _located(word: str | None, sections: Sequence[str], check: Callable[[], object]) -> None:
    try:
        check()
    except UsageError as wrong:
        raise UsageError(f"{place(word, sections, wrong)}{wrong}") from wrong


def fit_jobs(
    session: Session, method: str, file: Path | None, sets: Sequence[str], flags: Mapping[str, Any]
) -> tuple[SuiteConfig, list["FitJob"]]:
    """One fit for each seed."""
    from s2r_bench.simulator import Budget
    from s2r_bench.steps.environment import pick_device
    from s2r_bench.steps.fit import FitJob
    from s2r_bench.steps.methods import find

    config = load_suite(str(file) if file else None, sets=sets, flags=flags, only=method)
    found = find(method)
    options = found.options(config.preset, config.methods[0].options)
    device = pick_device(config.device)
    world = opened(session, config)
    budget = Budget(config.max_steps)
    return config, [FitJob(found, world, options, s, budget, device, dict(config.world.options)) for s in config.seeds]


_LACKS = {"shots": "takes no number of captured samples", "ways": "has no episodes"}


def task_options(task: str, text: str | None, ways: int | None) -> dict[str, Any]:
    """What --shots and --ways say, as options of the task.

    Raises:
        UsageError: no shots, or the task has no such thing.
    """
    from s2r_bench import registry

    wanted: dict[str, Any] = {}
    if text is not None:
        shots.parse(text)
        wanted["shots"] = f"'{text}'"  # quoted: `1` and `1.0` must reach the task as typed
    if ways is not None:
        wanted["ways"] = ways
    if wanted:
        fields = registry.module(registry.TASKS, task).task.options_type.model_fields
        for name in wanted:
            if name not in fields:
                raise UsageError(f"--{name}: the task {task!r} {_LACKS[name]}; leave it out")
    return wanted
