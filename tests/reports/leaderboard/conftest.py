"""Entries of made records, files of them, and what an installation is taken to know."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from s2r_bench.records import RunRecord
from s2r_reports import leaderboard
from s2r_reports._leaderboard.form import Board, Entry

CARD = {
    "name": "ours",
    "version": "1.0",
    "title": "A simulator",
    "source": "a paper",
    "licence": "Apache-2.0",
    "training": "paired",
    "stochastic": True,
    "needs": (),
    "output": "depth",
}
DATA = {"worlds": ("mini",), "sensors": ("virtual sensor",), "scenes": 3, "statement": ""}
SENDER = {"contact": "someone", "url": "https://example.org", "licence": "CC0"}
_USUAL: list[Entry] = []


@dataclass
class Maker:
    """Makes entries of records and writes them, whole or changed."""

    made: ModuleType
    folder: Path
    notes: list[str] = field(default_factory=list)

    def recon(self, name: str = "ours", gain: float = 0.02, seeds: int = 2, anchors: bool = True) -> list[RunRecord]:
        """Runs of a method and, unless told otherwise, its anchors."""
        gains = {name: gain} | ({"no-sim": 0.0, "oracle": 0.05} if anchors else {})
        return [self.made.recon(arm, seed, gain=one) for seed in range(seeds) for arm, one in gains.items()]

    contents: dict[str, tuple[str, str]] = field(default_factory=dict)

    def entry(self, records: list[RunRecord], method: str = "ours", **card: Any) -> Entry:
        """An entry of the runs of `method` among records."""
        about = {"card": {**CARD, "name": method, **card}, "data": DATA, "submitter": SENDER}
        own = [record for record in records if record.spec.method == method]
        entry, self.notes = leaderboard.make(about, own, records, self.folder / "nowhere", lambda _: self.contents)
        return entry

    def usual(self) -> Entry:
        """The entry of `recon()`, made once."""
        if not _USUAL:
            _USUAL.append(self.entry(self.recon()))
        return _USUAL[0]

    def write(self, entry: Entry, name: str = "entry.json") -> Path:
        return leaderboard.write(entry, self.folder / name)

    def changed(self, entry: Entry, change: Callable[[dict[str, Any]], Any], name: str = "entry.json") -> Path:
        """The file of an entry of which something was changed."""
        document = copy.deepcopy(entry.model_dump(mode="json", by_alias=True))
        change(document)
        path = self.folder / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


def look(board: Board) -> leaderboard.Here:
    """An installation that knows the protocols of today, and one key of the data."""
    protocol = {"recon": "recon/1", "fidelity": "fidelity/1"}.get(board.task, "")
    keys = {"recon": {"objects": "w"}, "fidelity": {"pairs/test": "d1"}}.get(board.task)
    same = protocol == board.protocol
    return leaderboard.Here(
        protocol, dict(board.settings) if same else None, keys if same else None, "another protocol"
    )


@pytest.fixture
def maker(made: ModuleType, tmp_path: Path) -> Maker:
    return Maker(made, tmp_path)


@pytest.fixture
def faults(maker: Maker) -> Callable[..., str]:
    """The faults of a file as one text."""

    def told(path: Path, **more: Any) -> str:
        return "\n".join(leaderboard.check([path], look, **more)[0].faults)

    return told


@pytest.fixture
def here() -> Callable[[Board], leaderboard.Here]:
    return look
