"""The task `recon`: splits, scores and protocols by hand, and the whole path at smoke size."""

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from naming_shelf import NamingShelf

from s2r_bench import workers
from s2r_bench.engine.checkpoint import write_tensors
from s2r_bench.errors import DataError, UsageError
from s2r_bench.geometry import occupancy
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.types import CATEGORIES, CadModel, Mesh
from s2r_bench.worlds import open_world
from s2r_bench.worlds.mini.furniture import make_object
from s2r_tasks._recon import clouds, pipeline, scoring, shapes, training
from s2r_tasks._recon.clouds import FEWEST_POINTS, cloud_of, make_clouds, read_clouds
from s2r_tasks._recon.options import ReconOptions, ScoreOptions
from s2r_tasks._recon.scoring import empty_chamfer, in_chunks, mesh_of, scores_of, truth_of
from s2r_tasks._recon.shapes import few, half_simulated, label, shape_of
from s2r_tasks._recon.training import fit_vae
from s2r_tasks._recon.trivial import trivial
from s2r_tasks.recon import Recon

SIZES = ScoreOptions(volume=4000, resolution=32, points=2000)


@pytest.fixture(scope="module")
def models() -> list[CadModel]:
    return [make_object(category, number) for category in CATEGORIES for number in range(4)]


@pytest.fixture(scope="module")
def shape():
    return shape_of(make_object("table", 3), 3000, 4000, 500, 0.05, None)


def scored(shape, logits, options: ScoreOptions = SIZES) -> dict[str, float]:
    truth = truth_of(shape, options)
    inside = in_chunks(logits, truth.volume) >= 0
    mesh = mesh_of(logits, options.resolution)
    return {score.metric: score.value for score in scores_of(truth, inside, mesh, options, 0)}


def test_the_simulated_half_is_a_fixed_share_of_each_category(models: list[CadModel]) -> None:
    chosen = half_simulated(models, 0.5)
    assert chosen == half_simulated(models[::-1], 0.5)
    for category in CATEGORIES:
        assert sum(name.startswith(category) for name in chosen) == 2
    assert half_simulated(models, 0.25) < chosen


def test_a_smaller_draw_is_part_of_a_larger_one(models: list[CadModel]) -> None:
    one, three = (few(models, dict.fromkeys(CATEGORIES, count), 7) for count in (1, 3))
    assert len(one) == 6
    assert {m.id for m in one} < {m.id for m in three}
    assert {m.id for m in few(models, dict.fromkeys(CATEGORIES, 1), 8)} != {m.id for m in one}
    assert few(models, dict.fromkeys(CATEGORIES, 0), 7) == []


