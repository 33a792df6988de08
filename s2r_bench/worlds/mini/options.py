"""Sizes of the mini world, its presets, and the object numbers that belong to each split."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from s2r_bench.options import Options
from s2r_bench.worlds.mini.corpus import CorpusOptions
from s2r_bench.worlds.mini.sensor import SensorOptions

VERSION = 7  # raise when the same options would give other data: old caches are then left aside
METRES_PER_UNIT = 0.0001
FARTHEST_STORED_M = 6.5  # of 16 bits at 0.1 mm

SCANS_VERSION = 1  # the same for scanned objects, which no other data depend on
LABELLED_VERSION = 1  # and for labelled rooms

Part = Literal[
    "train", "val", "test", "corpus", "captured-train", "captured-test", "scanned-train", "scanned-test", "labelled"
]
FIRST_OBJECT: dict[Part, int] = {
    "train": 0,
    "val": 300_000,
    "test": 400_000,
    "corpus": 500_000,
    "captured-train": 600_000,  # odd numbers of captured objects are of makes that the corpus lacks (`OTHER_MAKES`)
    "captured-test": 705_000,
    "scanned-train": 800_000,
    "scanned-test": 900_000,
    "labelled": 1_000_000,
}


class LabelledOptions(Options):
    """Sizes of the labelled rooms. Nothing else of the world depends on them, and so neither does its key."""

    rooms: int = Field(6, ge=1, description="rooms of an area, on average: the areas have more or fewer")
    stands: int = Field(2, ge=1, description="places in a room from which is captured")
    views: int = Field(8, ge=1, description="views from each place, all around")
    voxel: float = Field(0.04, gt=0, description="one point for each occupied voxel of this edge, metres")


class ScanSetOptions(Options):
    """Scanned objects: each the target of a furnished room of its own, cut out with what stands around it."""

    train_per_class: int = Field(32, ge=1, description="10 to learn from and 20 to be asked about, and two to spare")
    test_per_class: int = Field(24, ge=1)
    views: int = Field(3, ge=1, description="captures of an object, on an arc")
    voxel: float = Field(0.015, gt=0, description="of the fused captures, metres")
    margin: float = Field(1.1, ge=1, description="side of the cut over the side of the object's box")
    points: int = Field(2048, ge=16, description="kept of an object; drawn again where there are fewer")
    fewest: int = Field(128, ge=1, description="an object with fewer occupied voxels is no scan")


class MiniOptions(Options):
    """What decides the mini world's content, and how many processes make it."""

    seed: int = Field(0, ge=0, description="another seed is another world of the same kind")
    width: int = Field(128, ge=16, description="delivered pixels")
    height: int = Field(96, ge=16, description="delivered pixels")
    focal_px: float = Field(114.0, gt=0, description="focal length in delivered pixels (59 degrees wide)")
    rooms_train: int = Field(20, ge=1)
    rooms_val: int = Field(3, ge=1)
    rooms_test: int = Field(6, ge=1)
    views: int = Field(8, ge=1, description="views of each room, one sequence on an arc")
    corpus_per_category: int = Field(60, ge=1, description="objects of each category in the CAD corpus")
    captured_train_per_category: int = Field(16, ge=1)
    captured_test_per_category: int = Field(48, ge=1)
    object_distance: float = Field(1.5, gt=0, description="of single objects' cameras, in the rooms' usual distance")
    sensor: SensorOptions = SensorOptions()
    labelled: LabelledOptions = LabelledOptions()
    scans: ScanSetOptions = ScanSetOptions()
    corpus: CorpusOptions = CorpusOptions()
    workers: int = Field(0, ge=0, description="processes that generate; 0: S2R_WORKERS, else one a core")

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "width": 64,
            "height": 48,
            "focal_px": 57.0,
            "rooms_train": 2,
            "rooms_val": 1,
            "rooms_test": 2,
            "views": 3,
            "corpus_per_category": 2,
            "captured_train_per_category": 1,
            "captured_test_per_category": 1,
            "sensor": {"matching": {"disparities": 48}},
            "labelled": {"rooms": 1, "stands": 1, "views": 4, "voxel": 0.06},
            "scans": {
                "train_per_class": 5,
                "test_per_class": 2,
                "views": 1,
                "voxel": 0.03,
                "points": 128,
                "fewest": 32,
            },
        },
        "small": {
            "width": 256,
            "height": 192,
            "focal_px": 228.0,
            "rooms_train": 100,
            "rooms_val": 8,
            "rooms_test": 12,
            "views": 12,
            "corpus_per_category": 200,
            "captured_train_per_category": 30,
            "captured_test_per_category": 30,
            "sensor": {"oversampling": 3, "matching": {"disparities": 112}},
            "labelled": {"rooms": 20, "stands": 3, "voxel": 0.02},
            "scans": {"train_per_class": 60, "test_per_class": 40, "views": 6, "voxel": 0.01},
        },
        "paper": {
            "width": 256,
            "height": 192,
            "focal_px": 228.0,
            "rooms_train": 1000,
            "rooms_val": 20,
            "rooms_test": 50,
            "views": 20,
            "corpus_per_category": 1000,
            "captured_train_per_category": 100,
            "captured_test_per_category": 60,
            "sensor": {"oversampling": 3, "matching": {"disparities": 112}},
            "labelled": {"rooms": 45, "stands": 5, "voxel": 0.01},
            "scans": {"train_per_class": 80, "test_per_class": 60, "views": 10, "voxel": 0.005},
        },
    }

    @property
    def key(self) -> str:
        """Names the content: options and version of the code. Scans, rooms with labels and a corpus have own names."""
        text = self.model_dump_json(exclude={"workers", "scans", "labelled", "corpus"}) + f"|{VERSION}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def scans_key(self) -> str:
        """Names the scanned objects: their options, those of the world, and the versions of the code of both."""
        text = f"{self.key}|{self.scans.model_dump_json()}|{SCANS_VERSION}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def labelled_key(self) -> str:
        """Names the content of the labelled rooms: their options, those of the world, and the versions of the code."""
        text = f"{self.key}|{self.labelled.model_dump_json()}|{LABELLED_VERSION}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def rooms(self, split: str) -> int:
        """How many rooms a split of pairs has."""
        return int(getattr(self, f"rooms_{split}"))

    @property
    def size(self) -> tuple[int, int]:
        """Delivered (height, width)."""
        return self.height, self.width
