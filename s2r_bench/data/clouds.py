"""Point clouds of single objects, each with a class: what the classification data sets give, whatever their files."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

CloudSplit = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class LabelledClouds:
    """One split of a data set.

    Attributes:
        name: the data set and its variant, such as "scanobjectnn/obj_bg".
        split: "train" or "test".
        points: (N, P, 3) float32, in the frame and order in which they are stored.
        labels: (N,) int64 index into `classes`.
        classes: the names of the classes.
        objects: (N, P) bool, whether a point is on the object and not behind it; None where nothing is known.
    """

    name: str
    split: CloudSplit
    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    objects: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 3 or self.points.shape[2] != 3 or self.points.dtype != np.float32:
            raise ValueError(f"{self.name}: points must be (N, P, 3) float32, not {self.points.shape}")
        if self.labels.shape != self.points.shape[:1] or self.labels.dtype != np.int64:
            raise ValueError(f"{self.name}: labels must be ({len(self.points)},) int64, not {self.labels.shape}")
        if self.objects is not None and self.objects.shape != self.points.shape[:2]:
            raise ValueError(f"{self.name}: objects must be {self.points.shape[:2]}, not {self.objects.shape}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(f"{self.name}: labels must be in 0..{len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def of_class(self, label: int) -> NDArray[np.int64]:
        """Indices of the objects of a class, ascending."""
        return np.flatnonzero(self.labels == label).astype(np.int64)

    def counts(self) -> dict[str, int]:
        """Class -> number of objects, in the order of `classes`."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits of the content (points, labels, class names): how the file packs it does not matter."""
        names = "\n".join(self.classes).encode()
        return content_digest(names, self.labels.astype("<i8"), self.points.astype("<f4", copy=False))


@dataclass(frozen=True)
class CloudSet:
    """Both splits of a data set."""

    train: LabelledClouds
    test: LabelledClouds

    def __post_init__(self) -> None:
        if self.train.classes != self.test.classes:
            raise ValueError(f"{self.train.name}: its splits have different classes")

    @property
    def name(self) -> str:
        """The data set and its variant."""
        return self.train.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.train.classes

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits of the content of both splits."""
        return content_digest(self.train.digest.encode(), self.test.digest.encode())

    def split(self, name: CloudSplit) -> LabelledClouds:
        """One of the two."""
        return self.train if name == "train" else self.test


def content_digest(*parts: bytes | NDArray[Any]) -> str:
    """Sixteen hex digits of some bytes and arrays; where one part ends counts, and so does an array's shape.

    >>> content_digest(b"ab", b"c") == content_digest(b"a", b"bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        head = f"{part.dtype.str}{part.shape}" if isinstance(part, np.ndarray) else str(len(part))
        digest.update(head.encode() + b"\0")
        digest.update(np.ascontiguousarray(part).data if isinstance(part, np.ndarray) else part)
    return digest.hexdigest()[:16]
