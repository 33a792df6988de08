"""A file of a stranger becomes an entry, or a list of faults that each name the file and the field."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from s2r_reports._leaderboard.form import FORM, MAX_BYTES, Entry

MOST_FAULTS = 20
LARGEST = 2**63  # of whole numbers


@dataclass(frozen=True)
class Read:
    """What was found in a file.

    Attributes:
        path: of the file.
        entry: None where the file holds none.
        faults: what is wrong, each with the file and the field.
        notes: what could not be looked at, and why.
        data: the file's bytes.
    """

    path: Path
    entry: Entry | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    data: bytes = b""


class _Refused(ValueError):
    """JSON that is well formed and yet refused."""


def read(path: Path) -> Read:
    """The entry in a file; whatever is wrong with the file is a fault, not an error."""
    try:
        data = _bytes(path)
        _look(data)
        return Read(path, Entry.model_validate_json(data), data=data)
    except ValidationError as wrong:
        return Read(path, faults=tuple(f"{path}: {fault}" for fault in explained(wrong)))
    except (OSError, _Refused) as wrong:
        told = wrong.strerror or str(wrong) if isinstance(wrong, OSError) else str(wrong)
        return Read(path, faults=(f"{path}: {told}",))


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise _Refused("is no regular file; an entry is one JSON file")
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _Refused(f"is larger than {MAX_BYTES // 2**20} MiB, more than an entry may be")
    if not data.strip():
        raise _Refused("is empty")
    return data


def _look(data: bytes) -> None:
    """Refuse what JSON readers disagree on, and another form than this version's.

    Raises:
        _Refused: no UTF-8, no JSON, NaN, numbers out of range, a name twice, nesting without end, another form.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError as wrong:
        raise _Refused(f"is not UTF-8 (byte {wrong.start})") from None
    except json.JSONDecodeError as wrong:
        raise _Refused(f"is not JSON (line {wrong.lineno}, column {wrong.colno}: {wrong.msg})") from None
    except RecursionError:
        raise _Refused("is nested too deeply to be an entry") from None
    if not isinstance(value, dict):
        raise _Refused(f"holds a {type(value).__name__}, expected a JSON object")
    if value.get("schema") != FORM:
        raise _Refused(f"schema: is {str(value.get('schema'))[:60]!r}, this version of s2r-bench reads {FORM!r}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Refused(f"{name[:60]!r} stands twice in one object")
        found[name] = value
    return found


def _no_constant(word: str) -> float:
    raise _Refused(f"holds {word}, which is no JSON; a score that does not exist is left out and named in failures")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"holds the number {text[:40]}, which is out of range")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) >= LARGEST:
        raise _Refused(f"holds the number {text[:40]}, which is out of range")
    return int(text)


def explained(wrong: ValidationError) -> list[str]:
    """(field: what is wrong) of everything that has not the form of an entry."""
    every = wrong.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{_field(error['loc'])}: {error['msg'].removeprefix('Value error, ')}" for error in every]
    more = len(told) - MOST_FAULTS
    return [*told[:MOST_FAULTS], f"and {more} more faults"] if more > 0 else told


def _field(place: tuple[int | str, ...]) -> str:
    """Where in the file: dotted names, no longer than a line, with nothing in them that the file made up to mislead."""
    text = ".".join(str(part) for part in place) or "entry"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:160]
