"""Semi-global matching of a rectified pair (Hirschmueller 2008), as OpenCV does it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Matching(Protocol):
    """Parameters of the matcher; what each means stands where options are declared."""

    @property
    def block(self) -> int:
        """Side of the window, pixels."""
        ...

    @property
    def smooth_small(self) -> float:
        """Cost of a step of one, per pixel of the window."""
        ...

    @property
    def smooth_large(self) -> float:
        """Cost of a larger step, likewise."""
        ...

    @property
    def left_right(self) -> int:
        """Largest difference of the two directions, pixels."""
        ...

    @property
    def prefilter_cap(self) -> int:
        """Cap of the prefiltered gradient."""
        ...

    @property
    def uniqueness(self) -> int:
        """Margin of the best match, per cent."""
        ...

    @property
    def speckle_window(self) -> int:
        """Smaller regions are dropped, pixels."""
        ...

    @property
    def speckle_range(self) -> int:
        """Disparity step that separates regions."""
        ...


def matched(
    left: NDArray[np.uint8], right: NDArray[np.uint8], disparities: int, options: Matching
) -> NDArray[np.float32]:
    """(H, W) disparity in pixels, sixteenths, 0 where no match was found.

    Args:
        left: (H, W) rectified image.
        right: likewise; the partner of column u is looked for at u - disparities to u.
        disparities: a multiple of 16.
        options: the matcher's parameters.
    """
    import cv2

    area = options.block**2
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=disparities,
        blockSize=options.block,
        P1=int(options.smooth_small * area),
        P2=int(options.smooth_large * area),
        disp12MaxDiff=options.left_right,
        preFilterCap=options.prefilter_cap,
        uniquenessRatio=options.uniqueness,
        speckleWindowSize=options.speckle_window,
        speckleRange=options.speckle_range,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    sixteenths = matcher.compute(left, right).astype(np.float32)
    return np.asarray(np.maximum(sixteenths / 16, 0), dtype=np.float32)
