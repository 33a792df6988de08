"""A checkpoint of another codebase made one of ours: what the room's converter writes, and `simulator.json` for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s2r_bench import registry
from s2r_bench.errors import UsageError
from s2r_bench.steps.checkpoint import Origin, describe
from s2r_bench.steps.methods import find

PRESET = "paper"  # published weights are of the published size


def convert(
    sources: Sequence[Path],
    destination: Path,
    method: str,
    options: Mapping[str, Any] | None = None,
    scenes: Path | None = None,
) -> dict[str, Any]:
    """Write `destination`, a checkpoint that `simulate` and `evaluate` open.

    Args:
        sources: files of the other codebase.
        destination: a new folder.
        method: whose checkpoint it becomes.
        options: of the method, dotted, where they are to differ from what the converter sets.
        scenes: list of what it was trained on, if there is one.

    Returns:
        What the converter tells: a report for each source, options, what is known of its training, what is lacking.

    Raises:
        UsageError: there is no conversion to the method, it has no such option, or the destination holds something.
        DataError: see the converter.
    """
    module = registry.beside(registry.METHODS, "_convert", method)
    if module is None or not hasattr(module, "convert"):
        raise UsageError(f"--method {method}: there is no conversion to it; there is one to ours")
    found = find(method)
    found.options(PRESET, {**module.OPTIONS, **(options or {})})  # a wrong option is told before gigabytes are read
    told: dict[str, Any] = module.convert(sources, destination, options, scenes)
    chosen = found.options(PRESET, told["options"]).model_dump(mode="json")
    known = {**told["origin"], "trained_scenes": tuple(told["origin"]["trained_scenes"])}
    describe(destination, Origin(found.word, found.name, found.code, PRESET, chosen, **known))
    return told
