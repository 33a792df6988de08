"""The mini world's labelled rooms: labels are true, areas differ, nothing else of the world depends on them."""

import json
from pathlib import Path

import numpy as np
import pytest

from s2r_bench.data.s3dis.classes import AREAS
from s2r_bench.errors import DataError
from s2r_bench.types import CATEGORIES
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsLabelledRooms
from s2r_bench.worlds.mini import MiniWorld
from s2r_bench.worlds.mini.build import scene_stage
from s2r_bench.worlds.mini.furniture import furniture_of
from s2r_bench.worlds.mini.labelled.areas import LABELLED_CLASSES, STYLES, room_names
from s2r_bench.worlds.mini.labelled.build import INDEX, NOTHING_M, fused, read_room
from s2r_bench.worlds.mini.labelled.interiors import OBJECTS_PER_INTERIOR, make_interior
from s2r_bench.worlds.mini.options import MiniOptions

SMOKE = MiniOptions.preset("smoke")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> MiniWorld:
    opened = open_world("mini", preset="smoke", home=tmp_path_factory.mktemp("home"), options={"workers": 1})
    assert isinstance(opened, MiniWorld)
    return opened


def test_six_areas_of_rooms_whose_every_point_has_a_class(world: MiniWorld) -> None:
    assert isinstance(world, HoldsLabelledRooms)
    found = world.labelled_rooms()
    assert found.rooms == room_names(1)
    assert world.rooms_sensor == "virtual sensor"
    assert found.classes == ("ceiling", "floor", "wall", *CATEGORIES)
    for name in found.rooms:
        room = found.read(name)
        assert room.name == name
        assert room.colours is None
        assert len(room.points) > 500
        assert {"floor", "wall"} <= {LABELLED_CLASSES[label] for label in np.unique(room.labels)}
        assert (room.instances == 0).tolist() == (room.labels < 3).tolist()


def test_labels_are_what_points_lie_on(world: MiniWorld) -> None:
    """Each point against the room's own geometry: planes of the shell, boxes of the furniture."""
    for name in world.labelled_rooms().rooms[:3]:
        room, interior = world.labelled_rooms().read(name), make_interior(world.options, int(name[5]), 0)
        width, height, depth = interior.size
        x, y, z = room.points[:, 0], room.points[:, 2], -room.points[:, 1]  # back to the scene's frame, y up
        planes = {"floor": np.abs(y), "ceiling": np.abs(y - height)}
        planes["wall"] = np.min([np.abs(x), np.abs(x - width), np.abs(z), np.abs(z - depth)], axis=0)
        for kind, away in planes.items():
            of_kind = room.labels == LABELLED_CLASSES.index(kind)
            assert np.quantile(away[of_kind], 0.9) < 0.12, f"{name}: {kind}"  # the smoke sensor is coarse
        scene_points = np.stack([x, y, z], axis=1)
        for instance in np.unique(room.instances[room.instances > 0]):
            own = room.instances == instance
            bodies = [body for body in interior.scene.bodies if body.instance == instance]
            low = np.min([body.mesh.bounds[0] for body in bodies], axis=0) - NOTHING_M
            high = np.max([body.mesh.bounds[1] for body in bodies], axis=0) + NOTHING_M
            assert ((scene_points[own] >= low) & (scene_points[own] <= high)).all()
            category = interior.scene.names[instance].rpartition("-")[0]
            assert {LABELLED_CLASSES[label] for label in room.labels[own]} == {category}


def test_a_killed_generation_goes_on_to_the_same_bytes(world: MiniWorld) -> None:
    first = world.labelled_rooms()
    folder = next(iter(first.paths.values())).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    kept = folder / f"{first.rooms[0]}.npz"
    stamp = kept.stat().st_mtime_ns
    (folder / INDEX).unlink()
    (folder / f"{first.rooms[4]}.npz").unlink()
    again = world.labelled_rooms()
    assert again.digest == first.digest
    assert kept.stat().st_mtime_ns == stamp, "a room that was there is not captured again"
    arrays = [dict(np.load(path)) for path in (folder / f"{first.rooms[4]}.npz",)]
    np.testing.assert_array_equal(arrays[0]["labels"], read_room(folder / f"{first.rooms[4]}.npz").labels)
    assert json.loads((folder / INDEX).read_bytes()) == json.loads(before[INDEX])


