"""Options that adversarial methods share: how depth becomes an image, with pairs and without."""

from typing import Literal

from pydantic import Field

from s2r_bench.options import Options


class ImageOptions(Options):
    """How depth maps become images without pairs, the same for clean and captured ones.

    Attributes:
        depth: code of depth, as in the diffusion methods.
        holes: "channel" = a second channel, +1 where there is a value and -1 where not, as the diffusion methods have
            it; "far" = one channel in which a hole is the farthest depth (authors' release, and the published networks'
            channel count).
        levels: move what is made to the nearest of the camera's discrete depths, if its training captures have such,
            as the diffusion methods do.
        calibrate: fix the threshold of validity so that training frames come out with the captures' hole rate, as the
            diffusion methods do ("channel" only).
    """

    depth: Literal["log", "linear"] = "log"
    holes: Literal["channel", "far"] = "channel"
    levels: bool = True
    calibrate: bool = True


class MapOptions(Options):
    """How the depth maps of pairs become what networks see: the codes of the diffusion simulators.

    Attributes:
        residual: make the coded residual instead of the captured depth's own code (beyond the published methods).
        depth: code of depth.
        levels: move what is made to the nearest of the camera's discrete depths, if its training captures have such.
        geometry: add the clean depth's gradients and the viewing ray to the condition.
        max_residual_m: captures farther than this from the clean depth count as missing.
        calibrate: fix the threshold of validity, and the spread of a residual, on draws for training frames.
    """

    residual: bool = False
    depth: Literal["log", "linear"] = "log"
    levels: bool = True
    geometry: bool = True
    max_residual_m: float = Field(0.2, gt=0)
    calibrate: bool = True
