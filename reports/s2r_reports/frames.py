"""Records as one long table: a row a score, with what decided it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from s2r_bench.records import RunRecord, content_key

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "group",
    "arm",
    "task",
    "method",
    "world",
    "sensor",
    "preset",
    "protocol",
    "seed",
    "run",
    "sample",
    "category",
    "metric",
    "value",
)
UNKNOWN_SENSOR = "sensor not recorded"
UNKNOWN_DEVICE = "not recorded"


@dataclass(frozen=True)
class Entry:
    """A record and the folder that it lies in; None where the folder is not at hand."""

    record: RunRecord
    folder: Path | None = None

    @property
    def group(self) -> str:
        """What must be equal for two runs to stand in one table: task, protocol, world, preset, data, task options."""
        spec = self.record.spec
        data = {name: digest for name, digest in spec.inputs.items() if name not in ("task", "simulator")}
        options = [spec.options.get("task", {}), spec.options.get("world", {})]
        return content_key([spec.task, spec.protocol, spec.world, spec.preset, data, options])

    @property
    def sensor(self) -> str:
        """The world's sensor, as the run recorded it in its environment or beside its artifacts."""
        if "sensor" in self.record.environment:
            return self.record.environment["sensor"]
        path = self.folder / "artifacts" / "world.json" if self.folder else None
        if path is None or not path.is_file():
            return UNKNOWN_SENSOR
        return str(json.loads(path.read_text(encoding="utf-8")).get("sensor", UNKNOWN_SENSOR))

    @property
    def device(self) -> tuple[str, str]:
        """Kind of the device that scored the run ("cpu" or "cuda"), and its name where it has one."""
        name = self.record.environment.get("device", UNKNOWN_DEVICE)
        return (name, "") if name in ("cpu", UNKNOWN_DEVICE) else ("cuda", name)


Given = RunRecord | tuple[RunRecord, Path | None] | Entry


def entries_of(records: Iterable[Given], home: Path | None = None) -> list[Entry]:
    """Records, alone or each with its folder; evaluations only. With `home`, folders are looked for in its store."""
    found = []
    for given in records:
        entry = given if isinstance(given, Entry) else Entry(given) if isinstance(given, RunRecord) else Entry(*given)
        if entry.folder is None and home is not None:
            folder = home / "runs" / entry.record.spec.kind / entry.record.spec.key
            entry = Entry(entry.record, folder if folder.is_dir() else None)
        if entry.record.spec.kind == "evaluate":
            found.append(entry)
    return found


def arm_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Run key -> the arm's name in tables: the method, with a part of its options' hash where one name means several.

    Two runs are the same arm where they differ by seed and by weights only.
    """
    variants: dict[tuple[str, str], dict[str, None]] = {}
    for entry in entries:
        variants.setdefault((entry.group, entry.record.spec.method), {})[_variant(entry)] = None
    names = {}
    for entry in entries:
        method = entry.record.spec.method
        several = len(variants[entry.group, method]) > 1
        names[entry.record.spec.key] = f"{method} ({_variant(entry)[:4]})" if several else method
    return names


def _variant(entry: Entry) -> str:
    return content_key(entry.record.spec.options.get("method", {}))


def long_frame(entries: Sequence[Entry]) -> "pd.DataFrame":
    """One row a score, columns COLUMNS; `group` tells which rows may stand in one table."""
    import pandas as pd

    names = arm_names(entries)
    rows = []
    for entry in entries:
        spec = entry.record.spec
        head = (entry.group, names[spec.key], spec.task, spec.method, spec.world, entry.sensor, spec.preset)
        head = (*head, spec.protocol, spec.seed, spec.key)  # type: ignore[assignment]
        rows += [(*head, score.sample, score.category, score.metric, score.value) for score in entry.record.scores]
    return pd.DataFrame(rows, columns=list(COLUMNS))
