"""What a run was, and every number that it gave, one row each. Averages are made by readers, never stored."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError
from s2r_bench.files import write_json

SCHEMA = 1


def content_key(value: Any) -> str:
    """Sixteen hex digits of the canonical JSON of `value`; equal content, equal key."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class RunSpec:
    """All that decides the numbers; two runs with equal specs are the same run.

    Attributes:
        kind: "train", "simulate" or "evaluate".
        task: "fidelity", "recon", ... ("" where kind is not "evaluate").
        method: the arm.
        world: name of the data world.
        preset: "smoke", "tiny", "small", "paper".
        protocol: the task's protocol and version, e.g. "fidelity/1", "disco/zero-shot/1".
        seed: the run's seed.
        options: resolved options of method, task and world.
        inputs: digests of what went in (pair sets, checkpoints, simulated sets).
    """

    kind: str
    task: str
    method: str
    world: str
    preset: str
    protocol: str
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The content key; it names the run's folder."""
        return content_key(asdict(self))


@dataclass(frozen=True)
class Score:
    """One number: this metric on this sample. Unscaled, in the metric's own unit.

    Attributes:
        sample: what was scored: a frame, object or scene id, or "all" for a figure of the whole set.
        category: object category or bin (such as "1.0-1.5 m"), "" where there is none.
        metric: name as documented by the task.
        value: finite; a score that does not exist is a failure with a reason, not a number.
    """

    sample: str
    category: str
    metric: str
    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.metric} of {self.sample} is {self.value}; say why in `failures` instead")


@dataclass(frozen=True)
class RunRecord:
    """A finished evaluation. It is written once, last, and whole; a folder without one is an unfinished run.

    Attributes:
        spec: what was run.
        scores: every number.
        failures: sample -> why it has no score; reports count these and never skip them.
        environment: versions, device, host-independent facts; decides nothing.
        costs: seconds, parameters, peak memory: {"fit_seconds": .., "simulate_seconds": .., "parameters": ..}.
        left_out: group of metrics -> why it does not apply to what was scored; no failure.
    """

    spec: RunSpec
    scores: tuple[Score, ...]
    failures: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    def write(self, folder: Path) -> Path:
        """Write `folder/result.json` in one step and return its path."""
        return write_json(folder / "result.json", asdict(self))

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """The record at `path`.

        Raises:
            DataError: it is no record, or one of another schema (refused, not guessed at).
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["schema"] != SCHEMA:
                raise DataError(f"{path} has schema {raw['schema']}, this version reads {SCHEMA}; run it again")
            return cls(
                spec=RunSpec(**raw["spec"]),
                scores=tuple(Score(**score) for score in raw["scores"]),
                failures=raw["failures"],
                environment=raw["environment"],
                costs=raw["costs"],
                left_out=raw.get("left_out", {}),  # records of the same schema that are older have none
            )
        except (json.JSONDecodeError, KeyError, TypeError) as wrong:
            raise DataError(f"{path} is not a result of s2r-bench ({wrong}); delete it and run again") from None
