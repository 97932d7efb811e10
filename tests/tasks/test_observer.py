"""An observer with attention, against the whole system at once with the modulations by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import (
    Additive,
    Arousal,
    FeatureSimilarity,
    Multiplicative,
    NoAttention,
    SpatialWindow,
    Sum,
    feature_pattern,
    gaussian_window,
    tuning_values,
)
from cortex.errors import UserError
from cortex.frontends.conv import ConvNetwork
from cortex.tasks import Observer
from tests.areas import systems
from tests.refusals import refusal
from tests.tasks.observers import CATEGORIES, observer_of

# Logits of order 5 from rates of order 50, found twice to a residual of 1e-5 times the
# amplification; in a plain network, float32 sums.
CLOSE = {"rtol": 0, "atol": 3e-3}
IMAGES = 5


# Looks through circuits are compared by hand by day in tests/studies/test_detection.py.
@pytest.fixture(scope="module", params=["plain", pytest.param("circuits", marks=pytest.mark.slow)])
def observer(request):
    return observer_of(request.param)


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(systems.images(IMAGES), jnp.float32)


def feature(layer, form=None, strength=1.0):
    values = 0.5 * np.random.default_rng(layer).normal(size=(CATEGORIES, systems.MAPS[layer]))
    return FeatureSimilarity(jnp.asarray(values, jnp.float32), strength, form or Multiplicative())


def pattern(source, category, strength, layer):
    return feature_pattern(source.values[category], strength, systems.SHAPES[layer][1:])


@eqx.filter_jit
def by_hand(observer, image, modulations):
    """One image through all areas, circuits from silence."""
    top = observer.system.respond(image, modulations)[-1]
    return observer.detectors(observer.system.readout.units(top.output))


def test_without_attention_it_is_the_system_and_the_detectors(observer, images):
    expected = [by_hand(observer, image, None) for image in images]
    np.testing.assert_allclose(observer(images), expected, **CLOSE)


def test_one_image_is_seen_as_among_others(observer, images):
    attention = feature(1).at(2)(category=2, strength=0.5)
    assert observer(images[3]).shape == (CATEGORIES,)
    np.testing.assert_allclose(observer(images[3]), observer(images)[3], **CLOSE)
    np.testing.assert_allclose(
        observer(images[3], attention), observer(images, attention)[3], **CLOSE
    )


@pytest.mark.parametrize(("layer", "form"), [(0, Multiplicative()), (1, Additive(20.0, to_I=0.5))])
def test_attention_is_a_modulation_of_its_layer(observer, images, layer, form):
    source = feature(layer, form)
    modulations = [None, None]
    modulations[layer] = form(pattern(source, 2, 0.4, layer))
    expected = by_hand(observer, images[0], modulations)
    for name in (f"conv{layer + 1}", layer + 1):
        found = observer(images[0], source.at(name)(category=2, strength=0.4))
        np.testing.assert_allclose(found, expected, **CLOSE)
    assert np.abs(expected - observer(images[0])).max() > 0.05


def test_what_is_added_acts_at_once(observer, images):
    """At two layers and, at one of them, by two sources: gains multiply, inputs add."""
    low, high, window = feature(0), feature(1, Additive()), SpatialWindow(0.7, 0.3)
    together = (
        low.at("conv1")(category=1, strength=0.5)
        + high.at("conv2")(category=2, strength=0.3)
        + window.at("conv1")(place=(0.2, 0.9))
    )
    place = 0.7 * gaussian_window(jnp.asarray([0.2, 0.9]), 0.3, systems.SHAPES[0][1:])
    gains = Multiplicative()(pattern(low, 1, 0.5, 0)).combine(
        Multiplicative()(jnp.broadcast_to(place, systems.SHAPES[0]))
    )
    expected = by_hand(observer, images[1], [gains, Additive()(pattern(high, 2, 0.3, 1))])
    np.testing.assert_allclose(observer(images[1], together), expected, **CLOSE)


def test_patterns_of_a_sum_add_up_before_they_take_a_form(observer, images):
    source, window = feature(0), SpatialWindow(0.7, 0.3)
    attention = Sum((source, window)).at("conv1")(category=1, place=(0.2, 0.9))
    place = 0.7 * gaussian_window(jnp.asarray([0.2, 0.9]), 0.3, systems.SHAPES[0][1:])
    modulation = Multiplicative()(pattern(source, 1, 1.0, 0) + place[None])
    expected = by_hand(observer, images[1], [modulation, None])
    np.testing.assert_allclose(observer(images[1], attention), expected, **CLOSE)


def test_each_image_can_be_asked_something_else(observer, images):
    categories, places = np.arange(IMAGES) % CATEGORIES, np.linspace(0, 1, 2 * IMAGES)
    attention = feature(1).at("conv2") + SpatialWindow().at("conv1")
    found = observer(images, attention(category=categories, place=places.reshape(-1, 2)))
    for number, image in enumerate(images):
        place = places[2 * number : 2 * number + 2]
        one = observer(image, attention(category=int(categories[number]), place=place))
        np.testing.assert_allclose(found[number], one, **CLOSE)


def test_the_categories_asked_for_are_those_of_the_source(observer, images):
    """More than there are detectors: orientations, say, of an observer that names colours."""
    values = 0.5 * np.random.default_rng(5).normal(size=(2 * CATEGORIES, systems.MAPS[1]))
    source = FeatureSimilarity(jnp.asarray(values, jnp.float32))
    attention = Sum((source, SpatialWindow(0.0))).at(2)
    found = observer(images[0], attention(category=CATEGORIES + 1))
    modulation = Multiplicative()(pattern(source, CATEGORIES + 1, 1.0, 1))
    np.testing.assert_allclose(found, by_hand(observer, images[0], [None, modulation]), **CLOSE)
    with pytest.raises(UserError, match="category: found 6, allowed: 0 to 5"):
        observer(images[0], attention(category=2 * CATEGORIES))
    observer(images[0], SpatialWindow().at(1)(category=99))  # asks for no category


def test_a_list_of_sources_is_tried_one_by_one(observer, images):
    tried = [feature(1).at(2)(category=c, strength=0.5) for c in range(CATEGORIES)]
    tried.append(Arousal(0.5).at(1))
    found = observer(images, tried)
    assert found.shape == (CATEGORIES + 1, IMAGES, CATEGORIES)
    for row, attention in zip(found, tried, strict=True):
        np.testing.assert_allclose(row, observer(images, attention), **CLOSE)
    np.testing.assert_allclose(observer(images[2], tried), found[:, 2], **CLOSE)


def test_images_and_sources_go_in_one_program(observer, images):
    attention = feature(1).at("conv2")(category=1)
    strengths = jnp.asarray([0.0, 0.4])

    @jax.jit
    def logits(strengths):
        seen = observer.first_pass(images)
        return jax.lax.map(
            lambda b: observer.next_pass(seen, attention(strength=b)).logits, strengths
        )

    found = logits(strengths)
    np.testing.assert_allclose(found[0], observer(images), **CLOSE)
    np.testing.assert_allclose(found[1], observer(images, attention(strength=0.4)), **CLOSE)


def test_gradients_reach_the_strength(observer, images):
    attention = feature(0).at("conv1")(category=1)

    def logit(strength):
        return observer(images[0], attention(strength=strength))[1]

    both = jax.jit(jax.value_and_grad(logit))
    slope = both(0.3)[1]
    quotient = (both(0.32)[0] - both(0.28)[0]) / 0.04
    # Steady states to 1e-5 of 50 Hz, over .04; a curve that is nearly straight there.
    assert float(slope) == pytest.approx(float(quotient), rel=0.05, abs=0.05)


def test_later_passes_start_from_what_the_last_one_left(images):
    observer = observer_of("circuits")
    attention = Arousal(0.5).at("conv1")
    seen = observer.first_pass(images)
    after = observer.next_pass(seen, attention)
    # The same attention once more: circuits are where it takes them already.
    twice = observer.next_pass(after, attention)
    np.testing.assert_allclose(twice.logits, after.logits, **CLOSE)
    np.testing.assert_array_equal(twice.layers[0].input, images)
    assert after.settled.all()
    assert after.patterns[0].shape == (IMAGES, *systems.SHAPES[0])
    # Attention at the top alone leaves what lies below as it was.
    top = observer.next_pass(seen, Arousal(0.5).at("conv2"))
    assert systems.identical(top.layers[0], seen.layers[0])


def test_a_pass_tells_what_each_layer_does(observer, images):
    found = observer.first_pass(images)
    responses = eqx.filter_jit(observer.system.respond)(images[2])
    np.testing.assert_allclose(
        found.layers[1].input[2], responses[0].with_skip, rtol=1e-3, atol=1e-3
    )
    for layer, response in zip(found.layers, responses, strict=True):
        for name in ("E", "I"):
            mean = jnp.mean(getattr(response.rates, name), axis=(1, 2))
            np.testing.assert_allclose(getattr(layer.means, name)[2], mean, rtol=1e-3, atol=1e-3)


def test_an_observer_is_fitted_to_ordinary_images():
    """Detectors of the readout's units; feature attention by the tuning of a layer's maps."""
    rng = np.random.default_rng(3)
    labels = np.arange(60) % CATEGORIES
    shown = np.array(systems.images(60))
    shown[np.arange(60), 0, 2 * labels] += 1.0  # a bright row for each category
    order = rng.permutation(60)
    shown, labels = shown[order], labels[order]
    observer = Observer.fit(ConvNetwork(systems.network().stages, jnp.ravel), shown, labels)
    assert np.mean(np.argmax(observer(shown), axis=1) == labels) > 0.9
    tuning = FeatureSimilarity.fit(observer, shown, labels, at="conv2")
    means = observer.mean_responses(shown, at=2)
    outputs = jax.jit(jax.vmap(observer.system.respond))(jnp.asarray(shown))[1].output
    np.testing.assert_allclose(means, np.mean(outputs, axis=(2, 3)), rtol=1e-4, atol=1e-5)
    expected = tuning_values(jnp.asarray(means), jnp.asarray(labels), CATEGORIES)
    np.testing.assert_allclose(tuning.sources[0].values, expected, rtol=1e-5)
    assert tuning.layers == ("conv2",)
    # What is sought looks more like itself, on average over all images.
    attended = [observer(shown, tuning(category=c, strength=0.3))[:, c] for c in range(CATEGORIES)]
    assert np.mean(attended) > np.mean(observer(shown))


def refused():
    """What is wrong, and the line that says so."""
    shown = np.asarray(systems.images(6))
    labels = np.arange(6) % CATEGORIES
    one, fit = shown[0], Observer.fit
    window = SpatialWindow()
    return {
        "no images": (lambda o: o(one[0]), "images: found shape (9, 7), allowed: (channels"),
        "no layer": (lambda o: o(one, window.at("conf2")), "at: found 'conf2', allowed: conv1, "),
        "layer 0": (
            lambda o: o(one, window.at(0)),
            "at: found 0, allowed: conv1, conv2, or 1",
        ),
        "a source": (lambda o: o(one, window), "attention: found SpatialWindow, allowed: an Att"),
        "a category": (
            lambda o: o(one, feature(0).at(1)(category=CATEGORIES)),
            "category: found 3, allowed: 0 to 2",
        ),
        "some queries": (
            lambda o: o(shown, feature(0).at(1)(category=np.arange(2))),
            "category: found shape (2,), allowed: () or (6,)",
        ),
        "no strength": (
            lambda o: NoAttention().at(1)(strength=2.0),
            "strength: found 2.0 for NoAttention, allowed: none",
        ),
        "no system": (lambda o: fit(one, shown, labels), "system: found ndarray, allowed: a Vis"),
        "one image": (lambda o: fit(o.system, one, labels), "images: found shape (1, 9, 7), all"),
        "few labels": (lambda o: fit(o.system, shown, labels[:2]), "labels: found int64 of shape"),
        "odd labels": (lambda o: fit(o.system, shown, labels - 1), "labels: found -1, allowed: 0"),
        "unknown labels": (
            lambda o: FeatureSimilarity.fit(o, shown, labels + 1, at=1),
            "labels: found 3, allowed: 0 to 2",
        ),
        "no observer": (
            lambda o: FeatureSimilarity.fit(o.system, shown, labels, at=1),
            "observer: found VisualSystem, allowed: an Observer",
        ),
    }


@pytest.mark.parametrize("name", refused())
def test_what_does_not_fit_is_refused_in_one_line(name):
    call, line = refused()[name]
    assert refusal(call, observer_of("plain")).startswith(line)
