"""From answers to the table: who counts, what is named, and that the numbers are those of the answers."""

import csv
import itertools
import json

import pytest

from s2r_bench.errors import DataError
from s2r_reports import study as door
from s2r_reports._study.layout import read_study
from s2r_reports._study.static import ANSWERS_KIND
from tests.reports.study.conftest import fill, made

PICKED = {"ours": 2, "sd": 1, "no-sim": 0, "captured": 3}  # of three samples each


def lines_of(folder, key, participant, answered=12, picked=PICKED):
    """This participant's answers, in their order: of each source the first so many are picked."""
    ids = {source: sorted(name for name, s in key["samples"].items() if s["source"] == source) for source in picked}
    yes = {name for source, count in picked.items() for name in ids[source][:count]}
    order = read_study(folder).order(participant)[:answered]
    return [
        {
            "participant": participant,
            "sample": name,
            "picked": name in yes,
            "seconds": 2.0,
            "position": place,
            "at": "t",
        }
        for place, name in enumerate(order)
    ]


def write(folder, lines):
    with (folder / "answers.jsonl").open("a") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)


def sources(document):
    return {row["source"]: row for row in document["sources"]}


def test_shares_of_those_who_finished(folder, key):
    for number in range(6):
        write(folder, lines_of(folder, key, f"p{number:02d}"))
    write(folder, lines_of(folder, key, "p90", answered=5, picked=dict.fromkeys(PICKED, 3)))
    document, text = door.results(folder, [], False, None)
    rows = sources(document)
    assert {name: (row["picked"], row["shown"]) for name, row in rows.items()} == {
        name: (6 * count, 18) for name, count in PICKED.items()
    }
    assert rows["ours"]["ratio"] == pytest.approx(2 / 3, abs=1e-4)
    assert (rows["ours"]["participants_low"], rows["ours"]["participants_high"]) == (0.6667, 0.6667)  # all agree
    assert rows["ours"]["wilson_low"] < 0.6667 < rows["ours"]["wilson_high"]
    assert rows["captured"]["d_prime"] is None
    assert 0 < rows["ours"]["d_prime"] < rows["sd"]["d_prime"] < rows["no-sim"]["d_prime"]
    assert document["fleiss_kappa"] == 1.0
    assert document["participants"] == {"counted": 6, "unfinished": {"p90": 5}, "unfinished_included": False}
    assert "1 did not finish and are left out: p90 (5 of 12)" in text
    assert list(rows)[-1] == "captured"
    assert "picked as captured (%)" in text
    head, _, here, theirs = text.partition("table I:\n\n")[2].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, here, theirs)]
    assert cells[0] == ["", "cyclegan", "pix2pix", "gigagan", "sd", "ours", "no-sim", "captured"]
    assert cells[1][1:] == ["-", "-", "-", "33.3", "66.7", "0.0", "100.0"]
    assert cells[2][1:] == ["22.5", "33.1", "55.4", "62.7", "88.6", "-", "94.8"]
    assert (rows["sd"]["paper_ratio"], rows["no-sim"]["paper_ratio"]) == (0.627, None)
    assert "captured (virtual sensor: active stereo)" in text
    assert "real" not in text.lower()


def test_the_unfinished_count_where_that_is_asked_for(folder, key):
    write(folder, lines_of(folder, key, "p01"))
    write(folder, lines_of(folder, key, "p02", answered=9, picked=dict.fromkeys(PICKED, 3)))
    document, text = door.results(folder, [], True, None)
    rows = sources(document)
    assert sum(row["shown"] for row in rows.values()) == 21
    assert sum(row["picked"] for row in rows.values()) == 6 + 9
    assert "counted with what they answered" in text
    assert document["fleiss_kappa"] is None  # one alone has finished
    assert rows["ours"]["participants_low"] is None


def test_answers_of_server_and_files_together_and_damage_named(folder, key, tmp_path):
    write(folder, lines_of(folder, key, "p01"))
    with (folder / "answers.jsonl").open("a") as stream:
        stream.write('{"participant": "p02", "sam\n')
    write(folder, lines_of(folder, key, "p01")[:1])
    mailed = {"kind": ANSWERS_KIND, "schema": 1, "study": read_study(folder).id, "participant": "xab"}
    told = [
        {name: value for name, value in line.items() if name != "participant"} for line in lines_of(folder, key, "xab")
    ]
    (tmp_path / "mailed.json").write_text(json.dumps({**mailed, "answers": told}))
    document, text = door.results(folder, [tmp_path / "mailed.json"], False, None)
    assert document["participants"]["counted"] == 2
    assert [line.partition(": ")[0] for line in document["damaged"]] == [
        "answers.jsonl line 13",
        "answers.jsonl line 14",
    ]
    assert "- Not used: answers.jsonl line 13: not JSON" in text


def test_nobody_to_count(folder, key):
    with pytest.raises(DataError, match=r"nobody finished \(0 began.*study serve"):
        door.results(folder, [], False, None)
    write(folder, lines_of(folder, key, "p01", answered=3))
    with pytest.raises(DataError, match=r"nobody finished \(1 began.*--include-unfinished"):
        door.results(folder, [], False, None)


def test_damaged_or_missing_solutions_are_named(folder, key, tmp_path):
    write(folder, lines_of(folder, key, "p01"))
    (folder / "key.json").write_text(json.dumps({**key, "study": "other"}))
    with pytest.raises(DataError, match="of different studies"):
        door.results(folder, [], False, None)
    (folder / "key.json").write_text("{")
    with pytest.raises(DataError, match=r"key\.json is not JSON"):
        door.results(folder, [], False, None)
    with pytest.raises(DataError, match="holds no study"):
        door.results(tmp_path / "none", [], False, None)


def test_files_of_the_results(folder, key, tmp_path):
    for number, count in zip(range(5), itertools.cycle([1, 3])):
        write(folder, lines_of(folder, key, f"p{number:02d}", picked={**PICKED, "sd": count}))
    document, _ = door.results(folder, [], False, tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "study.csv").open()))
    assert [row["source"] for row in rows] == ["no-sim", "ours", "sd", "captured"]
    assert float(rows[2]["ratio"]) == pytest.approx((1 + 3 + 1 + 3 + 1) / 15, abs=1e-4)
    assert float(rows[2]["participants_low"]) < float(rows[2]["ratio"]) < float(rows[2]["participants_high"])
    assert json.loads((tmp_path / "out" / "study.json").read_text())["sources"] == document["sources"]
    assert "| sd" in (tmp_path / "out" / "study.md").read_text()


def test_real_captures_are_called_real(tmp_path):
    made(fill(tmp_path, "Kinect v1"), tmp_path, tmp_path / "s")
    key = json.loads((tmp_path / "s" / "key.json").read_text())
    write(tmp_path / "s", lines_of(tmp_path / "s", key, "p01"))
    _, text = door.results(tmp_path / "s", [], False, None)
    assert "picked as real (%)" in text
    assert "real captures" in text
