"""What strangers may send: every fault names the file and the field, and nothing is opened, run or believed."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s2r_reports import leaderboard
from s2r_reports._leaderboard.form import MAX_BYTES, MAX_ROWS


def _at(document: Any, place: str) -> tuple[Any, Any]:
    """The object that holds a place, and the place's own name in it."""
    *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in above:
        document = document[part]
    return document, last


def _put(place: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        holder, last = _at(document, place)
        holder[last] = value

    return change


SCRIPT = "<script>alert(1)</script>"
WRONG: list[tuple[str, Any, str]] = [
    ("simulator.name", SCRIPT, "must be letters"),
    ("simulator.name", "../../etc/passwd", "must be letters"),
    ("simulator.name", "a\u202eb", "must be letters"),
    ("simulator.name", "-rf", "must be letters"),
    ("simulator.name", "=cmd()", "must be letters"),
    ("simulator.name", "a" * 49, "at most 48"),
    ("simulator.name", "", "at least 1"),
    ("simulator.name", 7, "valid string"),
    ("simulator.name", "ours\n", "must be letters"),
    ("simulator.name", "Oracle", "is the name of an arm of recon"),
    ("simulator.version", "1/2", "must be letters"),
    ("simulator.title", SCRIPT, "may not hold '<'"),
    ("simulator.source", "a\u2028b", "U+2028"),
    ("simulator.licence", "a\u0000b", "U+0000"),
    ("simulator.needs", ["truth"], "upper bound"),
    ("simulator.stochastic", "yes", "valid boolean"),
    ("simulator.more", 1, "not permitted"),
    ("data.statement", "x" * 301, "at most 300"),
    ("data.scenes", -1, "greater than or equal to 0"),
    ("data.scenes", True, "valid integer"),
    ("submitter.url", "javascript:alert(1)", "begins with https"),
    ("submitter.url", "https://a@example.org", "no user"),
    ("submitter.url", "https://x' onclick='y", "begins with https"),
    ("submitter.url", "https://[", "a host"),
    ("boards", [], "at least 1"),
    ("boards.0.task", "evil.py", "must be small letters"),
    ("boards.0.task", "../evil", "must be small letters"),
    ("boards.0.protocol", "recon", "a name and a version"),
    ("boards.0.world", "/etc", "must be letters"),
    ("boards.0.world", "..", "must be letters"),
    ("boards.0.sensor", "Kinect", "virtual sensor's"),
    ("boards.0.keys", {}, "at least 1"),
    ("boards.0.keys", {"objects": "../x"}, "letters and digits"),
    ("boards.0.settings", {"a": "/etc/passwd"}, "places of a machine"),
    ("boards.0.settings", {"a": ["x/../../y"]}, "places of a machine"),
    ("boards.0.settings", {SCRIPT: 1}, "may not hold '<'"),
    ("boards.0.options", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "nested"),
    ("boards.0.world_options", {str(number): 1 for number in range(3000)}, "more than"),
    ("boards.0.rows", [["a", ""]] * (MAX_ROWS + 1), "at most"),
    ("boards.0.rows.0", ["sofa-0", "sofa"], "stands twice"),
    ("boards.0.rows.0.0", SCRIPT, "may not hold '<'"),
    ("boards.0.runs", [], "at least 1"),
    ("boards.0.runs.0.seed", 1.5, "valid integer"),
    ("boards.0.runs.0.seed", "0", "valid integer"),
    ("boards.0.runs.1.seed", 0, "seed 0 stands twice"),
    ("boards.0.runs.0.costs", {"fit_seconds": -1}, "greater than or equal to 0"),
    ("boards.0.runs.0.costs", {"money": 1}, "fit_seconds"),
    ("boards.0.runs.0.scores", {}, "at least 1"),
    ("boards.0.runs.0.scores.<b>", {"at": [0], "values": [0.5]}, "letters, digits"),
    ("boards.0.runs.0.scores.fame", {"at": [0], "values": [0.5]}, "no metric of that name"),
    ("boards.0.runs.0.scores.iou", {"at": [0, 1], "values": [0.5]}, "2 rows and 1 values"),
    ("boards.0.runs.0.scores.iou", {"at": [1, 0], "values": [0.5, 0.5]}, "ascend"),
    ("boards.0.runs.0.scores.iou", {"at": [0, 0], "values": [0.5, 0.5]}, "ascend"),
    ("boards.0.runs.0.scores.iou", {"at": [99], "values": [0.5]}, "row 99, but there are 48"),
    ("boards.0.runs.0.scores.iou", {"at": [-1], "values": [0.5]}, "greater than or equal to 0"),
    ("boards.0.runs.0.scores.iou", {"at": [0], "values": [1.5]}, "between 0 and 1"),
    ("boards.0.runs.0.scores.iou", {"at": [0], "values": [None]}, "valid number"),
    ("boards.0.runs.0.scores.iou", {"at": [0], "values": ["0.5"]}, "valid number"),
    ("boards.0.runs.0.scores.chamfer_l2", {"at": [0], "values": [1e300]}, "less than or equal"),
    ("boards.0.anchors.no-sim", [], "no run"),
    ("boards.0.anchors.empty", [], "is no anchor of recon"),
]


@pytest.mark.parametrize(
    ("place", "value", "said"), WRONG, ids=[f"{place}-{n}" for n, (place, _, _) in enumerate(WRONG)]
)
def test_a_fault_names_file_and_field(maker: Any, faults: Any, place: str, value: Any, said: str) -> None:
    path = maker.changed(maker.usual(), _put(place, value))
    told = faults(path)
    assert said in told
    shortened = ".".join(place.split(".")[:2])
    assert all(line.startswith(f"{path}: ") for line in told.splitlines())
    assert shortened in told.replace("sensor.", "") or shortened.split(".")[0] in told
    assert len(told) < 4000


TEXTS = {
    "": "is empty",
    "nothing": "is not JSON (line 1",
    "[]": "holds a list",
    '{"schema": NaN}': "holds NaN",
    '{"schema": [-Infinity]}': "holds -Infinity",
    '{"schema": 1e999}': "out of range",
    '{"schema": ' + "9" * 5000 + "}": "out of range",
    '{"schema": 1, "schema": 2}': "'schema' stands twice",
    '{"schema": {"a": {"b": 1, "b": 2}}}': "'b' stands twice",
    '{"schema": "s2r-bench-entry/2"}': "reads 's2r-bench-entry/1'",
    '{"other": 1}': "schema: is 'None'",
    '{"schema": "s2r-bench-entry/1"}': "simulator: Field required",
    "[" * 200_000: "nested too deeply",
    '{"a":' * 50_000 + "1" + "}" * 50_000: "nested too deeply",
}


@pytest.mark.parametrize("text", TEXTS, ids=[said for said in TEXTS.values()])
def test_what_is_no_entry(faults: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    assert TEXTS[text] in faults(path)
    assert str(path) in faults(path)


def test_other_files(faults: Any, tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'{"schema": "\xe9"}')
    assert "is not UTF-8 (byte 12)" in faults(tmp_path / "latin.json")
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    assert "is larger than 16 MiB" in faults(tmp_path / "huge.json")
    (tmp_path / "folder.json").mkdir()
    assert "no regular file" in faults(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.json")
    assert "no regular file" in faults(tmp_path / "pipe.json")


def test_a_task_that_names_a_file_is_never_run(maker: Any, faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = maker.folder / "evil.py"
    evil.write_text(f"open({str(maker.folder / 'ran')!r}, 'w')")
    monkeypatch.chdir(maker.folder)
    for task in ("evil.py", str(evil), "evil"):
        faults(maker.changed(maker.usual(), _put("boards.0.task", task)))
    assert not (maker.folder / "ran").exists()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_changed_ends_in_faults_or_a_good_entry(maker: Any, here: Any, seed: int) -> None:
    """Random damage: no other error than a fault that names the file, and what passes is consistent."""
    dice = random.Random(seed)
    entry = maker.usual()
    junk = [None, True, -1, 1e308, "", "\u202e", SCRIPT, [], {}, [[]], {"a": 1}, "x" * 5000, 2**70, "../x"]

    def damage(document: Any) -> None:
        for _ in range(dice.randint(1, 3)):
            holder = document
            while True:
                names = list(holder) if isinstance(holder, dict) else range(len(holder))
                if not names:
                    break
                name = dice.choice(list(names))
                inner = holder[name]
                if isinstance(inner, dict | list) and dice.random() < 0.85:
                    holder = inner
                    continue
                holder[name] = dice.choice(junk)
                break

    path = maker.changed(entry, damage)
    (read,) = leaderboard.check([path], here)
    assert all(fault.startswith(f"{path}: ") for fault in read.faults)
    if not read.faults:
        assert read.entry is not None
        assert json.loads(read.data)["boards"][0]["task"] == "recon"
