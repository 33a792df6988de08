"""From answers to the study's table.

Rule for those who did not finish: a participant counts when every sample is answered; others are named and left out
whole, since who gives up half-way has seen another mix of sources than the rest. `unfinished=True` takes their answers
too; the agreement of participants is still that of the finished ones.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.files import write_json, write_text
from s2r_reports import paper
from s2r_reports._study.answers import Answer, Collected, read_file, read_lines
from s2r_reports._study.figures import Counts, Detection, detection, fleiss_kappa, over_participants, wilson
from s2r_reports._study.layout import ANSWERS, CAPTURED, Key, Study, read_key, read_study
from s2r_reports.statistics import LEVEL, Interval

DIGITS = 4


@dataclass(frozen=True)
class Row:
    """One source's figures; `detection` is None for the captures themselves."""

    source: str
    samples: int
    shown: int
    picked: int
    by_answers: Interval
    by_participants: Interval
    detection: Detection | None


@dataclass(frozen=True)
class Outcome:
    """All that a study says.

    Attributes:
        study, key: what was asked.
        rows: a source each, the captures last.
        together: all simulated samples against the captures.
        counted: participants whose answers the figures hold.
        unfinished: participant -> answered samples, of those who did not finish.
        included: whether the unfinished are among the counted.
        kappa: Fleiss' kappa of those who finished.
        seconds: median time of an answer.
        damaged: what could not be used, each with file and line.
    """

    study: Study
    key: Key
    rows: Sequence[Row]
    together: Detection
    counted: Sequence[str]
    unfinished: Mapping[str, int]
    included: bool
    kappa: float | None
    seconds: float
    damaged: Sequence[str]

    @property
    def column(self) -> str:
        """What the share is called; captures of a virtual sensor are never called real."""
        return "picked as real" if self.study.captures == "real" else "picked as captured"


def outcome_of(folder: Path, files: Sequence[Path], unfinished: bool) -> Outcome:
    """The figures of the study in `folder`: of its server's answers, and of `files` that its single-file page saved.

    Raises:
        DataError: no study, a damaged solution, a file of other answers, or nobody to count.
    """
    study, key = read_study(folder), read_key(folder)
    if key.study != study.id or set(key.samples) != set(study.samples):
        raise DataError(f"{folder}: key.json and study.json are of different studies")
    found = read_lines(folder / ANSWERS, frozenset(study.samples))
    for file in files:
        read_file(file, study.id, frozenset(study.samples), found)
    given = _by_participant(found)
    total = len(study.samples)
    finished = [name for name, answers in given.items() if len(answers) == total]
    left = {name: len(answers) for name, answers in given.items() if len(answers) < total}
    counted = sorted([*finished, *left] if unfinished else finished)
    if not counted:
        raise DataError(
            f"{folder}: nobody finished ({len(left)} began, {len(found.damaged)} lines are damaged); "
            + ("--include-unfinished takes what there is" if left else "`s2r-bench study serve` collects answers")
        )
    table = {name: _counts(given, counted, key, name) for name in key.sources}
    rows = [_row(name, key, table) for name in key.sources]
    others = [table[name] for name in key.sources if name != CAPTURED]
    sides = np.sum([side[0] for side in others], axis=0), np.sum([side[1] for side in others], axis=0)
    seconds = [answer.seconds for name in counted for answer in given[name].values()]
    return Outcome(
        study=study,
        key=key,
        rows=rows,
        together=detection(table[CAPTURED], sides),
        counted=counted,
        unfinished=dict(sorted(left.items())),
        included=unfinished,
        kappa=_agreement(given, finished, study),
        seconds=float(np.median(seconds)),
        damaged=found.damaged,
    )


def _by_participant(found: Collected) -> dict[str, dict[str, Answer]]:
    given: dict[str, dict[str, Answer]] = {}
    for answer in found.answers.values():
        given.setdefault(answer.participant, {})[answer.sample] = answer
    return given


def _counts(
    given: Mapping[str, Mapping[str, Answer]], counted: Sequence[str], key: Key, source: str
) -> tuple[Counts, Counts]:
    """(picked, shown) of a source, each (participants,)."""
    own = {sample for sample, shown in key.samples.items() if shown.source == source}
    shown = [[answer for sample, answer in given[name].items() if sample in own] for name in counted]
    picked = [sum(answer.picked for answer in answers) for answers in shown]
    return np.array(picked, np.float64), np.array([len(answers) for answers in shown], np.float64)


def _row(source: str, key: Key, table: Mapping[str, tuple[Counts, Counts]]) -> Row:
    picked, shown = table[source]
    if not shown.sum():
        raise DataError(f"no counted participant has answered a sample of {source!r} yet; wait for more answers")
    told = None if source == CAPTURED else detection(table[CAPTURED], table[source])
    samples = sum(sample.source == source for sample in key.samples.values())
    counts = int(picked.sum()), int(shown.sum())
    return Row(source, samples, counts[1], counts[0], wilson(*counts), over_participants(picked, shown), told)


def _agreement(given: Mapping[str, Mapping[str, Answer]], finished: Sequence[str], study: Study) -> float | None:
    yes = np.array([sum(given[name][sample].picked for name in finished) for sample in study.samples], np.float64)
    return fleiss_kappa(np.stack([yes, len(finished) - yes], axis=1))


def document(outcome: Outcome) -> dict[str, Any]:
    """Everything as plain values, shares between 0 and 1."""
    return {
        "study": outcome.study.id,
        "captures": outcome.study.captures,
        "sensor": outcome.key.sensor,
        "level": LEVEL,
        "participants": {
            "counted": len(outcome.counted),
            "unfinished": outcome.unfinished,
            "unfinished_included": outcome.included,
        },
        "sources": records(outcome),
        "all_simulated": {"d_prime": _plain(outcome.together.d_prime), "bias": _rounded(outcome.together.bias)},
        "fleiss_kappa": _rounded(outcome.kappa),
        "median_seconds": _rounded(outcome.seconds),
        "damaged": list(outcome.damaged),
        "made_from": dict(outcome.key.made_from),
    }


