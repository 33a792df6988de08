"""Digests of parts of a file change with what these parts do, and with nothing else."""

from pathlib import Path
from types import ModuleType

import pytest

from s2r_bench.steps.code import code_of_parts

TEXT = '''
"""A file."""
LIMIT = 3
OTHER: int = 4


def helper(x):
    return x + LIMIT


class Thing:
    share = 0.5

    def one(self):
        """What it gives."""
        return self._half(helper(1))

    def _half(self, x):
        return self.share * x

    def two(self):
        return OTHER
'''


@pytest.fixture
def member(tmp_path: Path) -> ModuleType:
    made = ModuleType("made")
    made.__file__ = str(tmp_path / "made.py")
    Path(made.__file__).write_text(TEXT)
    return made


def codes(member: ModuleType, old: str = "", new: str = "") -> tuple[str, str]:
    Path(member.__file__ or "").write_text(TEXT.replace(old, new) if old else TEXT)
    return code_of_parts(member, "one"), code_of_parts(member, "two")


@pytest.mark.parametrize(
    ("old", "new"),
    [("helper(1)", "helper(2)"), ("self.share * x", "x"), ("x + LIMIT", "x"), ("LIMIT = 3", "LIMIT = 4"), ("0.5", "1")],
)
def test_what_a_part_names_counts_with_it(member: ModuleType, old: str, new: str) -> None:
    before, after = codes(member), codes(member, old, new)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_other_parts_docstrings_and_comments_do_not_count(member: ModuleType) -> None:
    before = codes(member)
    assert codes(member, "OTHER: int = 4", "OTHER: int = 5")[0] == before[0]
    assert codes(member, "OTHER: int = 4", "OTHER: int = 5")[1] != before[1]
    assert codes(member, "What it gives.", "Half of it.") == before
    assert codes(member, "LIMIT = 3", "LIMIT = 3  # of all") == before
    assert before[0] != before[1]


def test_a_part_that_is_not_there_is_refused(member: ModuleType) -> None:
    with pytest.raises(ValueError, match="no 'three'"):
        code_of_parts(member, "one", "three")
