"""Pieces of HTML that the pages of this room share: the report and the leaderboard."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from s2r_reports.statistics import Interval
from s2r_reports.tables import percent

WEB = Path(__file__).with_name("web")
WIDEST = 2.0  # how far beyond 0 and 1 the axis of the gap goes at most


def gap_chart(known: Sequence[tuple[str, Interval]], floor: str, ceiling: str) -> str:
    """Names and the shares of the gap between two arms that they close, drawn; nothing of nothing."""
    if not known:
        return ""
    ends = [value for _, closed in known for value in (closed.mean, closed.low, closed.high) if value is not None]
    low, high = max(min([0.0, *ends]) - 0.05, -WIDEST), min(max([1.0, *ends]) + 0.05, 1 + WIDEST)

    def at(value: float) -> str:
        return f"{100 * (min(max(value, low), high) - low) / (high - low):.2f}%"

    lines = f"<i class='zero' style='left:{at(0)}'></i><i class='one' style='left:{at(1)}'></i>"
    rows = [
        f"<span></span><div class='ends'><span style='left:{at(0)}'>{escape(floor)}</span>"
        f"<span style='left:{at(1)}'>{escape(ceiling)}</span></div><span class='soft'>gap closed</span>"
    ]
    for arm, closed in known:
        whisker = ""
        if closed.low is not None and closed.high is not None:
            whisker = f"<i class='whisker' style='left:{at(closed.low)};right:calc(100% - {at(closed.high)})'></i>"
        dot = f"<i class='dot' style='left:{at(closed.mean)}'></i>"
        rows.append(f"<b>{escape(arm)}</b><div class='track'>{lines}{whisker}{dot}</div><span>{share(closed)}</span>")
    words = "; ".join(f"{arm} {share(closed)}" for arm, closed in known)
    label = f"Share of the gap between {floor} and {ceiling} that is closed: {words}"
    return f"<div class='gap' role='img' aria-label='{escape(label, quote=True)}'>{''.join(rows)}</div>"


def share(closed: Interval) -> str:
    """A share with its interval, in percent."""
    if closed.low is None or closed.high is None:
        return percent(closed.mean)
    return f"{percent(closed.mean)} ({percent(closed.low)} to {percent(closed.high)})"


def folded(title: str, content: str) -> str:
    """Content that is shown when asked for."""
    return f"<details><summary>{escape(begun(title))}</summary>{content}</details>"


def begun(title: str) -> str:
    """A title with a capital at its beginning, unless its first word is spelled in a way of its own.

    >>> begun("runs and what they cost"), begun("mIoU (%)"), begun("no-sim")
    ('Runs and what they cost', 'mIoU (%)', 'no-sim')
    """
    first = title.partition(" ")[0].rstrip(",;:")
    return title[:1].upper() + title[1:] if first.isalpha() and first.islower() else title


def paragraph(text: str) -> str:
    """A paragraph of plain text; nothing of nothing."""
    return f"<p>{joined(text)}</p>" if text else ""


def joined(text: str) -> str:
    """`text` escaped, with each "%" kept beside its number."""
    return escape(text).replace(" %", "\u00a0%")


def term(name: str, about: str) -> str:
    """An item of a list of names and meanings."""
    return f"<dt>{escape(name)}</dt><dd>{escape(about)}</dd>"


def read(path: Path) -> str:
    """A template's text."""
    return path.read_text(encoding="utf-8")