def test_a_box_is_scored_as_a_box() -> None:
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
             [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    box = CadModel("chair-box", "chair", Mesh(corners, np.array(faces)))
    shape = shape_of(box, 20_000, 4000, 100, 0.05, None)
    assert shape.points.volume_inside.all()
    fine = SIZES.model_copy(update={"points": 20_000})
    found = scored(shape, lambda points: 0.999 - points.abs().amax(1), fine)
    assert found["iou"] > 0.99
    assert found["chamfer_l2"] < 1e-3
    assert found["f_score"] > 0.5  # samples of one surface lie about 1 % of the side apart
    half = scored(shape, lambda points: torch.minimum(0.999 - points.abs().amax(1), points[:, 0]))
    assert half["iou"] == pytest.approx(0.5, abs=0.03)


def test_empty_answers_are_counted_and_the_published_script_is_followed_where_it_breaks(shape) -> None:
    nothing = lambda points: torch.full((len(points),), -1.0)  # noqa: E731
    found = scored(shape, nothing)
    truth = truth_of(shape, SIZES)
    away = truth.surface.norm(dim=1).double()
    assert found == {
        "iou": 0.0,
        "f_score": 0.0,
        "chamfer_l2": pytest.approx(float(away.square().mean() + away.min() ** 2)),
    }
    assert empty_chamfer(truth) == found["chamfer_l2"]
    with pytest.raises(ValueError, match="crashes"):
        scored(shape, nothing, SIZES.model_copy(update={"protocol": "disco"}))
    full = lambda points: 1 - points.abs().amax(1)  # noqa: E731
    strict, published = (scored(shape, full, SIZES.model_copy(update={"protocol": p})) for p in ("strict", "disco"))
    assert published["iou"] - strict["iou"] == pytest.approx(1e-5)
    assert published["chamfer_l2"] == strict["chamfer_l2"]


def test_trivial_answers_are_of_the_category(models: list[CadModel]) -> None:
    shapes = [shape_of(model, 500, 4000, 100, 0.05, None) for model in models if model.category in ("table", "shelf")]
    inside = torch.tensor([[0.0, 0.0, 0.0]])
    assert float(trivial("empty", shapes)["table"](inside)) < 0
    assert float(trivial("box", shapes)["table"](inside)) > 0
    mean = trivial("mean-shape", shapes)["table"]
    found = in_chunks(mean, shapes[0].points and torch.from_numpy(shapes[0].points.volume)) >= 0
    solid = torch.from_numpy(shapes[0].points.volume_inside)
    assert float(found[solid].float().mean()) > float(found[~solid].float().mean())
    assert math.isfinite(float(mean(torch.tensor([[5.0, 0, 0]]))))


def test_clouds_are_cut_out_and_the_floor_stays_behind(tmp_path: Path) -> None:
    world = open_world("mini", preset="smoke", home=tmp_path)
    model = world.objects("corpus")[0]
    cloud = cloud_of(model, world.object_views(model, 3, 5), 0.02, 300)
    assert 30 < len(cloud) <= 300
    height = (model.mesh.bounds[1] - model.mesh.bounds[0])[1]
    longest = float((model.mesh.bounds[1] - model.mesh.bounds[0]).max())
    assert cloud[:, 1].min() >= -height / longest  # the floor is at minus half the height, in half sides
    assert np.abs(cloud).max() <= 1.2 + 1e-6


def test_a_scan_of_three_points_is_left_out_and_damage_is_named(tmp_path: Path, models: list[CadModel]) -> None:
    world = open_world("mini", preset="smoke", home=tmp_path)
    empty = [frame.with_depth(np.zeros_like(frame.depth)) for frame in world.object_views(models[0], 2, 1)]
    make_clouds(tmp_path, models[:1], lambda some: [empty for _ in some], 0.02, 100)
    assert read_clouds(tmp_path, models[:1]) == {}
    for name, points in (("three", 3), ("enough", FEWEST_POINTS)):
        np.savez(tmp_path / f"{name}.npz", points=np.zeros((points, 3), np.float32))
    some = [CadModel(name, "chair", models[0].mesh) for name in ("three", "enough")]
    assert list(read_clouds(tmp_path, some)) == ["enough"]
    bad = CadModel("bad", "chair", models[0].mesh)
    np.savez(tmp_path / "bad.npz", points=np.full((50, 3), np.nan, np.float32))
    with pytest.raises(DataError, match=r"bad\.npz"):
        read_clouds(tmp_path, [bad])
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"bad\.npz"):
        read_clouds(tmp_path, [bad])


@pytest.mark.parametrize(
    ("name", "held"), [("scale", None), ("mean", torch.zeros(2, 1, 3, 2)), ("spread", torch.zeros(2, 5, 3, 2, 4, 4))]
)
def test_damaged_latents_name_their_remedy(tmp_path: Path, name: str, held: torch.Tensor | None) -> None:
    path, mean = tmp_path / "latents.safetensors", torch.zeros(2, 1, 3, 2, 4, 4)
    whole = {"mean": mean, "spread": mean.clone(), "poses": torch.zeros(2, 1, 4, 4)}
    whole |= {"shift": torch.zeros(2), "scale": torch.ones(2)}
    remedy = re.escape(f"delete {tmp_path} and run again")
    with pytest.raises(DataError, match=rf"latents\.safetensors is missing.*{remedy}"):
        training.read_latents(tmp_path)
    write_tensors(path, whole)
    assert training.read_latents(tmp_path).poses.shape == (2, 1, 4, 4)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"latents\.safetensors is not a readable.*{remedy}"):
        training.read_latents(tmp_path)
    write_tensors(path, {key: tensor for key, tensor in (whole | {name: held}).items() if tensor is not None})
    with pytest.raises(DataError, match=rf"latents\.safetensors should hold mean and spread \(shapes.*{remedy}"):
        training.read_latents(tmp_path)


