"""Observers that look with and without attention, at easy and at hard images."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import VisualSystem
from cortex.attention import (
    Additive,
    BalancedSet,
    CategorySet,
    Multiplicative,
    gradient_values,
    normalised_by_layer,
    tuning_values,
)
from cortex.circuit import Relax
from cortex.stimuli import TaskSet, quadrant_mask
from cortex.tasks import Detectors
from cortex.tasks.observer import AttentionState, Observer, detect, look_at_all
from cortex.tasks.study import HardTask, Source, attention_sources, learn
from tests.areas import systems

CATEGORIES, IMAGES = 3, 6
COUNT = 24
KINDS = ["plain", "circuits"]


def task(seed=7):
    """Hard images of noise; the category in a quadrant of the positive ones."""
    rng = np.random.default_rng(seed)
    shape = (CATEGORIES, IMAGES)
    present = np.tile(np.arange(IMAGES) % 2 == 0, (CATEGORIES, 1))
    quadrant = np.where(present, rng.integers(0, 4, shape), -1)
    shown = rng.uniform(size=(*shape, *systems.IMAGE[1:])) ** 2
    return TaskSet(
        jnp.asarray(shown, jnp.float32),
        jnp.asarray(present),
        jnp.asarray(quadrant, jnp.int32),
        jnp.zeros((*shape, 1), jnp.int32),
    )


def observer_of(kind):
    if kind == "plain":
        system = VisualSystem.plain(systems.network())
    else:
        accurate = Relax(dt=2.0, duration=2000.0, rtol=1e-5, atol=1e-5)
        system = systems.with_circuits(settling=accurate)
    rng = np.random.default_rng(0)
    weight = jnp.asarray(rng.normal(size=(CATEGORIES, 6)), jnp.float32)
    return Observer(system, Detectors(weight, jnp.linspace(-0.5, 0.5, CATEGORIES)))


@pytest.fixture(scope="module", params=KINDS)
def hard(request):
    return HardTask(observer_of(request.param), task(), lambda n: None)


@pytest.fixture(scope="module")
def source():
    keys = jax.random.split(jax.random.key(2), 2)
    rows = zip(keys, systems.MAPS, strict=True)
    return Source(tuple(0.5 * jax.random.normal(k, (CATEGORIES, n)) for k, n in rows))


def attend(hard, source, strengths, spatial=(0.0, 0.0), form=None):
    return hard.attend(source, strengths, spatial, form or Multiplicative(), lambda n: None)


@eqx.filter_jit
def fully(observer, image, state):
    """One image with attention, all areas from silence."""
    return observer.look(image, state)


def by_hand(hard, source, strengths, spatial, form):
    """Scores one by one; attended are the quadrant of the category, or each in turn."""
    shown, quadrant = task().images, np.asarray(task().quadrant)
    scores = np.zeros((CATEGORIES, IMAGES))
    for c in range(CATEGORIES):
        for n in range(IMAGES):
            cued = int(quadrant[c, n]) if quadrant[c, n] >= 0 else n // 2 % 4
            state = AttentionState(
                tuple(v[c] for v in source.values),
                jnp.asarray(strengths, float),
                tuple(quadrant_mask(shape[1:], cued) for shape in systems.SHAPES),
                jnp.asarray(spatial, float),
                form,
            )
            scores[c, n] = fully(hard.observer, shown[c, n][None], state).logits[c]
    return scores


# Logits of order 5 from rates of order 50, found twice to a residual of 1e-5 times the
# amplification; in a plain network, float32 sums.
CLOSE = {"rtol": 0, "atol": 3e-3}


def test_unattended(hard):
    shown = task().images
    for c in range(CATEGORIES):
        for n in range(2):
            logits = fully(hard.observer, shown[c, n][None], None).logits
            assert hard.unattended.scores[c, n] == pytest.approx(float(logits[c]), abs=3e-3)
    assert hard.unattended.settled == 1
    assert [r.shape for r in hard.unattended.rates_E] == [(CATEGORIES, n) for n in systems.MAPS]
    look = look_at_all(hard.observer, shown[1][:, None])
    for layer in range(2):
        means = np.mean(look.rates[layer].E, axis=(0, 2, 3))
        np.testing.assert_allclose(hard.unattended.rates_E[layer][1], means, rtol=1e-3, atol=1e-4)


def test_what_did_not_settle_is_said():
    """One image in a category makes the circuit run away: its score is NaN, no other is."""
    observer = observer_of("circuits")
    J = dict(systems.J, EI=1.0)
    wild = systems.circuit_area(systems.network().stages[0], systems.SHAPES[0], J=J)
    observer = eqx.tree_at(lambda o: o.system.areas[0], observer, wild)
    images = task()
    dim = eqx.tree_at(lambda t: t.images, images, (0.01 * images.images).at[1, 2].set(5.0))
    hard = HardTask(observer, dim, lambda n: None)
    lost = np.isnan(hard.unattended.scores)
    assert lost[1, 2]
    assert lost.sum() == 1
    assert hard.unattended.settled == pytest.approx(1 - 1 / (CATEGORIES * IMAGES))


def test_attention_of_strength_zero_changes_nothing(hard, source):
    for form in (Multiplicative(), Additive(2.0, to_I=0.5)):
        outcome = attend(hard, source, (0.0, 0.0), form=form)
        np.testing.assert_allclose(outcome.scores, hard.unattended.scores, **CLOSE)
        assert np.isfinite(outcome.rates_E[0]).all()
        assert outcome.settled == 1


@pytest.mark.parametrize("layer", [0, 1])
def test_attention_to_one_layer(hard, source, layer):
    """From that layer on alone, and the same as from the image on."""
    strengths = 0.8 * np.eye(2)[layer]
    outcome = attend(hard, source, strengths)
    expected = by_hand(hard, source, strengths, (0.0, 0.0), Multiplicative())
    np.testing.assert_allclose(outcome.scores, expected, **CLOSE)
    assert np.abs(expected - hard.unattended.scores).max() > 0.05
    # Areas below were not computed again, and are not given out as if they were.
    assert np.isnan(outcome.rates_E[0]).all() == (layer == 1)
    assert np.isfinite(outcome.rates_E[1]).all()
    assert [r.shape for r in outcome.rates_I] == [(CATEGORIES, n) for n in systems.MAPS]


def test_attention_to_places_and_features(hard, source):
    strengths, spatial, form = (0.4, 0.2), (0.0, 0.5), Multiplicative(bidirectional=False)
    outcome = attend(hard, source, strengths, spatial, form)
    expected = by_hand(hard, source, strengths, spatial, form)
    np.testing.assert_allclose(outcome.scores, expected, **CLOSE)
    elsewhere = attend(hard, source, strengths, form=form)
    assert np.abs(elsewhere.scores - outcome.scores).max() > 0.05


def test_scores_do_not_depend_on_the_company(hard, source):
    """Alone in its batch, in another order, or in another thread, an image scores the same."""
    strengths = (0.5, 0.5)
    whole = attend(hard, source, strengths)
    again = attend(hard, source, strengths)
    np.testing.assert_array_equal(whole.scores, again.scores)
    order = np.array([3, 0, 5])
    state = AttentionState(
        tuple(v[1] for v in source.values),
        jnp.asarray(strengths),
        tuple(jnp.zeros(shape[1:]) for shape in systems.SHAPES),
        jnp.zeros(2),
    )
    scores, _, _ = detect(
        hard.observer,
        hard.inputs[1][0][order],
        state,
        tuple(mask[order] for mask in hard.masks[1]),
        tuple(start.map(lambda r: r[order]) for start in hard.initials[1]),
        jnp.asarray(1),
        0,
    )
    np.testing.assert_allclose(scores, whole.scores[1, order], **CLOSE)


def test_nothing_is_compiled_for_another_strength(hard, source):
    """Strength, source, category and the form's numbers are data."""
    attend(hard, source, (0.0, 0.3), form=Additive(1.0))
    other = Source(tuple(-v for v in source.values))
    compiled = detect._cached._cache_size()
    assert compiled > 0
    attend(hard, other, (0.0, 0.7), form=Additive(2.0))
    assert detect._cached._cache_size() == compiled


