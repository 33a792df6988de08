"""run, train, simulate, evaluate: the commands that compute."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session

if TYPE_CHECKING:
    from s2r_bench.config import Named

MethodName = Annotated[str, typer.Option("--method", "-m", help="A name, file.py:Class, or a checkpoint folder.")]
Scene = Annotated[
    str,
    typer.Option(
        "--scene",
        help="Where a CAD model stands: alone, room (a furnished one), lasa (its rooms), or a folder of rooms.",
        metavar="alone|room|lasa|DIR",
    ),
]
Trajectory = Annotated[
    Path | None,
    typer.Option(
        "--trajectory", help="Recorded poses and intrinsics: cameras.json, npz, or a recording.", metavar="PATH"
    ),
]
Visible = Annotated[
    float, typer.Option("--min-visible", min=0, max=1, help="A view counts that shows this share of the model (room).")
]
Margin = Annotated[float, typer.Option("--margin", min=1, help="Cut-out over the model's box, side over side.")]
Occupancy = Annotated[
    int, typer.Option("--occupancy", min=0, help="Write so many points in, near and on each CAD model, labelled.")
]
ShardOf = Annotated[str, typer.Option("--shard", help="Only this part of the CAD models, as 2/8.", metavar="I/N")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes that render and fuse CAD models.")]
MethodNames = Annotated[
    list[str] | None,
    typer.Option("--method", "-m", help="A name, file.py:Class, or a checkpoint folder; repeat.", metavar="NAME"),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    put = {"panel": "Run"}
    common.command(
        app,
        "run",
        **put,
        examples=[
            "s2r-bench run",
            "s2r-bench run my-suite.yaml -m ours -m sd --seeds 3",
            "s2r-bench run paper-recon -n",
        ],
    )(run)
    common.command(
        app, "train", **put, examples=["s2r-bench train ours", "s2r-bench train ours -d my-pairs/ --max-steps 2000"]
    )(train)
    common.command(
        app,
        "simulate",
        **put,
        examples=["s2r-bench simulate -m ours", "s2r-bench simulate -m ours -d assets/ --scene room -o sims/"],
    )(simulate)
    common.command(
        app,
        "evaluate",
        **put,
        examples=["s2r-bench evaluate -t fidelity -m ours -m sd", "s2r-bench evaluate -t fidelity --seeds 3"],
    )(evaluate)


def run(
    session: Session,
    suite: Annotated[str, typer.Argument(help="suite.yaml or a built-in name.")] = "quickstart",
    method: MethodNames = None,
    data: common.Data = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Instead of the suite's task.")] = None,
    follow: Annotated[
        str | None,
        typer.Option("--follow", help="Of a paper's suite: text, code or strict, where its sources differ."),
    ] = None,
    round_: Annotated[
        list[str] | None, typer.Option("--round", help="Of a suite with several: only this one; repeat.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where the report goes.", metavar="DIR")] = None,
    preset: common.Preset = None,
    set_: common.Sets = None,
    max_steps: common.MaxSteps = None,
    allow_leakage: common.Leakage = False,
    seed: common.Seed = None,
    seeds: common.Seeds = None,
    device: common.Device = None,
    jobs: common.Jobs = None,
    overwrite: common.OverwriteFlag = "failed",
    dry_run: common.DryRun = False,
    offline: common.Offline = False,
) -> int:
    """Run a whole benchmark: data, training, simulation, scores, report."""
    from s2r_bench.cli.grid import Asked, plan_rounds, run_rounds
    from s2r_bench.cli.prepare import check_options
    from s2r_bench.config import load_suite, rounds_of

    flags = {
        "methods": [_checked(word) for word in method] if method else None,
        "world": data,
        "task": task,
        "follow": follow,
        "preset": preset,
        "device": device,
        "max_steps": max_steps,
        "seeds": _seeds(seed, seeds),
        "allow_leakage": allow_leakage or None,
    }
    config = load_suite(suite, sets=set_ or [], flags=flags)
    rounds = rounds_of(config, round_ or [])
    for one in rounds:
        check_options(suite, one)
    asked = Asked(overwrite, overwrite, report=True, report_to=out, jobs=jobs)
    return plan_rounds(session, config, rounds, asked) if dry_run else run_rounds(session, rounds, asked)


def train(
    session: Session,
    method: Annotated[str, typer.Argument(help="A name or file.py:Class.")],
    data: common.Data = None,
    config: common.ConfigFile = None,
    preset: common.Preset = None,
    set_: common.Sets = None,
    max_steps: common.MaxSteps = None,
    seed: common.Seed = None,
    seeds: common.Seeds = None,
    device: common.Device = None,
    overwrite: common.OverwriteFlag = "failed",
    dry_run: common.DryRun = False,
    offline: common.Offline = False,
) -> int | None:
    """Fit a simulator to the training pairs of a world; a killed fit is continued."""
    from s2r_bench.cli.prepare import fit_jobs
    from s2r_bench.worlds.base import is_made

    flags = _flags(data, preset, device, max_steps, _seeds(seed, seeds))
    resolved, jobs = fit_jobs(session, _checked(method), config, set_ or [], flags)
    told = []
    for job in jobs:
        if dry_run and not is_made(job.world, ["train"]):  # a plan makes no world, and without one there is no key
            told.append({"seed": job.seed, "key": None, "state": "absent", "checkpoint": None})
            continue
        state, folder = session.store.state(job.spec), session.store.folder(job.spec)
        if dry_run:
            told.append(
                {"seed": job.seed, "key": job.spec.key, "state": state, "checkpoint": str(folder / "checkpoint")}
            )
            continue
        from s2r_bench.steps.fit import fit

        checkpoint = fit(job, session.store, overwrite=overwrite, config=resolved.model_dump(mode="json"))
        cached = state == "done" and overwrite != "always"
        session.say(f"{job.method.name}, seed {job.seed}: {'was fitted before' if cached else 'fitted'}")
        told.append({"seed": job.seed, "key": job.spec.key, "cached": cached, "checkpoint": str(checkpoint)})
    lines = [
        f"{one['checkpoint'] or f'{job.method.name}, seed {job.seed}'}{'  ' + str(one['state']) if dry_run else ''}"
        for job, one in zip(jobs, told, strict=True)
    ]
    session.answer({"command": "train", "method": method, "dry_run": dry_run, "fits": told}, "\n".join(lines))
    return None


def simulate(
    session: Session,
    method: MethodName = "ours",
    data: common.Data = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A new or unfinished folder.", metavar="DIR")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="A trained simulator, instead of fitting one.", metavar="DIR")
    ] = None,
    trained_on: Annotated[
        str, typer.Option("--trained-on", help="The world whose sensor is learned, when --data is a folder of CADs.")
    ] = "mini",
    split: Annotated[str, typer.Option("--split", help="Which pairs of a world: train, val, test.")] = "val",
    views: Annotated[int, typer.Option("--views", min=1, help="Views of each CAD model.")] = 12,
    voxel: Annotated[float, typer.Option("--voxel", min=0.0005, help="Voxel size of the fused clouds, m.")] = 0.01,
    fuse: Annotated[bool, typer.Option("--fuse/--no-fuse", help="Fuse the views of each CAD model.")] = True,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first so many models or frames.")
    ] = None,
    intrinsics: Annotated[
        Path | None, typer.Option("--intrinsics", help="JSON with K, height, width: the camera for CAD models.")
    ] = None,
    scene: Scene = "alone",
    trajectory: Trajectory = None,
    min_visible: Visible = 0.3,
    margin: Margin = 1.2,
    occupancy: Occupancy = 0,
    shard: ShardOf = "1/1",
    workers: Workers = 1,
    config: common.ConfigFile = None,
    preset: common.Preset = None,
    set_: common.Sets = None,
    max_steps: common.MaxSteps = None,
    seed: common.Seed = None,
    device: common.Device = None,
    dry_run: common.DryRun = False,
    offline: common.Offline = False,
) -> int | None:
    """Turn clean depth, of a world's views or of CAD models, into depth as a sensor would capture it."""
    from s2r_bench.cli.simulate import Wanted, simulate_data

    wanted = Wanted(
        method=_checked(str(checkpoint or method)),
        data=data,
        out=out,
        trained_on=trained_on,
        split=split,
        views=views,
        voxel=voxel,
        fuse=fuse,
        limit=limit,
        intrinsics=intrinsics,
        scene=scene,
        trajectory=trajectory,
        min_visible=min_visible,
        margin=margin,
        occupancy=occupancy,
        shard=shard,
        workers=workers,
        config=config,
        sets=tuple(set_ or ()),
        flags=_flags(None, preset, device, max_steps, _seeds(seed, None)),
        dry_run=dry_run,
    )
    return simulate_data(session, wanted)