def test_meshes_that_are_no_solids_are_refused() -> None:
    flat = CadModel("flat", "chair", Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]])))
    with pytest.raises(DataError):
        shape_of(flat, 10, 10, 10, 0.05, None)
    none = CadModel("none", "chair", Mesh(np.array([[0.0, 0, 0], [1, 1, 1]]), np.zeros((0, 3), np.int64)))
    with pytest.raises(DataError):
        shape_of(none, 10, 10, 10, 0.05, None)


def test_shots_are_read_and_wrong_ones_refused() -> None:
    assert ReconOptions.preset("tiny", {"shots": 0.25}).shots == "0.25"
    with pytest.raises(UsageError, match="shots"):
        ReconOptions.preset("tiny", {"shots": "many"})


CLOUDS = {"clouds clean", "clouds captures", "clouds simulated"}
TRAINED = {"pretrained", "finetuned"}
LEARNED = {"vae", "latents", *TRAINED}
EVERY = {"labelled", *CLOUDS, *LEARNED}


def keys() -> dict[str, str]:
    """Kind of folder -> its key, of a world without objects."""
    world: Any = SimpleNamespace(key="none", objects=lambda split: [])
    shelf, arm, few = NamingShelf(), Arm("no-sim", list, identity="clean"), SimpleNamespace(shapes=[])
    line = pipeline.Pipeline(ReconOptions.preset("smoke"), world, shelf)
    vae = line._vae(CATEGORIES)
    latents = line._latents(vae, [])
    pretrained = line._pretrained(arm, 0, few, vae, latents)
    line._finetuned(arm, 0, few, few, pretrained)
    line._captured("captured-test")
    line._corpus_clouds(arm, 0)
    return shelf.found


@pytest.fixture(scope="module")
def unedited() -> dict[str, str]:
    return keys()


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        (pipeline, "mixed(self._clean(models), ", "dict(", TRAINED),
        (pipeline, "simulate(seen, 0)", "simulate(seen, 1)", {"clouds simulated", *TRAINED}),
        (
            pipeline,
            "cloud_steps.captured(self.world, ",
            "cloud_steps.captured(None, ",
            {"clouds captures", "finetuned"},
        ),
        (pipeline, "[(1.0, items)]", "[(0.5, items)]", TRAINED),
        (pipeline, "own, scans, corpus.latents", "own, scans, own", {"finetuned"}),
        (pipeline, "fit_vae(folder, shapes", "fit_vae(folder, shapes[1:]", LEARNED),
        (
            pipeline,
            "make_latents(folder, network, shapes",
            "make_latents(folder, network, shapes[1:]",
            LEARNED - {"vae"},
        ),
        (pipeline, " and not s.points.quality.open_shell", "", {"labelled", *LEARNED}),
        (pipeline, "truth.volume) >= 0", "truth.volume) > 0", set()),
        (scoring, "HALF = 0.5", "HALF = 1.0", set()),
        (training, "SURFACE_JITTER = 0.005", "SURFACE_JITTER = 0.0", LEARNED),
        (shapes, "**made}", "}", EVERY - CLOUDS),
        (occupancy, "DOUBT = 0.2", "DOUBT = 0.3", EVERY - CLOUDS),
        (clouds, "FLOOR_CUT = 0.015", "FLOOR_CUT = 0.0", EVERY),
    ],
)
def test_a_folder_is_named_by_the_code_that_fills_it(
    unedited: dict[str, str],
    edited: Callable[[ModuleType, str, str], None],
    module: ModuleType,
    old: str,
    new: str,
    expected: set[str],
) -> None:
    assert set(unedited) == EVERY
    edited(module, old, new)
    assert {kind for kind, key in keys().items() if key != unedited[kind]} == expected


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    return open_world("mini", preset="smoke", home=home), Shelf(home / "shelf"), home


