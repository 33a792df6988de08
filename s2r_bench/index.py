"""`HOME/index.parquet`: one row a run, finished or not: a cache over the run folders, made anew where it is stale."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from s2r_bench.errors import DataError
from s2r_bench.files import read_json, whole
from s2r_bench.records import RunRecord

COLUMNS = ("kind", "task", "method", "world", "preset", "protocol", "seed", "status", "scores", "failures", "seconds")


def rows(home: Path) -> list[dict[str, Any]]:
    """All runs: done, failed, unfinished, damaged. Only folders that changed since the index was written are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    index = home / "index.parquet"
    known = {(row["folder"], row["stamp"]): row for row in _read(index)}
    found = [known.get((folder, stamp)) or _row(home, folder, stamp) for folder, stamp in _present(home)]
    if found and (len(found) != len(known) or any((row["folder"], row["stamp"]) not in known for row in found)):
        with whole(index) as part:
            pq.write_table(pa.Table.from_pylist(found), part)
    return found


def _present(home: Path) -> Iterable[tuple[str, int]]:
    for folder in sorted(home.glob("runs/*/*")):
        for name in ("result.json", "error.json", "config.yaml"):
            if (folder / name).is_file():
                yield str(folder.relative_to(home)), (folder / name).stat().st_mtime_ns
                break


def _read(index: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not index.is_file():
        return []
    try:
        return list(pq.read_table(index).to_pylist())
    except (pa.ArrowException, OSError):  # damaged: it is a cache
        return []


def _row(home: Path, folder: str, stamp: int) -> dict[str, Any]:
    path = home / folder
    row: dict[str, Any] = {"key": path.name, "folder": folder, "stamp": stamp, "message": ""}
    if (path / "result.json").is_file():
        try:
            record = RunRecord.read(path / "result.json")
        except DataError as wrong:
            return row | dict.fromkeys(COLUMNS[:6], "") | _numbers(-1, "damaged") | {"message": str(wrong)}
        spec, costs = vars(record.spec), record.costs
        seconds = costs.get("evaluate_seconds", costs.get("fit_seconds", 0.0))
        row |= _numbers(spec["seed"], "done", len(record.scores), len(record.failures), seconds)
    elif (path / "error.json").is_file():
        error = read_json(path / "error.json")
        spec = error["spec"]
        row |= _numbers(spec["seed"], "failed") | {"message": f"{error['kind']}: {error['message']}"}
    else:
        spec = yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))["spec"]
        row |= _numbers(spec["seed"], "unfinished")
    return row | {name: spec[name] for name in COLUMNS[:6]}


def _numbers(seed: int, status: str, scores: int = 0, failures: int = 0, seconds: float = 0.0) -> dict[str, Any]:
    return {"seed": seed, "status": status, "scores": scores, "failures": failures, "seconds": float(seconds)}
