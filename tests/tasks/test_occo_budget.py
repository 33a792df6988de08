"""Label budgets of S3DIS: what is chosen, that it nests, and that all arms get the same."""

import json

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_tasks._occo.data.budget import TABLE_3, Fraction, Full, KShot, Rooms, choose, parse_budget, subset_for

AREAS = (1, 2, 3, 4, 6)
# area a has 2 + 2a rooms with 3 to 5 blocks each, room by room, as an archive lists them
ROOMS = [f"Area_{a}_office_{r}" for a in range(1, 7) for r in range(2 + 2 * a) for _ in range(3 + r % 3)]
BLOCKS_OF = {room: [k for k, name in enumerate(ROOMS) if name == room] for room in ROOMS}


def area(index):
    return int(ROOMS[index][5])


def test_all_of_the_training_areas():
    subset = choose(Full(), ROOMS, AREAS, seed=0)
    assert subset.blocks == tuple(k for k in range(len(ROOMS)) if area(k) != 5)
    assert subset.areas == AREAS
    assert not any(room.startswith("Area_5") for room in subset.rooms)


@pytest.mark.parametrize("seed", [0, 1])
def test_whole_rooms_so_many_an_area(seed):
    few, more = (choose(Rooms(per_area=n), ROOMS, AREAS, seed=seed) for n in (1, 3))
    assert [sum(room.startswith(f"Area_{a}") for room in more.rooms) for a in AREAS] == [3] * 5
    assert list(more.blocks) == sorted(k for room in more.rooms for k in BLOCKS_OF[room])
    assert set(few.blocks) < set(more.blocks)
    with pytest.raises(DataError, match="area 1 has 4 rooms with blocks, 5 are asked for"):
        choose(Rooms(per_area=5), ROOMS, AREAS, seed=seed)


def test_a_share_of_the_rooms():
    small, large = (choose(Fraction(value=value), ROOMS, AREAS, seed=0) for value in (0.1, 0.5))
    assert [sum(room.startswith(f"Area_{a}") for room in large.rooms) for a in AREAS] == [2, 3, 4, 5, 7]
    assert [sum(room.startswith(f"Area_{a}") for room in small.rooms) for a in AREAS] == [1, 1, 1, 1, 1]
    assert set(small.blocks) < set(large.blocks)
    assert list(large.blocks) == sorted(k for room in large.rooms for k in BLOCKS_OF[room])
    assert Fraction(value=0.1, unit="room", stratified=True) == TABLE_3
    together = choose(Fraction(value=0.5, stratified=False), ROOMS, AREAS, seed=0)
    assert len(together.rooms) == 21


def test_an_area_gives_the_same_rooms_in_every_fold():
    one, other = (choose(TABLE_3, ROOMS, areas, seed=0) for areas in (AREAS, (1, 2, 3, 4, 5)))
    shared = [{room for room in subset.rooms if room[5] in "1234"} for subset in (one, other)]
    assert shared[0] == shared[1]
    assert choose(TABLE_3, ROOMS, AREAS, seed=1).rooms != one.rooms


def test_areas_are_drawn_apart():
    rooms = [f"Area_{a}_office_{r}" for a in (1, 2) for r in range(8)]
    drawn = [choose(Rooms(per_area=1), rooms, (1, 2), seed=seed).rooms for seed in range(6)]
    assert any(one[-1] != other[-1] for one, other in drawn)


def test_a_share_of_the_blocks():
    subset = choose(Fraction(value=0.25, unit="block"), ROOMS, AREAS, seed=0)
    for a in AREAS:
        total = sum(area(k) == a for k in range(len(ROOMS)))
        assert sum(area(k) == a for k in subset.blocks) == max(1, round(0.25 * total))
    larger = choose(Fraction(value=0.5, unit="block"), ROOMS, AREAS, seed=0)
    assert set(subset.blocks) < set(larger.blocks)
    assert len(choose(Fraction(value=0.001, unit="block", stratified=False), ROOMS, AREAS, seed=0).blocks) == 1


