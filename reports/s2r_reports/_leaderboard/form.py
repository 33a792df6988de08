"""The form of a leaderboard entry, and its JSON schema. An entry comes from a stranger: everything in it is bounded.

An entry is one JSON file: what the simulator is, what it learned from, who submits it, and boards. A board is what the
simulator scored in one task, under one protocol, on the data of one world: the value of every sample and seed, those of
the arms that are 0 and 1 of the gap, and the figures that are made of them, which anyone can make again.
"""

import json
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

FORM: Literal["s2r-bench-entry/1"] = "s2r-bench-entry/1"
SCHEMA_FILE = Path(__file__).with_name("entry.schema.json")
MAX_BYTES = 16 * 2**20
MAX_ROWS = 10_000
DEEPEST, MOST_LEAVES = 8, 4000

# line breaks and other control characters, what turns text around or hides in it, and what begins HTML
_BAD = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff<>\ud800-\udfff]")
_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff<>]*$"
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9 ._+-]{0,46}[A-Za-z0-9+])?$"
_WORD = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
_TASK = r"^[a-z][a-z0-9_-]{0,39}$"
_PROTOCOL = r"^[a-z][a-z0-9_-]{0,39}(/[a-z0-9_-]{1,40}){1,3}$"
_DIGEST = r"^[A-Za-z0-9]{0,64}$"
_INPUT = r"^[A-Za-z0-9_-]{1,40}(/[A-Za-z0-9_-]{1,40})?$"
_URL = r"^(https?://[^\s<>\"'`\\]+)?$"


def unfit(text: str) -> str:
    """What of a text cannot stand in an entry, "" if nothing.

    >>> unfit("Chair 7"), unfit("a <b>")
    ('', "may not hold '<' (U+003C): no line breaks, invisible characters, < or >")
    """
    found = _BAD.search(text)
    if found is None:
        return ""
    code = f"U+{ord(found[0]):04X}"
    shown = f"{found[0]!r} ({code})" if found[0].isprintable() else code
    return f"may not hold {shown}: no line breaks, invisible characters, < or >"


def is_place(text: str) -> bool:
    """Whether a text names a place of a machine, or leads out of a folder.

    >>> [is_place(text) for text in ("/data/x", "C:/x", "~/x", "a/../b", "owner/model")]
    [True, True, True, True, False]
    """
    away = ".." in text.replace("\\", "/").split("/") or text.startswith("~")
    return away or PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


def _line(text: str) -> str:
    wrong = unfit(text)
    if wrong:
        raise ValueError(wrong)
    return text


def _fits(pattern: str, told: str) -> AfterValidator:
    known = re.compile(pattern)

    def check(text: str) -> str:
        if not known.fullmatch(text):
            raise ValueError(f"must be {told}, not {text[:60]!r}")
        return text

    return AfterValidator(check)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        wrong = bool(text) and (not parts.hostname or "@" in parts.netloc or len(text) > 300)
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("must be a web address with a host, and no user or password")
    return text


def _settings(value: dict[str, Any]) -> dict[str, Any]:
    leaves = 0
    todo: list[tuple[Any, int]] = [(value, 0)]
    while todo:
        one, depth = todo.pop()
        if depth > DEEPEST:
            raise ValueError(f"may not be nested more than {DEEPEST} deep")
        if isinstance(one, dict):
            todo += [(part, depth + 1) for pair in one.items() for part in pair]
        elif isinstance(one, list):
            todo += [(part, depth + 1) for part in one]
        elif isinstance(one, str):
            _line(one)
            if is_place(one):
                raise ValueError(f"may not name places of a machine, such as {one[:60]!r}")
        leaves += 1
    if leaves > MOST_LEAVES:
        raise ValueError(f"may not hold more than {MOST_LEAVES} values")
    return value


def _text(pattern: str, most: int, least: int = 0) -> Any:
    return Field(min_length=least, max_length=most, json_schema_extra={"pattern": pattern})


Line = Annotated[str, _text(_LINE, 300), AfterValidator(_line)]
Told = Annotated[str, _text(_LINE, 300, 1), AfterValidator(_line)]
Name = Annotated[
    str, _text(_NAME, 48, 1), _fits(_NAME, "letters, digits, spaces and . _ + -, up to 48, a letter or digit first")
]
Word = Annotated[str, _text(_WORD, 64, 1), _fits(_WORD, "letters, digits, _ . and -, up to 64")]
TaskName = Annotated[str, _text(_TASK, 40, 1), _fits(_TASK, "small letters, digits, _ and -, up to 40")]
Protocol = Annotated[str, _text(_PROTOCOL, 120, 1), _fits(_PROTOCOL, "a name and a version, such as recon/1")]
Digest = Annotated[str, _text(_DIGEST, 64), _fits(_DIGEST, "letters and digits, up to 64")]
InputName = Annotated[str, _text(_INPUT, 81, 1), _fits(_INPUT, "a name such as pairs/test")]
Address = Annotated[
    str, _text(_URL, 300), _fits(_URL, "a web address that begins with https:// or http://"), AfterValidator(_address)
]
Count = Annotated[int, Field(ge=0, le=2**53)]
Value = Annotated[float, Field(ge=-1e9, le=1e9)]
Amount = Annotated[float, Field(ge=0, le=1e18)]
Settings = Annotated[dict[str, JsonValue], AfterValidator(_settings)]
Cost = Literal[
    "fit_seconds",
    "fit_steps",
    "parameters",
    "simulate_seconds",
    "simulate_seconds_per_frame",
    "evaluate_seconds",
    "peak_memory_mb",
]
COSTS: tuple[str, ...] = get_args(Cost)


