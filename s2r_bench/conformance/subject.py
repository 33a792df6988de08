"""A simulator under examination: what it is fitted to, what it is shown, and what was found so far."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from s2r_bench.conformance.made import MadePairs, made_frames
from s2r_bench.conformance.outcome import DoesNotApply, Outcome
from s2r_bench.conformance.pairs import HeldPairs, again, copied, held, spread
from s2r_bench.conformance.watch import Watched, watched
from s2r_bench.errors import UsageError
from s2r_bench.options import Options
from s2r_bench.seeds import FrameSeed, frame_seeds
from s2r_bench.simulator import Budget, Capture, FitReport, PairSet, Simulator, TakesSensor
from s2r_bench.steps.fit import ShuffledPairs
from s2r_bench.steps.methods import Method, contract_faults, located
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.base import OwnsSensor, World

MOST_PAIRS = 64
MOST_FRAMES = 4
SEED = 0


class Subject:
    """What all checks look at. Fits and draws that several checks need are made once.

    Attributes:
        method: the class and how it is found again.
        frames: clean frames that no fit saw; checks show the simulator copies of them.
        room: a folder for checkpoints and files; the caller removes it.
        device: where networks go.
        outcomes: what the checks found, by name.
        seen: what the first fit opened and wrote.
        handed: the pairs that the first fit was given.
        report: what the last fit returned.
    """

    def __init__(
        self,
        method: Method,
        pairs: PairSet,
        frames: Sequence[DepthFrame],
        room: Path,
        *,
        preset: str = "smoke",
        overrides: dict[str, Any] | None = None,
        device: str = "cpu",
        capture: Capture | None = None,
    ) -> None:
        """Prepare; the simulator is neither made nor fitted yet.

        Args:
            method: from `s2r_bench.steps.methods.located`.
            pairs: training pairs in their true pairing; at most MOST_PAIRS are held.
            frames: clean frames to simulate.
            room: an existing, empty folder.
            preset: of the method's options.
            overrides: options on top of the preset's.
            device: where networks go.
            capture: a world's sensor, for a simulator whose card needs the truth.

        Raises:
            UsageError: an option does not exist, or the method needs what nobody can give it here.
        """
        self.method, self.room, self.device, self.capture = method, room, device, capture
        self.frames = [copied(frame) for frame in frames]
        self.pairs = held(pairs, MOST_PAIRS)
        self.faults = contract_faults(method.cls)
        if not self.faults:
            _served(method, capture)
            self.options: Options = method.options(preset, overrides)
        self.outcomes: dict[str, Outcome] = {}
        self.seen: Watched | None = None
        self.handed: HeldPairs | None = None
        self.report: FitReport | None = None
        self._folders = 0

    def outcome(self, name: str) -> Outcome:
        """What the check `name` finds."""
        from s2r_bench.conformance.checks import CHECKS

        return next(check for check in CHECKS if check.name == name)(self)

    @property
    def trained(self) -> bool:
        """Whether the card says that it is fitted."""
        return self.method.trained

    @property
    def training(self) -> HeldPairs:
        """The pairs as the runner would hand them over: shuffled where the card says "unpaired"; a fresh copy."""
        return self.shuffled(self.pairs) if self.method.cls.card.training == "unpaired" else again(self.pairs)

    def shuffled(self, pairs: HeldPairs) -> HeldPairs:
        """`pairs` in unrelated order."""
        return held(ShuffledPairs(again(pairs), SEED), MOST_PAIRS)

    def new(self) -> Simulator:
        """A simulator that was not fitted."""
        made = self.method.cls(self.options, self.device)
        if self.capture is not None and isinstance(made, TakesSensor):
            made.take_sensor(self.capture)
        return made

    def fit(self, pairs: HeldPairs, workdir: Path | None = None, seed: int = SEED) -> Simulator:
        """Another simulator, fitted to `pairs`."""
        made = self.new()
        self.report = made.fit(pairs, Budget(), seed, workdir)
        return made

    @cached_property
    def fitted(self) -> Simulator:
        """The simulator, ready to simulate; its fit was watched."""
        if not self.trained:
            return self.new()
        self.handed = self.training
        workdir = self.folder()
        with watched(workdir) as self.seen:
            return self.fit(self.handed, workdir)

    def first_fit(self) -> tuple[HeldPairs, Watched]:
        """The pairs that the fit was given, and what it did meanwhile.

        Raises:
            DoesNotApply: it is never fitted.
        """
        if not self.trained:
            raise DoesNotApply("it is never fitted")
        _ = self.fitted
        assert self.handed is not None  # set by the fit
        assert self.seen is not None
        return self.handed, self.seen

    @cached_property
    def shown(self) -> list[DepthFrame]:
        """What the fitted simulator makes of the frames."""
        return self.draw(self.fitted)

    @property
    def seeds(self) -> list[FrameSeed]:
        """The seeds of `shown`."""
        return frame_seeds(self.frames, SEED)

    def draw(
        self,
        simulator: Simulator,
        frames: Sequence[DepthFrame] | None = None,
        seeds: Sequence[FrameSeed] | None = None,
    ) -> list[DepthFrame]:
        """One draw of (copies of) `frames`, or of all with the usual seeds."""
        frames = self.frames if frames is None else frames
        return simulator.simulate([copied(frame) for frame in frames], self.seeds if seeds is None else seeds)

    def folder(self) -> Path:
        """A new, empty folder."""
        self._folders += 1
        made = self.room / f"{self._folders:02d}"
        made.mkdir()
        return made


def world_subject(
    method: Method,
    world: World,
    room: Path,
    *,
    preset: str = "smoke",
    overrides: dict[str, Any] | None = None,
    device: str = "cpu",
) -> Subject:
    """A subject that is fitted to a world's training pairs and shown clean frames of its validation rooms.

    Raises:
        UsageError: see `Subject`.
        DataError: the world is not there.
    """
    if not contract_faults(method.cls):
        method.options(preset, overrides)  # a wrong option is told before a world is made
    val = world.pairs("val")
    frames = [val[index].clean for index in spread(len(val), MOST_FRAMES)]
    capture = world.capture if isinstance(world, OwnsSensor) else None
    return Subject(
        method,
        world.pairs("train"),
        frames,
        room,
        preset=preset,
        overrides=overrides,
        device=device,
        capture=capture if not contract_faults(method.cls) and "truth" in method.cls.card.needs else None,
    )


def made_subject(word: str, room: Path, **more: Any) -> Subject:
    """A subject by name or `file.py:Class` on made views: for tests, in a second where the fit is short.

    Args:
        word: what `s2r_bench.steps.methods.located` finds.
        room: an existing, empty folder, such as pytest's `tmp_path`.
        more: `preset`, `overrides` and `device`, as in `Subject`.

    Raises:
        UsageError: there is no such method, or it cannot be imported.
    """
    return Subject(located(word), MadePairs(), made_frames(), room, **more)


def _served(method: Method, capture: Capture | None) -> None:
    needs = method.cls.card.needs
    lacking = [need for need in needs if need == "mesh" or (need == "truth" and capture is None)]
    if lacking:
        raise UsageError(f"{method.name} needs {' and '.join(lacking)} (card.needs), which is not to be had here")
