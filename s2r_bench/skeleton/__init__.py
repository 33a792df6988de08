"""A project to start a simulator of one's own from: the files in `project/`, with names put in."""

import importlib.util
import keyword
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from s2r_bench import __version__
from s2r_bench.by_path import offered
from s2r_bench.errors import UsageError
from s2r_bench.files import write_text
from s2r_bench.steps.methods import NAME, NAME_TOLD, known

ENDING = ".tmpl"  # so that no tool takes a template for code


@dataclass(frozen=True)
class Project:
    """What was written: the method's name, its module within the folder, its class."""

    name: str
    module: Path
    cls: str


def write_project(folder: Path, name: str | None = None) -> Project:
    """Write a project with one small simulator into `folder`.

    Args:
        folder: not there yet, or empty (a new Git repository counts as empty).
        name: of the method, such as "my-sim"; None: the folder's.

    Raises:
        UsageError: the folder holds something, or the name cannot be used.
    """
    if folder.exists() and (not folder.is_dir() or any(path.name != ".git" for path in folder.iterdir())):
        raise UsageError(f"{folder} is not empty, and nothing is overwritten: name a new folder")
    name = _usable(name or folder.resolve().name.lower().replace("_", "-"))
    package = name.replace("-", "_")
    cls = "".join(part.capitalize() for part in name.split("-"))
    words = {"name": name, "package": package, "cls": cls, "version": __version__}
    made = {
        path.replace("PACKAGE", package).removesuffix(ENDING): Template(text).substitute(words)
        for path, text in _templates(files("s2r_bench.skeleton") / "project")
    }
    for path, text in made.items():
        write_text(folder / path, text)
    return Project(name, Path("src") / package / f"{package}.py", cls)


def _templates(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _templates(item, f"{prefix}{item.name}/")
        elif item.name.endswith(ENDING):
            yield prefix + item.name, item.read_text(encoding="utf-8")


def _usable(name: str) -> str:
    """`name`, if a method and a Python package can have it."""
    package = name.replace("-", "_")
    if not NAME.fullmatch(name) or keyword.iskeyword(package):
        raise UsageError(f"a method cannot be called {name!r}: {NAME_TOLD}; give --name my-sim")
    if name in known():
        raise UsageError(f"there is a method {name!r} already; give another --name")
    spec = importlib.util.find_spec(package)  # without an origin it is but a folder of that name
    installed = spec is not None and spec.origin is not None and not offered(package)
    if package in sys.stdlib_module_names or installed:
        raise UsageError(f"there is a Python package {package!r} already; give another --name")
    return name
