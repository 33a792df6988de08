"""The pair-folder format: clean and captured depth of the same views, and the cameras.

    DIR/cameras.json      {"K": 3x3, "width": W, "height": H, "metres_per_unit": 0.001,
                           "cam_to_world": {ID: 4x4, ...},
                           "sensor": text, "splits": {"train": [ID, ...], "val": [...], "test": [...]},
                           "frames": {ID: {"scene": ..., "sequence": ..., "K": 3x3}}}
    DIR/clean/ID.png      16-bit depth in units of `metres_per_unit` (default: millimetres), 0 = no value;
                          or ID.npz with an array `depth`, float32 metres
    DIR/captured/ID.png   the same views as the sensor gave them (a folder named `real` is read too)

Only K, width, height and cam_to_world (OpenCV axes) must be there; without `frames` the folder is one scene and one
sequence, named after the folder. Without `splits` every frame is in every split that is asked for: `data prepare`
writes splits that hold out whole stretches.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.errors import DataError
from s2r_bench.files import sha256, write_bytes
from s2r_bench.types import DepthArray, DepthFrame, DepthPair, FloatArray


@dataclass(frozen=True)
class FrameEntry:
    """Where one frame of a pair folder comes from."""

    name: str
    scene: str
    sequence: str
    K: FloatArray
    world_from_cam: FloatArray


@dataclass(frozen=True)
class Cameras:
    """cameras.json, read and checked."""

    path: Path
    size: tuple[int, int]
    metres_per_unit: float
    sensor: str
    entries: dict[str, FrameEntry]
    splits: dict[str, list[str]]


def read_cameras(folder: Path) -> Cameras:
    """Read `folder/cameras.json`.

    Raises:
        DataError: it is missing, is no JSON, or lacks what the format asks for; the message names the field.
    """
    path = folder / "cameras.json"
    if not path.is_file():
        raise DataError(f"{folder} has no cameras.json: a pair folder holds cameras.json, clean/ and captured/")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        entries = {name: _entry(folder, raw, name) for name in sorted(raw["cam_to_world"])}
        size = (int(raw["height"]), int(raw["width"]))
    except (json.JSONDecodeError, UnicodeDecodeError) as wrong:
        raise DataError(f"{path} is not JSON ({wrong})") from None
    except KeyError as missing:
        raise DataError(f"{path} lacks the field {missing}") from None
    except (TypeError, ValueError, AttributeError) as wrong:
        raise DataError(f"{path} has a field of the wrong form ({wrong})") from None
    if not entries:
        raise DataError(f"{path} names no frames in cam_to_world")
    return Cameras(
        path=path,
        size=size,
        metres_per_unit=float(raw.get("metres_per_unit", 0.001)),
        sensor=str(raw.get("sensor", folder.name)),
        entries=entries,
        splits={name: list(ids) for name, ids in raw.get("splits", {}).items()},
    )


def sequences_of(cameras: Cameras) -> dict[str, list[str]]:
    """Sequence -> its frame names in order."""
    found: dict[str, list[str]] = {}
    for name, entry in cameras.entries.items():
        found.setdefault(f"{entry.scene}/{entry.sequence}", []).append(name)
    return found


class FolderPairs:
    """The pairs of one split of a pair folder, read when asked for (a `PairSet`)."""

    def __init__(
        self,
        folder: Path,
        split: str | None = None,
        *,
        names: Sequence[str] | None = None,
        step: int = 1,
        cameras: Cameras | None = None,
        captured: str | None = None,
    ) -> None:
        """Open `folder`; `names` picks frames, else `split` does, else all are in. `step` keeps every step-th pixel.

        `cameras` stands in for the folder's cameras file where a world has read it and named the scenes anew.
        `captured` names the folder of the captured side where it is neither `captured` nor `real`.
        """
        self.folder = folder
        self.step = step
        self.cameras = cameras or read_cameras(folder)
        known = self.cameras.entries
        if names is None:
            names = self.cameras.splits[split] if split in self.cameras.splits else list(known)
        missing = [name for name in names if name not in known]
        if missing:
            raise DataError(f"{self.cameras.path}: no camera for frame {missing[0]!r} ({len(missing)} such frames)")
        self.names = list(names)
        if not self.names:
            raise DataError(f"{folder}: no frames in split {split!r}")
        self._captured = folder / (captured or ("captured" if (folder / "captured").is_dir() else "real"))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> DepthPair:
        """Read one pair, at every `step`-th pixel."""
        entry = self.cameras.entries[self.names[index]]
        clean = self._frame(self.folder / "clean", entry)
        return DepthPair(clean, self._frame(self._captured, entry)).strided(self.step)

    @property
    def scenes(self) -> frozenset[str]:
        """The scene ids that occur in it."""
        return frozenset(self.cameras.entries[name].scene for name in self.names)

    @cached_property
    def digest(self) -> str:
        """Of the cameras file, the frames, and their files' contents."""
        text = hashlib.sha256(self.cameras.path.read_bytes())
        for name in self.names:
            files = [_content(depth_path(part, name)) for part in (self.folder / "clean", self._captured)]
            text.update(f"{name} {files} {self.step};".encode())
        return text.hexdigest()[:16]

    def _frame(self, part: Path, entry: FrameEntry) -> DepthFrame:
        path = depth_path(part, entry.name)
        depth = read_depth(path, self.cameras.metres_per_unit)
        if depth.shape != self.cameras.size:
            height, width = self.cameras.size
            raise DataError(f"{path} is {depth.shape[1]}x{depth.shape[0]}, cameras.json says {width}x{height}")
        return DepthFrame(depth, entry.K, entry.world_from_cam, entry.scene, entry.sequence, entry.name)


