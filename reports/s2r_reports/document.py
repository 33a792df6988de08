"""The report: tables, pictures and what is missing, in one folder."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import whole, write_text
from s2r_reports import layouts, legend, page, paper, plots, tables
from s2r_reports.families import families, order_of
from s2r_reports.frames import Entry, Given, arm_names, entries_of, long_frame
from s2r_reports.pictures import Picture, draw, slug
from s2r_reports.scenes import Blobs
from s2r_reports.section import Section
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
    blobs = Blobs()
    pairs = _groups(entries)
    sections = [
        Section(some, found, draw(some, found, out, blobs if "html" in formats else None)) for some, found in pairs
    ]
    across = _across(sections, out)
    written = page.shown([*across, *(one for section in sections for one in section.drawn.pictures)])
    writers: dict[str, Callable[[], list[Path]]] = {
        "md": lambda: [write_text(out / "report.md", _markdown(sections, across))],
        "csv": lambda: _csv(out, entries, sections),
        "html": lambda: [write_text(out / "report.html", page.html(sections, across, blobs))],
        "latex": lambda: [write_text(out / "tables.tex", _latex(sections))],
        "parquet": lambda: [_parquet(out, entries)],
        "json": lambda: [_json(out, sections)],
    }
    for word in dict.fromkeys(formats):
        written += writers[word]()
    return written


def terminal(records: Iterable[Given], width: int | None = None, colour: bool = False, home: Path | None = None) -> str:
    """The tables of finished evaluations for a terminal; `home` as in `write_report`."""
    groups = _groups(entries_of(records, home))
    return "\n".join(tables.terminal(found, width, colour, Section(some, found).more) for some, found in groups)


def _groups(entries: Sequence[Entry]) -> list[tuple[list[Entry], Summary]]:
    """The sets of runs that may stand in one table, in the order of a report."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.group, []).append(entry)
    return [(some, summaries(some)[0]) for some in sorted(found.values(), key=order_of)]


def _across(sections: Sequence[Section], out: Path) -> list[Picture]:
    """A picture for each set of sections that differ by shots alone."""
    found = []
    for place, family in enumerate(families([(section.entries, section.summary) for section in sections])):
        facts = family[0][1].facts
        about = f"{facts['task']} on {Path(facts['world']).name}, preset {facts['preset']}"
        name = f"{facts['task']}-{Path(facts['world']).name}-{facts['preset']}-shots-{place}"
        path = out / f"{slug(name)}.png"

        def curve(path: Path, about: str = about, family: Sequence[tuple[str, Summary]] = family) -> Path:
            return plots.shots_curve(about, family, path)

        title = f"Figures over shots, with 95 % intervals: {about}; captures: {facts['sensor']}; seeds differ by table"
        found.append(Picture(title, *plots.in_both(curve, path)))
    return found


def _markdown(sections: Sequence[Section], across: Sequence[Picture]) -> str:
    parts = ["# Report"]
    best = page.leading(sections)
    if best is not None and best.finding is not None:
        parts.append(f"**{best.finding.sentence}.** ({best.heading}) {' '.join(best.finding.details)}")
    every = [section.summary for section in sections]
    parts.append(legend.listed([*legend.worlds(every).items(), *legend.arms(every).items()]))
    parts += [f"![{one.title}]({one.path.name})" for one in across]
    for section in sections:
        parts.append(f"## {section.heading}")
        if section.finding is not None:
            parts.append(f"**{section.finding.sentence}.** {' '.join(section.finding.details)}")
        parts.append(tables.markdown(section.summary, section.more).rstrip())
        notes = [*section.summary.notes, *section.drawn.missing]
        if notes:
            parts.append("**Missing or particular**\n\n" + "\n".join(f"- {note}" for note in notes))
        parts += [f"![{one.title}]({one.path.name})" for one in section.drawn.pictures]
    if any(section.laid_out for section in sections):
        parts.append(f"The paper's figures: {paper.SOURCE}. They enter no figure measured here.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _latex(sections: Sequence[Section]) -> str:
    head = "% \\usepackage{booktabs}; read into a document with \\input{tables.tex}\n\n"
    return head + "\n".join(tables.latex(section.summary, section.more) for section in sections)


def _csv(out: Path, entries: Sequence[Entry], sections: Sequence[Section]) -> list[Path]:
    found = [section.summary for section in sections]
    written = [
        write_text(out / "summary.csv", tables.csv_text(found)),
        write_text(out / "pairs.csv", tables.pairs_csv(found)),
        write_text(out / "scores.csv", long_frame(entries).to_csv(index=False, lineterminator="\n")),
    ]
    beside = layouts.csv_text([(section.summary, section.laid_out) for section in sections])
    return [*written, write_text(out / "paper.csv", beside)] if beside else written


def _parquet(out: Path, entries: Sequence[Entry]) -> Path:
    path = out / "scores.parquet"
    with whole(path) as part:
        long_frame(entries).to_parquet(part, index=False)
    return path


def _json(out: Path, sections: Sequence[Section]) -> Path:
    document = [_as_json(section) for section in sections]
    return write_text(out / "summary.json", json.dumps(document, indent=1) + "\n")


def _as_json(section: Section) -> dict[str, Any]:
    summary = section.summary
    return {
        **summary.facts,
        "arms": list(summary.arms),
        "notes": list(summary.notes),
        "finding": section.finding.sentence if section.finding else None,
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
        "agreement_with_the_paper": [vars(one) for one in section.agreements],
    }


__all__ = ["FORMATS", "arm_names", "terminal", "write_report"]
