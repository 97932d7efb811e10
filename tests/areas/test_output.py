"""Output maps: monotone, zero at zero, and how well they fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import IsotonicMap, PowerMap

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
