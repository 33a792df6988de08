"""Confusion matrices of rooms on disk, from which every convention can be counted again, and arms compared in pairs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_metrics.segmentation import Difference, pooled_difference


def write_matrices(path: Path, matrices: Mapping[str, Tensor], classes: Sequence[str]) -> None:
    """Keep the confusion matrix of each room: `rooms` (R,), `matrices` (R, C, C) int64, rows = truth, `classes`."""
    with whole(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            rooms=np.array(list(matrices)),
            matrices=torch.stack(list(matrices.values())).numpy(),
            classes=np.array(list(classes)),
        )


def read_matrices(path: Path, classes: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Room -> its confusion matrix, of a file that `write_matrices` wrote: in a run's artifacts, say.

    Raises:
        DataError: it is missing, damaged, or of other classes than `classes`.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, matrices, held = (arrays[name] for name in ("rooms", "matrices", "classes"))
        if matrices.shape != (len(names), len(held), len(held)) or matrices.dtype != np.int64:
            raise ValueError(f"matrices {matrices.dtype} {matrices.shape} of {len(names)} rooms, {len(held)} classes")
        if classes is not None and held.tolist() != list(classes):
            raise ValueError(f"classes {held.tolist()}")
    except Exception as wrong:  # NumPy and zipfile have many for a damaged file
        raise DataError(
            f"{path} holds no confusion matrices of rooms ({wrong}); delete its folder and run again"
        ) from None
    return {str(name): torch.from_numpy(matrix) for name, matrix in zip(names, matrices, strict=True)}


def compared(runs: Sequence[Path], others: Sequence[Path]) -> Difference:
    """Pooled mIoU of an arm minus another's, of the files of one run a seed, in the same order of seeds.

    Raises:
        DataError: a file is damaged, or two are of other rooms or classes.
    """
    if not runs or len(runs) != len(others):
        raise DataError(f"{len(runs)} files and {len(others)}: give one a seed for both arms")
    every = [read_matrices(path) for path in (*runs, *others)]
    for path, found in zip((*runs, *others), every, strict=True):
        sizes = {matrix.shape for matrix in found.values()}
        if list(found) != list(every[0]) or sizes != {matrix.shape for matrix in every[0].values()}:
            raise DataError(f"{path} is of other rooms or classes than {runs[0]}")
    stacked = torch.stack([torch.stack(list(found.values())) for found in every])
    return pooled_difference(stacked[: len(runs)], stacked[len(runs) :])
