"""What a card declares as seen counts for the leakage guard as what a fit saw: refused, kept, stamped."""

import json
from pathlib import Path

import pytest

from s2r_bench.steps.checkpoint import read_origin

CARD = 'Card("Dummy", "tests", "paired", True, "Apache-2.0")'


@pytest.fixture
def mine(plugins, tmp_path):
    """The dummy simulator with another declaration; the pairs' test scene is room2, its training scene room0."""

    def write(seen, training="paired"):
        text = (plugins / "dummy.py").read_text()
        text = text.replace(CARD, f'Card("Dummy", "tests", "{training}", True, "Apache-2.0", seen_scenes={seen})')
        if training == "untrained":
            text = text.replace("self.bias = options, device, None", "self.bias = options, device, 0.0")
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def evaluate(cli_here, pair_folder, plugins):
    def run(method, *more):
        words = ["evaluate", "-t", plugins / "close.py", "-d", pair_folder, "--preset", "smoke", "--no-references"]
        return cli_here(*words, "-m", method, *more)

    return run


@pytest.mark.parametrize("training", ["paired", "untrained"])
@pytest.mark.parametrize("seen", ["room2", "room*", "wall/*", "*"])
def test_declared_scenes_are_refused_before_a_fit(evaluate, mine, home, seen, training):
    code, _, err = evaluate(mine(f"frozenset({{'elsewhere', '{seen}'}})", training))
    assert code == 3
    assert "mine was trained on 1 of the scenes that it is to be scored on (room2)" in err
    assert not (home / "runs" / "train").exists()


def test_scenes_that_are_not_scored_pass(evaluate, mine):
    code, _, err = evaluate(mine("frozenset({'room0', 'room20', 'lasa/*', 'other*'})"))
    assert code == 0, err


def test_allowed_leakage_is_stamped(evaluate, mine, cli_here):
    code, out, _ = evaluate(mine("frozenset({'room2'})"), "--allow-leakage", "--json")
    assert code == 0
    record = json.loads(cli_here("results", "show", json.loads(out)["cells"][0]["key"], "--json")[1])
    assert record["spec"]["options"]["leakage"] == ["room2"]


def test_a_checkpoint_keeps_what_was_declared(evaluate, mine, cli_here, pair_folder):
    path = mine("frozenset({'room2', 'area_*'})")
    _, out, _ = cli_here("train", path, "-d", pair_folder, "--preset", "smoke", "--json")
    checkpoint = Path(json.loads(out)["fits"][0]["checkpoint"])
    origin, _ = read_origin(checkpoint)
    assert (origin.trained_scenes, origin.seen_scenes) == (("room0",), ("area_*", "room2"))
    mine("frozenset()")  # a card that now says less
    code, _, err = evaluate(checkpoint)
    assert code == 3
    assert "(room2)" in err
    described = json.loads((checkpoint / "simulator.json").read_text())
    del described["seen_scenes"]  # as an older version wrote it
    (checkpoint / "simulator.json").write_text(json.dumps(described))
    assert read_origin(checkpoint)[0].seen_scenes == ()
    assert evaluate(checkpoint)[0] == 0


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("['room2']", "is a list, not a frozenset"),
        ("'room2'", "is a str, not a frozenset"),
        ("frozenset({3})", "holds 3, which is no text"),
        ("frozenset({' room2'})", "blanks"),
        ("frozenset({'a*b'})", "at the end alone"),
    ],
)
def test_a_declaration_that_cannot_be_read_stops_all(evaluate, mine, home, seen, said):
    code, _, err = evaluate(mine(seen))
    assert (code, err.count("error:")) == (2, 1)
    assert said in err
    assert not (home / "runs" / "train").exists()


def test_the_declaration_is_shown(cli_here, mine):
    code, out, _ = cli_here("methods", "show", mine("frozenset({'b', 'a'})"), "--json")
    assert code == 0
    assert json.loads(out)["card"]["seen_scenes"] == ["a", "b"]
