"""data: what there is to run on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from s2r_bench.data.checks.finding import Finding


def add_data(data: typer.Typer) -> None:
    """Register `data`."""
    common.command(data, "list", examples=["s2r-bench data list"])(data_list)
    common.command(data, "info", examples=["s2r-bench data info mini", "s2r-bench data info my-pairs/"])(data_info)
    common.command(data, "describe", examples=["s2r-bench data describe models/", "s2r-bench data describe lasa"])(
        data_describe
    )
    common.command(
        data,
        "prepare",
        examples=[
            "s2r-bench data prepare kinect --from PATH/redkitchen",
            "s2r-bench data prepare lasa --from PATH",
            "s2r-bench data prepare my-room --kind pairs --from DIR",
        ],
    )(data_prepare)
    common.command(
        data, "verify", examples=["s2r-bench data verify my-pairs/", "s2r-bench data verify lasa --from PATH"]
    )(data_verify)


def data_list(session: Session) -> None:
    """List the data sets that this version reads, and whether they are on this machine."""
    from s2r_bench.data.catalogue import DATA_SETS

    found = [
        {"name": one.name, "kind": one.kind, "summary": one.title, "here": _here(session.home, one.name)}
        for one in DATA_SETS
        if one.kind != "pairs"
    ]
    lines = [
        f"{one['name']:<12} {one['kind']:<9} {'here' if one['here'] else 'not here':<9} {one['summary']}"
        for one in found
    ]
    lines.append("or give a folder of pairs: cameras.json, clean/, captured/ (s2r-bench data info DIR)")
    session.answer(found, "\n".join(lines))


def data_info(
    session: Session,
    name: Annotated[str, typer.Argument(help="A name of `data list`, or a folder of pairs.")],
    preset: common.Preset = None,
    set_: common.Sets = None,
) -> None:
    """Show licence, source, splits and sensor of a data set. A built-in world may be made first."""
    from s2r_bench.data.catalogue import find
    from s2r_bench.options import parse_set, preset_name
    from s2r_bench.worlds import Split, open_world

    known = find(name)
    about = known.about() if known is not None and not Path(name).is_dir() else {}
    told = [f"{key}: {value}" for key, value in about.items() if value]
    if about and (about["kind"] != "world" or not _here(session.home, name)):
        session.answer({**about, "here": _here(session.home, name)}, "\n".join(told))
        return
    options = {key.removeprefix("world."): value for key, value in parse_set(set_ or []).items()}
    world = open_world(name, preset=preset_name(preset or "tiny"), home=session.home, options=options)
    splits: dict[str, dict[str, Any]] = {}
    for split in get_args(Split):
        pairs = world.pairs(split)
        splits[split] = {"pairs": len(pairs), "scenes": sorted(pairs.scenes), "digest": pairs.digest}
    document = {"name": world.name, "sensor": world.sensor, "preset": world.preset, "splits": splits}
    document |= {key: value for key, value in about.items() if key in ("licence", "source")}
    lines = [f"{world.name}: {world.sensor} (preset {world.preset})"]
    lines += [f"  {split:<6} {part['pairs']} pairs of {len(part['scenes'])} scenes" for split, part in splits.items()]
    lines += [f"  {key}: {about[key]}" for key in ("licence", "source") if key in about]
    session.answer(document, "\n".join(lines))


def data_describe(
    session: Session,
    path: Annotated[
        str,
        typer.Argument(help="A name of `data list`; or CAD models (folder, library), or a folder of other data."),
    ],
) -> None:
    """Show what lies on the disk: CAD models by category and size, pairs by split, scans by class, rooms by area."""
    from s2r_bench.data.describe import described

    document, lines = described(_place(session.home, path))
    session.answer(document, "\n".join(lines))


def data_prepare(
    session: Session,
    name: Annotated[str, typer.Argument(help="A data set of `data list`, or a name for your own pairs.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="What was downloaded or recorded.", metavar="PATH")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Instead of HOME/data/NAME.", metavar="DIR")] = None,
    kind: Annotated[
        Literal["auto", "pairs", "sequence", "cad"], typer.Option("--kind", help="What the source is.")
    ] = "auto",
    layout: Annotated[
        Literal["auto", "7scenes", "tum"], typer.Option("--layout", help="Of a recorded sequence.")
    ] = "auto",
    split: Annotated[
        list[str] | None,
        typer.Option("--split", help="First and last frame of a split; repeat.", metavar="train=0000:0519"),
    ] = None,
    sensor: Annotated[str | None, typer.Option("--sensor", help="Its name in records and tables.")] = None,
    scene: Annotated[str | None, typer.Option("--scene", help="Name of the room.")] = None,
    intrinsics: Annotated[
        Path | None,
        typer.Option("--intrinsics", help="JSON with K, width, height of a sequence's depth camera.", metavar="FILE"),
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", min=1, help="A pair of every n-th frame of a sequence or video.")
    ] = None,
) -> None:
    """Make a data set ready: pairs from an RGB-D sequence with poses, from a folder of pairs, or a CAD library."""
    from s2r_bench.data.catalogue import find
    from s2r_bench.data.prepare import SequenceSettings, prepare
    from s2r_bench.data.splits import parse_ranges

    if source is None:
        known = find(name)
        told = f"Get it from {known.source}, licence {known.licence}" if known else "Record or download it"
        raise UsageError(f"{told}; then: s2r-bench data prepare {name} --from PATH")
    found = prepare(
        name,
        source,
        session.home,
        out=out,
        kind=kind,
        layout=layout,
        splits=parse_ranges(split) if split else None,
        sensor=sensor,
        scene=scene,
        intrinsics=intrinsics,
        settings=SequenceSettings(every=every or 1),
        every=every,
        progress=lambda stage, done, total: session.progress(done, total, stage),
    )
    lines = [f"{key}: {value}" for key, value in found.items()]
    session.answer({"command": "data prepare", **found}, "\n".join(lines))


def data_verify(
    session: Session,
    name: Annotated[str, typer.Argument(help="A folder of pairs, or a world that is one.")] = "kinect",
    source: Annotated[
        Path | None, typer.Option("--from", help="Check a download of a published data set instead.", metavar="PATH")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> int:
    """Check a folder of pairs (files, units, poses, intrinsics), or a data set as downloaded. Exit 5 if wrong."""
    folder, findings = _findings(session, name, source)
    wrong = [finding for finding in findings if strict or finding.severity == "error"]
    lines = [str(finding) for finding in findings] or [f"{folder}: nothing wrong"]
    document = {"folder": str(folder), "ok": not wrong, "findings": [vars(finding) for finding in findings]}
    session.answer(document, "\n".join(lines))
    return 5 if wrong else 0


def _findings(session: Session, name: str, source: Path | None) -> "tuple[Path, list[Finding]]":
    """What was looked at, and what is wrong with it.

    Raises:
        UsageError: no published data set has that name.
        DataError: nothing of it is there.
    """
    from s2r_bench.data.sets import SETS
    from s2r_bench.data.verify import verify_pairs

    if source is not None:
        if name not in SETS:
            known = ", ".join(SETS)
            raise UsageError(f"--from takes a download of: {known}; not {name!r}. A pair folder needs no --from")
        return source, SETS[name].check(source, session.home)
    if name in SETS and SETS[name].kind != "pairs" and not Path(name).is_dir():
        place = _prepared(session.home, name)
        return place, SETS[name].check_prepared(place)
    folder = _folder(session, name)
    return folder, verify_pairs(folder)


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


def _place(home: Path, name: str) -> Path:
    """The path, or where the data set of that name lies.

    Raises:
        UsageError: neither.
        DataError: the data set is not on this machine.
    """
    from s2r_bench.data.catalogue import DATA_SETS

    if Path(name).exists():
        return Path(name)
    known = [one.name for one in DATA_SETS if one.kind != "pairs"]
    if name not in known or name == "mini":
        if (home / "data" / name).is_dir() and Path(name).name == name:
            return home / "data" / name
        raise UsageError(f"there is neither a path nor a data set {name!r} to describe; data sets: {', '.join(known)}")
    return _prepared(home, name)


def _prepared(home: Path, name: str) -> Path:
    """Where a data set of the catalogue lies.

    Raises:
        DataError: it is not on this machine; the message says how to get it.
    """
    from s2r_bench.data.catalogue import find
    from s2r_bench.steps.needs import is_here, place_of, remedy

    known, place = find(name), place_of(home, name)
    assert known is not None
    if not is_here(known, place):
        raise DataError(f"{name} is not on this machine (looked in {place}): {remedy(known, place)}")
    return place


def _here(home: Path, name: str) -> bool:
    from s2r_bench.data.catalogue import find
    from s2r_bench.steps.needs import is_here, place_of

    known = find(name)
    return known is not None and is_here(known, place_of(home, name))
