"""LASA's rooms as surroundings: prepared with the raw scenes, and other CADs in the places of what stands there."""

import numpy as np
import pytest
from lasa_tree import OBJECTS, SCENES, box, poses, write_depth_set, write_raw, write_room

from s2r_bench.data.lasa.objects import read_placed
from s2r_bench.data.lasa.rooms import holds_rooms, lasa_rooms
from s2r_bench.data.prepare import prepare
from s2r_bench.errors import DataError
from s2r_bench.room_folder import in_recorded_room
from s2r_bench.types import CadModel

CHAIR = CadModel("new", "chair", box((-0.2, 0, -0.25), (0.2, 0.8, 0.25)))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A prepared LASA with pairs, objects and rooms."""
    home, sources = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("sources")
    done = prepare("lasa", write_raw(sources / "raw"), home)
    assert (done["rooms"], done["rooms_left_out"]) == (len(SCENES), {})
    prepare("lasa", write_depth_set(sources / "dataset"), home)  # beside rooms and objects that are there
    return home / "data" / "lasa"


def test_a_cad_stands_in_the_place_of_an_annotated_object(place):
    assert holds_rooms(place)
    rooms = lasa_rooms(place)
    assert [room.name for room in rooms.rooms] == sorted(SCENES)
    assert {tuple(sorted(one.category for one in room.boxes)) for room in rooms.rooms} == {("chair", "table")}
    sizes = {name.partition("_")[0]: size for name, size, *_ in OBJECTS}
    for one in rooms.rooms[0].boxes:
        x, y, z = sizes[one.category]
        np.testing.assert_allclose(one.size, [y, z, x], atol=1e-5)
    found = in_recorded_room(CHAIR, rooms, 0)
    (around,) = found.scene.surroundings
    # floor, table and sink; the chair that stood there is gone, but for what lies on the floor
    assert len(around.faces) == 12 * 3 + 2
    low, high = around.bounds
    assert low[1] == pytest.approx(found.scene.box[0, 1] - 0.1, abs=1e-4)  # the floor's lower side, y up
    assert high[1] == pytest.approx(found.scene.box[0, 1] + 0.7, abs=1e-4)  # the table's top


def test_its_cameras_are_those_that_were_recorded_there(place):
    rooms = lasa_rooms(place)
    found = in_recorded_room(CHAIR, rooms, 0)
    placed = {one.id: one for one in read_placed(place / "objects")}
    eyes = np.stack([pose[:3, 3] for pose in found.path(6, 0)])
    wanted = {
        scene: np.stack([(placed[f"{scene}_chair_a1"].object_from_scene @ pose)[:3, 3] for pose in poses(scene)])
        for scene in SCENES
    }
    assert any(
        len(eyes) == len(some) and np.allclose(np.sort(eyes, 0), np.sort(some, 0), atol=1e-4)
        for some in wanted.values()
    )
    assert (eyes[:, 1] > 1).all()  # they look down from above the seat


def test_rooms_that_cannot_be_used_are_named(tmp_path):
    raw = write_raw(tmp_path / "raw")
    cut = raw / "40753679" / "40753679_arkit_mesh.ply"
    cut.write_bytes(cut.read_bytes()[:-100])
    write_room(raw / "40753686" / "40753686_arkit_mesh.ply", scale=1000)
    done = prepare("lasa", raw, tmp_path)
    assert done["rooms"] == len(SCENES) - 2
    assert "40753679_arkit_mesh.ply cannot be read" in done["rooms_left_out"]["40753679"]
    assert "no room in metres" in done["rooms_left_out"]["40753686"]
    place = tmp_path / "data" / "lasa"
    assert len(lasa_rooms(place).rooms) == len(SCENES) - 2
    digest = lasa_rooms(place).digest
    (place / "rooms" / "41418162.ply").unlink()
    assert lasa_rooms(place).digest != digest
    for path in (place / "rooms").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"with their SCENE_arkit_mesh\.ply"):
        lasa_rooms(place)
