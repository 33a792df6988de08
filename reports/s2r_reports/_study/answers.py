"""Answers: what one is, the file that gets a line for each, and reading them back without trusting a byte."""

import json
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError
from s2r_reports._study.static import ANSWERS_KIND

PARTICIPANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_S = 86_400.0
LARGEST_FILE = 16 * 2**20  # of a file that a participant sends


@dataclass(frozen=True)
class Answer:
    """One participant's word on one sample; the two together occur once.

    Attributes:
        participant: a label, never the secret token.
        sample: id.
        picked: whether it was taken for a capture.
        seconds: from the picture's appearance to the answer, as the page measured.
        position: in this participant's order, from 0.
        at: when, UTC.
    """

    participant: str
    sample: str
    picked: bool
    seconds: float
    position: int
    at: str

    @property
    def key(self) -> tuple[str, str]:
        """What occurs once."""
        return self.participant, self.sample


@dataclass
class Collected:
    """Answers in the order of their arrival, and what could not be used, each with file and line."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def add(self, raw: object, samples: Collection[str], where: str) -> None:
        """Take one answer in, or note why not; the first of two answers to one sample stands."""
        try:
            answer = answer_of(raw, samples)
        except ValueError as wrong:
            self.damaged.append(f"{where}: {wrong}")
            return
        if answer.key in self.answers:
            self.damaged.append(f"{where}: {answer.participant} answered {answer.sample} before; the first one stands")
            return
        self.answers[answer.key] = answer


def answer_of(raw: object, samples: Collection[str]) -> Answer:
    """The answer that a parsed line says.

    Raises:
        ValueError: it says none; the message says what is wrong.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"a {type(raw).__name__}, expected an object")
    expected = set(Answer.__dataclass_fields__)
    if set(raw) != expected:
        raise ValueError(f"fields {', '.join(sorted(map(str, raw)))[:200]}; expected {', '.join(sorted(expected))}")
    if not isinstance(raw["participant"], str) or not PARTICIPANT.fullmatch(raw["participant"]):
        raise ValueError(f"participant {str(raw['participant'])[:80]!r} is no label")
    if not isinstance(raw["sample"], str) or raw["sample"] not in samples:
        raise ValueError(f"sample {str(raw['sample'])[:80]!r} is not of this study")
    if type(raw["position"]) is not int or not 0 <= raw["position"] < len(samples):
        raise ValueError(f"position {str(raw['position'])[:80]!r} is none of 0 to {len(samples) - 1}")
    if not isinstance(raw["at"], str) or len(raw["at"]) > 40:
        raise ValueError("its time is no text")
    return Answer(**{**raw, "picked": picked_of(raw["picked"]), "seconds": seconds_of(raw["seconds"])})


def picked_of(value: object) -> bool:
    """True or false.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"picked is {str(value)[:80]!r}, expected true or false")
    return value


def seconds_of(value: object) -> float:
    """A time between 0 and a day.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"seconds is {str(value)[:80]!r}, expected a number")
    if not 0 <= value <= LONGEST_S:
        raise ValueError(f"seconds is {value:g}, expected 0 to {LONGEST_S:g}")
    return float(value)


class Journal:
    """The file of answers, open for one server: a line an answer, on the disk before the participant hears of it."""

    def __init__(self, path: Path, samples: Collection[str]) -> None:
        """Read what is there, and end a last line that a killed server has left open."""
        self.path = path
        self.collected = read_lines(path, samples)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._append(b"\n")
        _sync_folder(path.parent)

    def answered(self, participant: str) -> Mapping[str, Answer]:
        """Sample -> this participant's answer."""
        return {key[1]: answer for key, answer in self.collected.answers.items() if key[0] == participant}

    def add(self, participant: str, sample: str, picked: bool, seconds: float, position: int) -> None:
        """Keep an answer that is not there yet; when this returns, it is on the disk.

        Raises:
            OSError: it could not be written; then nothing of it is kept.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        answer = Answer(participant, sample, picked, seconds, position, now)
        self._append((json.dumps(asdict(answer)) + "\n").encode())
        self.collected.answers[answer.key] = answer

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(f"{self.path}: {written} of {len(line)} bytes were written; is the disk full?")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise


def read_lines(path: Path, samples: Collection[str]) -> Collected:
    """The answers of a journal; a line that says none is named in `damaged`. No file, no answers."""
    found = Collected()
    if not path.is_file():
        return found
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line:
            continue
        where = f"{path.name} line {number}"
        try:
            raw = parsed(line)
        except ValueError as wrong:
            found.damaged.append(f"{where}: {wrong}")
            continue
        found.add(raw, samples, where)
    return found


def read_file(path: Path, study: str, samples: Collection[str], into: Collected) -> None:
    """Take in the answers that the single-file page has saved.

    Raises:
        DataError: no such file, not a file of answers, or of another study.
    """
    for number, raw in enumerate(_entries(path, study)):
        into.add(raw, samples, f"{path.name} answer {number + 1}")


def _entries(path: Path, study: str) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path} is missing")
    if path.stat().st_size > LARGEST_FILE:
        raise DataError(f"{path} is larger than any file of answers ({LARGEST_FILE} bytes)")
    try:
        raw = parsed(path.read_bytes())
    except ValueError as wrong:
        raise DataError(f"{path} is no file of answers: {wrong}") from None
    if not isinstance(raw, dict) or raw.get("kind") != ANSWERS_KIND or not isinstance(raw.get("answers"), list):
        raise DataError(f"{path} is no file of answers: expected what the page study.html saves")
    if raw.get("study") != study:
        raise DataError(f"{path} answers another study ({str(raw.get('study'))[:40]}, this one is {study})")
    for entry in raw["answers"]:
        yield {**entry, "participant": raw.get("participant")} if isinstance(entry, dict) else entry


def parsed(data: bytes) -> object:
    """What a piece of JSON says.

    Raises:
        ValueError: it is none, or nested too deep to be read.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as wrong:
        raise ValueError(f"not JSON ({wrong})") from None
    except RecursionError:
        raise ValueError("nested too deep") from None


def _sync_folder(folder: Path) -> None:
    """Have the folder's entry of a new file on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
