"""Splits of a pair folder: whole stretches of each trajectory, with gaps, so that neighbouring views never part.

Neighbouring frames of a hand-held sequence show the same surfaces from nearly the same place. A split at random would
put near-copies of the training frames into the test set; so a split takes whole stretches, and the frames between two
stretches belong to none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from s2r_bench.errors import DataError, UsageError

SPLITS = ("train", "val", "test")
FRACTIONS = (0.70, 0.10, 0.20)
GAP = 0.03


def frame_number(name: str, position: int = 0) -> int:
    """The number that a frame's name ends in, else its position.

    >>> frame_number("seq-01_frame-000042"), frame_number("left", 7)
    (42, 7)
    """
    digits = re.search(r"(\d+)\D*$", name)
    return int(digits.group(1)) if digits else position


def parse_ranges(words: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Read `train=0000:0519` words: first and last frame number of each split, both in it.

    Raises:
        UsageError: another form, a name that is no split, or two ranges that share frames.

    >>> parse_ranges(["train=0000:0519", "val=0540:0599"])
    {'train': (0, 519), 'val': (540, 599)}
    """
    ranges: dict[str, tuple[int, int]] = {}
    for word in words:
        match = re.fullmatch(r"(\w+)=(\d+):(\d+)", word.strip())
        if match is None or match.group(1) not in SPLITS:
            raise UsageError(f"a split is given as NAME=FIRST:LAST with NAME of {', '.join(SPLITS)}, not {word!r}")
        ranges[match.group(1)] = (int(match.group(2)), int(match.group(3)))
    _check_apart(ranges)
    return ranges


def split_by_ranges(
    sequences: Mapping[str, Sequence[str]], ranges: Mapping[str, tuple[int, int]]
) -> dict[str, list[str]]:
    """Names of each split, by frame number; the ranges count within every sequence.

    Args:
        sequences: sequence -> frame names in order of time.
        ranges: split -> first and last frame number, both in it.

    Raises:
        UsageError: the ranges overlap.
        DataError: a split gets no frame.
    """
    _check_apart(ranges)
    chosen: dict[str, list[str]] = {split: [] for split in ranges}
    for names in sequences.values():
        for position, name in enumerate(names):
            number = frame_number(name, position)
            for split, (first, last) in ranges.items():
                if first <= number <= last:
                    chosen[split].append(name)
    _check_filled(chosen)
    return chosen


def split_by_fractions(
    sequences: Mapping[str, Sequence[str]], fractions: Sequence[float] = FRACTIONS, gap: float = GAP
) -> dict[str, list[str]]:
    """Names of each split: the first `fractions[0]` of every sequence, a gap, the next, a gap, the rest.

    Args:
        sequences: sequence -> frame names in order of time.
        fractions: train, val and test share of the frames that the gaps leave.
        gap: share of a sequence that is left out between two stretches, at least one frame.

    Raises:
        UsageError: fractions that do not sum to one, or a gap that is no small share.
        DataError: too few frames for three stretches with gaps.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6 or not 0 <= gap < 0.3:
        raise UsageError(
            f"fractions {list(fractions)} must be three positive shares that sum to 1, and gap {gap} in 0 to 0.3"
        )
    chosen: dict[str, list[str]] = {split: [] for split in SPLITS}
    for names in sequences.values():
        hole = max(1, round(gap * len(names)))
        usable = len(names) - 2 * hole
        first = min(max(1, round(fractions[0] * usable)), max(1, usable - 2))
        second = first + hole + max(1, round(fractions[1] * usable))
        chosen["train"] += names[:first]
        chosen["val"] += names[first + hole : second]
        chosen["test"] += names[second + hole :]
    _check_filled(chosen)
    return chosen


def is_by_stretches(sequences: Mapping[str, Sequence[str]], chosen: Mapping[str, Sequence[str]]) -> bool:
    """Whether every split holds whole stretches: in no sequence do frames of two splits alternate.

    >>> is_by_stretches({"a": ["0", "1", "2", "3"]}, {"train": ["0", "1"], "test": ["3"]})
    True
    >>> is_by_stretches({"a": ["0", "1", "2", "3"]}, {"train": ["0", "2"], "test": ["1", "3"]})
    False
    """
    split_of = {name: split for split, names in chosen.items() for name in names}
    if len(split_of) < sum(len(set(names)) for names in chosen.values()):
        return False  # a frame in two splits
    for names in sequences.values():
        runs = [split_of[name] for name in names if name in split_of]
        changes = sum(one != other for one, other in pairwise(runs))
        if changes >= len(set(runs)) > 1:
            return False
    return True


def scene_ids(
    rooms: Mapping[str, str], sequences: Mapping[str, Sequence[str]], chosen: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Frame -> scene id: the room, or `room@0000-0519` where held-out stretches of one room are in several splits.

    Of a room with several sequences each stretch names its own: `room@seq-01:0000-0519`. A split by stretches is a
    split of scenes to the leakage guard (`shared_scenes`). Where frames of two splits alternate, the ids stay the
    room's own, and the guard refuses the split.
    """
    ids = dict(rooms)
    sequence_of = {name: key.rpartition("/")[2] for key, names in sequences.items() for name in names}
    if not is_by_stretches(sequences, chosen):
        return ids
    shared: dict[str, set[str]] = {}
    for split, names in chosen.items():
        for name in names:
            shared.setdefault(rooms[name], set()).add(split)
    for names in chosen.values():
        for room in sorted({rooms[name] for name in names}):
            if len(shared[room]) > 1:
                several = len({sequence_of[name] for name, where in rooms.items() if where == room}) > 1
                for sequence in sorted({sequence_of[name] for name in names if rooms[name] == room}):
                    stretch = [name for name in names if rooms[name] == room and sequence_of[name] == sequence]
                    span = f"{frame_number(stretch[0]):04d}-{frame_number(stretch[-1], len(stretch)):04d}"
                    ids.update(dict.fromkeys(stretch, f"{room}@{sequence}:{span}" if several else f"{room}@{span}"))
    return ids


