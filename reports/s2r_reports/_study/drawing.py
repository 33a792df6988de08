"""Which views are shown: as many of each source, none of them on the first screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2r_bench.errors import DataError
from s2r_bench.seeds import rng_of
from s2r_reports._study.layout import CAPTURED, Show
from s2r_reports._study.pools import Candidate, Pools

ADVICE = {
    "views": "take fewer (--samples, --examples), or make more: `s2r-bench evaluate -t fidelity --set "
    "task.kept_views=N` keeps N views a run, `s2r-bench simulate` writes whole folders",
    "clouds": "take fewer (--samples, --examples), or simulate more sequences or models: each gives one cloud",
}


@dataclass(frozen=True)
class Drawn:
    """Source (the captures last) -> its samples, and the captures of the first screen."""

    samples: Mapping[str, Sequence[Candidate]]
    examples: Sequence[Candidate]


def draw(pools: Pools, samples: int, examples: int, seed: int, same_views: bool, show: Show = "views") -> Drawn:
    """Draw the views of a study by its seed.

    Args:
        pools: what there is.
        samples: of each source and of the captures.
        examples: captures on the first screen; their views are no sample of any source.
        seed: decides the draw.
        same_views: every source shows the same views; else each source's are drawn on their own.
        show: what candidates are, for the words of errors.

    Raises:
        DataError: some source has too few views; the message says how many and what to do.
    """
    every = {**pools.sources, CAPTURED: pools.captured}
    known = _unique(pools.captured)
    if len(known) < samples + examples:
        raise DataError(
            f"{len(known)} {show} have captures, {samples} samples and {examples} examples need {samples + examples}: "
            + ADVICE[show]
        )
    # where sources show views of the captures, samples come first: examples are taken from what they can spare
    shared = set(known).intersection(*({one.view for one in found} for found in every.values()))
    pick = [str(view) for view in rng_of(seed, "study", "views").permutation(sorted(known))]
    spare = sorted(pick, key=lambda view: view in shared) if same_views else pick
    shown_first = frozenset(spare[:examples])
    same = [view for view in pick if view in shared - shown_first][:samples] if same_views else None
    if same is not None and len(same) < samples:
        raise DataError(f"{len(same)} {show} are shared by all and no example, {samples} are needed: {ADVICE[show]}")
    chosen = {name: _of_source(name, found, shown_first, same, samples, seed, show) for name, found in every.items()}
    return Drawn(chosen, [known[view] for view in sorted(shown_first)])


def _of_source(
    name: str,
    found: Sequence[Candidate],
    taken: frozenset[str],
    same: Sequence[str] | None,
    samples: int,
    seed: int,
    show: Show,
) -> list[Candidate]:
    """`samples` candidates of different views, of whichever run."""
    by_view: dict[str, list[Candidate]] = {}
    for one in found:
        if one.view not in taken:
            by_view.setdefault(one.view, []).append(one)
    rng = rng_of(seed, "study", "samples", name)
    views = list(same) if same is not None else [str(view) for view in rng.permutation(sorted(by_view))][:samples]
    if len(views) < samples:
        raise DataError(f"{name}: {len(by_view)} {show} that are no example, {samples} are needed: {ADVICE[show]}")
    return [by_view[view][int(rng.integers(len(by_view[view])))] for view in views]


def _unique(captured: Sequence[Candidate]) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    for one in captured:
        found.setdefault(one.view, one)
    return found
