"""OcCo's pretraining: views, frames and pairs by hand, schedules, and the whole path at smoke size for both forms."""

from pathlib import Path

import numpy as np
import pytest
import torch

from s2r_bench.engine.loop import TrainOptions
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry.crop import grown_box, inside_box
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.types import CadModel, Mesh
from s2r_bench.worlds import open_world
from s2r_bench.worlds.mini import MiniWorld
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks
from s2r_tasks._occo.pretraining import PretrainOptions, pretrained, pretrained_state, pretraining_facts
from s2r_tasks._occo.pretraining.fit import FallingLoop, rate_share
from s2r_tasks._occo.pretraining.pairs import Pairs, cad_frame, cloud_frame, turned
from s2r_tasks._occo.pretraining.views import make_views, read_views, view_cloud, views_of
from s2r_tasks._occo.transfer import TransferOptions, transfer
from s2r_tasks._recon.shapes import half_simulated

SMOKE = PretrainOptions.preset("smoke")
CLEAN = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
BLIND = Arm("blind", lambda frames, draw: [f.with_depth(np.zeros_like(f.depth)) for f in frames], identity="blind")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> MiniWorld:
    found = open_world("mini", preset="smoke", home=tmp_path_factory.mktemp("home"))
    assert isinstance(found, MiniWorld)
    return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def models(world: MiniWorld) -> list[CadModel]:
    return world.objects("corpus")


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> CadModel:
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
             [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    return CadModel("chair-box", "chair", Mesh(corners, np.array(faces)))


def test_a_view_is_cut_out_and_its_floor_stays_behind(world: MiniWorld, models: list[CadModel]) -> None:
    frame = world.object_views(models[0], 1, 3)[0]
    cloud = view_cloud(models[0], frame, SMOKE)
    assert 16 < len(cloud) <= SMOKE.stored
    grown = grown_box(models[0].mesh.bounds, SMOKE.margin)
    assert inside_box(cloud, grown).all()
    assert cloud[:, 1].min() >= 0.015
    few = view_cloud(models[0], frame, SMOKE.model_copy(update={"stored": 20}))
    assert len(few) == 20
    assert {tuple(point) for point in few} <= {tuple(point) for point in view_cloud(models[0], frame, SMOKE)}


def test_frames_of_cads_and_of_clouds() -> None:
    model = box((0, 0, 0), (2, 4, 4))
    for name in ("vertices", "box"):
        origin, radius = cad_frame(model, name)
        assert origin.tolist() == [1, 2, 2]
        assert radius == 3
    doubled = Mesh(np.concatenate([model.mesh.vertices, model.mesh.vertices[:1]]), model.mesh.faces)
    origin, _ = cad_frame(CadModel("chair-more", "chair", doubled), "vertices")
    np.testing.assert_allclose(origin, [8 / 9, 16 / 9, 16 / 9])  # the mean of vertices goes by how many there are
    points = np.array([[0.0, 0, 0], [4.0, 0, 0], [2.0, 3, 0]])
    origin, radius = cloud_frame(points)
    assert origin.tolist() == [2, 1, 0]
    assert radius == pytest.approx(5**0.5)
    assert cloud_frame(np.ones((3, 3)))[1] == 1
    np.testing.assert_allclose(turned(90) @ [0, 0, 1], [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("frame", ["cad", "partial"])
def test_both_clouds_of_a_pair_move_alike(frame: str) -> None:
    model, options = box((1, 0, 1), (3, 2, 5)), SMOKE.model_copy(update={"views": 1, "frame": frame, "turn_deg": 180.0})
    seen = np.random.default_rng(0).uniform((1, 0, 5), (3, 2, 5), (200, 3)).astype(np.float32)  # its front face
    pairs = Pairs([model], {model.id: [seen]}, 64, 500, options)
    partial, complete = pairs.item(0, "a")
    assert partial.shape == (64, 3)
    assert complete.shape == (500, 3)
    if frame == "cad":
        assert np.linalg.norm(complete, axis=1).max() <= 0.5 + 1e-6
    else:
        np.testing.assert_allclose(partial.mean(0), 0, atol=1e-6)
        assert np.linalg.norm(partial, axis=1).max() == pytest.approx(0.5, abs=1e-6)
    # the front face lies on the box's surface still: each of its points has a near one among the many of the surface
    away = np.linalg.norm(partial[:, None] - complete[None], axis=2).min(1)
    assert away.max() < 0.15 * np.ptp(complete, axis=0).max()
    again, _ = pairs.item(0, "a")
    np.testing.assert_array_equal(partial, again)
    assert not np.array_equal(partial, pairs.item(0, "b")[0])


def test_arms_differ_in_the_clouds_of_the_simulated_half_alone(
    world: MiniWorld, models: list[CadModel], tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path)
    clean, blind = (views_of(arm, world, shelf, SMOKE, 0) for arm in (CLEAN, BLIND))
    chosen = half_simulated(models, 0.5)
    assert len(chosen) == len(models) // 2
    for model in models:
        same = all(np.array_equal(a, b) for a, b in zip(clean[model.id], blind[model.id], strict=True))
        assert same == (model.id not in chosen)
    there, gone = (Pairs(models, views, 32, 32, SMOKE) for views in (clean, blind))
    assert len(gone.left_out) >= len(chosen) * SMOKE.views
    assert len(gone) == len(models) * SMOKE.views - len(gone.left_out)
    items = [(there.item(0, step), gone.item(0, step)) for step in range(20)]
    equal = [np.array_equal(a[1], b[1]) for a, b in items]
    assert any(equal)
    for (a, b), same in zip(items, equal, strict=True):  # a pair that both have is the same pair
        assert np.array_equal(a[0], b[0]) == same


def test_damaged_views_are_named(world: MiniWorld, models: list[CadModel], tmp_path: Path) -> None:
    some = models[:2]
    make_views(tmp_path, some, lambda m: [world.object_views(one, 2, 1) for one in m], SMOKE)
    assert [len(views) for views in read_views(tmp_path, some, 2).values()] == [2, 2]
    with pytest.raises(DataError, match=r"does not hold 3 clouds.*delete its folder"):
        read_views(tmp_path, some, 3)
    path = tmp_path / f"{some[1].id}.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=rf"{path.name} is missing or damaged"):
        read_views(tmp_path, some, 2)


def test_the_rate_falls_as_published() -> None:
    paper = PretrainOptions.preset("paper")
    assert paper.train.steps == 153_750
    train = TrainOptions(steps=50, warmup=0, schedule="constant", lr=1e-4, ema=0.0)
    loop = FallingLoop(torch.nn.Linear(1, 1), paper.model_copy(update={"train": train}), seed=0)
    rates = []
    for loop.step in range(50):
        rates.append(loop._rate())
    # epoch = step * batch // n + 1, so 0.7^(epoch // 20) falls behind 19 and 39 epochs
    np.testing.assert_allclose(rates, [1e-4 * 0.7 ** ((epoch + 1) // 20) for epoch in range(50)])
    assert rate_share(0, train, (), 0.7) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train.ema": 0.9}, "running statistics"),
        ({"falls": [1.5]}, "between 0 and 1"),
        ({"fewest": 5000}, "points of the"),
        ({"frame": "room"}, "frame"),
    ],
)
def test_options_that_cannot_be_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        PretrainOptions.preset("tiny", given)


def test_the_encoder_for_objects_goes_whole_and_is_found_again(world: MiniWorld, shelf: Shelf) -> None:
    networks = ClassifyNetworks.preset("smoke")
    folder = pretrained(CLEAN, world, shelf, networks, SMOKE, 0)
    state = pretrained_state(folder)
    assert set(state) == set(networks.completion().state_dict())
    assert int(state["encoder.conv1.1.num_batches_tracked"]) == SMOKE.train.steps
    assert not torch.equal(state["encoder.conv1.1.running_mean"], torch.zeros(4))
    facts = pretraining_facts(folder)
    assert facts["views"] + facts["left_out"] == 12 * SMOKE.views
    assert facts["curve"][-1]["step"] == SMOKE.train.steps
    report = transfer(state, networks.classifier(5), TransferOptions(at_least=0))
    assert report.encoder_percent == 100
    assert not (folder / "work").exists()
    others = networks.model_copy(update={"points": 64, "head": networks.head.model_copy(update={"dropout": 0.1})})
    assert pretrained(CLEAN, world, shelf, others, SMOKE, 0) == folder  # heads come later
    assert pretrained(CLEAN, world, shelf, networks, SMOKE, 1) != folder
    assert pretrained(CLEAN, world, shelf, networks, SMOKE.model_copy(update={"frame": "partial"}), 0) != folder
    (folder / "weights.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match=f"delete {folder}"):
        pretrained_state(folder)


def test_the_encoder_for_blocks_goes_into_the_segmentation(world: MiniWorld, shelf: Shelf) -> None:
    networks = SegmentNetworks.preset("smoke")
    state = pretrained_state(pretrained(CLEAN, world, shelf, networks, SMOKE, 0))
    segmenter = networks.segmenter(13)
    assert transfer(state, segmenter, TransferOptions(at_least=15)).percent >= 15
    torch.testing.assert_close(segmenter.encoder.conv5[0].weight, state["encoder.conv5.0.weight"])


def test_a_killed_pretraining_ends_in_the_same_weights(
    world: MiniWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s2r_bench.engine import loop

    networks = ClassifyNetworks.preset("smoke")
    often = SMOKE.model_copy(update={"train": SMOKE.train.model_copy(update={"checkpoint_s": 1e-9})})
    whole = pretrained_state(pretrained(CLEAN, world, Shelf(tmp_path / "one"), networks, often, 0))
    steps, one_step = [], loop.Loop._one_step

    def dying(self, *arguments):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return one_step(self, *arguments)

    monkeypatch.setattr(loop.Loop, "_one_step", dying)
    broken = Shelf(tmp_path / "two")
    with pytest.raises(KeyboardInterrupt):
        pretrained(CLEAN, world, broken, networks, often, 0)
    continued = pretrained_state(pretrained(CLEAN, world, broken, networks, often, 0))
    assert set(continued) == set(whole)
    assert all(torch.equal(continued[name], tensor) for name, tensor in whole.items())


def test_arms_that_give_nothing_say_so(world: MiniWorld, shelf: Shelf) -> None:
    networks, told = ClassifyNetworks.preset("smoke"), list[str]()
    heard = Shelf(shelf.root, told.append)
    with pytest.raises(UsageError, match="no simulator"):
        pretrained(Arm("random-init"), world, heard, networks, SMOKE, 0)
    every = SMOKE.model_copy(update={"sim_fraction": 1.0})
    with pytest.raises(DataError, match="none of 24 views"):
        pretrained(BLIND, world, heard, networks, every, 0)
    assert any("blind, seed 0: 24 of 24 views are not learned from" in text for text in told)
