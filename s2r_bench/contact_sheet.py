"""One picture of a simulated corpus: per object clean and simulated depth, the residual, the fused cloud."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2r_bench.errors import DataError
from s2r_bench.files import read_json, write_bytes
from s2r_bench.geometry.camera import intrinsics, look_at
from s2r_bench.geometry.io import read_cloud
from s2r_bench.geometry.points import normals_from_depth
from s2r_bench.labelled_cloud import read_labelled_cloud
from s2r_bench.types import BoolArray, DepthArray, FloatArray
from s2r_bench.worlds.pair_folder import read_depth

MOST_OBJECTS = 12
LONGEST_NAME = 24
COLUMNS = ("clean depth (m)", "simulated depth (m)", "simulated - clean (mm)", "fused cloud")
NOTHING = "0.85"  # grey, where there is no value
CLOUD_PIXELS = 360
TINT = (0.85, 0.6, 0.35)  # of points that are not the object's
BEHIND_M = 0.005
_FAR = np.float32(1000)


def contact_sheet(out: Path, objects: int = MOST_OBJECTS) -> Path:
    """Draw OUT/contact_sheet.png from a folder that `simulate_corpus` has finished.

    Depth has one colour scale per object for clean and simulated, residuals one symmetric scale over the whole sheet
    (the 98th percentile of their size, 10 mm at least). Grey is "no value".

    Args:
        out: the corpus.
        objects: draw at most so many, spread evenly over the corpus.

    Raises:
        DataError: no manifest, or no object in it.
    """
    entries = read_json(out / "manifest.json")["objects"]
    if not entries:
        raise DataError(f"{out / 'manifest.json'} lists no object; there is nothing to draw")
    picked = [
        entries[int(index)] for index in np.unique(np.linspace(0, len(entries) - 1, min(objects, len(entries))).round())
    ]
    rows = [_Row(out, entry) for entry in picked]
    limit = max(10.0, float(np.percentile(np.abs(np.concatenate([row.residuals for row in rows])), 98)))
    return write_bytes(out / "contact_sheet.png", _draw(rows, limit))


class _Row:
    """The pictures of one object: the view in the middle of its path, and its cloud."""

    def __init__(self, out: Path, entry: dict[str, Any]) -> None:
        folder = out / entry["folder"]
        view = entry["views"][len(entry["views"]) // 2]
        name = str(entry["id"])
        self.title = f"{entry['category']}\n{name if len(name) <= LONGEST_NAME else '..' + name[2 - LONGEST_NAME :]}"
        self.clean = read_depth(folder / "clean" / f"{view}.png")
        self.simulated = read_depth(folder / "simulated" / f"{view}.png")
        both = (self.clean > 0) & (self.simulated > 0)
        self.residual = np.where(both, (self.simulated - self.clean) * 1000, np.nan)
        self.cloud: NDArray[np.float32] | None = None
        if (folder / "cloud.ply").is_file():
            box = np.asarray(entry["box_m"], dtype=np.float64)
            if "object_points" in entry:
                self.cloud = tinted_cloud(*read_labelled_cloud(folder / "cloud.ply"), box)
            else:
                self.cloud = shaded_cloud(read_cloud(folder / "cloud.ply"), box)

    @property
    def residuals(self) -> NDArray[np.float64]:
        """(N,) mm, where there are two values; one zero where there is none."""
        known = self.residual[np.isfinite(self.residual)]
        return known.astype(np.float64) if len(known) else np.zeros(1)


def shaded_cloud(points: FloatArray, box: FloatArray, pixels: int = CLOUD_PIXELS) -> NDArray[np.float32]:
    """(pixels, pixels) brightness in [0, 1] of a cloud seen from front, right and above; NaN where nothing is.

    Args:
        points: (N, 3) metres, y up.
        box: (2, 3) of the object, which fills the picture.
        pixels: side of the picture.
    """
    depth, K = _cloud_depth(points, box, pixels)
    normals = normals_from_depth(depth, K, max_jump=0.02)
    light = np.array([-0.45, -0.6, -0.65]) / np.linalg.norm([-0.45, -0.6, -0.65])
    shade = 0.25 + 0.75 * np.clip(normals @ light, 0, 1)
    return np.where(depth > 0, np.where((normals != 0).any(-1), shade, 0.45), np.nan).astype(np.float32)


def tinted_cloud(
    points: FloatArray, on_object: BoolArray, box: FloatArray, pixels: int = CLOUD_PIXELS
) -> NDArray[np.float32]:
    """(pixels, pixels, 3) the same in colour: grey where the object is in front, brown where something else is."""
    shade = np.nan_to_num(shaded_cloud(points, box, pixels), nan=float(NOTHING))
    front = _cloud_depth(points, box, pixels)[0]
    rest = _cloud_depth(points[~on_object], box, pixels)[0] if (~on_object).any() else np.zeros_like(front)
    other = (rest > 0) & (front > 0) & (rest <= front + BEHIND_M)
    return (shade[..., None] * np.where(other[..., None], np.array(TINT, np.float32), np.float32(1))).astype(np.float32)


def _cloud_depth(points: FloatArray, box: FloatArray, pixels: int) -> tuple[DepthArray, FloatArray]:
    """Depth of a cloud from the camera of the sheet, and its intrinsics."""
    target, reach = box.mean(0), float(np.linalg.norm(box[1] - box[0])) / 2
    focal = 2.2 * pixels
    distance = reach * 1.1 * 2 * focal / pixels
    pose = look_at(target + distance * np.array([0.5, 0.42, 0.76]) / np.linalg.norm([0.5, 0.42, 0.76]), target)
    K = intrinsics(pixels, pixels, focal)
    return _splatted(points, K, pose, pixels), K


def _splatted(points: FloatArray, K: FloatArray, pose: FloatArray, pixels: int) -> DepthArray:
    """Z-buffer of the points as discs wide enough to close the surface, smoothed so that normals can be taken."""
    import cv2

    camera = (points - pose[:3, 3]) @ pose[:3, :3]
    column, row = np.rint((camera @ K.T)[:, :2] / camera[:, 2:]).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < pixels) & (row < pixels)
    buffer = np.full(pixels * pixels, np.inf, dtype=np.float32)
    np.minimum.at(buffer, row[inside] * pixels + column[inside], camera[inside, 2].astype(np.float32))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    filled = cv2.erode(np.minimum(buffer, _FAR).reshape(pixels, pixels), disc)
    filled = cv2.medianBlur(filled, 5)
    known = filled < _FAR
    # far stands behind everything while smoothing, so that the bilateral filter does not mix it in
    smooth = cv2.bilateralFilter(np.where(known, filled, _FAR).astype(np.float32), 9, 0.03, 4)
    return np.where(known, smooth, 0).astype(np.float32)


def _draw(rows: list[_Row], limit: float) -> bytes:
    """The sheet as PNG. Figures are made without pyplot, which keeps global state."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = rows[0].clean.shape
    figure = Figure(figsize=(13, 0.5 + 3.0 * len(rows) * max(height / width, 0.7)), layout="constrained")
    axes = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    for index, row in enumerate(rows):
        known = row.clean[row.clean > 0]
        near, far = np.percentile(known, [1, 99]) if len(known) else (0.0, 1.0)
        for place, depth in zip(axes[index], (row.clean, row.simulated), strict=False):
            shown = place.imshow(np.where(depth > 0, depth, np.nan), cmap="viridis", vmin=near, vmax=far)
        figure.colorbar(shown, ax=list(axes[index, :2]), shrink=0.8)
        shown = axes[index, 2].imshow(row.residual, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(shown, ax=axes[index, 2], shrink=0.8)
        if row.cloud is not None:
            axes[index, 3].imshow(row.cloud, cmap="gray", vmin=0, vmax=1)
        axes[index, 0].set_ylabel(row.title, fontsize=8)
        for column, place in enumerate(axes[index]):
            place.set(xticks=[], yticks=[], facecolor=NOTHING, title=COLUMNS[column] if index == 0 else "")
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return stream.getvalue()
