"""What runs in another process: a fit that dies at its n-th write or read, or a draw of a saved simulator.

`python -m s2r_bench.conformance ORDER.json`; the order's fields are those of `Order`.
"""

import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from s2r_bench.conformance.outcome import Fault
from s2r_bench.conformance.pairs import HeldPairs, read_frames, read_pairs, write_frames
from s2r_bench.conformance.watch import watched
from s2r_bench.files import read_json, write_json
from s2r_bench.seeds import frame_seeds
from s2r_bench.simulator import Budget, Simulator
from s2r_bench.types import DepthPair

KILLED = 137


@dataclass(frozen=True)
class Order:
    """What another process has to do.

    Attributes:
        word: finds the method.
        options: all of its options.
        device: where networks go.
        seed: of the fit, or of the draw.
        pairs: file of the training pairs; "" to draw.
        workdir: of the fit.
        kill: "write" or "read": what is counted.
        at: the number at which the process dies, from 1.
        saved: folder of a saved simulator, to draw.
        frames: file of the frames to draw.
        out: file for what was drawn.
    """

    word: str
    options: dict[str, Any]
    device: str
    seed: int
    pairs: str = ""
    workdir: str = ""
    kill: str = "write"
    at: int = 0
    saved: str = ""
    frames: str = ""
    out: str = ""


def follow(order: Order, place: Path) -> int:
    """Have another process follow an order, which is left in `place`; its exit code, 0 or KILLED.

    Raises:
        Fault: it failed; with the last line that it said.
    """
    path = write_json(place / "order.json", asdict(order))
    # another seed for Python's own hashes: what depends on them must not decide a draw
    more = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-m", "s2r_bench.conformance", str(path)],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode not in (0, KILLED):
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Fault(f"in another process: {lines[-1]}", done.stderr)
    return done.returncode


class DyingPairs(HeldPairs):
    """Pairs at whose n-th read the process dies."""

    at: int = 0

    def __getitem__(self, index: int) -> DepthPair:
        """Pair `index`, if the process still lives."""
        if len(self.reads) + 1 == self.at:
            os._exit(KILLED)
        return super().__getitem__(index)


def obey(path: Path) -> None:
    """Do what the order in `path` says; a fit may end this process."""
    from s2r_bench.steps.methods import find

    order = Order(**read_json(path))
    method = find(order.word)
    simulator = method.cls(method.options("smoke", order.options), order.device)
    if order.pairs:
        _fit(simulator, order)
        return
    simulator.load(Path(order.saved))
    frames = read_frames(Path(order.frames))
    write_frames(simulator.simulate(frames, frame_seeds(frames, order.seed)), Path(order.out))


def _fit(simulator: Simulator, order: Order) -> None:
    given = read_pairs(Path(order.pairs))
    pairs = DyingPairs(given.all, given.digest)
    pairs.at = order.at if order.kill == "read" else 0

    def die(number: int) -> None:
        if order.kill == "write" and number == order.at:
            os._exit(KILLED)  # as a kill: nothing is cleaned up, nothing in a buffer is written

    with watched(Path(order.workdir), die):
        simulator.fit(pairs, Budget(), order.seed, Path(order.workdir))
