"""The paper's figures beside ours: as printed, apart, and how far the orders agree."""

import csv
import io
from itertools import permutations
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from s2r_bench.records import RunRecord, RunSpec, Score
from s2r_reports import layouts, paper, ranking, tables
from s2r_reports.document import terminal
from s2r_reports.frames import Entry, entries_of
from s2r_reports.section import Section
from s2r_reports.summary import Summary, summaries
from s2r_reports.variants import ablation

ORDER = {"no-sim": 0.0, "pix2pix": 0.02, "sd": 0.03, "ours": 0.05}


def group(*records: RunRecord) -> tuple[list[Entry], Summary]:
    entries = entries_of(records)
    (found,) = summaries(entries)
    return entries, found


def laid_out(*records: RunRecord) -> tuple[list[layouts.Layout], Summary]:
    entries, summary = group(*records)
    return layouts.layouts(entries, summary), summary


def test_numbers_are_those_that_the_paper_prints() -> None:
    """A row of each table, from its text."""
    few, zero = paper.of_table("1", "recon"), paper.of_table("2", "recon")
    three = ("miou", "chamfer_l2", "f_score")
    assert [few["gigagan", "bed", name] for name in three] == [44.2, 5.25, 19.3]
    assert [zero["no-sim", "shelf", name] for name in three] == [11.1, 9.23, 21.6]
    assert len(few) == len(zero) == 6 * 6 * 3
    assert paper.of_table("3", "classification")["ours", "all", "accuracy"] == 77.5
    assert paper.of_table("3", "segmentation")["cyclegan", "all", "miou"] == 48.0
    assert paper.of_table("4", "fidelity")["sd", "all", "chamfer_l2"] == 2.83
    assert paper.of_table("5", "recon")["stages-3", "table", "f_score"] == 24.5
    assert paper.of_table("I", "user study")["real", "all", "picked_as_real"] == 94.8
    assert paper.of_table("II", "discriminator")["patch-256", "all", "accuracy"] == 70.2
    assert paper.of_table("III", "recon")["width-16", "table", "miou"] == 26.3
    assert paper.of_table("IV", "recon")["weights-confidence", "table", "chamfer_l2"] == 15.2
    tables_ = {claim.table for claim in paper.claims()}
    assert tables_ >= {"1", "2", "3", "4", "5", "I", "II", "III", "IV"}


@pytest.mark.parametrize(("shots", "table"), [("0", "2"), ("0.25", "1")])
def test_a_layout_holds_both_sides_apart(made: ModuleType, shots: str, table: str) -> None:
    some, summary = laid_out(*(made.recon(arm, gain=gain, shots=shots) for arm, gain in ORDER.items()))
    (layout,) = some
    assert layout.table == table
    grid = layouts.grid(layout, summary)
    assert grid.head == ("", *made.CATEGORIES)
    (_, here), (start, theirs) = sorted(grid.sections.items())
    assert here == "measured here: mini, preset tiny"
    assert "another data world" in theirs
    assert [row[0] for row in grid.rows[:start]] == ["no-sim", "pix2pix", "sd", "ours"]
    assert [row[0] for row in grid.rows[start:]] == ["no-sim", "cyclegan", "pix2pix", "gigagan", "sd", "ours"]
    value = summary.categories["ours", "iou", "chair"].interval.mean
    assert grid.rows[3][1].split(" / ")[0] == f"{100 * value:.1f}"
    claimed = paper.of_table(table, "recon")
    assert grid.rows[start][1] == f"{claimed['no-sim', 'chair', 'miou']} / " + (
        "14.70 / 15.8" if table == "2" else "12.30 / 20.1"
    )
    assert not grid.bold


def test_all_shots_have_no_table_in_the_paper(made: ModuleType) -> None:
    assert laid_out(made.recon("no-sim", shots="1.0"), made.recon("ours", shots="1.0"))[0] == []


