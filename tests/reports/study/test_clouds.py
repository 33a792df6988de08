"""Fused clouds as samples: what a file holds, that only the depth tells sources apart, the page that turns them."""

import json

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_bench.types import DepthFrame
from s2r_bench.worlds.pair_folder import write_depth
from s2r_reports import study as door
from s2r_reports._study.clouds import POINTS, REACH, cloud, read, still
from s2r_reports._study.layout import read_key, read_study
from s2r_reports._study.render import HOLE
from tests.reports.study.conftest import K, depth_of, fill, made, noisy

PLACES, VIEWS, BYTES = 5, 3, 9 * POINTS + 4


def pose_of(view):
    """A camera a little to the side."""
    pose = np.eye(4)
    pose[0, 3] = 0.05 * (view - 1)
    return pose


def places(folder, spread, sensor, count=PLACES):
    """A pair folder of several rooms, VIEWS of each."""
    names = {(place, view): f"room{place}__0__{view:03d}" for place in range(count) for view in range(VIEWS)}
    for (place, view), name in names.items():
        clean = depth_of(place)
        write_depth(folder / "clean" / f"{name}.png", clean)
        write_depth(folder / "captured" / f"{name}.png", noisy(clean, spread, 5, place, view))
    cameras = {"K": K.tolist(), "height": 30, "width": 40, "sensor": sensor}
    cameras["cam_to_world"] = {name: pose_of(view).tolist() for (_, view), name in names.items()}
    cameras["frames"] = {name: {"scene": f"room{place}", "sequence": "0"} for (place, _), name in names.items()}
    (folder / "cameras.json").write_text(json.dumps(cameras))
    return folder


@pytest.fixture(scope="session")
def fused(tmp_path_factory):
    """A study of clouds of two methods and captures, two samples each, with its single-file variant."""
    home = tmp_path_factory.mktemp("clouds")
    folders = {
        name: places(home / name, spread, f"{name}, simulated") for name, spread in (("a-m", 0.004), ("b-m", 0.02))
    }
    captured = places(home / "captured", 0.006, "virtual sensor")
    pools = door.pools_of([], home, folders, captured, "test", "clouds")
    assert door.counts_of(pools) == {"a-m": PLACES, "b-m": PLACES, "captured": PLACES}
    plan = {"samples": 2, "examples": 2, "seed": 0, "same_views": False, "static": True, "show": "clouds"}
    door.build(pools, home / "study", lambda done, total: None, **plan)
    return home / "study"


@pytest.fixture
def folder(fused, tmp_path):
    import shutil

    return shutil.copytree(fused, tmp_path / "study")


def frames(depth, views=VIEWS):
    return [DepthFrame(depth, K, pose_of(view), "room", "0", str(view)) for view in range(views)]


def test_a_file_for_every_picture_and_nothing_but_points_in_it(fused):
    study, key = read_study(fused), read_key(fused)
    assert study.show == "clouds"
    paths = sorted((fused / "clouds").iterdir())
    assert [path.name for path in paths] == [f"{name}.bin" for name in sorted(study.images)]
    assert {path.stat().st_size for path in paths} == {BYTES}
    assert len({path.stat().st_mtime for path in paths}) == 1
    assert len({path.stat().st_size for path in (fused / "images").iterdir()}) == 1
    assert len({path.read_bytes() for path in paths}) == len(paths)  # the key names places, and each has its own depth
    assert {shown.view for shown in key.samples.values()} <= {f"room{place}/0" for place in range(PLACES)}
    told = (fused / "study.json").read_text()
    assert not any(word in told for word in ("a-m", "b-m", "room", "origin", "source"))


def test_points_lie_where_the_depth_says():
    """A wall two metres away, a box before it to the right: x right, y up, z towards the viewer, longest side 2."""
    clean = np.full((30, 40), 2.0, np.float32)
    clean[2:10, 28:36] = 1.5
    points, _, width = read(cloud("v", frames(clean), frames(clean)))
    wall = points[:, 2] < points[:, 2].mean()
    half = 2.0 * 39 / 36 / 2 + 0.05  # of the wall's width in metres: 39 pixels at two metres, three cameras 5 cm apart
    assert np.ptp(points[wall, 2]) < 2 * 2 * REACH / 65535
    assert np.ptp(points[:, 0]) == pytest.approx(2, abs=0.03)
    assert points[~wall, 2].mean() - points[wall, 2].mean() == pytest.approx(0.5 / half, abs=0.02)
    assert points[~wall, 0].min() > 0
    assert points[~wall, 1].min() > 0
    assert 0.04 < width < 0.1  # there are few points, and they meet
    picture = still(cloud("v", frames(clean), frames(clean)))
    assert picture.shape == (480, 960, 3)
    assert (picture != np.array(HOLE)).any(-1).mean() > 0.2


def test_only_the_depth_where_clean_depth_is_decides():
    clean = depth_of(0)
    depth = np.rint(noisy(clean, 0.01, 3) * 1000).astype(np.float32) / 1000
    more = depth + np.where(depth > 0, np.float32(0.0003), 0)
    more[0, :3] = 1.5  # where there is no clean depth
    one, other = (cloud("v", frames(clean), frames(some)) for some in (depth, more))
    assert one == other
    assert len(one) == len(cloud("v", frames(clean), frames(np.where(depth > 1.1, depth, 0)))) == BYTES


