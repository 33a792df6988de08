"""Simulators to be judged: a sound one in pieces, and those in which a piece is exchanged for a broken one."""

import textwrap

from s2r_bench.conformance import CHECKS, made_subject

# A sound simulator in pieces; each broken one has one piece exchanged.
PIECES = {
    "card": 'Card("Mine", "tests", "paired", True, "Apache-2.0")',
    "fit": """
        values = [np.log(p.captured.depth[m] / p.clean.depth[m]) for p in (pairs[i] for i in range(len(pairs)))
                  for m in [p.clean.valid & p.captured.valid]]
        self.state = {"bias": float(np.concatenate(values).mean()), "spread": float(np.concatenate(values).std())}
        return FitReport(parameters=2)
    """,
    "simulate": """
        self._ready()
        return [self.one(frame, seed) for frame, seed in zip(frames, seeds, strict=True)]
    """,
    "one": """
        noise = self.state["bias"] + self.state["spread"] * rng_of(seed.view).standard_normal(frame.size)
        return frame.with_depth((frame.depth * np.exp(noise)).astype(np.float32))
    """,
    "save": """
        self._ready()
        write_json(folder / "state.json", self.state)
    """,
    "load": """
        read = read_json(folder / "state.json")
        self.state = {name: float(read[name]) for name in ("bias", "spread")}
    """,
}
BROKEN = {
    "millimetres": (
        {"one": "return frame.with_depth(frame.depth * (1000 + rng_of(seed.view).random(frame.size, np.float32)))"},
        {"units", "range"},
    ),
    "writes to its input": (
        {"one": "frame.depth[:] *= 1 + 0.01 * rng_of(seed.view).random(frame.size, np.float32)\nreturn frame"},
        {"inputs"},
    ),
    "writes to its pairs": (
        {"fit": "pairs[0].captured.depth[:] = 1\nself.state = {'bias': 0.0, 'spread': 0.01}\nreturn FitReport()"},
        {"inputs"},
    ),
    "depends on its batch": (
        {
            "simulate": """
                self._ready()
                mean = np.mean([frame.depth.mean() for frame in frames]) if frames else 0
                drawn = [self.one(frame, seed) for frame, seed in zip(frames, seeds, strict=True)]
                return [one.with_depth(one.depth * np.float32(1 + 0.001 * mean)) for one in drawn]
            """
        },
        {"batch"},
    ),
    "shares a generator": (
        {
            "simulate": """
                self._ready()
                dice = rng_of(seeds[0].view) if seeds else None
                return [frame.with_depth(frame.depth * (1 + 0.01 * dice.random(frame.size, np.float32)))
                        for frame in frames]
            """
        },
        {"batch"},
    ),
    "ignores the seed": ({"one": "return frame.with_depth(frame.depth * np.float32(1.01))"}, {"seeds"}),
    "draws from a global generator": (
        {"one": "return frame.with_depth((frame.depth * (1 + 0.01 * DICE.random(frame.size))).astype(np.float32))"},
        {"repeats"},
    ),
    "is random but says not": (
        {"card": 'Card("Mine", "tests", "paired", False, "Apache-2.0")'},
        {"seeds"},
    ),
    "gives NaN": ({"one": "return frame.with_depth(frame.depth * np.float32(np.nan))"}, {"values"}),
    "fills holes": (
        {
            "one": """
            noise = rng_of(seed.view).random(frame.size, np.float32) / 100
            return frame.with_depth(frame.depth + np.float32(0.1) + noise)
            """
        },
        {"holes"},
    ),
    "gives nothing but holes": (
        {"one": "return frame.with_depth(np.zeros(frame.size, np.float32))"},
        {"holes", "units", "seeds"},
    ),
    "changes the pose": (
        {
            "one": """
                depth = frame.depth * (1 + 0.01 * rng_of(seed.view).random(frame.size, np.float32))
                return replace(frame, depth=depth, world_from_cam=np.eye(4) + 1)
            """
        },
        {"camera"},
    ),
    "forgets half its state": (
        {"load": "self.state = {**read_json(folder / 'state.json'), 'bias': 0.0}"},
        {"saved"},
    ),
    "trusts any file": (
        {"load": "self.state = json.loads((folder / 'state.json').read_text())"},
        {"damaged"},
    ),
    "pickles": (
        {
            "save": "self._ready()\n(folder / 'state.bin').write_bytes(marshalled.dumps(self.state))",
            "load": """
                try:
                    self.state = marshalled.loads((folder / "state.bin").read_bytes())
                except Exception as wrong:
                    raise DataError(f"{folder / 'state.bin'}: {wrong}")
            """,
        },
        {"no-pickle"},
    ),
    "simulates unfitted": (
        {
            "simulate": "self.state = self.state or {'bias': 0.0, 'spread': 0.01}\n"
            + textwrap.dedent(PIECES["simulate"])
        },
        {"not-fitted"},
    ),
    "draws by Python's hash": (
        {
            "one": """
            noise = rng_of(hash(frame.id), seed.view).random(frame.size, np.float32)
            return frame.with_depth(frame.depth * (1 + 0.01 * noise))
            """
        },
        {"process"},
    ),
    "fits at random": (
        {"fit": "self.state = {'bias': float(DICE.random()) / 10, 'spread': 0.01}\nreturn FitReport()"},
        {"fit-repeats"},
    ),
    "loses its place when killed": (
        {
            "fit": """
                path = workdir / "sum.json" if workdir else None
                total = read_json(path)["sum"] if path and path.is_file() else 0.0
                for step in range(6):  # starts over, but with the sum of what was done
                    total += float(rng_of(seed, step).random()) / 100
                    if path:
                        write_json(path, {"sum": total})
                self.state = {"bias": total, "spread": 0.01}
                return FitReport(steps=6)
            """
        },
        {"resume"},
    ),
    "opens other pairs": ({"fit": "getattr(pairs, 'folder', None)\n" + textwrap.dedent(PIECES["fit"])}, {"own-pairs"}),
    "opens a world": ({"fit": "import s2r_bench.worlds\n" + textwrap.dedent(PIECES["fit"])}, {"own-pairs"}),
    "peeks at the pairing by index": (
        {"card": 'Card("Mine", "tests", "unpaired", True, "Apache-2.0")'},
        {"pairing"},
    ),
    "peeks at the pairing by name": (
        {
            "card": 'Card("Mine", "tests", "unpaired", True, "Apache-2.0")',
            "fit": """
                every = [pairs[i] for i in range(len(pairs))]
                own = {pair.captured.id: pair.captured for pair in every}
                apart = [own[pair.clean.id].depth - pair.clean.depth for pair in every]
                self.state = {"bias": float(np.mean(np.abs(apart))), "spread": 0.01}
                return FitReport()
            """,
        },
        {"pairing"},
    ),
    "has an empty card": ({"card": 'Card("", "tests", "paired", True, "", (5.0, 1.0))'}, {"card"}),
    "declares scenes as one text": (
        {"card": 'Card("Mine", "tests", "paired", True, "Apache-2.0", seen_scenes="redkitchen")'},
        {"leakage"},
    ),
    "makes meshes": ({"card": 'Card("Mine", "tests", "paired", True, "Apache-2.0", output="mesh")'}, {"card"}),
}
HONEST_UNPAIRED = {
    "card": 'Card("Mine", "tests", "unpaired", True, "Apache-2.0")',
    "fit": """
        dice = rng_of(seed, "fit")
        ratio = 0.0
        for step in range(40):  # two frames that have nothing to do with each other
            clean, captured = (pairs[int(dice.integers(len(pairs)))] for _ in range(2))
            a, b = clean.clean.depth, captured.captured.depth
            ratio += float(np.log(np.median(b[b > 0]) / np.median(a[a > 0]))) / 40
        self.state = {"bias": ratio, "spread": 0.01}
        return FitReport(steps=40)
    """,
}
MODULE = '''
"""Made to be judged."""
import json
import pickle as marshalled
from dataclasses import replace
import numpy as np
from s2r_bench.errors import DataError, NotFittedError
from s2r_bench.files import read_json, write_json
from s2r_bench.options import Options
from s2r_bench.seeds import rng_of
from s2r_bench.simulator import Card, FitReport

DICE = np.random.default_rng()

class Mine:
    card = {card}
    options_type = Options
    def __init__(self, options, device="cpu"):
        self.options, self.state = options, None
    def _ready(self):
        if self.state is None:
            raise NotFittedError("not fitted")
    def fit(self, pairs, budget, seed, workdir=None):
{fit}
    def simulate(self, frames, seeds):
{simulate}
    def one(self, frame, seed):
{one}
    def save(self, folder):
{save}
    def load(self, folder):
{load}
'''


def written(folder, pieces):
    """A module of the sound pieces, with some exchanged; found by path."""
    bodies = {
        name: textwrap.indent(textwrap.dedent(text).strip(), " " * 8) for name, text in {**PIECES, **pieces}.items()
    }
    path = folder / "mine.py"
    path.write_text(MODULE.format(**{**bodies, "card": bodies["card"].strip()}))
    return f"{path}:Mine"


def judged(word, folder, leave_out=()):
    """Name of each check -> its outcome on made views."""
    folder.mkdir()
    subject = made_subject(word, folder)
    return {check.name: check(subject) for check in CHECKS if check.name not in leave_out}


def failed(outcomes):
    return {name for name, outcome in outcomes.items() if outcome.state == "failed"}
