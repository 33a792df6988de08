"""Numbers of the tables: averaging, intervals, boldness, gap closed, and what every table must state."""

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from s2r_bench.records import RunRecord, RunSpec, Score
from s2r_reports import gap, tables
from s2r_reports.frames import COLUMNS, Entry, entries_of, long_frame
from s2r_reports.pairs import Leads
from s2r_reports.statistics import Interval, interval, share_interval
from s2r_reports.summary import Summary, metrics_of, summaries, table_of


def summary_of(*records: object) -> Summary:
    found = summaries(entries_of(records))  # type: ignore[arg-type]
    assert len(found) == 1
    return found[0]


def four(made: ModuleType, seeds: int = 1) -> list[object]:
    numbers = {"floor": (0.020, 0.010), "ours": (0.010, 0.004), "gaussian": (0.012, 0.006), "ceiling": (0.008, 0.002)}
    return [made.record(name, seed, mae=mae, w1=w1) for seed in range(seeds) for name, (mae, w1) in numbers.items()]


def test_long_frame_holds_every_score(made: ModuleType) -> None:
    record = made.record("ours")
    frame = long_frame([Entry(record)])
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == len(record.scores)
    assert set(frame["sensor"]) == {made.SENSOR}
    assert set(frame["run"]) == {record.spec.key}


def test_a_figure_is_the_mean_over_views_then_over_seeds(made: ModuleType) -> None:
    found = summary_of(made.record("ours", 0, mae=0.010), made.record("ours", 1, mae=0.014))
    cell = found.cells["ours", "mae"]
    assert cell.interval.mean == pytest.approx(0.012 + 0.5e-5)
    assert (cell.samples, cell.seeds) == (12, 2)
    assert cell.interval.low is not None
    assert cell.interval.low < 0.012 < (cell.interval.high or 0)


def test_bins_are_averaged(made: ModuleType) -> None:
    found = summary_of(made.record("ours", w1=0.004))
    assert found.cells["ours", "spread_range_diff"].interval.mean == pytest.approx(0.005)


def test_figures_by_bin_stand_in_tables_of_their_own(made: ModuleType) -> None:
    found = summary_of(made.record("ours", 0), made.record("ours", 1), made.record("floor", 0), made.record("floor", 1))
    grid = next(one for one in tables.grids(found) if one.title.startswith("robust spread by range"))
    assert grid.head == ("", "floor", "ours", "captured")
    assert [row[0] for row in grid.rows] == ["1.0-1.5 m", "1.5-2.0 m"]
    assert [row[3] for row in grid.rows] == ["9.0", "9.0"]
    assert grid.folded


def test_spread_over_draws_by_range(made: ModuleType) -> None:
    """Bins in the order of their axis, mean and Student's interval over the seeds that have the bin."""
    every = []
    for seed, near in enumerate((0.010, 0.012, 0.014)):
        record = made.record("ours", seed)
        draws = [("10.0-10.5 m", 0.02), ("0.5-1.0 m", near), *([("1.0-1.5 m", 0.01)] if seed else [])]
        extra = tuple(Score("all", bin, "diversity", value) for bin, value in draws)
        every.append(dataclasses.replace(record, scores=(*record.scores, *extra)))
    grid = next(one for one in tables.grids(summary_of(*every)) if one.title.startswith("std over draws"))
    assert grid.title == "std over draws (mm) by range"
    assert grid.rows == (("0.5-1.0 m", "12.0 ±5.0"), ("1.0-1.5 m", "10.0"), ("10.0-10.5 m", "20.0"))


def test_interval_of_one_run_over_the_whole_set_does_not_exist(made: ModuleType) -> None:
    cell = summary_of(made.record("ours")).cells["ours", "w1"]
    assert cell.interval.low is None
    assert not cell.interval.excludes_zero


def test_t_interval_over_three_seeds() -> None:
    """Known value: mean 2, standard deviation 1, t(0.975, 2) = 4.30265."""
    found = interval(np.array([[1.0, 2.0, 3.0]]))
    assert found.half == pytest.approx(4.30265 / math.sqrt(3), rel=1e-4)


def test_bootstrap_interval_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, size=(400, 1))
    found = interval(values)
    assert found.half == pytest.approx(1.96 / 20, rel=0.12)
    assert interval(values) == found
    with pytest.raises(ValueError, match="finite"):
        interval(np.full((3, 1), np.nan))


def test_references_stand_outside_and_are_never_best(made: ModuleType) -> None:
    found = summary_of(*four(made, seeds=3))
    assert found.arms == ("floor", "gaussian", "ours", "ceiling")
    assert found.references == {"floor", "ceiling"}
    assert {key for key, cell in found.cells.items() if cell.bold} >= {("ours", "mae"), ("ours", "w1")}
    assert not any(cell.bold for (arm, _), cell in found.cells.items() if arm in found.references)


