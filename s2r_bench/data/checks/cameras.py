"""Poses and intrinsics: rigid, of this image, and such that neighbouring clean frames agree."""

from collections.abc import Iterator

import numpy as np

from s2r_bench.data.checks.files import Sides
from s2r_bench.data.checks.finding import Finding, error, warning
from s2r_bench.data.checks.reprojection import AS_IS, Hypothesis, Misfit, View, misfit
from s2r_bench.types import FloatArray
from s2r_bench.worlds.pair_folder import Cameras, FrameEntry, depth_path, read_depth

AGREE_M, AGREE_SHARE = 0.03, 0.015  # clean frames agree within 3 cm or 1.5 % of their depth, whichever is more
SUSPICIOUS_M = 0.01  # from here on other assumptions are tried
OFFSETS = (1, 4, 10)  # frames are compared with these neighbours
REFERENCES = 10  # frames that are compared with theirs
BETTER = 0.7  # another focal length must bring the misfit below this share to be believed


def check_cameras(cameras: Cameras, sides: Sides) -> list[Finding]:
    """Check poses and K, alone and against the clean depth."""
    findings = [*_rigid(cameras), *_plausible_K(cameras)]
    if any(finding.severity == "error" for finding in findings):
        return findings
    pairs = _neighbours(cameras, sides)
    if not pairs:
        message = "no sequence has two readable clean frames; poses and intrinsics cannot be checked against depth"
        return [*findings, warning(cameras.path, message, "Nothing to do where every view stands alone")]
    return [*findings, *_against_depth(cameras, pairs)]


def _rigid(cameras: Cameras) -> Iterator[Finding]:
    for name, entry in cameras.entries.items():
        pose = entry.world_from_cam
        turn = pose[:3, :3]
        wrong = not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0
        if wrong or not np.allclose(pose[3], [0, 0, 0, 1], atol=1e-6):
            message = f"the pose of frame {name} is not rigid (rotation with determinant {np.linalg.det(turn):.3f})"
            remedy = "cam_to_world holds 4x4 matrices, rotation and translation in metres, row by row; last row 0 0 0 1"
            yield error(cameras.path, message, remedy)
            return  # one is enough: they come from one writer


