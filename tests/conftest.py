"""What the tests of several folders need."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from s2r_bench.steps import code

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL in software
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, one for all tests of pages; tests that need it are skipped where there is none.

    While it is open its event loop counts as this thread's running one: `asyncio.run` wants another thread.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[browser]")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(CHROMIUM)} is on the PATH")
    with api.sync_playwright() as play:
        try:
            found = play.chromium.launch(executable_path=program, args=FLAGS)
        except api.Error as wrong:  # as of a package that only says where the browser could be had
            pytest.skip(f"{program} does not start: {str(wrong).splitlines()[0]}")
        yield found
        found.close()


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ModuleType, str, str], None]]:
    """Lets a module's file read as if `old` were `new` there; what runs is not changed."""

    def edit(module: ModuleType, old: str, new: str) -> None:
        path, read = Path(module.__file__ or ""), Path.read_text
        assert old in read(path, encoding="utf-8")

        def changed(self: Path, encoding: str | None = None, errors: str | None = None) -> str:
            text = read(self, encoding, errors)
            return text.replace(old, new) if self == path else text

        monkeypatch.setattr(Path, "read_text", changed)
        code._parsed.cache_clear()  # the file itself is as old as it was

    yield edit
    code._parsed.cache_clear()
