"""The task `segment`: votes, counts and figures by brute force, what is trained, and the whole path at smoke size."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from naming_shelf import NamingShelf
from torch import Tensor, nn

from s2r_bench.data.s3dis.blocks import Blocks, Cut, cut_blocks
from s2r_bench.data.s3dis.room import Room, RoomSet
from s2r_bench.errors import DataError, S2RError, UsageError
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.types import DepthFrame
from s2r_bench.worlds import open_world
from s2r_tasks import segment
from s2r_tasks._occo.data import budget
from s2r_tasks._segment import blocks, figures, pipeline, scoring, training
from s2r_tasks._segment.blocks import KeptBlocks, cut_rooms
from s2r_tasks._segment.figures import figures as figures_of
from s2r_tasks._segment.matrices import read_matrices, write_matrices
from s2r_tasks._segment.options import SegmentOptions
from s2r_tasks._segment.scoring import merged, scored_blocks, scored_room, voted, votes
from s2r_tasks._segment.training import BlockItems, new_segmenter, stood_upright, training_of
from s2r_tasks.segment import Segment

SMOKE = SegmentOptions.preset("smoke")
NAMES = ("low", "high", "none")


class ByHeight(nn.Module):
    """Calls what is higher than 1 m "high", by the block's own channel."""

    def forward(self, block: Tensor) -> Tensor:
        high = (block[..., 2] > 1.0).float()
        return 4 * torch.stack([1 - high, high, torch.full_like(high, -1.0)], -1)


def room_of(name: str = "Area_1_room_01", count: int = 700, seed: int = 0) -> Room:
    rng = np.random.default_rng(seed)
    points = rng.uniform((0, 0, 0), (2.3, 1.7, 2.0), (count, 3)) + np.array([4.0, -3.0, 0.7])
    labels = rng.integers(0, 2, count).astype(np.uint8)
    return Room(name, points, None, labels, np.zeros(count, np.int64), classes=NAMES)


def brute(truth: np.ndarray, predicted: np.ndarray, classes: int) -> list[list[int]]:
    return [[sum((t, p) == (a, b) for t, p in zip(truth, predicted, strict=True)) for b in range(classes)]
            for a in range(classes)]  # fmt: skip


def test_strict_labels_every_point_once() -> None:
    room = room_of()
    for stride in (1.0, 0.5):
        options = SegmentOptions.preset("smoke", {"score.stride": stride})
        found = scored_room(ByHeight(), room, options, "cpu")
        higher = (room.points[:, 2] - room.points[:, 2].min() > 1.0).astype(int)
        assert found.predicted.tolist() == higher.tolist()
        assert found.matrix.tolist() == brute(room.labels, higher, 3)
        assert int(found.matrix.sum()) == len(room.points)


@pytest.mark.parametrize(("protocol", "stride"), [("published", 0.5), ("published-apart", 1.0)])
def test_published_scores_count_drawn_points_as_often_as_they_were_drawn(protocol: str, stride: float) -> None:
    room = room_of()
    options = SegmentOptions.preset("smoke", {"score.protocol": protocol, "cut.stride": 0.5})
    found = scored_room(ByHeight(), room, options, "cpu")
    cut = cut_blocks(room, Cut(1.0, stride, 32, 20), seed=0)
    assert cut.sources is not None
    drawn = cut.sources.reshape(-1)
    higher = (room.points[drawn, 2] - room.points[:, 2].min() > 1.0).astype(int)
    assert found.matrix.tolist() == brute(room.labels[drawn], higher, 3)
    assert int(found.matrix.sum()) == 32 * len(cut) != len(room.points)


def test_votes_of_a_point_are_added_and_a_block_has_one_each() -> None:
    given = np.zeros((2, 3, 3), np.float32)
    given[0] = [[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.3, 0.7, 0.0]]  # point 0, and point 1 twice
    given[1] = [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]]  # point 0, and point 2 twice
    sources = np.array([[0, 1, 1], [0, 2, 2]])
    # point 0: 1.0, 0.3, 0.7; point 1: 0.4, 0.6, 0 as the mean of its two; point 2: 0.3, 0.3, 0.4
    assert merged(given, sources, 3).tolist() == [0, 1, 2]
    with pytest.raises(S2RError, match="1 of 4 points of the room are in no window"):
        merged(given, sources, 4)


