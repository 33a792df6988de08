"""Images of a world's objects as features on the shelf, and the views of them that a network is shown.

SHELF/image-features/BACKBONE/DIGEST.npz    features (width, tokens, tokens) float16 of the image of that digest
SHELF/recon-images/KEY/ID.npz               digests (n,) and projections (n, 4, 4) of an object's images, in order
"""

import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from s2r_bench.data.images import ObjectImage
from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_bench.records import content_key
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.types import CadModel, FloatArray
from s2r_bench.worlds.base import HoldsImages
from s2r_tasks._disco.backbones import open_backbone
from s2r_tasks._disco.features import features_key, make_features, read_features
from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.images import Images


@dataclass(frozen=True, eq=False)
class Seen:
    """The images of one object: files of their features, and (n, 4, 4) projections."""

    files: tuple[Path, ...]
    projections: FloatArray


class Views:
    """What a network is shown of objects; one without an image is shown zeros under identity matrices.

    Args:
        seen: object id -> its images.
        options: how many of what size.
    """

    def __init__(self, seen: Mapping[str, Seen], options: ImageOptions) -> None:
        self.seen, self.options = seen, options

    def __contains__(self, name: str) -> bool:
        return name in self.seen and bool(self.seen[name].files)

    def spaced(self, names: Sequence[str]) -> Images:
        """Of several objects: all images of each, or evenly spaced ones where there are too many."""
        most = self.options.views
        counts = [len(self.seen[name].files) if name in self.seen else 0 for name in names]
        chosen = [np.linspace(0, n - 1, most).round() if n > most else np.arange(n) for n in counts]
        shown = [self._shown(name, places.astype(np.int64)) for name, places in zip(names, chosen, strict=True)]
        return Images(*(torch.stack(some) for some in zip(*shown, strict=True)))

    def drawn(self, name: str, pose: FloatArray, dice: np.random.Generator) -> dict[str, Tensor]:
        """Of one object for training: so many as chance says, or none at all, as `ImageOptions` has it.

        Args:
            name: of the object.
            pose: (4, 4) that its cloud is moved by.
            dice: what draws.
        """
        o, count = self.options, len(self.seen[name].files) if name in self.seen else 0
        wanted = int(dice.integers(o.fewest, o.views + 1)) if dice.random() >= o.drop else 0
        features, projections = self._shown(name, dice.permutation(count)[:wanted], pose)
        return {"features": features, "projections": projections}

    def _shown(self, name: str, chosen: NDArray[np.int64], pose: FloatArray | None = None) -> tuple[Tensor, Tensor]:
        """(V, width, tokens, tokens) float16 and (V, 4, 4) float32; what is left of the views is nothing."""
        o = self.options
        features = np.zeros((o.views, o.width, o.tokens, o.tokens), np.float16)
        projections = np.tile(np.eye(4), (o.views, 1, 1))
        for view, place in enumerate(chosen):
            one = self.seen[name]
            features[view] = read_features(one.files[place], features.shape[1:])
            projections[view] = one.projections[place] if pose is None else one.projections[place] @ np.linalg.inv(pose)
        return torch.from_numpy(features), torch.from_numpy(projections.astype(np.float32))


class ImageShelf:
    """The images of a world's objects, for a network that is made for them.

    Args:
        options: of the network.
        world: maybe one without images.
        shelf: keeps features.
        device: where the backbone computes.
    """

    def __init__(self, options: ImageOptions, world: object, shelf: Shelf, device: str) -> None:
        self.options, self.shelf, self.device = options, shelf, device
        self.world = world if options.views and isinstance(world, HoldsImages) else None
        self._told = not options.views

    def inputs(self, origin: str, models: Sequence[CadModel]) -> dict[str, str]:
        """What a key has to hold of them; nothing where there is no image to be seen."""
        folder = self._folder(origin, models)
        return {} if folder is None else {"images": folder.name}

    def views(self, origin: str, models: Sequence[CadModel]) -> Views | None:
        """The images of some models, on the shelf from now on; None where the world has none or nobody looks.

        Raises:
            DataError: the backbone's weights are missing, or what lies on the shelf is damaged.
        """
        folder = self._folder(origin, models)
        if folder is None:
            self._tell_none()
            return None
        seen = {model.id: _read_seen(folder / f"{model.id}.npz", self.features) for model in models}
        # features may have been deleted since
        gone = [model for model in models if not all(path.is_file() for path in seen[model.id].files)]
        if gone:
            backbone = open_backbone(self.options, self.device)
            for model in gone:
                make_features(self.features, self._images_of(model), backbone)
        views = Views(seen, self.options)
        lacking = sum(model.id not in views for model in models)
        if lacking:
            self.shelf.tell(
                f"recon: {lacking} of {len(models)} objects ({origin}) have no image: zero features instead"
            )
        return views

    def _tell_none(self) -> None:
        if not self._told:
            self._told = True
            self.shelf.tell(
                "recon: the network is made for images and this world has none: points only, with zero features under "
                "identity matrices in their place"
            )

    @cached_property
    def features(self) -> Path:
        """Folder of the features of single images, shared by all objects and worlds."""
        return self.shelf.root / "image-features" / features_key(open_backbone(self.options, self.device))

    def _folder(self, origin: str, models: Sequence[CadModel]) -> Path | None:
        if self.world is None:
            return None
        about = {
            "origin": origin,
            "images": self.world.images_key,
            "models": content_key([model.id for model in models]),
            "features": self.features.name,
            "code": code_of(sys.modules[__name__]),
        }
        what = f"recon: images of {origin}"
        return self.shelf.folder("recon-images", about, lambda folder: self._make(folder, models), what)

    def _make(self, folder: Path, models: Sequence[CadModel]) -> None:
        waiting = [model for model in models if not (folder / f"{model.id}.npz").is_file()]
        backbone = open_backbone(self.options, self.device)  # of this step alone: it is large
        for model in waiting:
            images = self._images_of(model)
            digests = make_features(self.features, images, backbone)
            projections = np.array([image.projection for image in images]).reshape(-1, 4, 4)
            with whole(folder / f"{model.id}.npz") as part, part.open("wb") as stream:
                np.savez(stream, digests=np.array(digests, "U64"), projections=projections)

    def _images_of(self, model: CadModel) -> Sequence[ObjectImage]:
        assert self.world is not None  # nobody asks otherwise
        return self.world.object_images(model)


def seen_as(options: ImageOptions, world: object) -> str:
    """What a record says of images: "used" with the digest of what is seen, or "none".

    Raises:
        DataError: there are images, and the backbone's weights are missing.
    """
    if not options.views or not isinstance(world, HoldsImages):
        return "none"
    return f"used/{world.images_key}/{features_key(open_backbone(options, 'cpu'))}"


def _read_seen(path: Path, features: Path) -> Seen:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            digests, projections = arrays["digests"], arrays["projections"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path} is missing or damaged ({wrong}); delete its folder and run again") from None
    if projections.shape != (len(digests), 4, 4) or not np.isfinite(projections).all():
        raise DataError(f"{path} should hold a projection (4, 4) an image; delete its folder and run again")
    return Seen(tuple(features / f"{digest}.npz" for digest in digests), projections)
