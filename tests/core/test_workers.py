"""Many processes give the answers of one, and say so when one of them dies."""

import os
from functools import partial

import pytest

from s2r_bench import workers
from s2r_bench.errors import EnvironmentLacksError


def power(base: int, exponent: int) -> int:
    return base**exponent


def die(number: int) -> int:
    os._exit(number)


def test_answers_come_in_order_from_any_number_of_processes():
    numbers = list(range(20))
    expected = [number**3 for number in numbers]
    assert workers.each(partial(power, exponent=3), numbers, 2, "counting") == expected
    assert workers.each(partial(power, exponent=3), numbers, 1, "counting") == expected


def test_a_dead_process_is_told_of():
    with pytest.raises(EnvironmentLacksError, match=r"counting.*S2R_WORKERS=1"):
        workers.each(die, list(range(1, 20)), 2, "counting")
