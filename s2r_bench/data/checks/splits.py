"""Splits: known frames, in one split each, by whole stretches of a trajectory with gaps between."""

from collections.abc import Iterator
from itertools import pairwise

from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.data.splits import SPLITS, is_by_stretches
from s2r_bench.worlds.pair_folder import Cameras

PREPARE = "`s2r-bench data prepare --kind pairs` writes splits by stretches"


def check_splits(cameras: Cameras) -> list[Finding]:
    """Look at the `splits` of the cameras file."""
    if not cameras.splits:
        message = "there are no splits; each sequence is cut into stretches, the first 70 % to train"
        return [warning(cameras.path, message, f"Name splits to decide yourself; {PREPARE}")]
    findings = [*_names(cameras), *_shared(cameras)]
    return findings or list(_stretches(cameras))


def _names(cameras: Cameras) -> Iterator[Finding]:
    for split, names in cameras.splits.items():
        unknown = [name for name in names if name not in cameras.entries]
        if unknown:
            message = f"split {split} names {len(unknown)} frames without a camera, such as {unknown[0]!r}"
            yield error(cameras.path, message, "Every frame of a split stands in cam_to_world")
        if not names:
            yield error(cameras.path, f"split {split} is empty", "Give it frames, or take it out")
    for split in SPLITS:
        if split not in cameras.splits:
            yield error(cameras.path, f"there is no split {split}", f"The splits are {', '.join(SPLITS)}; {PREPARE}")


def _shared(cameras: Cameras) -> Iterator[Finding]:
    owner: dict[str, str] = {}
    for split, names in cameras.splits.items():
        shared = sorted({name for name in names if owner.setdefault(name, split) != split})
        if shared:
            message = f"{len(shared)} frames are in {owner[shared[0]]} and in {split}, such as {shared[0]!r}"
            yield error(cameras.path, message, "A frame belongs to one split, or scores mean nothing")
        twice = len(names) - len(set(names))
        if twice:
            yield warning(cameras.path, f"split {split} lists {twice} frames twice", "List each frame once")


def _stretches(cameras: Cameras) -> Iterator[Finding]:
    sequences: dict[str, list[str]] = {}
    for name, entry in cameras.entries.items():
        # stretches of one room have scene ids of their own: room@first-last
        sequences.setdefault(f"{entry.scene.partition('@')[0]}/{entry.sequence}", []).append(name)
    if not is_by_stretches(sequences, cameras.splits):
        message = "frames of different splits alternate along a sequence, as in a random split"
        yield warning(cameras.path, message, f"Neighbouring views are near-copies: hold out stretches; {PREPARE}")
        return
    split_of = {name: split for split, names in cameras.splits.items() for name in names}
    for names in sequences.values():
        for one, other in pairwise(names):
            if one in split_of and other in split_of and split_of[one] != split_of[other]:
                message = f"{one!r} ({split_of[one]}) and {other!r} ({split_of[other]}) follow each other directly"
                yield warning(cameras.path, message, "Leave some frames out between two stretches")
