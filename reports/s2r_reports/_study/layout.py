"""A study's folder: what is in which file, and what a participant may ever see of it.

DIR/study.json         what the pages need: ids, the question's wording, the seed of the orders; no name of any source
DIR/images/ID.png      the pictures; ids are random tokens
DIR/clouds/ID.bin      the same as clouds that can be turned, where a study shows fused clouds (`clouds` has the form)
DIR/study.html         the single-file variant, if it was asked for
DIR/key.json           id -> source, view and run: the solution. It is never served, nor read by the server
DIR/participants.json  a participant's label -> secret token, made by the server
DIR/answers.jsonl      an answer a line, in the order of their arrival
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from s2r_bench.errors import DataError
from s2r_bench.files import read_json, write_json
from s2r_bench.seeds import seed_of

SCHEMA = 1
STUDY, KEY, PARTICIPANTS, ANSWERS, PAGE = (
    "study.json",
    "key.json",
    "participants.json",
    "answers.jsonl",
    "study.html",
)
IMAGES, CLOUDS = "images", "clouds"
CAPTURED = "captured"  # the source of the samples that no simulator made
Captures = Literal["real", "virtual"]
Show = Literal["views", "clouds"]


@dataclass(frozen=True)
class Words:
    """What participants read: captures of a virtual sensor are never called real.

    Attributes:
        question: asked of every sample.
        yes, no: the two answers; each with the key that gives it.
        yes_key, no_key: lower-case letters.
        reference: caption of the captured side on the first screen.
        told: what the first screen says that a capture is.
    """

    question: str
    yes: str
    yes_key: str
    no: str
    no_key: str
    reference: str
    told: str


WORDS: Mapping[Captures, Words] = {
    "real": Words(
        question="Is this a real capture?",
        yes="Real capture",
        yes_key="r",
        no="Simulated",
        no_key="s",
        reference="Real capture",
        told="what a real depth camera captured there",
    ),
    "virtual": Words(
        question="Was this captured by the sensor?",
        yes="Captured by the sensor",
        yes_key="c",
        no="Simulated",
        no_key="s",
        reference="Captured",
        told="what the sensor captured there",
    ),
}


@dataclass(frozen=True)
class Study:
    """What the pages may know.

    Attributes:
        id: random; answers of another study are told apart by it.
        seed: decides the order in which each participant meets the samples.
        captures: "real" or "virtual"; decides the wording.
        samples: ids, sorted, which says nothing, as they are random.
        examples: (clean, captured) ids of the first screen.
        width, height: of every picture, pixels.
        show: what a sample is: a single view, or the views of a place or object fused into a cloud.
    """

    id: str
    seed: int
    captures: Captures
    samples: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    width: int
    height: int
    show: Show = "views"

    @property
    def words(self) -> Words:
        """Its wording."""
        return WORDS[self.captures]

    @property
    def images(self) -> frozenset[str]:
        """All ids that have a picture."""
        return frozenset(self.samples) | {name for pair in self.examples for name in pair}

    def order(self, participant: str) -> list[str]:
        """The samples in the order in which this participant meets them; the same after every restart."""
        return sorted(self.samples, key=lambda sample: seed_of(self.seed, "order", participant, sample))

    def write(self, folder: Path) -> Path:
        """Write `folder/study.json`."""
        return write_json(folder / STUDY, {"schema": SCHEMA, **asdict(self)})


@dataclass(frozen=True)
class Sample:
    """What a picture shows: whose it is, of which view, from which run or folder."""

    source: str
    view: str
    origin: str


@dataclass(frozen=True)
class Key:
    """The solution.

    Attributes:
        study: id of the study.
        sensor: what made the captures, as the world says.
        sources: in the order of the tables; "captured" is the last.
        samples: id -> what it shows.
        examples: id -> what it shows, of the first screen.
        made_from: how the study was made, for the record.
    """

    study: str
    sensor: str
    sources: tuple[str, ...]
    samples: Mapping[str, Sample]
    examples: Mapping[str, Sample]
    made_from: Mapping[str, Any]

    def write(self, folder: Path) -> Path:
        """Write `folder/key.json`."""
        return write_json(folder / KEY, {"schema": SCHEMA, **asdict(self)})


def read_study(folder: Path) -> Study:
    """The study in `folder`.

    Raises:
        DataError: there is none, or its file is damaged.
    """
    path = folder / STUDY
    if not path.is_file():
        raise DataError(f"{folder} holds no study ({STUDY} is missing); `s2r-bench study build -o {folder}` makes one")
    raw = _checked(path)
    try:
        captures: Captures = "real" if raw["captures"] == "real" else "virtual"
        examples = tuple((str(clean), str(captured)) for clean, captured in raw["examples"])
        size = int(raw["width"]), int(raw["height"])
        show: Show = "clouds" if raw.get("show") == "clouds" else "views"
        return Study(str(raw["id"]), int(raw["seed"]), captures, _texts(raw["samples"]), examples, *size, show)
    except (KeyError, TypeError, ValueError) as wrong:
        raise DataError(f"{path} is damaged ({wrong}); build the study again") from None


def read_key(folder: Path) -> Key:
    """The solution in `folder`.

    Raises:
        DataError: it is missing or damaged.
    """
    raw = _checked(folder / KEY)
    try:
        samples = {name: Sample(**shown) for name, shown in raw["samples"].items()}
        examples = {name: Sample(**shown) for name, shown in raw["examples"].items()}
        key = Key(raw["study"], raw["sensor"], _texts(raw["sources"]), samples, examples, raw["made_from"])
    except (KeyError, TypeError, AttributeError) as wrong:
        raise DataError(f"{folder / KEY} is damaged ({wrong}); answers cannot be read without it") from None
    stray = {sample.source for sample in samples.values()} - set(key.sources)
    if stray:
        raise DataError(f"{folder / KEY} is damaged: samples of {sorted(stray)[0]!r}, which is not among its sources")
    return key


def _checked(path: Path) -> dict[str, Any]:
    raw = read_json(path)
    if raw.get("schema") != SCHEMA:
        raise DataError(f"{path} has schema {raw.get('schema')!r}, this version reads {SCHEMA}; build the study again")
    return raw


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
