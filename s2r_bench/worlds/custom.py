"""A folder of pairs as a world: your camera, your rooms.

The folder is a pair folder (`s2r_bench.worlds.pair_folder`). Where its cameras file names no splits, every sequence is
cut into stretches: 3 % of the frames (at least one) are left out between two stretches, and of the others the first
70 % train, 10 % validate, the rest tests. That rule is deterministic; `s2r-bench data prepare` writes splits of your
own choice.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from s2r_bench.data.splits import scene_ids, split_by_fractions
from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.types import CATEGORIES, CadModel
from s2r_bench.worlds.base import Split
from s2r_bench.worlds.pair_folder import Cameras, FolderPairs, read_cameras, sequences_of

# a preset's frame width: the pixel step is the whole number of them that fits the camera's width
PRESET_WIDTH = {"smoke": 128, "tiny": 128, "small": 256}


class PairWorldOptions(Options):
    """Options of a world that is read from a pair folder.

    Attributes:
        folder: the pair folder, where it is not given otherwise.
        step: keep every step-th pixel of every step-th row; None: what the preset asks for.
        cads: a folder of CAD models, or a Sweet Home 3D library; None: `S2R_SWEETHOME3D`, or `HOME/data/sweethome3d`.
    """

    folder: Path | None = None
    step: int | None = None
    cads: Path | None = None


class PairFolderWorld:
    """A world over one pair folder (a `World`): its cameras file names the sensor, and no new captures can be made."""

    owns_sensor: ClassVar[bool] = False

    def __init__(self, name: str, folder: Path, preset: str, home: Path, options: PairWorldOptions) -> None:
        """Read the cameras file of `folder`; depth maps are read when asked for.

        Raises:
            DataError: the folder holds no pairs, or too few for three splits.
            UsageError: a pixel step below 1.
        """
        self.name = name
        self.preset = preset
        self.folder = folder
        cameras = read_cameras(folder)
        self.sensor = cameras.sensor
        self.step = _step(cameras, preset, options.step)
        self._splits = splits_of(cameras)
        self._cameras = _with_scenes(cameras, self._splits)
        self._cads = options.cads or _sweethome3d(home)

    def pairs(self, split: Split) -> FolderPairs:
        """The pairs of a split, read from the folder when asked for."""
        if split not in self._splits:
            raise UsageError(f"{self.folder} has no split {split!r}; there are: {', '.join(self._splits)}")
        return FolderPairs(self.folder, names=self._splits[split], step=self.step, cameras=self._cameras)

    def cads(self) -> list[CadModel]:
        """The furniture of the six categories in option `cads`, else of the Sweet Home 3D library, else none."""
        if self._cads is None:
            return []
        from s2r_bench.cad import read_models

        return list(read_models(self._cads, categories=CATEGORIES).models)


def open(*, folder: Path, preset: str, home: Path, options: Mapping[str, Any]) -> PairFolderWorld:
    """The pair folder `folder` as a world named after it."""
    chosen = PairWorldOptions.preset(preset, options)
    return PairFolderWorld(folder.resolve().name, folder, preset, home, chosen)


def splits_of(cameras: Cameras) -> dict[str, list[str]]:
    """The splits that the cameras file names, else stretches of each sequence (see the module's docstring)."""
    return cameras.splits or split_by_fractions(sequences_of(cameras))


def _with_scenes(cameras: Cameras, splits: Mapping[str, Sequence[str]]) -> Cameras:
    """The cameras with one scene id a held-out stretch (see `scene_ids`)."""
    rooms = {name: entry.scene for name, entry in cameras.entries.items()}
    known = {split: [name for name in names if name in rooms] for split, names in splits.items()}
    ids = scene_ids(rooms, sequences_of(cameras), known)
    entries = {name: replace(entry, scene=ids[name]) for name, entry in cameras.entries.items()}
    return replace(cameras, entries=entries)


def _step(cameras: Cameras, preset: str, wanted: int | None) -> int:
    if wanted is not None:
        if wanted < 1:
            raise UsageError(f"step must be 1 or more, not {wanted}")
        return wanted
    width = cameras.size[1]
    return max(1, width // PRESET_WIDTH.get(preset, width))


def _sweethome3d(home: Path) -> Path | None:
    named = os.environ.get("S2R_SWEETHOME3D")
    places = [Path(named)] if named else [home / "data" / "sweethome3d"]
    return next((place for place in places if place.exists()), None)
