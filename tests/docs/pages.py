"""Reads what a user would type from the pages: fenced blocks, lines and inline code that hold `s2r-bench ...`.

How a block is tested stands in a comment on the line before its fence, which no reader sees:

    <!-- test: run -->              run as it is, in a home and a folder that the page's blocks share, at preset smoke
    <!-- test: plan -->             run with --dry-run
    <!-- test: skip, needs LASA --> not run, for the reason that is given

Without a comment a block is not run. Whatever the comment says, every command has to parse: its options must exist.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "s2r-bench"
HOW = re.compile(r"<!-- test: (run|plan|skip, \S.*) -->$")
FENCE = re.compile(r"^(```+|~~~+)\s*(\S*)")
INLINE = re.compile(rf"`({PROGRAM} [^`]+)`")
BETWEEN = ("&&", "||", ";", "|", "&")


@dataclass(frozen=True)
class Block:
    """Lines of a page that belong together. `how`: "run", "plan", "skip, WHY", or "" where nothing is said."""

    page: Path
    line: int
    how: str
    text: str

    @property
    def id(self) -> str:
        """Page and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def steps(self) -> Iterator[list[str]]:
        """Its simple commands in order, each as words; without comments, and without where output goes."""
        for line in self.text.replace("\\\n", " ").splitlines():
            yield from simple(line)


def pages() -> list[Path]:
    """README, CONTRIBUTING and all of docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Fenced blocks, then each line outside of them that is a command, then inline code that is one."""
    fenced, rest = _parted(page)
    loose = [
        Block(page, number, "", line.strip().removeprefix("$ "))
        for number, line in rest
        if re.match(rf"\s+(\$ )?{PROGRAM} ", line)
    ]
    text = "\n".join(line for _, line in rest)
    inline = [Block(page, _line_of(rest, found.start()), "", " ".join(found[1].split())) for found in INLINE.finditer(text)]
    return fenced + loose + inline


def _parted(page: Path) -> tuple[list[Block], list[tuple[int, str]]]:
    """Fenced blocks, and the numbered lines outside."""
    fenced: list[Block] = []
    rest: list[tuple[int, str]] = []
    how, mark, start, held = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        said, fence = HOW.search(line.strip()), FENCE.match(line.strip())
        if mark:
            if line.strip() == mark:
                fenced.append(Block(page, start, how, "\n".join(held)))
                how, mark = "", ""
            else:
                held.append(line.strip())
        elif fence:
            mark, start, held = fence[1], number, []
        else:
            assert "<!-- test" not in line or said, f"{page}:{number}: not understood: {line}"
            how = said[1] if said else how if not line.strip() else ""
            rest.append((number, line))
    assert not mark, f"{page}: the block of line {start} has no end"
    return fenced, rest


def _line_of(lines: list[tuple[int, str]], place: int) -> int:
    for number, line in lines:
        place -= len(line) + 1
        if place < 0:
            return number
    raise AssertionError("beyond the end of the page")


def simple(line: str) -> Iterator[list[str]]:
    """The simple commands of a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    skip = False
    for word in lexer:
        if word in BETWEEN:
            if words:
                yield words
            words = []
        elif word[0] in "<>":
            skip = True  # the next word is a file that output goes to
        elif skip:
            skip = False
        else:
            words.append(word)
    if words:
        yield words


def command(words: list[str]) -> list[str] | None:
    """What follows the program's name, variables and single capitals filled in with 1; None where it is another's."""
    if PROGRAM not in words:
        return None
    own = words[words.index(PROGRAM) + 1 :]
    return ["1" if re.fullmatch("[A-Z]", word) else re.sub(r"\$(\w+|\{[^}]*\})", "1", word) for word in own]
