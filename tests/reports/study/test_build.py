"""What is drawn, how it is rendered, and that nothing but the depth tells sources apart."""

import collections
import json
import re
import struct

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_bench.worlds.pair_folder import write_depth
from s2r_reports import study as door
from s2r_reports._study.layout import read_key, read_study
from s2r_reports._study.render import HOLE, OUTSIDE, even_out, picture, png
from tests.reports.study.conftest import METHODS, K, depth_of, fill, keep_run, made, noisy, spec_of


def chunks(data):
    """Names of a PNG's chunks."""
    place, found = 8, []
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.append(data[place + 4 : place + 8].decode())
        place += 12 + length
    return found


def test_balanced_and_apart_from_the_first_screen(built, key):
    sources = collections.Counter(shown["source"] for shown in key["samples"].values())
    assert sources == {"ours": 3, "sd": 3, "no-sim": 3, "captured": 3}
    assert key["sources"][-1] == "captured"
    first = {shown["view"] for shown in key["examples"].values()}
    assert len(first) == 2
    assert not first & {shown["view"] for shown in key["samples"].values()}
    for source in sources:  # no view twice
        assert len({s["view"] for s in key["samples"].values() if s["source"] == source}) == 3
    study = read_study(built)
    assert [[key["examples"][name]["source"] for name in pair] for pair in study.examples] == [
        ["clean", "captured"]
    ] * 2


def test_nothing_that_is_served_names_a_source(built, key):
    names = [*METHODS, 'captured"', "runs", "room", "origin", "source"]
    assert not any(name in (built / "study.json").read_text() for name in names)
    data = (built / "study.html").read_text().partition('id="study">')[2].partition("</script>")[0]
    inlined = json.loads(data)
    images = inlined.pop("images")
    assert not any(name in json.dumps(inlined) for name in ["ours", "no-sim", "room", "origin", "source"])
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in images)
    assert {path.name for path in built.glob("images/*")} == {f"{name}.png" for name in images}
    assert set(read_study(built).images) == set(images)


def test_files_differ_in_nothing_but_pixels(built):
    paths = sorted(built.glob("images/*.png"))
    assert len({path.stat().st_size for path in paths}) == 1
    assert len({path.stat().st_mtime for path in paths}) == 1
    assert {tuple(chunks(path.read_bytes())) for path in paths} == {("IHDR", "pHYs", "IDAT", "npAd", "IEND")}
    heads = {path.read_bytes()[8:33] for path in paths}  # IHDR: size, depth, colour type
    assert len(heads) == 1


def test_evened_out_files_still_decode():
    from matplotlib.image import imread

    rng = np.random.default_rng(0)
    images = {"plain": np.zeros((20, 30, 3), np.uint8), "noisy": rng.integers(0, 255, (20, 30, 3), np.uint8)}
    files = even_out({name: png(image) for name, image in images.items()})
    assert len(files["plain"]) == len(files["noisy"])
    import io

    for name, image in images.items():
        np.testing.assert_array_equal(np.rint(imread(io.BytesIO(files[name]))[..., :3] * 255), image)
    with pytest.raises(ValueError, match="no PNG"):
        even_out({"a": b"not a picture"})


def test_seeds_decide_what_is_drawn_and_ids_say_nothing(tmp_path):
    records = fill(tmp_path)

    def drawn(name, seed):
        made(records, tmp_path, tmp_path / name, seed=seed)
        key = read_key(tmp_path / name)
        return sorted((s.source, s.view) for s in key.samples.values()), set(key.samples)

    first, again, other = drawn("a", 1), drawn("b", 1), drawn("c", 2)
    assert first[0] == again[0] != other[0]
    assert not first[1] & again[1]


def test_each_participant_has_an_order_of_their_own(built):
    study = read_study(built)
    orders = [study.order(f"p{number:02d}") for number in range(6)]
    assert all(sorted(order) == list(study.samples) for order in orders)
    assert len({tuple(order) for order in orders}) == 6
    assert orders[0] == read_study(built).order("p00")


