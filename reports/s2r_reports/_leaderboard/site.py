"""The leaderboard as a static site: one page that fetches nothing, a CSV of all figures, and the entries themselves."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from html import escape

from s2r_bench import __version__
from s2r_bench.task import MetricInfo
from s2r_reports._leaderboard.standing import Row, Table
from s2r_reports.markup import WEB, folded, gap_chart, joined, paragraph, read, share, term
from s2r_reports.pairs import oriented
from s2r_reports.statistics import Interval
from s2r_reports.tables import EMPTY, label

ENTRIES = "entries"
MOST_DRAWN = 12
TITLE = "Leaderboard of depth-camera simulators"
SUBMIT = "s2r-bench leaderboard entry METHOD -o entry.json"
READING = (
    ("Figures", "the mean over samples and seeds, below it the 95 % interval (bootstrap over samples and seeds)."),
    (
        "Place",
        "1 + how many entries are surely better on the first figure: the paired interval of the difference excludes "
        "zero, or, where entries share no samples and seeds, their intervals do not overlap. Entries that cannot be "
        "told apart share a place.",
    ),
    ("Bold", "surely better than every other entry of the table."),
    ("Gap closed", "0 is the lower anchor, 1 the upper one, each run by the entry's own submitter."),
    (
        "Checked",
        "figures are made again of the values in each entry. That they were measured is the submitter's word; the "
        "commands that measure them are the same for everybody.",
    ),
)


def html(tables: Sequence[Table]) -> str:
    """The page's text."""
    scripts = [read(WEB / "board.js"), read(WEB / "print.js")]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    own, others = [one for one in tables if not one.apart], [one for one in tables if one.apart]
    headings = _headings(tables)
    body = [_header(tables, headings), "<main>"]
    body += [_section(one, headings[place], place, "h2") for place, one in enumerate(tables) if not one.apart]
    if not own:
        body.append("<p class='soft'>No entry is of this version's protocols and data.</p>")
    if others:
        body.append("<h2 id='apart'>Apart: other protocol versions and other data</h2>")
        body.append(
            paragraph(
                f"Not of the protocols and data of s2r-bench {__version__}. Each table stands alone; none is ranked "
                "with those above."
            )
        )
        body += [_section(one, headings[place], place, "h3") for place, one in enumerate(tables) if one.apart]
    body += ["</main>", _footer(), *(f"<script>{one}</script>" for one in scripts)]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<meta name='referrer' content='no-referrer'><title>{TITLE}</title><link rel='icon' href='data:,'>"
        f"<style>{read(WEB / 'page.css')}{read(WEB / 'board.css')}</style></head><body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def heading(table: Table) -> str:
    """What a table is of."""
    shots = table.settings.get("shots")
    told = "" if shots is None else f", shots {shots}"
    return f"{table.board.task}{told} on {table.world}, {table.board.preset}"


def _headings(tables: Sequence[Table]) -> list[str]:
    """A heading for each table; tables that differ by data or lesser settings alone are told apart by a number."""
    plain = [heading(one) + (" (apart)" if one.apart else "") for one in tables]
    return [
        text if plain.count(text) == 1 else f"{text}, set {plain[:place].count(text) + 1}"
        for place, text in enumerate(plain)
    ]


def _header(tables: Sequence[Table], headings: Sequence[str]) -> str:
    entries = len({row.entry.slug for table in tables for row in table.rows})
    count = f"{entries} {'entry' if entries == 1 else 'entries'} in {len(tables)} table{'s' * (len(tables) != 1)}"
    parts = [f"<header><div><p class='kicker'>s2r-bench {__version__}</p><h1>{TITLE}</h1>"]
    parts.append(
        paragraph(
            f"{count}. A table holds one task, one version of its protocol and the data of one world: what stands in "
            "different tables is never ranked together."
        )
    )
    parts.append(folded("How to read it", "<dl>" + "".join(term(*one) for one in READING) + "</dl>"))
    links = "".join(f"<li><a href='#t{place}'>{escape(text)}</a></li>" for place, text in enumerate(headings))
    parts.append(f"<nav aria-label='Tables'><ul>{links}</ul></nav>")
    return "\n".join([*parts, "</div></header>"])


