"""An episode with its point clouds: taken from a data set, or from a file that others wrote.

The file of our own is a pair: `NAME.npz` with the clouds and local labels of both sides, and `NAME.json` with the
classes, where they come from, and the hash of the npz.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.clouds import CloudSet
from s2r_bench.errors import DataError
from s2r_bench.files import read_json, sha256, whole, write_json
from s2r_tasks._occo.data.episodes import Episode, EpisodeSettings

SCHEMA = 1
SIDES = ("support", "query")


@dataclass(frozen=True, eq=False)
class EpisodeClouds:
    """The clouds of an episode.

    Attributes:
        support: (M, P, D) float32; D is 3, or more where a file has normals too.
        support_labels: (M,) int64, 0 to K-1.
        query: (L, P, D) float32, none of which is in the support.
        query_labels: (L,) int64.
        class_ids: the data set's own label of each local one.
        source: where they come from, in words.
    """

    support: NDArray[np.float32]
    support_labels: NDArray[np.int64]
    query: NDArray[np.float32]
    query_labels: NDArray[np.int64]
    class_ids: tuple[int, ...]
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no episode (ValueError): shapes, labels, or a cloud on both sides."""
        ways = len(self.class_ids)
        for side in SIDES:
            clouds, labels = self.side(side)
            if clouds.ndim != 3 or clouds.shape[2] < 3 or len(clouds) == 0 or clouds.dtype != np.float32:
                raise ValueError(f"{side} must be (M, P, 3 or more) float32, not {clouds.dtype} {clouds.shape}")
            if not np.isfinite(clouds).all():
                raise ValueError(f"{side} holds NaN or infinite values")
            if labels.shape != clouds.shape[:1] or set(labels.tolist()) != set(range(ways)):
                raise ValueError(f"{side} has labels {sorted(set(labels.tolist()))}, expected each of 0 to {ways - 1}")
        if len(set(self.class_ids)) < ways:
            raise ValueError(f"two local labels are of one class: {list(self.class_ids)}")
        seen = {cloud.tobytes() for cloud in self.support}
        shared = [k for k, cloud in enumerate(self.query) if cloud.tobytes() in seen]
        if shared:
            raise ValueError(f"query cloud {shared[0]} is in the support too")

    def side(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Clouds and labels of "support" or "query"."""
        return (self.support, self.support_labels) if name == "support" else (self.query, self.query_labels)


def gather(data: CloudSet, one: Episode, settings: EpisodeSettings) -> EpisodeClouds:
    """The clouds of an episode of this data, class by class.

    Raises:
        DataError: a cloud is in both sides (the data set holds it twice).
    """
    labels = [
        np.repeat(np.arange(len(side), dtype=np.int64), [len(of_class) for of_class in side])
        for side in (one.support, one.query)
    ]
    support = data.train.points[np.concatenate([np.array(of_class) for of_class in one.support])]
    query = data.split(settings.query_split).points[np.concatenate([np.array(of_class) for of_class in one.query])]
    try:
        return EpisodeClouds(support, labels[0], query, labels[1], one.class_ids, f"{data.name}, run {one.run}")
    except ValueError as wrong:
        raise DataError(f"{data.name}, run {one.run}: {wrong}") from None


def write_clouds(path: Path, clouds: EpisodeClouds) -> Path:
    """Write `path` (.npz), then the JSON beside it; returns the JSON's path."""
    path = path.with_suffix(".npz")
    with whole(path) as part, part.open("wb") as stream:
        np.savez(
            stream,
            support=clouds.support,
            support_labels=clouds.support_labels,
            query=clouds.query,
            query_labels=clouds.query_labels,
        )
    fields = {"schema": SCHEMA, "class_ids": list(clouds.class_ids), "source": clouds.source, "sha256": sha256(path)}
    return write_json(path.with_suffix(".json"), fields)


def read_clouds(path: Path) -> EpisodeClouds:
    """The episode in `path` (.npz) and the JSON beside it.

    Raises:
        DataError: one is missing or damaged, they do not belong together, or they hold no episode.
    """
    path = path.with_suffix(".npz")
    fields = read_json(path.with_suffix(".json"))
    if not path.is_file() or fields.get("schema") != SCHEMA or fields.get("sha256") != sha256(path):
        raise DataError(f"{path} is missing, or not the file that {path.with_suffix('.json').name} beside it is of")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found: dict[str, NDArray[Any]] = {name: arrays[name] for name in arrays.files}
        return EpisodeClouds(
            found["support"],
            found["support_labels"],
            found["query"],
            found["query_labels"],
            tuple(int(label) for label in fields["class_ids"]),
            str(fields["source"]),
        )
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path} holds no episode: {wrong}") from None
