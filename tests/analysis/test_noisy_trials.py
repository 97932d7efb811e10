"""Noise shares, areas and parts of a gain against brute force and closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from cortex.analysis import noisy_trials

PRESENT = np.arange(40) % 2 == 0


def drawn(means, covariance, trials, seed):
    """Normal trials (images, trials, units) around the means (images, units)."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(covariance)
    return means[:, None] + rng.normal(size=(len(means), trials, len(root))) @ root.T


def test_the_share_of_noise_is_that_of_the_draw():
    """Noise of variance 4 around images of variance 12, few trials: a quarter, not more."""
    rng = np.random.default_rng(0)
    images = np.sqrt(12) * rng.normal(size=(10, 400, 1)) + rng.normal(size=(10, 1, 1))
    logits = images + 2 * rng.normal(size=(10, 400, 3))
    assert noisy_trials.noise_share(logits) == pytest.approx(0.25, abs=0.02)
    assert noisy_trials.noise_share(logits[:, :, :1].repeat(3, axis=2)) == pytest.approx(
        0, abs=1e-9
    )


def test_the_area_counts_all_pairs_of_trials():
    rng = np.random.default_rng(1)
    present = np.array([True, False, False, True, False])
    logits = np.round(rng.normal(size=(2, 5, 3)) + present[:, None], 1)
    found = noisy_trials.area_over_trials(logits, present)
    for row, one in zip(found, logits, strict=True):
        pairs = [(a, b) for a in one[present].ravel() for b in one[~present].ravel()]
        assert row == pytest.approx(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))


def test_the_area_of_normal_logits_is_right_however_few_trials_give_the_means():
    """All distances 1 and variances 2: Phi(1/2), on average over draws of two trials."""
    rng = np.random.default_rng(2)
    means = np.where(PRESENT, 1.0, 0.0)
    seen = (means[:, None] + np.sqrt(2) * rng.normal(size=(2000, 40, 2))).mean(axis=-1)
    found = noisy_trials.normal_area(seen, np.full(seen.shape[:2], 2.0), PRESENT, 1.0).mean()
    assert found == pytest.approx(norm.cdf(0.5), abs=2e-3)
    assert (
        noisy_trials.normal_area(seen, np.full(seen.shape[:2], 2.0), PRESENT).mean() < found - 0.01
    )


def test_parts_of_a_gain_against_the_closed_form():
    """Linear readout of two units; attention moves means, one variance and the correlation."""
    readout = np.array([1.0, 2.0])
    before = np.array([[4.0, 1.8], [1.8, 1.0]])  # correlation .9
    after = np.array([[2.0, 0.3], [0.3, 0.5]])
    means = [np.where(PRESENT[:, None], level, 0.0) for level in ([1.0, 0.5], [1.5, 0.75])]
    trials = [
        drawn(m, c, 4000, seed) for m, c, seed in zip(means, (before, after), (3, 4), strict=True)
    ]
    rng = np.random.default_rng(5)
    alone = [noisy_trials.shuffle_trials(one, rng) for one in trials]
    logits = [one @ readout for one in (*trials, *alone)]
    found = noisy_trials.parts_of_gain(*logits, PRESENT)

    def area(distance, variance):
        return norm.cdf(distance / np.sqrt(2 * variance))

    v0, v1 = (readout @ c @ readout for c in (before, after))
    s0, s1 = (readout**2 @ np.diag(c) for c in (before, after))
    steps = [area(2, v0), area(3, v0), area(3, v0 * s1 / s0), area(3, v1)]
    np.testing.assert_allclose(found, np.diff(steps), atol=6e-3)
    assert min(np.abs(np.diff(steps))) > 0.02  # each part is there to be seen
    # The parts add up to the whole gain of single trials.
    whole = noisy_trials.area_over_trials(np.stack(logits[:2]), PRESENT)
    assert found.sum() == pytest.approx(whole[1] - whole[0], abs=6e-3)


def test_shuffled_trials_keep_variances_and_lose_correlations():
    covariance = np.array([[1.0, 0.9], [0.9, 1.0]])
    trials = drawn(np.zeros((3, 2)), covariance, 5000, 6)
    shuffled = noisy_trials.shuffle_trials(trials, np.random.default_rng(7))
    np.testing.assert_array_equal(np.sort(shuffled, axis=1), np.sort(trials, axis=1))
    assert np.all(np.abs(noisy_trials.mean_correlation(shuffled)) < 0.05)
    np.testing.assert_allclose(noisy_trials.mean_correlation(trials), 0.9, atol=0.01)


def test_the_mean_correlation_is_that_of_all_pairs_that_vary():
    rates = np.random.default_rng(8).normal(size=(2, 6, 5)) + 3
    rates[0, :, 2] = 7.0  # never varies
    for one, found in zip(rates, noisy_trials.mean_correlation(rates), strict=True):
        varying = one[:, one.std(axis=0) > 0]
        every = np.corrcoef(varying.T)
        assert found == pytest.approx(every[np.triu_indices(len(every), 1)].mean())
    assert np.isnan(noisy_trials.mean_correlation(np.full((6, 5), 2.0)))
