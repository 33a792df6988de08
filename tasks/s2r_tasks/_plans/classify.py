"""What `classify` trains and stores: a completion an arm and seed, and a classifier an episode."""

from collections.abc import Mapping

from s2r_bench.plan import Stored, Training
from s2r_tasks._classify.options import ClassifyOptions
from s2r_tasks._plans._occo import completion, views


def trainings(options: ClassifyOptions, facts: Mapping[str, int], budget: int | None) -> list[Training]:
    """The classifiers start from every arm's completion, and those of `random-init` from nothing."""
    tuned = options.finetune
    steps = tuned.epochs * (options.ways * options.shots // tuned.train.batch)
    note = f"{tuned.epochs} epochs of {options.ways * options.shots} clouds, an episode each"
    timing = "dgcnn-classify" if _published(options) else ""
    found = [completion(options.pretrain, options.networks)]
    if "finetune" in options.learners:
        found.append(
            Training("finetuning", steps, tuned.train.batch, "round", options.runs, True, timing=timing, note=note)
        )
    return found


def stored(options: ClassifyOptions, facts: Mapping[str, int]) -> list[Stored]:
    """Partial clouds of all views."""
    return [views(options.pretrain)]


def _published(options: ClassifyOptions) -> bool:
    own = ClassifyOptions()
    return (options.networks.encoder, options.networks.points, options.networks.dgcnn) == (
        own.networks.encoder,
        own.networks.points,
        own.networks.dgcnn,
    )