def test_the_whole_path_is_deterministic_and_shares_what_it_can(smoke, tmp_path: Path) -> None:
    world, shelf, _ = smoke
    arm = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
    task = Recon(ReconOptions.preset("smoke", {"shots": "0.5"}))
    first = task.run(arm, world, 0, tmp_path / "a", shelf)
    elsewhere = task.run(arm, world, 0, tmp_path / "b", Shelf(tmp_path / "other"))
    assert first.scores == elsewhere.scores
    assert {score.category for score in first.scores if score.sample != "all"} == set(CATEGORIES)
    counts = {score.metric: score.value for score in first.scores if score.sample == "all"}
    assert counts == {"corpus_objects": 12, "captured_objects": 6}
    assert len(list((shelf.root / "recon-vae").glob("*/done.json"))) == 1
    Recon(ReconOptions.preset("smoke", {"shots": "0"})).run(arm, world, 0, tmp_path / "c", shelf)
    assert len(list((shelf.root / "recon-pretrained").glob("*/done.json"))) == 1  # zero-shot and few-shot share it
    kept = [name for name in first.artifacts if name.startswith("shape_")]
    assert len(kept) == 6
    with np.load(tmp_path / "a" / first.artifacts[kept[0]], allow_pickle=False) as arrays:
        assert {"scan", "surface", "vertices", "faces"} <= set(arrays)


def test_one_network_a_category_learns_and_answers_its_own_kind_only(smoke, tmp_path: Path) -> None:
    world, _, home = smoke
    arm = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
    options = ReconOptions.preset("smoke", {"per_category": True, "shots": "1"})

    class Two(type(world)):  # type: ignore[misc]
        def objects(self, split: str) -> list[CadModel]:
            kept = {"corpus": ("chair",), "captured-test": ("chair", "bed")}.get(split, CATEGORIES)
            return [model for model in super().objects(split) if model.category in kept]

    two, shelf = Two(world.options, world.preset, home), Shelf(tmp_path / "shelf")
    found = Recon(options).run(arm, two, 0, tmp_path, shelf)
    assert {score.category for score in found.scores if score.sample != "all"} == {"chair"}
    assert all("no bed" in why for why in found.failures.values())
    assert found.failures
    for kind in ("recon-vae", "recon-pretrained", "recon-finetuned"):
        (folder,) = (shelf.root / kind).glob("*/done.json")
        assert not (folder.parent / "work").exists()  # moments are not kept


def test_shots_of_which_nothing_can_be_learned_are_refused(smoke, tmp_path: Path) -> None:
    world, _, home = smoke

    class Blind(type(world)):  # type: ignore[misc]
        key = "blind"

        def captured_views(self, models, views, seeds):
            seen = super().captured_views(models, views, seeds)
            return [[f.with_depth(np.zeros_like(f.depth)) for f in frames] for frames in seen]

    arm = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
    blind = Blind(world.options, world.preset, home)
    with pytest.raises(DataError, match="none of the 6 captured objects"):
        Recon(ReconOptions.preset("smoke", {"shots": "1"})).run(arm, blind, 0, tmp_path, Shelf(tmp_path / "shelf"))


