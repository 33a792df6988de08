"""One command's talk with its user: results on stdout, talk on stderr, errors as one line and an exit code."""

import json
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from s2r_bench.blame import at, line_of, whole
from s2r_bench.errors import S2RError
from s2r_bench.files import is_full_disk

if TYPE_CHECKING:
    from s2r_bench.store import Store

INTERRUPTED, TERMINATED = 130, 143
SYSTEM_LIBRARIES = "libegl1 libgl1 libx11-6 libudev1 libusb-1.0-0 libidn2-0"  # what Open3D loads
APT_LINE = f"Debian/Ubuntu: sudo apt-get install -y {SYSTEM_LIBRARIES}"


_set_aside: list[TextIO] = []


@contextmanager
def aside() -> Iterator[None]:
    """Meanwhile what is printed goes to stderr, by libraries below Python too; only `Session.answer` goes to stdout."""
    out, copy = sys.stdout, _copied_stdout()
    _set_aside.append(copy or out)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _set_aside.pop()
        if copy is not None:
            out.flush()  # of what took hold of it before, while it still leads to stderr
            os.dup2(copy.fileno(), 1)
            copy.close()


def _copied_stdout() -> TextIO | None:
    """A copy of the process's stdout, whose own number leads to stderr from now on; None where it is not the stdout."""
    try:
        sys.stdout.flush()
        if sys.stdout.fileno() != 1:
            return None
        copy = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
        os.dup2(2, 1)
    except (OSError, ValueError, AttributeError):  # closed, or something that is no file, as under a test
        return None
    return copy


class Terminated(BaseException):
    """SIGTERM arrived."""


@dataclass(frozen=True, eq=False)
class Session:
    """The flags that every command takes, and how it speaks.

    Attributes:
        json: exactly one JSON document on stdout.
        quiet: nothing on stderr but errors.
        verbose: what the methods log, too.
        home: where data and results lie.
        debug: tracebacks of all errors.
    """

    json: bool
    quiet: bool
    verbose: bool
    home: Path
    debug: bool

    @cached_property
    def store(self) -> "Store":
        """The artefact store."""
        from s2r_bench.store import Store

        return Store(self.home, self.say)

    def say(self, text: str) -> None:
        """Talk: to stderr, unless quiet."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")  # in one piece: cells side by side talk at the same time
            sys.stderr.flush()

    def warn(self, text: str) -> None:
        """A warning: to stderr, always."""
        print(f"warning: {text}", file=sys.stderr, flush=True)  # noqa: T201

    def answer(self, document: Any, text: str | None = None) -> None:
        """The result: `document` with --json, else `text`."""
        out = _set_aside[-1] if _set_aside else sys.stdout
        if self.json:
            print(json.dumps(document, indent=1, allow_nan=False, default=str), file=out, flush=True)
        elif text:
            print(text, file=out, flush=True)

    def progress(self, done: int, total: int, what: str = "frames") -> None:
        """One line that is written over, on a terminal only."""
        if self.quiet or not sys.stderr.isatty() or os.environ.get("CI"):
            return
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r  {done}/{total} {what}{end}")
        sys.stderr.flush()

    def run(self, work: Callable[[], int | None]) -> int:
        """The exit code of `work`; its errors are told here."""
        self.listen()
        with aside() if self.json else nullcontext():
            return self._run(work)

    def _run(self, work: Callable[[], int | None]) -> int:
        try:
            return work() or 0
        except KeyboardInterrupt:
            return self._stopped(INTERRUPTED)
        except Terminated:
            return self._stopped(TERMINATED)
        except BrokenPipeError:
            raise
        except Exception as wrong:
            return self._failed(wrong)

    def error(self, wrong: BaseException) -> None:
        """One line (or a traceback) about an error, to stderr."""
        if self.debug:
            sys.stderr.write(whole(wrong))
        print(f"error: {describe(wrong)}", file=sys.stderr, flush=True)  # noqa: T201

    def _failed(self, wrong: Exception) -> int:
        code = exit_code_of(wrong)
        self.error(wrong)
        if self.json:
            self.answer({"error": {"kind": type(wrong).__name__, "message": describe(wrong), "exit_code": code}})
        return code

    def _stopped(self, code: int) -> int:
        again = shlex.join(["s2r-bench", *sys.argv[1:]])
        print(f"\nstopped; what is done is saved. Continue with the same command: {again}", file=sys.stderr)  # noqa: T201
        return code

    def listen(self) -> None:
        """Hear the log of the package and of libraries as much as the flags say."""
        logging.basicConfig(
            stream=sys.stderr,
            format="%(message)s" if not self.verbose else "%(name)s: %(message)s",
            level=logging.ERROR if self.quiet else logging.INFO if self.verbose else logging.WARNING,
        )
        if not (self.verbose or self.debug):
            warnings.simplefilter("ignore")  # libraries' notes to programmers


def describe(wrong: BaseException) -> str:
    """What to tell of an error: what was wrong, where, what to do."""
    if isinstance(wrong, S2RError):
        line = line_of(wrong.__cause__) if wrong.__cause__ else ""
        return f"{wrong} ({line})" if line and line not in str(wrong) else str(wrong)
    if is_full_disk(wrong):
        where = getattr(wrong, "filename", None) or "the disk of S2R_HOME"
        return f"no space left on the device while writing {where}; free some, or choose another place with --home"
    if is_missing_library(wrong):
        return f"{wrong}. {APT_LINE}"
    if isinstance(wrong, OSError):
        return (f"{wrong.filename}: {wrong.strerror}" if wrong.filename else str(wrong)) + at(wrong)
    line = line_of(wrong)
    more = f"{line}; --traceback shows all of it" if line else "not foreseen; --traceback shows where"
    return f"{type(wrong).__name__}: {wrong} ({more})"


def exit_code_of(wrong: BaseException) -> int:
    """The exit code that belongs to an error."""
    if isinstance(wrong, S2RError):
        return wrong.exit_code
    lacking = is_full_disk(wrong) or is_missing_library(wrong) or isinstance(wrong, PermissionError)
    return 4 if lacking else 1


def is_missing_library(wrong: BaseException) -> bool:
    """Whether an error says that a system library is not there, as `import open3d` does."""
    return isinstance(wrong, ImportError | OSError) and "cannot open shared object file" in str(wrong)
