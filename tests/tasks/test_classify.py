"""The task `classify`: learners against references, data of the world and from disk, the whole path at smoke size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from s2r_bench.errors import DataError, UsageError
from s2r_bench.records import Score
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.worlds.mini import MiniWorld
from s2r_tasks._classify.data import clouds_of, data_key, normalised
from s2r_tasks._classify.finetune import augmented, finetuned, settle, share_right, smoothed_cross_entropy
from s2r_tasks._classify.options import ClassifyOptions, FinetuneOptions
from s2r_tasks._classify.pipeline import Pipeline
from s2r_tasks._classify.svm import fit_svm, solve
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds
from s2r_tasks._occo.data.point_bert import write_point_bert
from s2r_tasks._occo.heads import Classifier
from s2r_tasks._occo.neighbours import knn
from s2r_tasks.classify import Classify

CLEAN = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")
NOISY = Arm("noisy", lambda frames, draw: [f.with_depth(f.depth * np.float32(1.02)) for f in frames], identity="noisy")
RANDOM = Arm("random-init")


def active_set_svm(x: np.ndarray, y: np.ndarray, c: float) -> np.ndarray:
    """The optimum of the squared hinge by Newton's method on the active set, which ends after finitely many steps."""
    rows, theta = np.column_stack([x, np.ones(len(x))]), np.zeros(x.shape[1] + 1)
    ridge = np.diag([1.0] * x.shape[1] + [0.0])
    for _ in range(200):
        active = y * (rows @ theta) < 1
        some = rows[active]
        new = np.linalg.solve(ridge + 2 * c * some.T @ some, 2 * c * some.T @ y[active])
        if np.array_equal(y * (rows @ new) < 1, active):
            return new
        theta = theta + 0.5 * (new - theta)
    raise AssertionError("the reference did not end")


@pytest.mark.parametrize("c", [0.1, 1.0, 30.0])
def test_the_svm_is_at_the_optimum(c: float) -> None:
    dice = np.random.default_rng(3)
    x = dice.normal(size=(40, 6))
    y = np.where(x[:, 0] + 0.7 * dice.normal(size=40) > 0.3, 1.0, -1.0)
    reference = active_set_svm(x, y, c)
    weights, offset = solve(x, y, c)
    np.testing.assert_allclose(np.append(weights, offset), reference, atol=1e-6 * (1 + c))


def test_more_features_than_samples_change_nothing_but_the_basis() -> None:
    dice = np.random.default_rng(5)
    labels = np.repeat(np.arange(3), 6)
    features = dice.normal(size=(18, 200)) + 0.8 * np.eye(3)[labels] @ dice.normal(size=(3, 200))
    features[:, 7] = 4.0  # a feature that does not vary
    machine = fit_svm(features, labels, 0.5)
    standard = (features - features.mean(0)) / np.where(features.std(0) > 0, features.std(0), 1)
    for label in range(3):
        reference = active_set_svm(standard, np.where(labels == label, 1.0, -1.0), 0.5)
        np.testing.assert_allclose(machine.weights[label], reference[:-1], atol=1e-5)
        assert machine.offsets[label] == pytest.approx(reference[-1], abs=1e-5)
    assert (machine.predict(features) == labels).all()
    fresh = dice.normal(size=(5, 200))
    assert (machine.predict(fresh) == machine.margins(fresh).argmax(1)).all()
    moved = fit_svm(3 * features + 7, labels, 0.5)  # standardised: units do not matter
    np.testing.assert_allclose(moved.margins(3 * fresh + 7), machine.margins(fresh), atol=1e-5)


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        (np.zeros((3, 2)), np.array([0, 0, 0]), "two classes"),
        (np.zeros((3, 2)), np.array([0, 2, 2]), "0 to K-1"),
        (np.full((2, 2), np.nan), np.array([0, 1]), "finite"),
        (np.zeros((3, 2)), np.array([0, 1]), "N labels"),
    ],
)
def test_the_svm_refuses_what_is_no_problem(features: np.ndarray, labels: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_svm(features, labels)


def test_labels_are_smoothed_over_the_others() -> None:
    logits, target = torch.randn(6, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0])
    wanted = torch.full((6, 5), 0.05, dtype=torch.float64)
    wanted[torch.arange(6), target] = 0.8
    torch.testing.assert_close(smoothed_cross_entropy(logits, target, 0.2), functional.cross_entropy(logits, wanted))
    plain = functional.cross_entropy(logits, target)
    torch.testing.assert_close(smoothed_cross_entropy(logits, target, 0.0), plain)
    torch_own = functional.cross_entropy(logits, target, label_smoothing=0.2)
    assert not torch.allclose(smoothed_cross_entropy(logits, target, 0.2), torch_own)  # torch counts the target too


