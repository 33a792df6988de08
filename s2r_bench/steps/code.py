"""What a method or task does, as a digest: a changed member is another member, and its old results are not its own."""

import ast
import hashlib
import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from s2r_bench import __version__

# parts of the core that carry or find things and compute no number: the package's version covers them
CARRIERS = frozenset(
    {
        "blame",
        "by_path",
        "cli",
        "config",
        "errors",
        "files",
        "index",
        "options",
        "records",
        "registry",
        "shelf",
        "simulator",
        "steps",
        "store",
        "task",
        "types",
        "workers",
        "worlds",
    }
)


BY_PATH = "s2r_plugin_"
"""How the names of modules begin that were loaded from a file and have no name of their own (s2r_bench.by_path)."""


def code_of(member: ModuleType) -> str:
    """Digest of a member's syntax tree and of those of the files that it imports of ours or of its own.

    Its own are those of its package; of a single file that was loaded by its path, those beside it.

    Comments, docstrings and the carriers of the core do not count.
    """
    text = hashlib.sha256(__version__.encode())
    for path in sources(member):
        text.update(_parsed(path, _stamp(path)).dump)
    return text.hexdigest()[:16]


def code_of_parts(member: ModuleType, *names: str) -> str:
    """Digest of functions and methods of a member's file and of all in this file that they name; no import is followed.

    For a file whose parts decide different things: a change in one of them is no change of the others.

    Raises:
        ValueError: the file defines no such name.
    """
    defined = _definitions(_bare(Path(member.__file__ or "")))
    unknown = [name for name in names if name not in defined]
    if unknown:
        raise ValueError(f"{member.__file__} defines no {unknown[0]!r}")
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [word for part in defined[name] for word in _words(part) if word in defined]
    text = hashlib.sha256(__version__.encode())
    for part in (part for name in sorted(found) for part in defined[name]):
        text.update(ast.dump(part).encode())
    return text.hexdigest()[:16]


@dataclass(frozen=True)
class _Parsed:
    """What is asked of a file: its bare syntax tree as text, the names that it imports, where relative imports lead."""

    dump: bytes
    names: tuple[str, ...]
    relatives: tuple[Path, ...]


@lru_cache(maxsize=1024)
def _parsed(path: Path, stamp: tuple[int, int]) -> _Parsed:
    """Of a file as it is: dozens of files are asked for again and again in a process. `stamp` tells versions apart."""
    return _Parsed(ast.dump(_bare(path)).encode(), tuple(imported(path)), tuple(_relatives(path)))


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _bare(path: Path) -> ast.Module:
    """A file's syntax tree without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _definitions(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """What a file defines, by name: functions, classes and constants, and methods and attributes of its classes."""
    inner = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    found: dict[str, list[ast.stmt]] = {}
    for node in itertools.chain(tree.body, *inner):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        for name in names:
            found.setdefault(name, []).append(node)
    return found


def _words(part: ast.stmt) -> set[str]:
    """Names and attributes in a part. An attribute may be another object's: then a part too many is counted."""
    nodes = list(ast.walk(part))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def sources(member: ModuleType) -> list[Path]:
    """A member's file (its folder, if it is a package) and what they import, each once, in the order of their names."""
    start, package = Path(member.__file__ or ""), member.__name__.partition(".")[0]
    found: set[Path] = set()
    waiting = sorted(start.parent.rglob("*.py")) if start.name == "__init__.py" else [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            parsed = _parsed(path, _stamp(path))
            waiting += [file for name in parsed.names for file in _files_of(name, package)]
            waiting += [file for base in parsed.relatives for file in _module_at(base)]
            if member.__name__.startswith(BY_PATH) and "." not in member.__name__:
                waiting += [file for name in parsed.names for file in beside(start.parent, name)]
    return sorted(found, key=lambda path: path.parts[-3:])


def beside(folder: Path, name: str) -> list[Path]:
    """The files in a folder that a dotted name is found in: `net.py`; `parts/__init__.py` and `parts/net.py`.

    None of ours, also where somebody's file lies beside them in a checkout.
    """
    parts = name.split(".")
    if parts[0].startswith("s2r_"):
        return []
    return [file for count in range(len(parts)) for file in _module_at(folder.joinpath(*parts[: count + 1]))]


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, but for relative imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _relatives(path: Path) -> Iterator[Path]:
    """Where the relative imports of a file lead, without the ending. Ours has none; a plug-in's package may."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            yield base
            yield from (base / alias.name for alias in node.names)


def _files_of(name: str, own: str) -> list[Path]:
    """The file behind a dotted name of one of our packages or of the member's `own`; none of any other."""
    package, *rest = name.split(".")
    carrier = package == "s2r_bench" and bool(rest) and rest[0] in CARRIERS  # also for a member that is of the core
    if not rest or carrier or not (package.startswith("s2r_") or package == own):
        return []
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    return _module_at(Path(spec.origin).parent.joinpath(*rest))


def _module_at(base: Path) -> list[Path]:
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
