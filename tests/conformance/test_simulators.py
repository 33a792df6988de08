"""Every simulator of the room keeps the contract: a file in the room is covered by being there.

The judge is `s2r_bench.conformance`, the same as of `s2r-bench methods check` and of other people's simulators.
"""

import pytest

from s2r_bench import registry
from s2r_bench.conformance import CHECKS, made_subject


def _simulates(name: str) -> bool:
    """The oracle is handed a world's sensor by the runner, and cannot be asked of made frames: test_check.py."""
    return "truth" not in registry.module(registry.METHODS, name).simulator.card.needs


NAMES = [name for name in registry.names(registry.METHODS) if _simulates(name)]


@pytest.fixture(scope="module", params=NAMES)
def subject(request, tmp_path_factory):
    return made_subject(request.param, tmp_path_factory.mktemp("check"))


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_keeps_the_contract(subject, check):
    outcome = check(subject)
    assert outcome.state not in ("failed", "blocked"), outcome