def test_same_views_of_every_source(tmp_path):
    made(fill(tmp_path), tmp_path, tmp_path / "s", same_views=True)
    views = collections.defaultdict(set)
    for sample in read_key(tmp_path / "s").samples.values():
        views[sample.source].add(sample.view)
    assert len({frozenset(some) for some in views.values()}) == 1
    assert len(views) == 4


def test_several_seeds_of_a_method_are_one_source(tmp_path):
    records = fill(tmp_path)
    records.append(keep_run(tmp_path, spec_of("ours", seed=1), range(8), 0.003))
    made(records, tmp_path, tmp_path / "s", samples=6)
    ours = [s for s in read_key(tmp_path / "s").samples.values() if s.source == "ours"]
    assert len({s.view for s in ours}) == 6
    assert len({s.origin for s in ours}) == 2


@pytest.mark.parametrize(
    ("sensor", "captures"),
    [
        ("virtual sensor", "virtual"),
        (None, "virtual"),
        ("ours, simulated", "virtual"),
        ("Kinect v1", "real"),
    ],
)
def test_only_named_real_sensors_are_called_real(tmp_path, sensor, captures):
    study = made(fill(tmp_path, sensor), tmp_path, tmp_path / "s", static=True)
    assert study.captures == captures
    assert ("real" in json.dumps(vars(study.words)).lower()) == (captures == "real")
    data = (tmp_path / "s" / "study.html").read_text().partition('id="study">')[2].partition('"images"')[0]
    assert ("real" in data.lower()) == (captures == "real")


def test_too_few_views_say_what_to_do(tmp_path):
    records = fill(tmp_path)
    with pytest.raises(DataError, match=r"8 views have captures, 7 samples and 2 examples need 9.*kept_views"):
        made(records, tmp_path, tmp_path / "s", samples=7)
    records.append(keep_run(tmp_path, spec_of("redwood"), range(3), 0.01))
    with pytest.raises(DataError, match=r"redwood: \d views that are no example, 3 are needed"):
        made(records, tmp_path, tmp_path / "s", samples=3, examples=5)
    assert not (tmp_path / "s").exists()


def test_runs_of_two_kinds_are_not_mixed(tmp_path):
    records = [*fill(tmp_path), keep_run(tmp_path, spec_of("ours", preset="small"), range(8), 0.003)]
    with pytest.raises(UsageError, match=r"2 kinds \(mini, small.*mini, tiny.*--preset"):
        made(records, tmp_path, tmp_path / "s")


def test_a_damaged_view_is_named(tmp_path):
    records = fill(tmp_path)
    path = next((tmp_path / "runs" / "evaluate" / spec_of("sd").key / "artifacts").glob("view_3.npz"))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"view_3\.npz is damaged"):
        made(records, tmp_path, tmp_path / "s")


def test_a_study_is_never_written_over(tmp_path):
    records = fill(tmp_path)
    made(records, tmp_path, tmp_path / "s")
    with pytest.raises(UsageError, match="is not empty"):
        made(records, tmp_path, tmp_path / "s")


def pair_folder(folder, spread, sensor, views=range(6), size=None, wide=1):
    names = [f"room__0__{view:03d}" for view in views]
    for view, name in zip(views, names, strict=True):
        clean = np.tile(depth_of(view), (1, wide))
        write_depth(folder / "clean" / f"{name}.png", clean)
        write_depth(folder / "captured" / f"{name}.png", noisy(clean, spread, 1, view))
    cameras = {"K": K.tolist(), "height": 30, "width": 40 * wide, "sensor": sensor}
    cameras["cam_to_world"] = {name: np.eye(4).tolist() for name in names}
    cameras["frames"] = {name: {"scene": "room", "sequence": "0"} for name in names}
    (folder / "cameras.json").write_text(json.dumps(cameras))
    return folder


