"""The report as one HTML file: tables, pictures, 3-D views and the script that draws them, nothing fetched."""

import base64
import json
import struct
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from s2r_reports import legend, paper, scenes, tables
from s2r_reports.headline import Finding
from s2r_reports.markup import WEB, begun, folded, gap_chart, joined, paragraph, read, term
from s2r_reports.pictures import Picture
from s2r_reports.scenes import Blobs, Scene
from s2r_reports.section import Section

VENDOR = Path(__file__).with_name("vendor")
KEYS = (
    "<p class='soft keys'>Drag to turn all views together; <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> turn, "
    "<kbd>+</kbd> <kbd>-</kbd> bring nearer and take away, <kbd>0</kbd> puts back, once the views have the focus.</p>"
)
TOOLS = (
    "<div class='tools'><label>Shown: <select></select></label>"
    "<button type='button' data-act='out' aria-label='smaller'>&minus;</button>"
    "<button type='button' data-act='in' aria-label='larger'>+</button>"
    "<button type='button' data-act='reset'>Reset</button>"
    "<button type='button' data-act='spin' aria-pressed='false'>Spin</button></div>"
)


def html(sections: Sequence[Section], across: Sequence[Picture], blobs: Blobs) -> str:
    """The page's text; `across` are pictures of several sections, `blobs` the arrays of all 3-D views."""
    best = leading(sections)
    title = best.finding.sentence if best and best.finding else "What the finished runs say"
    body = [_header(sections, best, title), "<main>"]
    if across:
        body += ["<h2 id='across'>Across shots</h2>", *map(_picture, across)]
    body += [_section(section, section is best) for section in sections]
    body += ["</main>", _footer(sections, blobs)]
    if blobs.texts:
        body += [f"<script type='text/plain' id='blob-{key}'>{text}</script>" for key, text in blobs.texts.items()]
        body += [f"<script>{read(VENDOR / 'three.min.js')}</script>", f"<script>{read(WEB / 'viewer.js')}</script>"]
    body.append(f"<script>{read(WEB / 'print.js')}</script>")
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><link rel='icon' href='data:,'><style>{read(WEB / 'page.css')}</style></head>"
        "<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def leading(sections: Sequence[Section]) -> Section | None:
    """The section whose finding heads the page: a sure one before others, then the one with the most runs."""
    known = [section for section in sections if section.finding is not None]

    def weight(section: Section) -> tuple[bool, int]:
        seeds = section.summary.seeds
        assert section.finding is not None
        return section.finding.sure, sum(seeds[one.arm] for one in section.finding.standings)

    return max(known, key=weight, default=None)


def _header(sections: Sequence[Section], best: Section | None, title: str) -> str:
    summaries = [section.summary for section in sections]
    parts = ["<header><div>"]
    if best is not None and best.finding is not None:
        parts.append(f"<p class='kicker'>{escape(best.heading)}</p><h1>{joined(title)}</h1>")
        parts.append(paragraph(" ".join(best.finding.details)))
        parts.append(_gap(best.finding))
    else:
        parts.append(f"<p class='kicker'>s2r-bench report</p><h1>{escape(title)}</h1>")
    worlds = legend.worlds(summaries).items()
    parts.append("<dl>" + "".join(term(f"World {name}", about) for name, about in worlds) + "</dl>")
    arms = "".join(term(name, about) for name, about in legend.arms(summaries).items())
    if arms:
        parts.append(f"<details><summary>What the arms are</summary><dl>{arms}</dl></details>")
    if len(sections) > 1:
        links = "".join(f"<li><a href='#{one.anchor}'>{escape(one.heading)}</a></li>" for one in sections)
        parts.append(f"<nav aria-label='Sections'><ul>{links}</ul></nav>")
    return "\n".join([*parts, "</div></header>"])


def _section(section: Section, leads: bool) -> str:
    summary, drawn = section.summary, section.drawn
    parts = [f"<section id='{section.anchor}'><h2>{escape(section.heading)}</h2>"]
    if section.finding is not None and not leads:  # the page's head has it
        parts.append(_finding(section.finding))
    if drawn.scene is not None:
        parts.append(_scene(drawn.scene, drawn.still))
    grids = [*tables.grids(summary), *section.more]
    charts = [one for one in drawn.pictures if one.dark is not None]
    still = drawn.still.path if drawn.still and drawn.scene is not None else None
    others = [one for one in drawn.pictures if one.dark is None and one.path != still]
    parts += [_picture(one) for one in charts if not one.minor]
    parts += [_table(grid) for grid in grids if not grid.folded]
    parts.append(f"<p class='caption'>{escape(tables.caption(summary))}</p>")
    parts += [folded(grid.title, _table(grid, titled=False)) for grid in grids if grid.folded]
    parts += [folded(one.title, _picture(one)) for one in [*(c for c in charts if c.minor), *others]]
    notes = [*summary.notes, *drawn.missing]
    if notes:
        lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(f"<h3>Missing or particular</h3><ul class='soft'>{lines}</ul>")
    return "\n".join([*parts, "</section>"])


