"""Linear theory of variability: covariance and power spectrum around a steady state."""

from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from .circuit import Circuit
from .linear_response import gains, jacobian
from .modulation import Modulation
from .noise import OrnsteinUhlenbeck
from .populations import EI, Leaf

Square = Float[Array, "n n"]
Columns = Inexact[Array, "n columns"]
Shifts = Inexact[Array, " columns"]

TERMS = 12  # of Taylor's series at a norm of 1/2: 1e-14 is left


class Fluctuations(eqx.Module):
    """Second moments of the rates around a steady state; units in C order.

    Attributes:
        EE: covariance of the E rates [Hz^2].
        EI: covariance of E (rows) with I (columns) [Hz^2].
        II: covariance of the I rates [Hz^2].
        residual: largest entry of what is left of the Lyapunov equation, relative to its
            source [1]. Near 1e-5 in single precision; large or not finite if the state is
            unstable, in which case nothing here means anything.
    """

    EE: Float[Array, "units units"]
    EI: Float[Array, "units units"]
    II: Float[Array, "units units"]
    residual: Float[Array, ""]


def fluctuations(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    noise: OrnsteinUhlenbeck,
    modulation: Modulation | None = None,
    *,
    doublings: int = 16,
) -> Fluctuations:
    """Covariance of the rates under weak noise on the input.

    The circuit linearised at the steady state, dx/dt = J x + G eta, is solved with the noise
    as part of the state: the cross-covariance <x eta^T> = (1/tau_noise - J)^-1 G C_eta, and
    from it the Lyapunov equation of the rates. Exact as the noise goes to zero. Dense: memory
    and time are those of matrices of 2 units x 2 units. Batches with `jax.vmap`.

    Args:
        circuit, drive, modulation: as for `steady_state`.
        rates: a stable steady state [Hz].
        noise: of as many units as the circuit.
        doublings: of the time integrated over; see `lyapunov`.
    """
    J, G = _linearised(circuit, rates, drive, noise, modulation)
    into = _matmul(G, noise.covariance())
    cross = resolvent(J, into, jnp.broadcast_to(1.0 / noise.tau, into.shape[1:]), doublings)
    source = _matmul(G, cross.T)
    source = source + source.T
    covariance = lyapunov(J, source, doublings)
    left = _matmul(J, covariance)
    left = left + left.T + source
    units = len(J) // 2
    return Fluctuations(
        EE=covariance[:units, :units],
        EI=covariance[:units, units:],
        II=covariance[units:, units:],
        residual=jnp.max(jnp.abs(left)) / jnp.max(jnp.abs(source)),
    )


def power_spectrum(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    noise: OrnsteinUhlenbeck,
    frequencies_hz: Float[Array, " frequencies"],
    weights: EI[Leaf],
    modulation: Modulation | None = None,
    *,
    doublings: int = 16,
) -> Float[Array, " frequencies"]:
    """One-sided power spectral density of a weighted sum of rates under weak noise [Hz^2/Hz].

    Integrates over the frequencies from 0 to infinity to the variance of that sum. All
    frequencies are solved for together, at little more than the cost of one.

    Args:
        circuit, drive, modulation: as for `steady_state`.
        rates: a stable steady state [Hz].
        noise: of as many units as the circuit.
        frequencies_hz: [Hz], >= 0.
        weights: of the sum; broadcast to the circuit's shape. `EI(1/N, 0.0)` is the mean
            rate of N excitatory units.
        doublings: of the time integrated over; see `lyapunov`.
    """
    J, G = _linearised(circuit, rates, drive, noise, modulation)
    readout, _ = jax.flatten_util.ravel_pytree(
        weights.map(lambda w: jnp.broadcast_to(jnp.asarray(w, J.dtype), circuit.shape))
    )
    frequencies_hz = jnp.asarray(frequencies_hz, J.dtype)
    # x = (i omega - J)^-1 G eta; the readout of it as a row over eta, then over its modes.
    shifts = 2j * jnp.pi * frequencies_hz / 1000.0
    columns = jnp.broadcast_to(readout[:, None], (len(J), len(shifts))) + 0j
    sd = jnp.broadcast_to(noise.sd, noise.factor.shape[:1])
    onto_modes = _matmul(G, sd[:, None] * noise.factor).T
    transferred = _matmul(onto_modes, resolvent(J.T, columns, shifts, doublings))
    return jnp.sum(jnp.abs(transferred) ** 2, axis=0) * noise.power(frequencies_hz)


