"""What `s2r-bench run` is told: a YAML file, checked as a whole, with flags and the environment on top.

Precedence: flag > `--set NAME=VALUE` > environment `S2R_NAME` > file > default. Errors name file, line and field.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from s2r_bench.errors import DataError, UsageError
from s2r_bench.options import parse_set, preset_name
from s2r_bench.readings import Reading, follow, refuse_unknown

Preset = Literal["smoke", "tiny", "small", "paper"]
ENVIRONMENT = ("world", "task", "preset", "seeds", "device", "max_steps")  # fields that S2R_NAME may give


class Named(BaseModel):
    """Something by its name, with the options in which it differs from the preset. A bare name will do in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, description="a name, or a path")
    options: dict[str, Any] = Field(default_factory=dict, description="options that differ from the preset")


class DataNeed(BaseModel):
    """A data set that a suite reads: where it has to lie, and who is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, description="as in `s2r-bench data list`")
    use: str = Field("", description="what it is read for")
    world: str = Field("", description="read by this world alone; with another world it is not needed")
    option: str = Field(
        "", description="option (task.NAME, world.NAME) that gets its folder", pattern=r"^((task|world)\.[\w.]+)?$"
    )


class SuiteConfig(BaseModel):
    """A suite: which methods are compared, on what, how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field("suite", description="names the report")
    world: Named = Field(Named(name="mini"), description="data world, or a folder of pairs")
    task: Named = Field(Named(name="fidelity"), description="what is scored")
    methods: tuple[Named, ...] = Field(min_length=1, description="simulators: names, .py files or checkpoint folders")
    references: bool = Field(True, description="score the task's own arms (floor, ceiling) too")
    preset: Preset = Field("tiny", description="sizes of everything")
    seeds: tuple[int, ...] = Field((0,), description="a list of seeds, or how many from 0", min_length=1)
    device: str = Field("auto", description="auto, cpu or cuda", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    max_steps: int | None = Field(None, gt=0, description="optimiser steps of every trained method; null: the preset's")
    allow_leakage: bool = Field(False, description="score simulators on scenes that they were trained on")
    report: tuple[Literal["html", "md", "latex", "csv", "parquet", "json"], ...] = Field(
        ("md", "csv", "html"), description="formats of the report"
    )
    rounds: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="name -> options of the task; all cells are run once for each"
    )
    follow: str = Field("", description="which of the readings counts, where the sources of an experiment differ")
    readings: dict[str, Reading] = Field(default_factory=dict, description="name -> what this reading sets")
    data: tuple[DataNeed, ...] = Field((), description="data sets that must be on this machine")
    facts: dict[str, int] = Field(
        default_factory=dict, description="published counts (pairs, pixels) of the world that `data` names, for plans"
    )

    @field_validator("world", "task", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("data", mode="before")
    @classmethod
    def _needs(cls, value: Any) -> Any:
        listed = isinstance(value, list | tuple)
        return [{"name": one} if isinstance(one, str) else one for one in value] if listed else value

    @field_validator("methods", mode="before")
    @classmethod
    def _many(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return [{"name": name, "options": options or {}} for name, options in value.items()]
        if isinstance(value, list | tuple):
            return [{"name": one} if isinstance(one, str) else one for one in value]
        return value

    @field_validator("methods")
    @classmethod
    def _each_once(cls, value: tuple[Named, ...]) -> tuple[Named, ...]:
        """A method that stands twice is one arm; with other options the second time, one of them would be lost."""
        for index, one in enumerate(value):
            first = next(other for other in value if other.name == one.name)
            if first.options != one.options:
                raise ValueError(
                    f"{one.name} stands twice with different options (place {value.index(first) + 1} and {index + 1}), "
                    "and a table has it once: run one after the other, and a report shows both as arms of their own"
                )
        return value

    @field_validator("preset", mode="before")
    @classmethod
    def _preset(cls, value: Any) -> Any:
        return preset_name(value) if isinstance(value, str) else value

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: Any) -> Any:
        count = int(value) if isinstance(value, str) and value.isdigit() else value
        return tuple(range(count)) if isinstance(count, int) and not isinstance(count, bool) else value


def suites() -> list[str]:
    """Names of the built-in suites."""
    return [name for name in _packaged() if name != "template" and not name.startswith("_")]


def _packaged() -> list[str]:
    """All suite files of this package, those that others extend and the template among them."""
    names = (path.name for path in files("s2r_bench.suites").iterdir())
    return sorted(name[:-5] for name in names if name.endswith(".yaml"))


def rounds_of(config: SuiteConfig, only: Sequence[str] = ()) -> list[SuiteConfig]:
    """One configuration for each round, in the suite's order, each with a name of its own; itself where it has none.

    Args:
        config: of a suite.
        only: the rounds that are wanted; none: all.

    Raises:
        UsageError: there is no such round.
    """
    for name in only:
        if name not in config.rounds:
            there = ", ".join(config.rounds) or "the suite has none"
            raise UsageError(f"--round {name}: there is no such round; there are: {there}")
    told = not config.follow or f"-{config.follow}" in config.name  # a configuration that was kept and is run again
    stem = config.name if told else f"{config.name}-{config.follow}"
    if not config.rounds:
        return [config.model_copy(update={"name": stem})]
    return [
        config.model_copy(
            update={
                "name": f"{stem}-{name}",
                "task": Named(name=config.task.name, options={**config.task.options, **options}),
                "rounds": {},
            }
        )
        for name, options in config.rounds.items()
        if not only or name in only
    ]


def load_suite(
    word: str | None,
    *,
    base: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    only: str | None = None,
) -> SuiteConfig:
    """A built-in suite or a YAML file, with what stands above it.

    Args:
        word: a name of `suites()`, or a path; None starts from the defaults.
        base: fields that the file may replace.
        sets: words of `--set`: a field (`seeds=3`), or an option (`world.NAME`, `task.NAME`, `METHOD.NAME`).
        flags: fields given as flags; None = not given.
        only: keep this method alone; bare names in `sets` are then its options.

    Raises:
        UsageError: what does not fit, with file, line and field.
        DataError: the file is not there.
    """
    source, raw, lines = _read(word) if word else ("command line", {}, {})
    raw = {**(base or {}), **raw}
    for name in ENVIRONMENT:
        if os.environ.get(f"S2R_{name.upper()}"):
            _put_field(raw, name, yaml.safe_load(os.environ[f"S2R_{name.upper()}"]))
    try:
        config = SuiteConfig(**_told(raw, sets, flags or {}, only))
        if config.readings:
            refuse_unknown(config.follow, config.readings)
            raw["methods"] = SuiteConfig._many(raw.get("methods") or [])
            raw = {name: SuiteConfig.model_fields[name].default.name for name in ("world", "task")} | raw
            raw = follow(raw, config.follow, config.readings[config.follow], config.preset)
            config = SuiteConfig(**(_told(raw, sets, flags or {}, only) | {"readings": {}}))
    except ValidationError as wrong:
        raise UsageError(_explain(wrong, source, lines)) from None
    _refuse_lost(config, raw, sets, flags or {})
    return config


def _told(raw: Mapping[str, Any], sets: Sequence[str], flags: Mapping[str, Any], only: str | None) -> dict[str, Any]:
    """The fields of a file with what was said on the command line."""
    made = dict(raw)
    if only:
        listed = [one for one in SuiteConfig._many(made.get("methods") or []) if _goes_by(one, only)]
        made["methods"] = listed or [{"name": only}]
    given = {name: value for name, value in flags.items() if value is not None}
    if "methods" in given:
        listed = SuiteConfig._many(made.get("methods") or [])
        made["methods"] = [next((o for o in listed if o.get("name") == name), name) for name in given.pop("methods")]
    for name in ("world", "task"):
        if name in given:
            _put_field(made, name, given.pop(name))
    for dotted, value in parse_set(sets).items():
        _put(made, dotted, value, only)
    for name, value in given.items():
        _put_field(made, name, value)
    return made


def _refuse_lost(config: SuiteConfig, raw: Mapping[str, Any], sets: Sequence[str], flags: Mapping[str, Any]) -> None:
    """Raise UsageError for what was said and would be lost: a reading where there are none, an option of the rounds."""
    told = parse_set(sets)
    if not raw.get("readings") and (flags.get("follow") or told.get("follow")):
        raise UsageError("follow: this suite has no readings to choose from")
    for name, options in config.rounds.items():
        for option in options:
            if f"task.{option}" in told:
                raise UsageError(
                    f"--set task.{option}: the suite's rounds set it ({name}: {options[option]}); pick one with "
                    f"--round, or replace it with --set rounds={{{name}: {{{option}: VALUE}}}}"
                )


def _read(word: str) -> tuple[str, dict[str, Any], dict[str, int]]:
    source, text = _text_of(word)
    try:
        raw = yaml.safe_load(text)
        lines = _lines(yaml.compose(text))
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark else source
        raise UsageError(f"{where} is not YAML: {getattr(wrong, 'problem', wrong)}") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{source}:1 should be a mapping of fields: {', '.join(SuiteConfig.model_fields)}")
    if "extends" in raw:
        _, base, _ = _read(str(raw.pop("extends")))
        readings = _merged(base.get("readings") or {}, raw.get("readings") or {})
        raw = {**base, **raw, **({"readings": readings} if readings else {})}
    return source, raw, lines


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings, key by key at every depth; `over` wins."""
    both = {key: _merged(base[key], over[key]) for key in base.keys() & over.keys() if _are_mappings(base, over, key)}
    return {**base, **over, **both}


def _are_mappings(base: Mapping[str, Any], over: Mapping[str, Any], key: str) -> bool:
    return isinstance(base[key], Mapping) and isinstance(over[key], Mapping)


def place(word: str | None, sections: Sequence[str], wrong: BaseException) -> str:
    """`suite.yaml:14 ` if `wrong` is about an option that the file sets in one of `sections`, else "".

    Args:
        word: the suite, None where there is no file.
        sections: dotted places where the owner's options may stand, such as `methods.ours`.
        wrong: an error that came from pydantic's `ValidationError`, which names the option.
    """
    cause: BaseException | None = wrong
    while cause is not None and not isinstance(cause, ValidationError):
        cause = cause.__cause__ or cause.__context__
    if word is None or cause is None:
        return ""
    source, _, lines = _read(word)
    for error in cause.errors():
        parts = [str(part) for part in error["loc"]]
        while parts:  # a part of a value that is wrong stands in the line of the value
            for section in sections:
                if line := lines.get(".".join((section, *parts))):
                    return f"{source}:{line} "
            parts.pop()
    return ""


def as_yaml(config: SuiteConfig) -> str:
    """The resolved configuration as YAML that `load_suite` reads back."""
    return str(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def template() -> str:
    """A commented suite file to start from; it loads as it stands."""
    return (files("s2r_bench.suites") / "template.yaml").read_text(encoding="utf-8")


def _text_of(word: str) -> tuple[str, str]:
    path = Path(word)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise DataError(f"there is no file {path}; `s2r-bench config init` writes one to start from")
        return str(path), path.read_text(encoding="utf-8")
    if word in _packaged():
        return f"{word}.yaml", files("s2r_bench.suites").joinpath(f"{word}.yaml").read_text(encoding="utf-8")
    close = difflib.get_close_matches(word, suites(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"there is no suite {word!r}.{hint} There are: {', '.join(suites())}; or give a .yaml file")


def _put_field(raw: dict[str, Any], name: str, value: Any) -> None:
    if name in ("world", "task") and isinstance(value, str):
        # another name keeps no options of the one before it
        same = isinstance(raw.get(name), Mapping) and raw[name].get("name") == value
        value = raw[name] if same else {"name": value}
    raw[name] = value


def _put(raw: dict[str, Any], dotted: str, value: Any, only: str | None) -> None:
    """Put the value of one `--set` where its name says."""
    dotted = dotted.removeprefix("methods.")
    for section in ("world", "task"):
        if dotted.startswith(f"{section}."):
            named = SuiteConfig._one(raw.get(section) or SuiteConfig.model_fields[section].default.name)
            raw[section] = _with_option(named, dotted.removeprefix(f"{section}."), value)
            return
    raw["methods"] = SuiteConfig._many(raw.get("methods") or [])
    for index, named in enumerate(raw["methods"]):
        for name in (str(named.get("name")), Path(str(named.get("name")).rpartition(":")[0] or named["name"]).stem):
            if dotted.startswith(f"{name}."):
                raw["methods"][index] = _with_option(named, dotted.removeprefix(f"{name}."), value)
                return
    if only:
        raw["methods"][0] = _with_option(raw["methods"][0], dotted, value)
    elif dotted in SuiteConfig.model_fields:
        _put_field(raw, dotted, value)
    else:
        prefixes = ["world", "task", *(str(named.get("name")) for named in raw["methods"])]
        raise UsageError(
            f"--set {dotted}: neither a field ({', '.join(SuiteConfig.model_fields)}) "
            f"nor an option of {', '.join(prefixes)} (such as {prefixes[-1]}.NAME=VALUE)"
        )


def _with_option(named: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**named, "options": {**(named.get("options") or {}), name: value}}


def _goes_by(named: Mapping[str, Any], name: str) -> bool:
    return str(named.get("name")) == name


def _lines(node: yaml.Node | None, prefix: str = "") -> dict[str, int]:
    """Dotted field -> line, counted from 1."""
    found: dict[str, int] = {}
    children: list[tuple[str, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(str(index), value, value) for index, value in enumerate(node.value)]
    for name, at, value in children:
        found[f"{prefix}{name}"] = at.start_mark.line + 1
        found |= _lines(value, f"{prefix}{name}.")
    return found


def _explain(wrong: ValidationError, source: str, lines: Mapping[str, int]) -> str:
    said: list[tuple[int, str]] = []
    for error in wrong.errors():
        dotted = ".".join(str(part) for part in error["loc"])
        message = str(error["msg"]).replace("Input should", "should")
        if error["type"] == "extra_forbidden":
            close = difflib.get_close_matches(dotted, SuiteConfig.model_fields, n=1)
            message = f"there is no such field{f'; did you mean {close[0]!r}?' if close else ''}"
        line = line_of(dotted, lines)
        said.append((line, f"{source}{f':{line}' if line else ''} {dotted}: {message}"))
    return "\n  ".join(text for _, text in sorted(said))


def line_of(dotted: str, lines: Mapping[str, int]) -> int:
    """The line of a field, or of the nearest field above it that the file has; 0 where there is none."""
    while dotted and dotted not in lines:
        dotted = dotted.rpartition(".")[0]
    return lines.get(dotted, 0)