def _finding(found: Finding) -> str:
    word = " sure" if found.sure else ""
    details = paragraph(" ".join(found.details))
    return f"<div class='finding{word}'><p>{joined(found.sentence)}.</p>{details}{_gap(found)}</div>"


def _gap(found: Finding) -> str:
    """Where each method stands between the anchors, on the figure of the finding."""
    known = [(one.arm, one.closed) for one in found.standings if one.closed is not None]
    return gap_chart(known, found.low, found.high)


def _scene(scene: Scene, still: Picture | None) -> str:
    """The 3-D views, and the still picture for who cannot see them."""
    data = json.dumps({"turn": scene.turn, "items": scene.items}, separators=(",", ":")).replace("<", "\\u003c")
    classes = "".join(f"<li><i style='background:{colour}'></i>{escape(name)}</li>" for name, colour in scene.classes)
    listed = f"<ul class='classes'>{classes}</ul>" if classes else ""
    notes = "".join(paragraph(note) for note in scene.notes)
    picture = (
        f"<details class='still' open><summary>Still picture</summary>{_picture(still)}</details>" if still else ""
    )
    return (
        f"<figure class='scene'><h3>{escape(scene.title)}</h3><div class='bench'>{TOOLS}"
        "<div class='stage' tabindex='0' role='application' aria-label='3-D views of all arms; arrow keys turn them, "
        f"plus and minus zoom, 0 puts them back'><div class='panes'></div></div>{listed}{KEYS}{notes}</div>{picture}"
        f"<script type='application/json' class='scene-data'>{data}</script></figure>"
    )


def _picture(one: Picture) -> str:
    shown = escape(one.title, quote=True)
    width, height = _size(one.path)
    drawn = f"width='{width}' height='{height}' style='--own: {width}px'"  # so that nothing moves when it is loaded
    image = f"<img alt='{shown}' {drawn} loading='lazy' src='{_inline(one.path)}'>"
    if one.dark is not None:
        dark = f"<source media='screen and (prefers-color-scheme: dark)' srcset='{_inline(one.dark)}'>"
        image = f"<picture>{dark}{image}</picture>"
    themed = " themed" if one.dark is not None else ""
    return f"<figure><div class='picture{themed}' tabindex='0'>{image}</div><figcaption>{shown}</figcaption></figure>"


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, pixels: the first two numbers of its first chunk."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return width, height


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _table(grid: tables.Grid, titled: bool = True) -> str:
    head = "".join(f"<th scope='col'>{escape(text)}</th>" for text in grid.head)
    theirs = min((row for row, text in grid.sections.items() if row and text.startswith(paper.THEIRS)), default=None)
    rows = []
    for row, cells in enumerate(grid.rows):
        kind = " class='theirs'" if theirs is not None and row >= theirs else ""
        if row in grid.sections:
            wide = f"<th colspan='{len(grid.head)}' scope='colgroup'><span>{escape(grid.sections[row])}</span></th>"
            rows.append(f"<tr class='part'>{wide}</tr>")
        shown = [f"<b>{escape(text)}</b>" if (row, at) in grid.bold else escape(text) for at, text in enumerate(cells)]
        first, *rest = shown
        rows.append(f"<tr{kind}><th scope='row'>{first}</th>{''.join(f'<td>{text}</td>' for text in rest)}</tr>")
    title = f"<h3>{escape(begun(grid.title))}</h3>" if titled else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>" + "\n".join(rows) + "</tbody>"
    label = escape(grid.title, quote=True)
    return f"{title}<div class='scroll' tabindex='0' role='region' aria-label='{label}'><table>{body}</table></div>"


def _footer(sections: Sequence[Section], blobs: Blobs) -> str:
    parts = ["<footer class='soft'>"]
    if any(section.laid_out for section in sections):
        parts.append(paragraph(f"The paper's figures: {paper.SOURCE}. They enter no figure measured here."))
    if blobs.texts:
        parts.append(
            paragraph("3-D views: " + "; ".join(scenes.limits(blobs)) + ". Drawn by three.js (MIT licence, below).")
        )
        licence = f"<pre>{escape(read(VENDOR / 'three.LICENSE'))}</pre>"
        parts.append(f"<details><summary>Licence of three.js</summary>{licence}</details>")
    parts.append(paragraph("Made by s2r-bench report from finished runs; nothing was computed anew."))
    return "\n".join([*parts, "</footer>"])


def shown(pictures: Iterable[Picture]) -> list[Path]:
    """The files of pictures, dark ones too."""
    return [path for one in pictures for path in (one.path, one.dark) if path is not None]