def test_damage_is_named_with_its_remedy(world: MiniWorld, tmp_path: Path) -> None:
    path = next(iter(world.labelled_rooms().paths.values()))
    bad = tmp_path / path.name
    bad.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"{path.name} is missing or damaged.*delete .* and rooms\.json"):
        read_room(bad)
    with np.load(path) as arrays:
        held = dict(arrays)
    np.savez(bad, **(held | {"labels": held["labels"] + np.uint8(20)}))
    with pytest.raises(DataError, match="label 2"):
        read_room(bad)
    with pytest.raises(DataError, match="is missing"):
        read_room(tmp_path / "none.npz")
    index = path.with_name(INDEX)
    whole = index.read_text()
    index.write_text(whole.replace("Area_1_room_01", "Area_1_room_99"))
    try:
        with pytest.raises(DataError, match="not the index of 6 labelled rooms; delete"):
            world.labelled_rooms()
    finally:
        index.write_text(whole)


def test_the_world_does_not_depend_on_its_labelled_rooms() -> None:
    other = MiniOptions.preset("smoke", {"labelled.rooms": 3, "labelled.voxel": 0.1})
    assert other.key == SMOKE.key
    assert other.labelled_key != SMOKE.labelled_key
    assert MiniOptions.preset("smoke", {"seed": 1}).labelled_key != SMOKE.labelled_key
    assert MiniOptions.preset("smoke", {"workers": 3}).labelled_key == SMOKE.labelled_key


def test_scenes_and_furniture_are_no_other_splits(world: MiniWorld) -> None:
    interiors = [make_interior(SMOKE, area, number) for area in AREAS for number in range(3)]
    scenes = [interior.scene.id for interior in interiors]
    names = [name for interior in interiors for name in interior.scene.names[1:]]
    assert len(set(scenes)) == len(scenes)
    assert len({name.rpartition("-")[2] for name in names}) == len(names)
    others = {"train": 2, "val": 1, "test": 2}
    stages = [scene_stage(SMOKE, split, i) for split, count in others.items() for i in range(count)]  # type: ignore[arg-type]
    assert not set(scenes) & {stage.scene.id for stage in stages}
    assert not set(names) & {name for stage in stages for name in stage.scene.names}
    for part in ("corpus", "captured-train", "captured-test"):
        assert not set(names) & {model.id for model in world.objects(part)}
    assert all(furniture_of(name).model.id == name for name in names[:3])
    again = make_interior(MiniOptions.preset("smoke", {"seed": 1}), 1, 0)
    assert not set(again.scene.names[1:]) & set(names)


def test_areas_differ_and_furniture_stands_within_its_room() -> None:
    assert max(style.pieces[1] for style in STYLES.values()) <= OBJECTS_PER_INTERIOR
    heights = {area: [make_interior(SMOKE, area, k).size[1] for k in range(4)] for area in (2, 3)}
    assert min(heights[2]) > max(heights[3])
    for area in AREAS:
        seen: set[str] = set()
        for number in range(6):
            interior = make_interior(SMOKE, area, number)
            seen |= {name.rpartition("-")[0] for name in interior.scene.names[1:]}
            boxes = []
            for instance in range(1, len(interior.scene.names)):
                bounds = [body.mesh.bounds for body in interior.scene.bodies if body.instance == instance]
                low, high = np.min([b[0] for b in bounds], axis=0), np.max([b[1] for b in bounds], axis=0)
                assert (low > -1e-6).all()
                assert (high < interior.size).all()
                boxes.append((low, high))
            for k, (low, high) in enumerate(boxes):
                for other_low, other_high in boxes[:k]:
                    assert (low > other_high)[[0, 2]].any() or (high < other_low)[[0, 2]].any()
        assert seen == set(CATEGORIES), f"area {area} has {seen}"


def test_a_voxel_keeps_the_label_of_most_of_its_points() -> None:
    points = np.array([[0.1, 0, 0], [0.3, 0, 0], [0.6, 0, 0], [2.5, 0, 0], [2.7, 0, 0]], np.float32)
    means, bodies = fused(points, np.array([7, 7, 3, 9, 4], np.int32), 1.0)
    assert bodies.tolist() == [7, 4]  # of equals the lower number
    np.testing.assert_allclose(means[:, 0], [0.2, 2.7], atol=1e-6)
