"""`episodes.json`: the episodes of a data set, drawn once and used by every arm, so that differences are paired.

    {"schema": 1, "data_set": "scanobjectnn/obj_bg", "digest": "...", "classes": [...], "seed": 0,
     "settings": {"ways": 5, "shots": 10, "queries": 20, "query_source": "train_rest"},
     "episodes": [{"run": 0, "class_ids": [...], "support": [[...], ...], "query": [[...], ...], "shortfall": {}}]}

Support and query are indices into the splits of the data set whose content has that digest. The file, once written,
decides: it is read, checked against the data and used as it is, whatever a later version would draw.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench.data.clouds import CloudSet
from s2r_bench.errors import DataError, UsageError
from s2r_bench.files import read_json, write_json
from s2r_tasks._occo.data.episodes import Episode, EpisodeSettings, episode

SCHEMA = 1
NAME = "episodes.json"


@dataclass(frozen=True)
class EpisodeList:
    """The episodes of one data set and one kind.

    Attributes:
        data_set: its name.
        digest: of its content.
        classes: the names of its classes.
        settings: ways, shots, queries.
        seed: from which they were drawn.
        episodes: run 0, 1, 2 ...
    """

    data_set: str
    digest: str
    classes: tuple[str, ...]
    settings: EpisodeSettings
    seed: int
    episodes: tuple[Episode, ...]

    def shortfalls(self) -> dict[int, dict[str, int]]:
        """Run -> classes with too few queries, where there are any."""
        return {one.run: one.shortfall for one in self.episodes if one.shortfall}


def draw_episodes(
    data: CloudSet, settings: EpisodeSettings | None = None, *, seed: int = 0, runs: int = 10
) -> EpisodeList:
    """Episodes 0 to `runs` - 1. Raises: as `episode`."""
    settings = settings or EpisodeSettings()
    drawn = tuple(episode(data, seed, run, settings) for run in range(runs))
    return EpisodeList(data.name, data.digest, data.classes, settings, seed, drawn)


def write_episodes(path: Path, found: EpisodeList) -> Path:
    """Write the list as JSON, in one step."""
    return write_json(path, {"schema": SCHEMA, **asdict(found)})


def read_episodes(path: Path, data: CloudSet) -> EpisodeList:
    """The list in a file, checked against the data that it is of.

    Raises:
        DataError: missing, damaged, of another data set, or with an episode that cannot be of it.
    """
    fields = read_json(path)
    if fields.get("schema") != SCHEMA:
        raise DataError(f"{path} is of schema {fields.get('schema')}, this version reads {SCHEMA}")
    try:
        found = EpisodeList(
            str(fields["data_set"]),
            str(fields["digest"]),
            tuple(str(name) for name in fields["classes"]),
            EpisodeSettings(**fields["settings"]),
            int(fields["seed"]),
            tuple(_episode(one) for one in fields["episodes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as wrong:
        raise DataError(f"{path} is no list of episodes: {type(wrong).__name__} {wrong}") from None
    if found.digest != data.digest or found.classes != data.classes:
        raise DataError(
            f"{path} is of {found.data_set} with content {found.digest}, the data at hand is {data.name} with "
            f"{data.digest}; use the data of the episodes, or draw new ones into another file"
        )
    for at, one in enumerate(found.episodes):
        wrong_with = _wrong_with(one, found.settings, data) or ("" if one.run == at else f"it stands at place {at}")
        if wrong_with:
            raise DataError(f"{path}, run {one.run}: {wrong_with}")
    return found


def episodes_for(
    path: Path, data: CloudSet, settings: EpisodeSettings | None = None, *, seed: int = 0, runs: int = 10
) -> EpisodeList:
    """The first `runs` episodes of a file; those that are not there yet are drawn and added to it.

    Raises:
        DataError: as `read_episodes`, or the file is of another seed or other settings.
    """
    settings = settings or EpisodeSettings()
    saved = EpisodeList(data.name, data.digest, data.classes, settings, seed, ())
    if path.is_file():
        saved = read_episodes(path, data)
    if (saved.settings, saved.seed) != (settings, seed):
        raise DataError(
            f"{path} holds episodes of seed {saved.seed} and {saved.settings}, not of seed {seed} and {settings}; "
            "give another file"
        )
    if len(saved.episodes) < runs:
        more = tuple(episode(data, seed, run, settings) for run in range(len(saved.episodes), runs))
        saved = replace(saved, episodes=saved.episodes + more)
        write_episodes(path, saved)
    return replace(saved, episodes=saved.episodes[:runs])


def _episode(fields: dict[str, Any]) -> Episode:
    return Episode(
        int(fields["run"]),
        tuple(int(label) for label in fields["class_ids"]),
        tuple(tuple(int(index) for index in one) for one in fields["support"]),
        tuple(tuple(int(index) for index in one) for one in fields["query"]),
        {str(name): int(count) for name, count in fields["shortfall"].items()},
    )


def _wrong_with(one: Episode, settings: EpisodeSettings, data: CloudSet) -> str:
    """Why an episode cannot be of this data; "" where nothing is wrong."""
    ways = len(set(one.class_ids))
    if not ways == len(one.class_ids) == len(one.support) == len(one.query) == settings.ways:
        return f"it has {len(one.class_ids)} classes, supports of {len(one.support)}, expected {settings.ways}"
    for label, support, query in zip(one.class_ids, one.support, one.query, strict=True):
        if len(support) != settings.shots or not query:
            return f"class {label} has {len(support)} supports and {len(query)} queries, expected {settings.shots}"
        for split, indices in (("train", support), (settings.query_split, query)):
            labels = data.train.labels if split == "train" else data.test.labels
            at = np.array(indices)
            if len(set(indices)) < len(indices) or at.min() < 0 or at.max() >= len(labels):
                return f"the indices of class {label} repeat, or leave the {len(labels)} objects of {split}"
            if (labels[at] != label).any():
                return f"object {int(at[labels[at] != label][0])} of {split} is not of class {label}"
        if settings.query_split == "train" and set(support) & set(query):
            return f"object {min(set(support) & set(query))} is in support and query"
    return ""
