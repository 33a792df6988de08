"""Places, bold, what is ranked with what, and the files of the site."""

import csv
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError, VerificationError
from s2r_reports import leaderboard
from s2r_reports._leaderboard.figures import Scored
from s2r_reports._leaderboard.form import Entry
from s2r_reports._leaderboard.standing import Row, Table, surely_better, tables


def table_of(maker: Any, here: Any, gains: dict[str, float], seeds: int = 1) -> Table:
    entries = [maker.entry(maker.recon(name, gain, seeds), name) for name, gain in gains.items()]
    (table,) = made_tables(entries, here)
    return table


def made_tables(entries: list[Entry], here: Any) -> list[Table]:
    return tables(entries, {id(board): here(board) for entry in entries for board in entry.boards})


def names(rows: list[Row]) -> list[str]:
    return [row.entry.simulator.name for row in rows]


def test_entries_that_cannot_be_told_apart_share_a_place(maker: Any, here: Any) -> None:
    table = table_of(maker, here, {"a": 0.01, "b": 0.03, "c": 0.03})
    assert {row.entry.simulator.name: place for row, place in table.places.items()} == {"b": 1, "c": 1, "a": 3}
    assert names(table.ordered) == ["b", "c", "a"]
    assert table.bold("iou") is None
    ahead = table_of(maker, here, {"a": 0.02, "b": 0.03})
    best = ahead.bold("iou")
    assert best is not None
    assert best.entry.simulator.name == "b"  # paired: their own intervals overlap
    cells = [row.cell("iou") for row in ahead.ordered]
    assert cells[0].interval.low < cells[1].interval.high
    assert table_of(maker, here, {"a": 0.01}).bold("iou") is None


def test_surely_better_is_never_true_both_ways(maker: Any, here: Any) -> None:
    """A property of any set of entries, and that a place counts exactly the entries that are surely better."""
    dice = np.random.default_rng(3)
    table = table_of(maker, here, {name: float(dice.uniform(0, 0.02)) for name in "abcd"})
    for metric in table.judged:
        info = table.metrics[metric]
        for one, other in permutations(table.rows, 2):
            assert not (surely_better(info, one, other, metric) and surely_better(info, other, one, metric))
    info = table.metrics["iou"]
    for row in table.rows:
        better = [other for other in table.rows if other is not row and surely_better(info, other, row, "iou")]
        assert table.places[row] == 1 + len(better)


def test_without_shared_seeds_intervals_must_not_overlap(maker: Any, made: ModuleType, here: Any) -> None:
    one = maker.entry([made.recon("a", 0, gain=0.02)], "a")
    near, far = (maker.entry([made.recon(name, 1, gain=gain)], name) for name, gain in (("b", 0.0), ("c", -0.08)))
    (table,) = made_tables([one, near, far], here)
    places = {row.entry.simulator.name: place for row, place in table.places.items()}
    assert places == {"a": 1, "b": 1, "c": 3}


def test_who_leaves_samples_out_or_learned_from_them_is_not_ranked(maker: Any, here: Any) -> None:
    def fewer(entry: Entry) -> Entry:
        document = entry.model_dump(mode="json", by_alias=True)
        for values in document["boards"][0]["runs"][0]["scores"].values():
            values["at"], values["values"] = values["at"][4:], values["values"][4:]
        import json

        return Entry.model_validate_json(json.dumps(document))

    a, b = (maker.entry(maker.recon(name, 0.02, 1), name) for name in "ab")
    (table,) = made_tables([a, fewer(b)], here)
    assert {row.entry.simulator.name: why for row, why in table.unranked.items()} == {
        "b": "no score for 4 of 48 samples"
    }
    assert names(table.ordered) == ["a", "b"]
    assert table.bold("iou") is None
    run = a.boards[0].runs[0].model_copy(update={"leaked_scenes": 2})
    leaked = a.model_copy(update={"boards": (a.boards[0].model_copy(update={"runs": (run,)}),)})
    (table,) = made_tables([leaked, b], here)
    assert set(table.unranked.values()) == {"trained on 2 of the scored scenes"}
    assert names(list(table.places)) == ["b"]


def test_other_protocols_and_data_stand_apart(maker: Any, here: Any) -> None:
    def other(entry: Entry, **changed: Any) -> Entry:
        return entry.model_copy(update={"boards": (entry.boards[0].model_copy(update=changed),)})

    one = maker.usual()
    entries = [one, other(one, protocol="recon/0"), other(one, keys={"objects": "v"}), other(one, world="wall"), one]
    found = made_tables(entries, here)
    assert [bool(table.apart) for table in found] == [False, False, True, True]
    assert [len(table.rows) for table in found] == [2, 1, 1, 1]
    assert found[0].world == "mini (virtual sensor)"


