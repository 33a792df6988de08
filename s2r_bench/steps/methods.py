"""From what a user typed to a simulator's class: a name, `file.py[:Class]`, an entry point, or a checkpoint folder."""

import ast
import difflib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from s2r_bench import registry
from s2r_bench.blame import at, remember
from s2r_bench.by_path import hint
from s2r_bench.errors import S2RError, UsageError
from s2r_bench.options import Options
from s2r_bench.records import content_key
from s2r_bench.simulator import Card, Simulator
from s2r_bench.steps.code import code_of

GROUP = "s2r_bench.simulators"
PARTS = ("card", "options_type", "fit", "simulate", "save", "load")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_TOLD = "small letters, digits and single '-'"
RENAME = "an arm has the name of its file, so rename the file (of two classes in one file, give each a file of its own)"


@dataclass(frozen=True)
class Method:
    """A simulator's class and what it is called.

    Attributes:
        name: as in tables and records.
        word: what finds it again: a name, or an absolute `path.py:Class`.
        cls: constructed as `cls(options, device)`.
        code: digest of its source and, of a plug-in, of its class's name; a changed method is another method.
    """

    name: str
    word: str
    cls: type[Simulator]
    code: str

    @property
    def trained(self) -> bool:
        """Whether it has to be fitted before it can simulate."""
        return self.cls.card.training != "untrained"

    @property
    def place(self) -> tuple[str, str]:
        """File and name of its class: equal where two words lead to one class."""
        try:
            file = str(Path(inspect.getfile(self.cls)).resolve())
        except (TypeError, OSError):  # a class that was made without a file
            file = self.word
        return file, self.cls.__qualname__

    def options(self, preset: str, overrides: Mapping[str, Any] | None = None) -> Options:
        """Its options at a preset; UsageError names the method and the option."""
        try:
            return self.cls.options_type.preset(preset, overrides)
        except UsageError as wrong:
            raise UsageError(f"{self.name}: {wrong}") from wrong


def known() -> list[str]:
    """Names of all simulators: this package's and those of installed packages. None is imported."""
    return sorted({*registry.names(registry.METHODS), *_installed()})


@dataclass(frozen=True)
class Listed:
    """One line of a list of methods. `fault` says why it cannot be used, "" if it can."""

    name: str
    summary: str
    fault: str = ""


def listed() -> list[Listed]:
    """All simulators and, of installed plug-ins that cannot be used, why. This package's own are not imported."""
    own = registry.names(registry.METHODS)
    found = [Listed(name, registry.summary(registry.METHODS, name)) for name in own]
    found += [_listed(name, entries, name in own) for name, entries in _installed().items()]
    return sorted(found, key=lambda one: (one.name, one.fault))


def _listed(name: str, entries: list[EntryPoint], taken: bool) -> Listed:
    where = ", ".join(entry.value for entry in entries)
    if taken:
        return Listed(name, "", f"the plug-in {where} has the name of a method of this package, which is used instead")
    try:
        method = find(name)
    except UsageError as wrong:
        return Listed(name, "", " ".join(str(wrong).split()))
    told = inspect.getdoc(inspect.getmodule(method.cls)) or inspect.getdoc(method.cls) or method.cls.card.title
    return Listed(name, f"{told.splitlines()[0]} ({where})")


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
    method = located(word)
    faults = contract_faults(method.cls)
    if faults:
        told = "; ".join(faults)
        raise UsageError(
            f"{word} does not keep the Simulator contract (s2r_bench/simulator.py): {told}. "
            f"`s2r-bench methods check {word}` looks at all of it"
        )
    return method


def located(word: str) -> Method:
    """What a word names, whether or not it keeps the contract (`contract_faults` says).

    Raises:
        UsageError: there is none, or it cannot be imported.
    """
    check_name(word)
    path, attribute = _split(word)
    if path.suffix == ".py":
        return _from_file(path.resolve(), attribute, path.stat().st_mtime_ns)
    if word in registry.names(registry.METHODS):
        member = registry.module(registry.METHODS, word)
        return Method(word, word, _class_in(member, None, word), code_of(member))
    if word in _installed():
        return _from_entry_points(word, _installed()[word])
    if path.is_file():
        raise UsageError(f"{word} is no Python file; a method is a name, or path/to/file.py:Class")
    raise UsageError(
        f"{word} is a folder, not a method{_meant(path)}; a checkpoint folder is given to simulate and evaluate"
    )


