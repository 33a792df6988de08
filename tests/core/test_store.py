"""Runs are found by content, written whole, held by one process, and failures are kept."""

import json
import threading

import pytest
import yaml

from s2r_bench.errors import S2RError
from s2r_bench.index import rows
from s2r_bench.records import RunRecord, RunSpec, Score
from s2r_bench.store import Store, default_home, name_of


def spec(**changed):
    values = {
        "kind": "evaluate",
        "task": "t",
        "method": "m",
        "world": "w",
        "preset": "tiny",
        "protocol": "t/1",
        "seed": 0,
    }
    return RunSpec(**(values | changed))


def record(of):
    return RunRecord(of, (Score("a", "", "mae", 0.5),), costs={"evaluate_seconds": 2.0})


def finished(store, of):
    with store.cell(of) as cell:
        return cell.finish(record(of))


def test_a_finished_run_is_returned(tmp_path):
    store = Store(tmp_path)
    assert store.state(spec()) == "absent"
    finished(store, spec())
    assert store.state(spec()) == "done"
    with store.cell(spec()) as cell:
        assert cell.cached == record(spec())
    assert store.state(spec(seed=1)) == "absent"


def test_what_does_not_apply_is_kept_and_older_records_say_nothing_of_it(tmp_path):
    whole = RunRecord(spec(), (), left_out={"2-D": "it makes points"})
    path = whole.write(tmp_path)
    assert RunRecord.read(path) == whole
    raw = json.loads(path.read_text())
    del raw["left_out"]
    path.write_text(json.dumps(raw))
    assert RunRecord.read(path) == RunRecord(spec(), ())


def test_config_is_saved_and_the_name_is_a_link(tmp_path):
    store = Store(tmp_path)
    with store.cell(spec(), config={"seeds": [0, 1]}) as cell:
        cell.finish(record(spec()))
    saved = yaml.safe_load((tmp_path / "by-name" / name_of(spec()) / "config.yaml").read_text())
    assert saved["spec"]["method"] == "m"
    assert saved["config"] == {"seeds": [0, 1]}
    assert store.find(name_of(spec())) == store.folder(spec()).resolve()
    assert store.find(spec().key[:6]) == store.folder(spec())
    with pytest.raises(S2RError, match="no run"):
        store.find("zzz")


def test_an_error_is_kept_and_the_next_run_forgets_it(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ZeroDivisionError), store.cell(spec()):
        _ = 1 / 0
    assert store.state(spec()) == "failed"
    failure = store.failures()[0]
    assert (failure.kind, failure.exit_code, failure.spec) == ("ZeroDivisionError", 1, spec())
    assert rows(tmp_path)[0]["message"].startswith("ZeroDivisionError")
    with pytest.raises(S2RError, match="failed before"), store.cell(spec(), overwrite="never"):
        pass
    finished(store, spec())
    assert store.failures() == []
    assert not (store.folder(spec()) / "error.json").exists()


def test_an_interrupt_leaves_an_unfinished_run_with_its_work(tmp_path):
    store = Store(tmp_path)

    def work():
        with store.cell(spec()) as cell:
            (cell.work / "state").write_text("3")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert store.state(spec()) == "unfinished"
    assert [row["status"] for row in rows(tmp_path)] == ["unfinished"]
    with store.cell(spec()) as cell:
        assert (cell.work / "state").read_text() == "3"


def test_always_starts_anew(tmp_path):
    store = Store(tmp_path)
    finished(store, spec())
    with store.cell(spec(), overwrite="always") as cell:
        assert cell.cached is None
        cell.finish(record(spec()))


def test_a_second_process_waits_and_finds_the_result(tmp_path):
    """flock goes by open file, so a thread with a store of its own stands for a process."""
    told, found = [], []
    waiting = threading.Event()

    def tell(text):
        told.append(text)
        waiting.set()

    def second():
        with Store(tmp_path, tell).cell(spec()) as cell:
            found.append(cell.cached)

    store = Store(tmp_path)
    with store.cell(spec()) as cell:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(20)
        cell.finish(record(spec()))
    thread.join(20)
    assert found == [record(spec())]
    assert "another process" in told[0]


def test_the_index_is_a_cache(tmp_path):
    store = Store(tmp_path)
    finished(store, spec())
    finished(store, spec(method="n"))
    assert [row["method"] for row in sorted(rows(tmp_path), key=lambda row: row["method"])] == ["m", "n"]
    index = tmp_path / "index.parquet"
    stamp = index.stat().st_mtime_ns
    assert len(rows(tmp_path)) == 2
    assert index.stat().st_mtime_ns == stamp  # nothing changed: not written again
    index.write_bytes(b"not parquet")
    assert len(rows(tmp_path)) == 2
    index.unlink()
    assert {row["seconds"] for row in rows(tmp_path)} == {2.0}


def test_a_damaged_result_is_listed_as_such(tmp_path):
    store = Store(tmp_path)
    finished(store, spec())
    (store.folder(spec()) / "result.json").write_text("{")
    assert rows(tmp_path)[0]["status"] == "damaged"


def test_a_file_system_without_links_is_no_obstacle(tmp_path, monkeypatch):
    from pathlib import Path

    def refuse(*_args, **_more):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    finished(Store(tmp_path), spec())
    assert Store(tmp_path).state(spec()) == "done"


def test_home_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("S2R_HOME", str(tmp_path / "mine"))
    assert default_home() == tmp_path / "mine"
    monkeypatch.delenv("S2R_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_home() == tmp_path / "data" / "s2r-bench"


def test_json_result_has_no_nan(tmp_path):
    bad = RunRecord(spec(), (), costs={"evaluate_seconds": float("nan")})
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"), Store(tmp_path).cell(spec()) as cell:
        cell.finish(bad)
    assert json.loads((Store(tmp_path).folder(spec()) / "error.json").read_text())["kind"] == "ValueError"