def test_settings_that_were_not_there_yet_do_not_part_tables(maker: Any, here: Any) -> None:
    one = maker.usual()
    board = one.boards[0].model_copy(update={"settings": {**one.boards[0].settings, "new": 0}})
    newer = one.model_copy(update={"boards": (board,)})

    def filled(board: Any) -> leaderboard.Here:
        return leaderboard.Here("recon/1", {**board.settings, "new": 0}, {"objects": "w"})

    assert len(made_tables([one, newer], filled)) == 1
    assert len(made_tables([one, newer], here)) == 2


def test_the_same_depth_in_other_files_is_the_same_table(maker: Any, made: Any) -> None:
    """One entry names the files of this installation, one their content; a third has other depth."""
    runs = [made.record(arm, w1=w1) for arm, w1 in (("floor", 0.01), ("ours", 0.004), ("ceiling", 0.002))]
    by_files = maker.entry(runs)
    assert any("named by their files" in note for note in maker.notes)
    maker.contents = {"pairs/test": ("depth/test", "c1")}
    by_content = maker.entry(runs)
    assert not maker.notes
    assert (by_files.boards[0].keys, by_content.boards[0].keys) == ({"pairs/test": "d1"}, {"depth/test": "c1"})
    maker.contents = {"pairs/test": ("depth/test", "c2")}
    others = maker.entry(runs)

    def here(board: Any) -> leaderboard.Here:
        known = {"pairs/test": ("depth/test", "c1")}
        return leaderboard.Here("fidelity/1", dict(board.settings), {"pairs/test": "d1"}, contents=known)

    found = made_tables([by_files, by_content, others], here)
    assert [len(table.rows) for table in found] == [2, 1]
    assert [table.apart for table in found] == ["", "other data of mini: depth/test c2 (here c1)"]


@pytest.fixture
def folder(maker: Any) -> Path:
    folder = maker.folder / "entries"
    folder.mkdir()
    for name, gain in (("alpha", 0.01), ("beta", 0.03)):
        leaderboard.write(
            maker.entry(maker.recon(name, gain, 1), name, title='A & B\'s "sim"'), folder / f"{name}.json"
        )
    return folder


def test_the_site(folder: Path, tmp_path: Path, here: Any) -> None:
    made = leaderboard.build(folder, tmp_path / "site", here)
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "mini (virtual sensor)" in page
    assert "A &amp; B&#x27;s &quot;sim&quot;" in page
    assert "beta 1.0 is surely better than every other entry on mIoU" in page
    assert "<a href='entries/beta-1.0.json'>" in page
    assert "src='http" not in page
    assert (tmp_path / "site" / "entries" / "beta-1.0.json").read_bytes() == (folder / "beta.json").read_bytes()
    with (tmp_path / "site" / "leaderboard.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    own = {(row["name"], row["metric"]): row for row in rows if row["kind"] == "entry"}
    scored = Scored(leaderboard.check([folder / "beta.json"], here)[0].entry.boards[0], "x")  # type: ignore[union-attr]
    assert float(own["beta", "iou"]["mean"]) == scored.figures()[0].mean
    assert (own["beta", "iou"]["place"], own["alpha", "iou"]["place"], own["beta", "iou"]["bold"]) == ("1", "2", "1")
    assert {row["name"] for row in rows if row["kind"] == "anchor"} == {"no-sim", "oracle"}
    again = leaderboard.build(folder, tmp_path / "again", here)
    assert [path.read_bytes() for path in made.files] == [path.read_bytes() for path in again.files]


def test_a_wrong_entry_or_place_writes_nothing(folder: Path, tmp_path: Path, here: Any) -> None:
    with pytest.raises(UsageError, match="written over the entries"):
        leaderboard.build(folder, folder.parent, here)
    (folder / "bad.json").write_text("{}")
    with pytest.raises(VerificationError, match=r"bad\.json: schema"):
        leaderboard.build(folder, tmp_path / "site", here)
    assert not (tmp_path / "site").exists()
    (folder / "bad.json").unlink()
    (folder / "link.json").symlink_to(folder / "beta.json")
    with pytest.raises(VerificationError, match="is a link"):
        leaderboard.build(folder, tmp_path / "site", here)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="holds no entry"):
        leaderboard.build(folder, tmp_path / "site", here)