def test_bold_is_paired_not_by_overlapping_intervals(made: ModuleType) -> None:
    """The arms' own intervals overlap (views differ by 1 mm), but on every view one is 0.1 mm better."""
    found = summary_of(made.record("a", mae=0.0100), made.record("b", mae=0.0101))
    a, b = found.cells["a", "mae"], found.cells["b", "mae"]
    assert (a.interval.high or 0) > (b.interval.low or 1)
    assert a.bold
    assert not b.bold


def test_nothing_is_bold_without_evidence(made: ModuleType) -> None:
    one_seed = summary_of(made.record("a", w1=0.001), made.record("b", w1=0.009))
    assert not one_seed.cells["a", "w1"].bold  # a set-wide figure of one seed has no interval
    equal = summary_of(made.record("a"), made.record("b"))
    assert not equal.cells["a", "mae"].bold
    assert not equal.cells["b", "mae"].bold


def test_target_figures_are_judged_by_distance(made: ModuleType) -> None:
    found = summary_of(*four(made))
    assert gap.value(found, "ours", "two_sample_accuracy") == pytest.approx(0.04)
    assert gap.better_share(found, "ours", "gaussian")[0] >= 2


def test_gap_closed(made: ModuleType) -> None:
    found = summary_of(*four(made))
    assert gap.gap_closed(found, "ours", "w1") == pytest.approx(0.75)
    assert gap.gap_closed(found, "gaussian", "w1") == pytest.approx(0.5)
    assert gap.gap_closed(found, "floor", "w1") == 0
    assert gap.gap_closed(found, "ceiling", "w1") == 1
    assert "mae" not in gap.gaps(found, "ours")  # a 2-D figure: not among the distributional ones
    no_gap = summary_of(made.record("floor"), made.record("ours"), made.record("ceiling"))
    assert gap.gap_closed(no_gap, "ours", "w1") is None


def test_worlds_presets_and_protocols_never_share_a_table(made: ModuleType) -> None:
    records = [made.record("ours"), made.record("ours", world="kinect"), made.record("ours", preset="small")]
    assert len(summaries(entries_of(records))) == 3


def test_one_method_with_two_options_gives_two_arms(made: ModuleType) -> None:
    found = summary_of(made.record("ours", options={"stages": 1}), made.record("ours", options={"stages": 2}))
    assert len(found.arms) == 2
    assert all(arm.startswith("ours (") for arm in found.arms)


def test_two_runs_of_one_arm_and_seed_are_not_averaged(made: ModuleType) -> None:
    first = made.record("ours", w1=0.001)
    spec = type(first.spec)(**{**vars(first.spec), "inputs": {"pairs/test": "d1", "simulator": "other"}})
    second = type(first)(spec, made.record("ours", w1=0.003).scores, {}, first.environment, {})
    found = summary_of(first, second)
    assert found.cells["ours", "w1"].interval.mean == 0.003
    assert any(first.spec.key in note for note in found.notes)


def test_missing_seeds_references_and_failures_are_named(made: ModuleType) -> None:
    found = summary_of(
        made.record("ours", 0, failures={"a/0/007": "no valid pixel"}), made.record("ours", 1), made.record("other", 0)
    )
    notes = "\n".join(found.notes)
    assert "other: no run of seed 1" in notes
    assert "no run of the reference 'floor'" in notes
    assert "a/0/007: no valid pixel" in notes
    assert found.failures == {"ours": 1, "other": 0}


def test_figures_that_do_not_apply_are_dashes_and_are_named(made: ModuleType) -> None:
    apart = {"distributional": "it makes points", "2-D": "it makes points"}
    found = summary_of(*four(made), made.record("dit3d", left_out=apart), made.record("clouds", left_out=apart))
    assert "dit3d: no distributional and 2-D figures: it makes points" in found.notes
    assert not any("without a score" in note for note in found.notes)
    assert found.failures["dit3d"] == 0
    rows = {cells[0]: cells for cells in map(_cells, tables.markdown(found).splitlines()) if len(cells) > 1}
    column = found.arms.index("dit3d") + 1
    assert rows["mean abs error (mm) ↓"][column] == "-"
    assert rows["residual W1, all pixels (mm) ↓"][column] == "-"
    assert rows["F-score at 1 % (%) ↑"][column] == "89.2"
    assert rows["mean over figures"][found.arms.index("dit3d")] == "-"  # floor has no column there
    pairwise = next(grid for grid in tables.grids(found) if "is better" in grid.title)
    row = next(cells for cells in pairwise.rows if cells[0] == "dit3d")
    assert set(row[1:]) == {"-"}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("render", [tables.markdown, tables.terminal, tables.latex])