def records(outcome: Outcome) -> list[dict[str, Any]]:
    """One flat row a source."""
    found = []
    for row in outcome.rows:
        told = row.detection.d_prime if row.detection else None
        found.append(
            {
                "source": row.source,
                "samples": row.samples,
                "shown": row.shown,
                "picked": row.picked,
                "ratio": _rounded(row.by_answers.mean),
                "wilson_low": _rounded(row.by_answers.low),
                "wilson_high": _rounded(row.by_answers.high),
                "participants_low": _rounded(row.by_participants.low),
                "participants_high": _rounded(row.by_participants.high),
                "d_prime": _rounded(told.mean) if told else None,
                "d_prime_low": _rounded(told.low) if told else None,
                "d_prime_high": _rounded(told.high) if told else None,
                "bias": _rounded(row.detection.bias) if row.detection else None,
                "paper_ratio": _rounded(claimed(row.source)),
            }
        )
    return found


def claimed(source: str) -> float | None:
    """The share that the paper's table I prints for a source; None where it has none."""
    value = _table_one().get(source)
    return None if value is None else value / 100


def _table_one() -> dict[str, float]:
    """Source, as it is called here -> per cent, in the paper's order."""
    told = paper.of_table("I", "user study")
    return {CAPTURED if method == "real" else method: value for (method, _, _), value in told.items()}


def beside_paper(outcome: Outcome) -> str:
    """The layout of the paper's table I: what was measured here, and the paper's own figures, of another study."""
    from tabulate import tabulate

    theirs, own = _table_one(), {row.source: row.by_answers.mean for row in outcome.rows}
    sources = [*dict.fromkeys([*theirs, *own])]
    sources = [source for source in sources if source != CAPTURED] + [CAPTURED]
    here = (f"{100 * own[source]:.1f}" if source in own else "-" for source in sources)
    printed = (f"{theirs[source]:.1f}" if source in theirs else "-" for source in sources)
    lines = [("picked here (%)", *here), (f"{paper.THEIRS}, on LASA: other people, other data", *printed)]
    return str(tabulate(lines, ["", *sources], tablefmt="pipe", disable_numparse=True))


def markdown(outcome: Outcome) -> str:
    """The table and what must be read with it."""
    from tabulate import tabulate

    level = f"{100 * LEVEL:.0f} %"
    heads = ("source", "picked / shown", f"{outcome.column} (%)", f"{level} of answers", f"{level} of participants")
    lines = [
        (
            _named(row.source, outcome),
            f"{row.picked} / {row.shown}",
            f"{100 * row.by_answers.mean:.1f}",
            _span(row.by_answers, 100, 1),
            _span(row.by_participants, 100, 1),
            "" if row.detection is None else f"{row.detection.d_prime.mean:.2f}",
            "" if row.detection is None else _span(row.detection.d_prime, 1, 2),
        )
        for row in outcome.rows
    ]
    table = str(tabulate(lines, [*heads, "d'", f"{level} of d'"], tablefmt="pipe", disable_numparse=True))
    laid_out = ["Layout of the paper's table I:", "", beside_paper(outcome)]
    return "\n".join([table, "", *notes(outcome), "", *laid_out])


def notes(outcome: Outcome) -> list[str]:
    """Who was counted, how well sources were told apart, what could not be used."""
    told = outcome.together
    left = ", ".join(f"{name} ({count} of {len(outcome.study.samples)})" for name, count in outcome.unfinished.items())
    fate = "counted with what they answered" if outcome.included else "left out"
    kappa = "not defined" if outcome.kappa is None else f"{outcome.kappa:.2f}"
    found = [
        f"- Participants: {len(outcome.counted)} counted; {len(outcome.unfinished)} did not finish"
        + (f" and are {fate}: {left}." if left else "."),
        f"- Sensor: {outcome.key.sensor}. All simulated samples against captures: d' {told.d_prime.mean:.2f}, "
        f"bias c {told.bias:+.2f} (above 0: captures are named more rarely than would be even).",
        f"- Agreement of participants who finished (Fleiss' kappa): {kappa}. Median time of an answer: "
        f"{outcome.seconds:.1f} s.",
        "- Wilson intervals take all answers as independent; those of participants resample people, who differ "
        "(5 at least). d' of 0: cannot be told from captures.",
    ]
    return found + [f"- Not used: {line}." for line in outcome.damaged]


def write_results(outcome: Outcome, out: Path) -> list[Path]:
    """Write study.md, study.csv and study.json into `out`."""
    stream, rows = io.StringIO(newline=""), records(outcome)
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return [
        write_text(out / "study.md", markdown(outcome) + "\n"),
        write_text(out / "study.csv", stream.getvalue()),
        write_json(out / "study.json", document(outcome)),
    ]


def _named(source: str, outcome: Outcome) -> str:
    if source != CAPTURED:
        return source
    return "real captures" if outcome.study.captures == "real" else f"captured ({outcome.key.sensor})"


def _span(interval: Interval, scale: float, digits: int) -> str:
    if interval.low is None or interval.high is None:
        return "-"
    return f"{scale * interval.low:.{digits}f} to {scale * interval.high:.{digits}f}"


def _plain(interval: Interval) -> dict[str, float | None]:
    return {"mean": _rounded(interval.mean), "low": _rounded(interval.low), "high": _rounded(interval.high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
