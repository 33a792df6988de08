"""Published data sets that are checked and prepared by name, each by a module of its own."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from s2r_bench.data.checks.finding import Finding
from s2r_bench.data.intrinsics import Intrinsics
from s2r_bench.data.pairing import Progress


@dataclass(frozen=True)
class PublishedSet:
    """One data set.

    Attributes:
        name: as in the catalogue.
        module: with `check(source)`; of pairs also with `prepare(source, out, progress[, camera])`, which gives facts
            for a report, and of CADs with `entries(source)`.
        kind: "pairs" or "cad": what is written.
        camera: whether other intrinsics than its own may be given.
        every: whether every n-th frame may be asked for.
    """

    name: str
    module: str
    kind: str
    camera: bool = False
    every: bool = False

    def _loaded(self) -> ModuleType:
        return importlib.import_module(self.module)

    def check(self, source: Path) -> list[Finding]:
        """What is wrong with a download; errors first.

        Raises:
            DataError: nothing of the set is there.
        """
        found: list[Finding] = self._loaded().check(source)
        return found

    def prepare(
        self,
        source: Path,
        out: Path,
        camera: Intrinsics | None = None,
        progress: Progress | None = None,
        every: int | None = None,
    ) -> dict[str, Any]:
        """Write what the rest of the package reads; run again, it goes on where it was broken off.

        Raises:
            DataError: a file is missing or damaged; the message names it.
        """
        if self.kind == "cad":
            from s2r_bench.cad.prepared import prepare_corpus

            done = prepare_corpus(source, self._loaded().entries(source), out, progress)
            return {"folder": str(out), "kind": self.kind, **done}
        given: dict[str, Any] = {"camera": camera} if self.camera else {}
        given |= {"every": every} if every is not None else {}
        facts: dict[str, Any] = self._loaded().prepare(source, out, progress=progress, **given)
        return {"folder": str(out), "kind": self.kind, **facts}


SETS = {
    one.name: one
    for one in (
        PublishedSet("lasa", "s2r_bench.data.lasa.whole", "pairs", camera=True),
        PublishedSet("shapenet", "s2r_bench.cad.shapenet", "cad"),
        PublishedSet("arkitscenes", "s2r_bench.data.arkitscenes", "pairs", every=True),
        PublishedSet("bop", "s2r_bench.data.bop", "pairs"),
        PublishedSet("abo", "s2r_bench.cad.abo", "cad"),
        PublishedSet("3d-future", "s2r_bench.cad.future3d", "cad"),
    )
}
