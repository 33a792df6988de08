"""A check: a small function that judges a simulator, with what it looks at and what to do when it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from s2r_bench.blame import at, line_of, whole

if TYPE_CHECKING:
    from s2r_bench.conformance.subject import Subject

State = Literal["passed", "failed", "figure", "skipped", "blocked"]
Judge = Callable[["Subject"], str]


class Fault(Exception):
    """A check did not pass; the text says what was found. `trace`: the traceback that another process left."""

    def __init__(self, found: str, trace: str = "") -> None:
        super().__init__(found)
        self.trace = trace


class DoesNotApply(Exception):
    """A check asks for nothing of this simulator; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        name: of the check.
        state: "passed" or "failed"; "figure" is only told; "skipped" does not apply to this simulator; "blocked" could
            not be judged, because a check that it builds on failed.
        found: one line.
        remedy: what to do where it failed, "" elsewhere.
        trace: the traceback of what the simulator raised, "" where it raised nothing.
    """

    name: str
    state: State
    found: str
    remedy: str = ""
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.state}: {self.found}" + (f" What to do: {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class Check:
    """Called with a subject, gives an `Outcome`; it never raises what the simulator raised.

    Attributes:
        name: short, as in the table.
        asks: what it asks, one sentence.
        remedy: what to do where it fails.
        needs: names of the checks that have to be sound before this one can be judged.
        figure: a figure to tell, not a demand.
        judge: returns what was found, or raises `Fault` or `DoesNotApply`.
    """

    name: str
    asks: str
    remedy: str
    needs: tuple[str, ...]
    figure: bool
    judge: Judge

    def __str__(self) -> str:
        return self.name

    def __call__(self, subject: "Subject") -> Outcome:
        """The outcome; a subject is judged once by each check, whoever asks."""
        if self.name not in subject.outcomes:
            subject.outcomes[self.name] = self._outcome(subject)
        return subject.outcomes[self.name]

    def _outcome(self, subject: "Subject") -> Outcome:
        for need in self.needs:
            if subject.outcome(need).state in ("failed", "blocked"):
                return Outcome(self.name, "blocked", f"cannot be judged while {need!r} is not passed")
        try:
            found = self.judge(subject)
        except DoesNotApply as reason:
            return Outcome(self.name, "skipped", str(reason))
        except Fault as fault:
            behind = fault.__context__
            trace = fault.trace or (whole(behind) if behind is not None and line_of(behind) else "")
            return Outcome(self.name, "failed", str(fault), self.remedy, trace)
        except (Exception, SystemExit) as wrong:  # whatever somebody's simulator raises
            return Outcome(self.name, "failed", told(wrong), self.remedy, whole(wrong))
        return Outcome(self.name, "figure" if self.figure else "passed", found)


def check(
    name: str, asks: str, *, remedy: str, needs: tuple[str, ...] = (), figure: bool = False
) -> Callable[[Judge], Check]:
    """Make a check of a function."""
    return lambda judge: Check(name, asks, remedy, needs, figure, judge)


def told(wrong: BaseException) -> str:
    """An error as one line, with the line of the simulator's own code that it came through."""
    return f"{type(wrong).__name__}: {' '.join(str(wrong).split())}{at(wrong)}"
