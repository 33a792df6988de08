"""Which line of somebody's own code an error came through. Plug-ins are remembered when they are loaded."""

import traceback
from collections.abc import Iterator
from pathlib import Path

LINE, WHOLE = "s2r_line", "s2r_traceback"  # what an error is given to take along through a pipe
_packages: set[Path] = set()
_folders: set[Path] = set()


def remember(file: Path) -> None:
    """Take a file for somebody's own: with all of its package, or with the files beside it where it is in none."""
    top = package_of(file)
    if top is None:
        _folders.add(file.resolve().parent)
    else:
        _packages.add(top)


def package_of(file: Path) -> Path | None:
    """The topmost folder of the package that a file is in; None where it is in none."""
    folder, top = file.resolve().parent, None
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        folder, top = folder.parent, folder
    return top


def line_of(wrong: BaseException) -> str:
    """`mine.py:41, in fit`: the last line of somebody's own that an error, or what caused it, came through; or ""."""
    noted = getattr(wrong, LINE, "")
    if noted:
        return str(noted)
    for one in _chain(wrong):
        lines = [
            (Path(frame.f_code.co_filename), number, frame.f_code.co_name)
            for frame, number in traceback.walk_tb(one.__traceback__)
            if _is_theirs(Path(frame.f_code.co_filename))
        ]
        if lines:
            path, number, name = lines[-1]
            return f"{_short(path)}:{number}" + ("" if name == "<module>" else f", in {name}")
    return ""


def at(wrong: BaseException) -> str:
    """` (mine.py:41, in fit)`, to stand behind a message; or ""."""
    line = line_of(wrong)
    return f" ({line})" if line else ""


def whole(wrong: BaseException) -> str:
    """The traceback, also of an error that came out of another process."""
    return str(getattr(wrong, WHOLE, "")) or "".join(traceback.format_exception(wrong))


def kept(wrong: Exception, copy: Exception | None = None) -> Exception:
    """`wrong` (or its `copy`) with line and traceback as texts: those of a running program pass through no pipe."""
    made = copy or wrong
    texts = {LINE: line_of(wrong), WHOLE: whole(wrong)}
    for name, text in texts.items():
        try:
            setattr(made, name, text)
        except AttributeError:  # a class of errors that takes nothing along
            break
    return made


def _chain(wrong: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, what caused that."""
    seen: set[int] = set()
    one: BaseException | None = wrong
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _is_theirs(path: Path) -> bool:
    return path.parent in _folders or not _packages.isdisjoint(path.parents)


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
