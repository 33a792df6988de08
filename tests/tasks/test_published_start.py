"""Published checkpoints as the start of an arm: `task.published_weights` of `classify` and `segment`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from s2r_bench.errors import DataError, UsageError
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm, references_of
from s2r_bench.worlds.mini import MiniWorld
from s2r_tasks._classify.options import ClassifyOptions
from s2r_tasks._classify.pipeline import Pipeline
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks
from s2r_tasks._occo.published import published_state
from s2r_tasks._occo.published_start import published_start
from s2r_tasks._segment.options import SegmentOptions
from s2r_tasks.classify import Classify
from s2r_tasks.segment import Segment

PUBLISHED, RANDOM = Arm("published"), Arm("random-init")


def checkpoint(path: Path, networks: ClassifyNetworks | SegmentNetworks, seed: int = 1) -> dict[str, Tensor]:
    """Write a completion as OcCo's training does, each normalisation under both names; return what was written."""
    torch.manual_seed(seed)
    network = networks.completion()
    for layer in network.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    state = published_state(network, "module.")
    torch.save({"step": 9, "epoch": 1, "model_state_dict": state, "optimizer_state_dict": {}}, path)
    return state


def classify(path: Path | str, more: dict[str, Any] | None = None) -> ClassifyOptions:
    return ClassifyOptions.preset("smoke", {"published_weights": str(path), "learners": ["svm"], **(more or {})})


def test_the_arm_is_there_where_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    file.write_bytes(b"")
    assert references_of(Classify(ClassifyOptions.preset("smoke"))) == ("random-init",)
    assert references_of(Classify(classify(file))) == ("random-init", "published")
    segment = Segment(SegmentOptions.preset("smoke", {"published_weights": str(file)}))
    assert references_of(segment) == ("random-init", "published")
    with pytest.raises(UsageError, match=r"classify's own arms are: random-init$"):
        Classify(ClassifyOptions.preset("smoke")).run(PUBLISHED, object(), 0, Path())  # type: ignore[arg-type]


