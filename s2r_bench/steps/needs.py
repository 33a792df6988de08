"""The data sets that a suite reads: where each should lie, whether it does, and what to do where it does not."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from s2r_bench.config import DataNeed, Named, SuiteConfig
from s2r_bench.data.catalogue import DataSet, find
from s2r_bench.data.claim import WORK
from s2r_bench.errors import DataError
from s2r_bench.worlds.base import WORLDS

State = Literal["here", "missing", "no reader"]
PREPARES = "s2r-bench data prepare"


@dataclass(frozen=True)
class Needed:
    """One data set: what it is read for, where it was looked for, what was found, and what mends it."""

    name: str
    use: str
    place: Path
    state: State
    remedy: str


def needs_of(config: SuiteConfig, home: Path) -> list[Needed]:
    """What the suite reads with this world and these options; a data set whose option is given is not looked for."""
    every = [need for need in config.data if need.world in ("", config.world.name)]
    return [_looked_for(need, home) for need in every if not _is_given(config, need.option)]


def missing(needs: Sequence[Needed]) -> list[Needed]:
    """Those that keep the suite from running."""
    return [need for need in needs if need.state != "here"]


def with_data(config: SuiteConfig, home: Path) -> SuiteConfig:
    """The suite with the folders of its data sets in the options that ask for them.

    Raises:
        DataError: data sets that are not here, each with what to do.
    """
    needs = needs_of(config, home)
    lacking = missing(needs)
    if lacking:
        told = "\n".join(f"  {need.name} ({need.use or 'data'}): {need.remedy}" for need in lacking)
        raise DataError(f"{config.name} needs data that are not on this machine:\n{told}")
    places = {need.name: need.place for need in needs}
    for need in config.data:
        if need.option and need.name in places:
            config = _with_option(config, need.option, str(places[need.name]))
    return config


def _is_given(config: SuiteConfig, option: str) -> bool:
    section, _, name = option.partition(".")
    return bool(option) and _holds(getattr(config, section).options, name)


def _holds(options: Mapping[str, Any], name: str) -> bool:
    """Whether a dotted name is among options, whose sections may be written in either way."""
    if name in options:
        return True
    head, _, rest = name.partition(".")
    inner = options.get(head)
    return bool(rest) and isinstance(inner, Mapping) and _holds(inner, rest)


def _with_option(config: SuiteConfig, option: str, value: str) -> SuiteConfig:
    section, _, name = option.partition(".")
    named: Named = getattr(config, section)
    changed = named.model_copy(update={"options": {**named.options, name: value}})
    return config.model_copy(update={section: changed})


def _looked_for(need: DataNeed, home: Path) -> Needed:
    place, known = place_of(home, need.name), find(need.name)
    if known is None or (need.name == need.world and need.name not in WORLDS):
        told = f"this version cannot read it ({variable_of(need.name)} or {place} is where it will be looked for)"
        return Needed(need.name, need.use, place, "no reader", told)
    if is_here(known, place):
        return Needed(need.name, need.use, place, "here", "")
    return Needed(need.name, need.use, place, "missing", remedy(known, place))


def variable_of(name: str) -> str:
    """The environment's variable that may say where a data set is."""
    return f"S2R_{name.upper().replace('-', '_')}"


def place_of(home: Path, name: str) -> Path:
    """Where a data set is looked for."""
    return Path(os.environ.get(variable_of(name)) or home / "data" / name)


def is_here(known: DataSet, place: Path) -> bool:
    """Whether a data set lies at a place, by the files that tell its layout; none is read, nor one half prepared."""
    if known.name == "mini":
        return True
    if (place / WORK).is_dir():
        return False
    if known.name == "s3dis":
        from s2r_bench.data.s3dis.layout import layout_of

        return layout_of(place) is not None
    if known.name == "scanobjectnn":
        return (place / "h5_files").is_dir() or (place / "main_split").is_dir()
    if known.name == "modelnet40":
        from s2r_bench.cad.modelnet40_corpus import is_here as is_modelnet

        return (place / "index.csv").is_file() or is_modelnet(place)
    if known.command.startswith(PREPARES) and known.name != "sweethome3d":
        return (place / "cameras.json").is_file() or (place / "index.csv").is_file()
    return place.is_dir() and any(place.iterdir())


def remedy(known: DataSet, place: Path) -> str:
    """How a data set that is not at its place gets there."""
    # a command that prepares leaves the data where they are looked for; any other reads them from where they are
    then = (
        known.command
        if known.command.startswith(PREPARES)
        else f"put {known.layout.partition(';')[0]} into {place}, or name it in {variable_of(known.name)}"
    )
    return f"get it from {known.source} ({known.licence}); then: {then}"
