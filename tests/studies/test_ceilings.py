"""How much there is to gain, where that is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from cortex.analysis.signal_detection import area_under_curve
from cortex.areas import PlainArea, VisualSystem
from cortex.attention import FeatureSimilarity
from cortex.frontends.conv import AbstractReadout
from cortex.stimuli.trials import AbstractTrials, merged_trials
from cortex.studies import best_gains, look, with_detectors_of
from cortex.studies.ceilings import shown_categories
from cortex.tasks import Detectors, Observer

CATEGORIES, IMAGES, D = 2, 400, 2.0


class Channels(eqx.Module):
    """A stage that hands its image on."""

    def __call__(self, image):
        return image


class Sums(AbstractReadout):
    """Units that are the maps themselves."""

    def units(self, maps):
        return jnp.sum(maps, axis=(1, 2))

    def __call__(self, maps):
        return self.units(maps)


class SignalAndNoise(AbstractTrials):
    """Of each category one map has a signal of d' = D in noise of SD 1, the other noise of SD 3.

    All is on a pedestal of 20, so that no map is ever rectified.
    """

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.present = np.tile(np.arange(IMAGES) % 2 == 0, (CATEGORIES, 1))
        self.quadrant = np.full((CATEGORIES, IMAGES), -1, np.int32)
        self.shown = np.empty((CATEGORIES, IMAGES, 2, 1, 1))
        for category in range(CATEGORIES):
            own, other = category, 1 - category
            signal = D * self.present[category]
            self.shown[category, :, own, 0, 0] = 20 + signal + rng.normal(size=IMAGES)
            self.shown[category, :, other, 0, 0] = 20 + 3 * rng.normal(size=IMAGES)

    def images(self, category, start, stop):
        return jnp.asarray(self.shown[category, start:stop], jnp.float32)


@pytest.fixture(scope="module")
def observer():
    """Detectors that read signal and noise alike: area Phi(D / sqrt(2 (1 + 9)))."""
    system = VisualSystem([PlainArea(Channels())], Sums(), ("one",))
    return Observer(system, Detectors(jnp.ones((CATEGORIES, 2)), jnp.full(CATEGORIES, -41.0)))


def area(observer, trials, attentions=()):
    before, after = look(observer, trials, list(attentions))
    answers = (after[0] if after else before).answers
    return float(np.mean([area_under_curve(s, trials.present[0]) for s in answers]))


def test_the_best_gains_silence_the_noise_and_reach_the_known_ceiling(observer):
    learned, tested = SignalAndNoise(0), SignalAndNoise(1)
    assert area(observer, tested) == pytest.approx(norm.cdf(D / np.sqrt(20)), abs=0.04)
    gains = best_gains(observer, learned, 1, np.random.default_rng(0), steps=80, each=40, rate=0.1)
    best = FeatureSimilarity(jnp.asarray(gains), jnp.ones(())).at(1)
    # A map's gain is not below 0: without the noise the area is Phi(D / sqrt(2)).
    assert area(observer, tested, [best]) == pytest.approx(norm.cdf(D / np.sqrt(2)), abs=0.02)
    own, other = np.diag(gains), gains[[0, 1], [1, 0]]
    assert np.all(1 + other < 0.1 * (1 + own))


def test_detectors_of_hard_images_reach_it_too(observer):
    learned, tested = SignalAndNoise(2), SignalAndNoise(3)
    # Whoever is asked for: a category is shown where its own map has the signal.
    shows = np.zeros((CATEGORIES, IMAGES, CATEGORIES), bool)
    for category in range(CATEGORIES):
        shows[category, :, category] = learned.present[category]
    fitted = with_detectors_of(observer, learned, shows, 10.0)
    assert area(fitted, tested) > area(observer, tested) + 0.1


def test_what_a_hard_image_shows_is_known_whoever_is_asked_for():
    labels = np.repeat(np.arange(4), 5)
    pixels = lambda rows: jnp.zeros((len(rows), 1, 4, 4))  # noqa: E731
    trials = merged_trials(jax.random.key(0), pixels, labels, 8, 4)
    shows = shown_categories(trials, labels, 4)
    assert np.all(shows.sum(axis=-1) == 2)
    own = np.stack([shows[c, :, c] for c in range(4)])
    np.testing.assert_array_equal(own, trials.present)
