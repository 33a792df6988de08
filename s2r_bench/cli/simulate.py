"""`s2r-bench simulate`: the clean views of a world, or CAD models, as a sensor would capture them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from s2r_bench.cli.prepare import fit_jobs, opened
from s2r_bench.cli.session import Session
from s2r_bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from s2r_bench.corpus import CorpusReport
    from s2r_bench.room_folder import Rooms
    from s2r_bench.scan import ScanSettings
    from s2r_bench.steps.checkpoint import Fitted
    from s2r_bench.worlds.base import Split, World

PINHOLE = {"K": [[146.25, 0.0, 79.5], [0.0, 146.25, 59.5], [0.0, 0.0, 1.0]], "height": 120, "width": 160}


@dataclass(frozen=True)
class Wanted:
    """What `simulate` was asked for; see its help."""

    method: str
    data: str | None
    out: Path | None
    trained_on: str
    split: str
    views: int
    voxel: float
    fuse: bool
    limit: int | None
    intrinsics: Path | None
    scene: str
    trajectory: Path | None
    min_visible: float
    margin: float
    occupancy: int
    shard: str
    workers: int
    config: Path | None
    sets: tuple[str, ...]
    flags: Mapping[str, Any]
    dry_run: bool


def simulate_data(session: Session, wanted: Wanted) -> int | None:
    """Simulate; print where."""
    cads = _cad_path(session.home, wanted.data)
    _check(session.home, wanted, cads)
    if wanted.dry_run:
        _plan(session, wanted, cads)
        return None
    world, fitted, seed = _fitted(session, wanted, cads)
    source = cads.name if cads else world.name if world else ""
    out = wanted.out or Path("simulated") / f"{fitted.origin.name}-{source}"
    if cads is not None:
        return _models(session, wanted, fitted, cads, out, seed)
    assert world is not None
    from s2r_bench.steps.simulate import simulate_world

    written = simulate_world(
        fitted,
        world,
        cast("Split", wanted.split),
        out,
        session.store,
        seed=seed,
        limit=wanted.limit,
        progress=session.progress,
    )
    document = {"command": "simulate", "out": str(out), "frames": written.frames, "made": written.made}
    session.answer(document, f"{out}: {written.frames} frames, {written.made} simulated now")
    return None


def _fitted(session: Session, wanted: Wanted, cads: Path | None) -> "tuple[World | None, Fitted, int]":
    """The world that is simulated (None where CADs are), and the simulator, fitted first if need be."""
    from s2r_bench.steps.checkpoint import is_checkpoint, open_checkpoint
    from s2r_bench.steps.environment import pick_device
    from s2r_bench.steps.fit import ready

    flags = {**wanted.flags, "world": wanted.trained_on if cads else wanted.data}
    if is_checkpoint(Path(wanted.method)):
        from s2r_bench.config import load_suite

        config = load_suite(
            str(wanted.config) if wanted.config else None, sets=wanted.sets, flags=flags, only=wanted.method
        )
        fitted = open_checkpoint(Path(wanted.method), pick_device(config.device), config.methods[0].options)
        return None if cads else opened(session, config), fitted, config.seeds[0]
    if Path(wanted.method).is_dir():
        raise DataError(
            f"{wanted.method} is no checkpoint: it has no simulator.json. `s2r-bench train METHOD` makes one"
        )
    config, jobs = fit_jobs(session, wanted.method, wanted.config, wanted.sets, flags)
    fitted = ready(jobs[0], session.store, config=config.model_dump(mode="json"))
    if fitted.origin.camera is None and cads:
        from s2r_bench.steps.fit import camera_of

        fitted = replace(fitted, origin=replace(fitted.origin, camera=camera_of(jobs[0].world.pairs("train"))))
    return None if cads else jobs[0].world, fitted, jobs[0].seed


def _models(session: Session, wanted: Wanted, fitted: "Fitted", cads: Path, out: Path, seed: int) -> int:
    from s2r_bench.cad import iter_models
    from s2r_bench.contact_sheet import contact_sheet
    from s2r_bench.corpus import Shard, simulate_corpus

    shard = Shard.parsed(wanted.shard)
    report = simulate_corpus(
        fitted.simulator,
        iter_models(cads, limit=wanted.limit, chosen=None if shard.count == 1 else shard.holds),
        out,
        _scan_settings(wanted, fitted, seed, session.home),
        shard=shard,
        workers=wanted.workers,
        method=fitted.origin.name,
        checkpoint=fitted.identity,
        progress=lambda done, name: session.say(f"  {done}: {name}"),
    )
    done = len(report.made) + len(report.kept)
    drawn = report.complete and wanted.fuse and any(out.glob("*/*/object.json"))
    sheet = contact_sheet(out) if drawn else None
    for name, why in report.failures.items():
        session.warn(f"{name}: {why.removeprefix(f'{name}: ')}")
    document = {
        "command": "simulate",
        "out": str(out),
        "objects": done,
        "made": len(report.made),
        "failures": report.failures,
        "views": report.views,
        "seconds": report.seconds,
        "views_per_second": report.views_per_second,
        "complete": report.complete,
        "contact_sheet": str(sheet) if sheet else None,
    }
    session.answer(document, f"{out}: {_told(report)}")
    return 1 if report.failures else 0


def _told(report: "CorpusReport") -> str:
    """The end of a run in a line."""
    done = len(report.made) + len(report.kept)
    text = f"{done} objects, {len(report.made)} simulated now, {len(report.failures)} failed"
    if report.failures and report.complete:
        text += " (failures.csv says why)"
    if report.views:
        parts = ", ".join(f"{name} {report.seconds[name]:.0f} s" for name in ("prepare", "simulate", "finish"))
        text += f"; {report.views} views at {report.views_per_second:.1f} a second ({parts})"
    return text if report.complete else f"{text}; the manifest is written when all shards are done"


def _scan_settings(wanted: Wanted, fitted: "Fitted", seed: int, home: Path) -> "ScanSettings":
    """How CAD models are to be scanned; labels lie where `recon` keeps its own too.

    Raises:
        DataError: intrinsics or trajectory cannot be read.
    """
    from s2r_bench.data.intrinsics import intrinsics_of, read_intrinsics
    from s2r_bench.scan import SCENES, ScanSettings
    from s2r_bench.trajectory import read_trajectory
    from s2r_bench.visibility import ViewRule

    recorded = read_trajectory(wanted.trajectory) if wanted.trajectory else None
    if wanted.intrinsics:
        K, size = read_intrinsics(wanted.intrinsics)
    elif recorded is not None:
        K, size = recorded.K, recorded.size
    else:
        K, size = intrinsics_of(fitted.origin.camera or PINHOLE, fitted.origin.name)
    return ScanSettings(
        seed,
        wanted.views,
        K,
        size,
        wanted.voxel,
        wanted.fuse,
        scene="alone" if wanted.scene == "alone" else "room",
        rooms=None if wanted.scene in SCENES else _rooms(home, wanted.scene),
        trajectory=recorded,
        rule=ViewRule(share=wanted.min_visible),
        margin=wanted.margin,
        occupancy=wanted.occupancy,
        labels=home / "shelf" / "labels",
    )


def _rooms(home: Path, scene: str) -> "Rooms":
    from s2r_bench.data.lasa.rooms import holds_rooms, lasa_rooms
    from s2r_bench.room_folder import read_rooms
    from s2r_bench.scan import SCENES
    from s2r_bench.steps.needs import place_of

    place = place_of(home, scene) if scene == "lasa" else Path(scene)
    if scene == "lasa" or (place.is_dir() and holds_rooms(place)):
        return lasa_rooms(place)
    if not place.is_dir():
        raise UsageError(f"--scene takes {', '.join(SCENES)}, lasa or a folder of rooms, not {scene!r}")
    return read_rooms(place)


def _check(home: Path, wanted: Wanted, cads: Path | None) -> None:
    """Refuse at once what could not be done after a long fit."""
    from s2r_bench.corpus import Shard
    from s2r_bench.scan import SCENES
    from s2r_bench.trajectory import read_trajectory

    if wanted.split not in ("train", "val", "test"):
        raise UsageError(f"--split takes train, val or test, not {wanted.split!r}")
    if wanted.scene not in SCENES:
        _rooms(home, wanted.scene)
    shard = Shard.parsed(wanted.shard)
    if cads is None and (wanted.scene, wanted.trajectory, wanted.occupancy, shard.count) != ("alone", None, 0, 1):
        raise UsageError(
            f"--scene, --trajectory, --occupancy and --shard are for CAD models; {wanted.data or 'mini'} has views "
            "of its own: give a folder of CAD models with -d"
        )
    if wanted.trajectory is not None:
        read_trajectory(wanted.trajectory)


def _cad_path(home: Path, data: str | None) -> Path | None:
    """The path of CAD models, if `data` is neither a world nor a folder of pairs; a name may be of a prepared set."""
    from s2r_bench.worlds.base import WORLDS

    if data is None or data in WORLDS:
        return None
    path = Path(data)
    if not path.exists() and path.name == data and (home / "data" / data).is_dir():
        path = home / "data" / data
    if not path.exists():
        close = f"Worlds: {', '.join(WORLDS)}"
        raise DataError(f"there is no world or path {data!r}. {close}; or give a folder of pairs or of CAD models")
    return None if (path / "cameras.json").is_file() else path


def _plan(session: Session, wanted: Wanted, cads: Path | None) -> None:
    from s2r_bench.steps.checkpoint import is_checkpoint
    from s2r_bench.worlds.base import is_made

    lines = [f"simulate {cads or wanted.data or 'mini'} with {wanted.method}"]
    state: str | None = None
    if not is_checkpoint(Path(wanted.method)):
        flags = {**wanted.flags, "world": wanted.trained_on if cads else wanted.data}
        _, jobs = fit_jobs(session, wanted.method, wanted.config, wanted.sets, flags)
        if not jobs[0].method.trained:
            state = "not needed"
        else:  # a world that would have to be made first is not made for a plan
            state = session.store.state(jobs[0].spec) if is_made(jobs[0].world, ["train"]) else "absent"
        lines.append(f"fit: {state}")
    session.answer({"dry_run": True, "data": str(cads or wanted.data or "mini"), "fit": state}, "\n".join(lines))
