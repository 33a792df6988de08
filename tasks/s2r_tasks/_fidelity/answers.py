"""Where an arm's depth maps come from: its simulator, the clean depth, or the world's second capture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s2r_bench.errors import DataError
from s2r_bench.simulator import PairSet
from s2r_bench.task import Arm, Simulate
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.base import World
from s2r_tasks._fidelity.references import captured_again, clean_answer, recapture_of
from s2r_tasks._fidelity.views import Setting, Views, stacked


@dataclass(frozen=True, eq=False)
class Answers:
    """An arm's draws for the test views.

    Attributes:
        setting: the clean side.
        make: (indices into the setting, draw) -> frames.
        stochastic: whether draws differ.
        limit: residual limit of the views, metres.
    """

    setting: Setting
    make: Callable[[Sequence[int], int], list[DepthFrame]]
    stochastic: bool
    limit: float

    def draw(self, indices: Sequence[int], number: int) -> Views:
        """Draw `number` of the views at `indices`.

        Raises:
            DataError: the arm answered with another count, size or kind; the message names the view.
        """
        setting = self.setting.take(indices)
        frames = self.make(indices, number)
        if len(frames) != len(setting):
            raise DataError(f"the arm gave {len(frames)} frames for {len(setting)} views")
        for frame, clean in zip(frames, setting.frames, strict=True):
            if frame.size != clean.size or frame.id != clean.id:
                raise DataError(f"the arm answered {clean.id} {clean.size} with {frame.id} {frame.size}")
        return Views(setting, stacked(frames), self.limit)


def answers_of(
    arm: Arm, world: World, pairs: PairSet, chosen: Sequence[int], setting: Setting, seed: int, limit: float
) -> Answers:
    """The source of an arm's answers; `chosen` are the pair indices of the setting's views."""
    simulate = arm.simulate
    if simulate is not None:
        stochastic = arm.card is not None and arm.card.stochastic
        return Answers(setting, _simulated(simulate, pairs, chosen), stochastic, limit)
    if arm.name == "floor":
        return Answers(setting, lambda indices, _: clean_answer(setting.take(indices)), False, limit)
    recapture = recapture_of(world)
    if recapture is None:
        raise DataError(f"the world {world.name!r} cannot capture a view twice")
    again = recapture  # bound once, so that the type is known inside the function

    def captures(indices: Sequence[int], number: int) -> list[DepthFrame]:
        return [captured_again(again, pairs, chosen[index], seed, number) for index in indices]

    return Answers(setting, captures, True, limit)


def _simulated(
    simulate: Simulate, pairs: PairSet, chosen: Sequence[int]
) -> Callable[[Sequence[int], int], list[DepthFrame]]:
    # the simulator gets the clean frames as the world gives them, not as they are cut for scoring
    return lambda indices, number: simulate([pairs[chosen[index]].clean for index in indices], number)
