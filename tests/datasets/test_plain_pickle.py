"""The one reader of pickles: every protocol's plain values come back alike, and hostile files run nothing."""

import builtins
import io
import os
import pickle
import pickletools

import numpy as np
import pytest

from s2r_bench.data.plain_pickle import NUMBERS, read_object_array, read_pickle
from s2r_bench.errors import DataError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
VALUE = {
    "bboxes": np.arange(14.0).reshape(2, 7),
    "turned": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    "none": np.zeros((0, 3), np.int16),
    "names": np.array(["chair", "bed"]),
    "mixed": np.array(["a", {"b": (1, [2.5])}, None], dtype=object),
    "on": np.array([True, False]),
    "one": np.float32(0.5),
    "n": 2**70,
    "raw": b"\x00\xff",
    "text": "\u00e9\u4e2d\n",
    "nested": [(), [], {}, (1, (2, (3, 4, 5, 6))), True, None, -1, 300, 70000],
}


def alike(found, wanted):
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        assert found.flags.writeable
        assert all(alike(a, b) for a, b in zip(found.ravel().tolist(), wanted.ravel().tolist(), strict=True))
        return True
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(alike(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list | tuple):
        return type(found) is type(wanted) and all(alike(a, b) for a, b in zip(found, wanted, strict=True))
    assert found == wanted
    return type(found) is type(wanted) or isinstance(wanted, np.generic)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_back(protocol):
    assert alike(read_pickle(pickle.dumps(VALUE, protocol), "x"), VALUE)
    assert alike(read_pickle(pickletools.optimize(pickle.dumps(VALUE, protocol)), "x"), VALUE)


def test_what_occurs_twice_is_one_value():
    one = [np.arange(3)]
    found = read_pickle(pickle.dumps({"a": one, "b": [one, one]}), "x")
    assert found["a"] is found["b"][0] is found["b"][1]
    assert found["a"][0].tolist() == [0, 1, 2]


def npy(value, protocol=4):
    """An object array of no dimension, as `numpy.save` writes it, by any protocol."""
    data = np.empty((), dtype=object)
    data[()] = value
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    return stream.getvalue() + pickle.dumps(data, protocol=protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_object_arrays_of_numpy(tmp_path, protocol):
    assert alike(read_object_array(npy(VALUE, protocol), "x"), VALUE)


def test_files_of_numpys_own(tmp_path):
    data = np.empty((), dtype=object)
    data[()] = VALUE
    np.save(tmp_path / "a.npy", data, allow_pickle=True)
    assert alike(read_object_array((tmp_path / "a.npy").read_bytes(), "x"), VALUE)
    np.save(tmp_path / "b.npy", VALUE["bboxes"])
    assert alike(read_object_array((tmp_path / "b.npy").read_bytes(), "x"), VALUE["bboxes"])


class Runs:
    """Runs something when it is unpickled."""

    def __init__(self, call, *arguments, state=None):
        self.call, self.arguments, self.state = call, arguments, state

    def __reduce__(self):
        return (self.call, self.arguments) if self.state is None else (self.call, self.arguments, self.state)


HOSTILE = [
    (lambda out: Runs(os.system, f"touch {out}"), "posix.system|nt.system"),
    (lambda out: Runs(builtins.eval, f"open({str(out)!r}, 'w')"), "(__builtin__|builtins).eval"),
    (lambda out: Runs(np.save, str(out), 1), "numpy.save"),
    (lambda out: Runs(np.fromfile, str(out)), "numpy.fromfile"),
    (lambda out: Runs(getattr, "x", "save"), r"(__builtin__|builtins)\.getattr"),
    (lambda out: Runs(bytearray, 10**15), "bytes made of something else"),
    (lambda out: Runs(bytes, 10**15), "bytes made of something else"),
    (lambda out: Runs(np.dtype, "V8"), "_Dtype as a value"),
    (lambda out: np.array([(1, 2)], dtype="i4,f4"), "an array of 'V8'"),
    (lambda out: np.ndarray, "numpy.ndarray as a value"),
    (lambda out: Runs(bytearray, b"a", state={"x": 1}), "a state of bytes"),
    (lambda out: {1, 2}, r"(__builtin__|builtins)\.set|the operation EMPTY_SET"),
    (lambda out: os.fspath, "posix.fspath|os.fspath|nt.fspath"),
]


@pytest.mark.parametrize(("value", "told"), HOSTILE)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_anything_else_is_refused_by_name_and_nothing_runs(tmp_path, value, told, protocol):
    out = tmp_path / "ran"
    content = {"bboxes": np.zeros(3), "x": [value(out)]}
    with pytest.raises(DataError, match=rf"^evil is refused: it holds ({told})"):
        read_pickle(pickle.dumps(content, protocol), "evil")
    with pytest.raises(DataError, match=rf"^evil is refused: it holds ({told})"):
        read_object_array(npy(content, protocol), "evil")
    assert list(tmp_path.iterdir()) == []


# INST, OBJ, NEWOBJ, EXT, BUILD on a name, a call of a call, a memory that was never filled
@pytest.mark.parametrize(
    "code",
    [
        b"(S'touch ran'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch ran'\no.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x02\x82\x01.",
        b"cnumpy\nndarray\n}b.",
        b"cnumpy\nndarray\n(tR(tR.",
        b"]q\x00h\x01.",
        b"(l0.",
        b"",
        b"not a pickle",
        b"\x80\x04K\x01b.",
        b"\x80\x05\x97.",
    ],
)
def test_bytes_that_no_plain_value_needs(tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^x (is refused|cannot be read as a pickle)"):
        read_pickle(code, "x")
    assert list(tmp_path.iterdir()) == []


def test_bombs_end_soon():
    """Doubling by references; a list in itself; depth."""
    doubled = [0]
    for _ in range(60):
        doubled = [doubled, doubled]
    found = read_pickle(pickle.dumps(doubled), "x")
    assert found[0] is found[1]
    inner: list = []
    inner.append(inner)
    with pytest.raises(DataError, match="holds itself"):
        read_pickle(pickle.dumps(inner), "x")
    with pytest.raises(DataError, match="RecursionError"):
        read_pickle(b"]" * 100_000 + b"a" * 99_999 + b".", "x")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_what_is_cut_off_is_damaged(share):
    for data, read in ((pickle.dumps(VALUE), read_pickle), (npy(VALUE), read_object_array)):
        with pytest.raises(DataError, match=r"^x cannot be read as a (pickle|NumPy file)"):
            read(data[: int(share * len(data))], "x")


@pytest.mark.parametrize(
    ("value", "told"),
    [(VALUE["names"], "an array of <U5"), (VALUE["mixed"], "an array of object"), (VALUE["on"], "an array of bool")],
)
def test_arrays_of_other_kinds_than_the_caller_wants(value, told):
    with pytest.raises(DataError, match=f"refused: it holds {told}"):
        read_pickle(pickle.dumps([value]), "x", NUMBERS)
    assert alike(read_pickle(pickle.dumps([value]), "x"), [value])


def test_an_array_that_its_bytes_do_not_fill():
    class Short:
        def __reduce__(self):
            return np.ndarray, ((10**9, 3), "<f4", bytearray(12))

    with pytest.raises(DataError, match="cannot be read as a pickle: ValueError"):
        read_pickle(pickle.dumps(Short()), "x")