def balls_and_sticks(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clouds of 32 points: a ball (0), a stick (1), a disc (2), `count` of each."""
    dice = np.random.default_rng(seed)
    stretch = np.array([[1, 1, 1], [0.05, 1, 0.05], [1, 0.05, 1]])
    labels = np.repeat(np.arange(3), count)
    return (0.4 * dice.uniform(-1, 1, (3 * count, 32, 3)) * stretch[labels][:, None]).astype(np.float32), labels


@pytest.fixture(scope="module")
def easy() -> EpisodeClouds:
    support, query = balls_and_sticks(4, 0), balls_and_sticks(5, 1)
    return EpisodeClouds(*support, *query, (7, 3, 5))


def smoke_classifier(seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return ClassifyOptions.preset("smoke").networks.classifier(3)


def test_finetuning_learns_and_is_a_function_of_its_seed(easy: EpisodeClouds) -> None:
    options = FinetuneOptions.model_validate(
        {"epochs": 40, "watched": 4, "train": {"batch": 6, "lr": 1e-2, "warmup": 0, "ema": 0.0, "precision": "fp32"}}
    )
    network = smoke_classifier()
    assert share_right(network, easy, "cpu") < 0.7
    found = finetuned(network, easy, options, 11, "cpu")
    assert found.last > 0.9
    assert found.best is not None
    assert found.best >= found.last  # the last epoch is one of those watched
    unwatched = options.model_copy(update={"watched": 0})
    again = finetuned(smoke_classifier(), easy, unwatched, 11, "cpu")
    assert again.best is None
    assert again.last == found.last  # to watch takes part in nothing


def test_statistics_begin_as_those_of_the_support(easy: EpisodeClouds) -> None:
    """The first layer's, by hand: over all edges of a batch, the plain mean of the batches."""
    network = smoke_classifier()
    settle(network, easy.support, 6, "cpu")
    layer = network.encoder.get_submodule("conv1")
    means, variances = [], []
    for part in torch.split(torch.from_numpy(easy.support), 6):
        near = torch.stack([cloud[rows] for cloud, rows in zip(part, knn(part, 4), strict=True)])
        own = part[:, :, None].expand_as(near)
        edges = torch.cat([near - own, own], -1) @ layer[0].weight.detach().flatten(1).T
        means.append(edges.flatten(0, 2).mean(0))
        variances.append(edges.flatten(0, 2).var(0))
    torch.testing.assert_close(layer[1].running_mean, torch.stack(means).mean(0), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(layer[1].running_var, torch.stack(variances).mean(0), atol=1e-7, rtol=1e-4)
    assert network.training
    assert layer[1].momentum == 0.1


@pytest.mark.parametrize("steps", [2, 10])
def test_a_short_finetuning_is_scored_by_its_own_statistics(easy: EpisodeClouds, steps: int) -> None:
    """What a fresh network's running statistics are after few steps is near what the support has in it then."""
    options = FinetuneOptions.model_validate(
        {
            "epochs": steps // 2,
            "watched": 0,
            "train": {"batch": 6, "lr": 1e-4, "warmup": 0, "precision": "fp32", "ema": 0},
        }
    )
    network = smoke_classifier()
    finetuned(network, easy, options, 11, "cpu")
    layers = [part for part in network.encoder.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    trained = [layer.running_var.clone() for layer in layers]
    settle(network, easy.support, 6, "cpu")
    for before, layer in zip(trained, layers, strict=True):
        assert torch.allclose(before, layer.running_var, rtol=0.2)


def test_augmentation_moves_clouds_rigidly_but_for_the_scale(easy: EpisodeClouds) -> None:
    still = FinetuneOptions()
    np.testing.assert_array_equal(augmented(easy.support, still, np.random.default_rng(0)), easy.support)
    moving = FinetuneOptions(turn_deg=180, scale=0.2, shift=0.1)
    moved = augmented(easy.support, moving, np.random.default_rng(0))
    before, after = (clouds - clouds.mean(1, keepdims=True) for clouds in (easy.support, moved))
    ratio = np.linalg.norm(after, axis=2) / np.linalg.norm(before, axis=2)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-3)
    assert 0.8 <= ratio.min() < ratio.max() <= 1.2
    assert np.abs(moved.mean(1) - easy.support.mean(1)).max() < 0.2


def test_clouds_are_cut_to_their_first_points_and_put_into_the_sphere(easy: EpisodeClouds) -> None:
    small = {"networks.points": 16, "networks.partial": 16}
    sphere, raw = (ClassifyOptions.preset("smoke", {**small, "normalise": how}) for how in ("sphere", "none"))
    np.testing.assert_array_equal(normalised(easy, raw).query, easy.query[:, :16])
    found = normalised(easy, sphere).support
    np.testing.assert_allclose(found.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=2).max(1), 0.5, atol=1e-6)
    with pytest.raises(DataError, match="clouds of 32 points"):
        normalised(easy, ClassifyOptions.preset("smoke", {"networks.points": 64}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shots": "0.25"}, "number of samples"),
        ({"shots": "0"}, "number of samples"),
        ({"shots": "some"}, "shots"),
        ({"ways": 1}, "ways"),
        ({"learners": []}, "learners"),
        ({"variant": "obj"}, "variants: obj_bg"),
        ({"finetune.train.batch": 100}, "at most the support"),
        ({"finetune.train.ema": 0.9}, "running statistics"),
    ],
)
def test_options_that_cannot_be_are_refused(given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ClassifyOptions.preset("tiny", given)


def test_shots_come_as_text_from_the_command_line() -> None:
    assert ClassifyOptions.preset("tiny", {"shots": "10"}).shots == 10
    paper = ClassifyOptions.preset("paper")
    assert (paper.ways, paper.shots, paper.queries, paper.runs, paper.networks.points) == (5, 10, 20, 10, 1024)


def values(scores: list[Score], metric: str) -> dict[str, float]:
    return {score.sample: score.value for score in scores if score.metric == metric}


def test_the_whole_path_is_deterministic_and_arms_share_their_episodes(
    world: MiniWorld, shelf: Shelf, tmp_path: Path
) -> None:
    task = Classify(ClassifyOptions.preset("smoke"))
    first = task.run(CLEAN, world, 0, tmp_path / "a", shelf)
    elsewhere = task.run(CLEAN, world, 0, tmp_path / "b", Shelf(tmp_path / "other"))
    assert first.scores == elsewhere.scores
    for metric in ("accuracy", "svm_accuracy", "best_epoch_accuracy"):
        assert list(values(first.scores, metric)) == ["episode-00", "episode-01"]
        assert all(0 <= value <= 1 for value in values(first.scores, metric).values())
    assert values(first.scores, "encoder_transferred") == {"all": 1.0}
    left = values(first.scores, "views_left_out")["all"]
    assert values(first.scores, "views")["all"] + left == 24
    report = json.loads((tmp_path / "a" / first.artifacts["transfer_report"]).read_text())
    assert report["encoder_percent"] == 100
    noisy = task.run(NOISY, world, 0, tmp_path / "c", shelf)
    random = task.run(RANDOM, world, 1, tmp_path / "d", shelf)
    lists = [(tmp_path / name / "artifacts" / "episodes.json").read_bytes() for name in "abcd"]
    assert len(set(lists)) == 1, "every arm and seed is asked the same"
    assert len(list((shelf.root / "classify-episodes").glob("*/done.json"))) == 1
    assert len(list((shelf.root / "occo-pretrained").glob("*/done.json"))) == 2
    assert len(list((shelf.root / "classify-scores").glob("*/done.json"))) == 6
    assert values(noisy.scores, "views")
    assert not values(random.scores, "views")
    assert values(random.scores, "accuracy").keys() == values(first.scores, "accuracy").keys()


def test_episodes_are_of_disjoint_objects(world: MiniWorld, shelf: Shelf) -> None:
    for clouds in Pipeline(ClassifyOptions.preset("smoke"), world, shelf).episodes():
        assert clouds.support.shape == (6, 32, 3)
        assert clouds.query.shape == (6, 32, 3)
        assert not {cloud.tobytes() for cloud in clouds.support} & {cloud.tobytes() for cloud in clouds.query}
    tested = ClassifyOptions.preset("smoke", {"query_source": "test"})
    assert len(clouds_of(world, tested).test) > 0
    assert len(clouds_of(world, ClassifyOptions.preset("smoke")).test) == 0
    train, both = (Classify(options).scenes(world) for options in (ClassifyOptions.preset("smoke"), tested))
    assert train < both


def test_what_decides_the_scores_of_a_learner_is_its_own(world: MiniWorld, shelf: Shelf, tmp_path: Path) -> None:
    def folders() -> int:
        return len(list((shelf.root / "classify-scores").glob("*/done.json")))

    only_svm = {"learners": ["svm"]}
    before = Classify(ClassifyOptions.preset("smoke", only_svm)).run(RANDOM, world, 0, tmp_path, shelf)
    count = folders()
    again = {**only_svm, "finetune.epochs": 9}  # nothing of the SVM's
    assert Classify(ClassifyOptions.preset("smoke", again)).run(RANDOM, world, 0, tmp_path, shelf) == before
    assert folders() == count
    Classify(ClassifyOptions.preset("smoke", {**only_svm, "svm_c": 0.1})).run(RANDOM, world, 0, tmp_path, shelf)
    assert folders() == count + 1
    Classify(ClassifyOptions.preset("smoke", {**only_svm, "episode_seed": 4})).run(RANDOM, world, 0, tmp_path, shelf)
    assert folders() == count + 2


def write_h5(folder: Path, name: str, labels: list[int], seed: int) -> None:
    dice = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"{name}_objectdataset.h5", "w") as file:
        file["data"] = dice.normal(size=(len(labels), 2048, 3)).astype(np.float32)
        file["label"] = np.array(labels, np.uint8)
        file["mask"] = np.where(dice.random((len(labels), 2048)) < 0.2, -1, 1).astype(np.int32)


def test_scanobjectnn_is_read_from_its_own_files(world: MiniWorld, shelf: Shelf, tmp_path: Path) -> None:
    root = tmp_path / "ScanObjectNN"
    write_h5(root / "h5_files" / "main_split", "training", [label for label in range(15) for _ in range(4)], 0)
    write_h5(root / "h5_files" / "main_split", "test", [0, 1, 2], 1)
    given = {"scanobjectnn": str(root), "published": False, "learners": ["svm"], "runs": 2}
    options = ClassifyOptions.preset("smoke", given)
    found = Classify(options).run(RANDOM, world, 0, tmp_path / "run", shelf)
    assert len(values(found.scores, "svm_accuracy")) == 2
    episodes = json.loads((tmp_path / "run" / "artifacts" / "episodes.json").read_text())
    assert episodes["data_set"] == "scanobjectnn/obj_bg"
    assert Classify(options).scenes(world) == frozenset()
    key = Classify(options).inputs(world)["scans"]
    assert key != Classify(ClassifyOptions.preset("smoke")).inputs(world)["scans"]
    write_h5(root / "h5_files" / "main_split", "test", [0, 1, 2], 2)
    assert data_key(world, options) != key
    with pytest.raises(DataError, match=r"holds 60 objects, the published file 2309"):
        Classify(ClassifyOptions.preset("smoke", {**given, "published": True})).run(RANDOM, world, 0, tmp_path, shelf)
    with pytest.raises(DataError, match=r"training_objectdataset\.h5 is missing"):
        Classify(ClassifyOptions.preset("smoke", {"scanobjectnn": str(tmp_path)})).inputs(world)
    many = ClassifyOptions.preset("smoke", {**given, "shots": 4})
    with pytest.raises(DataError, match="has 4 objects in train and 0 to ask"):
        Classify(many).run(RANDOM, world, 0, tmp_path, shelf)


def test_episodes_of_point_bert_are_taken_as_they_are(
    world: MiniWorld, shelf: Shelf, tmp_path: Path, easy: EpisodeClouds
) -> None:
    for run in range(2):
        write_point_bert(tmp_path / "3way_4shot" / f"{run}.pkl", easy)
    given = {"episodes": str(tmp_path), "shots": 4, "learners": ["svm"]}
    found = Classify(ClassifyOptions.preset("smoke", given)).run(RANDOM, world, 0, tmp_path, shelf)
    accuracy = values(found.scores, "svm_accuracy")
    assert len(accuracy) == 2
    assert min(accuracy.values()) > 0.6  # balls, sticks and discs: random features tell them apart
    assert "episodes" not in found.artifacts
    with pytest.raises(DataError, match="holds no 3way_2shot/0"):
        Classify(ClassifyOptions.preset("smoke", {**given, "shots": 2})).inputs(world)
    (tmp_path / "3way_4shot").rename(tmp_path / "3way_2shot")
    with pytest.raises(DataError, match="3 classes and 12 clouds to learn from, expected 3 and 6"):
        Classify(ClassifyOptions.preset("smoke", {**given, "shots": 2})).run(RANDOM, world, 0, tmp_path, shelf)


def test_worlds_and_arms_that_lack_something_are_refused(world: MiniWorld, tmp_path: Path) -> None:
    class Pairs:
        name = "pairs"

    task = Classify(ClassifyOptions.preset("smoke"))
    with pytest.raises(UsageError, match="no CAD corpus"):
        task.inputs(Pairs())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no scanned objects"):
        data_key(Pairs(), ClassifyOptions.preset("smoke"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no simulator; classify's own arms are: random-init"):
        task.run(Arm("floor"), world, 0, tmp_path)
