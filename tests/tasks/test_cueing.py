"""Cueing trials are balanced; the accumulator against closed forms and a loop."""

import numpy as np
import pytest

from cortex.tasks.accumulation import first_passage
from cortex.tasks.cueing import CUES, NOWHERE, cueing_trials


@pytest.mark.parametrize("cue", CUES)
@pytest.mark.parametrize("places", [2, 3, 4])
def test_every_combination_comes_as_often_as_the_others(cue, places):
    each = 3
    trials = cueing_trials(cue, places, 2 * places * (places - 1) * each)
    rows, counts = np.unique(np.stack(trials), axis=1, return_counts=True)
    assert len(set(counts)) == 1
    place, target, cued = rows
    assert set(target) == {0, 1}
    assert set(place) == set(range(places))
    if cue == "valid":
        assert (cued == place).all()
        assert len(counts) == 2 * places
    elif cue == "neutral":
        assert (cued == NOWHERE).all()
        assert len(counts) == 2 * places
    else:
        assert (cued != place).all()
        assert len(counts) == 2 * places * (places - 1)
        assert counts[0] == each


@pytest.mark.parametrize(("places", "trials"), [(1, 8), (4, 25), (3, 0)])
def test_what_does_not_balance_is_refused(places, trials):
    with pytest.raises(ValueError, match="allowed: multiples of"):
        cueing_trials("invalid", places, trials)


def test_constant_evidence_takes_bound_over_evidence():
    """1000 B / e [ms], exactly, though no sample falls on it."""
    strength = np.array([7.0, -3.0, 40.0, 0.5])
    evidence = np.broadcast_to(strength[:, None], (4, 50))
    found = first_passage(evidence, 10.0, 0.9)
    np.testing.assert_allclose(found.time[:3], 900.0 / np.abs(strength[:3]), rtol=1e-12)
    np.testing.assert_array_equal(found.answer, [1, 0, 1, 1])
    np.testing.assert_array_equal(found.reached, [True, True, True, False])
    assert found.time[3] == 500.0


def test_noisy_evidence_against_a_loop():
    rng = np.random.default_rng(0)
    evidence = rng.normal(3.0, 20.0, (3, 40, 30))
    found = first_passage(evidence, 5.0, 0.4)
    for index in np.ndindex(3, 40):
        total, time, reached = 0.0, 150.0, False
        for number, e in enumerate(evidence[index]):
            after = total + e * 0.005
            if abs(after) >= 0.4:
                goal = 0.4 if after > 0 else -0.4
                time, reached = 5.0 * (number + (goal - total) / (after - total)), True
                total = after
                break
            total = after
        assert found.time[index] == pytest.approx(time, abs=1e-9)
        assert found.answer[index] == (total > 0)
        assert found.reached[index] == reached
    assert 0.1 < found.reached.mean() < 0.95  # both kinds were met


@pytest.mark.parametrize(("step", "bound"), [(0.0, 1.0), (5.0, -1.0)])
def test_a_bound_or_step_of_zero_is_refused(step, bound):
    with pytest.raises(ValueError, match="allowed: > 0"):
        first_passage(np.ones((2, 3)), step, bound)