def _content(path: Path) -> str:
    known = path.stat()
    return _digest_of(path, known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=1 << 17)
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256(path)  # a grid asks for the same files once a cell


def depth_path(part: Path, name: str) -> Path:
    """The file of frame `name` in `part`: .png, else .npz.

    Raises:
        DataError: neither is there.
    """
    for ending in (".png", ".npz"):
        path = part / f"{name}{ending}"
        if path.is_file():
            return path
    raise DataError(f"{part / name}.png is missing (nor is there a .npz)")


def read_depth(path: Path, metres_per_unit: float = 0.001) -> DepthArray:
    """Depth in metres, (H, W) float32, from a 16-bit PNG or an npz with `depth`.

    Raises:
        DataError: truncated, empty, of another kind, or holding NaN, infinite or negative values.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes)")
    try:
        depth = _read_npz(path) if path.suffix == ".npz" else _read_png(path) * np.float32(metres_per_unit)
    except DataError:
        raise
    except Exception as wrong:  # decoders raise many kinds; each means the file is damaged
        raise DataError(f"{path} cannot be read as depth: {wrong}") from None
    if depth.ndim != 2:
        raise DataError(f"{path} holds an array of shape {depth.shape}; expected one channel (H, W)")
    if not np.isfinite(depth).all() or bool((depth < 0).any()):
        raise DataError(f"{path} holds NaN, infinite or negative depth; a missing pixel is 0")
    return np.ascontiguousarray(depth, dtype=np.float32)


def write_depth(path: Path, depth: DepthArray, metres_per_unit: float = 0.001) -> None:
    """Write metres as a 16-bit PNG, whole or not at all.

    Raises:
        DataError: a value does not fit 16 bits.
    """
    import cv2

    units = np.rint(depth.astype(np.float64) / metres_per_unit)
    if units.max(initial=0) > 65535:
        raise DataError(f"{path}: {depth.max():.2f} m does not fit 16 bits at {metres_per_unit} m a unit")
    encoded, data = cv2.imencode(".png", units.astype(np.uint16))
    if not encoded:
        raise DataError(f"{path}: the depth map could not be encoded as PNG")
    write_bytes(path, data.tobytes())


def _read_png(path: Path) -> DepthArray:
    import cv2

    # the decoder returns a half-filled image for a truncated file, so the end marker is looked for first
    data = path.read_bytes()
    if b"IEND" not in data[-12:]:
        raise DataError(f"{path} is truncated: it does not end as a PNG does; fetch or write it again")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataError(f"{path} is not a PNG that can be decoded")
    if image.dtype != np.uint16:
        raise DataError(f"{path} is {image.dtype}, expected a 16-bit PNG (uint16 depth)")
    depth: DepthArray = image.astype(np.float32)
    return depth


def _read_npz(path: Path) -> DepthArray:
    with np.load(path, allow_pickle=False) as arrays:
        if "depth" not in arrays:
            raise DataError(f"{path} has no array named 'depth' (it holds: {', '.join(arrays.files)})")
        return np.asarray(arrays["depth"], dtype=np.float32)


def _entry(folder: Path, raw: dict[str, Any], name: str) -> FrameEntry:
    frame = raw.get("frames", {}).get(name, {})
    K = np.asarray(frame["K"] if "K" in frame else raw["K"], dtype=np.float64)
    pose = np.asarray(raw["cam_to_world"][name], dtype=np.float64)
    if K.shape != (3, 3) or pose.shape != (4, 4) or not (np.isfinite(K).all() and np.isfinite(pose).all()):
        raise ValueError(f"frame {name}: K must be 3x3 and the pose 4x4, all finite")
    return FrameEntry(name, frame.get("scene", folder.name), frame.get("sequence", "0"), K, pose)
