"""PrimeSense noise of the Redwood benchmark: jitter, a distortion table, disparity noise and steps (Choi et al. 2015).

For a pixel: move by N(0, `jitter_px`^2) in each direction, round; take the depth of the top left pixel of that pixel's
block of `block_px` squared; divide by the distortion factor of the place in the image and of the range; add noise of
`noise_px` to the disparity `disparity_m_px / Z` and round it to 1 / `steps_per_px` of a pixel.

Without a table all factors are 1: the noise of the sensor without its distortion. `table` names the user's own:
`dist-model.txt` as it comes with the Redwood data sets (five header lines, then 80 x 80 rows of 23 numbers, of which 3
to 7 count the measurements and 18 to 22 are the factors at 1, 3, 5, 7 and 9 m; a cell without 8000 measurements at any
range has no value), or its factors as an `.npy` array (80, 80, 5). The fit copies it into the checkpoint.

Pixels of the constants are those of a 640-column image, and the table is addressed by the place relative to the image:
Open3D's simulator, with which this one agrees at 640 x 480, addresses by absolute pixels and leaves the table at other
sizes. Fit: jitter and disparity noise by simulated moments (`_sensors/model.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from s2r_baselines._residuals import load_array
from s2r_baselines._sensors.model import DEPTH_RANGE_M, Constants, PhysicalSensor, SensorOptions
from s2r_bench.errors import DataError
from s2r_bench.files import sha256
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, rng_of
from s2r_bench.simulator import Budget, Card, FitReport, PairSet, Simulator
from s2r_bench.types import DepthFrame, FloatArray

WIDTH = 640  # columns of the image in whose pixels the constants are given
TABLE = "table.npz"
CELLS = 80
KNOTS_M = (1.0, 3.0, 5.0, 7.0, 9.0)
FEWEST = 8000
HEADER, COLUMNS = 5, 23


class RedwoodConstants(Constants):
    """The model's constants, as in the Redwood simulator."""

    disparity_m_px: float = Field(35.130, gt=0, description="focal length times baseline, px m (Choi 2015)")
    steps_per_px: float = Field(8.0, gt=0, description="disparity steps in a pixel (Choi 2015)")
    noise_px: float = Field(1 / 36, ge=0, description="disparity noise, std in px (Choi 2015: 0.027778)")
    jitter_px: float = Field(0.25, ge=0, description="shift of the pixel, std in px at 640 columns (Choi 2015)")
    block_px: float = Field(2.0, ge=1, description="side of the blocks of equal source, px at 640 columns (Choi 2015)")


class RedwoodOptions(SensorOptions):
    """`table`: a distortion table of the user's own."""

    table: Path | None = Field(None, description="distortion table, .txt of Redwood or .npy (80, 80, 5); none: all 1")
    table_sha256: str | None = Field(None, description="digest of the table; filled in when it is left out")
    constants: RedwoodConstants = RedwoodConstants()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        **SensorOptions.presets,
        "small": {"frames": 32},
        "paper": {"frames": 32},
    }

    @model_validator(mode="before")
    @classmethod
    def _known_by_content(cls, values: Any) -> Any:
        # another table under the same name is another simulator; a checkpoint's options carry the digest with them
        if isinstance(values, dict) and values.get("table") and not values.get("table_sha256"):
            path = Path(values["table"])
            if not path.is_file():
                raise ValueError(f"there is no distortion table at {path}")
            return {**values, "table_sha256": sha256(path)}
        return values


