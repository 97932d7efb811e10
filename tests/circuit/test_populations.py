"""The rectified power law: values, exact derivatives, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import EI, Populations
from cortex.circuit.populations import rectified_power

# Below, at and above threshold.
INPUTS = np.array([-30.0, -1e-3, 0.0, 1e-3, 0.5, 1.0, 7.0, 120.0])


def power(u, n):
    return np.where(u > 0, np.maximum(u, 1e-300) ** n, 0.0)


@pytest.mark.parametrize("n", [1.0, 2.0, 2.2, 0.5])
def test_values(n):
    found = rectified_power(jnp.asarray(INPUTS), jnp.asarray(n))
    np.testing.assert_allclose(found, power(INPUTS, n), rtol=1e-5)  # float32 powers


def test_exponent_a_cell():
    n = np.linspace(1.0, 3.0, INPUTS.size)
    found = rectified_power(jnp.asarray(INPUTS), jnp.asarray(n))
    np.testing.assert_allclose(found, power(INPUTS, n), rtol=1e-5)


def test_an_exponent_in_a_batch():
    """Under vmap the choice between square and power is made lane by lane."""
    exponents = np.array([2.0, 2.2])
    found = jax.vmap(lambda n: rectified_power(jnp.asarray(INPUTS), n))(jnp.asarray(exponents))
    np.testing.assert_allclose(found, [power(INPUTS, n) for n in exponents], rtol=1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("n", [1.0, 2.0, 2.2, "a cell"])
def test_derivatives_are_exact(n):
    n = np.linspace(1.2, 3.0, INPUTS.size) if n == "a cell" else np.full(INPUTS.size, n)
    scalar = np.all(n == n[0])
    u, exponent = jnp.asarray(INPUTS), jnp.asarray(n[0] if scalar else n)
    positive = INPUTS > 0
    safe = np.where(positive, INPUTS, 1.0)
    by_u = np.where(positive, n * safe ** (n - 1), 0.0)
    by_n = np.where(positive, safe**n * np.log(safe), 0.0)
    ones = jnp.ones_like
    forward_u = jax.jvp(lambda v: rectified_power(v, exponent), (u,), (ones(u),))[1]
    forward_n = jax.jvp(lambda m: rectified_power(u, m), (exponent,), (ones(exponent),))[1]
    np.testing.assert_allclose(forward_u, by_u, rtol=1e-12)
    np.testing.assert_allclose(forward_n, by_n, rtol=1e-12)
    back_u, back_n = jax.grad(lambda v, m: jnp.sum(rectified_power(v, m)), (0, 1))(u, exponent)
    np.testing.assert_allclose(back_u, by_u, rtol=1e-12)
    np.testing.assert_allclose(back_n, by_n.sum() if scalar else by_n, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_curvature():
    """The second derivative, which gradients of gains and eigenvalues need."""
    curve = jax.vmap(jax.grad(jax.grad(lambda u: rectified_power(u, jnp.asarray(2.2)))))
    u = jnp.array([-1.0, 0.0, 0.5, 3.0])
    expected = [0.0, 0.0, 2.2 * 1.2 * 0.5**0.2, 2.2 * 1.2 * 3**0.2]
    np.testing.assert_allclose(curve(u), expected, rtol=1e-12)


def test_no_gradient_is_nan_below_threshold():
    """Silent units, with exponents that would make 0 * inf: n < 1, and log 0."""
    u, n = jnp.array([-1.0, 0.0]), jnp.array([0.5, 0.5])
    by_u, by_n = jax.grad(lambda v, m: jnp.sum(rectified_power(v, m)), (0, 1))(u, n)
    np.testing.assert_array_equal(by_u, 0.0)
    np.testing.assert_array_equal(by_n, 0.0)


def test_rate_of_both_populations():
    k_I = np.array([0.1, 0.2, 0.3])
    populations = Populations(EI(20.0, 10.0), EI(0.04, k_I), EI(2, 2.2))
    u = np.array([-1.0, 2.0, 10.0])
    found = populations.rate(EI(jnp.asarray(u), jnp.asarray(2 * u)))
    np.testing.assert_allclose(found.E, 0.04 * power(u, 2.0), rtol=1e-5)
    np.testing.assert_allclose(found.I, k_I * power(2 * u, 2.2), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"tau": EI(0.0, 10.0)}, "tau_E", "0"),
        ({"tau": EI(20.0, np.array([10.0, -3.0]))}, "tau_I", "-3"),
        ({"k": EI(-0.01, 0.04)}, "k_E", "-0.01"),
        ({"n": EI(2.0, 0.0)}, "n_I", "0"),
        ({"n": EI(np.nan, 2.0)}, "n_E", "nan"),
        ({"tau": EI(np.inf, 10.0)}, "tau_E", "inf"),
    ],
)
def test_values_out_of_range_are_refused(change, name, value):
    given = {"tau": EI(20.0, 10.0), "k": EI(0.04, 0.04), "n": EI(2.0, 2.0), **change}
    with pytest.raises(ValueError, match=f"^{name}: found {value}, allowed: >=? 0") as caught:
        Populations(**given)
    assert "\n" not in str(caught.value)


def test_traced_values_pass_unchecked():
    def rate(tau, k):
        populations = Populations(EI(tau, 10.0), EI(k, k), EI(2.0, 2.0))
        return populations.rate(EI(jnp.ones(2), jnp.ones(2))).E

    np.testing.assert_allclose(jax.jit(rate)(-1.0, -0.5), -0.5)
