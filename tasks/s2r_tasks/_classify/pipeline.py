"""From an arm to its scores: pretraining, then both learners on every episode; each looks on the shelf first."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from s2r_bench.errors import UsageError
from s2r_bench.files import read_json, write_json
from s2r_bench.records import Score
from s2r_bench.seeds import seed_of
from s2r_bench.shelf import Shelf
from s2r_bench.steps.code import code_of
from s2r_bench.task import Arm, TaskResult
from s2r_bench.types import FloatArray
from s2r_bench.worlds.base import HoldsObjects, World
from s2r_tasks._classify.data import clouds_of, data_key, episode_clouds, given_episodes
from s2r_tasks._classify.finetune import finetuned
from s2r_tasks._classify.options import ClassifyOptions, Learner
from s2r_tasks._classify.svm import fit_svm
from s2r_tasks._occo.data.episode_clouds import EpisodeClouds
from s2r_tasks._occo.data.episode_list import NAME, episodes_for
from s2r_tasks._occo.heads import Classifier
from s2r_tasks._occo.pretraining import pretrained, pretrained_state, pretraining_facts
from s2r_tasks._occo.published_start import PUBLISHED, published_start, weights_key, weights_name
from s2r_tasks._occo.transfer import transfer

RANDOM = "random-init"
ARTIFACTS = "artifacts"
REPORT = "transfer_report.json"
BATCH = 64  # clouds whose features are taken at once
METRIC: Mapping[Learner, str] = {"finetune": "accuracy", "svm": "svm_accuracy"}
BEST = "best_epoch_accuracy"
State = Mapping[str, Tensor]


class Pipeline:
    """One run's view of the shelf."""

    def __init__(self, options: ClassifyOptions, world: World, shelf: Shelf, device: str = "cpu") -> None:
        self.options, self.world, self.shelf, self.device = options, world, shelf, device

    def scored(self, arm: Arm, seed: int, workdir: Path) -> TaskResult:
        """Both learners on every episode: from the arm's pretraining, a published checkpoint, or fresh weights."""
        artifacts = self._keep_episodes(workdir)
        start, state, scores = RANDOM, None, list[Score]()
        if arm.simulate is not None:
            folder = pretrained(
                arm, self._objects(), self.shelf, self.options.networks, self.options.pretrain, seed, self.device
            )
            start, state = folder.name, pretrained_state(folder)
            scores += self._described(folder, state, workdir)
            artifacts["transfer_report"] = f"{ARTIFACTS}/{REPORT}"
        elif arm.name == PUBLISHED:
            start, state = self._published()
            scores.append(self._transferred(state, weights_name(self.options.published_weights), workdir))
            artifacts["transfer_report"] = f"{ARTIFACTS}/{REPORT}"
        for learner in self.options.learners:
            scores += self._of_learner(learner, arm, start, state, seed)
        return TaskResult(scores, artifacts=artifacts)

    def episodes(self) -> list[EpisodeClouds]:
        """The clouds of all episodes, normalised; the same for every arm and seed."""
        if self.options.episodes:
            return given_episodes(self.options)
        data = clouds_of(self.world, self.options)
        path = self._episode_folder() / NAME
        drawn = episodes_for(path, data, self.options.settings, seed=self.options.episode_seed, runs=self.options.runs)
        for run, lacking in drawn.shortfalls().items():
            self.shelf.tell(f"classify: episode {run} has fewer queries than asked for: {lacking}")
        return episode_clouds(data, drawn, self.options)

    def _episode_folder(self) -> Path:
        o = self.options
        inputs = {
            "data": data_key(self.world, o),
            "variant": [o.variant, o.fold],
            "settings": vars(o.settings),
            "seed": o.episode_seed,
            "runs": o.runs,
        }

        def make(folder: Path) -> None:
            episodes_for(folder / NAME, clouds_of(self.world, o), o.settings, seed=o.episode_seed, runs=o.runs)

        return self.shelf.folder("classify-episodes", inputs, make, "classify: scanned objects and episodes")

    def _episode_names(self) -> list[Any]:
        """What decides the episodes; files are also checked for ways and shots."""
        o = self.options
        return [data_key(self.world, o), o.ways, o.shots] if o.episodes else [self._episode_folder().name]

    def _keep_episodes(self, workdir: Path) -> dict[str, str]:
        """The list of drawn episodes beside the result."""
        if self.options.episodes:
            return {}
        write_json(workdir / ARTIFACTS / NAME, read_json(self._episode_folder() / NAME))
        return {"episodes": f"{ARTIFACTS}/{NAME}"}

    def _described(self, folder: Path, state: State, workdir: Path) -> Iterator[Score]:
        """What the pretraining learned from, and how much of it comes across."""
        facts = pretraining_facts(folder)
        transferred = self._transferred(state, folder.name, workdir)
        yield Score("all", "", "views", float(facts["views"]))
        yield Score("all", "", "views_left_out", float(facts["left_out"]))
        yield transferred

    def _published(self) -> tuple[str, dict[str, Tensor]]:
        """What the published checkpoint is in keys, and its weights; nothing is pretrained."""
        o = self.options
        state = published_start(o.published_weights, o.networks.classifier(o.ways), o.networks)
        return f"{PUBLISHED}/{weights_key(o.published_weights)}", state

    def _transferred(self, state: State, source: str, workdir: Path) -> Score:
        """How much of the encoder comes across; the report lies beside the result.

        Raises:
            DataError: too little.
        """
        network, options = self.options.networks.classifier(self.options.ways), self.options.networks.transfer
        report = transfer(state, network, options, source=source, report=workdir / ARTIFACTS / REPORT)
        return Score("all", "", "encoder_transferred", report.encoder_percent / 100)

    def _of_learner(self, learner: Learner, arm: Arm, start: str, state: State | None, seed: int) -> Iterator[Score]:
        o = self.options
        chosen: dict[str, Any] = {"svm_c": o.svm_c}
        if learner == "finetune":
            chosen = {"finetune": o.finetune.model_dump(mode="json")}
        inputs = {
            "start": [start, seed],
            "learner": learner,
            "options": chosen,
            "episodes": self._episode_names(),
            "normalise": o.normalise,
            "networks": o.networks.model_dump(mode="json", exclude={"partial", "decoder"}),
            "code": code_of(sys.modules[__name__]),
        }
        score = self._finetuned if learner == "finetune" else self._svm

        def make(folder: Path) -> None:
            for run, clouds in enumerate(self.episodes()):
                if not (folder / _file(run)).is_file():
                    write_json(folder / _file(run), score(clouds, run, state, seed))

        what = f"classify: {learner} with {arm.name}, seed {seed}"
        folder = self.shelf.folder("classify-scores", inputs, make, what)
        for run in range(o.runs):
            for metric, value in read_json(folder / _file(run)).items():
                yield Score(f"episode-{run:02d}", "", metric, float(value))

    def _network(self, run: int, state: State | None, seed: int) -> Classifier:
        """A classifier, its head the same for all arms, its encoder pretrained where there is a state."""
        torch.manual_seed(seed_of(seed, "classifier", run))
        network = self.options.networks.classifier(self.options.ways)
        if state is not None:
            transfer(state, network, self.options.networks.transfer, source="pretrained encoder")
        return network

    def _finetuned(self, clouds: EpisodeClouds, run: int, state: State | None, seed: int) -> dict[str, float]:
        own = seed_of(seed, "classify finetune", run) % 2**31
        found = finetuned(self._network(run, state, seed), clouds, self.options.finetune, own, self.device)
        best = {} if found.best is None else {BEST: found.best}
        return {METRIC["finetune"]: found.last, **best}

    def _svm(self, clouds: EpisodeClouds, run: int, state: State | None, seed: int) -> dict[str, float]:
        network = self._network(run, state, seed)
        support, query = (features(network, clouds.side(name)[0], self.device) for name in ("support", "query"))
        found = fit_svm(support, clouds.support_labels, self.options.svm_c).predict(query)
        return {METRIC["svm"]: float((found == clouds.query_labels).mean())}

    def _objects(self) -> HoldsObjects:
        if not isinstance(self.world, HoldsObjects):
            raise UsageError(f"the world {self.world.name!r} has no CAD corpus with views to pretrain on; use mini")
        return self.world


@torch.no_grad()
def features(network: Classifier, clouds: Any, device: str) -> FloatArray:
    """(N, pooled_features) float64 of clouds (N, P, 3): the largest and the mean over points, statistics as learned."""
    network.to(device).eval()
    parts = torch.split(torch.from_numpy(clouds), BATCH)
    return np.asarray(torch.cat([network.encoder.pooled(part.to(device)).cpu() for part in parts]).double())


def _file(run: int) -> str:
    return f"episode-{run:02d}.json"
