"""Psychometric functions against closed forms, a grid search and simulated observers."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from cortex.analysis.psychometric import (
    CUMULATIVE_GAUSSIAN,
    LOGISTIC,
    WEIBULL,
    Psychometric,
    bootstrap_psychometric,
    deviance,
    fit_psychometric,
)

LEVELS = np.geomspace(1.0, 32.0, 8)
SHAPES = (CUMULATIVE_GAUSSIAN, LOGISTIC, WEIBULL)


def rise(shape, z):
    """F in plain words."""
    if shape is CUMULATIVE_GAUSSIAN:
        return norm.cdf(z)
    if shape is LOGISTIC:
        return 1 / (1 + np.exp(-z))
    return 1 - np.exp(-np.exp(z))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
def test_the_function_and_its_derivatives(shape):
    """The formula at a few levels; densities and steepness by central differences."""
    found = Psychometric(6.0, 2.5, 0.5, 0.04, shape)
    expected = 0.5 + 0.46 * rise(shape, 2.5 * np.log(LEVELS / 6.0))
    np.testing.assert_allclose(found(LEVELS), expected, rtol=1e-12)
    step = 1e-5
    z = np.linspace(-3, 2, 9)
    slope = (shape.rise(z + step) - shape.rise(z - step)) / (2 * step)
    np.testing.assert_allclose(shape.density(z), slope, rtol=1e-6, atol=1e-9)
    numeric = (found(6.0 + step) - found(6.0 - step)) / (2 * step)
    assert found.steepness == pytest.approx(float(numeric), rel=1e-6)
    # Weibull's own form: 1 - exp(-(x / threshold) ^ slope).
    if shape is WEIBULL:
        np.testing.assert_allclose(
            (found(LEVELS) - 0.5) / 0.46, 1 - np.exp(-((LEVELS / 6.0) ** 2.5)), rtol=1e-12
        )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s.name)
@pytest.mark.parametrize("guess", [0.5, 0.0])
def test_it_finds_the_function_that_the_counts_follow(shape, guess):
    """Expected counts: the maximum of the likelihood is the truth itself."""
    truth = Psychometric(5.0, 2.0, guess, 0.02, shape)
    trials = np.full(len(LEVELS), 1000)
    found = fit_psychometric(LEVELS, trials * truth(LEVELS), trials, shape=shape, guess=guess)
    # The search stops where the likelihood hardly changes: parameters to a part in 500.
    assert found.threshold == pytest.approx(5.0, rel=2e-3)
    assert found.slope == pytest.approx(2.0, rel=5e-3)
    assert found.lapse == pytest.approx(0.02, abs=1e-3)
    assert deviance(found, LEVELS, trials * truth(LEVELS), trials) < 1e-3


def test_no_point_of_a_grid_is_more_likely():
    rng = np.random.default_rng(3)
    trials = np.full(len(LEVELS), 60)
    correct = rng.binomial(trials, Psychometric(7.0, 1.6, 0.5, 0.03)(LEVELS))
    found = fit_psychometric(LEVELS, correct, trials)

    def unlikely(f):
        p = f(LEVELS)
        return -np.sum(correct * np.log(p) + (trials - correct) * np.log(1 - p))

    grid = [
        unlikely(Psychometric(t, s, 0.5, lapse))
        for t in found.threshold * np.linspace(0.6, 1.6, 41)
        for s in found.slope * np.linspace(0.4, 2.0, 41)
        for lapse in np.linspace(0.0, 0.06, 7)
    ]
    assert unlikely(found) <= min(grid) + 1e-4
    assert min(grid) < unlikely(found) + 0.1  # the grid is fine enough to tell


def test_deviance_by_hand():
    """Two levels, one met exactly."""
    flat = Psychometric(1.0, 1.0, 0.5, 0.5)  # one half everywhere
    found = deviance(flat, np.array([1.0, 2.0]), np.array([5, 8]), np.array([10, 10]))
    by_hand = 2 * (8 * np.log(0.8 / 0.5) + 2 * np.log(0.2 / 0.5))
    assert found == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.slow
def test_intervals_cover_the_truth_and_goodness_of_fit_is_uniform():
    """40 simulated observers: 95 % intervals hold 40 x .95 = 38 +- 1.4 thresholds and slopes."""
    truth = Psychometric(6.0, 2.0, 0.5, 0.02)
    trials, rng = np.full(len(LEVELS), 100), np.random.default_rng(0)
    held = {"threshold": 0, "slope": 0, "steepness": 0}
    probabilities = []
    for _ in range(40):
        correct = rng.binomial(trials, truth(LEVELS))
        found = fit_psychometric(LEVELS, correct, trials)
        drawn = bootstrap_psychometric(found, LEVELS, trials, resamples=60, rng=rng)
        for name in held:
            low, high = drawn.interval(name)
            held[name] += low <= getattr(truth, name) <= high
        probabilities.append(drawn.fit_probability(deviance(found, LEVELS, correct, trials)))
    # 60 resamples make percentile intervals a little narrow, slopes near a bounded lapse biased:
    # at least 32 of 40 (80 %); an interval of half the width would hold 27.
    assert min(held.values()) >= 32, held
    assert 0.3 < np.mean(probabilities) < 0.7  # uniform: 0.5, its error 0.29 / sqrt(40) = 0.05


def test_goodness_of_fit_refuses_what_is_no_such_function():
    """Performance that falls again at high levels."""
    trials = np.full(len(LEVELS), 200)
    correct = np.round(trials * np.array([0.5, 0.55, 0.7, 0.95, 0.99, 0.9, 0.75, 0.6]))
    found = fit_psychometric(LEVELS, correct, trials)
    rng = np.random.default_rng(1)
    drawn = bootstrap_psychometric(found, LEVELS, trials, resamples=99, rng=rng)
    assert drawn.fit_probability(deviance(found, LEVELS, correct, trials)) == 0.01


def test_more_trials_narrow_the_interval():
    truth = Psychometric(6.0, 2.0)
    widths = []
    for count in (50, 800):
        drawn = bootstrap_psychometric(
            truth, LEVELS, np.full(8, count), resamples=80, rng=np.random.default_rng(2)
        )
        low, high = drawn.interval("threshold")
        widths.append(np.log(high / low))
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=0.35)  # the root of 16; SD of 80 draws


def test_a_fixed_lapse_and_other_shapes_travel_through_the_bootstrap():
    truth = Psychometric(6.0, 2.0, 0.25, 0.0, WEIBULL)
    trials = np.full(8, 500)
    found = fit_psychometric(
        LEVELS, trials * truth(LEVELS), trials, shape=WEIBULL, guess=0.25, most_lapses=0.0
    )
    assert found.lapse == 0
    assert dataclasses.replace(found, threshold=6.0, slope=2.0) == truth
    drawn = bootstrap_psychometric(
        found, LEVELS, trials, resamples=30, rng=np.random.default_rng(0), most_lapses=0.0
    )
    assert np.median(drawn.threshold) == pytest.approx(6.0, rel=0.05)


@pytest.mark.parametrize(
    ("levels", "correct", "trials", "words"),
    [
        ([1, 1], [1, 2], [5, 5], "two or more"),
        ([0, 1], [1, 2], [5, 5], "> 0"),
        ([1, 2], [6, 2], [5, 5], "correct <= trials"),
        ([1, 2], [1, 2, 3], [5, 5], "one number a level"),
    ],
)
def test_what_is_refused(levels, correct, trials, words):
    with pytest.raises(ValueError, match=words):
        fit_psychometric(np.array(levels), np.array(correct), np.array(trials))
