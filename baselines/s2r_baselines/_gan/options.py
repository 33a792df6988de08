"""Options that the image translators share: how depth becomes an image."""

from typing import Literal

from pydantic import Field

from s2r_bench.options import Options


class ImageOptions(Options):
    """How depth maps become images, the same for clean and captured ones.

    Attributes:
        depth: code of depth, as in the diffusion methods.
        holes: "channel" = a second channel, +1 where there is a value and -1 where not, as the diffusion methods have
            it; "far" = one channel in which a hole is the farthest depth (authors' release, and the published networks'
            channel count).
        max_residual_m: captures farther than this from the clean depth count as missing, as in the diffusion methods.
            Only where a pair is a pair: without pairs there is no such distance.
        levels: move what is made to the nearest of the camera's discrete depths, if its training captures have such,
            as the diffusion methods do.
    """

    depth: Literal["log", "linear"] = "log"
    holes: Literal["channel", "far"] = "channel"
    max_residual_m: float = Field(0.2, gt=0)
    levels: bool = True
