"""Objects as DisCo reads them: labelled points, surface samples and partial clouds, without meshes or views.

ROOT/occ_data/CATEGORY/MODEL.npz       vol_points (N, 3) float32, vol_label (N,) bool, near_points, near_label
ROOT/occ_data/CATEGORY/MODEL.npy       one number: scale of surface and partial points (1 but for ShapeNet)
ROOT/occ_data/CATEGORY/train.lst, val.lst    model ids, ".npz" allowed
ROOT/other_data/CATEGORY/4_pointcloud/MODEL.npz                       points (N, 3): the whole surface
ROOT/other_data/CATEGORY/5_partial_points/MODEL/lowres_partial_points_0.ply   LASA: RGB-D; highres_: laser
ROOT/other_data/CATEGORY/5_partial_points/MODEL/partial_points_0.ply          synthetic

CATEGORY is arkit_chair, future_sofa, ABO_bed, or a ShapeNet synset. All coordinates are those of the object frame,
whose longest side spans [-1, 1]; LASA's are a mirror image (`s2r_bench.data.lasa.captured` undoes it). Images, their
features and cached latents are not read.
"""

import io
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.data.modelnet40 import listed
from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import BoolArray, FloatArray

CATEGORIES = {
    "chair": ("future_chair", "future_stool", "ABO_chair", "03001627", "arkit_chair", "arkit_stool"),
    "sofa": ("future_sofa", "ABO_sofa", "04256520", "arkit_sofa"),
    "table": ("future_table", "ABO_table", "04379243", "arkit_table"),
    "cabinet": (
        *("future_cabinet", "ABO_cabinet", "02933112", "03207941"),
        *("arkit_cabinet", "arkit_dishwasher", "arkit_refrigerator", "arkit_oven"),
    ),
    "bed": ("future_bed", "ABO_bed", "02818832", "arkit_bed"),
    "shelf": ("future_shelf", "ABO_shelf", "02871439", "arkit_shelf"),
}
FEWEST_POINTS = 2048  # of a partial cloud; DisCo leaves out objects with no more
WITHIN = 0.02  # of the object frame: 1 % of the longest side
DESCRIBED = 20  # objects of a category that are read to describe it
DiscoSplit = Literal["train", "val"]
SPLITS: tuple[DiscoSplit, ...] = ("train", "val")
Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DiscoObject:
    """One object.

    Attributes:
        id: MODEL.
        folder: CATEGORY, as on disk.
        category: of the six.
        volume, volume_inside: (N, 3) uniform points of [-1, 1]^3, and whether each is inside.
        near, near_inside: (M, 3) points near the surface, and the same.
        surface: (S, 3) samples of the surface, scaled.
        partial: name -> (P, 3) partial cloud, scaled; the copies in the order of their numbers.
    """

    id: str
    folder: str
    category: str
    volume: Points
    volume_inside: BoolArray
    near: Points
    near_inside: BoolArray
    surface: Points
    partial: dict[str, Points]


def disco_folders(root: Path) -> list[str]:
    """The category folders of `root` that are known, sorted.

    Raises:
        DataError: there is none.
    """
    known = {folder for folders in CATEGORIES.values() for folder in folders}
    base = root / "occ_data"
    there = sorted(path.name for path in base.iterdir() if path.name in known) if base.is_dir() else []
    if not there:
        raise DataError(f"{root} holds no occ_data/CATEGORY with a CATEGORY such as arkit_chair, ABO_chair or 03001627")
    return there


def disco_ids(root: Path, folder: str, split: DiscoSplit) -> list[str]:
    """The models of a split, in the order of its list.

    Raises:
        DataError: the list is missing or empty.
        UsageError: there is no such split.
    """
    if split not in ("train", "val"):
        raise UsageError(f"the splits are train and val, not {split!r}")
    return [line.removesuffix(".npz") for line in listed(root / "occ_data" / folder / f"{split}.lst")]


def read_disco_object(root: Path, folder: str, model: str, clouds: Collection[str] | None = None) -> DiscoObject:
    """One object.

    Args:
        root: holds occ_data and other_data.
        folder: CATEGORY.
        model: its id.
        clouds: names of the partial clouds that are read, all of which must be there; None: whatever there is.

    Raises:
        DataError: a file is missing or damaged, or holds other arrays; the message names it.
        UsageError: the folder is of no known category.
    """
    category = next((name for name, folders in CATEGORIES.items() if folder in folders), None)
    if category is None:
        raise UsageError(f"{folder!r} is no category folder of DisCo's")
    labels = root / "occ_data" / folder / f"{model}.npz"
    found = _arrays(labels, ("vol_points", "vol_label", "near_points", "near_label"))
    scale = _scale(labels.with_suffix(".npy"))
    other = root / "other_data" / folder
    path = other / "4_pointcloud" / f"{model}.npz"
    surface = _cloud(_arrays(path, ("points",))["points"], path)
    scans = other / "5_partial_points" / model
    files = _partial_files(scans) if clouds is None else [scans / f"{name}.ply" for name in clouds]
    partial = {path.stem: _ply(path) * scale for path in files}
    return DiscoObject(
        model,
        folder,
        category,
        _cloud(found["vol_points"], labels),
        _labels(found["vol_label"], found["vol_points"], labels),
        _cloud(found["near_points"], labels),
        _labels(found["near_label"], found["near_points"], labels),
        surface * scale,
        partial,
    )


def check_disco(root: Path, folders: Sequence[str] | None = None) -> list[Finding]:
    """Go through the lists: whether every object is there; every 50th of a list is read whole.

    Raises:
        DataError: `root` is not of this layout.
    """
    findings: list[Finding] = []
    for folder in folders or disco_folders(root):
        findings += _of_folder(root, folder)
    return sorted(findings, key=lambda finding: finding.severity)


