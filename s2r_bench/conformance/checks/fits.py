"""Fitting: what it reads, that it can be repeated, and that a killed one goes on."""

import inspect
import sys
from pathlib import Path

from s2r_bench.conformance.child import KILLED, Order, follow
from s2r_bench.conformance.compare import distance, must_equal
from s2r_bench.conformance.outcome import DoesNotApply, Fault, check
from s2r_bench.conformance.pairs import again, renamed, turned, write_pairs
from s2r_bench.conformance.subject import SEED, Subject
from s2r_bench.simulator import FitReport
from s2r_bench.steps.code import imported, sources

# how much more a fit may change with the pairing than by chance, and what is small in any case (of the depth)
PAIRING_FACTOR, PAIRING_FLOOR = 5.0, 0.01


@check(
    "fit",
    "It can be fitted to the training pairs.",
    remedy="mend what fit raised; it returns an s2r_bench.simulator.FitReport",
    needs=("contract", "card"),
)
def fit(subject: Subject) -> str:
    """A fit, and its report."""
    handed, _ = subject.first_fit()
    report = subject.report
    if not isinstance(report, FitReport):
        raise Fault(f"fit returned a {type(report).__name__}, not a FitReport")
    return f"{len(handed)} pairs, {report.steps} steps, {report.parameters} parameters"


@check(
    "own-pairs",
    "A fit reads the pairs that it was handed and no others.",
    remedy="read pairs only by pairs[index] with 0 <= index < len(pairs); open no world and no folder of pairs",
    needs=("fit",),
)
def own_pairs(subject: Subject) -> str:
    """What was asked of the pairs, which files were opened, and what the code imports."""
    handed, seen = subject.first_fit()
    if handed.strange:
        raise Fault(f"fit asked its pairs for {handed.strange[0]}")
    captures = sorted(path for path in seen.opened if _holds_pairs(path, subject.room))
    if captures:
        raise Fault(f"fit opened {captures[0]}")
    member = inspect.getmodule(subject.method.cls) or sys.modules[subject.method.cls.__module__]
    core = Path(inspect.getfile(Subject)).parents[1]
    for path in sources(member):
        worlds = [name for name in imported(path) if name.startswith("s2r_bench.worlds")]
        if worlds and not path.is_relative_to(core):
            raise Fault(f"{path.name} imports {worlds[0]}, by which it could reach held-out captures")
    return f"{len(set(handed.reads))} of {len(handed)} pairs read"


def _holds_pairs(path: Path, room: Path) -> bool:
    outside = not path.is_relative_to(room.resolve())
    image = path.suffix in (".png", ".npz") and path.parent.name in ("captured", "real")
    return outside and (path.name == "cameras.json" or image)


@check(
    "pairing",
    "A fit without pairs does not find out which capture belongs to which clean frame.",
    remedy='declare training="paired" in the card, or draw clean and captured frames apart and without their names',
    needs=("fit", "values"),
)
def pairing(subject: Subject) -> str:
    """Other names change nothing; another pairing changes no more than another order or another seed does."""
    if subject.method.cls.card.training != "unpaired":
        raise DoesNotApply(f"it is {subject.method.cls.card.training}")
    other_names = subject.draw(subject.fit(renamed(subject.training)))
    must_equal(subject.shown, other_names, "with other names and poses for the captures")
    paired = subject.draw(subject.fit(again(subject.pairs)))
    moved = subject.draw(subject.fit(turned(subject.pairs)))
    other_seed = subject.draw(subject.fit(again(subject.pairs), seed=SEED + 1))
    by_chance = max(distance(paired, other, subject.frames) for other in (moved, other_seed))
    by_pairing = distance(paired, subject.shown, subject.frames)
    told = f"another pairing moves depth by {100 * by_pairing:.3g} %, another order or seed by {100 * by_chance:.3g} %"
    if by_pairing > PAIRING_FACTOR * by_chance + PAIRING_FLOOR:
        raise Fault(told)
    return told


@check(
    "fit-repeats",
    "Two fits with the same seed give the same simulator, bit for bit.",
    remedy="draw weights, order and noise from the seed of fit alone (s2r_bench.seeds.rng_of, torch_rng)",
    needs=("fit", "values", "repeats"),
)
def fit_repeats(subject: Subject) -> str:
    """A second fit, without a work folder."""
    subject.first_fit()
    must_equal(subject.shown, subject.draw(subject.fit(subject.training)), "fitted again")
    return "the same draws"


@check(
    "resume",
    "A killed fit that is called again with the same work folder ends in the same simulator, bit for bit.",
    remedy="leave nothing in workdir that cannot be read after a kill (write a .part file, then rename it), and keep "
    "all that a step depends on: weights, moments, step number (s2r_bench.engine.loop.Loop does)",
    needs=("fit", "values", "repeats", "fit-repeats"),
)
def resume(subject: Subject) -> str:
    """Another process is killed in the middle of its writes (of its reads, if it writes nothing)."""
    handed, seen = subject.first_fit()
    place, workdir = subject.folder(), subject.folder()
    write_pairs(subject.training, place / "pairs.npz")
    count, kind = (seen.writes, "write") if seen.writes else (len(handed.reads), "read")
    order = Order(
        subject.method.word,
        subject.options.model_dump(mode="json"),
        subject.device,
        SEED,
        pairs=str(place / "pairs.npz"),
        workdir=str(workdir),
        kill=kind,
        at=count // 2 + 1,
    )
    code = follow(order, place)
    must_equal(subject.shown, subject.draw(subject.fit(subject.training, workdir)), "continued after a kill")
    how = f"killed at {kind} {order.at} of {count}" if code == KILLED else "finished before it was killed"
    return f"{how}, continued: the same draws"
