"""First and second looks with a source, against whole looks with the modulation by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import (
    Additive,
    Arousal,
    EnergyMatched,
    FeatureSimilarity,
    Multiplicative,
    NoAttention,
    Query,
    SpatialWindow,
    State,
    feature_pattern,
)
from cortex.circuit import EI
from cortex.tasks import again, attending, first_looks, second_looks
from tests.areas import systems
from tests.tasks.observers import CATEGORIES, observer_of

first_look, second_look = (
    eqx.filter_jit(look) for look in (attending.first_look, attending.second_look)
)

# Logits of order 5 from rates of order 50, found twice to a residual of 1e-5 times the
# amplification; in a plain network, float32 sums.
CLOSE = {"rtol": 0, "atol": 3e-3}


@pytest.fixture(scope="module", params=["plain", "circuits"])
def observer(request):
    return observer_of(request.param)


def image(number=0):
    return jnp.asarray(systems.images(6)[number], jnp.float32)


def values(layer):
    rng = np.random.default_rng(layer)
    return jnp.asarray(rng.normal(size=(CATEGORIES, systems.MAPS[layer])), jnp.float32)


@eqx.filter_jit
def by_hand(observer, pattern, layer, form):
    """The whole system at once, circuits from silence."""
    modulations = [form(pattern) if area == layer else None for area in range(2)]
    responses = observer.system.respond(image(), modulations)
    return responses, observer.detectors(observer.system.readout.units(responses[-1].output))


@pytest.mark.parametrize(("layer", "form"), [(0, Multiplicative()), (1, Additive(2.0, to_I=0.5))])
def test_a_second_look_is_a_look_with_the_modulation(observer, layer, form):
    source = FeatureSimilarity(values(layer), jnp.asarray(0.4), form)
    seen = first_look(observer, image(), layer)
    found = second_look(observer, seen, layer, source, Query(2))
    pattern = feature_pattern(values(layer)[2], 0.4, systems.SHAPES[layer][1:])
    responses, logits = by_hand(observer, pattern, layer, form)
    np.testing.assert_allclose(found.pattern, pattern, rtol=1e-6)
    np.testing.assert_allclose(found.logits, logits, **CLOSE)
    assert len(found.states) == 2 - layer
    for state, response in zip(found.states, responses[layer:], strict=True):
        np.testing.assert_allclose(state.E, response.rates.E, rtol=1e-3, atol=1e-2)
        np.testing.assert_allclose(state.I, response.rates.I, rtol=1e-3, atol=1e-2)
    assert bool(found.settled)


def test_a_first_look(observer):
    seen = first_look(observer, image(), 1)
    responses = observer.system.respond(image())
    np.testing.assert_allclose(seen.logits, observer(image()), rtol=1e-5)
    np.testing.assert_allclose(seen.received, responses[0].with_skip)
    expected = np.maximum(observer.system.areas[1].stage(responses[0].with_skip), 0)
    np.testing.assert_allclose(seen.features, expected, rtol=1e-5)
    np.testing.assert_allclose(seen.state.rates.E, responses[1].rates.E)
    whole = first_look(observer, image(), 0)
    np.testing.assert_allclose(whole.received, image())


def test_no_attention_changes_nothing(observer):
    seen = first_look(observer, image(), 0)
    found = second_look(observer, seen, 0, NoAttention(), Query())
    np.testing.assert_allclose(found.logits, seen.logits, **CLOSE)


def test_later_passes_start_from_what_the_last_one_left(observer):
    source = Arousal(jnp.asarray(0.5))
    seen = first_look(observer, image(), 0)
    after = second_look(observer, seen, 0, source, Query())
    passed = again(seen, after)
    np.testing.assert_array_equal(passed.logits, after.logits)
    np.testing.assert_array_equal(passed.state.rates.I, after.states[0].I)
    np.testing.assert_array_equal(passed.received, seen.received)
    # The same attention once more: circuits are where it takes them already.
    twice = second_look(observer, passed, 0, source, Query())
    np.testing.assert_allclose(twice.logits, after.logits, **CLOSE)


def test_many_images_each_with_its_own_query(observer):
    source = SpatialWindow(jnp.asarray(0.6), jnp.asarray(0.3))
    images = jnp.stack([image(n) for n in range(3)])
    places = jnp.asarray([[0.2, 0.3], [0.5, 0.5], [0.8, 0.1]])
    seen = first_looks(observer, images, 1)
    found = second_looks(observer, seen, 1, source, jax.vmap(Query)(jnp.arange(3), places))
    for n in range(3):
        query = Query(n, places[n])
        one = second_look(observer, first_look(observer, images[n], 1), 1, source, query)
        np.testing.assert_allclose(found.pattern[n], one.pattern, rtol=1e-5)
        np.testing.assert_allclose(found.logits[n], one.logits, **CLOSE)


def test_attention_is_data_and_compiles_nothing(observer):
    images = jnp.stack([image(n) for n in range(3)])
    queries = jax.vmap(Query)(jnp.arange(3), jnp.full((3, 2), 0.5))
    seen = first_looks(observer, images, 1)
    second_looks(observer, seen, 1, FeatureSimilarity(values(1)), queries)
    compiled = second_looks._cached._cache_size()
    second_looks(observer, seen, 1, FeatureSimilarity(2 * values(1), jnp.ones(())), queries)
    assert second_looks._cached._cache_size() == compiled


def test_patterns_are_matched_to_a_size():
    features = jnp.ones((4, 3, 5))
    seen = State(EI(features, features), jnp.zeros(CATEGORIES))
    for source in (Arousal(jnp.asarray(3.0)), SpatialWindow(), FeatureSimilarity(values(1))):
        pattern = EnergyMatched(source, 0.25).pattern(features, seen, Query(1))
        np.testing.assert_allclose(np.sqrt(np.mean(pattern**2)), 0.25, rtol=1e-5)
        own = source.pattern(features, seen, Query(1))
        np.testing.assert_allclose(pattern / own, (pattern / own)[0, 0, 0], rtol=1e-4)
    silent = EnergyMatched(NoAttention(), 0.25)
    assert not np.any(silent.pattern(features, seen, Query()))
    # Flat where there is nothing to scale: zero, not NaN.
    slope = jax.grad(
        lambda s: jnp.sum(EnergyMatched(Arousal(s), 0.25).pattern(features, seen, Query()))
    )(jnp.zeros(()))
    assert np.isfinite(slope)


def test_feature_attention_takes_the_values_of_the_category():
    features = jnp.ones(systems.SHAPES[0])
    state = State(EI(features, features), jnp.zeros(CATEGORIES))
    found = FeatureSimilarity(values(0), jnp.asarray(0.5))(features, state, Query(1))
    expected = np.maximum(1 + 0.5 * np.asarray(values(0))[1], 0)
    gain = np.asarray(found.drive_gain.E)
    assert gain.shape == features.shape
    np.testing.assert_allclose(
        gain, np.broadcast_to(expected[:, None, None], gain.shape), rtol=1e-6
    )
