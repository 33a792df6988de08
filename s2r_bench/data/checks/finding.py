"""What a check says: how bad, where, what, and what to do about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s2r_bench.errors import DataError


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or suspicious, with a pair folder.

    Attributes:
        severity: "error" makes results wrong or impossible; "warning" is worth a look.
        file: path of the file or folder that it is about.
        message: what was found, with figures.
        remedy: what to do.
    """

    severity: Literal["error", "warning"]
    file: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.file}: {self.message}. {self.remedy}"


def error(file: object, message: str, remedy: str) -> Finding:
    """A finding that must be mended."""
    return Finding("error", str(file), message, remedy)


def warning(file: object, message: str, remedy: str) -> Finding:
    """A finding that is worth a look."""
    return Finding("warning", str(file), message, remedy)


def of_error(wrong: DataError, base: Path, remedy: str) -> Finding:
    """The finding of a reader's error, whose message begins with the name of a file in `base`."""
    text = str(wrong)
    if not text.startswith(str(base)):
        return error(base, text, remedy)
    match = re.match(r"[^\s:,]*", text[len(str(base)) :])
    name = f"{base}{match.group() if match else ''}"
    return error(name, text[len(name) :].lstrip(" :,"), remedy)


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Stop where something is wrong.

    Raises:
        DataError: the first error; it says how many there are.
    """
    wrong = [finding for finding in findings if finding.severity == "error"]
    if wrong:
        more = f" ({len(wrong) - 1} more; `s2r-bench data verify` lists all)" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0].file}: {wrong[0].message}. {wrong[0].remedy}{more}")
