"""Units and sides: millimetres taken for metres, clean and captured swapped, sides of different views."""

from collections.abc import Iterator

import numpy as np

from s2r_bench.data.checks.files import FrameFacts, Sides
from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.worlds.pair_folder import Cameras, depth_path, read_depth

NEAREST_M, FARTHEST_M = 0.1, 20.0  # a depth camera's median depth lies within; its plain range is 0.2 to 10 m
SAMPLE = 20  # pairs that are read again to compare the two sides
APART_M, APART_SHARE = 0.08, 0.04  # sensors deviate by 1 or 2 % of the range; sides of other views by far more


def check_sides(cameras: Cameras, sides: Sides) -> list[Finding]:
    """Compare the two sides, from the figures of all frames and from some pairs read again."""
    medians = {side: _median(facts) for side, facts in (("clean", sides.clean), ("captured", sides.captured))}
    if not all(medians.values()):
        return []
    findings = list(_units(cameras, sides, medians))
    if findings:
        return findings
    return [*_swapped(sides), *_same_view(cameras, sides)]


def _median(facts: dict[str, FrameFacts]) -> float:
    seen = [frame.median_m for frame in facts.values() if frame.median_m > 0]
    return float(np.median(seen)) if seen else 0.0


def _units(cameras: Cameras, sides: Sides, medians: dict[str, float]) -> Iterator[Finding]:
    ratio = medians["captured"] / medians["clean"]
    dirs = {"clean": sides.clean_dir, "captured": sides.captured_dir}
    if not 1 / 100 < ratio < 100:
        message = (
            f"median depth {medians['clean']:.4g} m on the clean, {medians['captured']:.4g} m on the captured side: "
            f"they differ by {max(ratio, 1 / ratio):.0f}"
        )
        if 300 < max(ratio, 1 / ratio) < 3000:
            message += "; one side is in millimetres where metres are expected, or the reverse"
        remedy = "Both sides share one unit: npz holds metres, PNG units of metres_per_unit (0.001 for millimetres)"
        odd = [dirs[side] for side, median in medians.items() if not NEAREST_M < median < FARTHEST_M]
        yield error(odd[0] if len(odd) == 1 else cameras.path, message, remedy)
        return
    for side, median in medians.items():
        if NEAREST_M < median < FARTHEST_M:
            continue
        what = "metres read as millimetres" if median < NEAREST_M else "millimetres read as metres"
        message = f"median depth is {median:.4g} m, outside of {NEAREST_M} to {FARTHEST_M} m: {what}?"
        remedy = f"Set metres_per_unit in cameras.json (now {cameras.metres_per_unit:g}); an npz file holds metres"
        yield error(dirs[side], message, remedy)


def _swapped(sides: Sides) -> Iterator[Finding]:
    rough = [
        float(np.median([frame.roughness_m for frame in facts.values()])) for facts in (sides.clean, sides.captured)
    ]
    holes = [float(np.mean([frame.holes for frame in facts.values()])) for facts in (sides.clean, sides.captured)]
    figures = (
        f"roughness {1000 * rough[0]:.2f} mm and {holes[0]:.1%} holes on the clean side, "
        f"{1000 * rough[1]:.2f} mm and {holes[1]:.1%} on the captured"
    )
    remedy = "clean/ is the rendered or fused depth, captured/ what the sensor gave; rename the two folders if swapped"
    if rough[0] > 1.3 * rough[1] and (holes[0] > holes[1] or rough[0] > 2 * rough[1]):
        yield error(sides.clean_dir, f"the sides look swapped: {figures}", remedy)
    elif rough[0] > 1.3 * rough[1]:
        yield warning(sides.clean_dir, f"the clean side is rougher than the captured: {figures}", remedy)
    elif holes[0] > holes[1] + 0.05:
        message = f"the clean side has more holes than the captured: {figures}"
        yield warning(sides.clean_dir, message, f"Fuse more frames, or drop views with little coverage. {remedy}")


def _same_view(cameras: Cameras, sides: Sides) -> Iterator[Finding]:
    names = [name for name in cameras.entries if name in sides.clean and name in sides.captured]
    apart, depth = [], []
    for name in names[:: max(1, len(names) // SAMPLE)]:
        clean = read_depth(depth_path(sides.clean_dir, name), cameras.metres_per_unit)
        captured = read_depth(depth_path(sides.captured_dir, name), cameras.metres_per_unit)
        both = (clean > 0) & (captured > 0)
        if both.any():
            apart.append(float(np.median(np.abs(clean[both] - captured[both]))))
            depth.append(float(np.median(clean[both])))
    if not apart:
        yield error(
            sides.captured_dir, "no pixel has a value on both sides", "Do clean and captured show the same views?"
        )
    elif np.median(apart) > max(APART_M, APART_SHARE * float(np.median(depth))):
        message = f"clean and captured depth differ by {1000 * np.median(apart):.0f} mm in the median pixel"
        remedy = "Do files of one name show the same view, at the same moment, through the same camera (K, pose, size)?"
        yield error(sides.captured_dir, message, remedy)
