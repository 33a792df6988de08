"""ScanObjectNN (Uy et al., ICCV 2019): scanned objects of 15 classes, from the h5 files as they are published.

ROOT/h5_files/main_split/training_objectdataset.h5        ROOT may also be h5_files itself
ROOT/h5_files/main_split/test_objectdataset.h5            other splits of the objects: split1 to split4
ROOT/h5_files/main_split_nobg/...                         the same objects without what is behind them
    data   (N, 2048, 3) float32, y up
    label  (N,) integer, 0 to 14: bag 0, bed 10; the order is not alphabetical
    mask   (N, 2048) integer, -1 = a point of the background

A variant is a suffix of the file's name: `_augmented25_norot` and so on. Nothing is normalised or drawn here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.clouds import CloudSet, CloudSplit, LabelledClouds
from s2r_bench.data.hdf5 import Column, read_columns, refuse_non_finite, refuse_other_labels
from s2r_bench.errors import DataError, UsageError

CLASSES = (
    *("bag", "bin", "box", "cabinet", "chair", "desk", "display", "door", "shelf", "table"),
    *("bed", "pillow", "sink", "sofa", "toilet"),
)
FOLDS = ("main_split", "split1", "split2", "split3", "split4")
POINTS = 2048
_FILES = {"train": "training_objectdataset", "test": "test_objectdataset"}


@dataclass(frozen=True)
class Variant:
    """One way in which the objects are cut out.

    Attributes:
        suffix: what its files' names end in.
        background: whether points behind the object are in.
        counts: objects in train and test of `main_split`, where they are known.
        title: as papers call it.
    """

    suffix: str
    background: bool
    counts: tuple[int, int] | None
    title: str


# counts: the file pairs that are published widely hold 2,309 / 581 and 11,416 / 2,882; of the others none is known
VARIANTS = {
    "obj_bg": Variant("", True, (2309, 581), "OBJ_BG"),
    "obj_only": Variant("", False, (2309, 581), "OBJ_ONLY"),
    "pb_t25": Variant("_augmented25_norot", True, None, "PB_T25"),
    "pb_t25_r": Variant("_augmented25rot", True, None, "PB_T25_R"),
    "pb_t50_r": Variant("_augmentedrot", True, None, "PB_T50_R"),
    "pb_t50_rs": Variant("_augmentedrot_scale75", True, (11416, 2882), "PB_T50_RS"),
    "pb_t25_nobg": Variant("_augmented25_norot", False, None, "PB_T25, no background"),
    "pb_t25_r_nobg": Variant("_augmented25rot", False, None, "PB_T25_R, no background"),
    "pb_t50_r_nobg": Variant("_augmentedrot", False, None, "PB_T50_R, no background"),
    "pb_t50_rs_nobg": Variant("_augmentedrot_scale75", False, None, "PB_T50_RS, no background"),
}


def read_scanobjectnn(
    root: Path, variant: str = "obj_bg", *, fold: str = "main_split", published: bool = True
) -> CloudSet:
    """Both splits of a variant.

    Args:
        root: the folder that holds h5_files, or h5_files itself.
        variant: one of VARIANTS.
        fold: one of FOLDS: which objects train and which test.
        published: the files must hold as many objects as the published ones, of 2,048 points each; False for files of
            one's own in this layout.

    Raises:
        DataError: a folder or file is missing or damaged, or is not what it should be; the message names it.
        UsageError: there is no such variant or fold.
    """
    if variant not in VARIANTS or fold not in FOLDS:
        raise UsageError(
            f"ScanObjectNN has no variant {variant!r} of {fold!r}; "
            f"variants: {', '.join(VARIANTS)}; folds: {', '.join(FOLDS)}"
        )
    folder = _folder(root, fold if VARIANTS[variant].background else f"{fold}_nobg")
    return CloudSet(
        _read(folder, variant, fold, "train", published=published),
        _read(folder, variant, fold, "test", published=published),
    )


def file_of(folder: Path, variant: str, split: CloudSplit) -> Path:
    """The file of a variant's split in a folder such as `h5_files/main_split`."""
    return folder / f"{_FILES[split]}{VARIANTS[variant].suffix}.h5"


def _folder(root: Path, name: str) -> Path:
    for folder in (root / "h5_files" / name, root / name):
        if folder.is_dir():
            return folder
    raise DataError(
        f"{root} holds no folder {name} and no h5_files/{name}; unpack ScanObjectNN's h5_files.zip there "
        "(it is given out after a form: https://hkust-vgd.github.io/scanobjectnn/)"
    )


def _read(folder: Path, variant: str, fold: str, split: CloudSplit, *, published: bool) -> LabelledClouds:
    path = file_of(folder, variant, split)
    if not path.is_file():
        there = ", ".join(sorted(file.name for file in folder.glob("*.h5"))) or "no .h5 file"
        raise DataError(f"{path} is missing (variant {variant}); {folder} holds: {there}")
    points = POINTS if published else None
    found = read_columns(
        path,
        {
            "data": Column((None, points, 3), "f"),
            "label": Column((None,), "iu"),
            "mask": Column((None, points), "iu", needed=VARIANTS[variant].background),
        },
    )
    counts = VARIANTS[variant].counts if fold == "main_split" else None
    if published and counts is not None and len(found["data"]) != counts[split == "test"]:
        raise DataError(
            f"{path} holds {len(found['data'])} objects, the published file {counts[split == 'test']}: "
            "download it again, or say published=False for data of your own"
        )
    refuse_non_finite(path, "data", found["data"])
    refuse_other_labels(path, "label", found["label"], len(CLASSES))
    objects = _objects(path, found)
    return LabelledClouds(
        f"scanobjectnn/{variant}" if fold == "main_split" else f"scanobjectnn/{variant}/{fold}",
        split,
        found["data"].astype(np.float32, copy=False),
        found["label"].astype(np.int64),
        CLASSES,
        objects,
    )


def _objects(path: Path, found: dict[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    if "mask" not in found:
        return None
    if found["mask"].shape != found["data"].shape[:2]:
        raise DataError(f"{path}: 'mask' is {found['mask'].shape}, expected {found['data'].shape[:2]} as 'data' has")
    return np.asarray(found["mask"] != -1)
