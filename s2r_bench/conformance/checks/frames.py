"""What a simulated frame is: its values, camera, holes, unit and range; and that nothing it was given is touched."""

from collections.abc import Iterator, Sequence

import numpy as np

from s2r_bench.conformance.outcome import Fault, check
from s2r_bench.conformance.pairs import copied
from s2r_bench.conformance.subject import Subject
from s2r_bench.types import DepthFrame

# millimetres and centimetres are off by more; a network after two steps, as at smoke, may be off by a factor of three
LOWEST_RATIO, HIGHEST_RATIO = 0.1, 10.0
ALMOST_ZERO_M = 0.001
FIT_OR_NOT = ("contract", "fit")


def _pairs(subject: Subject) -> Iterator[tuple[DepthFrame, DepthFrame]]:
    return zip(subject.frames, subject.shown, strict=True)


@check(
    "values",
    "A frame comes back for each frame, of the same size, finite, nowhere negative.",
    remedy="return one DepthFrame a frame, float32 metres of the same size; replace NaN, infinite and negative values "
    "by 0, which means no value",
    needs=FIT_OR_NOT,
)
def values(subject: Subject) -> str:
    """Number, kind, size and finiteness."""
    if len(subject.shown) != len(subject.frames):
        raise Fault(f"{len(subject.shown)} frames came back for {len(subject.frames)}")
    for before, after in _pairs(subject):
        if not isinstance(after, DepthFrame):
            raise Fault(f"a {type(after).__name__} came back, not a DepthFrame")
        if after.size != before.size or after.depth.dtype != np.float32:
            raise Fault(f"{before.id}: {after.depth.dtype} {after.size} came back for float32 {before.size}")
        if not np.isfinite(after.depth).all() or (after.depth < 0).any():
            raise Fault(f"{before.id}: depth holds NaN, infinite or negative values")
    height, width = subject.frames[0].size
    return f"{len(subject.frames)} frames of {width}x{height}"


@check(
    "camera",
    "Each frame keeps its names, its intrinsics K and its pose.",
    remedy="make the result by frame.with_depth(depth), which keeps the camera",
    needs=("values",),
)
def camera(subject: Subject) -> str:
    """Names and camera are equal."""
    for before, after in _pairs(subject):
        if after.id != before.id:
            raise Fault(f"{before.id} came back as {after.id}")
        for name in ("K", "world_from_cam"):
            if not np.array_equal(getattr(after, name), getattr(before, name)):
                raise Fault(f"{before.id}: {name} was changed")
    return "names, K and pose are kept"


@check(
    "holes",
    "No value is exactly 0, and there is none where the clean frame has none.",
    remedy="write exactly 0 where there is no value: np.where(frame.valid & seen, depth, 0)",
    needs=("values",),
)
def holes(subject: Subject) -> str:
    """Clean holes stay, and nothing is almost 0 or nothing but holes."""
    lost = known = 0
    for before, after in _pairs(subject):
        if (after.valid & ~before.valid).any():
            raise Fault(
                f"{before.id}: {int((after.valid & ~before.valid).sum())} values where the clean frame has none"
            )
        if (after.depth[after.valid] < ALMOST_ZERO_M).any():
            raise Fault(f"{before.id}: depth under 1 mm that is not 0: {after.depth[after.valid].min():.3g} m")
        lost, known = lost + int((before.valid & ~after.valid).sum()), known + int(before.valid.sum())
    if lost == known:
        raise Fault("there are only holes: no pixel has a value")
    return f"{100 * lost / max(known, 1):.1f} % of the clean pixels are holes"


@check(
    "units",
    "Depth is in metres: the median of simulated / clean is near 1.",
    remedy="return metres along the optical axis, not millimetres, disparities or scaled codes",
    needs=("values",),
)
def units(subject: Subject) -> str:
    """The median ratio where both have a value."""
    ratios = [
        after.depth[both] / before.depth[both]
        for before, after in _pairs(subject)
        for both in [before.valid & after.valid]
    ]
    every = np.concatenate(ratios)
    if not every.size:
        raise Fault("no pixel has both a clean and a simulated value")
    median = float(np.median(every))
    found = f"median of simulated / clean is {median:.4g}"
    if not LOWEST_RATIO <= median <= HIGHEST_RATIO:
        raise Fault(f"{found}, outside {LOWEST_RATIO} to {HIGHEST_RATIO}")
    return found


@check(
    "range",
    "No depth leaves the range that the card declares.",
    remedy="make what is nearer or farther a hole, or declare card.depth_range_m as it is",
    needs=("values", "card"),
)
def depth_range(subject: Subject) -> str:
    """The extremes of all frames."""
    low, high = subject.method.cls.card.depth_range_m
    found = np.concatenate([after.depth[after.valid] for after in subject.shown])
    if not found.size:
        return "no values"
    said = f"{found.min():.4g} to {found.max():.4g} m"
    if found.min() < low or found.max() > high:
        raise Fault(f"{said}; the card says {low:g} to {high:g} m")
    return said


@check(
    "inputs",
    "Neither the frames nor the training pairs are written to.",
    remedy="copy before changing: depth = frame.depth.copy(); no `*=`, `+=` or [...] = on what you were given",
    needs=("values",),
)
def inputs(subject: Subject) -> str:
    """Copies before, equal after."""
    given = [copied(frame) for frame in subject.frames]
    subject.fitted.simulate(given, subject.seeds)
    _untouched(subject.frames, given, "simulate")
    if subject.trained:
        handed, before = subject.first_fit()[0], subject.training
        for side in ("clean", "captured"):
            _untouched([getattr(p, side) for p in before.all], [getattr(p, side) for p in handed.all], "fit")
    return "frames and training pairs are as they were" if subject.trained else "frames are as they were"


def _untouched(before: Sequence[DepthFrame], after: Sequence[DepthFrame], who: str) -> None:
    for old, new in zip(before, after, strict=True):
        for name in ("depth", "K", "world_from_cam"):
            if not np.array_equal(getattr(old, name), getattr(new, name), equal_nan=True):
                raise Fault(f"{who} wrote to {name} of {old.id}")