def test_every_table_states_what_it_is(made: ModuleType, render: object) -> None:
    text = " ".join(render(summary_of(*four(made, seeds=2))).split())  # type: ignore[operator]
    for fact in ("mini", made.SENSOR, "tiny", "fidelity/1", "2 (0, 1)", "95", "devices: cpu"):
        assert fact in text
    assert "real" not in text.lower().replace("really", "")


def test_devices_are_stated_and_a_mixture_is_named(made: ModuleType) -> None:
    alike = summary_of(made.record("floor"), made.record("ours"))
    assert "devices: cpu, seeds" in tables.caption(alike)
    assert not any("device" in note for note in alike.notes)
    cards = summary_of(made.record("floor", device="NVIDIA H100"), made.record("ours", device="NVIDIA H200"))
    assert "devices: cuda (NVIDIA H100, NVIDIA H200)" in tables.caption(cards)
    assert not any("device" in note for note in cards.notes)  # one kind
    mixed = summary_of(
        made.record("floor"), made.record("ours", 0, device="NVIDIA H100"), made.record("ours", 1, device=None)
    )
    assert "devices: cpu, cuda (NVIDIA H100), not recorded, seeds" in tables.caption(mixed)
    assert "runs of several kinds of device: cpu: floor; cuda: ours; not recorded: ours" in mixed.notes
    assert mixed.cells.keys() > {("floor", "mae"), ("ours", "mae")}  # stated, not refused


