"""How many captured samples a pretrained network may learn from: `0`, `0.25`, `25%`, `10`, `full`."""

import re
from dataclasses import dataclass

from s2r_bench.errors import UsageError

GRAMMAR = "0 (zero-shot), a share of the training set (0.25 or 25%), samples per class (10), or full"


@dataclass(frozen=True)
class Share:
    """A share of the captured training set, 0 to 1; 0 is zero-shot. The paper: 20 to 30 %, section 4.2."""

    value: float

    def __str__(self) -> str:
        return "zero-shot" if self.value == 0 else f"{100 * self.value:g} %"


@dataclass(frozen=True)
class PerClass:
    """So many samples of each class. The paper: 10, section 4.3."""

    value: int

    def __str__(self) -> str:
        return f"{self.value} per class"


Shots = Share | PerClass


def parse(text: str) -> Shots:
    """Read what the user typed. A whole number counts samples; a point or a percent sign makes it a share.

    >>> parse("0"), parse("0.25"), parse("25%"), parse("1"), parse("1.0"), parse("full")
    (Share(value=0.0), Share(value=0.25), Share(value=0.25), PerClass(value=1), Share(value=1.0), Share(value=1.0))

    Raises:
        UsageError: it is none of these.
    """
    text = text.strip()
    if text == "full":
        return Share(1.0)
    if re.fullmatch(r"\d+", text):
        return PerClass(int(text)) if int(text) else Share(0.0)
    if re.fullmatch(r"\d*\.?\d+%|\d*\.\d+", text):
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        if value <= 1:
            return Share(value)
    raise UsageError(f"--shots takes {GRAMMAR}; not {text!r}")
