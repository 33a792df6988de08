"""What the denoiser makes of images: a grid of queries from its three planes looks up where it is seen in each view.

Planes of side R become R^3 queries, each of the three cells that it lies on. A query attends over the views: what each
has where the query's place falls in it. The answers are averaged back along each plane's missing axis and added.

Published: DisCo, with five views in the up blocks of sides 8, 16 and 32. Missing views are zeros under identity
matrices and take part like others. Of our choosing: queries of normalised planes, a branch that starts at zero, and
zeros beside an image and behind its camera.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.planes import PADDING, PlaneConv, PlaneNorm

NEAR = 1e-3  # smallest depth at which something is in an image, in the unit of the projections
BESIDE = 4.0  # a place outside of every image, whose sides are at -1 and 1
MOST = 1 << 27  # numbers in the looked-up keys and values of one part of a batch; 1/2 GB


class Images(NamedTuple):
    """A batch of what is seen of each object; which view comes first makes no difference.

    Attributes:
        features: (B, V, width, tokens, tokens), any float type.
        projections: (B, V, 4, 4) float32, see `s2r_bench.data.images`.
    """

    features: Tensor
    projections: Tensor

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> "Images | None":
        """Those of a batch, if it has any."""
        return cls(batch["features"], batch["projections"]) if "features" in batch else None

    @classmethod
    def none(cls, count: int, options: ImageOptions, like: Tensor) -> "Images":
        """Zero features under identity matrices for so many objects, on the device of `like`. One zero says it all."""
        features = like.new_zeros(count, options.views, options.width, 1, 1)
        eye = torch.eye(4, device=like.device)
        return cls(features, eye.expand(count, options.views, 4, 4))


def grid_points(side: int, device: torch.device | None = None) -> Tensor:
    """(side^3, 3) object frame: the middles of the planes' cells along x, y and z, z fastest."""
    middles = (torch.arange(side, device=device) + 0.5) / side
    axis = (middles - 0.5) * (2 * (1 + PADDING + 1e-5))
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def projected(projections: Tensor, points: Tensor) -> Tensor:
    """(B, V, N, 2): where points (N, 3) fall in images with sides at -1 and 1; `BESIDE` for those behind a camera."""
    with torch.autocast(points.device.type, enabled=False):  # half precision would miss by pixels
        seen = points @ projections[..., :3, :3].transpose(-1, -2) + projections[..., None, :3, 3]
    depth = seen[..., 2:]
    at = (seen[..., :2] / depth.clamp_min(NEAR)).clamp(-BESIDE, BESIDE)
    return torch.where(depth > NEAR, at, BESIDE)


class ImageAttention(nn.Module):
    """Planes that look at images.

    Args:
        width: of the planes; a multiple of the heads and groups.
        groups: of the normalisation.
        options: views, heads, width of features.
    """

    def __init__(self, width: int, groups: int, options: ImageOptions) -> None:
        super().__init__()
        self.heads = options.heads
        self.norm = PlaneNorm(groups, width)
        self.query = nn.Linear(3 * width, width)
        # no bias: on keys it would change nothing, on values nothing that the last layer's does not
        self.lookup = nn.Linear(options.width, 2 * width, bias=False)
        self.leave = PlaneConv(width, width, 1)
        nn.init.zeros_(self.leave.conv.weight)
        nn.init.zeros_(self.leave.conv.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor, images: Images) -> Tensor:
        """(B, 3, C, R, R) -> the same shape.

        Linear maps come before what is linear in its input: features are mapped to keys and values before they are
        looked up, and the grid's queries are sums of three planes, so that nothing wide is ever spread over the grid.
        """
        whole = self._queries(self.norm(planes)), *images
        share = max(1, MOST // (2 * planes.shape[2] * images.features.shape[1] * planes.shape[-1] ** 3))
        parts = list(zip(*(torch.split(some, share) for some in whole), strict=True))
        if len(parts) > 1 and torch.is_grad_enabled():  # looked up again for the gradient instead of kept
            found = [checkpoint(self._averaged, *some, use_reentrant=False, preserve_rng_state=False) for some in parts]
        else:
            found = [self._averaged(*some) for some in parts]
        out: Tensor = planes + self.leave(torch.cat(found))
        return out

    def _queries(self, planes: Tensor) -> Tensor:
        """(B, 3, C, R, R): what each plane gives to the queries of the grid, which are sums of three."""
        width = planes.shape[2]
        parts = self.query.weight.view(width, 3, width)
        return torch.einsum("bpcij,kpc->bpkij", planes, parts) + (self.query.bias / 3)[:, None, None]

    def _averaged(self, queries: Tensor, features: Tensor, projections: Tensor) -> Tensor:
        """(B, 3, C, R, R): the grid's answers, averaged along the axis that each plane lacks."""
        xz, xy, yz = (plane.transpose(-1, -2) for plane in queries.unbind(1))  # rows are the second axis of a pair
        grid = xz[..., :, None, :] + xy[..., :, :, None] + yz[..., None, :, :]  # (B, C, X, Y, Z)
        at = projected(projections, grid_points(queries.shape[-1], queries.device))
        found = self._looked_up(grid.flatten(2), features, at).view_as(grid)
        planes = found.mean(3), found.mean(4), found.mean(2)
        return torch.stack([plane.transpose(-1, -2) for plane in planes], 1)

    def _looked_up(self, queries: Tensor, features: Tensor, at: Tensor) -> Tensor:
        """(B, C, N): queries (B, C, N) over the features (B, V, F, T, T) of the views, where they fall (B, V, N, 2)."""
        maps = torch.einsum("bvfij,kf->bvkij", features.to(queries.dtype), self.lookup.weight).flatten(0, 1)
        maps = maps.to(torch.promote_types(maps.dtype, at.dtype))  # places keep their precision
        found = nn.functional.grid_sample(
            maps, at.flatten(0, 1)[:, :, None].to(maps.dtype), padding_mode="zeros", align_corners=False
        )
        keys, values = found.reshape(*features.shape[:2], 2, self.heads, -1, at.shape[2]).unbind(2)
        return attended(queries.reshape(len(queries), self.heads, -1, at.shape[2]), keys, values).flatten(1, 2)


def attended(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """(B, H, D, N): each query's own few keys weighed by softmax(q k / sqrt(D)), heads apart.

    Written out, because no two queries share a key: PyTorch's scaled_dot_product_attention gives the same, but wants
    everything turned and copied, takes three times as long on a CPU, and has a batch the size of the grid.

    Args:
        queries: (B, H, D, N).
        keys: (B, V, H, D, N).
        values: the same.
    """
    scores = (queries[:, None] * keys).sum(3) / queries.shape[2] ** 0.5
    found: Tensor = (scores.softmax(1)[:, :, :, None] * values).sum(1)
    return found
