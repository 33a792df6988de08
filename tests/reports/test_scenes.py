"""Arrays of the page's 3-D views: rounded, thinned, shared; rooms without ceilings."""

import base64
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from s2r_reports import rooms, scenes
from s2r_reports.frames import Entry
from s2r_reports.scenes import Blobs
from s2r_reports.shapes import kept_reconstructions
from s2r_reports.views import Clouds


def read_back(blobs: Blobs, pane: dict[str, object]) -> np.ndarray:
    whole = np.frombuffer(base64.b64decode(blobs.texts[str(pane["at"])]), "<u2").reshape(-1, 3)
    return np.asarray(pane["low"]) + whole * pane["step"]


def test_points_come_back_within_half_a_step() -> None:
    points = np.random.default_rng(0).normal(size=(500, 3)) * [1, 5, 0.1]
    blobs = Blobs()
    pane = blobs.cloud("a", points)
    error = np.abs(read_back(blobs, pane) - points).max()
    assert error <= pane["step"] / 2 + 1e-12
    assert pane["step"] == pytest.approx(np.ptp(points, axis=0).max() / 65535)
    assert blobs.coarsest == pane["step"]


def test_equal_arrays_are_there_once() -> None:
    blobs, points = Blobs(), np.random.default_rng(0).random((100, 3))
    first, second = blobs.cloud("a", points), blobs.cloud("b", points)
    assert first["at"] == second["at"]
    assert (len(blobs.texts), blobs.bytes) == (1, 600)


def test_large_clouds_are_thinned_alike_and_it_is_told() -> None:
    points = np.random.default_rng(0).random((scenes.MOST_POINTS + 50, 3))
    colours = np.arange(len(points), dtype=np.uint8)[:, None].repeat(3, 1)
    blobs = Blobs()
    pane = blobs.cloud("a", points, colours)
    assert len(read_back(blobs, pane)) == scenes.MOST_POINTS
    assert len(base64.b64decode(blobs.texts[pane["colour"]])) == 3 * scenes.MOST_POINTS
    assert blobs.cloud("b", points)["at"] == pane["at"]
    assert any("2 clouds of up to 15,050 points" in line for line in scenes.limits(blobs))


def test_large_meshes_are_simplified() -> None:
    side = 60
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2) / side
    vertices = np.column_stack([grid, np.sin(3 * grid[:, 0])])
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.column_stack([corner, corner + 1, corner + side]),
                            np.column_stack([corner + 1, corner + side + 1, corner + side])])  # fmt: skip
    blobs = Blobs()
    pane = blobs.mesh("m", vertices, faces)
    index = np.frombuffer(base64.b64decode(blobs.texts[pane["faces"]]), "<u2").reshape(-1, 3)
    assert len(faces) > scenes.MOST_FACES >= len(index) > scenes.MOST_FACES / 2
    back = read_back(blobs, pane)
    assert index.max() < len(back)
    np.testing.assert_allclose(back[:, 2], np.sin(3 * back[:, 0]), atol=0.01)  # still the same surface
    assert blobs.mesh("none", np.zeros((0, 3)), np.zeros((0, 3), int)) == {"title": "none", "note": "empty"}


def test_what_does_not_fit_is_named(made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = {name: kept_reconstructions(Entry(made.recon(name), made.keep_shape(tmp_path / name, 1))) for name in "xy"}
    whole = scenes.of_reconstructions("t", arms, Blobs())
    assert [pane["title"] for pane in whole.items[0]["panes"]] == ["scan", "CAD", "x", "y"]
    assert [item["name"] for item in whole.items] == ["a", "b"]
    assert whole.notes == ()
    monkeypatch.setattr(scenes, "MOST_BYTES", 100)
    cut = scenes.of_reconstructions("t", arms, Blobs())
    assert [item["name"] for item in cut.items] == ["a"]
    assert cut.notes[0].endswith(": b")


def test_clouds_stand_upright_before_their_camera() -> None:
    """OpenCV's axes (right, down, away) become right, up, towards the viewer."""
    pose = np.eye(4)
    pose[:3, 3] = [1, 2, 3]
    clouds = Clouds("a", *(np.zeros((1, 3), np.float32) for _ in range(3)), world_from_cam=pose)
    np.testing.assert_allclose(scenes.upright(np.array([[2.0, 4.0, 6.0]]), clouds), [[1, -2, -3]])


def test_rooms_are_open_above(made: ModuleType, tmp_path: Path) -> None:
    entry = Entry(made.segmented("ours", 0.5), made.keep_room(tmp_path / "ours", 0.25))
    ((name, room),) = rooms.kept_rooms(entry).items()
    assert name == "Area_1_office_1"
    assert len(room.points) == 600
    assert set(room.labels) == {1, 2}
    assert room.points[:, 2].max() < 4
    assert 0.8 < room.right < 0.95  # a quarter of the floor alone
    blobs = Blobs()
    scene = scenes.of_rooms("t", {"ours": {name: room}}, blobs)
    truth, told = scene.items[0]["panes"]
    assert truth["at"] == told["at"]  # the same points, other colours
    colours = np.frombuffer(base64.b64decode(blobs.texts[told["colour"]]), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(colours, rooms.colour_table(3)[room.predicted])
    assert [word for word, _ in scene.classes] == ["floor", "wall"]
    above = rooms.seen(np.array([[0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]))
    assert above[1, 1] > above[0, 1] > above[2, 1]  # up is up, near is lower
    assert above[2, 2] > above[0, 2]  # the viewer stands before it