class Redwood(PhysicalSensor[RedwoodConstants]):
    """The noise model of the Redwood reconstruction benchmark."""

    card: ClassVar[Card] = Card(
        title="Redwood noise (Choi)",
        source="Choi, Zhou, Koltun: Robust reconstruction of indoor scenes, CVPR 2015",
        training="paired",
        stochastic=True,
        licence="Apache-2.0",
        depth_range_m=DEPTH_RANGE_M,
    )
    options_type: ClassVar[type[Options]] = RedwoodOptions
    name: ClassVar[str] = "redwood"
    searched: ClassVar[Mapping[str, tuple[float, float]]] = {"noise_px": (0.002, 5.0), "jitter_px": (0.02, 4.0)}
    options: RedwoodOptions

    def __init__(self, options: Options, device: str = "cpu") -> None:
        super().__init__(options, device)
        self.table: FloatArray | None = None  # (80, 80, 5): factors by row, column and range; None: all 1

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Read the table, then fit noise and jitter.

        Raises:
            DataError: the table is missing, damaged, or not the one that the options were made with; see `fit` of
                `PhysicalSensor`.
        """
        if self.options.table is not None:
            if self.options.table.is_file() and sha256(self.options.table) != self.options.table_sha256:
                raise DataError(f"{self.options.table} has changed since table_sha256 was taken; leave that option out")
            self.table = read_table(self.options.table)
        return super().fit(pairs, budget, seed, workdir)

    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: RedwoodConstants) -> FloatArray:
        """The chain of the module's docstring."""
        dice = rng_of(seed.view, "redwood")
        jitter = dice.standard_normal((2, *frame.size))
        return captured(frame.depth.astype(np.float64), jitter, dice.standard_normal(frame.size), self.table, constants)

    def save(self, folder: Path) -> None:
        """Constants and table."""
        super().save(folder)
        if self.table is not None:
            with (folder / TABLE).open("wb") as file:
                np.savez_compressed(file, table=self.table)

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there; the file that `table` names is not needed any more."""
        super().load(folder)
        self.table = load_array(folder / TABLE, "table") if self.options.table is not None else None


def captured(
    depth: FloatArray, jitter: FloatArray, noise: FloatArray, table: FloatArray | None, constants: RedwoodConstants
) -> FloatArray:
    """Depth as the model gives it, (H, W) metres, 0 = none.

    Args:
        depth: (H, W) metres, 0 = none.
        jitter: (2, H, W) standard normal draws, for rows and columns.
        noise: (H, W) standard normal draws, for disparity.
        table: (80, 80, 5) distortion factors, or None.
        constants: the model's.
    """
    height, width = depth.shape
    scale = width / WIDTH
    block = max(1, round(constants.block_px * scale))
    v, u = np.rint(np.indices(depth.shape) + constants.jitter_px * scale * jitter).astype(np.int64)
    v, u = np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)
    z = depth[v - v % block, u - u % block]
    if table is not None:
        factor = factors(table, z, v * CELLS // height, u * CELLS // width)
        z = np.where(factor > 0, z / np.where(factor > 0, factor, 1.0), 0.0)
    disparity = constants.disparity_m_px / np.where(z > 0, z, 1.0) + constants.noise_px * noise
    steps = np.rint(disparity * constants.steps_per_px)
    known = (z > 0) & (steps > 0)
    return np.where(known, constants.disparity_m_px * constants.steps_per_px / np.where(known, steps, 1.0), 0.0)


def factors(table: FloatArray, depth: FloatArray, rows: np.ndarray, columns: np.ndarray) -> FloatArray:
    """Distortion factors, linear in range between the knots and constant beyond them.

    Args:
        table: (80, 80, 5).
        depth: metres, any shape.
        rows: of the table, int, same shape.
        columns: likewise.
    """
    above = np.floor((depth + 1) / 2).astype(np.int64)  # the knot at 2 k + 1 m is the first beyond the depth
    share = (depth - (2 * above - 1)) / 2
    last = len(KNOTS_M) - 1
    low = table[rows, columns, np.clip(above - 1, 0, last)]
    high = table[rows, columns, np.clip(above, 0, last)]
    return np.asarray((1 - share) * low + share * high)


def read_table(path: Path) -> FloatArray:
    """(80, 80, 5) distortion factors by row, column and range; 0 where a cell was measured too little.

    Raises:
        DataError: there is no such file, or it is neither of the two formats.
    """
    if not path.is_file():
        raise DataError(f"there is no distortion table at {path}: give --set table=FILE, or leave it out")
    try:
        if path.suffix == ".npy":
            table = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
        else:
            rows = np.loadtxt(path, skiprows=HEADER, comments="%").reshape(CELLS, CELLS, COLUMNS)
            table = rows[..., 18:23] * (rows[..., 3:8] >= FEWEST).any(-1, keepdims=True)
    except (OSError, ValueError, EOFError) as wrong:
        raise DataError(
            f"{path} is no distortion table ({wrong}): expected {HEADER} lines and {CELLS} x {CELLS} rows of {COLUMNS} "
            f"numbers, or an .npy array ({CELLS}, {CELLS}, {len(KNOTS_M)})"
        ) from None
    if table.shape != (CELLS, CELLS, len(KNOTS_M)) or not np.isfinite(table).all() or bool((table < 0).any()):
        raise DataError(
            f"{path}: expected ({CELLS}, {CELLS}, {len(KNOTS_M)}) finite factors, not below 0; found {table.shape}"
        )
    return table


simulator: type[Simulator] = Redwood
