"""Made scenes that the tests of physical sensor models look at."""

import numpy as np
import pytest

from s2r_bench.types import DepthFrame, DepthPair


def frame_of(depth, focal, name="0"):
    height, width = depth.shape
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    return DepthFrame(depth.astype(np.float32), K, np.eye(4), "made", "0", name)


class Captured:
    """Pairs of a wall of growing distance, or of given frames, captured by a given sensor."""

    scenes = frozenset({"made"})
    digest = "captured"

    def __init__(self, sensor, count=4, size=(48, 64), focal=58.5, clean=None):
        rows = np.mgrid[: size[0], : size[1]][0]
        self._clean = clean or [frame_of(1 + 0.25 * i + 2e-3 * rows, focal, f"{i}") for i in range(count)]
        self._sensor = sensor

    def __len__(self):
        return len(self._clean)

    def __getitem__(self, index):
        clean = self._clean[index]
        return DepthPair(clean, self._sensor(clean, index))


@pytest.fixture(scope="session")
def wall():
    """Depth, (height, width), focal length -> a frame of a wall that faces the camera."""
    return lambda depth, size=(48, 64), focal=58.5: frame_of(np.full(size, depth), focal)


@pytest.fixture(scope="session")
def box():
    """A box of 1 m before a wall of 2 m, in the middle third of the columns; a Kinect of 160 x 120 pixels."""
    depth = np.full((120, 160), 2.0)
    depth[30:90, 54:106] = 1.0
    return frame_of(depth, 146.25)


@pytest.fixture(scope="session")
def captured_pairs():
    """Sensor (frame, index -> frame) -> a set of pairs."""
    return Captured


@pytest.fixture(scope="session")
def networks():
    """What a checkpoint of the authors' release holds, small: see `release.made_networks`."""
    from release import made_networks

    return made_networks()


@pytest.fixture
def files(networks, tmp_path):
    """Checkpoints of both stages as the release saves them."""
    import torch
    from release import released

    paths = [tmp_path / "stage1_main.ckpt", tmp_path / "stage2_main.ckpt"]
    for stage, path in enumerate(paths):
        torch.save({"state_dict": released(networks, stage), "epoch": 19, "global_step": 20000}, path)
    return paths
