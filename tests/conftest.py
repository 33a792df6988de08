"""What the tests of several folders need."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from s2r_bench.steps import code


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
