"""ModelNet40 (Wu et al., CVPR 2015) as meshes: `ModelNet40/CLASS/train|test/CLASS_0001.off`.

12,311 models of 40 classes, z up, each in a scale of its own (no unit is known), not closed, with faces that look
either way. As a corpus of furniture: `s2r_bench.cad.modelnet40_corpus`. What trains on the 40 classes takes the files
from here.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s2r_bench.cad.formats import read_mesh
from s2r_bench.cad.frame import in_object_frame
from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import CadModel, Mesh

CLASSES = (
    *("airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair", "cone"),
    *("cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box", "guitar", "keyboard", "lamp"),
    *("laptop", "mantel", "monitor", "night_stand", "person", "piano", "plant", "radio", "range_hood", "sink"),
    *("sofa", "stairs", "stool", "table", "tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox"),
)
COUNTS = {"train": 9843, "test": 2468}
MeshSplit = Literal["train", "test"]


@dataclass(frozen=True)
class MeshFile:
    """One model, not read yet.

    Attributes:
        id: the file's name without ending, such as `chair_0001`.
        class_name: of CLASSES.
        split: "train" or "test".
        path: the OFF file.
    """

    id: str
    class_name: str
    split: MeshSplit
    path: Path

    @property
    def label(self) -> int:
        """Index of its class."""
        return CLASSES.index(self.class_name)

    def mesh(self) -> Mesh:
        """The mesh in the file's own units and axes (z up), equal vertices welded.

        Raises:
            DataError: it cannot be read.
        """
        return read_mesh(self.path)

    def model(self) -> CadModel:
        """The model y up, standing on y = 0; its size is the file's own, its category the class's name.

        Raises:
            DataError: it cannot be read.
        """
        return CadModel(self.id, self.class_name, in_object_frame(self.mesh(), "m", "z"), "ModelNet40")


def modelnet40_files(
    root: Path, split: MeshSplit, *, classes: Collection[str] | None = None, published: bool = True
) -> tuple[MeshFile, ...]:
    """The files of a split, by class and name; none is opened.

    Args:
        root: the folder ModelNet40, or the one above it.
        split: "train" or "test".
        classes: of these classes only.
        published: all 40 classes must be there, with as many files as are published; False for a part of them.

    Raises:
        DataError: a folder is missing, there is something else in one, or the number of files is not as published.
        UsageError: a class that ModelNet40 has not.
    """
    unknown = sorted(set(classes or ()) - set(CLASSES))
    if unknown:
        raise UsageError(f"ModelNet40 has no class {unknown[0]!r}; its classes: {', '.join(CLASSES)}")
    folder = root / "ModelNet40" if (root / "ModelNet40").is_dir() else root
    names = _class_folders(folder, published)
    files = [file for name in names for file in _files(folder / name, name, split)]
    if published and len(files) != COUNTS[split]:
        raise DataError(
            f"{folder} holds {len(files)} models to {split}, the published set {COUNTS[split]}: unpack ModelNet40.zip "
            "again, or say published=False for a part of it"
        )
    return tuple(file for file in files if classes is None or file.class_name in classes)


def _class_folders(folder: Path, published: bool) -> list[str]:
    there = sorted(path.name for path in folder.iterdir() if _counts(path) and path.is_dir()) if folder.is_dir() else []
    odd = [name for name in there if name not in CLASSES]
    if not there or odd:
        found = f"a folder {odd[0]!r}" if odd else "no folders"
        raise DataError(f"{folder} holds {found}; expected ModelNet40's classes: {', '.join(CLASSES[:3])} ...")
    missing = [name for name in CLASSES if name not in there]
    if published and missing:
        raise DataError(f"{folder} lacks {len(missing)} of ModelNet40's 40 classes: {', '.join(missing[:5])}")
    return there


def _files(folder: Path, name: str, split: MeshSplit) -> list[MeshFile]:
    if not (folder / split).is_dir():
        raise DataError(f"{folder / split} is missing; expected {name}/train and {name}/test")
    paths = sorted(path for path in (folder / split).iterdir() if _counts(path))
    for path in paths:
        if not re.fullmatch(rf"{name}_\d+\.off", path.name):
            raise DataError(f"{path} is out of place; expected files such as {name}_0001.off")
    if not paths:
        raise DataError(f"{folder / split} holds no .off file")
    return [MeshFile(path.stem, name, split, path) for path in paths]


def _counts(path: Path) -> bool:
    """Whether a name is of the data, and not of an archiver or a file browser."""
    return not path.name.startswith((".", "__"))
