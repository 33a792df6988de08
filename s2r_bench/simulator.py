"""The one contract that every simulator keeps, ours or a third party's.

A simulator is one file in `baselines/s2r_baselines/` (its name is the file's), an entry point in the group
`s2r_bench.simulators`, or `path/to/file.py:Class`. A member module ends with `simulator: type[Simulator] = Mine`, so
that a type checker proves the contract. Modules keep heavy imports (torch, diffusers) out of module level.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed
from s2r_bench.types import DepthFrame, DepthPair

Capture = Callable[[Sequence[DepthFrame], Sequence[FrameSeed]], list[DepthFrame]]
"""A world's sensor: views and their seeds -> captures."""

Training = Literal["paired", "unpaired", "untrained"]
Output = Literal["depth", "cloud"]


@dataclass(frozen=True)
class Card:
    """What a simulator declares of itself.

    Attributes:
        title: its name as it stands in a table.
        source: the paper or repository that it follows.
        training: "paired" needs S and R of the same view; "unpaired" gets them in unrelated order (the runner
            shuffles, so that a method cannot peek); "untrained" is never fitted.
        stochastic: whether two seeds give two results.
        needs: what `simulate` asks for beyond depth and camera; nothing else is promised to be there.
        depth_range_m: the nearest and farthest depth that it can give.
        licence: of the method's code and weights.
        output: what it makes. "depth": depth maps, which every figure judges. "cloud": points in space, which were
            projected into the frame to be handed on; a task judges the points alone, and says what it leaves out.
        seen_scenes: ids of scenes that it has seen before any `fit`, as in weights that it ships; the leakage guard
            counts them with those of the fit. "kitchen" means all stretches of that room, "area_*" all ids that begin
            so, "lasa/*" every scene of the world `lasa`, "*" any scene.
    """

    title: str
    source: str
    training: Training
    stochastic: bool
    licence: str
    depth_range_m: tuple[float, float] = (0.05, 5.0)
    needs: tuple[Literal["normals", "mesh", "truth"], ...] = ()
    output: Output = "depth"
    seen_scenes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Budget:
    """How much a `fit` may spend. `steps` = optimiser steps over all stages; None = the preset's own number."""

    steps: int | None = None


@dataclass(frozen=True)
class FitReport:
    """What a `fit` cost, for the cost columns of the tables.

    Attributes:
        steps: optimiser steps done, all networks together.
        seconds: wall time of the optimiser loop, resumed parts included.
        parameters: trainable parameters.
        curve: rows of {"stage", "step", "train_loss", ...}; "val_loss" where held-out pairs were given (`HoldsOut`).
    """

    steps: int = 0
    seconds: float = 0.0
    parameters: int = 0
    curve: tuple[dict[str, float | str], ...] = ()


class PairSet(Protocol):
    """A sequence of pairs that are read when asked for, with what identifies it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> DepthPair:
        """Read pair `index`; DataError names the file if it is damaged."""
        ...

    @property
    def scenes(self) -> frozenset[str]:
        """The scene ids that occur in it."""
        ...

    @property
    def digest(self) -> str:
        """Changes whenever the data does."""
        ...


@runtime_checkable
class Simulator(Protocol):
    """Turns clean depth into depth as a sensor would have captured it.

    Constructed as `Cls(options, device)`; `options` is an instance of `Cls.options_type`.
    """

    card: ClassVar[Card]
    options_type: ClassVar[type[Options]]

    @property
    def options(self) -> Options:
        """The options it was made with."""
        ...

    def __init__(self, options: Options, device: str = "cpu") -> None: ...

    def fit(self, pairs: PairSet, budget: Budget, seed: int, workdir: Path | None = None) -> FitReport:
        """Train on `pairs`; never called where `card.training` is "untrained".

        Args:
            pairs: training pairs. Validation data is the harness's; a method that asks to see it is `HoldsOut`.
            budget: optimiser steps.
            seed: decides initial weights, order and noise.
            workdir: where to leave checkpoints, so that a killed `fit` called again with the same arguments
                continues and ends in the same weights, bit for bit on the same machine. None: keep nothing.
        """
        ...

    def simulate(self, frames: Sequence[DepthFrame], seeds: Sequence[FrameSeed]) -> list[DepthFrame]:
        """One draw for each frame, decided by that frame and its seeds alone: never by batch, order or device count.

        The result keeps id, K, pose and size, is finite, is 0 where there is no value, and never writes to its input.

        Raises:
            NotFittedError: before `fit` or `load`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write all that `load` needs (safetensors, json, npz: no pickle) into an existing folder."""
        ...

    def load(self, folder: Path) -> None:
        """Become what `save` wrote there. DataError names the damaged or missing file."""
        ...


@runtime_checkable
class Diagnosable(Protocol):
    """A simulator that can say more of itself on held-out pairs: its codec's error, what its own judges think."""

    def diagnose(self, pairs: PairSet, seed: int) -> dict[str, float]:
        """Named figures; they are kept in the record beside the task's own and are never ranked."""
        ...


@runtime_checkable
class HoldsOut(Protocol):
    """A simulator whose training curve also tells its loss on pairs that it does not learn from."""

    def hold_out(self, pairs: PairSet) -> None:
        """The validation pairs, given before `fit`, shuffled where `card.training` is "unpaired".

        Rows of the curve get a "val_loss" on some of them. Nothing else may depend on them: no weight, no choice.
        """
        ...


@runtime_checkable
class TakesSensor(Protocol):
    """A simulator whose card needs "truth": the runner hands it the sensor of a world that owns one."""

    def take_sensor(self, capture: Capture) -> None:
        """Use the world's sensor from now on."""
        ...
