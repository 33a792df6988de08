"""A store with runs that kept views, a study built of it, and servers that end with their test."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from s2r_bench.records import RunRecord, RunSpec, Score
from s2r_reports import study as door

VIRTUAL = "virtual sensor: active stereo"
SIZE = (30, 40)
K = np.array([[36.0, 0, 19.5], [0, 36.0, 14.5], [0, 0, 1]])
METHODS = {"ours": 0.003, "sd": 0.008, "no-sim": 0.0}
VIEWS = 8


def spec_of(method, seed=0, **more):
    options = {"task": {}, "world": {}}
    fixed = RunSpec("evaluate", "fidelity", method, "mini", "tiny", "fidelity/1", seed, options, {"pairs/test": "d"})
    return replace(fixed, **more)


def depth_of(view):
    """A slanted floor with a box on it, of another place in every view."""
    clean = np.linspace(2.0, 1.2, SIZE[0], dtype=np.float32)[:, None].repeat(SIZE[1], 1)
    clean[8:20, 6 + view : 18 + view] = 1.0
    clean[0, :3] = 0
    return clean


def noisy(clean, spread, *seed):
    rng = np.random.default_rng([abs(hash_of(part)) for part in seed])
    found = clean + spread * rng.standard_normal(clean.shape).astype(np.float32)
    found[rng.random(clean.shape) < 0.03] = 0
    return np.where(clean > 0, found, 0).astype(np.float32)


def hash_of(part):
    return part if isinstance(part, int) else sum(map(ord, part))


def keep_run(home, spec, views, spread, sensor=VIRTUAL):
    """A finished run with its kept views, as the task fidelity writes them."""
    record = RunRecord(spec, (Score("all", "", "w1", 0.01),), environment={"sensor": sensor} if sensor else {})
    folder = home / "runs" / "evaluate" / spec.key
    (folder / "artifacts").mkdir(parents=True)
    record.write(folder)
    for place, view in enumerate(views):
        clean = depth_of(view)
        sides = {
            "captured": noisy(clean, 0.004, 7, view),
            "simulated": noisy(clean, spread, spec.method, spec.seed, view),
        }
        name = np.array(f"room/0/{view:03d}")
        np.savez_compressed(folder / "artifacts" / f"view_{place}.npz", id=name, K=K, clean=clean, **sides)
    return record


def fill(home, sensor=VIRTUAL, views=VIEWS, methods=METHODS):
    """A store with a run of each method, and the task's floor."""
    every = {**methods, "floor": 0.0}
    return [keep_run(home, spec_of(name), range(views), spread, sensor) for name, spread in every.items()]


def made(records, home, out, **plan):
    """A study of the records of a store."""
    wanted = {"samples": 3, "examples": 2, "seed": 0, "same_views": False, "static": False} | plan
    return door.build(door.pools_of(records, home, {}, None, "test"), out, lambda done, total: None, **wanted)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A study of three methods and captures, three samples each, with its single-file variant. Not to be changed."""
    home = tmp_path_factory.mktemp("store")
    out = home / "study"
    made(fill(home), home, out, static=True)
    return out


@pytest.fixture
def folder(built, tmp_path):
    """A copy of it for a server to write into."""
    import shutil

    return shutil.copytree(built, tmp_path / "study")


@pytest.fixture
def key(built):
    return json.loads((built / "key.json").read_text())


@dataclass
class Running:
    process: subprocess.Popen
    url: str
    links: dict

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path):
    """Start a server of a study as a user would; it is killed when the test ends."""
    running = []

    def run(folder, participants=3, port=0):
        words = ["study", "serve", folder, "--participants", participants, "--port", port, "--json"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("S2R_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "s2r_bench", *map(str, words)],
            env={**kept, "S2R_HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a background shell lets its children ignore the signal
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        running.append(process)
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                found = json.loads(text)
                return Running(process, found["url"], found["links"])
        raise AssertionError(process.communicate()[1])

    yield run
    for process in running:
        with contextlib.suppress(OSError):
            process.kill()
        process.communicate()


def shot(page, name):
    """A picture of the page, where S2R_SHOTS names a folder for them."""
    if os.environ.get("S2R_SHOTS"):
        page.screenshot(path=Path(os.environ["S2R_SHOTS"]) / f"{name}.png")


@pytest.fixture
def opened(browser):
    """Open a page; what it asked for and what its console said are kept, and both must be clean in the end."""
    contexts, asked, said = [], [], []

    def open_(url, width=1280, height=860, **more):
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda wrong: said.append(str(wrong)))
        page.goto(url)
        return page

    open_.asked, open_.said, open_.shot = asked, said, shot
    yield open_
    for context in contexts:
        context.close()
