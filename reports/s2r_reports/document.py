"""The report: tables, pictures and what is missing, in one folder."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import whole, write_text
from s2r_reports import tables
from s2r_reports.frames import Entry, Given, arm_names, entries_of, long_frame
from s2r_reports.page import html
from s2r_reports.pictures import Pictures, draw
from s2r_reports.summary import Summary, summaries

FORMATS = ("md", "csv", "html", "latex", "parquet", "json")


def write_report(
    records: Iterable[Given], out: Path, formats: Sequence[str] = ("md", "csv", "html"), home: Path | None = None
) -> list[Path]:
    """Write the report of finished evaluations into `out` and return the files.

    Args:
        records: records, alone or as (record, folder); pictures need the folder.
        out: the report's folder, made if need be.
        formats: of FORMATS.
        home: the store; folders that were not given are looked for in it.

    Raises:
        UsageError: an unknown format.
        DataError: no evaluation among the records.
    """
    unknown = [word for word in formats if word not in FORMATS]
    if unknown:
        raise UsageError(f"there is no report format {unknown[0]!r}; there are: {', '.join(FORMATS)}")
    entries = entries_of(records, home)
    if not entries:
        raise DataError("there is no finished evaluation to report on")
    out.mkdir(parents=True, exist_ok=True)
    found = summaries(entries)
    pictures = [draw(group, summary, out) for group, summary in zip(_groups(entries), found, strict=True)]
    written = [path for some in pictures for path in some.files]
    writers: dict[str, Callable[[], list[Path]]] = {
        "md": lambda: [write_text(out / "report.md", _markdown(found, pictures))],
        "csv": lambda: [
            write_text(out / "summary.csv", tables.csv_text(found)),
            write_text(out / "pairs.csv", tables.pairs_csv(found)),
            _scores(out, entries),
        ],
        "html": lambda: [write_text(out / "report.html", html(found, pictures))],
        "latex": lambda: [write_text(out / "tables.tex", "\n".join(tables.latex(summary) for summary in found))],
        "parquet": lambda: [_parquet(out, entries)],
        "json": lambda: [_json(out, found)],
    }
    for word in dict.fromkeys(formats):
        written += writers[word]()
    return written


def terminal(records: Iterable[Given], width: int | None = None, colour: bool = False, home: Path | None = None) -> str:
    """The tables of finished evaluations for a terminal; `home` as in `write_report`."""
    return "\n".join(tables.terminal(summary, width, colour) for summary in summaries(entries_of(records, home)))


def _groups(entries: Sequence[Entry]) -> list[list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.group, []).append(entry)
    return list(found.values())


def heading(summary: Summary) -> str:
    """Task, world and preset."""
    return f"{summary.facts['task']} on {summary.facts['world']} ({summary.facts['preset']})"


def _markdown(found: Sequence[Summary], pictures: Sequence[Pictures]) -> str:
    parts = ["# Report"]
    for summary, drawn in zip(found, pictures, strict=True):
        parts += [f"## {heading(summary)}", tables.markdown(summary).rstrip()]
        notes = [*summary.notes, *drawn.missing]
        if notes:
            parts.append("**Missing or particular**\n\n" + "\n".join(f"- {note}" for note in notes))
        parts += [f"![{title}]({path.name})" for title, path in drawn.titled]
    return "\n\n".join(parts) + "\n"


def _scores(out: Path, entries: Sequence[Entry]) -> Path:
    return write_text(out / "scores.csv", long_frame(entries).to_csv(index=False, lineterminator="\n"))


def _parquet(out: Path, entries: Sequence[Entry]) -> Path:
    path = out / "scores.parquet"
    with whole(path) as part:
        long_frame(entries).to_parquet(part, index=False)
    return path


def _json(out: Path, found: Sequence[Summary]) -> Path:
    import json

    document = [
        {
            **summary.facts,
            "arms": list(summary.arms),
            "notes": list(summary.notes),
            "figures": [
                {
                    "arm": arm,
                    "metric": metric,
                    "mean": cell.interval.mean,
                    "low": cell.interval.low,
                    "high": cell.interval.high,
                    "samples": cell.samples,
                    "seeds": cell.seeds,
                    "bold": cell.bold,
                }
                for (arm, metric), cell in summary.cells.items()
            ],
        }
        for summary in found
    ]
    return write_text(out / "summary.json", json.dumps(document, indent=1) + "\n")


__all__ = ["FORMATS", "arm_names", "terminal", "write_report"]
