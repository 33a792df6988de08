"""Published data sets that are checked and prepared by name, each by a module of its own."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from s2r_bench.data.checks.finding import Finding
from s2r_bench.data.intrinsics import Intrinsics
from s2r_bench.data.pairing import Progress
from s2r_bench.data.unpack import Unpacked, unpacked


@dataclass(frozen=True)
class PublishedSet:
    """One data set.

    Attributes:
        name: as in the catalogue.
        module: with `check(source)`; of CADs with `entries(source)`, else with `prepare(source, out, progress
            [, camera])`, which gives facts for a report; of objects and rooms also with `describe(place)`.
        kind: "pairs", "cad", "objects" or "rooms": what is written.
        zips: whether its reader takes zips as they are; other archives are unpacked below HOME first. A module that
            takes more has a function `reads_as_it_is(source)`.
        camera: whether other intrinsics than its own may be given.
        every: whether every n-th frame may be asked for.
    """

    name: str
    module: str
    kind: str
    zips: bool = False
    camera: bool = False
    every: bool = False

    def _loaded(self) -> ModuleType:
        return importlib.import_module(self.module)

    def check(self, source: Path, home: Path | None = None) -> list[Finding]:
        """What is wrong with a download; errors first.

        Args:
            source: a folder or an archive.
            home: S2R_HOME, below which archives are unpacked; None: `source` is taken as it is.

        Raises:
            DataError: nothing of the set is there.
        """
        there = self._folder(source, home)
        with there.named():
            found: list[Finding] = self._loaded().check(there.folder)
        return [there.told(finding) for finding in found]

    def prepare(
        self,
        source: Path,
        out: Path,
        camera: Intrinsics | None = None,
        progress: Progress | None = None,
        every: int | None = None,
        home: Path | None = None,
    ) -> dict[str, Any]:
        """Write what the rest of the package reads; run again, it goes on where it was broken off.

        Raises:
            DataError: a file is missing or damaged; the message names it.
        """
        there = self._folder(source, home)
        with there.named():
            facts = there.plain(self._prepared(there.folder, out, camera, progress, every))
        there.drop()
        return {"folder": str(out), "kind": self.kind, **facts}

    def check_prepared(self, place: Path) -> list[Finding]:
        """What is wrong with a place where the rest of the package looks: prepared, or a download as it is.

        Raises:
            DataError: nothing of the set is there.
        """
        if self.kind == "cad" and (place / "index.csv").is_file():
            from s2r_bench.cad.prepared import check_corpus

            return check_corpus(place)
        return self.check(place)

    def describe(self, place: Path) -> dict[str, Any]:
        """What objects or rooms a place holds.

        Raises:
            DataError: nothing of it, or damaged.
        """
        told: dict[str, Any] = self._loaded().describe(place)
        return told

    def _prepared(
        self, folder: Path, out: Path, camera: Intrinsics | None, progress: Progress | None, every: int | None
    ) -> dict[str, Any]:
        if self.kind == "cad":
            from s2r_bench.cad.prepared import prepare_corpus

            return prepare_corpus(folder, self._loaded().entries(folder), out, progress)
        given: dict[str, Any] = {"camera": camera} if self.camera else {}
        given |= {"every": every} if every is not None else {}
        facts: dict[str, Any] = self._loaded().prepare(folder, out, progress=progress, **given)
        return facts

    def _folder(self, source: Path, home: Path | None) -> Unpacked:
        as_it_is = getattr(self._loaded(), "reads_as_it_is", None)
        if home is None or (as_it_is is not None and as_it_is(source)):
            return Unpacked(source, source)
        return unpacked(source, home, zips=self.zips)


SETS = {
    one.name: one
    for one in (
        PublishedSet("lasa", "s2r_bench.data.lasa.whole", "pairs", camera=True),
        PublishedSet("shapenet", "s2r_bench.cad.shapenet", "cad", zips=True),
        PublishedSet("arkitscenes", "s2r_bench.data.arkitscenes", "pairs", every=True),
        PublishedSet("bop", "s2r_bench.data.bop", "pairs"),
        PublishedSet("abo", "s2r_bench.cad.abo", "cad", zips=True),
        PublishedSet("3d-future", "s2r_bench.cad.future3d", "cad", zips=True),
        PublishedSet("modelnet40", "s2r_bench.cad.modelnet40_corpus", "cad"),
        PublishedSet("scanobjectnn", "s2r_bench.data.scanobjectnn_set", "objects"),
        PublishedSet("s3dis", "s2r_bench.data.s3dis.whole", "rooms"),
    )
}
