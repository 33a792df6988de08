"""methods: the simulators that are there, a new one to start from, and whether one keeps the contract."""

import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session, aside

if TYPE_CHECKING:
    from s2r_bench.conformance import Outcome, Subject

Name = Annotated[str, typer.Argument(help="A name or file.py:Class.")]
MARKS = {"passed": "passed", "failed": "FAILED", "figure": "figure", "skipped": "-", "blocked": "?"}


def add_to(methods: typer.Typer) -> None:
    """Register `methods`."""
    common.command(methods, "list", examples=["s2r-bench methods list"])(list_)
    common.command(methods, "show", examples=["s2r-bench methods show ours", "s2r-bench methods show my.py"])(show)
    common.command(methods, "new", examples=["s2r-bench methods new my-sim"])(new)
    common.command(
        methods, "check", examples=["s2r-bench methods check my.py:MySim", "s2r-bench methods check my-sim --json"]
    )(check)


def list_(session: Session) -> None:
    """List simulators: this package's and those of installed packages. One that cannot be used is a warning."""
    from s2r_bench.steps.methods import listed

    found = listed()
    for one in found:
        if one.fault:
            session.warn(f"{one.name}: {one.fault}")
    lines = [f"{one.name:<18} {one.summary}" for one in found if not one.fault]
    session.answer([vars(one) for one in found], "\n".join(lines))


def show(session: Session, name: Name, preset: common.Preset = None) -> None:
    """Show what a simulator declares, and its options at a preset."""
    from dataclasses import asdict

    from s2r_bench.options import preset_name
    from s2r_bench.steps.leakage import declared
    from s2r_bench.steps.methods import find

    preset = preset_name(preset or "tiny")
    method = find(name)
    options = method.options(preset).model_dump(mode="json")
    card = asdict(method.cls.card)
    low, high = method.cls.card.depth_range_m
    card["seen_scenes"] = sorted(declared(method))
    plain = {**card, "depth_range_m": [low, high if math.isfinite(high) else None]}  # JSON knows no infinity
    document = {"name": method.name, "card": plain, "preset": preset, "options": options}
    lines = [f"{key}: {value}" for key, value in {"name": method.name, **card}.items()]
    lines += [f"options at preset {preset} (--set NAME=VALUE):", *_dotted(options)]
    session.answer(document, "\n".join(lines))


def _dotted(options: dict[str, Any], prefix: str = "  ") -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={value}"


def new(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="The folder to write; empty, or not there yet.", metavar="DIR")],
    name: Annotated[str | None, typer.Option("--name", help="Of the method. [default: the folder's]")] = None,
) -> None:
    """Write a project of your own with a small simulator that passes `methods check`, to start from."""
    from s2r_bench.skeleton import write_project

    made = write_project(folder, name)
    word = f"{folder / made.module}:{made.cls}"
    lines = [
        f"{folder}: method {made.name}, in {made.module}",
        f"check it:    s2r-bench methods check {word}",
        f"score it:    s2r-bench evaluate -m {word}",
        f"install it:  pip install -e {folder}    # then its name is {made.name}",
    ]
    session.answer({"folder": str(folder), "name": made.name, "method": word}, "\n".join(lines))


def check(
    session: Session,
    name: Name,
    preset: Annotated[str, typer.Option("--preset", help="Sizes of method and world.", metavar="NAME")] = "smoke",
    data: Annotated[str, typer.Option("--data", "-d", help="A world or a folder.", metavar="NAME|DIR")] = "mini",
    set_: common.Sets = None,
    device: Annotated[
        str, typer.Option("--device", help="cpu or cuda. Few GPU kernels keep equal results bit for bit.")
    ] = "cpu",
) -> int:
    """Check that a simulator keeps the contract: units, holes, seeds, files, restarts. Exit 5 if it does not."""
    from s2r_bench.conformance import CHECKS

    # what a simulator prints is talk, and stands in no table and no document
    with aside(), tempfile.TemporaryDirectory(prefix="s2r-check-") as room:
        subject = _subject(session, name, preset, data, set_ or [], device, Path(room))
        outcomes = []
        for done, one in enumerate(CHECKS):
            session.progress(done, len(CHECKS), f"checks of {subject.method.name}: {one.name:<14}")
            outcomes.append(one(subject))
            if session.debug and outcomes[-1].trace:
                sys.stderr.write(f"{one.name}:\n{outcomes[-1].trace}")
        session.progress(len(CHECKS), len(CHECKS), f"checks of {subject.method.name}{'':<16}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    document = {"method": subject.method.name, "preset": preset, "data": data, "ok": not failed}
    told = [{name: getattr(one, name) for name in ("name", "state", "found", "remedy")} for one in outcomes]
    session.answer({**document, "checks": told}, _table(subject, outcomes))
    return 5 if failed else 0


def _subject(
    session: Session, name: str, preset: str, data: str, sets: Sequence[str], device: str, room: Path
) -> "Subject":
    from s2r_bench.conformance import world_subject
    from s2r_bench.options import parse_set, preset_name
    from s2r_bench.steps.environment import pick_device
    from s2r_bench.steps.methods import located
    from s2r_bench.worlds import open_world

    method, given = located(name), parse_set(sets)
    own = {key: value for key, value in given.items() if not key.startswith("world.")}
    options = {key.removeprefix("world."): value for key, value in given.items() if key.startswith("world.")}
    world = open_world(data, preset=preset_name(preset), home=session.home, options=options)
    return world_subject(method, world, room, preset=preset_name(preset), overrides=own, device=pick_device(device))


def _table(subject: "Subject", outcomes: Sequence["Outcome"]) -> str:
    lines = [f"{'check':<14} {'result':<7} found"]
    # without its parts nothing of a class can be judged: a line that says so, not one for each check
    for one in outcomes[:1] if outcomes[0].state == "failed" else outcomes:
        lines.append(f"{one.name:<14} {MARKS[one.state]:<7} {one.found}")
        if one.state == "failed":
            lines.append(f"{'':<22} what to do: {one.remedy}")
    if outcomes[0].state == "failed":
        lines.append(f"{'all others':<14} {MARKS['blocked']:<7} cannot be judged before {outcomes[0].name!r} is passed")
    counts = [sum(one.state == state for one in outcomes) for state in ("passed", "failed", "blocked")]
    lines.append("{}: {} passed, {} failed, {} not judged because of those".format(subject.method.name, *counts))
    return "\n".join(lines)
