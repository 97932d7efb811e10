"""The regime a circuit works in: eigenvalues, inhibition stabilisation, paradoxical effect."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from .circuit import Circuit
from .coupling import DenseCoupling, Projections
from .linear_response import gains, jacobian, linear_response
from .modulation import Modulation
from .populations import EI, Leaf, Populations


def single_pair(J: Projections[Any], tau: EI[Any], k: Any, n: Any) -> Circuit:
    """One E and one I unit, the smallest circuit with every regime, of shape (1,).

    Its Jacobian at rates r, with gains g_a = n k (r_a/k)^(1 - 1/n), is
    `[[(g_E J_EE - 1)/tau_E, -g_E J_EI/tau_E], [g_I J_IE/tau_I, -(1 + g_I J_II)/tau_I]]`:
    stable for a trace < 0 and a determinant > 0. Input to I is paradoxical where
    g_E J_EE > 1; at strong equal drive E is silenced (supersaturates) if J_II < J_EI.

    Args:
        J: magnitudes of the four weights [1/Hz].
        tau: time constants [ms].
        k, n: gain and exponent of both units.

    Source: Ahmadian, Rubin & Miller 2013 (the circuit and its regimes).
    """

    def square(weight: Any) -> Leaf:
        return jnp.reshape(jnp.asarray(weight, float), (1, 1))

    return Circuit(Populations(tau, EI(k, k), EI(n, n)), DenseCoupling(J.map(square)))


def leading_excitatory_eigenvalue(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    modulation: Modulation | None = None,
    *,
    iterations: int = 200,
) -> Float[Array, ""]:
    """Largest eigenvalue of the excitatory subnetwork's linearised recurrence [1].

    Above 1 the excitatory units alone would be unstable: at this state the network is
    inhibition-stabilised. By power iteration, which converges because the matrix
    `gain_E x recurrent_gain_E x W_EE` has no negative entry (Perron-Frobenius).

    Args:
        circuit, drive, modulation: as for `steady_state`.
        rates: the state, usually a steady one [Hz].
        iterations: of the power method.
    """
    dynamics = circuit.dynamics(drive, modulation)
    scale = gains(dynamics, rates).E * dynamics.modulation.recurrent_gain.E

    def step(_: Any, carry: tuple[Leaf, Leaf]) -> tuple[Leaf, Leaf]:
        vector, _norm = carry
        image = scale * dynamics.operator.parts(EI(vector, jnp.zeros_like(vector))).EE
        norm = jnp.linalg.norm(image.ravel())
        return image / jnp.where(norm > 0, norm, 1.0), norm

    start = jnp.ones(circuit.shape, rates.E.dtype)
    start = start / jnp.linalg.norm(start.ravel())
    return jax.lax.fori_loop(0, iterations, step, (start, jnp.zeros((), start.dtype)))[1]


def jacobian_eigenvalues(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    modulation: Modulation | None = None,
) -> Complex[Array, " modes"]:
    """All eigenvalues of the linearised dynamics [1/ms]; stable if every real part is < 0.

    Dense, for small circuits, on a CPU: memory is 4 units^2.
    """
    dynamics = circuit.dynamics(drive, modulation)
    return jnp.linalg.eigvals(jacobian(dynamics, rates))


def growth_rate(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    modulation: Modulation | None = None,
) -> Float[Array, ""]:
    """Largest real part of the eigenvalues of the linearised dynamics [1/ms]; stable if < 0.

    NumPy finds them, whatever the device; not differentiable. NaN where rates are not finite.
    """
    matrix = jax.lax.stop_gradient(jacobian(circuit.dynamics(drive, modulation), rates))

    def largest(given: Any) -> np.ndarray:
        entries = np.asarray(given)
        finite = np.isfinite(entries).all((-2, -1))
        found = np.linalg.eigvals(np.where(finite[..., None, None], entries, 0.0)).real.max(-1)
        return np.where(finite, found, np.nan).astype(entries.dtype)

    out = jax.ShapeDtypeStruct((), matrix.dtype)
    return jnp.asarray(jax.pure_callback(largest, out, matrix, vmap_method="expand_dims"))


class ParadoxicalEffect(eqx.Module):
    """Response of the rates to a little more input to every inhibitory unit.

    Means over the units, weighted by the excitatory rate of the same place, so that silent
    places, where nothing can be paradoxical, do not dilute them.

    Attributes:
        E: change of the excitatory rate per unit of input [Hz].
        I: change of the inhibitory rate [Hz]; negative is paradoxical, and means that the
            active part of the network is inhibition-stabilised.
    """

    E: Float[Array, ""]
    I: Float[Array, ""]  # noqa: E741


def paradoxical_effect(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    modulation: Modulation | None = None,
) -> ParadoxicalEffect:
    """Exact linear response of the steady state to input to I.

    Args:
        circuit, drive, modulation: as for `steady_state`.
        rates: a steady state [Hz].

    Returns:
        NaN where no excitatory unit fires.

    Source: Tsodyks et al. 1997; Ozeki et al. 2009 (the effect); the weighting is ours.
    """
    dynamics = circuit.dynamics(drive, modulation)
    gain = gains(dynamics, rates)
    response = linear_response(dynamics, rates, EI(jnp.zeros_like(gain.E), gain.I))
    weight = rates.E / jnp.sum(rates.E)
    return ParadoxicalEffect(jnp.sum(weight * response.E), jnp.sum(weight * response.I))


def periodogram(
    series: Float[Array, " samples"], sample_every: float, segment: int
) -> tuple[Float[Array, " frequencies"], Float[Array, " frequencies"]]:
    """Power spectrum of a simulated time course, for comparison with `power_spectrum`.

    Args:
        series: [Hz], evenly spaced in time.
        sample_every: [ms].
        segment: samples of a piece; frequencies are `1 / (segment sample_every)` apart.

    Returns:
        Frequencies [Hz], zero left out, and one-sided power density [Hz^2/Hz].

    Raises:
        ValueError: a series shorter than a piece.

    Source: Welch 1967: the mean over half-overlapping pieces in a Hann window.
    """
    if len(series) < segment:
        raise ValueError(f"series: found {len(series)} samples, allowed: >= {segment}")
    starts = jnp.arange(0, len(series) - segment + 1, segment // 2)
    pieces = series[starts[:, None] + jnp.arange(segment)[None, :]] - jnp.mean(series)
    window = jnp.hanning(segment + 1)[:-1].astype(series.dtype)
    power = jnp.mean(jnp.abs(jnp.fft.rfft(pieces * window[None, :], axis=1)) ** 2, axis=0)
    seconds = sample_every / 1000.0
    frequencies = jnp.arange(1, len(power), dtype=series.dtype) / (segment * seconds)
    return frequencies, 2.0 * seconds * power[1:] / jnp.sum(window**2)
