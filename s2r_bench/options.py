"""Options of a method, task or world: frozen pydantic models, presets by name, `--set name=value` on top."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

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


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    head, _, rest = dotted.partition(".")
    if rest:
        inner = dict(values.get(head, {}))
        _put(inner, rest, value)
        values[head] = inner
    elif isinstance(value, Mapping) and isinstance(values.get(head), Mapping):
        # a section of a YAML file names what differs; the rest of the preset's section stays
        inner = dict(values[head])
        for name, one in value.items():
            _put(inner, name, one)
        values[head] = inner
    else:
        values[head] = value


def _explain(cls: type[Options], wrong: ValidationError) -> str:
    lines = []
    for error in wrong.errors():
        name = ".".join(str(part) for part in error["loc"])
        known = f"; there are: {', '.join(cls.model_fields)}" if error["type"] == "extra_forbidden" else ""
        lines.append(f"{name}: {error['msg']}{known}")
    return "; ".join(lines)
