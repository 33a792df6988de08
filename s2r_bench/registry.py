"""Finds what a user names. A room is a package whose files are its members; adding a file adds a name."""

import ast
import difflib
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType

from s2r_bench.by_path import load
from s2r_bench.errors import UsageError

METHODS = "s2r_baselines"
TASKS = "s2r_tasks"
ALIASES = {"cls": "classify", "seg": "segment", "direct": "fidelity"}


def names(room: str) -> list[str]:
    """What is in a room, by file name; none of the files is imported."""
    return sorted(_files(room))


def summary(room: str, name: str) -> str:
    """The first line of a member's docstring, read as text: listing members imports none of them."""
    path = _files(room)[name]
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def module(room: str, name: str) -> ModuleType:
    """The module behind `name`, or behind `path/to/file.py`; it alone is imported.

    Raises:
        UsageError: there is no such member.
    """
    if name.endswith(".py"):
        return load(Path(name))
    name = ALIASES.get(name, name)
    if name not in _files(room):
        raise UsageError(explain(room, name))
    return importlib.import_module(f"{room}.{name.replace('-', '_')}")


def file_of(room: str, name: str) -> Path | None:
    """The file of a member; None where there is no such member. It is not imported."""
    return _files(room).get(name)


def beside(room: str, folder: str, name: str) -> ModuleType | None:
    """What lies beside a member in a folder of its room, such as `_plans/recon.py`; None where there is nothing.

    Members never import it, so it is no part of what they do.
    """
    own = ALIASES.get(name, name).replace("-", "_")
    found = own.isidentifier() and importlib.util.find_spec(f"{room}.{folder}.{own}")
    return importlib.import_module(f"{room}.{folder}.{own}") if found else None


def explain(room: str, name: str) -> str:
    """What to tell somebody who named something that is not there."""
    close = difflib.get_close_matches(name, names(room), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"there is no {name!r}.{hint} There are: {', '.join(names(room))}; or give a path to a .py file"


def _files(room: str) -> dict[str, Path]:
    package = importlib.import_module(room)
    found: dict[str, Path] = {}
    for folder in package.__path__:
        for member in pkgutil.iter_modules([folder]):
            if not member.name.startswith("_"):
                path = Path(folder) / member.name
                found[member.name.replace("_", "-")] = path / "__init__.py" if member.ispkg else path.with_suffix(".py")
    return found
