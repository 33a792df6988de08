"""What decides a draw: a frame and its seeds, and nothing else."""

from s2r_bench.conformance.compare import must_equal, same
from s2r_bench.conformance.outcome import Fault, check
from s2r_bench.conformance.subject import Subject
from s2r_bench.seeds import FrameSeed

# neither ordered nor equally spaced, or a seed taken from its neighbour would pass for its own
SEEDS = (FrameSeed(7, 1), FrameSeed(80, 1), FrameSeed(3, 2), FrameSeed(51, 2))


@check(
    "repeats",
    "The same frames and seeds give the same draw, bit for bit.",
    remedy="make a generator from the frame's seed in simulate (s2r_bench.seeds.rng_of(seed.view, ...)); no global one",
    needs=("values",),
)
def repeats(subject: Subject) -> str:
    """Twice."""
    must_equal(subject.shown, subject.draw(subject.fitted), "simulated again")
    return "the same draws"


@check(
    "seeds",
    "Other seeds give another draw if the card says stochastic, and the same one if not.",
    remedy="draw from seed.view (and seed.session for what a sequence shares), or set card.stochastic as it is",
    needs=("values", "repeats", "card"),
)
def seeds(subject: Subject) -> str:
    """One frame, two seeds."""
    first, other = (subject.draw(subject.fitted, subject.frames[:1], [FrameSeed(i, i)])[0] for i in (1, 2))
    equal = same(first, other)
    if equal and subject.method.cls.card.stochastic:
        raise Fault("the card says stochastic, but two seeds give the same draw")
    if not equal and not subject.method.cls.card.stochastic:
        raise Fault("the card says not stochastic, but two seeds give two draws")
    return "two seeds, one answer" if equal else "two seeds, two draws"


@check(
    "batch",
    "A draw does not depend on how many frames are simulated together, or in which order.",
    remedy="treat each frame by itself: no statistics over the batch, no generator shared by its frames",
    needs=("values", "repeats"),
)
def batch(subject: Subject) -> str:
    """All together, each alone, and backwards."""
    frames, chosen = subject.frames, [SEEDS[index % len(SEEDS)] for index in range(len(subject.frames))]
    whole = subject.draw(subject.fitted, frames, chosen)
    alone = [subject.draw(subject.fitted, [frame], [seed])[0] for frame, seed in zip(frames, chosen, strict=True)]
    must_equal(whole, alone, "alone and in a batch")
    backwards = subject.draw(subject.fitted, frames[::-1], chosen[::-1])
    must_equal(whole, backwards[::-1], "in another order")
    if subject.draw(subject.fitted, [], []):
        raise Fault("frames came back for none")
    return f"1 and {len(frames)} frames at once, both orders: the same draws"