def describe_disco(root: Path) -> dict[str, Any]:
    """Category folder -> objects of each split; of a sample, how much of the surface partial clouds show, how exactly.

    `surface_seen`: share of the surface samples with a point of the cloud within 0.02 of the object frame, 1 % of its
    longest side; `apart`: median distance of a cloud's points from the surface samples, the same unit. Both are means
    over the sampled objects and all of their clouds. They are what a simulated scan can be matched to.

    Raises:
        DataError: `root` is not of this layout, or a file is damaged.
    """
    told: dict[str, Any] = {}
    for folder in disco_folders(root):
        ids = {split: disco_ids(root, folder, split) for split in SPLITS}
        every = [model for split in SPLITS for model in ids[split]]
        sample = every[:: max(1, -(-len(every) // DESCRIBED))]
        figures = [_completeness(read_disco_object(root, folder, model)) for model in sample]
        seen, apart = np.mean(np.concatenate(figures), axis=0)
        told[folder] = {
            **{split: len(names) for split, names in ids.items()},
            "looked_at": len(sample),
            "surface_seen": round(float(seen), 4),
            "apart": round(float(apart), 5),
        }
    return {"categories": told}


def _completeness(found: DiscoObject) -> FloatArray:
    """(C, 2) share of the surface that each partial cloud shows, and its median distance from the surface."""
    from scipy.spatial import cKDTree

    surface = cKDTree(found.surface)
    rows = []
    for cloud in found.partial.values():
        near, _ = cKDTree(cloud).query(found.surface)
        apart, _ = surface.query(cloud)
        rows.append(((near <= WITHIN).mean(), np.median(apart)))
    return np.array(rows, dtype=np.float64)


def _of_folder(root: Path, folder: str) -> Iterator[Finding]:
    owner: dict[str, str] = {}
    for split in SPLITS:
        path = root / "occ_data" / folder / f"{split}.lst"
        try:
            ids = disco_ids(root, folder, split)
        except DataError as wrong:
            yield error(path, str(wrong).removeprefix(f"{path} "), "Unpack the category again")
            continue
        for at, model in enumerate(ids):
            if owner.setdefault(model, split) != split:
                yield error(path, f"{model} is in {owner[model]}.lst too", "An object trains or is held out")
            missing = [file for file in _needed(root, folder, model) if not file.exists()]
            for file in missing:
                yield error(file, f"it is missing ({split}.lst names {model})", "Unpack the category again")
            if not missing and at % 50 == 0:
                yield from _read_wrong(root, folder, model)


def _needed(root: Path, folder: str, model: str) -> list[Path]:
    labels, other = root / "occ_data" / folder / f"{model}.npz", root / "other_data" / folder
    return [
        labels,
        labels.with_suffix(".npy"),
        other / "4_pointcloud" / f"{model}.npz",
        other / "5_partial_points" / model,
    ]


def _read_wrong(root: Path, folder: str, model: str) -> Iterator[Finding]:
    labels = root / "occ_data" / folder / f"{model}.npz"
    try:
        found = read_disco_object(root, folder, model)
    except DataError as wrong:
        yield error(labels, str(wrong), "Unpack the category again")
        return
    beyond = max(float(np.abs(points).max()) for points in (found.volume, found.surface))
    if beyond > 1.05:
        message = f"points of {model} lie at {beyond:.3g}, beyond the cube [-1, 1]"
        yield error(labels, message, "Is the scale in the .npy file that of this object?")
    most = max(len(points) for points in found.partial.values())
    if most <= FEWEST_POINTS:
        message = f"its largest partial cloud has {most} points; DisCo leaves out objects with {FEWEST_POINTS} or fewer"
        yield warning(root / "other_data" / folder / "5_partial_points" / model, message, "It is kept here")


def _arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path} is damaged, or lacks one of {', '.join(names)} ({wrong})") from None


def _cloud(points: NDArray[Any], path: Path) -> Points:
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0 or not np.isfinite(points).all():
        raise DataError(f"{path} holds points of shape {points.shape}; expected (N, 3) finite numbers")
    return points.astype(np.float32, copy=False)


def _labels(labels: NDArray[Any], points: NDArray[Any], path: Path) -> BoolArray:
    if labels.shape != points.shape[:1] or labels.dtype.kind not in "bui":
        raise DataError(f"{path} holds {labels.shape} labels for {points.shape} points; expected one each")
    return labels.astype(np.bool_)


def _scale(path: Path) -> np.float32:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (ValueError, EOFError) as wrong:
        raise DataError(f"{path} is damaged ({wrong})") from None
    if found.size != 1 or not np.isfinite(found).all() or float(found.reshape(-1)[0]) <= 0:
        raise DataError(f"{path} holds {found.size} numbers; expected one scale above 0")
    return np.float32(found.reshape(-1)[0])


def _partial_files(folder: Path) -> list[Path]:
    def number(path: Path) -> tuple[str, int]:
        head, _, last = path.stem.rpartition("_")
        return head, int(last) if last.isdigit() else -1

    files = sorted(folder.glob("*partial_points_*.ply"), key=number) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder} holds no partial_points_0.ply and no lowres_partial_points_0.ply")
    return files


def _ply(path: Path) -> Points:
    import trimesh

    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        loaded: Any = trimesh.load(io.BytesIO(path.read_bytes()), file_type="ply", process=False)
        return _cloud(np.asarray(loaded.vertices), path)
    except DataError:
        raise
    except Exception as wrong:  # the parser raises many kinds; each means a damaged file
        raise DataError(f"{path} cannot be read as PLY: {wrong}") from None
