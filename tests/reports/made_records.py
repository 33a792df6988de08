"""Records with known numbers, and the artifacts that the task fidelity keeps beside them."""

import json
from pathlib import Path

import numpy as np

from s2r_bench.records import RunRecord, RunSpec, Score

SENSOR = "virtual sensor: active stereo"


def record(
    method: str,
    seed: int = 0,
    *,
    mae: float = 0.010,
    w1: float = 0.008,
    world: str = "mini",
    preset: str = "tiny",
    frames: int = 12,
    failures: dict[str, str] | None = None,
    options: dict[str, object] | None = None,
    sensor: str | None = SENSOR,
    device: str | None = "cpu",
    left_out: dict[str, str] | None = None,
) -> RunRecord:
    """Per-view errors of mean `mae` with a spread that all arms share, and set-wide figures about `w1`.

    With `left_out` it has 3-D figures alone.
    """
    shared = np.random.default_rng(5).normal(size=frames) * 0.001
    scores = [Score(f"a/0/{i:03d}", "", "mae", mae + shared[i] - shared.mean() + 1e-5 * seed) for i in range(frames)]
    scores += [Score("all", "", "w1", w1 + 1e-5 * seed), Score("all", "", "two_sample_accuracy", 0.5 + 10 * w1)]
    for place, label in enumerate(("1.0-1.5 m", "1.5-2.0 m")):
        scores.append(Score("all", label, "w1_range", w1 * (place + 1)))
        scores.append(Score("all", label, "spread_range", w1))
        scores.append(Score("all", label, "captured_spread_range", 0.009))
        scores.append(Score("all", label, "spread_range_diff", abs(w1 - 0.009)))
    spec = RunSpec(
        kind="evaluate",
        task="fidelity",
        method=method,
        world=world,
        preset=preset,
        protocol="fidelity/1",
        seed=seed,
        options={"task": {}, "world": {}} | ({"method": options} if options else {}),
        inputs={"pairs/test": "d1"},
    )
    if left_out:
        scores = [Score(f"{room}/0", "", "f_score", 0.9 - w1) for room in "ab"]
    known = {"sensor": sensor, "device": device}
    facts = {name: value for name, value in known.items() if value}
    return RunRecord(spec, tuple(scores), failures or {}, facts, {"evaluate_seconds": 2.0}, left_out or {})


def keep_artifacts(folder: Path, noise: float) -> Path:
    """Two views of a step, and clouds, as the task writes them."""
    kept = folder / "artifacts"
    kept.mkdir(parents=True)
    rng = np.random.default_rng(0)
    clean = np.full((24, 32), 2.0, np.float32)
    clean[:, 16:], clean[0] = 1.5, 0
    captured = np.where(clean > 0, clean + 0.004 * rng.standard_normal(clean.shape), 0).astype(np.float32)
    simulated = np.where(clean > 0, clean + noise * rng.standard_normal(clean.shape), 0).astype(np.float32)
    captured[5:8, 5:8] = 0
    for place in range(2):
        sides = {"clean": clean, "captured": captured, "simulated": simulated}
        np.savez_compressed(kept / f"view_{place}.npz", id=np.array(f"a/0/{place:03d}"), K=np.eye(3), **sides)
    points = rng.random((500, 3)).astype(np.float32)
    sides = {"clean": points, "captured": points + 0.01, "simulated": points - 0.01}
    np.savez_compressed(kept / "clouds.npz", id=np.array("a/0"), world_from_cam=np.eye(4), **sides)
    (kept / "world.json").write_text(json.dumps({"name": "mini", "sensor": SENSOR}), encoding="utf-8")
    return folder


def keep_shape(folder: Path, size: float) -> Path:
    """A tetrahedron of some size as reconstruction of two objects, as the task recon writes them."""
    kept = folder / "artifacts"
    kept.mkdir(parents=True)
    points = np.random.default_rng(0).uniform(-1, 1, (300, 3)).astype(np.float32)
    corners = size * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)
    for name in ("a", "b"):
        sides = {"scan": points, "surface": points, "vertices": corners, "faces": faces}
        np.savez_compressed(kept / f"shape_{name}.npz", id=np.array(name), **sides)
    return folder


CATEGORIES = ("chair", "sofa", "table", "cabinet", "bed", "shelf")


def recon(
    arm: str,
    seed: int = 0,
    *,
    gain: float = 0.0,
    shots: str = "0",
    preset: str = "tiny",
    options: dict[str, object] | None = None,
    costs: dict[str, float] | None = None,
) -> RunRecord:
    """Eight objects of each category; IoU and F-score grow by `gain`, Chamfer falls by a hundredth of it."""
    dice = np.random.default_rng(1)
    scores = []
    for place, category in enumerate(CATEGORIES):
        for number in range(8):
            name, own = f"{category}-{number}", 0.01 * float(dice.normal()) + 0.01 * seed
            scores.append(Score(name, category, "iou", 0.3 + 0.02 * place + gain + own))
            scores.append(Score(name, category, "f_score", 0.2 + gain + own))
            scores.append(Score(name, category, "chamfer_l2", 0.02 - 0.01 * gain - 0.01 * own))
    spec = RunSpec(
        "evaluate", "recon", arm, "mini", preset, "recon/1", seed,
        {"task": {"shots": shots, "score": {"protocol": "strict"}}, "method": options or {}}, {"objects": "w"},
    )  # fmt: skip
    known = {"sensor": SENSOR, "device": "cpu"}
    return RunRecord(spec, tuple(scores), {}, known, costs or {"fit_seconds": 10.0 + 100 * gain})


def segmented(arm: str, value: float) -> RunRecord:
    """A run of `segment` with its pooled figure alone."""
    spec = RunSpec("evaluate", "segment", arm, "mini", "tiny", "segment/1", 0, {"task": {}}, {"rooms": "r"})
    return RunRecord(spec, (Score("all", "", "miou_pooled", value),), {}, {"sensor": SENSOR, "device": "cpu"})


def keep_room(folder: Path, wrong: float) -> Path:
    """A room of floor, one wall and a ceiling; a share of its points is labelled as wall. And what it is counted by."""
    kept = folder / "artifacts"
    kept.mkdir(parents=True)
    rng = np.random.default_rng(0)
    flat = rng.uniform(0, 4, (900, 3)).astype(np.float32)
    labels = np.repeat([0, 1, 2], 300)  # ceiling, floor, wall
    flat[:300, 2], flat[300:600, 2], flat[600:, 1] = 2.5, 0, 4
    predicted = np.where(rng.random(900) < wrong, 2, labels)
    classes = np.array(["ceiling", "floor", "wall"])
    np.savez_compressed(
        kept / "room_Area_1_office_1.npz", points=flat, labels=labels, predicted=predicted, classes=classes
    )
    matrix = np.zeros((3, 3), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    names = np.array(["Area_1_office_1"])
    np.savez_compressed(kept / "rooms.npz", rooms=names, matrices=matrix[None], classes=classes)
    return folder
