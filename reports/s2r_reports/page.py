"""The report as one HTML file: tables and pictures inside it, nothing fetched."""

import base64
from collections.abc import Sequence
from html import escape

from s2r_reports import tables
from s2r_reports.pictures import Pictures
from s2r_reports.summary import Summary

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; margin: .3rem 0 1.4rem; font-variant-numeric: tabular-nums; font-size: 14px }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #d8dee4; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.scroll { overflow-x: auto } img { max-width: 100% } .caption { color: #57606a } figure { margin: 1rem 0 }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3 } th, td { border-color: #30363d } img { background: #fff }
}
"""


def html(found: Sequence[Summary], pictures: Sequence[Pictures]) -> str:
    """The page's text."""
    parts = [_section(summary, drawn) for summary, drawn in zip(found, pictures, strict=True)]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'><title>s2r-bench report</title>"
        f"<style>{STYLE}</style></head><body><h1>Report</h1>\n" + "\n".join(parts) + "</body></html>\n"
    )


def _section(summary: Summary, drawn: Pictures) -> str:
    facts = summary.facts
    parts = [f"<h2>{escape(facts['task'])} on {escape(facts['world'])} ({escape(facts['preset'])})</h2>"]
    parts.append(f"<p class='caption'>{escape(tables.caption(summary))}</p>")
    parts += [_table(grid) for grid in tables.grids(summary)]
    notes = [*summary.notes, *drawn.missing]
    if notes:
        parts.append("<h3>Missing or particular</h3><ul>" + "".join(f"<li>{escape(n)}</li>" for n in notes) + "</ul>")
    for title, path in drawn.titled:
        data = base64.b64encode(path.read_bytes()).decode()
        shown = escape(title, quote=True)
        parts.append(
            f"<figure><img alt='{shown}' src='data:image/png;base64,{data}'><figcaption>{shown}</figcaption></figure>"
        )
    return "\n".join(parts)


def _table(grid: tables.Grid) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in grid.head)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td><b>{escape(text)}</b></td>" if (row, column) in grid.bold else f"<td>{escape(text)}</td>"
            for column, text in enumerate(cells)
        )
        + "</tr>\n"
        for row, cells in enumerate(grid.rows)
    )
    return f"<h3>{escape(grid.title)}</h3><div class='scroll'><table><tr>{head}</tr>\n{rows}</table></div>"