def shared_scenes(trained: Iterable[str], scored: Iterable[str]) -> list[str]:
    """The scored scene ids that share frames with a trained one: the same id, or stretches of one room that overlap.

    A trained id that ends in * stands for all ids that begin so.

    >>> shared_scenes(["kitchen@0000-0700", "hall"], ["kitchen@0640-0796", "kitchen@0710-0720", "hall", "den"])
    ['hall', 'kitchen@0640-0796']
    >>> shared_scenes(["kitchen@a:0000-0519"], ["kitchen@b:0500-0600", "kitchen@a:0500-0600", "kitchen"])
    ['kitchen', 'kitchen@a:0500-0600']
    >>> shared_scenes(["area_*"], ["area_1", "area_2@0000-0100", "hall"])
    ['area_1', 'area_2@0000-0100']
    """
    every = set(trained)
    known = [_stretch(scene) for scene in every if not scene.endswith("*")]
    beginnings = tuple(scene[:-1] for scene in every if scene.endswith("*"))
    return sorted(
        scene
        for scene in set(scored)
        if scene.startswith(beginnings) or any(_meet(one, _stretch(scene)) for one in known)
    )


def _stretch(scene: str) -> tuple[str, str, int, int]:
    """(room, sequence, first, last frame number) of a scene id; "" = of any sequence, last -1 = the whole room."""
    match = re.fullmatch(r"(.+)@(?:(.+):)?(\d+)-(\d+)", scene)
    if match is None:
        return scene, "", 0, -1
    return match.group(1), match.group(2) or "", int(match.group(3)), int(match.group(4))


def _meet(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> bool:
    (room, sequence, first, last), (room_b, sequence_b, first_b, last_b) = one, other
    if room != room_b:
        return False
    if last < 0 or last_b < 0:
        return True
    return (sequence == sequence_b or not sequence or not sequence_b) and first <= last_b and first_b <= last


def _check_apart(ranges: Mapping[str, tuple[int, int]]) -> None:
    ordered = sorted(ranges.items(), key=lambda item: item[1])
    for split, (first, last) in ordered:
        if first > last:
            raise UsageError(f"split {split} runs backwards: {first}:{last}")
    for (one, (_, last)), (other, (first, _)) in pairwise(ordered):
        if first <= last:
            raise UsageError(f"splits {one} and {other} share frames {first} to {last}; leave a gap between them")


def _check_filled(chosen: Mapping[str, Sequence[str]]) -> None:
    empty = [split for split, names in chosen.items() if not names]
    if empty:
        total = sum(len(names) for names in chosen.values())
        raise DataError(
            f"split {empty[0]} gets no frame ({total} frames in the others); give other ranges, or more frames"
        )