def test_labels_are_made_by_many_processes_as_by_one(smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _, _ = smoke
    monkeypatch.setattr(workers, "FEWEST_FOR_POOL", 2)
    monkeypatch.setenv("S2R_WORKERS", "2")
    sizes = {"surface": 100, "volume": 100, "near": 100, "near_std": 0.05}
    models = world.objects("corpus")[:3]
    workers.each(partial(label, **sizes, folder=tmp_path), models, workers.count(), "labelling")
    assert len(list(tmp_path.glob("*.npz"))) == 3
    for model in models:
        kept, made = shape_of(model, **sizes, folder=tmp_path), shape_of(model, **sizes, folder=None)
        np.testing.assert_array_equal(kept.points.volume_inside, made.points.volume_inside)


def test_a_killed_training_ends_in_the_same_scores(smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from s2r_bench.engine import loop

    world, _, _ = smoke
    arm = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
    trainings = ("vae_train", "pretrain", "finetune")
    often = {f"{name}.checkpoint_s": 1e-9 for name in trainings}
    task = Recon(ReconOptions.preset("smoke", {**often, "shots": "1", "steps": 1, "denoiser.log_mean": 3.0}))
    whole = task.run(arm, world, 3, tmp_path / "whole", Shelf(tmp_path / "one"))
    steps, one_step = [], loop.Loop._one_step

    def dying(self, *arguments):  # dies in the second step of every training, once
        steps.append(1)
        if len(steps) in (2, 5, 8):
            raise KeyboardInterrupt
        return one_step(self, *arguments)

    monkeypatch.setattr(loop.Loop, "_one_step", dying)
    broken = Shelf(tmp_path / "two")
    for _ in trainings:
        with pytest.raises(KeyboardInterrupt):
            task.run(arm, world, 3, tmp_path / "broken", broken)
    assert task.run(arm, world, 3, tmp_path / "broken", broken).scores == whole.scores


def test_references_know_nothing_and_other_arms_need_a_simulator(smoke, tmp_path: Path) -> None:
    world, shelf, _ = smoke
    task = Recon(ReconOptions.preset("smoke"))
    empty = task.run(Arm("empty"), world, 0, tmp_path, shelf)
    assert {score.value for score in empty.scores if score.metric == "iou"} == {0.0}
    with pytest.raises(UsageError, match="no simulator"):
        task.run(Arm("floor"), world, 0, tmp_path, shelf)


def test_an_arm_that_sees_nothing_says_so(smoke, tmp_path: Path) -> None:
    world, shelf, _ = smoke
    told: list[str] = []
    heard = Shelf(shelf.root, told.append)
    blind = Arm("blind", lambda frames, draw: [f.with_depth(np.zeros_like(f.depth)) for f in frames], identity="blind")
    with pytest.raises(DataError, match="no object has a cloud"):
        Recon(ReconOptions.preset("smoke", {"sim_fraction": 1.0})).run(blind, world, 0, tmp_path, heard)
    ids = [model.id for model in world.objects("corpus")]
    (line,) = (text for text in told if "fewer than" in text)
    assert "blind, seed 0: 12 of 12 corpus objects" in line
    assert line.endswith(": " + ", ".join(ids[:10]) + " and 2 more")


def test_objects_without_a_cloud_are_named_for_the_arm_that_lost_them(smoke, tmp_path: Path) -> None:
    world, shelf, _ = smoke
    told: list[str] = []
    lost = [model.id for model in world.objects("corpus") if model.id in half_simulated(world.objects("corpus"), 0.5)]
    blind = Arm("blind", lambda frames, draw: [f.with_depth(np.zeros_like(f.depth)) for f in frames], identity="blind")
    clear = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
    for arm in (blind, clear, blind):  # the third finds all on the shelf, and tells again
        Recon(ReconOptions.preset("smoke")).run(arm, world, 0, tmp_path, Shelf(shelf.root, told.append))
    lines = [text for text in told if "fewer than" in text]
    assert len(lines) == 2
    assert all("blind, seed 0: 6 of 12 corpus objects" in line for line in lines)
    assert all(line.endswith("fewer than 32 points: " + ", ".join(lost)) for line in lines)


def test_what_the_corpus_lacks_is_named(smoke, tmp_path: Path) -> None:
    world, _, home = smoke
    options = ReconOptions.preset("smoke")
    with pytest.raises(DataError, match="no corpus object has an inside"):
        fit_vae(tmp_path, [], options, 0, "cpu")

    class Poor(type(world)):  # type: ignore[misc]
        def objects(self, split: str) -> list[CadModel]:
            return [m for m in super().objects(split) if split != "corpus" or m.category != "bed"]

    poor = Poor(world.options, world.preset, home)
    answer = Recon(options).run(Arm("box"), poor, 0, tmp_path, Shelf(tmp_path / "shelf"))
    assert {score.category for score in answer.scores} == set(CATEGORIES) - {"bed"}
    assert all(name.startswith("bed") and "the corpus has no bed" in why for name, why in answer.failures.items())
    assert answer.failures


def test_worlds_without_objects_are_refused(tmp_path: Path) -> None:
    class Pairs:
        name = "pairs"

    with pytest.raises(UsageError, match="single objects"):
        Recon(ReconOptions.preset("smoke")).inputs(Pairs())  # type: ignore[arg-type]