def test_methods_are_columns_where_the_paper_has_them_so(made: ModuleType) -> None:
    some, summary = laid_out(made.segmented("no-sim", 0.4), made.segmented("ours", 0.5), made.segmented("mine", 0.6))
    grid = layouts.grid(some[0], summary)
    assert grid.head == ("", "no-sim", "cyclegan", "pix2pix", "gigagan", "sd", "ours", "mine")
    assert grid.rows[0][1:] == ("40.0", "-", "-", "-", "-", "50.0", "60.0")
    assert grid.rows[1][1:] == ("47.9", "48.0", "47.7", "49.1", "48.9", "51.2", "-")
    assert "S3DIS" in grid.sections[1]


def test_classification_needs_the_papers_episodes() -> None:
    def run(shots: int) -> RunRecord:
        spec = RunSpec(
            "evaluate", "classify", "ours", "mini", "tiny", "classify/1", 0, {"task": {"ways": 5, "shots": shots}}
        )
        return RunRecord(spec, (Score("e0", "", "accuracy", 0.7),))

    assert [one.table for one in laid_out(run(10))[0]] == ["3"]
    assert laid_out(run(5))[0] == []


def test_of_the_same_world_it_is_not_another() -> None:
    assert "another" not in paper.said_of("segmentation", "s3dis")
    assert "another" in paper.said_of("segmentation", "mini")


@pytest.mark.parametrize(
    ("options", "preset", "rows"),
    [
        ({"stages": 4}, "tiny", {"5": "stages-4"}),
        ({"residual": False}, "tiny", {"5": "no-residual"}),
        ({"reweight": {"rule": "none"}}, "tiny", {"5": "no-reweighting"}),
        ({"reweight": {"rule": "soft"}}, "tiny", {"IV": "weights-confidence"}),
        ({"reweight": {"omega": 0.3, "lam": 1.7}}, "tiny", {"IV": "weights-0.3-1.7"}),
        ({"discriminator": {"patch": 64, "width": 64}}, "paper", {"II": "patch-64"}),
        ({"discriminator": {"patch": 128, "width": 16}}, "paper", {"III": "width-16"}),
        ({"discriminator": {"patch": 64, "width": 32}}, "tiny", {"5": "stages-2", "IV": "weights-0.5-1.5"}),
        ({"stages": 4, "residual": False}, "tiny", {}),
        ({"discriminator": {"patch": 64, "width": 16}}, "paper", {}),
    ],
)
def test_a_switch_is_a_row_of_an_ablation(options: dict[str, object], preset: str, rows: dict[str, str]) -> None:
    assert ablation("ours", options, preset) == rows
    assert ablation("sd", options, preset) == {}


def test_ablations_have_their_layout(made: ModuleType) -> None:
    some, summary = laid_out(
        made.recon("no-sim"),
        made.recon("ours", gain=0.05),
        made.recon("ours", gain=0.02, options={"residual": False}),
        made.recon("ours", gain=0.04, options={"stages": 3}),
    )
    assert [one.table for one in some] == ["2", "5"]
    assert some[0].arms["ours"] == some[1].arms["stages-2"] != "ours"
    assert len(some[0].arms) == 4
    grid = layouts.grid(some[1], summary)
    rows = dict(zip(grid.head, grid.rows[0], strict=True))
    assert set(rows) >= {"no-residual", "stages-2", "stages-3", "no-discriminator"}
    assert rows["no-discriminator"] == "-"
    assert float(rows["no-residual"].split(" / ")[0]) < float(rows["stages-2"].split(" / ")[0])


def test_tables_of_the_discriminator_have_its_accuracy_as_printed(made: ModuleType) -> None:
    some, summary = laid_out(
        made.recon("no-sim", preset="paper"),
        made.recon("ours", gain=0.05, preset="paper", options={"discriminator": {"patch": 128, "width": 64}}),
        made.recon("ours", gain=0.02, preset="paper", options={"discriminator": {"patch": 64, "width": 64}}),
    )
    grid = layouts.grid(next(one for one in some if one.table == "II"), summary)
    accuracy = dict(zip(grid.head, grid.rows[-1], strict=True))
    assert accuracy == {
        "": "accuracy of the discriminator (%)",
        **{"patch-32": "42.7", "patch-64": "65.4", "patch-128": "67.8", "patch-256": "70.2"},
    }
    assert len(grid.rows) == 3