def test_classify_starts_from_the_file(world: MiniWorld, shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "dgcnn_occo.pth"
    state = checkpoint(path, ClassifyNetworks.preset("smoke"))
    task = Classify(classify(path))
    network = Pipeline(task.options, world, shelf)._network(0, published_start(str(path), *_of(task.options)), 0)
    held = network.encoder.state_dict()
    for own, tensor in held.items():
        assert torch.equal(tensor, state["module." + own]), own
    assert {"conv1.0.weight", "conv5.1.running_var"} <= set(held)
    found = task.run(PUBLISHED, world, 0, tmp_path / "run", shelf)
    assert {score.metric: score.value for score in found.scores if score.sample == "all"} == {"encoder_transferred": 1}
    assert len([score for score in found.scores if score.metric == "svm_accuracy"]) == 2
    report = json.loads((tmp_path / "run" / found.artifacts["transfer_report"]).read_text())
    assert report["source"].startswith("dgcnn_occo.pth, SHA-256 ")
    assert report["encoder_percent"] == 100
    assert not (shelf.root / "occo-pretrained").exists()  # nothing is pretrained, no view is simulated
    assert not (shelf.root / "occo-views").exists()


def _of(options: Any) -> tuple[Any, Any]:
    return options.networks.classifier(options.ways), options.networks


def test_the_contents_of_the_file_decide_keys(world: MiniWorld, shelf: Shelf, tmp_path: Path) -> None:
    path, networks = tmp_path / "a.pth", ClassifyNetworks.preset("smoke")
    checkpoint(path, networks)
    task = Classify(classify(path))
    plain = Classify(classify(""))
    assert set(task.inputs(world)) - set(plain.inputs(world)) == {"published_weights"}

    def scores() -> int:
        return len(list((shelf.root / "classify-scores").glob("*/done.json")))

    first = task.run(PUBLISHED, world, 0, tmp_path / "run", shelf)
    bare = task.run(RANDOM, world, 0, tmp_path / "run", shelf)
    assert plain.run(RANDOM, world, 0, tmp_path / "run", shelf) == bare  # other arms are what they are without the file
    before, count = task.inputs(world), scores()
    (tmp_path / "b.pth").write_bytes(path.read_bytes())
    renamed = Classify(classify(tmp_path / "b.pth"))
    assert renamed.inputs(world) == before
    assert renamed.run(PUBLISHED, world, 0, tmp_path / "run", shelf).scores == first.scores
    assert scores() == count
    checkpoint(path, networks, seed=2)
    assert task.inputs(world)["published_weights"] != before["published_weights"]
    task.run(PUBLISHED, world, 0, tmp_path / "run", shelf)
    assert scores() == count + 1


def test_a_file_of_other_sizes_says_what_was_expected(world: MiniWorld, tmp_path: Path) -> None:
    path = tmp_path / "full.pth"
    checkpoint(path, ClassifyNetworks())
    with pytest.raises(DataError) as told:
        Classify(classify(path)).run(PUBLISHED, world, 0, tmp_path)
    said = str(told.value)
    assert said.startswith(f"{path} is of other sizes than task.networks: conv1.0.weight has shape (64, 6, 1, 1), ")
    assert "expected (4, 6, 1, 1)" in said
    assert "--preset paper, or --set task.networks.dgcnn.k=20 --set task.networks.dgcnn.widths=[64,64,128,256]" in said
    typed = {
        word.partition("=")[0].removeprefix("task."): word.partition("=")[2] for word in said.split() if "=" in word
    }
    sizes = {name: json.loads(value) for name, value in typed.items()}
    published_start(str(path), *_of(classify(path, sizes | {"networks.points": 32, "networks.partial": 32})))
    audit = classify(path, {"networks.transfer": {"rule": "name_shape"}})
    with pytest.raises(DataError, match=r"by the rule name_shape, 15 % expected"):
        Classify(audit).run(PUBLISHED, world, 0, tmp_path)
    pointnet = tmp_path / "pointnet.pth"
    checkpoint(pointnet, ClassifyNetworks(encoder="pointnet"))
    with pytest.raises(DataError, match=r"pointnet\.pth.* fill 0\.00 % .* 15 % expected"):
        Classify(classify(pointnet)).run(PUBLISHED, world, 0, tmp_path)
    with pytest.raises(DataError, match=r"none\.pth is missing: task\.published_weights names a checkpoint"):
        Classify(classify(tmp_path / "none.pth"))


def test_an_encoder_of_objects_is_none_of_blocks(tmp_path: Path) -> None:
    path, sizes = tmp_path / "cls.pth", SegmentNetworks()
    checkpoint(path, ClassifyNetworks())
    with pytest.raises(DataError, match=r"conv2\.0\.weight has shape .* encoder of blocks \(conv1 to conv6\)"):
        published_start(str(path), sizes.segmenter(13), sizes)


@pytest.mark.parametrize("up", ["y", "z"])
def test_segment_starts_from_the_file(world: MiniWorld, tmp_path: Path, up: str) -> None:
    path = tmp_path / "dgcnn_occo_seg.pth"
    state = checkpoint(path, SegmentNetworks.preset("smoke"))
    given = {"published_weights": str(path), "published_up": up, "folds": [1], "finetune.lr": 1e-30}
    shelf = Shelf(tmp_path / "shelf")
    found = Segment(SegmentOptions.preset("smoke", given)).run(PUBLISHED, world, 0, tmp_path / "run", shelf)
    shares = {score.metric: score.value for score in found.scores if score.sample == "all"}
    assert shares["transferred"] >= 0.15
    report = json.loads((tmp_path / "run" / found.artifacts["transfer_report"]).read_text())
    assert report["source"].startswith("dgcnn_occo_seg.pth, SHA-256 ")
    assert {one["name"]: one["part"] for one in report["copied"]}["encoder.conv1.0.weight"] == "columns 0:3, 9:12"
    assert not (shelf.root / "occo-pretrained").exists()
    # at a rate of nothing what was trained is what came in: xyz as they are where z was up, else turned
    from safetensors.torch import load_file

    weights = load_file(next((shelf.root / "segment-finetuned").glob("*/weights.safetensors")))
    assert torch.equal(weights["encoder.conv6.0.weight"], state["module.conv6.0.weight"])
    first, own = weights["encoder.conv1.0.weight"].flatten(1), state["module.conv1.0.weight"].flatten(1)
    wanted = own[:, :3] if up == "z" else torch.stack([own[:, 0], -own[:, 2], own[:, 1]], 1)
    assert torch.equal(first[:, :3], wanted)
