"""Input noise: Ornstein-Uhlenbeck, correlated over units, shared by the E and I of a pair."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .populations import EI, Leaf, as_floats, require

Square = Float[Array, "units units"]
Modes = Float[Array, " modes"]


class OrnsteinUhlenbeck(eqx.Module):
    """Stationary Gaussian noise eta on the input, with an exponential autocorrelation.

        <eta_i(t) eta_j(t + s)> = sd_i sd_j (F F^T)_ij exp(-|s| / tau)

    Unit i of E receives `onto.E * eta_i`, unit i of I `onto.I * eta_i`: by default a pair
    shares its noise. Short `tau` at fixed `sd^2 tau` tends to white noise.

    Attributes:
        tau: time constant [ms], > 0.
        sd: standard deviation [units of the drive], >= 0; a scalar or of shape (units,).
        factor: F, of shape (units, modes), with rows of unit length: F F^T is the
            correlation matrix. Units are those of the circuit in C order.
        onto: share of the noise that reaches each population [1].

    Raises:
        ValueError: a value outside its range.

    Source: the lecture and the papers name no noise; its form is our design decision.
    """

    tau: Leaf
    sd: Leaf
    factor: Float[Array, "units modes"]
    onto: EI[Leaf]

    def __init__(self, tau: Any, sd: Any, factor: Any, onto: EI[Any] | None = None):
        self.tau, self.sd, self.factor = as_floats(tau), as_floats(sd), as_floats(factor)
        self.onto = (EI(1.0, 1.0) if onto is None else onto).map(as_floats)

    def __check_init__(self) -> None:
        require(self.tau, "tau", lambda v: v > 0, "> 0 ms")
        require(self.sd, "sd", lambda v: v >= 0, ">= 0")

    @classmethod
    def independent(cls, tau: Any, sd: Any, units: int) -> "OrnsteinUhlenbeck":
        """Every pair has noise of its own."""
        return cls(tau, sd, jnp.eye(units))

    @classmethod
    def correlated(cls, tau: Any, sd: Any, correlation: Square) -> "OrnsteinUhlenbeck":
        """With the correlation matrix nearest to one that may not quite be possible.

        Eigenvalues below zero, which no noise can have, are cut, and the rows scaled back
        to a variance of `sd^2`; `covariance()` tells what became of the matrix. Not
        differentiable in `correlation` where eigenvalues coincide.
        """
        values, vectors = jnp.linalg.eigh(correlation)
        return cls(tau, sd, _unit_rows(vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]))

    @classmethod
    def on_ring(
        cls, tau: Any, sd: Any, units: int, width: Any, period: Any = 180.0
    ) -> "OrnsteinUhlenbeck":
        """With the correlation exp(-d^2 / 2 width^2) over a ring, made possible.

        As `correlated` of that matrix, but differentiable in `width`: on a ring the
        eigenvectors are known, and the symmetric square root is a Fourier transform.
        A Gaussian that has not decayed on the far side of the ring has a kink there and
        some eigenvalues below zero; see `ring_correlation_parts`.
        """
        possible, _ = ring_correlation_parts(units, width, period)
        return cls(tau, sd, _unit_rows(possible))

    @classmethod
    def on_maps(
        cls, tau: Any, sd: Any, shape: tuple[int, int, int], width: float, common: float
    ) -> "OrnsteinUhlenbeck":
        """With a Gaussian correlation over places, partly shared by all maps of a sheet.

        Args:
            tau, sd: time constant [ms] and standard deviation [units of the drive].
            shape: number of maps, height and width [px].
            width: the correlation of two places is exp(-d^2 / 2 width^2), d their distance [px].
            common: share of the variance that all maps have in common, 0 to 1.

        A hundredth of the variance over space, in the finest modes, is left out.
        """
        maps, *sides = shape
        space = _modes_over_space(sides, width)
        shared, own = np.kron(np.ones((maps, 1)), space), np.kron(np.eye(maps), space)
        factor = np.hstack([np.sqrt(common) * shared, np.sqrt(1 - common) * own])
        return cls(tau, sd, jnp.asarray(factor, float))

    def correlation(self) -> Square:
        """Correlation of the noise between units [1]."""
        return jnp.matmul(self.factor, self.factor.T, precision="highest")

    def covariance(self) -> Square:
        """Covariance of the noise between units [units of the drive, squared]."""
        sd = jnp.broadcast_to(self.sd, self.factor.shape[:1])
        return self.correlation() * sd[:, None] * sd[None, :]

    def power(self, frequencies_hz: Float[Array, " frequencies"]) -> Float[Array, " frequencies"]:
        """One-sided power spectral density of noise of SD 1 [1/Hz]; integrates to 1."""
        tau = self.tau / 1000.0
        return 4.0 * tau / (1.0 + (2.0 * jnp.pi * frequencies_hz * tau) ** 2)

    def start(self, key: PRNGKeyArray) -> Modes:
        """A stationary state: one independent variable of variance 1 a mode."""
        return jax.random.normal(key, self.factor.shape[1:], self.factor.dtype)

    def advance(self, state: Modes, key: PRNGKeyArray, dt: Any) -> Modes:
        """The state `dt` ms later; exact for any `dt`."""
        return _ornstein_uhlenbeck(state, key, dt / self.tau)

    def input(self, state: Modes) -> Float[Array, " units"]:
        """The noise eta of each pair in this state [units of the drive]."""
        return self.sd * (self.factor @ state)


class MapNoise(eqx.Module):
    """The noise of `OrnsteinUhlenbeck.on_maps`, without the matrix of all units.

    For simulations of many trials: modes over places are turned into noise of units by one small
    product for all maps. With the same key the noise is the same.

    Attributes:
        tau: time constant [ms], > 0.
        sd: standard deviation [units of the drive], >= 0.
        space: of shape (places, modes), rows of unit length.
        common: share of the variance that all maps have in common, 0 to 1.
        onto: share of the noise that reaches each population [1].
        shape: number of maps, height and width [px].
    """

    tau: Leaf
    sd: Leaf
    space: Float[Array, "places modes"]
    common: Leaf
    onto: EI[Leaf]
    shape: tuple[int, int, int] = eqx.field(static=True)

    def __init__(self, tau: Any, sd: Any, shape: tuple[int, ...], width: float, common: Any = 0.0):
        maps, *sides = shape
        self.tau, self.sd, self.common = as_floats(tau), as_floats(sd), as_floats(common)
        self.space = jnp.asarray(_modes_over_space(sides, width), float)
        self.onto = EI(1.0, 1.0).map(as_floats)
        self.shape = (maps, sides[0], sides[1])

    def __check_init__(self) -> None:
        require(self.tau, "tau", lambda v: v > 0, "> 0 ms")
        require(self.sd, "sd", lambda v: v >= 0, ">= 0")
        require(self.common, "common", lambda v: (v >= 0) & (v <= 1), "0 to 1")

    def start(self, key: PRNGKeyArray) -> Modes:
        """A stationary state: one independent variable of variance 1 a mode."""
        modes = (self.shape[0] + 1) * self.space.shape[1]
        return jax.random.normal(key, (modes,), self.space.dtype)

    def advance(self, state: Modes, key: PRNGKeyArray, dt: Any) -> Modes:
        """The state `dt` ms later; exact for any `dt`."""
        return _ornstein_uhlenbeck(state, key, dt / self.tau)

    def input(self, state: Modes) -> Float[Array, " units"]:
        """The noise eta of each pair in this state [units of the drive]."""
        shared, own = jnp.split(state.reshape(-1, self.space.shape[1]), [1])
        modes = jnp.sqrt(self.common) * shared + jnp.sqrt(1 - self.common) * own
        return self.sd * jnp.matmul(modes, self.space.T, precision="highest").ravel()


def _ornstein_uhlenbeck(state: Modes, key: PRNGKeyArray, passed: Any) -> Modes:
    """Modes of variance 1 after a time, in units of their time constant."""
    fresh = jnp.sqrt(-jnp.expm1(-2.0 * passed))
    return jnp.exp(-passed) * state + fresh * jax.random.normal(key, state.shape, state.dtype)


def _modes_over_space(sides: Sequence[int], width: float) -> np.ndarray:
    """F (places, modes) with F F^T = exp(-d^2 / 2 width^2), but for a hundredth of the variance."""
    apart = [np.arange(n)[:, None] - np.arange(n)[None, :] for n in sides]
    rows, columns = (np.exp(-(d**2) / (2.0 * width**2)) for d in apart)
    values, vectors = np.linalg.eigh(np.kron(rows, columns))
    order = np.argsort(values)[::-1]
    share = np.cumsum(values[order]) / values.sum()
    chosen = order[: int(np.searchsorted(share, 0.99)) + 1]
    factor: np.ndarray = vectors[:, chosen] * np.sqrt(values[chosen])[None, :]
    return factor / np.linalg.norm(factor, axis=1, keepdims=True)


def ring_correlation_parts(units: int, width: Any, period: Any = 180.0) -> tuple[Square, Square]:
    """Factors (A, B) with `A A^T - B B^T = exp(-d^2 / 2 width^2)` over a ring.

    A holds the eigenvalues above zero, B those below: B = 0 says that noise with this
    correlation exists.

    Args:
        units: evenly spaced on the ring.
        width: [same unit as period], > 0.
        period: circumference of the ring.
    """
    place = jnp.arange(units) * (period / units)
    distance = jnp.minimum(place, period - place)
    values = jnp.fft.rfft(jnp.exp(-(distance**2) / (2.0 * width**2))).real

    def factor(eigenvalues: Leaf) -> Square:
        positive = eigenvalues > 0
        # The square root of zero has no derivative.
        root = jnp.where(positive, jnp.sqrt(jnp.where(positive, eigenvalues, 1.0)), 0.0)
        row = jnp.fft.irfft(root, units)
        around = (jnp.arange(units)[:, None] - jnp.arange(units)[None, :]) % units
        return row[around]

    return factor(values), factor(-values)


def _unit_rows(factor: Float[Array, "units modes"]) -> Float[Array, "units modes"]:
    length = jnp.sqrt(jnp.sum(factor**2, axis=1, keepdims=True))
    return factor / jnp.where(length > 0, length, 1.0)