def refuse_shared_names(found: Iterable[tuple[str, Method]], taken: Iterable[str] = ()) -> None:
    """See to it that every method has a column of its own; one class under two words is one method.

    Args:
        found: (what the user typed, the method behind it) of all arms of a table.
        taken: names of arms that are there besides.

    Raises:
        UsageError: two methods of one name, or one of a name that is taken.
    """
    first: dict[str, tuple[str, Method]] = {}
    reserved = set(taken)
    for word, method in found:
        if method.name in reserved:
            raise UsageError(f"{word} would be the arm {method.name!r}, which is the task's own: {RENAME}")
        other, known_as = first.setdefault(method.name, (word, method))
        if known_as.place != method.place:
            raise UsageError(f"{other} and {word} are two methods, and both would be the arm {method.name!r}: {RENAME}")


def contract_faults(cls: Any) -> list[str]:
    """What keeps a class from being run at all; empty if nothing does."""
    if not isinstance(cls, type):
        return [f"it is a {type(cls).__name__}, not a class"]
    missing = [name for name in PARTS if not hasattr(cls, name)]
    if missing:
        return [f"no {', '.join(missing)}"]
    given: Any = cls
    faults = [f"{name} cannot be called" for name in PARTS[2:] if not callable(getattr(given, name))]
    if not isinstance(given.card, Card):
        faults.append(f"card is a {type(given.card).__name__}, not a Card")
    if not (isinstance(given.options_type, type) and issubclass(given.options_type, Options)):
        faults.append("options_type is no subclass of s2r_bench.options.Options")
    return faults


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


def _meant(folder: Path) -> str:
    """The simulators in a folder such as `methods new` writes, read as text: a question to ask back, or ""."""
    found = []
    for path in sorted([*folder.glob("*.py"), *folder.glob("src/*/*.py")]):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):
            continue
        for node in tree.body:
            inner = {part.name for part in getattr(node, "body", []) if isinstance(part, ast.FunctionDef)}
            if isinstance(node, ast.ClassDef) and {"fit", "simulate"} <= inner:
                found.append(f"{path}:{node.name}")
    return f". Did you mean {' or '.join(found[:3])}?" if found else ""


def _split(word: str) -> tuple[Path, str | None]:
    head, colon, attribute = word.rpartition(":")
    return (Path(head), attribute) if colon and head.endswith(".py") else (Path(word), None)


@lru_cache(maxsize=64)
def _from_file(path: Path, attribute: str | None, _mtime: int) -> Method:
    name = path.stem.replace("_", "-")
    own = registry.file_of(registry.METHODS, name)
    if own is not None and own.resolve() != path:
        raise UsageError(f"{path} would be the arm {name!r}, which is a method of this package: {RENAME}")
    with _importing(str(path), path):
        member = registry.module(registry.METHODS, str(path))
    cls = _class_in(member, attribute, str(path))
    return Method(name, f"{path}:{attribute}" if attribute else str(path), cls, _code(code_of(member), cls))


def _from_entry_points(name: str, entries: list[EntryPoint]) -> Method:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"an installed package ({entries[0].value}) calls a method {name!r}, which is no name: {NAME_TOLD}; its "
            "pyproject.toml gives it"
        )
    if len(entries) > 1:
        values = ", ".join(entry.value for entry in entries)
        raise UsageError(f"several installed packages call a method {name!r} ({values}): remove all but one")
    what = f"the installed method {name!r} ({entries[0].value})"
    with _importing(what):
        found = importlib.util.find_spec(entries[0].module.partition(".")[0])
        if found is not None and found.origin:
            remember(Path(found.origin))
        loaded = entries[0].load()
    cls = _class_in(loaded, None, what) if isinstance(loaded, ModuleType) else loaded
    member = loaded if isinstance(loaded, ModuleType) else inspect.getmodule(loaded)
    return Method(name, name, cls, _code(code_of(member) if member else entries[0].value, cls))


def _code(source: str, cls: Any) -> str:
    """Digest of a source and of which of its classes is meant: two classes of one file are two methods."""
    return content_key([source, getattr(cls, "__qualname__", "")])


@contextmanager
def _importing(what: str, path: Path | None = None) -> Iterator[None]:
    """Whatever somebody's module does when it is imported ends as a UsageError; what it prints goes to stderr."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except S2RError:
        raise
    except (Exception, SystemExit) as wrong:
        told = f"{what} cannot be imported: {type(wrong).__name__}: {wrong}{at(wrong)}"
        raise UsageError(told + (hint(path, wrong) if path else "")) from wrong


def _class_in(member: ModuleType, attribute: str | None, word: str) -> Any:
    cls = getattr(member, attribute or "simulator", None)
    if cls is None:
        wanted = (
            f"no {attribute!r}" if attribute else "no line `simulator: type[Simulator] = Mine`; or name file.py:Class"
        )
        raise UsageError(f"{word} has {wanted}")
    return cls


def _installed() -> dict[str, list[EntryPoint]]:
    """Names of plug-ins and who gives them; the same entry seen twice on the path counts once."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        others = found.setdefault(entry.name, [])
        if entry.value not in [other.value for other in others]:
            others.append(entry)
    return found
