"""data and methods: what there is to run on, and with."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import UsageError


def add_methods(methods: typer.Typer) -> None:
    """Register `methods`."""
    common.command(methods, "list", examples=["s2r-bench methods list"])(methods_list)
    common.command(methods, "show", examples=["s2r-bench methods show ours", "s2r-bench methods show my.py"])(
        methods_show
    )


def add_data(data: typer.Typer) -> None:
    """Register `data`."""
    common.command(data, "list", examples=["s2r-bench data list"])(data_list)
    common.command(data, "info", examples=["s2r-bench data info mini", "s2r-bench data info my-pairs/"])(data_info)
    common.command(data, "verify", examples=["s2r-bench data verify my-pairs/"])(data_verify)


def methods_list(session: Session) -> None:
    """List simulators: this package's and those of installed packages."""
    from s2r_bench.steps.methods import known, summary

    found = [{"name": name, "summary": summary(name)} for name in known()]
    session.answer(found, "\n".join(f"{one['name']:<18} {one['summary']}" for one in found))


def methods_show(
    session: Session,
    name: Annotated[str, typer.Argument(help="A name or file.py:Class.")],
    preset: common.Preset = None,
) -> None:
    """Show what a simulator declares, and its options at a preset."""
    from dataclasses import asdict

    from s2r_bench.steps.methods import find

    method = find(name)
    options = method.options(preset or "tiny").model_dump(mode="json")
    card = asdict(method.cls.card)
    document = {"name": method.name, "card": card, "preset": preset or "tiny", "options": options}
    lines = [f"{key}: {value}" for key, value in {"name": method.name, **card}.items()]
    lines += [f"options at preset {preset or 'tiny'} (--set NAME=VALUE):", *(f"  {k}: {v}" for k, v in options.items())]
    session.answer(document, "\n".join(lines))


WORLD_LINES = {
    "mini": "built in: procedural furniture and rooms, a virtual active-stereo sensor",
    "kinect": "real Kinect captures of a room (7-Scenes) beside the clean surface; you download it",
}


def data_list(session: Session) -> None:
    """List data worlds and whether they are on this machine."""
    from s2r_bench.worlds.base import WORLDS

    found = [{"name": name, "summary": WORLD_LINES.get(name, ""), "here": _here(session.home, name)} for name in WORLDS]
    lines = [f"{one['name']:<10} {'here' if one['here'] else 'not here':<9} {one['summary']}" for one in found]
    lines.append("or give a folder of pairs: cameras.json, clean/, captured/ (s2r-bench data info DIR)")
    session.answer(found, "\n".join(lines))


def data_info(
    session: Session,
    name: Annotated[str, typer.Argument(help="A world or a folder of pairs.")],
    preset: common.Preset = None,
    set_: common.Sets = None,
) -> None:
    """Show the splits, sensor and size of a world. A built-in world may be made first."""
    from s2r_bench.options import parse_set
    from s2r_bench.worlds import Split, open_world

    options = {key.removeprefix("world."): value for key, value in parse_set(set_ or []).items()}
    world = open_world(name, preset=preset or "tiny", home=session.home, options=options)
    splits: dict[str, dict[str, Any]] = {}
    for split in get_args(Split):
        pairs = world.pairs(split)
        splits[split] = {"pairs": len(pairs), "scenes": sorted(pairs.scenes), "digest": pairs.digest}
    document = {"name": world.name, "sensor": world.sensor, "preset": world.preset, "splits": splits}
    lines = [f"{world.name}: {world.sensor} (preset {world.preset})"]
    lines += [f"  {split:<6} {part['pairs']} pairs of {len(part['scenes'])} scenes" for split, part in splits.items()]
    session.answer(document, "\n".join(lines))


def data_verify(
    session: Session,
    name: Annotated[str, typer.Argument(help="A folder of pairs, or a world that is one.")] = "kinect",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> int:
    """Check a folder of pairs: damaged files, wrong units, poses or intrinsics, swapped sides. Exit 5 if anything is."""
    from s2r_bench.data.verify import verify_pairs

    folder = _folder(session, name)
    findings = verify_pairs(folder)
    wrong = [finding for finding in findings if strict or finding.severity == "error"]
    lines = [str(finding) for finding in findings] or [f"{folder}: nothing wrong"]
    document = {"folder": str(folder), "ok": not wrong, "findings": [vars(finding) for finding in findings]}
    session.answer(document, "\n".join(lines))
    return 5 if wrong else 0


def _folder(session: Session, name: str) -> Path:
    """The pair folder behind a name.

    Raises:
        UsageError: the world is made, not read.
        DataError: there is none.
    """
    from s2r_bench.worlds import open_world

    if name == "mini":
        raise UsageError("the world mini is made here, not read from files: there is nothing to verify")
    if Path(name).is_dir():
        return Path(name)
    folder: Path | None = getattr(open_world(name, home=session.home), "folder", None)
    if folder is None:
        raise UsageError(f"{name} is no folder of pairs")
    return folder


def _here(home: Path, name: str) -> bool:
    import os

    if name == "mini":
        return True
    if name not in ("kinect",):
        raise UsageError(name)
    return (Path(os.environ.get("S2R_KINECT") or home / "data" / "kinect") / "cameras.json").is_file()