def _section(table: Table, shown: str, place: int, level: str) -> str:
    first = table.first
    parts = [f"<section id='t{place}'><{level}>{escape(shown)}</{level}>"]
    if table.apart:
        parts.append(f"<p class='apart'>Apart: {escape(table.apart)}.</p>")
    parts.append(_finding(table))
    if first is not None:
        closed = [(row.entry.shown, row.scored.closed(first)) for row in table.ranked[:MOST_DRAWN]]
        parts.append(gap_chart([(name, one) for name, one in closed if one is not None], *table.anchors))
    parts.append(_grid(table, f"Entries: {shown}", table.judged, main=True))
    parts.append(f"<p class='caption'>{escape(_caption(table))}</p>")
    if table.unranked:
        lines = "".join(
            f"<li>{escape(row.entry.shown)}: not ranked, {escape(why)}</li>" for row, why in table.unranked.items()
        )
        parts.append(f"<ul class='soft'>{lines}</ul>")
    groups = dict.fromkeys(info.group for info in table.metrics.values())
    for group in groups:
        names = [name for name, info in table.metrics.items() if info.group == group and name not in table.judged]
        if any(table.metrics[name].better != "none" for name in names):
            parts.append(folded(f"{group} figures", _grid(table, f"{group} figures: {shown}", names)))
    parts.append(folded("What the entries are", "".join(_about(row) for row in table.ordered)))
    settings = {"keys": table.board.keys, "task": table.settings, "world": table.board.world_options}
    text = escape(json.dumps(settings, indent=1))
    parts.append(folded("Data keys and settings", f"<pre class='settings' tabindex='0'>{text}</pre>"))
    return "\n".join([*parts, "</section>"])


def _finding(table: Table) -> str:
    """One sentence on who is best, or that nobody surely is."""
    if table.first is None or not table.ranked:
        return "<div class='finding'><p>No entry is ranked.</p></div>"
    title, best = table.metrics[table.first].title, table.bold(table.first)
    leaders = [row.entry.shown for row in table.ordered if table.places.get(row) == 1]
    more = ""
    if best is not None:
        told = f"{best.entry.shown} is surely better than every other entry on {title}."
    elif len(table.ranked) == 1:
        told = f"{leaders[0]} is the only ranked entry."
    elif len(leaders) == 1:
        told = f"{leaders[0]} leads on {title}, not surely before every other entry."
    else:
        names = ", ".join(leaders[:4]) + (f" and {len(leaders) - 4} more" if len(leaders) > 4 else "")
        told = f"{len(leaders)} entries share the first place on {title}: {names}."
        cells = [row.cell(table.first) for row in table.ranked]
        if any(cell is not None and cell.interval.low is None for cell in cells):
            more = "A figure of the whole set has no interval with one seed, and nothing tells such figures apart."
    return f"<div class='finding{' sure' if best is not None else ''}'><p>{joined(told)}</p>{paragraph(more)}</div>"


def _caption(table: Table) -> str:
    board, facts = table.board, table.rows[0].scored.summary.facts
    seeds = sorted({run.seed for row in table.rows for run in row.board.runs})
    keys = ", ".join(f"{name} {digest}" for name, digest in sorted(board.keys.items()))
    return (
        f"World {table.world}, preset {board.preset}, protocol {facts['protocol']}, data {keys}; "
        f"seeds {', '.join(map(str, seeds))}. Gap closed is between {' and '.join(table.anchors)}, of the first figure."
    )


Column = tuple[str, str, Callable[[Row], tuple[str, float | None]]]
"""Heading, which way is better ("lower", "higher"), and a row's HTML with its value for sorting."""