def test_correlations_are_scipys() -> None:
    dice = np.random.default_rng(3)
    for size in (3, 5, 6):
        for _ in range(20):
            a, b = (dice.integers(0, 5, size).tolist() for _ in range(2))
            if len(set(a)) == 1 or len(set(b)) == 1:
                assert ranking.spearman(a, b) is ranking.kendall(a, b) is None
                continue
            assert ranking.spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
            assert ranking.kendall(a, b) == pytest.approx(kendalltau(a, b).statistic)


def test_agreement_of_orders(made: ModuleType) -> None:
    entries, summary = group(*(made.recon(arm, gain=gain) for arm, gain in {**ORDER, "bootstrap": 0.9}.items()))
    (layout,) = layouts.layouts(entries, summary)
    found = {one.figure: one for one in ranking.agreements(layouts.beside(layout, summary))}
    assert found["miou"].methods == ("ours", "sd", "pix2pix", "no-sim")  # bootstrap is not in the paper
    assert found["miou"].kendall == found["miou"].spearman == 1
    assert found["miou"].chance == pytest.approx(1 / 24)
    assert found["chamfer_l2"].kendall == 1  # less is better, on both sides
    assert any("order of methods" in grid.title for grid in Section(entries, summary).more)


def test_chance_counts_all_orders() -> None:
    ours, theirs = [3.0, 1.0, 2.0, 4.0], [3.0, 2.0, 1.0, 4.0]
    tau = ranking.kendall(ours, theirs)
    assert tau is not None
    as_good = [kendalltau(order, theirs).statistic >= tau - 1e-9 for order in permutations(ours)]
    assert ranking._chance(ours, theirs, tau) == pytest.approx(sum(as_good) / 24)


def test_two_methods_have_no_correlation(made: ModuleType) -> None:
    entries, summary = group(made.recon("no-sim"), made.recon("ours", gain=0.05))
    found = ranking.agreements(
        [one for some in layouts.layouts(entries, summary) for one in layouts.beside(some, summary)]
    )
    assert {one.kendall for one in found} == {None}
    row = ranking.grid(found).rows[0]
    assert row[1:5] == ("2", "-", "-", "-")


def test_the_papers_figures_are_in_no_figure_of_ours(made: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [made.recon(arm, gain=gain) for arm, gain in ORDER.items()]
    before = tables.csv_text([group(*records)[1]])
    other = tuple(paper.Claim(**{**vars(claim), "value": 1234.5}) for claim in paper.claims())
    monkeypatch.setattr(paper, "claims", lambda: other)
    assert tables.csv_text([group(*records)[1]]) == before
    assert "1234.5" in terminal(records, width=200)


def test_csv_has_both_sides(made: ModuleType) -> None:
    some, summary = laid_out(*(made.recon(arm, gain=gain) for arm, gain in ORDER.items()))
    rows = list(csv.DictReader(io.StringIO(layouts.csv_text([(summary, some)]))))
    one = next(row for row in rows if (row["method"], row["category"], row["figure"]) == ("sd", "sofa", "chamfer_l2"))
    cell = summary.categories["sd", "chamfer_l2", "sofa"].interval
    assert float(one["here"]) == pytest.approx(1000 * cell.mean)
    assert float(one["here_low"]) == pytest.approx(1000 * (cell.low or 0))
    assert (one["paper"], one["paper_world"], one["world"]) == ("7.98", "LASA", "mini")
    alone = next(row for row in rows if row["method"] == "gigagan")
    assert alone["here"] == ""
    assert layouts.csv_text([]) == ""