def test_the_light_shows_noise():
    wall = np.full((30, 40), 2.0, np.float32)
    rough, smooth = (read(cloud("v", frames(wall), frames(some)))[1] for some in (noisy(wall, 0.01, 3), wall))
    assert np.ptp(smooth, axis=0).max() <= 2 < np.ptp(rough, axis=0).max()


def test_a_cloud_of_nothing_is_named():
    with pytest.raises(DataError, match="3 frames from room/0/0"):
        cloud("v", frames(depth_of(0)), frames(np.zeros((30, 40), np.float32)))


def test_runs_have_no_clouds_to_show(tmp_path):
    records = fill(tmp_path)
    with pytest.raises(UsageError, match="s2r-bench simulate"):
        door.pools_of(records, tmp_path, {}, None, "test", "clouds")
    made(records, tmp_path, tmp_path / "s")
    assert not (tmp_path / "s" / "clouds").exists()


def test_models_are_one_cloud_each(tmp_path):
    for name in ("chair/a", "chair/b"):
        places(tmp_path / "sim" / name, 0.01, "x", count=1)
    manifest = {"method": "ours", "objects": [{"folder": "chair/a"}, {"folder": "chair/b"}]}
    (tmp_path / "sim" / "manifest.json").write_text(json.dumps(manifest))
    pools = door.pools_of([], tmp_path, {"ours": tmp_path / "sim"}, tmp_path / "sim", "test", "clouds")
    assert [one.view for one in pools.sources["ours"]] == ["chair/a", "chair/b"]


def test_too_few_places_say_so(tmp_path):
    folder = places(tmp_path / "a", 0.01, "x", count=2)
    pools = door.pools_of([], tmp_path, {"m": folder}, folder, "test", "clouds")
    plan = {"samples": 2, "examples": 1, "seed": 0, "same_views": False, "static": False, "show": "clouds"}
    with pytest.raises(DataError, match=r"2 clouds have captures.*more sequences or models"):
        door.build(pools, tmp_path / "s", lambda done, total: None, **plan)


def test_the_server_gives_clouds_to_participants_alone(folder, start):
    httpx = pytest.importorskip("httpx", reason="the extra `dev` is not installed")
    pytest.importorskip("uvicorn", reason="the extra `study` is not installed")
    running = start(folder, participants=1)
    sample = read_study(folder).samples[0]
    reply = httpx.get(f"{running.links['p01']}/clouds/{sample}.bin")
    assert (reply.status_code, len(reply.content)) == (200, BYTES)
    assert reply.headers["x-content-type-options"] == "nosniff"
    for path in ("0000000000000000.bin", "..%2fkey.json", f"..%2fimages%2f{sample}.png", "%00.bin"):
        assert httpx.get(f"{running.links['p01']}/clouds/{path}").status_code == 404
    assert httpx.get(f"{running.url}/s/nobody/clouds/{sample}.bin").status_code == 404


def turned(page, selector):
    page.wait_for_function("place => document.querySelector(place)?.dataset.view", arg=selector)
    return page.locator(selector).first.evaluate("one => [one.dataset.view, one.toDataURL()]")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_clouds_turn_in_the_page(folder, opened, width, scheme):
    page = opened((folder / "study.html").as_uri(), width, 844, color_scheme=scheme)
    first, second = (f"#intro .pair:nth-child({place}) canvas" for place in (1, 2))
    begun, other = turned(page, first), turned(page, second)
    page.locator("#intro .pair").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("old => document.querySelector('#intro canvas').dataset.view !== old", arg=begun[0])
    both = page.locator("#intro .pair:first-child canvas").evaluate_all("some => some.map(one => one.dataset.view)")
    assert both[0] == both[1] == "30.00 16.00 1.00"  # clean and captured turn together
    assert turned(page, second) == other  # and other pairs stay
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    opened.shot(page, f"clouds-intro-{width}-{scheme}")
    page.click("#start")
    before = turned(page, "#trial canvas")
    page.wait_for_selector("#yes:enabled")
    box = page.locator("#no").bounding_box()
    assert box["y"] + box["height"] <= 844  # the answers are on the screen without scrolling
    opened.shot(page, f"clouds-trial-{width}-{scheme}")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("+")
    page.wait_for_function("() => document.querySelector('#trial canvas').dataset.view === '24.00 22.00 1.15'")
    assert turned(page, "#trial canvas")[1] != before[1]
    area = page.locator("#trial canvas").bounding_box()
    page.mouse.move(area["x"] + 50, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + 110, area["y"] + 50, steps=3)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('#trial canvas').dataset.view.startsWith('-6.00')")
    for number in range(6):
        page.locator("#count").filter(has_text=f"{number + 1} of 6").wait_for()
        page.wait_for_selector("#yes:enabled")
        page.keyboard.press("cs"[number % 2])
    page.wait_for_selector("#save:not([hidden])")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in opened.asked)
    assert opened.said == []


def test_clouds_of_a_server_and_still_pictures_without_webgl(folder, start, opened):
    pytest.importorskip("uvicorn", reason="the extra `study` is not installed")
    running = start(folder, participants=1)
    page = opened(running.links["p01"])
    turned(page, "#intro canvas")
    assert page.is_visible("#of-clouds")
    page.click("#start")
    turned(page, "#trial canvas")
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.reload()
    page.wait_for_selector("#intro .picture img")
    assert page.locator("canvas").count() == 0
    assert page.is_visible("#of-stills")
    page.click("#start")
    page.wait_for_selector("#yes:enabled")
    assert page.locator("#trial .picture img").count() == 2
    assert opened.said == []
