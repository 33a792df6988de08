"""Options of a method, task or world: frozen pydantic models, presets by name, `--set name=value` on top."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from s2r_bench.errors import UsageError

PRESETS = ("smoke", "tiny", "small", "paper")
OTHER_WORDS = {"sd21": "paper"}  # what a user may say instead; records hold the preset's own name
OptionsT = TypeVar("OptionsT", bound="Options")


class Options(BaseModel):
    """All that decides what its owner does; part of a run's identity. Unknown names are refused.

    `presets` maps a preset's name to the values in which it differs from the defaults. A preset only changes numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def preset(cls: type[OptionsT], name: str, overrides: Mapping[str, Any] | None = None) -> OptionsT:
        """The options of a preset, with `overrides` (dotted names allowed) on top.

        Raises:
            UsageError: an unknown preset, an unknown option, or a value out of range.
        """
        if name not in PRESETS and name not in cls.presets:
            raise UsageError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
        values: dict[str, Any] = dict(cls.presets.get(name, {}))
        for key, value in (overrides or {}).items():
            _put(values, key, value)
        try:
            return cls(**values)
        except ValidationError as wrong:
            raise UsageError(_explain(cls, wrong)) from None


def preset_name(word: str) -> str:
    """The preset's own name, of what a user typed.

    >>> preset_name("sd21"), preset_name("tiny")
    ('paper', 'tiny')
    """
    return OTHER_WORDS.get(word, word)


def parse_set(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `--set name=value` words; values are YAML scalars or lists.

    >>> parse_set(["lr=3e-5", "residual=false", "channels=[32, 64]"])
    {'lr': 3e-05, 'residual': False, 'channels': [32, 64]}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        values[name.strip()] = _scalar(text)
    return values


def _scalar(text: str) -> Any:
    try:
        return float(text) if "e" in text.lower() and text[:1].isdigit() else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return text


def _put(values: dict[str, Any], dotted: str, value: Any, above: str = "") -> None:
    head, _, rest = dotted.partition(".")
    if rest:
        held = values.get(head, {})
        if not isinstance(held, Mapping | BaseModel):
            raise UsageError(f"{above}{dotted}: {above}{head} is one value ({held!r}), and has no options of its own")
        inner = dict(held)
        _put(inner, rest, value, f"{above}{head}.")
        values[head] = inner
    elif isinstance(value, Mapping) and isinstance(values.get(head), Mapping):
        # a section of a YAML file names what differs; the rest of the preset's section stays
        inner = dict(values[head])
        for name, one in value.items():
            _put(inner, name, one, f"{above}{head}.")
        values[head] = inner
    else:
        values[head] = value


def _explain(cls: type[Options], wrong: ValidationError) -> str:
    lines = []
    for error in wrong.errors():
        name = ".".join(str(part) for part in error["loc"])
        said = _no_such(cls, error["loc"]) if error["type"] == "extra_forbidden" else error["msg"]
        lines.append(f"{name}: {said}")
    return "; ".join(lines)


def _no_such(cls: type[BaseModel], place: Sequence[int | str]) -> str:
    """What there is where a name is wrong, and the name that was perhaps meant."""
    owners = [cls]
    for part in place[:-1]:
        inner = [one for owner in owners if part in owner.model_fields for one in _sections(owner, str(part))]
        # a part that is no field is the place in a list, or says which kind of several it is
        kinds = [owner for owner in owners if any(field.default == part for field in owner.model_fields.values())]
        owners = inner or kinds or owners
    names = list(dict.fromkeys(name for owner in owners for name in owner.model_fields))
    close = difflib.get_close_matches(str(place[-1]), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"there is no such option{hint}; there are: {', '.join(names)}"


def _sections(owner: type[BaseModel], name: str) -> Iterator[type[BaseModel]]:
    """The kinds of options that a field may hold."""
    waiting: list[Any] = [owner.model_fields[name].annotation]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one
        waiting += get_args(one)