def test_blocks_of_another_size_are_dealt_out() -> None:
    rng = np.random.default_rng(0)
    data = rng.uniform(0, 2, (3, 50, 9)).astype(np.float32)
    whole = ByHeight()(torch.from_numpy(data)).softmax(2).numpy()
    for points in (50, 32, 64):
        np.testing.assert_allclose(votes(ByHeight(), data, points, "cpu"), whole, atol=1e-6)
    given = Blocks(data, (data[..., 2] > 1.5).astype(np.uint8), ("Area_2_a", "Area_2_b", "Area_2_a"))
    found = list(scored_blocks(ByHeight(), given, 3, SMOKE, "cpu"))
    assert [one.room for one in found] == ["Area_2_a", "Area_2_b"]
    both = data[[0, 2]].reshape(-1, 9)
    assert found[0].matrix.tolist() == brute((both[:, 2] > 1.5).astype(int), (both[:, 2] > 1.0).astype(int), 3)


def test_a_room_is_voted_on_by_windows_that_overlap() -> None:
    """A network that answers by the window's own frame: points near a window's middle win over those at its edge."""

    class Sure(nn.Module):
        def forward(self, block: Tensor) -> Tensor:
            return torch.stack([block[..., 0], -block[..., 0], torch.full_like(block[..., 0], -9.0)], -1) * 20

    grid = np.stack(np.meshgrid(np.linspace(0, 2, 21), np.linspace(0, 0.9, 4), [0.0, 1.0]), -1).reshape(-1, 3)
    room = Room("Area_1_a", grid, None, np.zeros(len(grid), np.uint8), np.zeros(len(grid), np.int64), classes=NAMES)
    options = SegmentOptions.preset("smoke", {"score.stride": 0.5})
    found = voted(Sure(), room, options, "cpu")
    cut = cut_blocks(room, Cut(1.0, 0.5, 32, 1, every=True))
    assert cut.sources is not None
    total = np.zeros((len(grid), 3))
    for data, sources in zip(cut.data, cut.sources, strict=True):
        answer = Sure()(torch.from_numpy(data)).softmax(-1).numpy()
        for point in set(sources.tolist()):
            total[point] += answer[sources == point].mean(0)
    assert found.tolist() == total.argmax(1).tolist()
    assert len(set(found.tolist())) == 2


def recount(rooms: Mapping[str, tuple[np.ndarray, np.ndarray]], classes: int) -> dict[str, float]:
    """Six-fold figures point by point, by sets alone."""
    areas = sorted({name[:6] for name in rooms})

    def ious(names: list[str]) -> list[float]:
        found = []
        for label in range(classes):
            both = either = 0
            for name in names:
                for t, p in zip(*rooms[name], strict=True):
                    both += t == label == p
                    either += label in (t, p)
            found.append(both / either if either else math.nan)
        return [one for one in found if not math.isnan(one)]

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    every = [(t, p) for truth, predicted in rooms.values() for t, p in zip(truth, predicted, strict=True)]
    recalls = [
        mean([float(p == label) for t, p in every if t == label])
        for label in range(classes)
        if any(t == label for t, _ in every)
    ]
    return {
        "miou_pooled": mean(ious(list(rooms))),
        "miou_fold_mean": mean([mean(ious([name for name in rooms if name[:6] == area])) for area in areas]),
        "miou_rooms": mean([mean(ious([name])) for name in rooms]),
        "oa": mean([float(t == p) for t, p in every]),
        "macc": mean(recalls),
        "miou_absent_as_zero": sum(ious(list(rooms))) / classes,
        "n_classes_present": len(ious(list(rooms))),
    }


