"""The figures against values by hand, exhaustive enumeration, and definitions written out."""

import itertools
from statistics import NormalDist

import numpy as np
import pytest

from s2r_reports._study.figures import detection, fleiss_kappa, over_participants, wilson

Z = NormalDist().inv_cdf


@pytest.mark.parametrize(
    ("picked", "shown", "low", "high"), [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_wilson_by_hand(picked, shown, low, high):
    found = wilson(picked, shown)
    assert (found.mean, found.low, found.high) == pytest.approx((picked / shown, low, high), abs=5e-5)


@pytest.mark.parametrize(("picked", "shown"), [(1, 7), (30, 170), (149, 170), (3, 4)])
def test_wilson_bounds_are_the_shares_at_which_the_score_test_turns(picked, shown):
    found = wilson(picked, shown)
    for bound in (found.low, found.high):
        score = abs(picked / shown - bound) / np.sqrt(bound * (1 - bound) / shown)
        assert score == pytest.approx(Z(0.975), rel=1e-9)


@pytest.mark.parametrize(("picked", "shown"), [(0, 0), (3, 2), (-1, 2)])
def test_no_share_is_refused(picked, shown):
    with pytest.raises(ValueError, match="is no share"):
        wilson(picked, shown)


def test_resampled_participants_agree_with_all_resamples():
    """Five participants have 5^5 resamples; the drawn quantiles lie where those of all of them do."""
    picked, shown = np.array([1.0, 2, 2, 5, 9]), np.array([10.0, 10, 10, 10, 10])
    every = [picked[list(some)].sum() / 50 for some in itertools.product(range(5), repeat=5)]
    found = over_participants(picked, shown)
    assert found.mean == pytest.approx(0.38)
    # shares come in steps of 1/50: a step of freedom for a drawn quantile
    assert found.low == pytest.approx(np.quantile(every, 0.025), abs=0.021)
    assert found.high == pytest.approx(np.quantile(every, 0.975), abs=0.021)


def test_one_person_who_differs_widens_the_interval_of_participants_alone():
    even, uneven = np.full(10, 5.0), np.array([0.0] * 5 + [10.0] * 5)
    shown = np.full(10, 10.0)
    assert over_participants(even, shown).half == 0
    assert over_participants(uneven, shown).half > 2 * wilson(50, 100).half


def test_few_participants_have_no_interval():
    found = over_participants(np.array([1.0, 2, 3, 4]), np.full(4, 10.0))
    assert (found.mean, found.low, found.high) == (0.25, None, None)


def test_unequal_numbers_of_answers_weigh_as_answers():
    found = over_participants(np.array([1.0, 0, 0, 0, 0]), np.array([1.0, 9, 9, 9, 9]))
    assert found.mean == pytest.approx(1 / 37)


def test_d_prime_by_hand():
    """17 people, 10 samples: 161 of 170 captures picked, 38 of the method's."""
    people = np.full(17, 10.0)
    captured = np.array([10.0] * 8 + [9.0] * 9)
    source = np.array([2.0] * 13 + [3.0] * 4)
    hit, alarm = Z(161.5 / 171), Z(38.5 / 171)
    found = detection((captured, people), (source, people))
    assert found.d_prime.mean == pytest.approx(hit - alarm)
    assert found.bias == pytest.approx(-(hit + alarm) / 2)
    assert found.d_prime.low < found.d_prime.mean < found.d_prime.high


def test_a_source_like_the_captures_has_no_d_prime():
    people, same = np.full(6, 10.0), np.array([4.0, 5, 6, 5, 4, 6])
    found = detection((same, people), (same, people))
    assert (found.d_prime.mean, found.d_prime.low, found.d_prime.high) == (0, 0, 0)


def test_all_or_nothing_stays_finite():
    people = np.full(5, 10.0)
    found = detection((people, people), (np.zeros(5), people))
    assert found.d_prime.mean == pytest.approx(2 * Z(50.5 / 51))


def test_fleiss_kappa_of_the_example_of_1971():
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(counts, float)) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_is_agreement_of_pairs_beyond_chance():
    answers = np.random.default_rng(3).random((6, 11)) < np.linspace(0.2, 0.9, 11)
    pairs = [(a, b) for a in range(6) for b in range(6) if a != b]
    agreed = np.mean([answers[a, s] == answers[b, s] for s in range(11) for a, b in pairs])
    yes = answers.mean()
    chance = yes**2 + (1 - yes) ** 2
    counts = np.stack([answers.sum(0), (~answers).sum(0)], axis=1).astype(float)
    assert fleiss_kappa(counts) == pytest.approx((agreed - chance) / (1 - chance))


def test_kappa_that_does_not_exist():
    assert fleiss_kappa(np.array([[1.0, 0], [0, 1]])) is None  # one rater
    assert fleiss_kappa(np.array([[3.0, 0], [3, 0]])) is None  # one answer throughout
    with pytest.raises(ValueError, match="equally many raters"):
        fleiss_kappa(np.array([[3.0, 0], [1, 1]]))
