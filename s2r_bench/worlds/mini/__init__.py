"""The built-in world: procedural furniture and rooms, and a virtual active-stereo sensor that captures them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2r_bench.worlds.mini.options import MiniOptions
from s2r_bench.worlds.mini.world import MiniWorld

__all__ = ["MiniOptions", "MiniWorld", "open"]


def open(*, preset: str = "tiny", home: Path, options: Mapping[str, Any] | None = None) -> MiniWorld:
    """Open the mini world.

    Args:
        preset: "smoke", "tiny", "small" or "paper".
        home: where generated pairs are kept, under `worlds/mini/`.
        options: values of `MiniOptions` on top of the preset; dotted names reach the sensor
            (`sensor.light_e`, `sensor.matching.block`).

    Raises:
        UsageError: an unknown preset or option, or a value out of range.
    """
    return MiniWorld(MiniOptions.preset(preset, options), preset, Path(home))
