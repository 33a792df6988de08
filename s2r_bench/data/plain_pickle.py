"""Plain values out of a pickle that others wrote, without unpickling: a pickle can run anything, this cannot.

The bytes are walked with `pickletools`, which executes nothing and looks no name up. Numbers, texts, bytes, lists,
tuples, dicts and NumPy's arrays are put together here; whatever else a file asks for is refused by name.
"""

import io
import re
from collections.abc import Callable, Mapping
from pickletools import genops
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError

NUMBERS, EVERYTHING = "fiu", "biufSUO"
_CODE = re.compile(r"[<>|=]?(?:[fiuSUb]\d{1,6}|O\d?)")
_PUT, _GET = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_PUSHED = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"}
    | {"SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE"}
    | {"SHORT_BINUNICODE", "BINUNICODE8"}
)
_EMPTY: Mapping[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_CONSTANT: Mapping[str, bool | None] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_FIXED = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2}
_GATHERED = frozenset({*_FIXED, "TUPLE", "LIST", "DICT", "APPENDS", "SETITEMS"})
_MARK = object()


class _RefusedError(ValueError):
    """What a pickle holds that is no plain value."""


class _Name(str):
    """A name that the file gives; it is never looked up."""


class _Dtype:
    """A kind of number: its code, and the order of its bytes, which comes later."""

    def __init__(self, code: Any) -> None:
        self.code, self.order = code, "="


class _Shell:
    """An array whose content comes later, as (version, shape, kind, Fortran order, data)."""

    state: tuple[Any, ...] | None = None


def read_pickle(data: bytes, name: str, kinds: str = EVERYTHING) -> Any:
    """The value in a pickle; its arrays are the caller's own.

    Args:
        data: the file's content.
        name: for messages.
        kinds: of arrays that may be in it, by NumPy's letters.

    Raises:
        DataError: it is damaged, or asks for anything but numbers, texts, arrays and their lists, tuples and dicts;
            the message tells what.
    """
    try:
        return _Walk(kinds).value(data)
    except _RefusedError as wrong:
        raise DataError(
            f"{name} is refused: it holds {wrong}, and only arrays of numbers, numbers, text, lists, tuples and dicts "
            "are read from a pickle"
        ) from None
    except Exception as wrong:  # a damaged pickle raises whatever its bytes happen to mean
        raise DataError(f"{name} cannot be read as a pickle: {type(wrong).__name__} {str(wrong)[:100]}") from None


