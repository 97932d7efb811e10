"""Output maps: curves that rise from zero, sums over maps, and how well they fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import IsotonicMap, LinearMap, PowerMap

KINDS = [PowerMap, IsotonicMap]


def samples(seed=0, maps=3, count=400):
    """Sparse rates, and three monotone functions of them with noise."""
    rng = np.random.default_rng(seed)
    rates = 40 * rng.uniform(size=(maps, count)) ** 3
    shapes = np.stack([0.3 * np.sqrt(rates[0]), np.minimum(rates[1], 8) / 4, rates[2] ** 2 / 500])
    return rates, np.maximum(shapes + 0.02 * rng.normal(size=shapes.shape), 0)


def apply(fitted, rates):
    return np.asarray(fitted(jnp.asarray(rates, jnp.float32)[:, :, None])[:, :, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_monotone_and_zero_at_zero(kind):
    rates, outputs = samples()
    fitted = kind.fit(rates, outputs)
    line = np.tile(np.linspace(0, 80, 300), (3, 1))  # twice as far as was seen
    found = apply(fitted, line)
    # A float32 difference of two powers.
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-6)
    assert (np.diff(found) >= -1e-6).all()
    assert (found[:, -1] > found[:, 150]).all()  # it goes on beyond the data


def test_isotonic_fits_at_least_as_well():
    rates, outputs = samples()
    error = {k: ((apply(k.fit(rates, outputs), rates) - outputs) ** 2).mean(1) for k in KINDS}
    # 32 knots, and values moved to zero at zero, cost less than the noise's own 4e-4.
    assert (error[IsotonicMap] <= error[PowerMap] + 5e-5).all()
    assert error[IsotonicMap][1] < 0.5 * error[PowerMap][1]  # saturation is no power law
    assert (error[IsotonicMap] < 6e-4).all()


def test_power_map_recovers_a_power_law():
    rates = np.random.default_rng(1).uniform(0, 30, (2, 500))
    scale, exponent = np.array([[0.2], [1.5]]), np.array([[0.45], [1.3]])
    outputs = scale * ((rates + 0.5) ** exponent - 0.5**exponent)
    fitted = PowerMap.fit(rates, outputs)
    # The grid of exponents has steps of 4 %.
    np.testing.assert_allclose(np.exp(fitted.log_exponent), exponent[:, 0], rtol=0.02)
    np.testing.assert_allclose(apply(fitted, rates), outputs, atol=0.01 * outputs.max())


def test_power_map_is_smooth_at_zero():
    """The slope at silence is finite, and that of the formula, on both sides."""
    fitted = PowerMap(jnp.log(jnp.array([0.3])), jnp.log(jnp.array([0.4])))

    def slope(rate):
        return jax.grad(lambda r: fitted(r.reshape(1, 1, 1))[0, 0, 0])(rate)

    expected = 0.3 * 0.4 * 0.5 ** (0.4 - 1)
    assert float(slope(jnp.array(0.0))) == pytest.approx(expected, rel=1e-5)
    assert float(slope(jnp.array(1e-3))) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_map_stays_dead(kind):
    rates, outputs = samples()
    rates[1], outputs[1] = 0, 0
    found = apply(kind.fit(rates, outputs), np.tile(np.linspace(0, 5, 10), (3, 1)))
    assert np.isfinite(found).all()
    assert np.abs(found[1]).max() < 1e-4


def test_isotonic_fits_what_is_active():
    """Silence sends nothing, and takes nothing away from what activity sends."""
    rates, outputs = samples()
    fitted = IsotonicMap.fit(rates, outputs)
    # Half of the samples fall silent, although the plain layer had large outputs there.
    more = np.concatenate([rates, np.zeros_like(rates)], axis=1)
    silenced = IsotonicMap.fit(more, np.concatenate([outputs, outputs + 3.0], axis=1))
    np.testing.assert_array_equal(silenced.outputs, fitted.outputs)
    np.testing.assert_array_equal(np.asarray(fitted.outputs)[:, 0], 0.0)


def test_a_map_that_was_hardly_active_is_not_blown_up():
    rates, outputs = samples()
    rates[1] *= 1e-4  # at most .004 Hz, for outputs up to 2
    fitted = IsotonicMap.fit(rates, outputs)
    top, limit = outputs[1].max(), rates.max() / 20
    found = apply(fitted, np.tile(np.linspace(0, rates.max(), 50), (3, 1)))[1]
    # On from its largest output, no steeper than to there over 1/20 of the layer's largest rate.
    assert found.max() <= 1.05 * top * (1 + rates.max() / limit)
    assert found.max() < 25 * top


def mixed(count=900, maps=12, seed=4):
    """Outputs, and the rates of units that each get the drive of their map less a common pool."""
    rng = np.random.default_rng(seed)
    outputs = rng.exponential(size=(maps, count)) * rng.uniform(0.5, 2, (1, count))
    return 0.04 * (10 * outputs - 6 * outputs.mean(axis=0) + 20) ** 2, outputs


def test_a_linear_map_takes_back_what_a_pool_took_away():
    rates, outputs = mixed()
    left = {}
    for kind in (LinearMap, IsotonicMap):
        error = apply(kind.fit(rates[:, :600], outputs[:, :600]), rates[:, 600:]) - outputs[:, 600:]
        left[kind] = (error**2).mean() / outputs[:, 600:].var()
    assert left[LinearMap] < 0.002 < 0.02 < left[IsotonicMap]


def test_a_linear_map_is_ridge_regression_of_what_a_line_a_map_leaves():
    rates, outputs = mixed(count=50)
    root = np.sqrt(rates + 0.05)
    root -= root.mean(axis=1, keepdims=True)
    wanted = outputs - outputs.mean(axis=1, keepdims=True)
    ridge = 0.01 * (root**2).sum() / len(root)
    own = (root * wanted).sum(1) / ((root**2).sum(1) + ridge)
    # As ordinary least squares on samples to which the penalty is added as more samples.
    more = np.concatenate([root, np.sqrt(ridge) * np.eye(len(root))], axis=1)
    rest = np.concatenate([wanted - own[:, None] * root, np.zeros((len(root),) * 2)], axis=1)
    expected = np.linalg.lstsq(more.T, rest.T, rcond=None)[0].T + np.diag(own)
    fitted = LinearMap.fit(rates, outputs, penalty=0.01)
    np.testing.assert_allclose(fitted.weight, expected, rtol=1e-3, atol=1e-5)
    means = apply(fitted, rates).mean(axis=1)
    np.testing.assert_allclose(means, outputs.mean(axis=1), rtol=0.02)  # but for rectification


def test_a_linear_map_is_finite_and_smooth_at_silence_and_where_maps_are_dead():
    rates, outputs = mixed()
    rates[3], outputs[3] = 0, 0
    rates[5] = 1e-6 * outputs[5]
    fitted = LinearMap.fit(rates, outputs)
    assert np.abs(fitted.weight).max() < 1
    slope = jax.grad(lambda r: jnp.sum(fitted(r)))(jnp.zeros((12, 1, 1)))
    assert np.isfinite(slope).all()
