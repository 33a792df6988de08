"""Figures are made again of the values; protocols and data are compared with the installation's."""

from collections.abc import Callable
from typing import Any

import pytest

from s2r_bench.errors import DataError
from s2r_reports import leaderboard


def test_a_better_figure_than_the_values_give_is_found(maker: Any, faults: Any) -> None:
    def change(document: Any) -> None:
        document["boards"][0]["figures"][0]["mean"] += 0.001

    told = faults(maker.changed(maker.usual(), change))
    assert "boards.0.figures.0.mean: iou is 0.3" in told
    assert "the values give 0.3" in told


CHANGES: dict[str, Callable[[Any], Any]] = {
    "figures.1.low: chamfer_l2": lambda board: board["figures"][1].update(low=0.0),
    "figures.1.high: chamfer_l2 is None": lambda board: board["figures"][1].update(high=None),
    "gap.mean: f_score gap closed is 0.9": lambda board: board["figures"][2]["gap"].update(mean=0.9),
    "f_score has no gap closed, the values give one": lambda board: board["figures"][2].update(gap=None),
    "iou is of 48 samples and 9 seeds": lambda board: board["figures"][0].update(seeds=9),
    "no figure of iou": lambda board: board["figures"].pop(0),
    "iou stands twice": lambda board: board["figures"].append(board["figures"][0]),
    "fame has no values": lambda board: board["figures"][0].update(metric="fame"),
    "the values give 0.4": lambda board: board["runs"][0]["scores"]["iou"]["values"].__setitem__(0, 0.99),
    "gap closed": lambda board: board["anchors"]["oracle"][0]["scores"]["iou"]["values"].__setitem__(0, 0.0),
}


@pytest.mark.parametrize("said", CHANGES)
def test_what_does_not_follow_from_the_values(maker: Any, faults: Any, said: str) -> None:
    entry = maker.entry(maker.recon(gain=0.03))
    assert said in faults(maker.changed(entry, lambda document: CHANGES[said](document["boards"][0])))


def test_rounding_and_other_draws_are_no_fault(maker: Any, faults: Any) -> None:
    def change(document: Any) -> None:
        figure = document["boards"][0]["figures"][0]
        figure["mean"] *= 1 + 1e-9
        figure["low"] += 0.02 * (figure["high"] - figure["low"])

    assert faults(maker.changed(maker.usual(), change)) == ""


def test_another_protocol_or_other_data(maker: Any, faults: Any) -> None:
    entry = maker.usual()
    older = maker.changed(entry, lambda document: document["boards"][0].update(protocol="recon/0"), "older.json")
    assert faults(older).endswith("boards.0: protocol recon/0, here it is recon/1")
    others = maker.changed(entry, lambda document: document["boards"][0].update(keys={"objects": "v"}), "others.json")
    assert "other data of mini: objects v (here w)" in faults(others)
    assert faults(older, other_versions=True) == faults(others, other_versions=True) == ""


def test_data_that_are_not_here_are_a_note(maker: Any) -> None:
    path = maker.write(maker.usual())
    (read,) = leaderboard.check(
        [path], lambda board: leaderboard.Here("recon/1", board.settings, None, "not made here")
    )
    assert read.faults == ()
    assert read.notes == (f"{path}: boards.0: data keys not compared: not made here",)


def test_one_name_and_version_for_one_entry(maker: Any, here: Any) -> None:
    first = maker.write(maker.usual(), "a.json")
    second = maker.changed(maker.usual(), lambda one: one["simulator"].update(name="OURS"), "b.json")
    one, other = leaderboard.check([first, second], here)
    assert one.faults == ()
    assert other.faults == (
        f"{second}: simulator.name: 'OURS 1.0' is too like that of {first}: choose another name or version",
    )


def test_the_same_table_twice(maker: Any, faults: Any) -> None:
    path = maker.changed(maker.usual(), lambda one: one["boards"].append(one["boards"][0]))
    assert "boards.1: the same task, protocol, data and settings as boards.0" in faults(path)


@pytest.mark.parametrize(
    ("training", "data", "said"),
    [
        ("untrained", {}, "has learned from nothing"),
        ("paired", {"worlds": [], "scenes": None}, "say what it was trained on"),
    ],
)
def test_training_data_are_declared(maker: Any, faults: Any, training: str, data: Any, said: str) -> None:
    def change(document: Any) -> None:
        document["simulator"]["training"] = training
        document["data"].update(data)

    assert said in faults(maker.changed(maker.usual(), change))


def test_a_missing_file_is_missing_data(maker: Any, here: Any) -> None:
    with pytest.raises(DataError, match=r"nowhere\.json is missing"):
        leaderboard.check([maker.folder / "nowhere.json"], here)
