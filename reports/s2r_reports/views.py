"""The views and clouds that a run kept for drawing, read back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_reports.frames import Entry

Map = NDArray[np.float32]
RESIDUAL_LIMIT_M = 0.2


@dataclass(frozen=True, eq=False)
class View:
    """One view: clean, captured and simulated depth, (H, W) float32 metres, 0 = none."""

    id: str
    clean: Map
    captured: Map
    simulated: Map

    def residual(self, side: Map) -> Map:
        """(H, W) metres, NaN where `side` has a hole or there is no clean depth."""
        difference = side - self.clean
        shown = (self.clean > 0) & (side > 0) & (np.abs(difference) < RESIDUAL_LIMIT_M)
        return np.where(shown, difference, np.float32(np.nan))


@dataclass(frozen=True, eq=False)
class Clouds:
    """Fused clouds of one sequence, (N, 3) float32 metres, world frame, and a camera that saw it."""

    id: str
    clean: Map
    captured: Map
    simulated: Map
    world_from_cam: NDArray[np.float64]


def kept_views(entry: Entry) -> list[View]:
    """The views that the run kept; none where its folder or files are gone."""
    return [
        View(str(arrays["id"]), arrays["clean"], arrays["captured"], arrays["simulated"])
        for arrays in map(read_arrays, sorted(artifacts(entry).glob("view_*.npz")))
        if arrays is not None
    ]


def kept_clouds(entry: Entry) -> Clouds | None:
    """The clouds that the run kept; None where there are none."""
    arrays = read_arrays(artifacts(entry) / "clouds.npz")
    return None if arrays is None else Clouds(**{**arrays, "id": str(arrays["id"])})


def artifacts(entry: Entry) -> Path:
    """The folder of what a run kept; one that does not exist where the run's own is not known."""
    return (entry.folder or Path("no-such-folder")) / "artifacts"


def read_arrays(path: Path) -> dict[str, Any] | None:
    """The arrays of a file, None where it is missing or damaged."""
    # a damaged file is treated as a missing one: the report names it, and still shows the rest
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError):
        return None
    except Exception:  # zipfile's own error class for truncated archives
        return None
