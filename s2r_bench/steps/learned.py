"""What the simulators behind finished runs had learned from, as far as the store has their training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2r_bench.errors import DataError
from s2r_bench.files import read_json
from s2r_bench.records import RunRecord, content_key
from s2r_bench.steps.checkpoint import FILE, Origin, read_origin
from s2r_bench.steps.leakage import EVERY
from s2r_bench.steps.methods import Method
from s2r_bench.store import Store


@dataclass(frozen=True)
class Learned:
    """Data that simulators were trained on.

    Attributes:
        worlds: names of the worlds.
        sensors: that they imitate.
        scenes: how many scenes in all, those declared by cards among them; None where the training of some is not in
            the store, or whole sets are declared.
    """

    worlds: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    scenes: int | None = None


def learned_from(method: Method, runs: Sequence[RunRecord], store: Store) -> Learned:
    """What the simulators that these runs scored had learned from; nothing where the method is not trained."""
    if not method.trained:
        return Learned(scenes=0)
    wanted = {run.spec.inputs.get("simulator", "") for run in runs}
    options = {content_key(run.spec.options.get("method", {})): run.spec.options.get("method", {}) for run in runs}
    found: dict[str, Origin] = {}
    for origin, weights in _trainings(method.name, store):
        for code in (method.code, origin.code):
            for one in options.values():
                # as `Fitted.identity`, of the options that the run was made with
                identity = content_key([method.name, code, one, weights])
                if identity in wanted:
                    found[identity] = origin
    origins = list(found.values())
    scenes = {scene for origin in origins for scene in (*origin.trained_scenes, *origin.seen_scenes)}
    countable = not any(scene.endswith(EVERY) for scene in scenes)
    return Learned(
        tuple(dict.fromkeys(Path(origin.world).name for origin in origins if origin.world)),
        tuple(dict.fromkeys(origin.sensor for origin in origins if origin.sensor)),
        len(scenes) if found.keys() == wanted and countable else None,
    )


def _trainings(name: str, store: Store) -> Iterable[tuple[Origin, str]]:
    """The checkpoints of a method in the store, with the digests of their files; damaged ones are passed over."""
    for folder in sorted(store.home.glob("runs/train/*/checkpoint")):
        try:
            if read_json(folder / FILE).get("name") == name:
                yield read_origin(folder)
        except DataError:
            continue