def _grid(table: Table, title: str, metrics: Sequence[str], main: bool = False) -> str:
    columns: list[Column] = [("place", "lower", lambda row: _place(table, row))] if main else []
    columns += [_metric_column(table, name) for name in metrics]
    if main:
        columns += _gap_columns(table) + _cost_columns(table)
    head = "<th scope='col' aria-sort='none'><button type='button' data-first='ascending'>entry</button></th>"
    head += "".join(
        f"<th scope='col' aria-sort='none'><button type='button' "
        f"data-first='{'descending' if better == 'higher' else 'ascending'}'>{_heading_text(name)}</button></th>"
        for name, better, _ in columns
    )
    rows = [_row(row, [cell(row) for _, _, cell in columns]) for row in table.ordered]
    arms = [arm for arm in _anchor_names(table) if any(table.anchor_cells(arm, name) for name in metrics)]
    below = [_anchor_row(table, arm, metrics, len(columns), main) for arm in arms]
    tail = f"<tbody class='anchors'>{''.join(below)}</tbody>" if below else ""
    shown = escape(title, quote=True)
    return (
        f"<div class='scroll' tabindex='0' role='region' aria-label='{shown}'><table class='board'>"
        f"<caption class='hidden'>{escape(title)}; a heading sorts by its column</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>{tail}</table></div>"
        "<p class='hidden' role='status'></p>"
    )


def _heading_text(name: str) -> str:
    """A heading with the arrow that says which way is better kept apart."""
    text, space, arrow = name.rpartition(" ")
    if arrow in ("↑", "↓"):
        *before, last = joined(text).split(" ")  # the arrow stays on the line of the last word
        return " ".join([*before, f"<span class='aim'>{last}{space}{arrow}</span>"])
    return escape(name)


def _row(row: Row, cells: Sequence[tuple[str, float | None]]) -> str:
    card = row.entry.simulator
    name = (
        f"<th scope='row' data-name='{escape(row.entry.slug, quote=True)}'>"
        f"<a href='{ENTRIES}/{row.entry.slug}.json'>{escape(card.name)}</a><small>{escape(card.version)}</small></th>"
    )
    values = "".join(f"<td{'' if value is None else f' data-value={value!r}'}>{text}</td>" for text, value in cells)
    return f"<tr>{name}{values}</tr>"


def _place(table: Table, row: Row) -> tuple[str, float | None]:
    place = table.places.get(row)
    return (EMPTY, None) if place is None else (f"<span class='place'>{place}</span>", float(place))


def _metric_column(table: Table, name: str) -> Column:
    info = table.metrics[name]
    bold = table.bold(name)

    def cell(row: Row) -> tuple[str, float | None]:
        found = row.cell(name)
        if found is None:
            return EMPTY, None
        value = oriented(info, found.interval.mean) if info.better == "target" else found.interval.mean
        return _span(info, found.interval, row is bold), value

    return label(info), "higher" if info.better == "higher" else "lower", cell


def _span(info: MetricInfo, one: Interval, bold: bool = False) -> str:
    shown = [f"{value * info.scale:.{info.digits}f}" for value in (one.mean, one.low, one.high) if value is not None]
    text = f"<b>{shown[0]}</b>" if bold else shown[0]
    return text if len(shown) == 1 else f"{text}<small>{shown[1]} to {shown[2]}</small>"


def _gap_columns(table: Table) -> list[Column]:
    first = table.first
    if first is None:
        return []
    info = table.metrics[first]

    def closed(row: Row) -> tuple[str, float | None]:
        found = row.scored.closed(first)
        if found is None:
            return EMPTY, None
        mean, _, rest = share(found).partition(" (")
        return escape(mean) + (f"<small>{escape(rest.removesuffix(')'))}</small>" if rest else ""), found.mean

    def ahead(row: Row) -> tuple[str, float | None]:
        found = row.scored.summary.over_base.get((row.scored.arm, first))
        return (EMPTY, None) if found is None else (_span(info, found), found.mean)

    unit = {"%": " (points)", "": ""}.get(info.unit, f" ({info.unit})")
    columns: list[Column] = [("gap closed", "higher", closed), (f"over {table.base}{unit}", "higher", ahead)]
    return [one for one in columns if any(one[2](row)[1] is not None for row in table.rows)]


