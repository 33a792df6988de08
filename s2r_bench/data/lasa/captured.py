"""LASA's captured objects out of DisCo's arrays (`s2r_bench.data.lasa.disco`), in our object frame.

DisCo's frame of them is ours but for one axis. Both put the middle of the CAD's box on the origin and divide by half of
its longest side, so no unit is to be converted: 1 is half of the longest side. Axes, from those of LASA's box (x, y, z
with z up): DisCo (y, z, -x), a mirror image of the room; ours (-y, z, -x), the same front without it. So x changes its
sign, of all points alike, and no label.

The scan is copy 0 of the RGB-D cloud, on which DisCo scores. The other copies are that cloud with clusters left out,
and `highres` is a laser's.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s2r_bench.data.lasa.disco import CATEGORIES, SPLITS, DiscoSplit, disco_folders, disco_ids, read_disco_object
from s2r_bench.data.plain_pickle import read_object_array
from s2r_bench.data.ready import Points, ReadyObject
from s2r_bench.errors import DataError

SCAN = "lowres_partial_points_0"
BEYOND = 1.05  # a surface or a uniform point farther out was scaled by another object's number
_OURS = np.array([-1, 1, 1], np.float32)


@dataclass(frozen=True)
class StoredObject:
    """Where an object lies.

    Attributes:
        root: holds occ_data and other_data.
        folder: arkit_CATEGORY.
        model: its id there.
    """

    root: Path
    folder: str
    model: str

    @property
    def id(self) -> str:
        """FOLDER_MODEL: the same model id may be in two folders."""
        return f"{self.folder}_{self.model}"

    @property
    def category(self) -> str:
        """Of the six."""
        return next(name for name, folders in CATEGORIES.items() if self.folder in folders)

    @property
    def labels(self) -> Path:
        """The file of its labelled points."""
        return self.root / "occ_data" / self.folder / f"{self.model}.npz"

    def read(self) -> ReadyObject:
        """Its arrays.

        Raises:
            DataError: a file is missing or damaged, or of another frame; the message names it.
        """
        found = read_disco_object(self.root, self.folder, self.model, clouds=(SCAN,))
        for points, path in ((found.volume, self.labels), (found.surface, self.labels.with_suffix(".npy"))):
            beyond = float(np.abs(points).max())
            if beyond > BEYOND:
                raise DataError(
                    f"{path}: points of {self.model} lie at {beyond:.3g}, beyond the cube [-1, 1] of the object frame; "
                    "unpack the category again"
                )
        return ReadyObject(
            _ours(found.partial[SCAN]),
            _ours(found.surface),
            _ours(found.volume),
            found.volume_inside,
            _ours(found.near),
            found.near_inside,
        )

    def scene(self) -> str | None:
        """The ARKitScenes video that it stands in; None where the download does not say.

        Raises:
            DataError: the file that says it is damaged.
        """
        path = self.root / "other_data" / self.folder / "10_tranmat" / self.model / "tranmat.npy"
        if not path.is_file():
            return None
        try:
            return str(read_object_array(path.read_bytes(), str(path))["scene_id"])
        except (KeyError, TypeError, IndexError) as wrong:
            raise DataError(f"{path} names no scene_id ({wrong}); unpack the category again") from None


def stored_objects(root: Path) -> dict[DiscoSplit, list[StoredObject]]:
    """LASA's objects of each split, by folder and in the order of the lists; no array is read.

    Raises:
        DataError: there is none, a list is missing or empty, or an object is in both lists or twice in one.
    """
    folders = [name for name in disco_folders(root) if name.startswith("arkit_")]
    if not folders:
        raise DataError(f"{root} holds no occ_data/arkit_CATEGORY: no captured object of LASA's")
    found: dict[DiscoSplit, list[StoredObject]] = {split: [] for split in SPLITS}
    seen: set[str] = set()
    for split in SPLITS:
        for folder in folders:
            for model in disco_ids(root, folder, split):
                one = StoredObject(root, folder, model)
                if one.id in seen:
                    raise DataError(
                        f"{root / 'occ_data' / folder / f'{split}.lst'} names {model}, which is named before, there or "
                        "in train.lst: an object trains or is held out"
                    )
                seen.add(one.id)
                found[split].append(one)
    return found


def _ours(points: Points) -> Points:
    return points * _OURS
