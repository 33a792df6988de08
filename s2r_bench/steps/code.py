"""What a method or task does, as a digest: a changed member is another member, and its old results are not its own."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from s2r_bench import __version__

# parts of the core that carry or find things and compute no number: the package's version covers them
CARRIERS = frozenset(
    {
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


def code_of(member: ModuleType) -> str:
    """Digest of a member's syntax tree and of those of the files of ours that it imports, followed.

    Comments, docstrings and the carriers of the core do not count.
    """
    text = hashlib.sha256(__version__.encode())
    for path in _followed(Path(member.__file__ or "")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        text.update(ast.dump(tree).encode())
    return text.hexdigest()[:16]


def _followed(start: Path) -> list[Path]:
    """`start`, its folder if it is a package, and what they import, each once, in the order of their names."""
    found: set[Path] = set()
    waiting = sorted(start.parent.rglob("*.py")) if start.name == "__init__.py" else [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in _imported(path) for file in _files_of(name)]
    return sorted(found, key=lambda path: path.parts[-3:])


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _files_of(name: str) -> list[Path]:
    """The file behind a dotted name of one of our packages; none of any other."""
    package, *rest = name.split(".")
    if not package.startswith("s2r_") or not rest or (package == "s2r_bench" and rest[0] in CARRIERS):
        return []
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return []
    base = Path(spec.origin).parent.joinpath(*rest)
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
