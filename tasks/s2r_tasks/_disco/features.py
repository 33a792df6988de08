"""Features of images on disk, by the image's content: each is computed once, however many objects and runs see it."""

import hashlib
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from s2r_bench.data.images import ObjectImage
from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_bench.records import content_key
from s2r_bench.steps.code import code_of
from s2r_tasks._disco.backbones import Backbone

TOGETHER = 8  # images that a backbone sees at once


def features_key(backbone: Backbone) -> str:
    """The name of a folder of features: changes whenever they would."""
    return content_key({"backbone": backbone.key, "code": code_of(sys.modules[__name__])})


def make_features(folder: Path, images: Sequence[ObjectImage], backbone: Backbone) -> list[str]:
    """Write `folder/DIGEST.npz` with `features` (width, tokens, tokens) float16 for each image; what is there stays.

    Returns:
        The images' digests, in their order.

    Raises:
        DataError: the backbone's weights are damaged, or give a number that is none.
    """
    digests = [_digest(image) for image in images]
    lacking = {d: one for d, one in zip(digests, images, strict=True) if not (folder / f"{d}.npz").is_file()}
    waiting = list(lacking.items())
    for start in range(0, len(waiting), TOGETHER):
        some = waiting[start : start + TOGETHER]
        found = backbone.features(torch.stack([_brought_to(one.pixels, backbone.pixels) for _, one in some]))
        for (digest, one), features in zip(some, found, strict=True):
            # an image of nothing but padding is no image, whatever a backbone makes of black
            held = (features if one.pixels.any() else torch.zeros_like(features)).half()
            if not bool(held.isfinite().all()):
                raise DataError(
                    f"the backbone's features of {one.name} are not finite in half precision: wrong weights?"
                )
            with whole(folder / f"{digest}.npz") as part, part.open("wb") as stream:
                np.savez(stream, features=held.numpy())
    return digests


def read_features(path: Path, shape: Sequence[int]) -> NDArray[np.float16]:
    """The features (width, tokens, tokens) of one image.

    Raises:
        DataError: the file is missing or damaged; the message names it.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            features: NDArray[np.float16] = arrays["features"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as wrong:
        raise DataError(f"{path} is missing or damaged ({wrong}); delete it and run again") from None
    if features.shape != tuple(shape) or features.dtype != np.float16:
        raise DataError(f"{path} should hold {tuple(shape)} float16, not {features.shape}; delete it and run again")
    return features


def _digest(image: ObjectImage) -> str:
    return hashlib.sha256(f"{len(image.pixels)}:".encode() + image.pixels.tobytes()).hexdigest()


def _brought_to(pixels: NDArray[np.uint8], side: int) -> Tensor:
    """(3, side, side) in [0, 1], bicubic, as CLIP's images are brought to size."""
    held = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
    if len(pixels) != side:
        held = nn.functional.interpolate(held, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return held[0].clamp(0, 1)
