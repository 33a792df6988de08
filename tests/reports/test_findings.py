"""What a report says in words, and its charts: findings, families over shots, costs."""

from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.image import imread

from s2r_reports import plots
from s2r_reports.document import write_report
from s2r_reports.families import families
from s2r_reports.frames import entries_of
from s2r_reports.headline import Finding, finding
from s2r_reports.summary import Summary, summaries


def summary_of(*records: object) -> Summary:
    (found,) = summaries(entries_of(records))  # type: ignore[arg-type]
    return found


def found_in(*records: object) -> Finding:
    told = finding(summary_of(*records))
    assert told is not None
    return told


def test_the_best_method_its_lead_and_the_gap(made: ModuleType) -> None:
    gains = {"no-sim": 0.0, "sd": 0.02, "ours": 0.03, "oracle": 0.06}
    told = found_in(*(made.recon(arm, seed, gain=gain) for arm, gain in gains.items() for seed in (0, 1)))
    assert told.sentence == "ours beats no-sim by 3.0 points of mIoU (95 % interval 3.0 to 3.0)"
    assert told.sure
    assert "closes 50 % of the gap between no-sim and oracle" in told.details[0]
    assert told.details[1].startswith("The next best, sd, is behind it by 1.0 points")
    assert told.details[2] == "2 seeds, 48 samples a seed."
    assert [one.arm for one in told.standings] == ["ours", "sd"]


def test_a_lead_that_may_be_chance_is_not_called_one(made: ModuleType) -> None:
    dice = np.random.default_rng(0)
    ours = made.recon("ours")
    scores = tuple(type(s)(s.sample, s.category, s.metric, s.value + 0.1 * dice.normal()) for s in ours.scores)
    told = found_in(made.recon("no-sim"), type(ours)(ours.spec, scores, {}, ours.environment, {}))
    assert told.sentence.startswith("No simulator is surely better than no-sim")
    assert not told.sure
    assert told.details[-1].startswith("1 seed, 48 samples a seed. Of one seed, intervals do not cover")


def test_a_method_that_is_worse_is_said_to_be(made: ModuleType) -> None:
    told = found_in(made.recon("no-sim"), made.recon("ours", gain=-0.05))
    assert told.sentence.endswith("still behind no-sim by 5.0 points of mIoU (95 % interval 5.0 to 5.0)")
    assert "is not defined" in told.details[0]


def test_a_figure_of_the_whole_set_and_one_seed_has_no_interval(made: ModuleType) -> None:
    told = found_in(made.record("floor", w1=0.010), made.record("a", w1=0.004), made.record("b", w1=0.006))
    assert told.sentence == (
        "The best simulator, a, is ahead of floor by 6.0 mm of residual W1, all pixels: one run, no interval"
    )
    assert not told.sure
    assert (
        told.details[1] == "The next best, b, is behind it by 2.0 mm of residual W1, all pixels, without an interval."
    )
    assert told.details[2].startswith("1 seed, one figure of the whole set a seed.")


def test_seeds_that_differ_are_told(made: ModuleType) -> None:
    runs = [made.recon(arm, seed, gain=gain) for arm, gain in {"no-sim": 0.0, "ours": 0.03}.items() for seed in (0, 1)]
    told = found_in(*runs, made.recon("sd", 0, gain=0.02))
    assert told.details[1].endswith(", on the 1 seed at most that both have.")
    assert told.details[2] == "2 seeds, 48 samples a seed (sd 1)."


def test_nothing_to_say_without_something_to_beat(made: ModuleType) -> None:
    assert finding(summary_of(made.recon("ours"))) is None
    assert finding(summary_of(made.recon("no-sim"), made.recon("oracle"))) is None


def test_groups_that_differ_by_shots_alone_are_a_family(made: ModuleType) -> None:
    records = [made.recon("ours", shots=shots) for shots in ("1.0", "0", "0.25")]
    records += [made.recon("ours", shots=shots, preset="small") for shots in ("0",)]
    groups: dict[str, list[object]] = {}
    for entry in entries_of(records):
        groups.setdefault(entry.group, []).append(entry)
    found = families([(some, summaries(some)[0]) for some in groups.values()])  # type: ignore[arg-type,misc]
    assert [[shots for shots, _ in family] for family in found] == [["0", "0.25", "1.0"]]


def test_charts_are_drawn_for_light_and_dark_pages(made: ModuleType, tmp_path: Path) -> None:
    gains = {"no-sim": 0.0, "ours": 0.03, "oracle": 0.06}
    records = [made.recon(arm, gain=gain, shots=shots) for arm, gain in gains.items() for shots in ("0", "0.25")]
    written = write_report(records, tmp_path, ("md",))
    names = sorted(path.name.split("-")[-1] for path in written if "dark" not in path.name)
    charts = [name for name in ("comparison.png", "cost.png", "leads.png") for _ in "ab"]
    assert names == ["0.png", *charts, "report.md"]
    for path in written:
        if path.suffix == ".png" and "dark" not in path.name:
            light, dark = imread(path), imread(path.with_name(f"{path.stem}-dark.png"))
            assert light[0, 0, :3].mean() > 0.9
            assert dark[0, 0, :3].mean() < 0.2
            assert light.shape == dark.shape
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.index("recon, shots 0 on") < text.index("recon, shots 0.25 on")
    assert "Figures over shots" in text


def test_costs_that_one_arm_alone_has_are_not_drawn(made: ModuleType) -> None:
    assert not plots.has_costs(summary_of(made.recon("no-sim", costs={"x": 1.0}), made.recon("ours")))
    assert plots.has_costs(summary_of(made.recon("no-sim"), made.recon("ours")))


def test_points_of_a_chart_are_the_figures(made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    monkeypatch.setattr(plots, "_write", lambda figure, path: kept.append(figure) or path)
    found = summary_of(*(made.recon(arm, gain=gain) for arm, gain in {"no-sim": 0.0, "ours": 0.03}.items()))
    plots.comparison("t", found, tmp_path / "a.png")
    axis = kept[0].axes[0]  # type: ignore[attr-defined]
    drawn = [float(bars.lines[0].get_xdata()[0]) for bars in axis.containers]
    assert drawn == pytest.approx([100 * found.cells[arm, "iou"].interval.mean for arm in ("no-sim", "ours")])
    plots.cost_against_quality("t", found, tmp_path / "b.png")
    at = [(float(b.lines[0].get_xdata()[0]), float(b.lines[0].get_ydata()[0])) for b in kept[1].axes[0].containers]  # type: ignore[attr-defined]
    assert at[1] == pytest.approx((13.0, 100 * found.cells["ours", "iou"].interval.mean))


@pytest.mark.parametrize(
    "costs",
    [
        {"a": 0.0, "b": 0.0, "c": 0.0, "d": 211.0},
        {"a": 905.0, "b": 960.0, "c": 1049.0, "d": 1120.0, "e": 1190.0},
        {"a": 0.0, "b": 234.0, "c": 234.0, "d": 4.6e6},
        {"a": 0.0, "b": 0.0},
    ],
)
def test_marks_of_about_one_cost_stand_side_by_side(costs: dict[str, float]) -> None:
    at, aside = plots._places(costs), plots._asides(costs)
    shown = sorted(at[arm] + aside[arm] for arm in costs)
    assert all(b - a > plots.APART_PT - 1e-6 for a, b in pairwise(shown))
    assert sum(aside.values()) == pytest.approx(0, abs=1e-9)  # together they stand where they should
    assert max(shown) < 1.1 * plots.ACROSS_PT
