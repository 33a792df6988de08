"""What every physical sensor model is: published constants, some of them fitted to pairs, and a function of one frame.

A model says how a frame is captured, given constants (`capture`), and between which bounds a fit may move which of them
(`searched`). The fit is by simulated moments: training views are simulated with the constants on trial, and a pattern
search moves the constants until the figures of `_sensors.figures` agree with the captures'. It draws the same noise in
every trial, so it is a function of pairs, budget and seed. Nothing of a training frame is kept but the constants.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from pydantic import Field, ValidationError, model_validator

from s2r_baselines._sensors.figures import Figures, distance, figures_of
from s2r_baselines._sensors.search import Search
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.files import read_json, write_json
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, seed_of
from s2r_bench.simulator import Budget, FitReport, PairSet
from s2r_bench.types import DepthFrame, DepthPair, FloatArray

FILE = "sensor.json"
DEPTH_RANGE_M = (0.05, 10.0)


class Constants(Options):
    """Numbers of a model; each field says unit and source. Frozen and checked, also when read from a checkpoint."""


ConstantsT = TypeVar("ConstantsT", bound=Constants)


class SensorOptions(Options):
    """What all models take; each adds `constants` of its own."""

    fitted: bool = Field(True, description="fit constants to the pairs; false: the constants as they are given")
    frames: int = Field(8, ge=1, description="training views that a trial simulates, spread evenly over the pairs")
    rounds: int = Field(6, ge=0, description="rounds of the search; the step shrinks to its square root after each")
    max_residual_m: float = Field(0.2, gt=0, description="captures farther from the clean depth count as missing")
    near_m: float = Field(0.4, ge=DEPTH_RANGE_M[0], description="nearest depth delivered, metres")
    far_m: float = Field(8.0, le=DEPTH_RANGE_M[1], description="farthest depth delivered, metres")
    constants: Constants = Constants()

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"smoke": {"frames": 1, "rounds": 1}}

    @model_validator(mode="after")
    def _near_before_far(self) -> "SensorOptions":
        if self.near_m >= self.far_m:
            raise ValueError(f"near_m ({self.near_m}) must be less than far_m ({self.far_m})")
        return self


class PhysicalSensor(ABC, Generic[ConstantsT]):
    """The simulator's contract, for models that are a function of one frame and a few constants."""

    options_type: ClassVar[type[Options]]
    name: ClassVar[str]
    searched: ClassVar[Mapping[str, tuple[float, float]]]

    def __init__(self, options: Options, device: str = "cpu") -> None:
        if not isinstance(options, self.options_type) or not isinstance(options, SensorOptions):
            raise TypeError(f"{self.name} takes {self.options_type.__name__}, not {type(options).__name__}")
        self.options: SensorOptions = options
        self.constants: ConstantsT | None = None

    @abstractmethod
    def capture(self, frame: DepthFrame, seed: FrameSeed, constants: ConstantsT) -> FloatArray:
        """(H, W) metres as the sensor gives them, before range limits; anything not above 0 is a hole."""

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Fit the constants named in `searched`; a step of the budget is one trial of the search.

        Raises:
            DataError: the pairs hold no captured pixel near the clean depth.
        """
        if not self.options.fitted:
            self.constants = self.start
            return FitReport()
        self.constants, report = self.fitted(pairs, budget, seed, workdir)
        return report

    @property
    def start(self) -> ConstantsT:
        """The constants that the options give: where a fit starts."""
        return cast(ConstantsT, self.options.constants)

    def fitted(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None) -> tuple[ConstantsT, FitReport]:
        """Constants by simulated moments, and what the search cost."""
        some = chosen(pairs, self.options.frames)
        limit, start = self.options.max_residual_m, self.start
        captured = figures_of([(pair.clean, pair.captured.depth) for pair in some], limit)
        if not np.isfinite(captured.spread).any():
            raise DataError("the training pairs hold no captured pixel near the clean depth: are the sides swapped?")
        seeds = [FrameSeed(seed_of(seed, "view", i), seed_of(seed, "session", i)) for i in range(len(some))]

        def trial(values: Mapping[str, float]) -> float:
            constants = start.model_copy(update=dict(values))
            frames = [self._delivered(pair.clean, one, constants) for pair, one in zip(some, seeds, strict=True)]
            return distance(self._figures(some, frames, limit), captured)

        identity = [pairs.digest, seed, self.options.model_dump(mode="json")]
        search = Search(trial, {name: getattr(start, name) for name in self.searched}, self.searched)
        best, report = search.run(self.options.rounds, budget.steps, workdir, identity)
        return start.model_copy(update=best), report

    @staticmethod
    def _figures(pairs: Sequence[DepthPair], frames: Sequence[DepthFrame], limit: float) -> Figures:
        return figures_of([(pair.clean, frame.depth) for pair, frame in zip(pairs, frames, strict=True)], limit)

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One capture a frame.

        Raises:
            NotFittedError: before `fit` or `load`.
        """
        if self.constants is None:
            raise NotFittedError(f"{self.name} has not been fitted: run s2r-bench train {self.name}")
        return [self._delivered(frame, seed, self.constants) for frame, seed in zip(frames, seeds, strict=True)]

    def _delivered(self, frame: DepthFrame, seed: FrameSeed, constants: ConstantsT) -> DepthFrame:
        depth = np.asarray(self.capture(frame, seed, constants), dtype=np.float32)
        with np.errstate(invalid="ignore"):  # what is not a number is no depth
            given = frame.valid & (depth >= self.options.near_m) & (depth <= self.options.far_m)
        return frame.with_depth(np.where(given, depth, np.float32(0)))

    def save(self, folder: Path) -> None:
        """The constants, as JSON.

        Raises:
            NotFittedError: before `fit` or `load`.
        """
        if self.constants is None:
            raise NotFittedError(f"there is nothing to save: {self.name} has not been fitted")
        write_json(folder / FILE, self.constants.model_dump(mode="json"))

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there.

        Raises:
            DataError: the file is missing, damaged, or holds other constants than this model's.
        """
        try:
            self.constants = type(self.start)(**read_json(folder / FILE))
        except ValidationError as wrong:
            names = ", ".join(type(self.start).model_fields)
            why = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors())
            raise DataError(f"{folder / FILE}: expected {names} within bounds ({why}); fit again") from None


def chosen(pairs: PairSet, count: int) -> list[DepthPair]:
    """At most `count` pairs, spread evenly over the set, first and last among them."""
    return [pairs[int(i)] for i in np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round())]
