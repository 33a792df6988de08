"""ModelNet40's sampled clouds as a corpus: each cloud of `modelnet40_ply_hdf5_2048` becomes a mesh of surfels.

For who has the HDF5 files that point networks are trained on, and not the meshes (`s2r_bench.cad.modelnet40_corpus`,
OcCo's corpus). The files (`s2r_bench.data.modelnet40`) have to hold normals. Clouds have y up (PointNet turns them
about it) and lie in the unit sphere: no size is known, so each model gets the usual longest side of its category, as
the meshes do. A model of 2,048 surfels takes 0.8 MB; details below their size are lost.

Readers are imported where they are used: they take the names of the classes from this package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.cad.categories import category_of
from s2r_bench.cad.frame import in_object_frame, longest_side
from s2r_bench.cad.modelnet40 import CLASSES
from s2r_bench.cad.modelnet40_corpus import LICENCE, SPLITS
from s2r_bench.cad.published import USUAL_M
from s2r_bench.errors import DataError
from s2r_bench.geometry.surfels import surfel_mesh
from s2r_bench.types import CadModel, Mesh


@dataclass(frozen=True)
class CloudEntry:
    """One cloud of a file, not read yet.

    Attributes:
        id: its class, its file's number within the split, and its row: `chair_train0_0012`.
        category: one of the six, or "other".
        path, row: where it is.
    """

    id: str
    category: str
    path: Path
    row: int

    def model(self) -> CadModel:
        """Its surfels in metres, y up, standing on y = 0.

        Raises:
            DataError: the file is damaged, or too few points have a normal; the message names it.
        """
        arrays = _arrays(self.path)
        try:
            mesh = surfel_mesh(arrays["data"][self.row], arrays["normal"][self.row])
        except DataError as wrong:
            raise DataError(f"{self.path}, row {self.row}: {wrong}") from None
        side = longest_side(mesh)
        if not side > 0:
            raise DataError(f"{self.path}, row {self.row}: all points are one")
        mesh = Mesh(mesh.vertices * (USUAL_M.get(self.category, 1.0) / side), mesh.faces)
        return CadModel(self.id, self.category, in_object_frame(mesh), "ModelNet40 (clouds)", LICENCE)


def is_here(source: Path) -> bool:
    """Whether a path holds the files; folders are looked at, not searched."""
    from s2r_bench.data.modelnet40 import FOLDER

    return any(next(place.glob("ply_data_train*.h5"), None) is not None for place in (source, source / FOLDER))


def entries(source: Path) -> list[CloudEntry]:
    """The clouds of both splits, in the order of the lists of files; labels alone are read.

    Raises:
        DataError: a file or a list is missing or damaged, or files have no normals; the message names it.
    """
    from s2r_bench.data.hdf5 import read_columns, refuse_other_labels
    from s2r_bench.data.modelnet40 import cloud_files

    found = []
    for split in SPLITS:
        for path in cloud_files(source, split):
            labels = read_columns(path, {"label": _columns()["label"]})["label"]
            refuse_other_labels(path, "label", labels, len(CLASSES))
            part = path.stem.removeprefix("ply_data_")
            for row, label in enumerate(labels[:, 0].tolist()):
                name = CLASSES[label]
                found.append(CloudEntry(f"{name}_{part}_{row:04d}", category_of(name), path, row))
    _refuse_without_normals(found[0].path)
    return found


def _columns() -> Mapping[str, Any]:
    from s2r_bench.data.hdf5 import Column

    points = (None, None, 3)
    return {"label": Column((None, 1), "iu"), "data": Column(points, "f"), "normal": Column(points, "f")}


def _refuse_without_normals(path: Path) -> None:
    from s2r_bench.data.hdf5 import count_rows

    try:
        count_rows(path, _columns())
    except DataError as wrong:
        raise DataError(f"{wrong}. A cloud is made a surface by its normals: take the published files") from None


@lru_cache(maxsize=1)  # clouds are asked for in the order of their files
def _arrays(path: Path) -> dict[str, NDArray[np.float32]]:
    from s2r_bench.data.hdf5 import read_columns

    found = read_columns(path, {name: column for name, column in _columns().items() if name != "label"})
    if found["data"].shape != found["normal"].shape:
        raise DataError(f"{path}: points {found['data'].shape} and normals {found['normal'].shape} do not fit")
    return found
