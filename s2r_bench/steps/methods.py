"""From what a user typed to a simulator's class: a name, `file.py[:Class]`, an entry point, or a checkpoint folder."""

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from s2r_bench import registry
from s2r_bench.errors import S2RError, UsageError
from s2r_bench.options import Options
from s2r_bench.simulator import Simulator
from s2r_bench.steps.code import code_of

GROUP = "s2r_bench.simulators"


@dataclass(frozen=True)
class Method:
    """A simulator's class and what it is called.

    Attributes:
        name: as in tables and records.
        word: what finds it again: a name, or an absolute `path.py:Class`.
        cls: constructed as `cls(options, device)`.
        code: digest of its source; a changed method is another method.
    """

    name: str
    word: str
    cls: type[Simulator]
    code: str

    @property
    def trained(self) -> bool:
        """Whether it has to be fitted before it can simulate."""
        return self.cls.card.training != "untrained"

    def options(self, preset: str, overrides: Mapping[str, Any] | None = None) -> Options:
        """Its options at a preset; UsageError names the method and the option."""
        try:
            return self.cls.options_type.preset(preset, overrides)
        except UsageError as wrong:
            raise UsageError(f"{self.name}: {wrong}") from wrong


def known() -> list[str]:
    """Names of all simulators: this package's and those of installed packages. None is imported."""
    return sorted({*registry.names(registry.METHODS), *_installed()})


def summary(name: str) -> str:
    """One line about a simulator, without importing it."""
    if name in registry.names(registry.METHODS):
        return registry.summary(registry.METHODS, name)
    return f"installed: {_installed()[name].value}"


def check_name(word: str) -> str:
    """`word` if it names a simulator, a Python file or a checkpoint folder.

    Raises:
        UsageError: it does not; the message has the closest name.
    """
    path = _split(word)[0]
    if word in known() or path.is_file() or path.is_dir():
        return word
    if path.suffix == ".py":
        raise UsageError(f"there is no Python file at {path}")
    close = difflib.get_close_matches(word, known(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(
        f"there is no method {word!r}.{hint} There are: {', '.join(known())}; or give a path to a .py file"
    )


def find(word: str) -> Method:
    """The method behind a name or `path/to/file.py[:Class]`; it alone is imported.

    Raises:
        UsageError: there is none, or it does not keep the `Simulator` contract.
    """
    check_name(word)
    path, attribute = _split(word)
    if path.suffix == ".py":
        return _from_file(path.resolve(), attribute, path.stat().st_mtime_ns)
    if word in registry.names(registry.METHODS):
        member = registry.module(registry.METHODS, word)
        return Method(word, word, _class_in(member, None, word), code_of(member))
    if word in _installed():
        return _from_entry_point(word, _installed()[word])
    raise UsageError(f"{word} is a folder, not a method; a checkpoint folder is given to simulate and evaluate")


def served(method: Method, *, sensor: bool = False) -> Method:
    """`method`, if the runners can give it all that its card asks for: depth, camera, and normals made of them.

    Args:
        method: what is to be run.
        sensor: whether the world owns its sensor, so that "truth" can be had.

    Raises:
        UsageError: it needs meshes or the truth, which pairs of depth maps do not hold.
    """
    lacking = [need for need in method.cls.card.needs if need == "mesh" or (need == "truth" and not sensor)]
    if lacking:
        raise UsageError(
            f"{method.name} needs {' and '.join(lacking)} to simulate (card.needs), and only clean depth, camera and "
            "scene ids are given here: it cannot be run"
        )
    return method


def _split(word: str) -> tuple[Path, str | None]:
    head, colon, attribute = word.rpartition(":")
    return (Path(head), attribute) if colon and head.endswith(".py") else (Path(word), None)


@lru_cache(maxsize=64)
def _from_file(path: Path, attribute: str | None, _mtime: int) -> Method:
    name = path.stem.replace("_", "-")
    try:
        member = registry.module(registry.METHODS, str(path))
    except S2RError:
        raise
    except Exception as wrong:  # whatever a user's file does when it is imported
        raise UsageError(f"{path} cannot be imported: {type(wrong).__name__}: {wrong}") from wrong
    cls = _class_in(member, attribute, str(path))
    return Method(name, f"{path}:{attribute}" if attribute else str(path), cls, code_of(member))


def _from_entry_point(name: str, entry: EntryPoint) -> Method:
    try:
        loaded = entry.load()
    except Exception as wrong:  # whatever an installed package does when it is imported
        raise UsageError(f"the installed method {name!r} ({entry.value}) cannot be imported: {wrong}") from wrong
    member = inspect.getmodule(loaded)
    cls = _class_in(loaded, None, name) if isinstance(loaded, ModuleType) else loaded
    return Method(name, name, _checked(cls, name), code_of(member) if member else entry.value)


def _class_in(member: ModuleType, attribute: str | None, word: str) -> type[Simulator]:
    cls = getattr(member, attribute or "simulator", None)
    if cls is None:
        wanted = (
            f"no {attribute!r}" if attribute else "no line `simulator: type[Simulator] = Mine`; or name file.py:Class"
        )
        raise UsageError(f"{word} has {wanted}")
    return _checked(cls, word)


def _checked(cls: Any, word: str) -> type[Simulator]:
    wanted = ("card", "options_type", "fit", "simulate", "save", "load")
    missing = [name for name in wanted if not hasattr(cls, name)]
    if missing or not isinstance(cls, type):
        raise UsageError(
            f"{word} does not keep the Simulator contract (s2r_bench/simulator.py): no {', '.join(missing)}"
        )
    return cls


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
