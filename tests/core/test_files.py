"""A full disk is an OSError that names the file, and leaves neither a part nor half a file; so does any failure."""

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from s2r_bench.cli.session import describe, exit_code_of
from s2r_bench.engine.checkpoint import write_tensors
from s2r_bench.files import whole, write_json
from s2r_bench.records import RunRecord, RunSpec
from s2r_bench.worlds.pair_folder import write_depth

SPEC = RunSpec("evaluate", "t", "m", "w", "tiny", "t/1", 0)
WRITERS = {
    "a.json": lambda path: write_json(path, {"a": 1}),
    "a.png": lambda path: write_depth(path, np.ones((2, 2), np.float32)),
    "result.json": lambda path: RunRecord(SPEC, ()).write(path.parent),
}


@pytest.fixture
def full(monkeypatch):
    """The disk takes some bytes, then no more."""

    def write(self, data):
        with self.open("wb") as stream:
            stream.write(data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, full, name):
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(OSError, match="No space left") as wrong:
        WRITERS[name](path)
    assert exit_code_of(wrong.value) == 4
    assert str(path) in describe(wrong.value)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(name, "old")]


def test_a_library_s_own_error_of_a_full_disk_is_told_apart(tmp_path, monkeypatch):
    def save_file(_tensors, path):
        Path(path).write_bytes(b"half")
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", save_file)
    with pytest.raises(OSError, match="No space left") as wrong:
        write_tensors(tmp_path / "net.safetensors", {"a": torch.ones(2)})
    assert (wrong.value.errno, wrong.value.filename) == (errno.ENOSPC, str(tmp_path / "net.safetensors"))
    assert list(tmp_path.iterdir()) == []


def test_any_other_failure_cleans_up_and_goes_on(tmp_path):
    def fail():
        with whole(tmp_path / "deep" / "a.txt") as part:
            part.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list((tmp_path / "deep").iterdir()) == []