def _cost_columns(table: Table) -> list[Column]:
    def cost(name: str, digits: int) -> Callable[[Row], tuple[str, float | None]]:
        def cell(row: Row) -> tuple[str, float | None]:
            value = row.cost(name)
            return (EMPTY, None) if value is None else (f"{value:,.{digits}f}", value)

        return cell

    columns: list[Column] = [
        ("seeds", "higher", lambda row: (str(len(row.board.runs)), float(len(row.board.runs)))),
        ("fit, s", "lower", cost("fit_seconds", 0)),
        ("a frame, s", "lower", cost("simulate_seconds_per_frame", 3)),
        ("parameters", "lower", cost("parameters", 0)),
        ("score, s", "lower", cost("evaluate_seconds", 0)),
        ("memory, MB", "lower", cost("peak_memory_mb", 0)),
        ("device", "lower", lambda row: (escape(row.devices or EMPTY), None)),
    ]
    return [one for one in columns if any(one[2](row)[0] != EMPTY for row in table.rows)]


def _anchor_names(table: Table) -> list[str]:
    return list(dict.fromkeys(arm for row in table.rows for arm in row.board.anchors))


def _anchor_row(table: Table, arm: str, metrics: Sequence[str], columns: int, main: bool) -> str:
    """An anchor's figures: one, or from the least to the greatest of those that came with entries."""
    cells = [EMPTY] * main
    for name in metrics:
        info, found = table.metrics[name], table.anchor_cells(arm, name)
        if not found:
            cells.append(EMPTY)
        elif len(found) == 1:
            cells.append(_span(info, found[0].interval))
        else:
            means = sorted(one.interval.mean * info.scale for one in found)
            ends = [f"{value:.{info.digits}f}" for value in (means[0], means[-1])]
            text = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
            cells.append(f"{text}<small>{len(found)} results</small>")
    cells += [EMPTY] * (columns - len(cells))
    told = "".join(f"<td>{text}</td>" for text in cells)
    return f"<tr class='theirs'><th scope='row'>{escape(arm)}<small>anchor</small></th>{told}</tr>"


def _about(row: Row) -> str:
    card, data, sender = row.entry.simulator, row.entry.data, row.entry.submitter
    scenes = "an unknown number of scenes" if data.scenes is None else f"{data.scenes} scenes"
    known = ", ".join(data.worlds)
    if card.training == "untrained":
        learned = "nothing: it is not trained"
    else:
        learned = "; ".join(text for text in (f"{known}, {scenes}" if known else "", data.statement) if text)
    leak = f"trained on {row.leaked} of the scored scenes" if row.leaked else "no scored scene, as declared"
    makes = "clouds" if card.output == "cloud" else "depth maps"
    codes = ", ".join(dict.fromkeys(run.code for run in row.board.runs if run.code)) or EMPTY
    items = [
        ("What", card.title),
        ("Follows", card.source),
        ("Makes", f"{makes}, {'another with every seed' if card.stochastic else 'one per view'}"),
        ("Learned from", learned),
        ("Leak", leak),
        ("Licence", f"{card.licence} (simulator){f'; {sender.licence} (entry)' if sender.licence else ''}"),
        ("Contact", sender.contact),
        ("Made by", f"s2r-bench {row.entry.made_by}, task code {codes}"),
        ("Without a score", _lacking(row)),
    ]
    terms = "".join(term(name, text) for name, text in items if text)
    if sender.url:
        address = escape(sender.url, quote=True)
        terms += f"<dt>Address</dt><dd><a href='{address}' rel='nofollow noopener noreferrer'>{address}</a></dd>"
    link = f"<a href='{ENTRIES}/{row.entry.slug}.json'>entry</a>"
    options = ""
    if row.board.options:
        text = escape(json.dumps(row.board.options, indent=1))
        pre = f"<pre class='settings' tabindex='0'>{text}</pre>"
        options = f"<details class='options'><summary>Options of {escape(row.entry.shown)}</summary>{pre}</details>"
    return f"<h4>{escape(row.entry.shown)} ({link})</h4><dl>{terms}</dl>{options}"