def read_object_array(data: bytes, name: str) -> Any:
    """The value in a .npy file that NumPy would call an object array; of no dimension, what it holds.

    Raises:
        DataError: see `read_pickle`; or it is no .npy file.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = head(stream)
        if dtype != np.dtype(object):
            stream.seek(0)
            return np.load(stream, allow_pickle=False)
    except (ValueError, EOFError) as wrong:
        raise DataError(f"{name} cannot be read as a NumPy file ({wrong})") from None
    value = read_pickle(stream.read(), name)
    return value[()] if isinstance(value, np.ndarray) and shape == () else value


class _Walk:
    """The stack and the memory of one pickle."""

    def __init__(self, kinds: str) -> None:
        self.kinds = kinds
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.known: dict[int, tuple[Any, Any]] = {}  # id -> what it was and became; kept alive, so ids stay
        self.open: set[int] = set()
        self.calls: dict[str, Callable[..., Any]] = {
            "numpy.ndarray": lambda shape, code, raw: self._numbers(raw, _Dtype(code), shape, "C"),
            "numpy.dtype": lambda code, *_: _Dtype(code),
            "_codecs.encode": _latin1,
        }
        for name in ("bytes", "bytearray"):  # of Python 3 and as Python 2 called its module
            self.calls[f"builtins.{name}"] = self.calls[f"__builtin__.{name}"] = _joined
        for core in ("core", "_core"):  # moved between versions of NumPy
            self.calls[f"numpy.{core}.multiarray._reconstruct"] = lambda *_: _Shell()
            self.calls[f"numpy.{core}.multiarray.scalar"] = lambda kind, raw: self._numbers(raw, kind, (), "C").item()
            self.calls[f"numpy.{core}.numeric._frombuffer"] = self._numbers

    def value(self, pickled: bytes) -> Any:
        """What it holds."""
        for op, arg, _ in genops(pickled):
            if op.name == "STOP":
                return self._finished(self.stack.pop())
            self._step(op.name, arg)
        raise ValueError("it is cut off")

    def _step(self, kind: str, arg: Any) -> None:
        if kind in ("PROTO", "FRAME"):
            return
        if kind == "MARK":
            self.stack.append(_MARK)
        elif kind in _PUSHED:
            self.stack.append(bytes(arg) if isinstance(arg, bytearray) else arg)
        elif kind in _CONSTANT:
            self.stack.append(_CONSTANT[kind])
        elif kind in _EMPTY:
            self.stack.append(_EMPTY[kind]())
        elif kind in _GATHERED:
            self._gather(kind)
        elif kind == "MEMOIZE" or kind in _PUT or kind in _GET:
            self._remember(kind, arg)
        else:
            self._asked(kind, arg)

    def _remember(self, kind: str, arg: Any) -> None:
        if kind in _GET:
            self.stack.append(self.memo[int(arg)])
        else:
            self.memo[len(self.memo) if kind == "MEMOIZE" else int(arg)] = self.stack[-1]

    def _gather(self, kind: str) -> None:
        """Put what lies on the stack into a tuple, a list or a dict."""
        some = [self.stack.pop() for _ in range(_FIXED[kind])][::-1] if kind in _FIXED else self._since_mark()
        if kind.startswith("TUPLE"):
            self.stack.append(tuple(some))
        elif kind == "LIST":
            self.stack.append(some)
        elif kind == "DICT":
            self.stack.append(dict(zip(some[::2], some[1::2], strict=True)))
        elif kind.startswith("APPEND"):
            self.stack[-1].extend(some)
        else:
            self.stack[-1].update(zip(some[::2], some[1::2], strict=True))

    def _since_mark(self) -> list[Any]:
        some: list[Any] = []
        while (one := self.stack.pop()) is not _MARK:
            some.append(one)
        return some[::-1]

    def _asked(self, kind: str, arg: Any) -> None:
        """A name, a call, a state; anything else is refused."""
        if kind in ("GLOBAL", "STACK_GLOBAL"):
            words = str(arg).split(" ") if kind == "GLOBAL" else [self.stack.pop(), self.stack.pop()][::-1]
            name = ".".join(map(str, words))
            if name not in self.calls:
                raise _RefusedError(name)
            self.stack.append(_Name(name))
        elif kind == "REDUCE":
            given, what = self.stack.pop(), self.stack.pop()
            if not isinstance(what, _Name) or not isinstance(given, tuple):
                raise _RefusedError(f"a call of {type(what).__name__}")
            self.stack.append(self.calls[what](*given))
        elif kind == "BUILD":
            self._built(self.stack[-2], self.stack.pop())
        elif kind in ("PERSID", "BINPERSID"):
            raise _RefusedError(f"a reference to {arg if kind == 'PERSID' else self.stack.pop()!r} outside of it")
        else:
            raise _RefusedError(f"the operation {kind}")

    def _built(self, what: Any, state: Any) -> None:
        if isinstance(what, _Dtype):
            what.order = state[1]
        elif isinstance(what, _Shell):
            what.state = tuple(state)
        else:
            raise _RefusedError(f"a state of {type(what).__name__}")

    def _finished(self, found: Any) -> Any:
        """`found` with arrays for shells; what occurs twice is made once."""
        if not isinstance(found, list | tuple | dict | _Shell):
            if isinstance(found, _Name | _Dtype) or found is _MARK:
                raise _RefusedError(f"{found if isinstance(found, str) else type(found).__name__} as a value")
            return found
        if id(found) not in self.known:
            if id(found) in self.open:
                raise ValueError("it holds itself")
            self.open.add(id(found))
            self.known[id(found)] = (found, self._whole(found))
            self.open.discard(id(found))
        return self.known[id(found)][1]

    def _whole(self, found: list[Any] | tuple[Any, ...] | dict[Any, Any] | _Shell) -> Any:
        if isinstance(found, list):
            return [self._finished(one) for one in found]
        if isinstance(found, tuple):
            return tuple(self._finished(one) for one in found)
        if isinstance(found, dict):
            return {self._finished(key): self._finished(one) for key, one in found.items()}
        if found.state is None:
            raise ValueError("an array without content")
        _, shape, kind, fortran, raw = found.state
        return self._numbers(raw, kind, shape, "F" if fortran else "C")

    def _numbers(self, raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
        dtype = self._plain(kind)
        if dtype == np.dtype(object) and isinstance(raw, list):
            flat = np.empty(len(raw), dtype=object)
            for place, one in enumerate(raw):
                flat[place] = self._finished(one)
        elif dtype != np.dtype(object) and isinstance(raw, bytes):
            flat = np.frombuffer(raw, dtype)
        else:
            raise _RefusedError(f"an array of {dtype} made of {type(raw).__name__}")
        return flat.reshape(shape, order="F" if order == "F" else "C").copy()

    def _plain(self, kind: Any) -> np.dtype[Any]:
        """The NumPy type, of an allowed kind."""
        code = kind.code if isinstance(kind, _Dtype) else kind
        if not isinstance(kind, _Dtype) or not isinstance(code, str) or not _CODE.fullmatch(code):
            raise _RefusedError(f"an array of {code!r}")
        dtype = np.dtype(code)
        if dtype.kind not in self.kinds:
            raise _RefusedError(f"an array of {dtype}")
        return dtype.newbyteorder(">") if kind.order == ">" else dtype


def _latin1(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise _RefusedError(f"text in {encoding!r}")
    return text.encode("latin1")


def _joined(*parts: Any) -> bytes:
    if not all(isinstance(part, bytes) for part in parts):
        raise _RefusedError("bytes made of something else")
    return b"".join(parts)
