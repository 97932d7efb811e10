"""What is learned from ordinary images: responses, gradients, values."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import BalancedSet, CategorySet, normalised_by_layer
from cortex.tasks import (
    Observer,
    all_gradient_values,
    all_tuning_values,
    balanced_pairs,
    balanced_rows,
    in_batches,
    logit_gradients,
    respond_to_all,
    with_controls,
)
from tests.areas import systems
from tests.reference import attention as reference
from tests.tasks.observers import CATEGORIES, observer_of

COUNT = 11
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 1])


@pytest.mark.parametrize("kind", ["plain", "circuits"])
def test_all_layers_in_one_pass(kind):
    system = observer_of(kind).system
    shown = systems.images(COUNT, seed=3)
    told = []
    found = respond_to_all(system, in_batches(lambda r: shown[r], COUNT, 4), told.append)
    assert told == [4, 4, 3]
    assert found.settled == 1
    respond = eqx.filter_jit(system.respond)
    responses = [respond(x) for x in shown]
    units = [system.readout.units(r[-1].output) for r in responses]
    # Circuits settle to 1e-5 of their rates.
    np.testing.assert_allclose(found.units, units, rtol=1e-3, atol=1e-3)
    for layer, means in enumerate(found.means):
        expected = [np.mean(r[layer].rates.E, axis=(1, 2)) for r in responses]
        np.testing.assert_allclose(means, expected, rtol=1e-3, atol=1e-4)
    tuning = all_tuning_values(found.means, LABELS, CATEGORIES)
    for values, means in zip(tuning, found.means, strict=True):
        active = means.std(axis=0) > 1e-3 * means.max()  # of others the spread is rounding
        assert active.sum() >= 2
        expected = reference.tuning_values(means[:, active].astype(float), LABELS, CATEGORIES)
        np.testing.assert_allclose(values[:, active], expected, atol=1e-4)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("over", [BalancedSet(), CategorySet()])
def test_gradient_values_from_images_to_numbers(over):
    """On a network of two layers, against differences of the error in plain NumPy."""
    stages, (hidden_weight, hidden_bias, *_) = systems.pieces()
    observer = jax.tree.map(lambda x: jnp.asarray(x, float), observer_of("plain"))
    observer = Observer(
        type(observer.system).plain(systems.network()), observer.detectors
    )  # of double precision
    weight = np.asarray(observer.detectors.weight)
    bias = np.asarray(observer.detectors.bias)
    shown = systems.images(COUNT)
    pairs = balanced_pairs(LABELS, CATEGORIES, 2, np.random.default_rng(0))
    expected = [[[] for _ in range(CATEGORIES)] for _ in range(2)]
    for row, category, present in zip(*pairs, strict=True):
        outputs = reference.layers(np.asarray(shown[row]), stages)
        for layer in range(2):

            def errors(output, above=stages[layer + 1 :], c=category, there=present):
                top = reference.layers(output, above)[-1] if above else output
                units = reference.units(top, hidden_weight, hidden_bias, 2)
                return np.array([reference.cross_entropy(weight[c] @ units + bias[c], there)])

            slope = reference.error_slopes(errors, outputs[layer])[0]
            if present or isinstance(over, BalancedSet):
                expected[layer][category].append(slope)
    found = logit_gradients(observer, lambda rows: shown[rows], pairs, batch=5)
    values = all_gradient_values(found, CATEGORIES, over, lambda v: v)
    for layer in range(2):
        # As many images of a category as of others: a plain mean is the balanced one.
        wanted = -np.array([np.mean(rows, axis=0) for rows in expected[layer]])
        # Differences with a step of 1e-6 in float64.
        np.testing.assert_allclose(values[layer], wanted, rtol=1e-5, atol=1e-8)
        assert np.abs(wanted).max() > 1e-4
    upper = logit_gradients(observer, lambda rows: shown[rows], pairs, batch=5, first=1)
    assert np.all(np.isnan(upper.gradients[0]))
    assert upper.gradients[0].shape == found.gradients[0].shape
    # The same numbers from a shorter program, which may round differently.
    np.testing.assert_allclose(upper.gradients[1], found.gradients[1], rtol=1e-9)
    np.testing.assert_allclose(upper.logits, found.logits, rtol=1e-9)
    normalised = all_gradient_values(found, CATEGORIES, over, normalised_by_layer)
    np.testing.assert_allclose(np.abs(normalised[0]).max(axis=1), 1, rtol=1e-9)


def test_balanced_rows():
    labels = np.repeat(np.arange(4), (10, 6, 8, 3))
    found = balanced_rows(labels, 4, 6, np.random.default_rng(0))
    for category, rows in enumerate(found):
        inside = labels[rows] == category
        count = min(6, int((labels == category).sum()))
        assert inside.sum() == (~inside).sum() == count
        assert len(set(rows)) == len(rows)
        others = np.bincount(labels[rows[~inside]], minlength=4)
        rest = np.delete(others, category)
        assert rest.max() - rest.min() <= 1  # each of the others alike
    rows, category, present = balanced_pairs(labels, 4, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(present, labels[rows] == category)
    np.testing.assert_array_equal(np.bincount(category), [6, 6, 6, 6])


def test_controls():
    tuning = tuple(jax.random.normal(jax.random.key(n), (3, n)) for n in (20, 30))
    found = with_controls(tuning, jax.random.key(0))
    assert set(found) == {"tuning", "shuffled", "negated", "uniform", "nothing"}
    for layer, values in enumerate(tuning):
        np.testing.assert_array_equal(found["negated"][layer], -values)
        assert not np.any(found["nothing"][layer])
        mixed = found["shuffled"][layer]
        np.testing.assert_array_equal(np.sort(mixed, axis=1), np.sort(values, axis=1))
        assert np.any(mixed != values)
        np.testing.assert_allclose(np.std(found["uniform"][layer], axis=1), 0, atol=1e-6)