def ordinary():
    labels = jnp.asarray(np.arange(COUNT) % CATEGORIES)
    shown = systems.images(COUNT, seed=3)
    # Each category brighter in a part of its own.
    rows = jnp.arange(9)[None, None, :, None] // 3 == labels[:, None, None, None]
    return shown + rows, labels


@pytest.fixture(scope="module")
def learned():
    return learn(VisualSystem.plain(systems.network()), *ordinary(), CATEGORIES)


def test_learning(learned):
    shown, labels = ordinary()
    responses = [learned.observer.system.respond(x) for x in shown]
    for layer in range(2):
        means = np.stack([np.asarray(r[layer].rates.E).mean(axis=(1, 2)) for r in responses])
        np.testing.assert_allclose(learned.means[layer], means, rtol=1e-5, atol=1e-6)
    units = np.stack([learned.observer.system.readout.units(r[-1].output) for r in responses])
    fitted = Detectors.fit(units, np.asarray(labels), CATEGORIES)
    np.testing.assert_allclose(learned.observer.detectors.weight, fitted.weight, atol=1e-3)


def test_sources(learned):
    shown, labels = ordinary()
    # Another threshold: at the optimum of balanced detectors, the mean error over a balanced set
    # is zero, and so are gradients that are the same for all images.
    moved = eqx.tree_at(lambda o: o.detectors.bias, learned.observer, replace_fn=lambda b: b + 0.5)
    learned = learned._replace(observer=moved)
    sources = attention_sources(
        learned, shown, labels, COUNT, normalised_by_layer, jax.random.key(0)
    )
    tuning = sources["tuning"].values
    for layer in range(2):
        expected = tuning_values(learned.means[layer], labels, CATEGORIES)
        np.testing.assert_allclose(tuning[layer], expected, atol=1e-6)
        np.testing.assert_array_equal(sources["negated"].values[layer], -tuning[layer])
        for name in ("gradient_category", "gradient_balanced"):
            largest = np.abs(sources[name].values[layer]).max(axis=1)
            np.testing.assert_allclose(largest, 1, rtol=1e-6)
        mixed = np.sort(sources["shuffled"].values[layer], axis=1)
        np.testing.assert_array_equal(mixed, np.sort(tuning[layer], axis=1))
        assert not np.any(sources["spatial"].values[layer])
        both = sources["spatial_and_tuning"].values[layer]
        np.testing.assert_array_equal(both, tuning[layer])
    assert {n for n, s in sources.items() if s.to_place} == {"spatial", "spatial_and_tuning"}
    # The last layer's slopes are those of readout and detectors, without a stage between.
    observer = learned.observer

    def logits(output):
        return observer.detectors(observer.system.readout.units(output))

    def slope(x):
        jacobian = jax.jacrev(logits)(observer.system.respond(x)[-1].output)
        return jacobian.mean(axis=(2, 3)), observer.look(x).logits

    slopes, found = eqx.filter_jit(eqx.filter_vmap(slope))(shown)
    for name, over in (("gradient_category", CategorySet()), ("gradient_balanced", BalancedSet())):
        expected = normalised_by_layer(gradient_values(slopes, found, labels, over))
        np.testing.assert_allclose(sources[name].values[1], expected, atol=1e-4)


def test_gradient_images_are_taken_evenly(learned):
    """Nine of twenty-four images: three of each category, whatever their order."""
    shown, labels = ordinary()
    seen = []

    def record(values):
        seen.append(values)
        return values

    order = np.argsort(np.asarray(labels), kind="stable")
    first = np.concatenate([order[8 * c : 8 * c + 3] for c in range(CATEGORIES)])
    few = attention_sources(learned, shown, labels, 9, record, jax.random.key(0))
    these = learned._replace(means=tuple(m[first] for m in learned.means))
    same = attention_sources(these, shown[first], labels[first], 9, record, jax.random.key(0))
    for name in ("gradient_category", "gradient_balanced"):
        np.testing.assert_allclose(few[name].values[0], same[name].values[0], atol=1e-6)
    assert len(seen) == 8
