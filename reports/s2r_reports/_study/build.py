"""Builds a study's folder: draws the samples, renders them, and keeps the solution apart."""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import write_bytes
from s2r_reports._study.drawing import Drawn, draw
from s2r_reports._study.layout import CAPTURED, CLOUDS, IMAGES, Key, Sample, Show, Study
from s2r_reports._study.pools import Candidate, Fusable, Pools, Shown
from s2r_reports._study.render import Image, even_out, picture, png

Progress = Callable[[int, int], None]
ID_BYTES = 8
MTIME = 1_000_000_000  # of every picture: when one was written says nothing of whose it is


@dataclass(frozen=True)
class Plan:
    """How a study is to be made: see `drawing.draw`; `static` also writes the single-file variant."""

    samples: int
    examples: int
    seed: int
    same_views: bool
    static: bool
    show: Show = "views"


def build(pools: Pools, plan: Plan, out: Path, progress: Progress) -> Study:
    """Write the study to `out`, whole or not at all.

    Raises:
        UsageError: `out` is there already and holds something.
        DataError: too few views, damaged files, or views of several sizes.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already and is not empty; give another folder with -o, or delete that one")
    drawn = draw(pools, plan.samples, plan.examples, plan.seed, plan.same_views, plan.show)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        study = _write(pools, drawn, plan, part, progress)
        part.replace(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return study


def _write(pools: Pools, drawn: Drawn, plan: Plan, folder: Path, progress: Progress) -> Study:
    study_id, images = secrets.token_hex(ID_BYTES), _Gallery(progress, drawn)
    samples = {
        images.add(one, clean=False): Sample(source, one.view, one.origin)
        for source, found in drawn.samples.items()
        for one in found
    }
    examples: dict[str, Sample] = {}
    pairs = []
    for one in drawn.examples:
        clean, captured = images.add(one, clean=True), images.add(one, clean=False)
        examples |= {clean: Sample("clean", one.view, one.origin), captured: Sample(CAPTURED, one.view, one.origin)}
        pairs.append((clean, captured))
    (height, width), files = images.size, even_out({name: png(image) for name, image in images.made.items()})
    for name in sorted(files):  # in the order of random tokens
        paths = [write_bytes(folder / IMAGES / f"{name}.png", files[name])]
        if name in images.clouds:
            paths.append(write_bytes(folder / CLOUDS / f"{name}.bin", images.clouds[name]))
        for path in paths:
            os.utime(path, (MTIME, MTIME))
    study = Study(study_id, plan.seed, pools.captures, tuple(sorted(samples)), tuple(pairs), width, height, plan.show)
    key = Key(study_id, pools.sensor, tuple(drawn.samples), _sorted(samples), _sorted(examples), vars(plan))
    if plan.static:
        from s2r_reports._study.static import write_static

        write_static(study, files, images.clouds, folder)
    key.write(folder)
    study.write(folder)
    return study


class _Gallery:
    """Rendered pictures, and clouds where those are shown, by the random id that each gets."""

    def __init__(self, progress: Progress, drawn: Drawn) -> None:
        self.made: dict[str, Image] = {}
        self.frames: tuple[int, int] | None = None  # (height, width) of the depth that is shown
        self.clouds: dict[str, bytes] = {}
        self.progress = progress
        self.total = sum(map(len, drawn.samples.values())) + 2 * len(drawn.examples)

    def add(self, one: Candidate, clean: bool) -> str:
        """Render the clean or the shown side of a candidate and return its id.

        Raises:
            DataError: its size is not that of the others.
        """
        shown = one.load()
        frame = shown.clean.shape if isinstance(shown, Shown) else shown.clean[0].size
        self.frames = self.frames or frame
        if frame != self.frames:
            raise DataError(
                f"{one.view} of {one.origin} is of views of {frame[1]}x{frame[0]}, others of {self.frames[1]}x"
                f"{self.frames[0]}: sizes would tell the sources apart, so all views must be of one size"
            )
        image, cloud = _rendered(one.view, shown, clean)
        name = secrets.token_hex(ID_BYTES)
        self.made[name] = image
        if cloud is not None:
            self.clouds[name] = cloud
        self.progress(len(self.made), self.total)
        return name

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of all pictures."""
        height, width, _ = next(iter(self.made.values())).shape
        return height, width


def _rendered(view: str, shown: Shown | Fusable, clean: bool) -> tuple[Image, bytes | None]:
    """The picture of one side of a candidate, and its cloud where it is one."""
    if isinstance(shown, Shown):
        return picture(shown.clean, shown.clean if clean else shown.depth, shown.K), None
    from s2r_reports._study.clouds import cloud, still

    data = cloud(view, shown.clean, shown.clean if clean else shown.depth)
    return still(data), data


def _sorted(shown: Mapping[str, Sample]) -> dict[str, Sample]:
    return {name: shown[name] for name in sorted(shown)}