def test_six_fold_figures_against_a_recount() -> None:
    rng = np.random.default_rng(0)
    names = [f"Area_{1 + k % 6}_room_{k // 6}" for k in range(14)]
    rooms = {name: (rng.integers(0, 4, 60), rng.integers(0, 4, 60)) for name in names}  # class 4 never occurs
    rooms["Area_2_room_0"] = (rng.integers(0, 3, 60), rng.integers(0, 2, 60))
    counted = {name: torch.tensor(brute(*pair, 5)) for name, pair in rooms.items()}
    found = figures_of(counted, tuple("abcde"), "strict")
    assert found.failures == {}
    for metric, value in recount(rooms, 5).items():
        values = [score.value for score in found.scores if score.metric == metric]
        assert sum(values) / len(values) == pytest.approx(value), metric
    rows = [score.sample for score in found.scores if score.metric == "miou_fold_mean"]
    assert rows == [f"Area_{area}" for area in range(1, 7)]
    assert {s.metric for s in found.scores if s.metric.startswith("iou_")} == {"iou_a", "iou_b", "iou_c", "iou_d"}


def test_published_means_over_an_absent_class_are_failures() -> None:
    full, lacking = torch.ones(3, 3, dtype=torch.int64), torch.tensor([[3, 1, 0], [1, 2, 0], [0, 0, 0]])
    rooms = {"Area_1_a": full, "Area_2_a": lacking}
    found = figures_of(rooms, NAMES, "published")
    assert list(found.failures) == ["Area_2/miou_fold_mean"]
    assert "none: published scripts give NaN" in found.failures["Area_2/miou_fold_mean"]
    assert [s.sample for s in found.scores if s.metric == "miou_fold_mean"] == ["Area_1"]
    assert any(s.metric == "miou_pooled" for s in found.scores)
    alone = figures_of({"Area_2_a": lacking}, NAMES, "published")
    assert set(alone.failures) == {"Area_2/miou_fold_mean", "all/miou_pooled"}
    assert not any(s.metric == "miou_pooled" for s in alone.scores)


def test_items_go_through_all_blocks_and_are_the_same_again() -> None:
    data = np.broadcast_to(np.arange(7, dtype=np.float32)[:, None, None], (7, 40, 9)).copy()
    data[..., 1] = np.arange(40)
    given = Blocks(data, np.tile(np.arange(40, dtype=np.uint8) % 3, (7, 1)), ("Area_1_a",) * 7)
    items = BlockItems(given, 40, seed=1)
    order = [int(items.batch(7, step)["block"][k, 0, 0]) for step in range(2) for k in range(7)]
    assert sorted(order[:7]) == sorted(order[7:]) == list(range(7))
    assert order[:7] != order[7:]
    split = [int(items.batch(2, step)["block"][k, 0, 0]) for step in range(7) for k in range(2)]
    assert split == order
    for points in (16, 64):
        batch = BlockItems(given, points, seed=1).batch(3, 5)
        assert batch["block"].shape == (3, points, 9)
        assert batch["labels"].dtype == torch.int64
        np.testing.assert_array_equal(batch["labels"], batch["block"][..., 1].long() % 3)
        assert (len(set(batch["block"][0, :, 1].tolist()))) == min(points, 40)