def test_blocks_that_show_a_class():
    rng = np.random.default_rng(0)
    counts = np.zeros((len(ROOMS), 13), np.int64)
    counts[:, 0] = 80
    for k in range(len(ROOMS)):
        counts[k, 1 + rng.integers(0, 9)] += 20
    counts[:5, 11] = 5  # 5 of 105 points: under 5 %
    counts[5:7, 12] = [6, 5]
    counts[5, 0], counts[6, 0] = 94, 75  # 6 of 120 and 5 of 100: just 5 %
    subset = choose(KShot(blocks_per_class=4), ROOMS, AREAS, seed=0, class_counts=counts)
    shows = counts >= 0.05 * counts.sum(1, keepdims=True)
    allowed = np.array([area(k) != 5 for k in range(len(ROOMS))])
    chosen = np.array(subset.blocks)
    assert allowed[chosen].all()
    for label in range(10):
        assert shows[chosen, label].sum() >= 4
    assert subset.shortfall == {"board": 4, "clutter": 2, "bookcase": 4}
    assert {5, 6} <= set(subset.blocks)
    fewer = choose(KShot(blocks_per_class=2), ROOMS, AREAS, seed=0, class_counts=counts)
    assert set(fewer.blocks) < set(subset.blocks)
    with pytest.raises(UsageError, match="k_shot needs the points of each class"):
        choose(KShot(blocks_per_class=2), ROOMS, AREAS, seed=0)


def test_a_saved_subset_serves_all_arms(tmp_path):
    path = tmp_path / "fold_5.json"
    first = subset_for(path, TABLE_3, ROOMS, AREAS, seed=0)
    before = path.read_bytes()
    assert subset_for(path, TABLE_3, ROOMS, AREAS, seed=0) == first
    assert path.read_bytes() == before
    for budget, rooms, areas, seed in (
        (Full(), ROOMS, AREAS, 0),
        (TABLE_3, ROOMS[:-1], AREAS, 0),
        (TABLE_3, ROOMS, (1, 2), 0),
        (TABLE_3, ROOMS, AREAS, 1),
    ):
        with pytest.raises(DataError, match=r"fold_5\.json is of budget"):
            subset_for(path, budget, rooms, areas, seed=seed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda fields: fields.update(blocks=[10**6]), "names blocks outside of"),
        (lambda fields: fields.update(blocks=[]), "names blocks outside of"),
        (lambda fields: fields.update(blocks=[ROOMS.index("Area_5_office_0")]), "areas that are not trained on"),
        (lambda fields: fields.update(schema=2), "no subset of S3DIS"),
        (lambda fields: fields.pop("seed"), "no subset of S3DIS"),
        (lambda fields: fields.update(more=1), "no subset of S3DIS"),
    ],
)
def test_a_subset_that_was_changed_is_refused(tmp_path, change, told):
    path = tmp_path / "fold_5.json"
    subset_for(path, TABLE_3, ROOMS, AREAS, seed=0)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=told) as wrong:
        subset_for(path, TABLE_3, ROOMS, AREAS, seed=0)
    assert str(path) in str(wrong.value)


def test_areas_without_blocks():
    with pytest.raises(DataError, match="no blocks of area 6"):
        choose(Full(), ROOMS[:10], (1, 6), seed=0)
    with pytest.raises(DataError, match="no blocks of area any"):
        choose(Full(), ROOMS, (), seed=0)


def test_budgets_by_name():
    assert parse_budget({"type": "fraction", "value": 0.1, "unit": "room", "stratified": True}) == TABLE_3
    assert parse_budget({"type": "full"}) == Full()
    assert parse_budget({"type": "k_shot", "blocks_per_class": 10}) == KShot(blocks_per_class=10)
    for wrong in (
        {"type": "some"},
        {"type": "rooms"},
        {"type": "fraction", "value": 1.5},
        {"type": "rooms", "per_area": 2, "x": 1},
        {},
        "full",
    ):
        with pytest.raises(UsageError, match=r"no label budget: .*there are: full, rooms, fraction, k_shot"):
            parse_budget(wrong)