class Part(BaseModel):
    """A part of an entry: names that are not foreseen and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


class Card(Part):
    """What the simulator is, as its card declares."""

    name: Name = Field(description="as it stands in tables")
    version: Name = Field(description="of the simulator; name and version together are an entry's own")
    title: Line = Field(description="its full name")
    source: Line = Field(description="the paper or repository that it follows")
    licence: Line = Field(description="of its code and weights")
    training: Literal["paired", "unpaired", "untrained"]
    stochastic: bool = Field(description="whether two seeds give two results")
    needs: tuple[Literal["normals", "mesh", "truth"], ...] = Field(
        max_length=3, description="beyond depth and camera; who needs the truth is no entry"
    )
    output: Literal["depth", "cloud"]


class TrainingData(Part):
    """What it learned from. Scenes that it was also scored on are counted in each run (`leaked_scenes`)."""

    worlds: tuple[Name, ...] = Field(max_length=50, description="data worlds, where its training is kept")
    sensors: tuple[Line, ...] = Field(max_length=50, description="that it imitates")
    scenes: Count | None = Field(description="how many scenes; null: not known")
    statement: Line = Field(description="in the submitter's words, of data that the suite does not know of")


class Submitter(Part):
    """Who submits it, and how it may be used."""

    contact: Line = Field(description="shown on the page")
    url: Address = Field(description="of the simulator")
    licence: Line = Field(description="of this entry")


class Values(Part):
    """A metric's values: `values[i]` is that of row `at[i]` of the board."""

    at: tuple[Count, ...] = Field(max_length=MAX_ROWS, min_length=1)
    values: tuple[Value, ...] = Field(max_length=MAX_ROWS, min_length=1)


class Run(Part):
    """One seed of one arm: every value, unscaled."""

    seed: Count
    key: Digest = Field(description="of the run in the submitter's results")
    code: Digest = Field(description="of the task's source")
    device: Line = Field(description="that scored it")
    costs: dict[Cost, Amount]
    leaked_scenes: Count = Field(description="scenes that it was trained on and is scored on")
    failures: tuple[Told, ...] = Field(max_length=MAX_ROWS, description="samples or figures without a score")
    left_out: dict[Line, Line] = Field(max_length=20, description="group of metrics: why it says nothing of it")
    scores: dict[Word, Values] = Field(max_length=300, min_length=1, description="metric: values")


class Span(Part):
    """A figure and its 95 % interval; null where nothing was repeated."""

    mean: float
    low: float | None
    high: float | None


class Figure(Span):
    """A figure of the simulator, as made of the values: checked, never trusted."""

    metric: Word
    samples: Count
    seeds: Count
    gap: Span | None = Field(description="share of the gap between the anchors that is closed; null: not defined")


class Board(Part):
    """What was scored in one task under one protocol on one world's data."""

    task: TaskName
    protocol: Protocol
    world: Name
    sensor: Told = Field(description="what made the captures; a virtual sensor where they are simulated")
    preset: TaskName = Field(description="sizes")
    keys: dict[InputName, Digest] = Field(min_length=1, max_length=20, description="digests of the data")
    settings: Settings = Field(description="all options of the task")
    world_options: Settings = Field(description="options of the world that differ from the preset")
    options: Settings = Field(description="options of the simulator")
    rows: tuple[tuple[Told, Line], ...] = Field(
        min_length=1, max_length=MAX_ROWS, description="sample and category (or bin) of each value"
    )
    runs: tuple[Run, ...] = Field(min_length=1, max_length=100, description="of the simulator, one a seed")
    anchors: dict[Word, tuple[Run, ...]] = Field(max_length=4, description="arm: its runs, made beside these")
    figures: tuple[Figure, ...] = Field(min_length=1, max_length=300)


class Entry(Part):
    """A leaderboard entry of s2r-bench."""

    form: Literal["s2r-bench-entry/1"] = Field(alias="schema")
    made_by: Name = Field(description="version of s2r-bench")
    simulator: Card
    data: TrainingData
    submitter: Submitter
    boards: tuple[Board, ...] = Field(min_length=1, max_length=100)

    @property
    def slug(self) -> str:
        """Names its file: small letters, digits, dots and dashes."""
        return slug_of(f"{self.simulator.name}-{self.simulator.version}")

    @property
    def shown(self) -> str:
        """Name and version."""
        return f"{self.simulator.name} {self.simulator.version}"


def slug_of(text: str) -> str:
    """A text as a part of a file's name.

    >>> slug_of("My Sim+ 0.1.0")
    'my-sim-0.1.0'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def schema() -> dict[str, Any]:
    """The JSON schema of an entry (draft 2020-12)."""
    told = Entry.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "s2r-bench entry", **told}


def dumped(entry: Entry) -> str:
    """An entry as JSON, lists of numbers in one line."""
    return _pretty(entry.model_dump(mode="json", by_alias=True), "") + "\n"


def _pretty(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, dict) and value:
        parts = [f"{inner}{json.dumps(key)}: {_pretty(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "[\n" + ",\n".join(inner + _pretty(one, inner) for one in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
