"""What an item of a training costs at published sizes, where anybody has said or measured it. Nothing is guessed.

An entry is device-seconds an item in training (forward, backward, step), so hours = steps x batch x seconds / 3600.
What is not here is not measured, and plans say so.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Timing:
    """Seconds an item, on what, who says so, and what has to be assumed to use it."""

    seconds: float
    kind: Literal["GPU", "CPU"]
    device: str
    source: str
    assumes: str


# two days on four cards, two stages of 20,000 steps of 48 items
_STATED = 2 * 24 * 3600 * 4 / (2 * 20_000 * 48)
_CORE = "a core of an Intel Xeon (Sapphire Rapids)"
_MEASURED = "measured with benchmarks/occo_paper.py at the published sizes (docs/results.md)"
_ASSUMES = "forward and backward in CPU seconds of one thread, without the optimiser's step; a GPU is not measured"

TIMINGS = {
    "sd21": Timing(
        _STATED,
        "GPU",
        "A100",
        "Stable-Sim2Real, appendix D: about two days on four A100, about 20,000 steps of 48 items",
        "the two days hold both stages (if they hold one, twice as much), and cost goes with the items a step",
    ),
    "dgcnn-classify": Timing(0.23, "CPU", _CORE, f"{_MEASURED}: DGCNN of 1,024 points, k 20", _ASSUMES),
    "dgcnn-segment": Timing(1.33, "CPU", _CORE, f"{_MEASURED}: DGCNN of 4,096 points, k 20", _ASSUMES),
    "occo-completion": Timing(0.74, "CPU", _CORE, f"{_MEASURED}: 1,024 points to 1,024 and 16,384", _ASSUMES),
}
