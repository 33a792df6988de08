"""What a published experiment is read as, where its sources differ: the paper's text, the released code, or strict.

A suite lists under `readings` what each reading sets, and `follow` picks one. A switch is set at every preset, a size
only at the preset `paper`: smaller presets have sizes of their own. What a reading sets stands above the suite's
options, and below `--set`.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from s2r_bench.errors import UsageError

SECTIONS = ("world", "task")
Owned = dict[str, dict[str, Any]]


class Reading(BaseModel):
    """The options that one reading sets, by their owner: `world`, `task`, or a method of the suite."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    switches: Owned = Field(default_factory=dict, description="owner -> options, at every preset")
    sizes: Owned = Field(default_factory=dict, description="owner -> options, at preset paper")


def follow(raw: Mapping[str, Any], name: str, reading: Reading, preset: str) -> dict[str, Any]:
    """The fields of a suite with the options that a reading sets.

    Args:
        raw: fields as a file gives them; methods as a list of mappings with name and options.
        name: of the reading, for errors.
        reading: what it sets.
        preset: sizes are set at "paper" alone.

    Raises:
        UsageError: an owner that the suite does not have.
    """
    made = {**raw, "methods": list(raw.get("methods") or [])}
    for part in (reading.switches, reading.sizes if preset == "paper" else {}):
        for owner, options in part.items():
            _set(made, owner, options, f"readings.{name}")
    return made


def refuse_unknown(name: str, readings: Mapping[str, Reading]) -> None:
    """Raise UsageError where a suite has readings and `name` is none of them."""
    if name not in readings:
        close = difflib.get_close_matches(name, readings, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"follow: there is no reading {name!r}.{hint} There are: {', '.join(readings)}")


def _set(made: dict[str, Any], owner: str, options: Mapping[str, Any], where: str) -> None:
    if owner in SECTIONS:
        named = made.get(owner) or {}
        named = {"name": named} if isinstance(named, str) else dict(named)
        made[owner] = _with(named, options)
        return
    names = _names(made["methods"])
    if owner not in names:
        raise UsageError(f"{where}.{owner}: the suite has no such method; there are: world, task, {', '.join(names)}")
    place = names.index(owner)
    made["methods"][place] = _with(made["methods"][place], options)


def _with(named: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    return {**named, "options": {**(named.get("options") or {}), **options}}


def _names(methods: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(one.get("name")) for one in methods]
