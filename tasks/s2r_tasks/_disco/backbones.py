"""What makes features of images: a CLIP image tower whose weights are at hand, or a stand-in for tests.

Nothing is downloaded. A hub id stands for weights that are in the local cache already; a folder, or a file, for itself.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from s2r_bench.errors import DataError
from s2r_bench.files import sha256
from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.vit import Vit, load_vit

STAND_IN = "test"
FILES = ("open_clip_model.safetensors", "model.safetensors")
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's pixels


class Backbone(Protocol):
    """A frozen network, or function, of images.

    Attributes:
        key: changes whenever its features could, for the same code.
        pixels: along the images that it takes.
    """

    key: str

    @property
    def pixels(self) -> int: ...

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, pixels, pixels) in [0, 1] -> (B, width, tokens, tokens) on the CPU; no class token."""
        ...


class StandIn:
    """Mean colours of patches under fixed random weights: knows nothing, costs nothing, sees black as zero."""

    def __init__(self, options: ImageOptions) -> None:
        self.options, self.pixels = options, 4 * options.tokens
        self.key = f"{STAND_IN}-{options.tokens}-{options.width}"

    def features(self, images: Tensor) -> Tensor:
        """See `Backbone`."""
        weights = torch.randn(self.options.width, 3, generator=torch.Generator().manual_seed(0))
        colours = nn.functional.adaptive_avg_pool2d(images.cpu(), self.options.tokens)
        return torch.einsum("fc,bcij->bfij", weights, colours)


class Clip:
    """The image tower of a CLIP; its weights are read when they are first needed."""

    def __init__(self, path: Path, options: ImageOptions, device: str) -> None:
        self.path, self.options, self.device = path, options, torch.device(device)
        stat = path.stat()
        self.key = _digest(path, stat.st_size, stat.st_mtime_ns)[:16]
        self._network: Vit | None = None

    @property
    def pixels(self) -> int:
        """Pixels along the images that it takes."""
        network = self._loaded()
        return network.patch * network.side

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """See `Backbone`."""
        network = self._loaded()
        mean, std = (torch.tensor(some, device=self.device)[:, None, None] for some in (MEAN, STD))
        tokens: Tensor = network((images.to(self.device) - mean) / std)
        patches = tokens[:, 1:].transpose(1, 2).float().cpu()
        return patches.reshape(len(tokens), network.width, network.side, network.side)

    def _loaded(self) -> Vit:
        if self._network is None:
            network = load_vit(self.path)
            asked = self.options.tokens, self.options.width
            if (network.side, network.width) != asked:
                raise DataError(
                    f"{self.path} gives {network.side} x {network.side} tokens of {network.width}, and images.tokens "
                    f"and images.width are {asked[0]} and {asked[1]}: set them to what it gives, or use other weights"
                )
            self._network = network.to(self.device).eval()
        return self._network


def open_backbone(options: ImageOptions, device: str) -> Backbone:
    """The backbone that the options name.

    Raises:
        DataError: its weights are not at hand; the message says where to put them.
    """
    if options.backbone == STAND_IN:
        return StandIn(options)
    path = _weights_file(options.backbone)
    if path is None:
        raise DataError(
            f"there are no weights of the image backbone {options.backbone!r}, and nothing is downloaded for you. "
            f"Either fetch them into the local cache (pip install huggingface_hub; hf download {options.backbone} "
            f"{FILES[0]}), or set denoiser.images.backbone to a folder that holds {' or '.join(FILES)}, "
            "or to such a file; or set denoiser.images.views=0 for points only"
        )
    return Clip(path, options, device)


def _weights_file(source: str) -> Path | None:
    path = Path(source).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        return next((path / name for name in FILES if (path / name).is_file()), None)
    return next((found for name in FILES if (found := _cached(source, name)) is not None), None)


def _cached(source: str, name: str) -> Path | None:
    """A file of a hub's page in the local cache, if it is there; asks no network."""
    try:
        from huggingface_hub import try_to_load_from_cache

        found: Any = try_to_load_from_cache(source, name)
    except (ImportError, ValueError):  # no library, or no id of a page
        return None
    return Path(found) if isinstance(found, str) else None


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    """Of the weights' file; read once, while it stays as it is."""
    return sha256(path)
