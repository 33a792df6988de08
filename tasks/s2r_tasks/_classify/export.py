"""The episodes of the task written as Point-BERT's files, for codebases that read those."""

from pathlib import Path

from s2r_bench.errors import UsageError
from s2r_bench.worlds.base import World
from s2r_tasks._classify.data import clouds_of
from s2r_tasks._classify.options import ClassifyOptions
from s2r_tasks._occo.data.episode_clouds import gather
from s2r_tasks._occo.data.episode_list import NAME, episodes_for
from s2r_tasks._occo.data.point_bert import folder_name, write_point_bert


def export_episodes(world: World, options: ClassifyOptions, out: Path) -> list[Path]:
    """Write `out/5way_10shot/0.pkl` and so on, and the list of drawn objects beside them (`episodes.json`).

    Clouds are written as they are stored, with all their points; whoever reads them, this package too, takes the first
    so many and normalises. So the scores are those of the episodes themselves.

    Raises:
        UsageError: the options name episodes that are files already, or the world has no scanned objects.
        DataError: too few objects, damaged data, or the folder holds episodes of other data, settings or another seed.
    """
    if options.episodes:
        raise UsageError(f"task.episodes={options.episodes} are such files already: leave it out to draw episodes")
    data, folder = clouds_of(world, options), out / folder_name(options.ways, options.shots)
    drawn = episodes_for(folder / NAME, data, options.settings, seed=options.episode_seed, runs=options.runs)
    return [write_point_bert(folder / f"{one.run}.pkl", gather(data, one, drawn.settings)) for one in drawn.episodes]
