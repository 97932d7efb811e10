"""Looks at hard images with and without attention, against one image at a time by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import (
    Additive,
    Multiplicative,
    feature_pattern,
    quadrant_mask,
    spatial_pattern,
)
from cortex.tasks import Condition, even_batch, every_answer, look
from cortex.tasks.looking import pass_area
from tests.areas import systems
from tests.tasks.observers import CATEGORIES, IMAGES, NoiseTrials, observer_of

NONE = (0.0, 0.0)


@pytest.fixture(scope="module", params=["plain", "circuits"])
def observer(request):
    return observer_of(request.param)


@pytest.fixture(scope="module")
def values():
    keys = jax.random.split(jax.random.key(2), 2)
    rows = zip(keys, systems.MAPS, strict=True)
    return tuple(0.5 * jax.random.normal(k, (CATEGORIES, n)) for k, n in rows)


def looks(observer, conditions, form=None, trials=None, **options):
    forms = [form or Multiplicative()] * 2
    return look(observer, trials or NoiseTrials(), conditions, forms, batch=4, **options)


@eqx.filter_jit
def one_look(observer, image, modulations):
    """One image through all areas, circuits from silence."""
    top = observer.system.respond(image, modulations)[-1]
    return observer.detectors(observer.system.readout.units(top.output))


def by_hand(observer, values, strengths, spatial, form):
    trials = NoiseTrials()
    answers = np.zeros((CATEGORIES, IMAGES))
    for c in range(CATEGORIES):
        for n in range(IMAGES):
            modulations = []
            for layer, shape in enumerate(systems.SHAPES):
                pattern = feature_pattern(values[layer][c], strengths[layer], shape[1:])
                mask = quadrant_mask(shape[1:], int(trials.quadrant[c, n]))
                modulations.append(form(pattern + spatial_pattern(mask, spatial[layer], shape[0])))
            image = jnp.asarray(trials.shown[c, n], jnp.float32)
            answers[c, n] = one_look(observer, image, modulations)[c]
    return answers


# Logits of order 5 from rates of order 50, found twice to a residual of 1e-5 times the
# amplification; in a plain network, float32 sums.
CLOSE = {"rtol": 0, "atol": 3e-3}


def test_without_attention(observer):
    before, after = looks(observer, [])
    assert after == []
    nothing = tuple(jnp.zeros((CATEGORIES, n)) for n in systems.MAPS)
    expected = by_hand(observer, nothing, NONE, NONE, Multiplicative())
    np.testing.assert_allclose(before.answers, expected, **CLOSE)
    assert before.settled == 1
    image = jnp.asarray(NoiseTrials().shown[1], jnp.float32)
    for layer, rates in enumerate(before.rates_E):
        responses = [observer.system.respond(x)[layer].rates.E for x in image]
        # Circuits of this network settle to 1e-5.
        expected = np.mean(responses, axis=(0, 2, 3))
        np.testing.assert_allclose(rates[1], expected, rtol=1e-3, atol=1e-4)


def test_attention_of_strength_zero_changes_nothing(observer, values):
    for form in (Multiplicative(), Additive(2.0, to_I=0.5)):
        before, (after,) = looks(observer, [Condition(values, NONE, NONE)], form)
        np.testing.assert_allclose(after.answers, before.answers, **CLOSE)
        assert np.isfinite(after.rates_E[0]).all()


def test_every_site_and_strength(observer, values):
    """Each from the attended area on alone, and the same as from the image on."""
    conditions = [
        Condition(values, (0.8, 0.0), NONE),
        Condition(values, (0.0, 0.8), NONE),
        Condition(values, (0.4, 0.2), (0.0, 0.5)),
    ]
    for form in (Multiplicative(), Multiplicative(bidirectional=False)):
        before, after = looks(observer, conditions, form)
        for condition, outcome in zip(conditions, after, strict=True):
            expected = by_hand(observer, *condition, form)
            np.testing.assert_allclose(outcome.answers, expected, **CLOSE)
            assert np.abs(expected - before.answers).max() > 0.05
            # Areas below were not computed again, and are not given out as if they were.
            assert np.isnan(outcome.rates_E[0]).all() == (condition.first == 1)
            assert np.isfinite(outcome.rates_I[1]).all()
            assert outcome.settled == 1


def test_the_batch_does_not_matter_and_images_are_made_once(observer, values):
    conditions = [Condition(values, (0.5, 0.5), (0.2, 0.0))] * 2
    trials = NoiseTrials()
    before, after = looks(observer, conditions, trials=trials)
    assert sorted(trials.asked[1:]) == [(c, s, min(s + 4, 6)) for c in range(3) for s in (0, 4)]
    np.testing.assert_array_equal(after[0].answers, after[1].answers)
    again, _ = look(observer, NoiseTrials(), [], [Multiplicative()] * 2, batch=IMAGES, workers=1)
    np.testing.assert_allclose(again.answers, before.answers, **CLOSE)
    for a, b in zip(again.rates_E, before.rates_E, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_all_answers(observer, values):
    condition = [Condition(values, (0.5, 0.0), NONE)]
    _, (own,) = looks(observer, condition)
    _, (every,) = looks(observer, condition, answer=every_answer)
    assert every.answers.shape == (CATEGORIES, IMAGES, CATEGORIES)
    diagonal = np.stack([every.answers[c, :, c] for c in range(CATEGORIES)])
    np.testing.assert_array_equal(diagonal, own.answers)


def test_what_did_not_settle_is_said(values):
    """One image makes the circuit run away: its answer is NaN, no other is."""
    observer = observer_of("circuits")
    J = dict(systems.J, EI=1.0)
    wild = systems.circuit_area(systems.network().stages[0], systems.SHAPES[0], J=J)
    observer = eqx.tree_at(lambda o: o.system.areas[0], observer, wild)
    trials = NoiseTrials(scale=0.01)
    trials.shown[1, 2] = 5.0
    before, (after,) = looks(observer, [Condition(values, (0.0, 0.1), NONE)], trials=trials)
    for outcome in (before, after):
        lost = np.isnan(outcome.answers)
        assert lost[1, 2]
        assert lost.sum() == 1
    assert before.settled == pytest.approx(1 - 1 / (CATEGORIES * IMAGES))


def test_nothing_is_compiled_for_another_layer_category_or_strength(values):
    """Strength, source, category, site and the form's numbers are data."""
    observer = observer_of("plain")
    looks(observer, [], Additive(1.0))
    compiled = pass_area._cached._cache_size()
    assert compiled > 0
    other = tuple(-v for v in values)
    conditions = [
        Condition(source, np.asarray(site) * beta, np.asarray(site) * beta)
        for source in (values, other)
        for site in ((1, 0), (0, 1), (1, 1))
        for beta in (0.3, 0.7)
    ]
    looks(observer, conditions, Additive(2.0))
    assert pass_area._cached._cache_size() == compiled


def test_progress_is_told():
    told = []
    observer = observer_of("plain")
    nothing = tuple(jnp.zeros((CATEGORIES, n)) for n in systems.MAPS)
    looks(observer, [Condition(nothing, (0.0, 1.0), NONE)] * 2, report=told.append)
    assert sum(told) == 3 * CATEGORIES * IMAGES


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(24, 20, 12), (40, 50, 40), (16, 24, 16), (101, 50, 34), (1, 5, 1)],
)
def test_batches_are_even(count, most, expected):
    assert even_batch(count, most) == expected
