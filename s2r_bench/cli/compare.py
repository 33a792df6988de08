"""report and results: what finished runs say."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s2r_bench.cli import common
from s2r_bench.cli.session import Session
from s2r_bench.errors import DataError, UsageError

if TYPE_CHECKING:
    from s2r_bench.records import RunRecord

REPORTS = "s2r_reports"
FORMATS = ("html", "md", "latex", "csv", "parquet", "json")

Task = Annotated[str | None, typer.Option("--task", "-t", help="Only this task.")]
Method = Annotated[list[str] | None, typer.Option("--method", "-m", help="Only these methods; repeat.")]
World = Annotated[str | None, typer.Option("--world", "-w", help="Only this world.")]
PresetOnly = Annotated[str | None, typer.Option("--preset", help="Only this preset.")]


def add_to(app: typer.Typer, results: typer.Typer) -> None:
    """Register the commands."""
    common.command(app, "report", panel="Compare", examples=["s2r-bench report -f html,md,csv -o report/"])(report)
    common.command(results, "ls", examples=["s2r-bench results ls --failed"])(ls)
    common.command(results, "show", examples=["s2r-bench results show 3f2a"])(show)
    common.command(results, "export", examples=["s2r-bench results export -f csv -o scores.csv"])(export)


def report(
    session: Session,
    runs: Annotated[list[str] | None, typer.Argument(help="Keys or by-name names. [default: all]")] = None,
    formats: Annotated[
        str, typer.Option("--format", "-f", help="Of html, md, latex, csv, parquet, json.")
    ] = "html,md,csv",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the report.", metavar="DIR")] = Path("report"),
    task: Task = None,
    method: Method = None,
    world: World = None,
    preset: PresetOnly = None,
) -> None:
    """Write the comparison report of finished runs."""
    wanted = [word.strip() for word in formats.split(",") if word.strip()]
    for word in wanted:
        if word not in FORMATS:
            raise UsageError(f"there is no format {word!r}; there are: {', '.join(FORMATS)}")
    records = chosen(session, runs, task, method, world, preset)
    written = write_report(records, out, wanted, session.home)
    document = {"command": "report", "runs": len(records), "files": [str(path) for path in written]}
    session.answer(document, "\n".join(document["files"]) if isinstance(document["files"], list) else "")


def ls(
    session: Session,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, and why.")] = False,
    task: Task = None,
    method: Method = None,
    world: World = None,
    preset: PresetOnly = None,
) -> None:
    """List stored runs."""
    from s2r_bench.index import rows

    wanted = {"task": task, "world": world, "preset": preset}
    found = [
        row
        for row in rows(session.home)
        if all(value is None or row[name] == value for name, value in wanted.items())
        and (not method or row["method"] in method)
        and (not failed or row["status"] in ("failed", "damaged"))
    ]
    session.answer(found, "\n".join(_line(row) for row in found) or f"no runs in {session.home}")


def _line(row: dict[str, Any]) -> str:
    what = f"{row['key']}  {row['status']:<10} {row['kind']:<9} {row['task'] or '-':<9} {row['method']:<18}"
    where = f"{Path(row['world']).name:<10} {row['preset']:<6} s{row['seed']:<3}"
    return f"{what} {where} {row['seconds']:>8.1f} s  {row['message']}".rstrip()


def show(session: Session, key: Annotated[str, typer.Argument(help="Beginning of a key, or a by-name name.")]) -> None:
    """Show one run: what it was, what it cost, its figures."""
    from s2r_bench.files import read_json
    from s2r_bench.records import RunRecord

    folder = session.store.find(key)
    if not (folder / "result.json").is_file():
        error = read_json(folder / "error.json") if (folder / "error.json").is_file() else {"message": "unfinished"}
        session.answer({"folder": str(folder), "error": error}, f"{folder}\nfailed: {error['message']}")
        return
    record = RunRecord.read(folder / "result.json")
    spec = vars(record.spec)
    lines = [
        str(folder),
        *(f"{name}: {value}" for name, value in {**spec, **record.costs, **record.environment}.items()),
    ]
    lines += [f"no score for {sample}: {why}" for sample, why in record.failures.items()]
    lines += [f"no {group} figures: {why}" for group, why in record.left_out.items()]
    lines.append(table([record], session.home) or "")
    session.answer({"folder": str(folder), **read_json(folder / "result.json")}, "\n".join(lines))


def export(
    session: Session,
    format: Annotated[str, typer.Option("--format", "-f", help="csv, json or parquet.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file. [default: stdout]", metavar="FILE")] = None,
    task: Task = None,
    method: Method = None,
    world: World = None,
    preset: PresetOnly = None,
) -> None:
    """Every stored score, one row each."""
    rows = [row for record in chosen(session, None, task, method, world, preset) for row in long_rows(record)]
    if format not in ("csv", "json", "parquet"):
        raise UsageError(f"there is no format {format!r}; there are: csv, json, parquet")
    if format == "parquet" and out is None:
        raise UsageError("parquet goes to a file: -o FILE")
    data = _encoded(rows, format)
    if out is None:
        session.answer(rows, data.decode())
        return
    from s2r_bench.files import write_bytes

    write_bytes(out, data)
    session.answer({"file": str(out), "rows": len(rows)}, f"{out}: {len(rows)} rows")


def long_rows(record: "RunRecord") -> list[dict[str, Any]]:
    """One flat row a score."""
    spec = record.spec
    common_fields = {
        name: getattr(spec, name) for name in ("task", "method", "world", "preset", "protocol", "seed", "key")
    }
    return [
        {**common_fields, "sample": s.sample, "category": s.category, "metric": s.metric, "value": s.value}
        for s in record.scores
    ]


def write_report(records: "Sequence[RunRecord]", out: Path, formats: Sequence[str], home: Path) -> list[Path]:
    """The report's files."""
    from s2r_bench import registry

    member = registry.module(REPORTS, "document")
    written: list[Path] = member.write_report(list(records), out, formats=tuple(formats), home=home)
    return written


def table(records: "Sequence[RunRecord]", home: Path) -> str | None:
    """The tables of the records of a store, as wide as the terminal."""
    import os
    import shutil
    import sys

    from s2r_bench import registry

    if not records:
        return None
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size((160, 24)).columns
    member = registry.module(REPORTS, "document")
    return str(member.terminal(list(records), width=width, colour=colour, home=home)).rstrip()


def chosen(
    session: Session,
    runs: Sequence[str] | None,
    task: str | None,
    method: Sequence[str] | None,
    world: str | None,
    preset: str | None,
) -> "list[RunRecord]":
    """The stored evaluations that a command was asked for.

    Raises:
        DataError: there is none.
    """
    from s2r_bench.records import RunRecord

    if runs:
        records = [RunRecord.read(session.store.find(word) / "result.json") for word in runs]
    else:
        records = session.store.records()
    kept = [
        record
        for record in records
        if (task is None or record.spec.task == task)
        and (world is None or record.spec.world == world)
        and (preset is None or record.spec.preset == preset)
        and (not method or record.spec.method in method)
    ]
    if not kept:
        raise DataError(f"no finished evaluation of that kind in {session.home}; `s2r-bench run` makes some")
    return kept


def _encoded(rows: list[dict[str, Any]], format: str) -> bytes:
    if format == "json":
        return (json.dumps(rows, indent=1) + "\n").encode()
    if format == "csv":
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue().rstrip("\n").encode() + b"\n"
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()