def evaluate(
    session: Session,
    task: Annotated[str, typer.Option("--task", "-t", help="What is scored.")] = "fidelity",
    method: MethodNames = None,
    shots: Annotated[
        str | None, typer.Option("--shots", "-k", help="0 | 0.25 | 25% | 10 | full: captured samples to learn from.")
    ] = None,
    ways: Annotated[int | None, typer.Option("--ways", min=2, help="Classes of an episode.")] = None,
    data: common.Data = None,
    references: Annotated[
        bool, typer.Option("--references/--no-references", help="Score the task's floor and ceiling too.")
    ] = True,
    config: common.ConfigFile = None,
    preset: common.Preset = None,
    set_: common.Sets = None,
    max_steps: common.MaxSteps = None,
    allow_leakage: common.Leakage = False,
    seed: common.Seed = None,
    seeds: common.Seeds = None,
    device: common.Device = None,
    jobs: common.Jobs = None,
    overwrite: common.OverwriteFlag = "failed",
    dry_run: common.DryRun = False,
    offline: common.Offline = False,
) -> int:
    """Score simulators on a task; those that need it are fitted first."""
    from s2r_bench.cli.grid import Asked, plan_rounds, run_rounds
    from s2r_bench.cli.prepare import check_options, opened, task_options
    from s2r_bench.config import load_suite

    given = task_options(task, shots, ways)
    flags = _flags(data, preset, device, max_steps, _seeds(seed, seeds)) | {
        "task": task,
        "methods": [_checked(word) for word in method] if method else None,
        "references": references if not references else None,
        "allow_leakage": allow_leakage or None,
    }
    sets = [*(set_ or []), *(f"task.{name}={value}" for name, value in given.items())]
    base = {"methods": ["no-sim", "gaussian-binned", "sd", "ours"], "name": task}
    suite = load_suite(str(config) if config else None, base=base, sets=sets, flags=flags)
    check_options(str(config) if config else None, suite)
    if not method and not config and opened(session, suite).owns_sensor:
        suite = suite.model_copy(update={"methods": (*suite.methods, *_top(suite.task.name))})
    asked = Asked(overwrite, "failed", report=False, jobs=jobs)
    suite = suite.model_copy(update={"rounds": {}})  # a task that is scored by itself has the options it was given
    return plan_rounds(session, suite, [suite], asked) if dry_run else run_rounds(session, [suite], asked)


def _top(task: str) -> list["Named"]:
    """The method that a task measures all others against, where there is one: its gap closed is empty without it."""
    from s2r_bench.config import Named
    from s2r_bench.registry import METHODS, TASKS, module, names

    anchors = getattr(getattr(module(TASKS, task), "task", None), "anchors", ())
    return [Named(name=name) for name in anchors[1:] if name in names(METHODS)]


def _checked(word: str) -> str:
    from s2r_bench.steps.methods import check_name

    return check_name(word)


def _seeds(seed: int | None, seeds: int | None) -> list[int] | None:
    """The seeds that were asked for; None leaves them to the suite."""
    if seeds is None:
        return None if seed is None else [seed]
    return list(range(seed or 0, (seed or 0) + seeds))


def _flags(
    data: str | None, preset: str | None, device: str | None, max_steps: int | None, seeds: list[int] | None
) -> dict[str, Any]:
    return {"world": data, "preset": preset, "device": device, "max_steps": max_steps, "seeds": seeds}
