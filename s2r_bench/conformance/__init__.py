"""Does a simulator keep the contract? The same judge for ours, for `s2r-bench methods check`, and for your own tests.

import pytest
from s2r_bench.conformance import CHECKS, made_subject

@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return made_subject("my_sim.py:MySim", tmp_path_factory.mktemp("check"))

@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_keeps_the_contract(subject, check):
    outcome = check(subject)
    assert outcome.state != "failed", outcome
"""

from s2r_bench.conformance.checks import CHECKS
from s2r_bench.conformance.outcome import Check, Outcome
from s2r_bench.conformance.subject import Subject, made_subject, world_subject

__all__ = ["CHECKS", "Check", "Outcome", "Subject", "made_subject", "world_subject"]
