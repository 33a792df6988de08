"""Formulas of a page as MathML, which browsers draw themselves: no script, no font and no request is needed.

`$x$` within a line, and `$$ ... $$` as a paragraph of its own, in LaTeX. An extension of Python-Markdown.
"""

import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

INLINE = r"(?<![\\$\w])\$(?![\s$])([^$]+?)(?<![\s\\])\$(?![\w$])"
BARS = {r"\lvert": r"\left\lvert", r"\rvert": r"\right\rvert", r"\lVert": r"\left\lVert", r"\rVert": r"\right\rVert"}
DISPLAY = re.compile(r"^\$\$\s*(.+?)\s*\$\$$", re.DOTALL)


def mathml(latex: str, *, display: bool) -> str:
    """The formula as a <math> element.

    Raises:
        ValueError: LaTeX that cannot be read; the message shows it.
    """
    # bars that do not know which side they stand on get an operator's spaces
    paired = re.sub(r"(?<!left)(?<!right)\\[lr][vV]ert(?![a-zA-Z])", lambda bar: BARS[bar[0]] + " ", latex)
    try:
        made = str(convert(paired, display="block" if display else "inline"))
    except Exception as wrong:  # the converter has many, none of which shows the formula
        raise ValueError(f"formula {latex!r}: {type(wrong).__name__} {wrong}") from wrong
    unknown = re.search(r"\\[a-zA-Z]+", made)  # the converter leaves what it does not know as it is
    if unknown:
        raise ValueError(f"formula {latex!r}: {unknown[0]} is not known")
    return made


class _Inline(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        return self.md.htmlStash.store(mathml(m.group(1), display=False)), m.start(0), m.end(0)


class _Display(BlockProcessor):
    def test(self, parent: Element, block: str) -> bool:
        return DISPLAY.match(block.strip()) is not None

    def run(self, parent: Element, blocks: list[str]) -> None:
        found = DISPLAY.match(blocks.pop(0).strip())
        assert found is not None  # test has looked
        div = Element("div", {"class": "formula"})
        div.text = self.parser.md.htmlStash.store(mathml(found.group(1), display=True))
        parent.append(div)


class MathMl(Extension):
    """Both forms, ahead of emphasis and of paragraphs."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register both."""
        md.inlinePatterns.register(_Inline(INLINE, md), "mathml", 185)
        md.parser.blockprocessors.register(_Display(md.parser), "mathml-display", 175)


def makeExtension(**options: object) -> MathMl:
    """What Python-Markdown calls."""
    return MathMl(**options)
