"""The task `recon` with images: the whole path at smoke size on a world that holds some, and on one that has none."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from s2r_bench.data.images import ObjectImage
from s2r_bench.engine.checkpoint import read_tensors
from s2r_bench.errors import DataError
from s2r_bench.geometry.crop import ObjectFrame
from s2r_bench.shelf import Shelf
from s2r_bench.task import Arm
from s2r_bench.types import CadModel, DepthFrame
from s2r_bench.worlds import open_world
from s2r_bench.worlds.base import HoldsImages
from s2r_tasks._recon.images import ImageShelf
from s2r_tasks._recon.options import ReconOptions
from s2r_tasks.recon import Recon

EYES = {"views": 2, "fewest": 1, "heads": 2, "tokens": 4, "width": 6, "backbone": "test"}
ON = {f"denoiser.images.{name}": value for name, value in EYES.items()}
ARM = Arm("no-sim", lambda frames, draw: list(frames), identity="clean")


def square(frame: DepthFrame) -> DepthFrame:
    height, width = frame.size
    side = min(height, width)
    return frame.cropped((height - side) // 2, (width - side) // 2, side, side)


def image_of(model: CadModel, frame: DepthFrame) -> ObjectImage:
    """Depth as grey, from the camera of a view."""
    grey = (255 * frame.depth / max(float(frame.depth.max()), 1e-6)).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, 2)
    return ObjectImage.seen(frame.id, pixels, frame.K, frame.world_from_cam, ObjectFrame.from_mesh(model.mesh))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("home")
    return open_world("mini", preset="smoke", home=home), home


@pytest.fixture(scope="module")
def photographed(plain):
    """The mini world with grey images of all objects but beds: three of chairs, else one."""
    world, home = plain

    class Photographed(type(world)):  # type: ignore[misc]
        images_key = "grey"
        asked = 0

        def object_images(self, model: CadModel) -> Sequence[ObjectImage]:
            type(self).asked += 1
            count = {"bed": 0, "chair": 3}.get(model.category, 1)
            return [image_of(model, square(f)) for f in self.object_views(model, count, 5)] if count else []

    return Photographed(world.options, world.preset, home)


@pytest.fixture(scope="module")
def blind(photographed, tmp_path_factory: pytest.TempPathFactory):
    """What a network that is not made for images makes of a world that holds some: result, shelf, what was told."""
    told: list[str] = []
    shelf = Shelf(tmp_path_factory.mktemp("blind") / "shelf", told.append)
    task = Recon(ReconOptions.preset("smoke", {"shots": "1"}))
    return task.run(ARM, photographed, 0, shelf.root.parent, shelf), shelf, told


def stocked(blind, root: Path) -> tuple[Shelf, list[str]]:
    """A shelf of its own with all that does not hang on images."""
    told: list[str] = []
    for kind in ("labels", "recon-labelled", "recon-clouds", "recon-vae", "recon-latents"):
        shutil.copytree(blind[1].root / kind, root / kind)
    return Shelf(root, told.append), told


def counts(result: Any) -> dict[str, float]:
    return {score.metric: score.value for score in result.scores if score.sample == "all"}


def folders(shelf: Shelf, kind: str) -> list[Path]:
    return sorted(path.parent for path in (shelf.root / kind).glob("*/done.json"))


def test_a_points_place_in_an_image_is_the_pixel_that_it_was_seen_at(photographed) -> None:
    model = photographed.objects("captured-test")[0]
    frame = square(photographed.object_views(model, 1, 5)[0])
    projection = image_of(model, frame).projection
    rows, columns = (some[::97] for some in np.nonzero(frame.depth))
    assert len(rows) > 3
    for row, column in zip(rows, columns, strict=True):
        seen = float(frame.depth[row, column]) * (np.linalg.inv(frame.K) @ [column, row, 1.0])
        stored = (frame.world_from_cam @ [*seen, 1.0])[None, :3]
        x, y, depth, _ = projection @ [*ObjectFrame.from_mesh(model.mesh).to_object(stored)[0], 1.0]
        assert [x / depth, y / depth] == pytest.approx([2 * (at + 0.5) / len(frame.depth) - 1 for at in (column, row)])


def test_the_whole_path_with_images(photographed, blind, tmp_path: Path) -> None:
    assert isinstance(photographed, HoldsImages)
    task = Recon(ReconOptions.preset("smoke", {**ON, "shots": "1"}))
    assert task.inputs(photographed)["images"].startswith("used/grey/")
    shelf, told = stocked(blind, tmp_path / "shelf")
    first = task.run(ARM, photographed, 0, tmp_path / "a", shelf)
    found = counts(first)
    tests = [model for model in photographed.objects("captured-test") if model.id in {s.sample for s in first.scores}]
    assert found["imaged_objects"] == sum(model.category != "bed" for model in tests) > 0
    assert sum("have no image: zero features" in line for line in told) == 3  # corpus, training and test objects
    (features,) = (shelf.root / "image-features").iterdir()
    assert len(folders(shelf, "recon-images")) == 3
    for kind in ("recon-pretrained", "recon-finetuned"):
        (folder,) = folders(shelf, kind)
        assert json.loads((folder / "inputs.json").read_text())["images"]
        weights = read_tensors(folder / "weights.safetensors")
        assert float(weights["look.0.leave.conv.weight"].abs().max()) > 0  # it has begun to look
    # images are found again without being asked for, and features that were deleted are made again
    asked, kept = type(photographed).asked, sorted(path.name for path in features.iterdir())
    images = ImageShelf(task.options.denoiser.images, photographed, shelf, "cpu")
    before = images.views("captured-test", tests)
    assert before is not None
    shown = before.spaced([model.id for model in tests])
    assert type(photographed).asked == asked
    shutil.rmtree(features)
    for split in ("corpus", "captured-train", "captured-test"):
        images.views(split, tests if split == "captured-test" else photographed.objects(split))
    assert type(photographed).asked > asked
    assert {path.name for path in features.iterdir()} >= set(kept)
    assert torch.equal(before.spaced([model.id for model in tests]).features, shown.features)
    elsewhere, _ = stocked(blind, tmp_path / "other")
    assert task.run(ARM, photographed, 0, tmp_path / "d", elsewhere).scores == first.scores


def test_without_images_it_is_points_only_and_says_so_once(plain, blind, tmp_path: Path) -> None:
    world, _ = plain
    task = Recon(ReconOptions.preset("smoke", {**ON, "shots": "1", "denoiser.images.backbone": "not/there"}))
    assert task.inputs(world) == {"objects": world.key, "images": "none"}
    shelf, told = stocked(blind, tmp_path / "shelf")
    found = task.run(ARM, world, 0, tmp_path, shelf)
    assert counts(found)["imaged_objects"] == 0
    assert sum("this world has none: points only" in line for line in told) == 1
    assert not (shelf.root / "image-features").exists()
    (folder,) = folders(shelf, "recon-pretrained")
    assert "images" not in json.loads((folder / "inputs.json").read_text())


def test_a_network_that_is_not_made_for_images_looks_at_none(photographed, blind) -> None:
    found, shelf, told = blind
    assert Recon(ReconOptions.preset("smoke")).inputs(photographed) == {"objects": photographed.key}
    assert "imaged_objects" not in counts(found)
    assert not any("image" in line for line in told)
    assert not (shelf.root / "recon-images").exists()
    for kind in ("recon-pretrained", "recon-finetuned"):
        (folder,) = folders(shelf, kind)
        assert not any(name.startswith("look") for name in read_tensors(folder / "weights.safetensors"))


def test_missing_weights_are_named_before_anything_is_computed(photographed) -> None:
    task = Recon(ReconOptions.preset("smoke", {**ON, "denoiser.images.backbone": "not/there"}))
    with pytest.raises(DataError, match="no weights of the image backbone 'not/there'"):
        task.inputs(photographed)
