"""LASA's `SCENE_bbox.npy`, a pickled dict, read without unpickling: a pickle can run anything, this cannot.

The bytes are walked with `pickletools`, which executes nothing. Numbers, texts, lists, tuples, dicts and NumPy's arrays
are put together here; whatever else the file asks for is refused.
"""

import io
import re
from collections.abc import Callable
from pickletools import genops
from typing import Any

import numpy as np

from s2r_bench.errors import DataError

_ARRAY = {f"numpy.{core}.multiarray _reconstruct" for core in ("core", "_core")}
_SCALAR = {f"numpy.{core}.multiarray scalar" for core in ("core", "_core")}
_NAMES = {*_ARRAY, *_SCALAR, "numpy ndarray", "numpy dtype", "_codecs encode"}
_DTYPE = re.compile(r"[<>|=]?(?:[fiuSUb]\d+|O\d?|b1)")
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_PUSH = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    "BINUNICODE8",
}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_CONSTANT = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class _Name(str):
    """A global that the file names; it is never looked up."""


class _Made:
    """What a call in the file stands for; its state comes later."""

    def __init__(self, what: str, given: tuple[Any, ...]) -> None:
        self.what, self.given = what, given
        self.state: tuple[Any, ...] = ()


_MARK = object()


def read_plain(data: bytes, name: str) -> Any:
    """The value in a .npy file that NumPy would call an object array of no dimension.

    Args:
        data: the file's content.
        name: for messages.

    Raises:
        DataError: it is no such file, is cut off, or asks for anything but numbers, texts, arrays and their lists.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = head(stream)
        if dtype != np.dtype(object):
            stream.seek(0)
            return np.load(stream, allow_pickle=False)
        value = _value(_walked(stream.read()))
    except (ValueError, IndexError, KeyError, TypeError, EOFError, AttributeError) as wrong:
        raise DataError(f"{name} cannot be read as a NumPy file of plain values ({wrong})") from None
    return value[()] if isinstance(value, np.ndarray) and shape == () else value


def _walked(pickled: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for op, arg, _ in genops(pickled):
        kind = op.name
        if kind in ("PROTO", "FRAME"):
            continue
        if kind == "STOP":
            return stack.pop()
        if kind == "MARK":
            stack.append(_MARK)
        elif kind in _PUSH:
            stack.append(arg)
        elif kind in _CONSTANT:
            stack.append(_CONSTANT[kind])
        elif kind == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif kind in _PUT:
            memo[int(arg or 0)] = stack[-1]
        elif kind in _GET:
            stack.append(memo[int(arg or 0)])
        else:
            _step(kind, arg, stack)
    raise ValueError("it is cut off")


def _step(kind: str, arg: Any, stack: list[Any]) -> None:
    if kind in _EMPTY:
        stack.append(_EMPTY[kind]())
    elif kind in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "APPEND", "APPENDS", "SETITEM", "SETITEMS"):
        _gather(kind, stack)
    elif kind in ("GLOBAL", "STACK_GLOBAL"):
        words = str(arg) if kind == "GLOBAL" else " ".join(reversed([stack.pop(), stack.pop()]))
        if words not in _NAMES:
            raise ValueError(f"it asks for {words!r}, which is no plain value")
        stack.append(_Name(words))
    elif kind == "REDUCE":
        given, what = stack.pop(), stack.pop()
        if not isinstance(what, _Name) or not isinstance(given, tuple):
            raise ValueError("it calls something that is no plain value")
        stack.append(_Made(str(what), given))
    elif kind == "BUILD":
        state = stack.pop()
        stack[-1].state = state
    else:
        raise ValueError(f"it holds the operation {kind}, which no plain value needs")


def _gather(kind: str, stack: list[Any]) -> None:
    """Put what lies on the stack into a tuple, a list or a dict."""
    fixed = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2}.get(kind)
    some = [stack.pop() for _ in range(fixed)][::-1] if fixed else _since_mark(stack)
    if kind.startswith("TUPLE"):
        stack.append(tuple(some))
    elif kind == "LIST":
        stack.append(some)
    elif kind.startswith("APPEND"):
        stack[-1].extend(some)
    else:
        stack[-1].update(zip(some[::2], some[1::2], strict=True))


def _since_mark(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1 - next(k for k, one in enumerate(reversed(stack)) if one is _MARK)
    some = stack[at + 1 :]
    del stack[at:]
    return some


def _value(found: Any) -> Any:
    if isinstance(found, list):
        return [_value(one) for one in found]
    if isinstance(found, tuple):
        return tuple(_value(one) for one in found)
    if isinstance(found, dict):
        return {_value(key): _value(one) for key, one in found.items()}
    if not isinstance(found, _Made):
        return found
    if found.what in _ARRAY:
        return _array(found)
    if found.what in _SCALAR:
        return np.frombuffer(_bytes(found.given[1]), dtype=_dtype(found.given[0]))[0].item()
    if found.what == "_codecs encode":
        return _bytes(found)
    raise ValueError(f"it makes a {found.what!r} where a value is expected")


def _array(found: _Made) -> np.ndarray[Any, Any]:
    _, shape, kind, fortran, raw = found.state
    dtype = _dtype(kind)
    if dtype == np.dtype(object):
        flat = np.empty(len(raw), dtype=object)
        for k, one in enumerate(raw):
            flat[k] = _value(one)
    else:
        flat = np.frombuffer(_bytes(raw), dtype=dtype)
    return flat.reshape(tuple(shape), order="F" if fortran else "C")


def _dtype(found: Any) -> np.dtype[Any]:
    if not isinstance(found, _Made) or found.what != "numpy dtype" or not _DTYPE.fullmatch(str(found.given[0])):
        raise ValueError("it holds an array of a kind that is no plain number or text")
    dtype = np.dtype(str(found.given[0]))
    return dtype.newbyteorder(">") if found.state and found.state[1] == ">" else dtype


def _bytes(found: Any) -> bytes:
    if isinstance(found, _Made) and found.what == "_codecs encode":
        return str(found.given[0]).encode("latin1")
    if not isinstance(found, bytes):
        raise ValueError(f"bytes are expected, not {type(found).__name__}")
    return found
