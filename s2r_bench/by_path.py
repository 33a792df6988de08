"""Loads a Python file that a user names by its path, with the files beside it that it imports; nothing is installed.

A file in a package (`__init__.py` beside it) gets the name that it has when it is installed, such as `my_sim.my_sim`:
`from .net import X` and `from my_sim.net import X` both work. A single file may import the files beside it
(`from net import X`). A name means one file in a process: what is installed or was loaded before keeps its name, and
what would mix two plug-ins up is refused.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from s2r_bench.blame import package_of, remember
from s2r_bench.errors import UsageError
from s2r_bench.steps.code import BY_PATH, beside, imported, sources


class _Offered(MetaPathFinder):
    """Finds modules and packages of plug-ins by name; it knows names alone that nobody else had."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self.files.get(fullname)
        return None if file is None else _spec(fullname, file)


_offered = _Offered()
_stamps: dict[str, int] = {}


def load(path: Path) -> ModuleType:
    """The module in a file; a file that was loaded and has not changed since is not run again.

    Raises:
        UsageError: there is no such file, or what it imports of its own is something else here already.
    """
    if not path.is_file():
        raise UsageError(f"there is no Python file at {path}")
    path = path.resolve()
    if _spec("s2r_any", path) is None:
        raise UsageError(f"{path} cannot be imported as Python")
    remember(path)
    if _offered not in sys.meta_path:
        sys.meta_path.insert(0, _offered)  # before the search of the path, to which a folder of that name is a package
    before = set(_offered.files)
    try:
        top = package_of(path)
        name = _name_alone(path) if top is None else _name_in(path, top)
        return _loaded(name, path)
    except BaseException:  # as Python's own import does: what failed is not there
        for new in set(_offered.files) - before:
            del _offered.files[new]
            for module in [one for one in sys.modules if one == new or one.startswith(f"{new}.")]:
                del sys.modules[module]
        raise


def offered(name: str) -> bool:
    """Whether a package is here because a plug-in was given by its path, and not because it is installed."""
    return name in _offered.files


def hint(path: Path, wrong: BaseException) -> str:
    """What to do where an import of a file's own kind failed, ". ..." or ""."""
    if not isinstance(wrong, ImportError):
        return ""
    missing, top = (wrong.name or "").partition(".")[0], package_of(path)
    if top is None:
        if missing == path.parent.name or "relative import" in str(wrong):
            return f". An empty {path.parent / '__init__.py'} makes its folder a package"
    elif missing and beside(path.parent, missing):
        return f". It is in a package: write `from .{missing} import ...`, or `from {top.name}.{missing} import ...`"
    return ""


def _name_alone(path: Path) -> str:
    """The name of a single file; what lies beside it and is imported by it is offered."""
    waiting, seen = [path], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in {dotted.partition(".")[0] for dotted in imported(file)}:
            found = [one for one in beside(path.parent, name) if name not in sys.stdlib_module_names]
            if found and _offer(name, found[0]) in (None, found[0]):
                waiting += found
    # the place is part of the name: files of one name must not stand in for each other
    return f"{BY_PATH}{path.stem.replace('.', '_')}_{_digest(path)}"


def _offer(name: str, file: Path) -> Path | None:
    """Make `name` mean `file`, unless it means something; what it meant before, None where it meant nothing.

    Raises:
        UsageError: it means a file of another plug-in.
    """
    known = _known(name)
    if known is None:
        _offered.files[name] = file
    elif known != file and known in _offered.files.values():
        raise UsageError(
            f"{file} cannot be imported as {name!r}: that is {known} here already, of another plug-in. Rename one of "
            "the two, or put an empty __init__.py beside each and import by `from .` and the name"
        )
    return known


def _name_in(path: Path, top: Path) -> str:
    """The name of a file in a package; another one where its package's name is somebody else's here."""
    parts = path.relative_to(top).with_suffix("").parts
    inner = ".".join(part.replace(".", "_") for part in parts if part != "__init__")
    start = top / "__init__.py"
    known = _known(top.name)
    if known is None:
        _offered.files[top.name] = start
    if known in (None, start):
        return f"{top.name}.{inner}" if inner else top.name
    other = f"{BY_PATH}{top.name}_{_digest(top)}"
    _offered.files[other] = start
    name = f"{other}.{inner}" if inner else other
    _refuse_names_of(top.name, name, path, known)
    return name


def _refuse_names_of(package: str, name: str, path: Path, known: Path | None) -> None:
    """Raise UsageError where a file would import from another package of the name of its own."""
    member = ModuleType(name)
    member.__file__ = str(path)
    for file in sources(member):
        for dotted in imported(file):
            if dotted.partition(".")[0] == package:
                raise UsageError(
                    f"{file} imports {dotted}, but {package!r} is {known} here already: write `from .` and the name "
                    "for what is of its own package, or give the package another name"
                )


def _known(name: str) -> Path | None:
    """The file that a name means now; None where it means nothing, or but a folder without `__init__.py`."""
    module = sys.modules.get(name)
    try:
        spec = getattr(module, "__spec__", None) if module else importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    origin = getattr(module, "__file__", None) or (spec.origin if spec else None)
    if origin is None:
        return None
    return Path(origin).resolve() if Path(origin).is_file() else Path(origin)  # "built-in" is no file


def _loaded(name: str, path: Path) -> ModuleType:
    parent, _, last = name.rpartition(".")
    if parent:
        importlib.import_module(parent)
    stamp, there = path.stat().st_mtime_ns, sys.modules.get(name)
    if there is not None and _stamps.setdefault(name, stamp) == stamp:
        return there
    spec = _spec(name, path)
    assert spec is not None  # seen to by `load`
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    _stamps[name] = stamp
    if parent:
        setattr(sys.modules[parent], last, made)
    return made


def _spec(name: str, file: Path) -> ModuleSpec | None:
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    return importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]