def test_pretrained_weights_stand_upright() -> None:
    """An encoder of clouds whose y is up gives for a turned cloud what it gave for the cloud."""
    torch.manual_seed(0)
    completion = SMOKE.networks.completion().eval()
    state = completion.state_dict()
    cloud = torch.rand(2, 32, 3)
    x, y, z = cloud.unbind(-1)
    turned = torch.stack([x, -z, y], -1)  # as the mini world's rooms are turned
    before = completion.encoder(cloud)
    assert not torch.allclose(completion.encoder(turned), before, atol=1e-4)
    completion.load_state_dict(stood_upright(state))
    torch.testing.assert_close(completion.encoder(turned), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("preset", ["smoke", "tiny", "small", "paper"])
def test_enough_comes_across_at_every_size(preset: str) -> None:
    options = SegmentOptions.preset(preset)
    source = options.networks.completion().state_dict()
    network = new_segmenter(options, 13, 0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    report = training.transfer(source, network, options.networks.transfer)
    assert report.percent >= 15
    first = network.state_dict()["encoder.conv1.0.weight"]
    old = before["encoder.conv1.0.weight"]
    assert torch.equal(first[:, 3:9], old[:, 3:9])
    assert torch.equal(first[:, 12:18], old[:, 12:18])
    assert not torch.equal(first[:, 0:3], old[:, 0:3])
    assert all(one.name.startswith(("encoder.", "head.")) for one in report.skipped)


def test_a_budget_is_the_default_but_for_what_is_said() -> None:
    assert SegmentOptions().label_budget == budget.TABLE_3
    found = SegmentOptions.preset("tiny", {"label_budget.value": 0.2}).label_budget
    assert found == budget.Fraction(value=0.2, unit="room")
    assert SegmentOptions.preset("tiny", {"label_budget.type": "full"}).label_budget == budget.Full()


def test_passes_become_steps() -> None:
    assert training_of(SegmentOptions(), 240).steps == 1000
    assert training_of(SegmentOptions(epochs=2), 5).steps == 1
    assert training_of(SMOKE, 240).steps == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"folds": [1, 1]}, "none twice"),
        ({"folds": [7]}, "areas to test on"),
        ({"folds": []}, "areas to test on"),
        ({"label_budget": {"type": "some"}}, "label_budget"),
        ({"label_budget": {"type": "fraction", "value": 2}}, "label_budget"),
        ({"score.stride": 1.5}, "leaves gaps"),
        ({"cut.stride": 1.5}, "leaves gaps"),
        ({"finetune.ema": 0.9}, "ema must be 0"),
        ({"networks.channels": 6}, "a block has 9"),
        ({"score.protocol": "mine"}, "score.protocol"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        SegmentOptions.preset("smoke", given)


def test_kept_blocks_are_read_as_they_were_cut(tmp_path: Path) -> None:
    every = {room.name: room for room in (room_of(), room_of("Area_2_a", 400, 1), room_of("Area_3_thin", 12, 2))}
    rooms = RoomSet(NAMES, {name: tmp_path / name for name in every}, lambda path: every[path.name], "digest")
    cut = Cut(1.0, 1.0, 32, 20)
    cut_rooms(tmp_path, rooms, cut)
    kept = KeptBlocks(tmp_path, 32)
    whole = {name: cut_blocks(every[name], cut, seed=0) for name in list(every)[:2]}
    assert kept.rooms == tuple(name for name in whole for _ in range(len(whole[name])))
    assert "no window of 1 m holds 20" in kept.notes[0]
    found = kept.read([len(whole["Area_1_room_01"]), 0, 0])
    np.testing.assert_array_equal(found.data[0], whole["Area_2_a"].data[0])
    np.testing.assert_array_equal(found.labels[1], whole["Area_1_room_01"].labels[0])
    assert found.rooms == ("Area_2_a", "Area_1_room_01", "Area_1_room_01")
    assert (found.data[..., 3:6] == 0).all()  # no colours
    counts = kept.class_counts()
    assert counts.tolist() == [np.bincount(row, minlength=3).tolist() for b in whole.values() for row in b.labels]
    stamp = (tmp_path / "Area_2_a.npz").stat().st_mtime_ns
    (tmp_path / "blocks.json").unlink()
    cut_rooms(tmp_path, rooms, cut)
    assert (tmp_path / "Area_2_a.npz").stat().st_mtime_ns == stamp
    (tmp_path / "Area_2_a.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"Area_2_a\.npz is missing or damaged"):
        kept.read([len(kept.rooms) - 1])
    with pytest.raises(DataError, match=r"not \d blocks"):
        KeptBlocks(tmp_path, 16).read([0])
    (tmp_path / "blocks.json").write_text("{}")
    with pytest.raises(DataError, match=r"blocks\.json is no index"):
        KeptBlocks(tmp_path, 32)


def test_matrices_come_back_and_arms_are_compared_in_pairs(tmp_path: Path) -> None:
    good = {f"Area_1_r{k}": torch.tensor([[8, 1 + k], [1, 9]]) for k in range(6)}
    poor = {name: torch.tensor([[4, 5], [5, 4]]) for name in good}
    for folder, found in (("a", good), ("b", poor), ("c", dict(list(good.items())[:5]))):
        write_matrices(tmp_path / folder / segment.KEPT, found, ("x", "y"))
    read = read_matrices(tmp_path / "a" / segment.KEPT, ("x", "y"))
    assert {name: m.tolist() for name, m in read.items()} == {name: m.tolist() for name, m in good.items()}
    found = segment.difference([tmp_path / "a"], [tmp_path / "b"])
    assert found.excludes_zero
    assert found.low <= found.mean <= found.high
    with pytest.raises(DataError, match="other rooms"):
        segment.difference([tmp_path / "a"], [tmp_path / "c"])
    with pytest.raises(DataError, match="give one a seed"):
        segment.difference([tmp_path / "a"], [])
    with pytest.raises(DataError, match="no confusion matrices"):
        read_matrices(tmp_path / "a" / segment.KEPT, ("x", "z"))
    (tmp_path / "a" / segment.KEPT).write_bytes(b"PK")
    with pytest.raises(DataError, match="no confusion matrices"):
        read_matrices(tmp_path / "a" / segment.KEPT)


def keys() -> dict[str, str]:
    """Kind of folder -> its key."""
    shelf = NamingShelf()
    none = RoomSet(NAMES, {}, lambda path: room_of(), "")
    world: Any = SimpleNamespace(rooms_key="none", labelled_rooms=lambda: none)
    line = pipeline.Pipeline(SMOKE, world, shelf)
    subset = budget.Subset({}, 0, (1,), "", (0,), ("Area_1_a",))
    about = line.blocks_folder()
    line.__dict__["_blocks_name"] = about.name
    trained = line._finetuned(Arm("random-init"), 0, 1, subset, None)
    line._labelled(Arm("random-init"), 0, 1, trained)
    line._subset_folder(["Area_2_a"], (2,), 1, 0)
    return shelf.found


@pytest.fixture(scope="module")
def unedited() -> dict[str, str]:
    return keys()


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        (blocks, "SEED = 0", "SEED = 1", {"blocks", "subset", "finetuned", "labelled"}),
        (scoring, "1.0 / often", "2.0 / often", {"labelled"}),
        (figures, "if iou == iou", "if True", set()),
        (pipeline, "self.source.read(subset.blocks)", "self.source.read(subset.blocks[1:])", {"finetuned", "labelled"}),
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
    assert set(unedited) == {"blocks", "subset", "finetuned", "labelled"}
    edited(module, old, new)
    assert {kind for kind, key in keys().items() if key != unedited[kind]} == expected


def clean(frames: list[DepthFrame], draw: int) -> list[DepthFrame]:
    return list(frames)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    return open_world("mini", preset="smoke", home=home, options={"workers": 1}), Shelf(home / "shelf")


def values(result: Any) -> dict[tuple[str, str], float]:
    return {(score.sample, score.metric): score.value for score in result.scores}


def test_the_whole_path_is_deterministic_and_shares_what_it_can(smoke, tmp_path: Path) -> None:
    world, shelf = smoke
    task = Segment(SMOKE)
    arm = Arm("no-sim", clean, identity="clean")
    first = task.run(arm, world, 0, tmp_path / "a", shelf)
    elsewhere = task.run(arm, world, 0, tmp_path / "b", Shelf(tmp_path / "other"))
    assert first.scores == elsewhere.scores
    found = values(first)
    assert found["all", "folds"] == 2
    assert found["all", "rooms_learned"] == 5
    assert found["all", "transferred"] >= 0.15
    bare = task.run(Arm("random-init"), world, 0, tmp_path / "c", shelf)
    assert values(bare)["all", "transferred"] == 0
    assert bare.scores != first.scores
    assert "transfer_report" not in bare.artifacts
    assert len(list((shelf.root / "segment-blocks").glob("*/done.json"))) == 1
    assert len(list((shelf.root / "segment-subset").glob("*/done.json"))) == 2  # a fold, for both arms
    assert len(list((shelf.root / "segment-finetuned").glob("*/done.json"))) == 4
    learned = [json.loads((tmp_path / name / "artifacts/learned.json").read_text()) for name in "ac"]
    assert learned[0] == learned[1]
    assert learned[0]["label_budget"]["value"] == 0.1


def test_what_is_kept_recounts_to_the_scores(smoke, tmp_path: Path) -> None:
    world, shelf = smoke
    result = Segment(SMOKE).run(Arm("random-init"), world, 0, tmp_path, shelf)
    held = json.loads((tmp_path / result.artifacts["confusion"]).read_text())
    assert set(held["folds"]) == {"Area_1", "Area_4"}
    folds = np.array(list(held["folds"].values()))
    pooled = folds.sum(0)
    ious = [pooled[k, k] / (pooled[k].sum() + pooled[:, k].sum() - pooled[k, k]) for k in range(9)
            if pooled[k].sum() + pooled[:, k].sum()]  # fmt: skip
    assert values(result)["all", "miou_pooled"] == pytest.approx(sum(ious) / len(ious))
    rooms = read_matrices(tmp_path / result.artifacts["rooms"])
    assert sum(rooms.values()).tolist() == pooled.tolist()  # type: ignore[union-attr]
    names = [name for name in result.artifacts if name.startswith("room_")]
    assert len(names) == 2
    with np.load(tmp_path / result.artifacts[names[0]], allow_pickle=False) as arrays:
        assert len(arrays["points"]) == len(arrays["labels"]) == len(arrays["predicted"])
        assert brute(arrays["labels"], arrays["predicted"], 9) == rooms[names[0].removeprefix("room_")].tolist()


def test_a_killed_run_goes_on_where_it_was(smoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, shelf = smoke
    whole = Segment(SMOKE).run(Arm("random-init"), world, 3, tmp_path / "a", shelf)
    own, calls = Shelf(tmp_path / "shelf"), []
    finetune = training.finetune

    def stopped(folder: Path, *given: Any) -> None:
        calls.append(folder)
        if len(calls) == 2:
            raise KeyboardInterrupt
        finetune(folder, *given)

    monkeypatch.setattr(training, "finetune", stopped)
    with pytest.raises(KeyboardInterrupt):
        Segment(SMOKE).run(Arm("random-init"), world, 3, tmp_path / "b", own)
    again = Segment(SMOKE).run(Arm("random-init"), world, 3, tmp_path / "b", own)
    assert len(calls) == 3  # the first fold was not trained again
    assert again.scores == whole.scores


def test_budgets_decide_what_is_learned_from(smoke, tmp_path: Path) -> None:
    world, shelf = smoke
    full = Segment(SegmentOptions.preset("smoke", {"folds": [1], "label_budget": {"type": "full"}}))
    shots = {"folds": [1], "label_budget": {"type": "k_shot", "blocks_per_class": 1}}
    counts = []
    for task in (full, Segment(SegmentOptions.preset("smoke", shots))):
        found = values(task.run(Arm("random-init"), world, 0, tmp_path, shelf))
        counts.append(found["all", "blocks_learned"])
    assert counts[0] > counts[1] >= 3


def test_what_cannot_be_scored_is_refused(smoke, tmp_path: Path) -> None:
    world, shelf = smoke
    with pytest.raises(UsageError, match="segment's own arms are: random-init"):
        Segment(SMOKE).run(Arm("floor"), world, 0, tmp_path, shelf)
    with pytest.raises(UsageError, match="no rooms with labelled points"):
        Segment(SMOKE).run(Arm("random-init"), SimpleNamespace(name="other"), 0, tmp_path, shelf)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="takes SegmentOptions"):
        Segment(budget)  # type: ignore[arg-type]
    thin = SegmentOptions.preset("smoke", {"networks.transfer.at_least": 99})
    with pytest.raises(DataError, match="99 % expected"):
        Segment(thin).run(Arm("no-sim", clean, identity="clean"), world, 0, tmp_path, shelf)
