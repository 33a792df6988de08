"""A small room seen by a moving camera: the frames that the tests of this folder write in every layout."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from s2r_bench.geometry.camera import look_at
from s2r_bench.geometry.render import RayScene
from s2r_bench.types import Mesh

SIZE = (120, 160)
K = np.array([[146.0, 0, 79.5], [0, 146.0, 59.5], [0, 0, 1]])


def block(low, high):
    """A closed box as a mesh."""
    x, y, z = zip(low, high, strict=True)
    vertices = np.array([(a, b, c) for a in x for b in y for c in z], dtype=float)
    faces = [
        (0, 1, 3),
        (0, 3, 2),
        (4, 6, 7),
        (4, 7, 5),
        (0, 4, 5),
        (0, 5, 1),
        (2, 3, 7),
        (2, 7, 6),
        (0, 2, 6),
        (0, 6, 4),
    ]
    return Mesh(vertices, np.array([*faces, (1, 5, 7), (1, 7, 3)], dtype=np.int64))


@dataclass
class Walk:
    """Clean and captured depth (metres) of a walk through the room, with poses."""

    clean: list
    captured: list
    poses: list
    scene: RayScene


def capture(depth, rng):
    """A toy sensor: noise that grows with the range, holes, and a wider shadow at depth edges."""
    noisy = depth + rng.normal(size=depth.shape) * 0.003 * depth**2
    edge = np.zeros(depth.shape, bool)
    edge[:, 1:] = np.abs(np.diff(depth, axis=1)) > 0.1
    edge[:, :-1] |= edge[:, 1:]
    noisy[edge | (rng.random(depth.shape) < 0.02) | (depth == 0)] = 0
    return np.clip(noisy, 0, None).astype(np.float32)


@pytest.fixture(scope="session")
def walk():
    blocks = [block((-2.5, -0.1, -2.5), (2.5, 0, 2.5)), block((-2.5, 0, -2.6), (2.5, 2.5, -2.5))]
    blocks += [block((-2.6, 0, -2.5), (-2.5, 2.5, 2.5)), block((2.5, 0, -2.5), (2.6, 2.5, 2.5))]
    blocks += [block((-1.2, 0, -1.5), (-0.4, 0.7, -0.9)), block((0.2, 0, -2.0), (0.7, 1.4, -1.5))]
    blocks += [block((-0.1, 0, -0.7), (0.3, 0.45, -0.3)), block((1.1, 0.4, -1.6), (1.9, 0.8, -0.8))]
    scene = RayScene(blocks)
    rng = np.random.default_rng(0)
    walk = Walk([], [], [], scene)
    for t in np.linspace(0, 1, 40):
        angle = -0.9 + 1.8 * t
        eye = (2.0 * np.sin(angle), 1.2 + 0.2 * np.sin(7 * t), 1.6 * np.cos(angle))
        pose = look_at(eye, (0.5 * np.sin(5 * t), 0.5, -1.2))
        depth = scene.depth(K, pose, SIZE)
        walk.poses.append(pose)
        walk.clean.append(depth)
        walk.captured.append(capture(depth, rng))
    return walk


def names(count):
    return [f"{number:04d}" for number in range(count)]


def save_png(path, depth, unit=0.001):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.rint(depth / unit).astype(np.uint16))


def splits(count):
    ids = names(count)
    return {"train": ids[: count // 2], "val": ids[count // 2 + 2 : count * 2 // 3], "test": ids[count * 2 // 3 + 2 :]}


@pytest.fixture
def write_pairs(walk, tmp_path):
    """A function that writes the walk as a pair folder; keyword arguments change one thing each."""

    def write(folder=None, *, poses=None, K=K, clean=None, captured=None, unit=0.001, **fields):
        folder = folder or tmp_path / "pairs"
        count = len(walk.poses)
        for part, frames in (("clean", clean or walk.clean), ("captured", captured or walk.captured)):
            for name, depth in zip(names(count), frames, strict=True):
                save_png(folder / part / f"{name}.png", depth, unit)
        raw = {
            "K": np.asarray(K).tolist(),
            "width": SIZE[1],
            "height": SIZE[0],
            "sensor": "toy",
            "cam_to_world": {n: np.asarray(p).tolist() for n, p in zip(names(count), poses or walk.poses, strict=True)},
            "splits": splits(count),
            **fields,
        }
        (folder / "cameras.json").write_text(json.dumps(raw))
        return folder

    return write
