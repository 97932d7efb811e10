"""Measures of responses against NumPy and by what they must be."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.analysis import (
    attention_ratio,
    modulation_index,
    pair_weights,
    sum_weight,
    summation_field,
    suppression_index,
)


def test_pair_weights_are_least_squares():
    rates = np.random.default_rng(0).uniform(0, 40, (4, 3, 50))
    found = pair_weights(jnp.asarray(rates))
    for row, weights in zip(rates, np.asarray(found), strict=True):
        expected = np.linalg.lstsq(row[:2].T, row[2], rcond=None)[0]
        np.testing.assert_allclose(weights, expected, rtol=1e-3)


def test_sum_weight_of_a_linear_circuit_is_one():
    first, second = np.random.default_rng(1).uniform(0, 40, (2, 50))
    rates = jnp.asarray(np.stack([first, second, first + second]))
    assert float(sum_weight(rates)) == pytest.approx(1.0, rel=1e-6)
    assert float(sum_weight(rates * jnp.asarray([[1.0], [1.0], [0.5]]))) == pytest.approx(0.5)


def test_size_tuning():
    rates = jnp.asarray([[1.0, 4.0, 2.0, 1.0], [1.0, 2.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(suppression_index(rates), [0.75, 0.0, 0.0])
    np.testing.assert_allclose(
        summation_field(rates, jnp.asarray([0.5, 1.0, 2.0, 4.0]))[:2], [1, 2]
    )

    lost = jnp.asarray([1.0, jnp.nan, 2.0, 1.0])
    assert jnp.isnan(suppression_index(lost))
    assert jnp.isnan(summation_field(lost, jnp.asarray([0.5, 1.0, 2.0, 4.0])))


def test_attention():
    attended, unattended = jnp.asarray([3.0, 1.0, 1.0, 0.0]), jnp.asarray([1.0, 1.0, 0.0, 0.0])
    np.testing.assert_allclose(attention_ratio(attended, unattended), [3, 1, np.nan, np.nan])
    np.testing.assert_allclose(modulation_index(attended, unattended), [0.5, 0, 1, np.nan])