def _plausible_K(cameras: Cameras) -> Iterator[Finding]:
    height, width = cameras.size
    seen = {entry.K.tobytes(): entry for entry in cameras.entries.values()}
    for entry in list(seen.values())[:10]:
        K = entry.K
        where = f"K of frame {entry.name}" if len(seen) > 1 else "K"
        across, down = 2 * K[0, 2] / (width - 1), 2 * K[1, 2] / (height - 1)
        if min(K[0, 0], K[1, 1]) <= 0 or K[2, 2] != 1 or K[1, 0] != 0:
            yield error(cameras.path, f"{where} is no pinhole matrix", "K = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
        elif abs(across / down - 1) < 0.1 and not 0.75 < across < 1.33:
            size = f"{round(2 * K[0, 2] / 16) * 16}x{round(2 * K[1, 2] / 16) * 16}"
            message = f"{where} belongs to another image size: its principal point is the middle of {size}"
            remedy = f"The images are {width}x{height}: divide the first two rows of K by {across:.3g}"
            yield error(cameras.path, message, remedy)
        elif max(abs(across - 1), abs(down - 1)) > 0.25:
            message = (
                f"{where}: principal point ({K[0, 2]:.0f}, {K[1, 2]:.0f}) is far from the middle of {width}x{height}"
            )
            yield warning(cameras.path, message, "Right for a cropped image; else check the order cx, cy")
        elif not 20 < (angle := float(np.degrees(2 * np.arctan(width / 2 / K[0, 0])))) < 130:
            message = f"{where}: a focal length of {K[0, 0]:.0f} px means a field of view of {angle:.0f} degrees"
            yield warning(cameras.path, message, "Depth cameras see 40 to 110 degrees; is K in pixels of this size?")


def _neighbours(cameras: Cameras, sides: Sides) -> list[tuple[View, View]]:
    """Clean frames and their neighbours, spread over all sequences."""
    sequences: dict[str, list[FrameEntry]] = {}
    for name, entry in cameras.entries.items():
        if name in sides.clean and sides.clean[name].holes < 0.95:
            sequences.setdefault(f"{entry.scene.partition('@')[0]}/{entry.sequence}", []).append(entry)
    picked: list[tuple[FrameEntry, FrameEntry]] = []
    for entries in sequences.values():
        wanted = max(1, round(REFERENCES * len(entries) / len(cameras.entries)))
        for start in np.unique(np.linspace(0, max(0, len(entries) - 1 - OFFSETS[-1]), wanted).astype(int)):
            picked += [(entries[start], entries[start + by]) for by in OFFSETS if start + by < len(entries)]
    views: dict[str, View] = {}
    for entry in {entry.name: entry for pair in picked for entry in pair}.values():
        depth = read_depth(depth_path(sides.clean_dir, entry.name), cameras.metres_per_unit)
        views[entry.name] = View(entry.name, depth, entry.K, entry.world_from_cam)
    return [(views[one.name], views[other.name]) for one, other in picked]


def _against_depth(cameras: Cameras, pairs: list[tuple[View, View]]) -> Iterator[Finding]:
    found = misfit(pairs)
    depth = float(np.median([np.median(view.depth[view.depth > 0]) for pair in pairs for view in pair]))
    limit = max(AGREE_M, AGREE_SHARE * depth)
    if found.median_m > SUSPICIOUS_M:
        named = _explained(cameras, pairs, found, limit)
        if named is not None:
            yield named
            return
    if found.median_m > limit:
        yield _unexplained(cameras, found, limit)
        return
    scale, best = _best_focal(pairs)
    K = pairs[0][0].K
    if best.capped_m < BETTER * found.capped_m and abs(scale - 1) > 0.02:
        message = (
            f"clean frames agree better with a focal length of {scale * K[0, 0]:.0f} px than with {K[0, 0]:.0f} px: "
            f"{1000 * best.capped_m:.1f} against {1000 * found.capped_m:.1f} mm"
        )
        yield error(cameras.path, message, "The intrinsics are wrong: use those of the camera that made the depth maps")
        return
    centred = misfit(pairs, Hypothesis(K=_centred))
    if centred.capped_m < BETTER * found.capped_m:
        message = (
            f"clean frames agree better with the principal point in the middle than at ({K[0, 2]:.0f}, {K[1, 2]:.0f})"
        )
        yield error(cameras.path, message, "The intrinsics are wrong: check cx, cy, and any crop of the images")
    elif found.median_m > SUSPICIOUS_M:
        yield _unexplained(cameras, found, limit)


def _explained(cameras: Cameras, pairs: list[tuple[View, View]], found: Misfit, limit: float) -> Finding | None:
    """The assumption that mends the disagreement, if there is one."""
    trials = {what: misfit(pairs, hypothesis) for what, hypothesis in HYPOTHESES.items()}
    scale, focal = _best_focal(pairs)
    trials[f"the focal length seems to be {scale * pairs[0][0].K[0, 0]:.0f} px, not {pairs[0][0].K[0, 0]:.0f}"] = focal
    what, best = min(trials.items(), key=lambda item: (item[1].median_m, item[1].capped_m))
    if best.median_m > min(limit, 0.4 * found.median_m):
        return None
    message = f"{_apart(found)}; {what} (then they agree within {1000 * best.median_m:.1f} mm)"
    return error(cameras.path, message, "Write the cameras file again with that put right")


def _unexplained(cameras: Cameras, found: Misfit, limit: float) -> Finding:
    if found.overlap < 0.5:
        message = "neighbouring clean frames see too little of each other to check poses and intrinsics"
        remedy = "Right for single views; else the poses are wrong (camera-to-world, metres, one to each frame?)"
        return warning(cameras.path, message, remedy)
    if found.median_m <= limit:
        message = f"{_apart(found)}: poses or K are imprecise"
        return warning(
            cameras.path, message, "Refine the poses, or fuse and render the clean side with these very poses"
        )
    remedy = "Poses are camera-to-world, OpenCV axes (x right, y down, z forward), metres, one to each frame by name"
    return error(cameras.path, f"{_apart(found)}: poses or K are wrong, or belong to other frames", remedy)


def _apart(found: Misfit) -> str:
    apart = f"{100 * found.median_m:.1f} cm" if np.isfinite(found.median_m) else "so much that they do not overlap"
    return f"neighbouring clean frames disagree by {apart} when one is carried into the other"


def _best_focal(pairs: list[tuple[View, View]]) -> tuple[float, Misfit]:
    """The factor on the focal length under which the frames agree best, to about 1 %."""

    def trial(scale: float) -> tuple[float, float, Misfit]:
        found = misfit(pairs, AS_IS if scale == 1 else Hypothesis(K=lambda K, size: _refocused(K, scale)))
        return found.capped_m / max(found.overlap, 0.1), scale, found

    best = min(trial(float(scale)) for scale in np.geomspace(0.5, 2, 21))
    best = min([best, *(trial(best[1] * factor) for factor in (0.95, 0.965, 0.98, 0.99, 1.01, 1.02, 1.035, 1.05))])
    return best[1], best[2]


def _refocused(K: FloatArray, scale: float) -> FloatArray:
    changed = K.copy()
    changed[0, 0] *= scale
    changed[1, 1] *= scale
    return changed


def _centred(K: FloatArray, size: tuple[int, int]) -> FloatArray:
    changed = K.copy()
    changed[:2, 2] = (size[1] - 1) / 2, (size[0] - 1) / 2
    return changed


def _scaled(factor: float) -> Hypothesis:
    return Hypothesis(depth_scale=factor)


def _inverted(pose: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(pose))


def _flipped(pose: FloatArray) -> FloatArray:
    return np.asarray(pose @ np.diag([1.0, -1.0, -1.0, 1.0]))


def _inverse_flipped(pose: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(np.diag([1.0, -1.0, -1.0, 1.0]) @ pose))


def _transposed(pose: FloatArray) -> FloatArray:
    turned = pose.copy()
    turned[:3, :3] = pose[:3, :3].T
    return turned


HYPOTHESES = {
    "the poses are world-to-camera; camera-to-world is expected, so invert them": Hypothesis(pose=_inverted),
    "the poses have OpenGL camera axes (y up, z backward); negate their second and third columns": Hypothesis(
        pose=_flipped
    ),
    "the poses are world-to-camera with OpenGL axes; negate their second and third rows, then invert": Hypothesis(
        pose=_inverse_flipped
    ),
    "the rotations are transposed": Hypothesis(pose=_transposed),
    "the poses' translations are millimetres, not metres": _scaled(1000.0),
    "depth is 5 times too large; the PNGs have 5000 units a metre, so metres_per_unit is 0.0002": _scaled(0.2),
    "depth is 5 times too small against the poses' translations": _scaled(5.0),
    "depth is 10 times too large against the poses' translations": _scaled(0.1),
    "depth is 10 times too small against the poses' translations": _scaled(10.0),
}
