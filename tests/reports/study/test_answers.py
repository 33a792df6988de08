"""The file of answers: nothing lost, nothing doubled, and damage named."""

import json
import os

import pytest

from s2r_bench.errors import DataError
from s2r_reports._study.answers import Collected, Journal, read_file, read_lines
from s2r_reports._study.static import ANSWERS_KIND

SAMPLES = frozenset({"a" * 16, "b" * 16, "c" * 16})
A, B, C = sorted(SAMPLES)
GOOD = {"participant": "p01", "sample": A, "picked": True, "seconds": 1.5, "position": 0, "at": "2026-01-01T00:00:00"}


def test_answers_come_back(tmp_path):
    journal = Journal(tmp_path / "answers.jsonl", SAMPLES)
    journal.add("p01", A, True, 1.5, 0)
    journal.add("p02", A, False, 2.5, 0)
    journal.close()
    again = Journal(tmp_path / "answers.jsonl", SAMPLES)
    assert {key: answer.picked for key, answer in again.collected.answers.items()} == {
        ("p01", A): True,
        ("p02", A): False,
    }
    assert again.answered("p01")[A].seconds == 1.5
    assert again.collected.damaged == []
    assert (tmp_path / "answers.jsonl").read_bytes().count(b"\n") == 2
    again.close()


def test_a_line_that_a_killed_server_left_open_is_ended(tmp_path):
    path = tmp_path / "answers.jsonl"
    whole = json.dumps(GOOD)
    path.write_text(whole + "\n" + whole.replace("p01", "p02")[:50])
    journal = Journal(path, SAMPLES)
    assert len(journal.collected.answers) == 1
    assert journal.collected.damaged[0].startswith("answers.jsonl line 2: not JSON")
    journal.add("p02", A, False, 1.0, 0)
    journal.close()
    found = read_lines(path, SAMPLES)
    assert set(found.answers) == {("p01", A), ("p02", A)}
    assert len(found.damaged) == 1


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(GOOD))
    journal = Journal(path, SAMPLES)
    journal.add("p01", B, True, 1.0, 1)
    journal.close()
    found = read_lines(path, SAMPLES)
    assert (len(found.answers), found.damaged) == (2, [])


@pytest.mark.parametrize("fault", ["short", "refused", "sync"])
def test_what_could_not_be_written_is_not_kept(tmp_path, monkeypatch, fault):
    journal = Journal(tmp_path / "answers.jsonl", SAMPLES)
    journal.add("p01", A, True, 1.0, 0)
    before = (tmp_path / "answers.jsonl").read_bytes()
    write = os.write

    def broken(*given):
        if fault == "short":
            return write(given[0], given[1][:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync" if fault == "sync" else "write", broken)
    with pytest.raises(OSError, match=r"bytes were written|No space"):
        journal.add("p01", B, True, 1.0, 1)
    monkeypatch.undo()
    assert (tmp_path / "answers.jsonl").read_bytes() == before
    assert set(journal.answered("p01")) == {A}
    journal.add("p01", B, True, 1.0, 1)
    assert len(read_lines(tmp_path / "answers.jsonl", SAMPLES).answers) == 2
    journal.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"7", "a int, expected an object"),
        (b"{}", "fields ; expected"),
        (json.dumps({**GOOD, "more": 1}).encode(), "fields at, more, participant"),
        (json.dumps({**GOOD, "participant": "<script>"}).encode(), "is no label"),
        (json.dumps({**GOOD, "sample": "d" * 16}).encode(), "not of this study"),
        (json.dumps({**GOOD, "sample": [A]}).encode(), "not of this study"),
        (json.dumps({**GOOD, "picked": 1}).encode(), "expected true or false"),
        (json.dumps({**GOOD, "seconds": "1"}).encode(), "expected a number"),
        (json.dumps({**GOOD, "seconds": True}).encode(), "expected a number"),
        (json.dumps({**GOOD, "seconds": float("nan")}).encode(), "expected a number"),
        (json.dumps({**GOOD, "seconds": -1}).encode(), "expected 0 to 86400"),
        (json.dumps({**GOOD, "position": 3}).encode(), "none of 0 to 2"),
        (json.dumps({**GOOD, "position": True}).encode(), "none of 0 to 2"),
        (json.dumps({**GOOD, "at": 5}).encode(), "its time is no text"),
    ],
)
def test_damaged_lines_are_named_and_the_rest_is_read(tmp_path, line, said):
    path = tmp_path / "answers.jsonl"
    good = json.dumps(GOOD).encode()
    path.write_bytes(line + b"\n\n" + good + b"\n" + good.replace(b"true", b"false") + b"\n")
    found = read_lines(path, SAMPLES)
    assert [answer.picked for answer in found.answers.values()] == [True]
    assert len(found.damaged) == 2
    assert found.damaged[0].startswith("answers.jsonl line 1: ")
    assert said in found.damaged[0]
    assert found.damaged[1] == f"answers.jsonl line 4: p01 answered {A} before; the first one stands"


def saved(path, **more):
    entries = [{name: GOOD[name] for name in ("sample", "picked", "seconds", "position", "at")}]
    raw = {"kind": ANSWERS_KIND, "schema": 1, "study": "s1", "participant": "x12", "answers": entries} | more
    path.write_text(json.dumps(raw))
    return path


def test_files_of_the_single_page(tmp_path):
    found = Collected()
    read_file(saved(tmp_path / "a.json"), "s1", SAMPLES, found)
    read_file(saved(tmp_path / "b.json"), "s1", SAMPLES, found)  # the same person twice
    read_file(saved(tmp_path / "c.json", participant=["x"], answers=[5, {}]), "s1", SAMPLES, found)
    assert set(found.answers) == {("x12", A)}
    assert [line.partition(":")[0] for line in found.damaged] == [
        "b.json answer 1",
        "c.json answer 1",
        "c.json answer 2",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"study": "s2"}, "answers another study"),
        ({"kind": "else"}, "no file of answers"),
        ({"answers": {}}, "no file of answers"),
    ],
)
def test_other_files_are_refused(tmp_path, more, said):
    with pytest.raises(DataError, match=said):
        read_file(saved(tmp_path / "a.json", **more), "s1", SAMPLES, Collected())


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(DataError, match=r"a\.json is missing"):
        read_file(tmp_path / "a.json", "s1", SAMPLES, Collected())
    (tmp_path / "b.json").write_text("<html>")
    with pytest.raises(DataError, match=r"b\.json is no file of answers: not JSON"):
        read_file(tmp_path / "b.json", "s1", SAMPLES, Collected())
    assert read_lines(tmp_path / "none.jsonl", SAMPLES).answers == {}