def test_markdown_marks_the_best_and_counts(made: ModuleType) -> None:
    text = tables.markdown(summary_of(*four(made, seeds=3)))
    row = next(line for line in text.splitlines() if line.startswith("| mean abs error (mm) ↓"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[3].startswith("**10.0 ±")
    assert cells[1].startswith("20.0")
    assert "| samples with a score | 12 | 12 | 12 | 12 |" in text
    assert "gap closed" in text


def test_many_arms_become_rows(made: ModuleType) -> None:
    found = summary_of(*(made.record(f"arm{number}", w1=0.001 * (number + 1)) for number in range(10)))
    grid = tables.grids(found)[0]
    assert [row[0] for row in grid.rows] == [f"arm{number}" for number in range(10)]
    assert "residual W1, all pixels (mm) ↓" in grid.head
    pairs = next(grid for grid in tables.grids(found) if "arm of the row is better" in grid.title)
    better = next(row for row in pairs.rows if row[0] == "arm0")
    worse = next(row for row in pairs.rows if row[0] == "arm9")
    assert (better[pairs.head.index("arm9")], worse[pairs.head.index("arm0")]) == ("2 of 3", "1 of 3")


def test_transposing_keeps_bold_cells() -> None:
    grid = tables.Grid("t", ("", "a", "b"), (("x", "1", "2"), ("y", "3", "4")), frozenset({(1, 2)}))
    turned = grid.transposed()
    ((row, column),) = turned.bold
    assert turned.rows[row][column] == "4"
    assert turned.transposed() == grid


def test_csv_is_unscaled_and_complete(made: ModuleType) -> None:
    rows = list(csv.DictReader(io.StringIO(tables.csv_text([summary_of(*four(made, seeds=2))]))))
    one = next(row for row in rows if row["arm"] == "ours" and row["metric"] == "w1")
    assert float(one["mean"]) == pytest.approx(0.004 + 0.5e-5)
    assert one["unit"] == "m"
    assert (one["samples"], one["seeds"], one["failures"]) == ("1", "2", "0")
    assert float(one["gap_closed"]) == pytest.approx(0.75, abs=0.01)


def recon_record(arm: str, seed: int, shift: float, shots: str = "0", objects: str = "w1") -> RunRecord:
    dice = np.random.default_rng(0)
    easy = {f"chair-{i}": 0.4 + 0.02 * i for i in range(6)} | {f"bed-{i}": 0.6 + 0.01 * i for i in range(6)}
    scores = [
        Score(name, name.partition("-")[0], "iou", value + shift + 0.001 * float(dice.normal()) + 0.002 * seed)
        for name, value in easy.items()
    ]
    spec = RunSpec(
        "evaluate", "recon", arm, "mini", "tiny", "recon/1", seed,
        {"task": {"shots": shots, "score": {"protocol": "strict"}}}, {"objects": objects, "task": "t"},
    )  # fmt: skip
    return RunRecord(spec, tuple(scores), environment={"sensor": "virtual sensor"})


def recon_summary(*records: RunRecord):
    return summaries(entries_of(records))


def test_gap_closed_between_a_tasks_own_anchors_with_its_interval() -> None:
    shifts = {"no-sim": 0.0, "ours": 0.06, "oracle": 0.1}
    (found,) = recon_summary(*(recon_record(arm, seed, shift) for arm, shift in shifts.items() for seed in (0, 1)))
    closed = found.gaps["ours", "iou"]
    assert closed.mean == pytest.approx(0.6, abs=0.02)
    assert closed.low is not None
    assert closed.high is not None
    assert 0.5 < closed.low < closed.mean < closed.high < 0.7
    assert gap.gap_closed(found, "ours", "iou") == closed.mean
    assert gap.contenders(found) == ["ours"]
    lead = found.leads["iou", "chair"]
    assert lead.mean == pytest.approx(0.1, abs=0.01)
    assert lead.excludes_zero
    text = tables.markdown(found)
    assert "no-sim - arm" in text
    assert "| chair | 45." in text
    assert "oracle over no-sim" in text
    assert not found.cells["oracle", "iou"].bold  # an anchor is not compared


def test_other_shots_and_other_worlds_are_other_tables() -> None:
    some = [
        recon_record("no-sim", 0, 0.0),
        recon_record("no-sim", 0, 0.1, "0.25"),
        recon_record("ours", 0, 0, "0", "w2"),
    ]
    found = recon_summary(*some)
    assert len(found) == 3
    assert [summary.facts["protocol"] for summary in found][:2] == [
        "recon/1, shots 0, scores strict",
        "recon/1, shots 0.25, scores strict",
    ]


def test_shares_need_tables_of_one_shape() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        share_interval(np.ones((2, 1)), np.ones((3, 1)), np.ones((2, 1)))
    assert share_interval(np.ones((2, 1)), np.full((2, 1), 0.5), np.zeros((2, 1))).mean == 0.5


def test_leads_over_the_base_are_paired_and_positive_where_better(made: ModuleType) -> None:
    found = summary_of(*four(made, seeds=3))
    lead = found.over_base["ours", "w1"]
    assert lead.mean == pytest.approx(0.006)
    assert lead.excludes_zero
    assert ("floor", "w1") not in found.over_base
    grid = next(grid for grid in tables.grids(found) if grid.title.startswith("better than floor"))
    row = next(number for number, cells in enumerate(grid.rows) if cells[0] == "residual W1, all pixels (mm)")
    column = grid.head.index("ours")
    assert grid.rows[row][column] == "6.0 (6.0 to 6.0)"
    assert (row, column) in grid.bold


def test_pairs_are_listed_both_ways_round(made: ModuleType) -> None:
    found = summary_of(*four(made, seeds=2))
    rows = list(csv.DictReader(io.StringIO(tables.pairs_csv([found]))))
    leads = {(row["arm"], row["other"], row["metric"]): row for row in rows}
    one, back = leads["ours", "gaussian", "w1"], leads["gaussian", "ours", "w1"]
    assert float(one["lead"]) == pytest.approx(0.002)
    assert (float(one["low"]), float(one["high"])) == pytest.approx((-float(back["high"]), -float(back["low"])))
    arms = len(found.arms)
    assert len([key for key in leads if key[2] == "w1"]) == arms * (arms - 1)


def test_a_figure_that_is_no_mean_is_compared_by_the_task(made: ModuleType, tmp_path: Path) -> None:
    """The task's own count is asked for where the runs are at hand, seed by seed; else the seeds' figures are."""
    known, _ = metrics_of("fidelity")
    frames = {arm: table_of(long_frame([Entry(made.record(arm, w1=w1))]), arm, "w1") for arm, w1 in _TWO.items()}
    tables_ = {(arm, "w1"): frame for arm, frame in frames.items()}
    asked: list[tuple[list[Path], list[Path]]] = []

    def counted(runs: Sequence[Path], others: Sequence[Path]) -> Interval:
        asked.append((list(runs), list(others)))
        return Interval(-0.5, -0.75, -0.25)

    runs = {arm: {seed: tmp_path / f"{arm}{seed}" for seed in seeds} for arm, seeds in (("a", (0, 1)), ("b", (1, 2)))}
    leads = Leads(tables_, {"w1": known["w1"]}, {"w1": counted}, runs)  # type: ignore[dict-item]
    assert leads.lead("a", "b", "w1") == Interval(0.5, 0.25, 0.75)  # lower is better
    assert asked == [([tmp_path / "a1"], [tmp_path / "b1"])]
    apart = Leads(tables_, {"w1": known["w1"]}, {"w1": counted}, {"a": runs["a"]}).lead("a", "b", "w1")  # type: ignore[dict-item]
    assert apart is not None
    assert apart.mean == pytest.approx(0.002)


_TWO = {"a": 0.004, "b": 0.006}
