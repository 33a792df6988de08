"""The steps of `recon` in order; each looks on the shelf first, under the hash of all that decides it."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from s2r_bench import workers
from s2r_bench.errors import DataError
from s2r_bench.files import whole
from s2r_bench.geometry.io import write_mesh
from s2r_bench.records import Score, content_key
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of, code_of_parts
from s2r_bench.task import Arm, TaskResult
from s2r_bench.types import CATEGORIES, CadModel
from s2r_bench.worlds.base import HoldsObjects, ObjectSplit
from s2r_tasks._recon import clouds as cloud_steps
from s2r_tasks._recon import shapes as shape_steps
from s2r_tasks._recon import training
from s2r_tasks._recon.clouds import Cloud, Frames
from s2r_tasks._recon.images import ImageShelf
from s2r_tasks._recon.network import Reconstructor
from s2r_tasks._recon.options import ReconOptions
from s2r_tasks._recon.scoring import Logits, Truth, in_chunks, mesh_of, scores_of, truth_of
from s2r_tasks._recon.shapes import Shape, half_simulated, label, mixed, shape_of, shots_of
from s2r_tasks._recon.trivial import trivial

ARTIFACTS = "artifacts"
OF_THE_AUTOENCODER = {"vae", "vae_train", "pose", "shrink", "around", "surface_points", "queries"}
MOST_NAMED = 10  # ids in one line


class Pipeline:
    """One run's view of the shelf."""

    def __init__(self, options: ReconOptions, world: HoldsObjects, shelf: Shelf, device: str = "cpu") -> None:
        self.options, self.world, self.shelf, self.device = options, world, shelf, device
        self.images = ImageShelf(options.denoiser.images, world, shelf, device)

    def trivial(self, name: str, workdir: Path) -> TaskResult:
        """Score an answer that knows nothing of the scan."""
        answers, (tests, failures) = trivial(name, self.shapes("corpus")), self._tests()
        fields = {shape.id: answers[shape.category] for shape in tests}
        return self._scores(tests, fields, failures, workdir, training.SHARED_SEED)

    def scored(self, arm: Arm, seed: int, workdir: Path) -> TaskResult:
        """Pretrain, fine-tune where there are shots, reconstruct the captured test objects, score."""
        (tests, failures), scans = self._tests(), self._captured("captured-test")
        views = self.images.views("captured-test", self._models_of("captured-test", tests))
        asked = [name for name in CATEGORIES if any(shape.category == name for shape in tests)]
        groups = [[name] for name in asked] if self.options.per_category else [list(CATEGORIES)]
        fields: dict[str, Logits] = {}
        learned = Counter[str]()
        for categories in groups:
            network, counts = self._network(arm, seed, categories)
            learned.update(counts)
            latents = network.latent([shape for shape in tests if shape.category in categories], scans, seed, views)
            fields |= {name: network.logits(latent) for name, latent in latents.items()}
        result = self._scores(tests, fields, failures, workdir, seed, scans)
        if self.options.denoiser.images.views:
            learned["imaged_objects"] = sum(shape.id in views for shape in tests) if views is not None else 0
        result.scores.extend(Score("all", "", name, float(count)) for name, count in learned.items())
        return result

    def _shelved(
        self,
        kind: str,
        inputs: Mapping[str, Any],
        make: Callable[[Path], None],
        what: str,
        *steps: str,
        wait: bool = True,
    ) -> Path:
        """A folder of the shelf; in its key goes the code of those methods of this class that decide its content.

        What they call in this file is counted with them. The code of other files is the caller's to add.
        """
        code = code_of_parts(sys.modules[__name__], "__init__", *steps)
        return self.shelf.folder(kind, {**inputs, "pipeline": code}, make, what, wait)

    # what is learned from

    def shapes(self, split: ObjectSplit, categories: Sequence[str] = CATEGORIES) -> list[Shape]:
        """Shapes of a part of the world that have an inside, with labels kept on the shelf."""
        every = self._shapes.setdefault(split, [])
        if not every:
            data, models = self.options.data, self.models(split)
            sizes = {name: getattr(data, name) for name in ("surface", "volume", "near", "near_std")}
            labels = self.shelf.root / "labels"

            def make(_: Path) -> None:  # on all cores the first time; reading them again is quick
                workers.each(partial(label, **sizes, folder=labels), models, workers.count(), "labelling shapes")

            code = code_of(shape_steps)
            about = {"world": self.world.key, "split": split, "sizes": sizes, "code": code}
            self._shelved("recon-labelled", about, make, f"recon: shapes of {split}", "shapes")
            every += [shape_of(model, **sizes, folder=labels) for model in models]
        return [s for s in every if s.category in categories and not s.points.quality.open_shell]

    def _tests(self) -> tuple[list[Shape], dict[str, str]]:
        """The shapes that are scored, and id -> why another is not: the same for every arm and reference."""
        scans, taught = self._captured("captured-test"), {shape.category for shape in self.shapes("corpus")}
        self.shapes("captured-test")
        tests: list[Shape] = []
        failures: dict[str, str] = {}
        for shape in self._shapes["captured-test"]:
            if shape.points.quality.open_shell:
                failures[shape.id] = "an open shell: its inside is a guess, and so would every IoU be"
            elif shape.category not in taught:
                failures[shape.id] = f"the corpus has no {shape.category} with an inside to learn from"
            elif shape.id not in scans:
                failures[shape.id] = "its captured views hold hardly a point of it"
            else:
                tests.append(shape)
        return tests, failures

    def models(self, split: ObjectSplit) -> list[CadModel]:
        """CAD models of a part of the world."""
        if split not in self._models:
            self._models[split] = self.world.objects(split)
        return self._models[split]

    def _models_of(self, split: ObjectSplit, shapes: Sequence[Shape]) -> list[CadModel]:
        ids = {shape.id for shape in shapes}
        return [model for model in self.models(split) if model.id in ids]

    @cached_property
    def _shapes(self) -> dict[str, list[Shape]]:
        return {}

    @cached_property
    def _models(self) -> dict[str, list[CadModel]]:
        return {}

    def _captured(self, split: ObjectSplit) -> dict[str, Cloud]:
        frames = cloud_steps.captured(self.world, self.options.data.views)
        return self._clouds(f"captures/{split}", self.models(split), frames, f"recon: captures of {split}", "_captured")

    def _corpus_clouds(self, arm: Arm, seed: int) -> dict[str, Cloud]:
        """Clean clouds, and the arm's in place of those of the simulated objects."""
        models = self.models("corpus")
        chosen = half_simulated(models, self.options.sim_fraction)
        some = [model for model in models if model.id in chosen]
        return mixed(self._clean(models), self._simulated(some, arm, seed), chosen)

    def _clean(self, models: Sequence[CadModel]) -> dict[str, Cloud]:
        frames = cloud_steps.simulated(self.world, self.options.data.views, None)
        return self._clouds("clean", models, frames, "recon: clean clouds", "_clean")

    def _simulated(self, models: Sequence[CadModel], arm: Arm, seed: int) -> dict[str, Cloud]:
        assert arm.simulate is not None  # references never come here
        simulate = arm.simulate
        frames = cloud_steps.simulated(self.world, self.options.data.views, lambda seen: simulate(seen, 0))
        origin, what = f"simulated/{arm.identity}/{seed}", f"recon: clouds by {arm.name}, seed {seed}"
        return self._clouds(origin, models, frames, what, "_simulated")

    def _clouds(
        self, origin: str, models: Sequence[CadModel], frames: Frames, what: str, step: str
    ) -> dict[str, Cloud]:
        """The clouds of some models; `step` is the method that decides the frames."""
        data = self.options.data
        inputs = {
            "origin": origin,
            "world": self.world.key,
            "models": content_key([model.id for model in models]),
            "options": [data.views, data.voxel, data.stored],
            "code": code_of(cloud_steps),
        }
        folder = self._shelved(
            "recon-clouds",
            inputs,
            lambda folder: cloud_steps.make_clouds(folder, models, frames, data.voxel, data.stored),
            what,
            "_clouds",
            step,
        )
        return cloud_steps.read_clouds(folder, models)

    # networks

    def _vae(self, categories: Sequence[str], wait: bool = True) -> Path:
        """Folder of the autoencoder; unfinished only where nobody waits for another process that is at it."""
        o, shapes = self.options, self.shapes("corpus", categories)
        inputs = {
            "world": self.world.key,
            "categories": list(categories),
            "data": o.data.model_dump(mode="json"),
            "options": o.model_dump(mode="json", include=OF_THE_AUTOENCODER),
            "code": code_of(training),
        }
        return self._shelved(
            "recon-vae",
            inputs,
            lambda folder: training.fit_vae(folder, shapes, o, training.SHARED_SEED, self.device),
            "recon: autoencoder",
            "_vae",
            wait=wait,
        )

    def _latents(self, vae: Path, shapes: Sequence[Shape]) -> Path:
        """Folder of the latents of some shapes."""

        def make(folder: Path) -> None:
            network = training.load_vae(vae, self.options, self.device)
            training.make_latents(folder, network, shapes, self.options, self.device)

        ids = content_key([shape.id for shape in shapes])
        about = {"vae": vae.name, "shapes": ids, "poses": self.options.poses, "code": code_of(training)}
        return self._shelved("recon-latents", about, make, "recon: latents", "_latents")

    def _network(self, arm: Arm, seed: int, categories: Sequence[str]) -> tuple[Reconstructor, dict[str, int]]:
        """The trained network, and how many objects of either kind it learned from."""
        o = self.options
        # the longest of what all arms share, so somebody begins at once, and the others see to their clouds meanwhile
        self._vae(categories, wait=False)
        self._corpus_clouds(arm, seed)
        models = [model for model in self.models("captured-train") if model.category in categories]
        learned = shots_of(models, o.shots, seed)
        if learned:
            self.shapes("captured-train")
            self._captured("captured-train")
        vae = self._vae(categories)
        latents = self._latents(vae, self.shapes("corpus", categories))
        items = self._corpus_items(arm, seed, categories, latents)
        self._tell_left_out(arm, seed, items)
        folder = self._pretrained(arm, seed, items, vae, latents)
        counts = {"corpus_objects": len(items), "captured_objects": 0}
        real = self._real_items(vae, learned, items)
        if learned and not len(real):
            raise DataError(
                f"none of the {len(learned)} captured objects of {', '.join(categories)} to learn from has a scan and "
                "an inside: ask for more shots, or 0"
            )
        if learned:
            counts["captured_objects"] = len(real)
            folder = self._finetuned(arm, seed, items, real, folder)
        network = training.load_denoiser(folder, o, self.device)
        return Reconstructor(training.load_vae(vae, o, self.device), items.latents, network, o, self.device), counts

    def _corpus_items(self, arm: Arm, seed: int, categories: Sequence[str], latents: Path) -> training.CloudItems:
        shapes, clouds = self.shapes("corpus", categories), self._corpus_clouds(arm, seed)
        views = self.images.views("corpus", self._models_of("corpus", shapes))
        return training.CloudItems(shapes, training.read_latents(latents), clouds, self.options, views)

    def _tell_left_out(self, arm: Arm, seed: int, items: training.CloudItems) -> None:
        left = [shape.id for place, shape in enumerate(items.shapes) if place not in items.clouds]
        if left:
            self.shelf.tell(
                f"recon: {arm.name}, seed {seed}: {len(left)} of {len(items.shapes)} corpus objects are not learned "
                f"from, their clouds hold fewer than {cloud_steps.FEWEST_POINTS} points: {_listed(left)}"
            )

    def _pretrained(self, arm: Arm, seed: int, items: training.CloudItems, vae: Path, latents: Path) -> Path:
        o = self.options
        inputs = {
            "vae": vae.name,
            "latents": latents.name,
            "arm": [arm.identity, seed],
            "options": o.model_dump(mode="json", exclude={"shots", "finetune", "real_share", "score", "steps"}),
            "code": code_of(training),
            **self.images.inputs("corpus", self._models_of("corpus", items.shapes)),
        }
        return self._shelved(
            "recon-pretrained",
            inputs,
            lambda folder: training.fit_denoiser(folder, [(1.0, items)], o, o.pretrain, seed, self.device),
            f"recon: pretraining with {arm.name}, seed {seed}",
            "_pretrained",
            "_corpus_items",
        )

    def _real_items(self, vae: Path, learned: Sequence[CadModel], corpus: training.CloudItems) -> training.CloudItems:
        """Captured objects to learn from, in the scale of the corpus' latents; those without scan or inside are out."""
        ids = {model.id for model in learned}
        shapes = [shape for shape in self.shapes("captured-train") if shape.id in ids] if ids else []
        if not shapes:
            return training.CloudItems([], corpus.latents, {}, self.options)
        scans = self._captured("captured-train")
        for name in sorted(ids - ({shape.id for shape in shapes} & set(scans))):
            self.shelf.tell(f"recon: {name} is not learned from: it has no scan or no inside")
        own = training.read_latents(self._latents(vae, shapes))
        views = self.images.views("captured-train", self._models_of("captured-train", shapes))
        return training.captured_items(shapes, own, scans, corpus.latents, self.options, views)

    def _finetuned(
        self,
        arm: Arm,
        seed: int,
        corpus: training.CloudItems,
        real: training.CloudItems,
        pretrained: Path,
    ) -> Path:
        o = self.options
        inputs = {
            "pretrained": pretrained.name,
            "shots": [shape.id for shape in real.shapes],
            "finetune": o.finetune.model_dump(mode="json"),
            "real_share": o.real_share,
            "code": code_of(training),
            **self.images.inputs("captured-train", self._models_of("captured-train", real.shapes)),
        }
        return self._shelved(
            "recon-finetuned",
            inputs,
            lambda folder: training.finetune(folder, corpus, real, o, seed, self.device, pretrained),
            f"recon: fine-tuning with {arm.name}, seed {seed}",
            "_finetuned",
            "_real_items",
        )

    # scores

    def _scores(
        self,
        tests: Sequence[Shape],
        fields: Mapping[str, Logits],
        failures: dict[str, str],
        workdir: Path,
        seed: int,
        scans: Mapping[str, Cloud] | None = None,
    ) -> TaskResult:
        scores: list[Score] = []
        artifacts: dict[str, str] = {}
        kept = Counter[str]()
        for shape in tests:
            truth, field = truth_of(shape, self.options.score), fields[shape.id]
            mesh = mesh_of(field, self.options.score.resolution)
            inside = in_chunks(field, truth.volume) >= 0
            try:
                for score in scores_of(truth, inside, mesh, self.options.score, seed):
                    scores.append(score)
            except ValueError as reason:
                failures[shape.id] = str(reason)
            if kept[shape.category] < self.options.score.kept:
                kept[shape.category] += 1
                artifacts |= _keep(workdir, truth, mesh, (scans or {}).get(shape.id))
        return TaskResult(scores, failures, artifacts)


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _keep(workdir: Path, truth: Truth, mesh: Any, scan: Cloud | None) -> dict[str, str]:
    """The reconstruction's mesh, the scan and the CAD's surface of one object; name -> path below `workdir`."""
    name = truth.shape.id
    found = {f"shape_{name}": f"{ARTIFACTS}/shape_{name}.npz"}
    with whole(workdir / ARTIFACTS / f"shape_{name}.npz") as part, part.open("wb") as stream:
        points = np.zeros((0, 3), np.float32) if scan is None else scan
        np.savez_compressed(
            stream,
            id=np.array(name),
            scan=points,
            surface=2 * truth.surface.numpy(),
            vertices=mesh.vertices.astype(np.float32),
            faces=mesh.faces.astype(np.int32),
        )
    if len(mesh.faces):
        found[f"mesh_{name}"] = f"{ARTIFACTS}/mesh_{name}.ply"
        write_mesh(workdir / ARTIFACTS / f"mesh_{name}.ply", mesh)
    return found