def lyapunov(A: Square, Q: Square, doublings: int = 16) -> Square:
    """The symmetric X with `A X + X A^T + Q = 0`, for a stable A and a symmetric Q.

    X is the integral of e^{At} Q e^{A^T t} over all times t > 0: by Taylor's series up to
    a short time, then by doubling, X(2t) = X(t) + e^{At} X(t) e^{A^T t}.

    Args:
        A: all eigenvalues with negative real parts; if not, the result is not finite.
        Q: symmetric.
        doublings: of the time. 16 suit rates of decay down to 1/2000 of |A| (the largest
            absolute row sum).

    Products of matrices alone, which every device does well, in batches and with
    derivatives. Factorisations do not: with jaxlib 0.10, two batched ones in one program
    block each other for good on a CPU of two cores.
    """
    h = _short_time(A, 0.0)

    def add(k: Any, carry: tuple[Square, Square]) -> tuple[Square, Square]:
        term, X = carry
        half = _matmul(A, term)
        term = (h / k) * (half + half.T)
        return term, X + term

    _, X = jax.lax.fori_loop(2, TERMS + 2, add, (h * Q, h * Q))

    def double(_: Any, carry: tuple[Square, Square]) -> tuple[Square, Square]:
        S, X = carry
        return _matmul(S, S), X + _matmul(_matmul(S, X), S.T)

    X = jax.lax.fori_loop(0, doublings, double, (_propagator(A, h), X))[1]
    return (X + X.T) / 2.0


def resolvent(A: Square, B: Columns, shifts: Shifts, doublings: int = 16) -> Columns:
    """Columns (s_j - A)^-1 b_j, for a stable A and shifts s_j with real parts >= 0.

    The integral of e^{(A - s)t} b over all times t > 0, by the method of `lyapunov`.

    Args:
        A: real, all eigenvalues with negative real parts.
        B: real or complex, of shape (n, columns).
        shifts: a column, real or complex as `B` is.
        doublings: as for `lyapunov`.
    """
    h = _short_time(A, jnp.max(jnp.abs(shifts)))

    def add(k: Any, carry: tuple[Columns, Columns]) -> tuple[Columns, Columns]:
        term, Y = carry
        term = (h / k) * (_matmul(A, term) - shifts[None, :] * term)
        return term, Y + term

    _, Y = jax.lax.fori_loop(2, TERMS + 2, add, (h * B, h * B))

    def double(_: Any, carry: tuple[Square, Shifts, Columns]) -> tuple[Square, Shifts, Columns]:
        S, keep, Y = carry
        return _matmul(S, S), keep * keep, Y + keep[None, :] * _matmul(S, Y)

    start = (_propagator(A, h), jnp.exp(-h * shifts), Y)
    return jax.lax.fori_loop(0, doublings, double, start)[2]


def _short_time(A: Square, shift: Any) -> Leaf:
    """Half the time in which anything can grow or decay e-fold."""
    return 0.5 / (jnp.max(jnp.sum(jnp.abs(A), axis=1)) + shift)


def _propagator(A: Square, h: Leaf) -> Square:
    """e^{Ah} for such a short time, by Horner's scheme."""
    identity = jnp.eye(len(A), dtype=A.dtype)

    def add(k: Any, S: Square) -> Square:
        return identity + (h / (TERMS - k)) * _matmul(A, S)

    return jax.lax.fori_loop(0, TERMS, add, identity)


def _linearised(
    circuit: Circuit,
    rates: EI[Leaf],
    drive: EI[Leaf],
    noise: OrnsteinUhlenbeck,
    modulation: Modulation | None,
) -> tuple[Square, Float[Array, "n units"]]:
    """J [1/ms] and G [Hz/ms per unit of input] of dx/dt = J x + G eta."""
    dynamics = circuit.dynamics(drive, modulation)
    units = len(noise.factor)
    if units != rates.E.size:
        raise ValueError(f"noise: found {units} units, allowed: {rates.E.size}, as the circuit")

    def entry(gain: Leaf, tau: Leaf, share: Leaf) -> Leaf:
        return jnp.diag(jnp.broadcast_to(share * gain / tau, circuit.shape).ravel())

    into = gains(dynamics, rates).map(entry, circuit.populations.tau, noise.onto)
    return jacobian(dynamics, rates), jnp.concatenate([into.E, into.I])


def _matmul(a: Array, b: Array) -> Array:
    if jnp.iscomplexobj(b) and not jnp.iscomplexobj(a):
        return jax.lax.complex(_matmul(a, b.real), _matmul(a, b.imag))
    # Accelerators multiply in reduced precision unless asked not to.
    return jnp.matmul(a, b, precision="highest")