def _lacking(row: Row) -> str:
    names = [name for run in row.board.runs for name in run.failures]
    if not names:
        return ""
    return f"{len(names)} samples or figures, such as {names[0]}"


def _footer() -> str:
    return "\n".join(
        [
            "<footer class='soft'>",
            "<p>All figures: <a href='leaderboard.csv'>leaderboard.csv</a>. To enter a simulator: "
            f"<code>{escape(SUBMIT)}</code>, <code>s2r-bench leaderboard check entry.json</code>, send the file.</p>",
            paragraph("Made by s2r-bench leaderboard build from the entries beside it."),
            "</footer>",
        ]
    )


CSV_HEAD = (
    *("task", "protocol", "world", "sensor", "preset", "shots", "keys", "table", "apart", "kind", "name", "version"),
    *("file", "place", "not_ranked", "metric", "better", "mean", "low", "high", "samples", "seeds", "bold"),
    *("gap_closed", "gap_low", "gap_high", "fit_seconds", "simulate_seconds_per_frame", "parameters"),
    *("evaluate_seconds", "peak_memory_mb", "device"),
)


def csv_text(tables: Sequence[Table]) -> str:
    """Every figure of every entry and of its anchors, unscaled, one row each."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, CSV_HEAD, lineterminator="\n")
    writer.writeheader()
    for number, table in enumerate(tables):
        board = table.board
        head = {name: getattr(board, name) for name in ("task", "protocol", "world", "sensor", "preset")}
        head |= {"shots": table.settings.get("shots"), "table": number, "apart": table.apart}
        head |= {"keys": " ".join(f"{name}={digest}" for name, digest in sorted(board.keys.items()))}
        bold = {metric: table.bold(metric) for metric in table.metrics}
        for row in table.ordered:
            for line in _csv_rows(table, row, bold):
                writer.writerow({name: _safe(value) for name, value in {**head, **line}.items()})
    return stream.getvalue()


def _csv_rows(table: Table, row: Row, bold: dict[str, Row | None]) -> list[dict[str, object]]:
    card = row.entry.simulator
    rows: list[dict[str, object]] = []
    about = {"version": card.version, "file": f"{ENTRIES}/{row.entry.slug}.json"}
    own: dict[str, object] = {
        "place": table.places.get(row),
        "not_ranked": table.unranked.get(row),
        "device": row.devices,
        **{name: row.cost(name) for name in CSV_HEAD[-6:-1]},
    }
    for (arm, metric), cell in row.scored.summary.cells.items():
        mine = arm == row.scored.arm
        figure: dict[str, object] = {
            "metric": metric,
            "better": table.metrics[metric].better if metric in table.metrics else "",
        }
        figure |= {"mean": cell.interval.mean, "low": cell.interval.low, "high": cell.interval.high}
        figure |= {"samples": cell.samples, "seeds": cell.seeds}
        closed = row.scored.closed(metric) if mine else None
        if closed is not None:
            figure |= {"gap_closed": closed.mean, "gap_low": closed.low, "gap_high": closed.high}
        name = {"kind": "entry", "name": card.name} if mine else {"kind": "anchor", "name": arm}
        extra = {**own, "bold": int(bold.get(metric) is row)} if mine else {}
        rows.append({**about, **name, **figure, **extra})
    return rows


def _safe(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
