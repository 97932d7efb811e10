"""Training a source through circuits: the gradient, what it changes, and what it leaves alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Additive, EnergyMatched, NoAttention
from cortex.attention.feedback import FeedbackGain
from cortex.attention.gates import AttentionGate, ResidualMask
from cortex.attention.soft import SoftAttention
from cortex.circuit import FixedPointIteration
from cortex.models.learned.hard_digits import concatenate, look_first, rows
from cortex.models.learned.through_circuits import (
    Choices,
    Training,
    asked,
    asked_logits,
    attend_to_all,
    choice_error,
    draw_pairs,
    train,
    trainable,
)
from cortex.tasks import Detectors, Observer
from tests.areas import systems
from tests.tasks.observers import CATEGORIES, IMAGES, NoiseTrials

LAYER, MAPS = 1, systems.MAPS[1]
SOURCES = {
    "soft": lambda key: SoftAttention.random(key, MAPS, CATEGORIES, 3, 5),
    "feedback": lambda key: FeedbackGain.random(key, MAPS, CATEGORIES, 3, 5),
    "gate": lambda key: AttentionGate.random(key, MAPS, CATEGORIES, 3, 5),
    "mask": lambda key: ResidualMask.random(key, MAPS, 3),
}
error_of = eqx.filter_jit(choice_error)


def observer(solver):
    """In the precision in use, which the detectors of the other tests are not."""
    weight = np.random.default_rng(0).normal(size=(CATEGORIES, 6))
    detectors = Detectors(jnp.asarray(weight, float), jnp.zeros(CATEGORIES))
    return Observer(systems.with_circuits(solver=solver), detectors)


def choices(who, pairs=1):
    """The first images beside the last ones."""
    looks = who.first_pass(jnp.asarray(systems.images(2 * pairs), float))
    half = slice(pairs), slice(pairs, None)
    return Choices(*(rows(looks, one) for one in half), asked(jnp.arange(pairs) % CATEGORIES))


@pytest.fixture(scope="module")
def shown():
    """Images of noise, half of which have what each is asked for."""
    who, trials = observer(systems.SOLVER), NoiseTrials()
    shows = np.zeros((CATEGORIES, IMAGES, CATEGORIES), bool)
    for category in range(CATEGORIES):
        shows[category, trials.present[category], category] = True
    return look_first(who, trials, shows, LAYER)


@pytest.mark.slow
def test_the_gradient_is_that_of_finite_differences(x64):
    """Through two passes: the second reads the state that the first left."""
    who = observer(systems.TIGHT)
    pair = choices(who)
    source = SOURCES["feedback"](jax.random.key(3))
    parameters, fixed = eqx.partition(source, trainable(source))

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def error(moved):
        return choice_error(eqx.combine(moved, fixed), who, pair, LAYER, 0.3, 2)[0]

    leaves, structure = jax.tree.flatten(parameters)
    rng = np.random.default_rng(1)
    way = jax.tree.unflatten(structure, [rng.normal(size=leaf.shape) for leaf in leaves])
    step = 1e-5
    up, down = (
        error(jax.tree.map(lambda leaf, along, s=s: leaf + s * along, parameters, way))[0]
        for s in (step, -step)
    )
    gradient = error(parameters)[1]
    slope = sum(
        np.sum(np.asarray(g) * along)
        for g, along in zip(jax.tree.leaves(gradient), jax.tree.leaves(way), strict=True)
    )
    # Third derivatives times step² = 1e-10, and states to 1e-12 of their size over the step.
    assert float(slope) == pytest.approx(float((up - down) / (2 * step)), rel=1e-5)
    assert abs(float(slope)) > 1e-4


def test_the_error_is_that_of_a_choice_between_two_images():
    who = observer(systems.SOLVER)
    pair = choices(who)
    source = SOURCES["soft"](jax.random.key(1))
    loss, facts = error_of(source, who, pair, LAYER, 0.3)
    both = concatenate([pair.having, pair.lacking])
    attention = EnergyMatched(source, 0.3).at(LAYER + 1)
    z = np.asarray(who.next_pass(both, attention).logits, float)
    apart = z[0, 0] - z[1, 0]
    assert float(loss) == pytest.approx(
        np.log1p(np.exp(-apart)), rel=1e-4
    )  # states to 1e-4, single precision
    assert bool(facts["right"]) == (apart > 0)
    assert float(facts["unsettled"]) == 0


@pytest.mark.slow
def test_training_lowers_the_error_and_leaves_the_rest(shown):
    who = observer(systems.SOLVER)
    source = eqx.tree_at(
        lambda s: s.form, SOURCES["feedback"](jax.random.key(0)), Additive(scale=3.0)
    )
    told = []
    settings = Training(layer=LAYER, epochs=10, batch=9, learning_rate=3e-2)
    trained, curve = train(source, who, [shown], 0, settings, lambda *row: told.append(row))
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert told == list(enumerate(curve))
    assert len(curve) == 10
    assert {"loss", "right", "unsettled"} == set(curve[0])
    assert systems.identical(trained.form, source.form)
    assert not systems.identical(trained.policy, source.policy)


def test_pairs_have_every_image_with_all_that_it_shows():
    rng = np.random.default_rng(0)
    shows = rng.uniform(size=(20, 4)) < 0.5
    pairs = draw_pairs(shows, np.random.default_rng(1))
    having = sorted((int(image), int(category)) for image, _, category in pairs)
    assert having == sorted(zip(*map(np.ndarray.tolist, np.nonzero(shows)), strict=True))
    assert not any(shows[other, category] for _, other, category in pairs)
    assert not np.array_equal(pairs, draw_pairs(shows, np.random.default_rng(2)))


@pytest.mark.parametrize("name", SOURCES)
def test_everything_but_the_form_is_trained(name):
    source = SOURCES[name](jax.random.key(0))
    trained = eqx.filter(source, trainable(source))
    assert jax.tree.leaves(trained.form) == []
    wanted = eqx.tree_at(lambda s: s.form, eqx.filter(source, eqx.is_array), None)
    assert len(jax.tree.leaves(trained)) == len(jax.tree.leaves(wanted)) > 0


def test_looks_that_do_not_settle_do_not_count():
    hasty = observer(FixedPointIteration(dt=2.0, duration=2.0, rtol=1e-9, atol=1e-9))
    loss, facts = error_of(SOURCES["gate"](jax.random.key(0)), hasty, choices(hasty), LAYER, 0.3)
    assert float(loss) == 0
    assert float(facts["unsettled"]) == 1


def test_images_in_order_with_their_queries(shown):
    trials = NoiseTrials()
    assert len(shown) == CATEGORIES * IMAGES
    np.testing.assert_array_equal(shown.queries.category, np.repeat(np.arange(CATEGORIES), IMAGES))
    np.testing.assert_array_equal(shown.present, trials.present.ravel())
    # Quadrants as a page is read: 1 is at the top right.
    right = np.flatnonzero(np.asarray(shown.quadrant) == 1)
    np.testing.assert_array_equal(shown.queries.place[right[0]], [0.25, 0.75])
    own = np.take_along_axis(np.asarray(shown.shows), shown.queries.category[:, None], axis=1)
    np.testing.assert_array_equal(own[:, 0], trials.present.ravel())


def test_looks_without_attention_are_the_first_ones_and_passes_go_on(shown):
    who, some = observer(systems.SOLVER), rows(shown, slice(5))
    (same,) = attend_to_all(who, some, NoAttention())
    # Settled again from where it had settled, within the tolerance of the search.
    np.testing.assert_allclose(same.logits, some.seen.logits, rtol=1e-3, atol=1e-3)
    assert np.all(same.pattern == 0)
    source = EnergyMatched(SOURCES["feedback"](jax.random.key(0)), 0.3)
    first, second = attend_to_all(who, some, source, passes=2)
    assert first.logits.shape == second.logits.shape == (5, CATEGORIES)
    assert not np.array_equal(first.pattern, second.pattern)
    np.testing.assert_array_equal(asked_logits(first.logits, some), first.logits[:, 0])
