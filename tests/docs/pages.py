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
Line = tuple[int, str]


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
    fenced, rest = parted(page.read_text(encoding="utf-8"), page)
    return fenced + outside(rest, page)


def parted(text: str, page: Path) -> tuple[list[Block], list[Line]]:
    """Fenced blocks of a page's text, and the numbered lines outside.

    Raises:
        ValueError: a block without an end, or a comment that says how to test and is not understood.
    """
    fenced: list[Block] = []
    rest: list[Line] = []
    how, mark, start, held = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        said, fence = HOW.match(line.strip()), FENCE.match(line.strip())
        if mark and line.strip() == mark:
            fenced.append(Block(page, start, how, "\n".join(held)))
            how, mark = "", ""
        elif mark:
            held.append(line.strip())
        elif fence:
            mark, start, held = fence[1], number, []
        elif line.strip().startswith("<!-- test") and not said:
            raise ValueError(f"{page}:{number}: not understood: {line}")
        else:
            how = said[1] if said else how if not line.strip() else ""
            rest.append((number, line))
    if mark:
        raise ValueError(f"{page}: the block of line {start} has no end")
    return fenced, rest


def outside(rest: list[Line], page: Path) -> list[Block]:
    """Commands on indented lines, and in inline code."""
    loose = [
        Block(page, number, "", line.strip().removeprefix("$ "))
        for number, line in rest
        if re.match(rf"\s+(\$ )?{PROGRAM} ", line)
    ]
    text = "\n".join(line for _, line in rest)
    inline = [(_line_of(rest, found.start()), " ".join(found[1].split())) for found in INLINE.finditer(text)]
    return loose + [Block(page, number, "", words) for number, words in inline]


def _line_of(lines: list[Line], place: int) -> int:
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
        elif word[:1] in ("<", ">"):
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
    if own[-1:] == ["..."] and not own[-2:][0].startswith("-"):  # and so on, unless it stands for a value
        own.pop()
    return ["1" if re.fullmatch("[A-Z]", word) else re.sub(r"\$(\w+|\{[^}]*\})", "1", word) for word in own]