def test_folders_of_simulated_pairs(tmp_path):
    folders = {"mine": pair_folder(tmp_path / "a", 0.01, "mine, simulated")}
    captured = pair_folder(tmp_path / "c", 0.002, "Kinect v1", range(2, 9))
    pools = door.pools_of([], tmp_path, folders, captured, "test")
    assert door.counts_of(pools) == {"mine": 6, "captured": 7}
    plan = {"samples": 3, "examples": 2, "seed": 0, "same_views": False, "static": False}
    study = door.build(pools, tmp_path / "s", lambda done, total: None, **plan)
    key = read_key(tmp_path / "s")
    assert (study.captures, key.sensor, len(study.samples)) == ("real", "Kinect v1", 6)
    assert {s.view for s in key.samples.values()} <= {f"room/0/{view:03d}" for view in range(9)}


def test_folders_of_simulated_models(tmp_path):
    for name in ("chair/a", "chair/b"):
        inner = pair_folder(tmp_path / "sim" / name, 0.01, "x")
        (inner / "captured").rename(inner / "simulated")
    manifest = {"method": "ours", "objects": [{"folder": "chair/a"}, {"folder": "chair/b"}]}
    (tmp_path / "sim" / "manifest.json").write_text(json.dumps(manifest))
    pools = door.pools_of([], tmp_path, {"ours": tmp_path / "sim"}, tmp_path / "sim", "test")
    assert door.counts_of(pools)["ours"] == 6  # the rooms of both have the same names here
    assert pools.captures == "virtual"


def test_pictures_of_two_sizes_are_refused(tmp_path):
    folders = {"mine": pair_folder(tmp_path / "a", 0.01, "mine, simulated", wide=2)}
    pools = door.pools_of([], tmp_path, folders, pair_folder(tmp_path / "c", 0.002, "Kinect v1"), "test")
    plan = {"samples": 3, "examples": 2, "seed": 0, "same_views": False, "static": False}
    with pytest.raises(DataError, match="sizes would tell the sources apart"):
        door.build(pools, tmp_path / "s", lambda done, total: None, **plan)


@pytest.mark.parametrize("name", ["captured", "<b>", "=1+1", "", "a" * 61, "a/b"])
def test_names_that_cannot_stand_in_a_table(tmp_path, name):
    folder = pair_folder(tmp_path / "a", 0.01, "mine, simulated")
    with pytest.raises(UsageError, match="cannot be a source's name"):
        door.pools_of([], tmp_path, {name: folder}, folder, "test")


def test_a_picture_shows_holes_and_what_is_outside():
    clean = depth_of(0)
    depth = clean.copy()
    depth[15, 30] = 0
    image = picture(clean, depth, K)
    scale = image.shape[0] // 30
    assert image.shape == (30 * scale, 2 * 40 * scale, 3)
    assert tuple(image[15 * scale, 30 * scale]) == HOLE
    assert tuple(image[0, 0]) == OUTSIDE
    assert tuple(image[20 * scale, 5 * scale]) not in (HOLE, OUTSIDE)


def test_values_without_clean_depth_and_parts_of_millimetres_are_not_seen():
    clean = depth_of(0)
    depth = np.rint(noisy(clean, 0.01, 3) * 1000).astype(np.float32) / 1000
    more = depth + np.where(depth > 0, np.float32(0.0003), 0)
    more[0, :3] = 1.5
    np.testing.assert_array_equal(picture(clean, depth, K), picture(clean, more, K))


def test_the_side_view_moves_near_points_against_far_ones():
    """A box before a wall: seen from the right, it covers other parts of the wall than from the front."""
    clean = np.full((30, 40), 2.0, np.float32)
    clean[10:20, 15:25] = 1.2
    scale = picture(clean, clean, K).shape[0] // 30
    side = picture(clean, clean, K)[:, 40 * scale :]
    without = picture(clean, np.where(clean == 2, clean, 0).astype(np.float32), K)[:, 40 * scale :]
    only = picture(clean, np.where(clean < 2, clean, 0).astype(np.float32), K)[:, 40 * scale :]
    box = (only != np.array(HOLE)).any(-1)
    rows, columns = np.nonzero(box)
    assert columns.mean() < 19.5 * scale - 2 * scale  # from the right, what is near goes to the left
    assert rows.mean() > 14.5 * scale + scale  # and from above, down
    np.testing.assert_array_equal(side[box], only[box])  # near hides far
    np.testing.assert_array_equal(side[~box], without[~box])
