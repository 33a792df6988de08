"""LASA wherever it lies: which of its three published forms a folder or archive holds, checked or prepared."""

from pathlib import Path
from typing import Any

from s2r_bench.data.checks.finding import Finding
from s2r_bench.data.intrinsics import Intrinsics
from s2r_bench.data.lasa.disco import check_disco
from s2r_bench.data.lasa.objects import check_objects, holds_objects, prepare_objects, raw_tree
from s2r_bench.data.lasa.pairs import OBJECTS, ROOMS, check_pairs, depth_tree, holds_pairs, prepare_pairs
from s2r_bench.data.lasa.rooms import prepare_rooms
from s2r_bench.data.pairing import Progress
from s2r_bench.data.trees import read_tree
from s2r_bench.errors import DataError

EXPECTED = (
    "expected lasa_depth/SCENE/FRAME_gt.png with lasa_pose/SCENE/FRAME.txt (Stable-Sim2Real), or "
    "SCENE/instances/OBJECT/OBJECT_gt_mesh_2.obj (LASA's raw scenes), or occ_data/CATEGORY/MODEL.npz (DisCo)"
)


def check(source: Path) -> list[Finding]:
    """What is wrong with a download, whichever of its forms are there.

    Raises:
        DataError: none is.
    """
    pairs, objects = _forms(source)
    disco = _disco_root(source)
    if not (pairs or objects or disco):
        raise DataError(f"{source} holds nothing of LASA: {EXPECTED}")
    found = check_pairs(depth_tree(source)) if pairs else []
    found += check_objects(raw_tree(source)) if objects else []
    found += check_disco(disco) if disco else []
    return sorted(found, key=lambda finding: finding.severity)


def prepare(
    source: Path, out: Path, camera: Intrinsics | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Write pairs to `out`, objects below `out/objects` and rooms below `out/rooms`, of whichever the source holds.

    Raises:
        DataError: it holds neither, or a file is missing or damaged.
    """
    pairs, objects = _forms(source)
    if not (pairs or objects):
        told = "DisCo's arrays are read where they are, nothing is prepared" if _disco_root(source) else EXPECTED
        raise DataError(f"{source} holds neither pairs nor raw scenes of LASA: {told}")
    facts: dict[str, Any] = {}
    if pairs:
        done = prepare_pairs(source, out, camera=camera, progress=progress)
        facts |= {"pairs": done.pairs, "splits": done.splits, "dropped": done.dropped}
    if objects:
        facts |= prepare_objects(source, out / OBJECTS, progress)
        lost = prepare_rooms(source, out, progress)
        facts |= {"rooms": len(list((out / ROOMS).glob("*.ply"))), "rooms_left_out": lost}
    return facts


def reads_as_it_is(source: Path) -> bool:
    """Whether a source needs no unpacking: all but DisCo's arrays in an archive, which are read from a folder."""
    return not source.is_file() or not any("occ_data/" in name for name in read_tree(source, (".lst",)))


def _disco_root(source: Path) -> Path | None:
    """The folder with occ_data: `source`, or `data` in it, as DisCo's own is called."""
    return next((place for place in (source, source / "data") if (place / "occ_data").is_dir()), None)


def _forms(source: Path) -> tuple[bool, bool]:
    names = read_tree(source, ("_gt.png", "_scan.png", ".lst", ".txt", "_gt_mesh_2.obj", "_bbox.npy"))
    return holds_pairs(names), holds_objects(names)
