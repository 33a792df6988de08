"""An entry is made of runs: every value, the figures of the report, nothing of the machine."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from s2r_bench.errors import UsageError
from s2r_reports import leaderboard
from s2r_reports._leaderboard.form import SCHEMA_FILE, dumped, slug_of
from s2r_reports._leaderboard.making import plain_name, without_places
from s2r_reports.frames import entries_of
from s2r_reports.summary import summaries


def test_the_schema_that_is_shipped_is_the_form_s() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == leaderboard.schema()


def test_an_entry_fits_its_schema(maker: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    document = json.loads(dumped(maker.usual()))
    jsonschema.Draft202012Validator(leaderboard.schema()).validate(document)
    document["simulator"]["name"] = "<script>"
    assert not jsonschema.Draft202012Validator(leaderboard.schema()).is_valid(document)


def test_figures_and_gap_are_those_of_the_report(maker: Any) -> None:
    records = maker.recon(seeds=3)
    entry = maker.entry(records)
    (report,) = summaries(entries_of(records))
    (board,) = entry.boards
    assert {one.metric for one in board.figures} == {"iou", "chamfer_l2", "f_score"}
    for one in board.figures:
        cell, closed = report.cells["ours", one.metric], report.gaps.get(("ours", one.metric))
        assert (one.mean, one.low, one.high) == (cell.interval.mean, cell.interval.low, cell.interval.high)
        assert (one.samples, one.seeds) == (48, 3)
        assert (one.gap is None) == (closed is None) == (one.metric == "chamfer_l2")  # its anchors are too near
        if one.gap is not None and closed is not None:
            assert (one.gap.mean, one.gap.low, one.gap.high) == (closed.mean, closed.low, closed.high)
    assert board.figures[0].gap is not None
    assert board.figures[0].gap.mean == pytest.approx(0.02 / 0.05)


def test_every_value_is_kept(maker: Any) -> None:
    records = maker.recon()
    (board,) = maker.entry(records).boards
    assert set(board.anchors) == {"no-sim", "oracle"}
    found = {
        (*board.rows[row], metric, run.seed): value
        for run in board.runs
        for metric, values in run.scores.items()
        for row, value in zip(values.at, values.values, strict=True)
    }
    own = [record for record in records if record.spec.method == "ours"]
    assert found == {
        (score.sample, score.category, score.metric, record.spec.seed): score.value
        for record in own
        for score in record.scores
    }


def test_a_figure_of_the_whole_set_and_its_bins(maker: Any, made: Any) -> None:
    runs = [made.record(arm, w1=w1) for arm, w1 in (("floor", 0.01), ("ours", 0.004), ("ceiling", 0.002))]
    (board,) = maker.entry(runs).boards
    figures = {one.metric: one for one in board.figures}
    assert figures["spread_range_diff"].mean == pytest.approx(0.005)
    assert "w1_range" not in figures  # by bin: drawn as a curve, in no table
    assert figures["w1"].low is None
    assert figures["w1"].gap is not None
    assert figures["w1"].gap.mean == pytest.approx(0.75)
    assert figures["mae"].gap is None


def test_without_an_oracle_there_is_no_gap(maker: Any) -> None:
    entry = maker.entry(maker.recon(anchors=False))
    assert all(one.gap is None for one in entry.boards[0].figures)
    assert any("no run of oracle" in note for note in maker.notes)


def test_written_and_read_again_it_is_the_same(maker: Any, here: Any) -> None:
    entry = maker.usual()
    (read,) = leaderboard.check([maker.write(entry)], here)
    assert read.entry == entry
    assert (read.faults, read.notes) == ((), ())
    assert leaderboard.write(entry, maker.folder / "b.json").read_bytes() == read.data


def test_no_place_of_the_machine_is_told(maker: Any) -> None:
    runs = [
        replace(run, spec=replace(run.spec, world="/data/private/wall", options={
            "task": {"shots": "0", "scanobjectnn": "/data/private/sets"}, "method": {"weights": "/data/private/w.npz"},
        }), failures={"chair-1": "lies in /data/private"})
        for run in maker.recon()
    ]  # fmt: skip
    entry = maker.entry(runs)
    assert "private" not in dumped(entry)
    (board,) = entry.boards
    assert (board.world, board.settings["scanobjectnn"], board.options["weights"]) == ("wall", "sets", "w.npz")
    assert board.runs[0].failures == ("chair-1",)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("C:\\Users\\me\\w.npz", "w.npz"), ("../up/x", "x"), ("/", "folder"), ("owner/model", "owner/model"), (3.5, 3.5)],
)
def test_places_are_cut_to_their_last_part(given: object, kept: object) -> None:
    assert without_places([given]) == [kept]


def test_names() -> None:
    assert plain_name("/data/(my) wall!") == "my- wall"
    assert plain_name("///") == "folder"
    assert slug_of("Über Sim/../x 1.0") == "ber-sim-..-x-1.0"


def test_several_sets_of_options_are_refused_by_key(maker: Any, made: Any) -> None:
    runs = [made.recon("ours", options={"stages": stages}) for stages in (1, 2)]
    with pytest.raises(UsageError, match="2 sets of options") as told:
        maker.entry(runs)
    assert runs[0].spec.key in str(told.value)


def test_of_several_runs_of_a_seed_the_newest_is_taken(maker: Any, made: Any, tmp_path: Path) -> None:
    import os

    about = {
        "card": {**_card(), "name": "ours"},
        "data": _data(),
        "submitter": {"contact": "", "url": "", "licence": ""},
    }
    runs = []
    for number, (gain, simulator) in enumerate(((0.1, "a"), (0.2, "b"), (0.3, "c"))):
        run = made.recon("ours", gain=gain)
        run = replace(run, spec=replace(run.spec, inputs={"objects": "w", "simulator": simulator}))
        path = run.write(tmp_path / "runs" / "evaluate" / run.spec.key)
        os.utime(path, (1000 - number, 1000 - number))
        runs.append(run)
    entry, notes = leaderboard.make(about, runs, runs, tmp_path)
    assert entry.boards[0].runs[0].key == runs[0].spec.key
    assert any("3 runs of ours, seed 0" in note for note in notes)


def test_anchors_and_tasks_of_others_have_no_entry(maker: Any) -> None:
    with pytest.raises(UsageError, match="no-sim is an anchor there"):
        maker.entry(maker.recon(), "no-sim")
    others = [replace(run, spec=replace(run.spec, task="close", protocol="close/1")) for run in maker.recon()]
    with pytest.raises(UsageError, match="holds the tasks of s2r-bench"):
        maker.entry(others)


def test_leaked_scenes_are_counted(maker: Any) -> None:
    runs = [replace(run, spec=replace(run.spec, options={**run.spec.options, "leakage": ["a", "b"]})) for run in maker.recon()]  # fmt: skip # noqa: E501
    assert {run.leaked_scenes for run in maker.entry(runs).boards[0].runs} == {2}


def test_a_name_that_is_no_name_is_a_usage_error(maker: Any) -> None:
    with pytest.raises(UsageError, match="name: must be letters, digits"):
        maker.entry(maker.recon(), name="<b>ours</b>")


def _card() -> dict[str, Any]:
    return {
        **{"version": "1", "title": "", "source": "", "licence": "", "training": "untrained", "stochastic": False},
        **{"needs": (), "output": "depth"},
    }


def _data() -> dict[str, Any]:
    return {"worlds": (), "sensors": (), "scenes": 0, "statement": ""}
