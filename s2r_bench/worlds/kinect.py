"""A real sensor: Kinect v1 captures of a room, beside depth ray-cast from the surface fused from the whole recording.

The pair folder is prepared from a sequence of Microsoft 7-Scenes (licence MSR-LA, non-commercial research; the data is
not part of this package), or adopted from pairs that are there already.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2r_bench.errors import DataError
from s2r_bench.worlds.custom import PairFolderWorld, PairWorldOptions


def open(*, preset: str, home: Path, options: Mapping[str, Any]) -> PairFolderWorld:
    """The prepared pair folder: option `folder`, else the environment's S2R_KINECT, else `HOME/data/kinect`.

    Raises:
        DataError: there is none; the message holds the command that prepares it.
    """
    chosen = PairWorldOptions.preset(preset, options)
    folder = chosen.folder or Path(os.environ.get("S2R_KINECT") or home / "data" / "kinect")
    if not (folder / "cameras.json").is_file():
        raise DataError(
            f"world 'kinect' is not on this machine (looked in {folder}). Download a 7-Scenes sequence (RedKitchen; "
            "MSR-LA, non-commercial) yourself, then: s2r-bench data prepare kinect --from PATH/redkitchen  "
            "(or, for a folder of pairs: s2r-bench data prepare kinect --kind pairs --from FOLDER; "
            "or set S2R_KINECT to a prepared folder)"
        )
    return PairFolderWorld("kinect", folder, preset, home, chosen)
