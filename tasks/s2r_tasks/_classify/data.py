"""The objects that are classified, and the episodes that all arms and seeds share."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2r_bench.data.clouds import CloudSet, LabelledClouds
from s2r_bench.data.scanobjectnn import VARIANTS, file_of, read_scanobjectnn
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import sha256
from s2r_bench.records import content_key
from s2r_bench.worlds.base import HoldsScans, World
from s2r_tasks._classify.options import ClassifyOptions
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds, gather
from s2r_tasks._occo.data.episode_list import EpisodeList
from s2r_tasks._occo.data.point_bert import find_point_bert, read_point_bert
from s2r_tasks._occo.pretraining.pairs import RADIUS, cloud_frame


def data_key(world: World, options: ClassifyOptions) -> str:
    """Changes whenever the objects or the episodes do; a world's own are not made for it.

    Raises:
        UsageError: the world has no scanned objects, and no other are named.
        DataError: a file that is named is not there.
    """
    if options.episodes:
        return content_key([_digest(path) for path in _episode_files(options)])
    if options.scanobjectnn:
        return content_key([_digest(path) for path in _h5_files(options)])
    return _scans_of(world).scans_key


def scored_scenes(world: World, options: ClassifyOptions) -> frozenset[str]:
    """The world's scenes in which objects of the episodes stand; none for data of others."""
    if options.episodes or options.scanobjectnn:
        return frozenset()
    holds = _scans_of(world)
    train = holds.scan_scenes("train")
    return train if options.query_source == "train_rest" else train | holds.scan_scenes("test")


def clouds_of(world: World, options: ClassifyOptions) -> CloudSet:
    """Both splits; a world's test split is not made where no query comes from it, and is empty then.

    Raises:
        UsageError, DataError: there are none, or they are damaged.
    """
    if options.scanobjectnn:
        root = Path(options.scanobjectnn)
        return read_scanobjectnn(root, options.variant, fold=options.fold, published=options.published)
    holds = _scans_of(world)
    train = holds.scans("train")
    if options.query_source != "train_rest":
        return CloudSet(train, holds.scans("test"))
    none = LabelledClouds(train.name, "test", train.points[:0], train.labels[:0], train.classes)
    return CloudSet(train, none)


def episode_clouds(data: CloudSet, drawn: EpisodeList, options: ClassifyOptions) -> list[EpisodeClouds]:
    """The clouds of drawn episodes, normalised."""
    return [normalised(gather(data, one, drawn.settings), options) for one in drawn.episodes]


def given_episodes(options: ClassifyOptions) -> list[EpisodeClouds]:
    """The episodes in Point-BERT's files, normalised.

    Raises:
        DataError: a file is missing or damaged, or is of other ways or shots.
    """
    found = []
    for path in _episode_files(options):
        clouds = read_point_bert(path)
        if len(clouds.class_ids) != options.ways or len(clouds.support) != options.ways * options.shots:
            raise DataError(
                f"{path} has {len(clouds.class_ids)} classes and {len(clouds.support)} clouds to learn from, expected "
                f"{options.ways} and {options.ways * options.shots}"
            )
        found.append(normalised(clouds, options))
    return found


def normalised(clouds: EpisodeClouds, options: ClassifyOptions) -> EpisodeClouds:
    """The first points of each cloud, in the sphere of radius 0.5 about their mean where that is asked for.

    Raises:
        DataError: the clouds have fewer points than the networks take.
    """
    wanted, there = options.networks.points, min(clouds.support.shape[1], clouds.query.shape[1])
    if there < wanted:
        raise DataError(f"{clouds.source}: clouds of {there} points, networks.points = {wanted} are asked for")
    sides = [_placed(clouds.side(name)[0][:, :wanted, :3], options.normalise) for name in ("support", "query")]
    return EpisodeClouds(
        sides[0], clouds.support_labels, sides[1], clouds.query_labels, clouds.class_ids, clouds.source
    )


def _placed(clouds: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    if how == "none":
        return np.ascontiguousarray(clouds)
    frames = [cloud_frame(cloud.astype(np.float64)) for cloud in clouds]
    moved = [(cloud - frame[0]) * (RADIUS / frame[1]) for cloud, frame in zip(clouds, frames, strict=True)]
    return np.stack(moved).astype(np.float32)


def _scans_of(world: World) -> HoldsScans:
    if not isinstance(world, HoldsScans):
        raise UsageError(
            f"the world {world.name!r} has no scanned objects; use mini, or name a folder of ScanObjectNN "
            "(--set task.scanobjectnn=DIR)"
        )
    return world


def _episode_files(options: ClassifyOptions) -> list[Path]:
    return [find_point_bert(Path(options.episodes), options.ways, options.shots, run) for run in range(options.runs)]


def _h5_files(options: ClassifyOptions) -> list[Path]:
    root, name = (
        Path(options.scanobjectnn),
        options.fold if VARIANTS[options.variant].background else f"{options.fold}_nobg",
    )
    folder = root / "h5_files" / name if (root / "h5_files" / name).is_dir() else root / name
    return [file_of(folder, options.variant, split) for split in ("train", "test")]


def _digest(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path} is missing; docs/data.md says what lies where")
    known = path.stat()
    return _digest_of(path, known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_of(path: Path, _size: int, _mtime_ns: int) -> str:
    return sha256(path)  # a grid asks for the same files once a cell
