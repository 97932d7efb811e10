"""Simulation with input noise: moments gathered on the way, no trajectories kept."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .circuit import Circuit, Dynamics
from .modulation import Modulation
from .noise import MapNoise, Modes, OrnsteinUhlenbeck
from .populations import EI, Leaf


class NoisyRun(eqx.Module):
    """What a simulation with noise gathered; of one trial, or of many under `jax.vmap`.

    Attributes:
        mean: over time, of what was observed [Hz].
        covariance: over time, around the trial's own mean [Hz^2]. Over trials shorter than
            many time constants it is too small: `pooled` puts back what the means differ by.
        times: of the samples, from the end of the burn-in on [ms].
        series: what `record` returned, stacked over times on the first axis; None without.
    """

    mean: Float[Array, "*trials observed"]
    covariance: Float[Array, "*trials observed observed"]
    times: Float[Array, "*trials times"]
    series: PyTree[Array]

    def pooled(self) -> tuple[Float[Array, " observed"], Float[Array, "observed observed"]]:
        """Mean and covariance over all samples of all trials (the first axis)."""
        return pool(self.mean, self.covariance)


def pool(
    mean: Float[Array, "trials observed"], covariance: Float[Array, "trials observed observed"]
) -> tuple[Float[Array, " observed"], Float[Array, "observed observed"]]:
    """Mean and covariance over trials of equal length: within trials, and between them."""
    centre = jnp.mean(mean, axis=0)
    away = mean - centre[None, :]
    between = jnp.einsum("ti,tj->ij", away, away, precision="highest") / len(mean)
    return centre, jnp.mean(covariance, axis=0) + between


def excitatory(rates: EI[Leaf]) -> Float[Array, " units"]:
    """All E rates: what is observed unless something else is asked for."""
    return rates.E.ravel()


def simulate_noise(
    circuit: Circuit,
    drive: EI[Leaf],
    noise: OrnsteinUhlenbeck,
    key: PRNGKeyArray,
    *,
    duration: float,
    dt: float = 1.0,
    burn_in: float = 500.0,
    sample_every: float = 5.0,
    initial: EI[Leaf] | None = None,
    modulation: Modulation | None = None,
    observe: Callable[[EI[Leaf]], Float[Array, " observed"]] = excitatory,
    record: Callable[[EI[Leaf]], PyTree[Array]] | None = None,
) -> NoisyRun:
    """One trial of the circuit under constant drive and noise on its input.

    The noise moves by its exact law, the rates by Heun's method with the noise at both ends of
    a step. Trials in a batch: `jax.vmap` over keys; they run as products of matrices.

    Args:
        circuit, drive, modulation: as for `steady_state`.
        noise: of as many units as the circuit; starts in its stationary state.
        key: of the random numbers.
        duration: over which moments are taken [ms].
        dt: largest step [ms]; steps divide `sample_every` evenly. 1 ms suits the time
            constants of 10 ms and more.
        burn_in: simulated before [ms]; many times the slowest time constant.
        sample_every: time between samples [ms]; shorter than the noise's time constant gains
            little.
        initial: rates at the start [Hz], silence by default. The steady state is best: the
            moments are gathered around it.
        observe: function of the rates to the vector whose moments are taken; E by default.
        record: function of the rates to what is kept of every sample; nothing by default.

    Raises:
        ValueError: a time that is not positive, or a noise that does not fit the circuit.
    """
    steps, h, burn, samples = _plan(duration, dt, burn_in, sample_every)
    if len(noise.factor) != math.prod(circuit.shape):
        raise ValueError(
            f"noise: found {len(noise.factor)} units, allowed: {math.prod(circuit.shape)}, "
            "as the circuit"
        )
    dynamics = circuit.dynamics(drive, modulation)
    rates = circuit.silence() if initial is None else initial
    centre = observe(rates)
    start_key, burn_key, key = jax.random.split(key, 3)

    def several(count: int, state: Any, key: PRNGKeyArray) -> Any:
        def one(i: Any, state: Any) -> Any:
            rates, before = state
            after = noise.advance(before, jax.random.fold_in(key, i), h)
            return noisy_step(dynamics, noise, rates, before, after, h), after

        return jax.lax.fori_loop(0, count, one, state)

    def sample(carry: Any, number: Any) -> tuple[Any, Any]:
        state, total, product = carry
        state = several(steps, state, jax.random.fold_in(key, number))
        away = observe(state[0]) - centre
        product = product + away[:, None] * away[None, :]
        kept = None if record is None else record(state[0])
        return (state, total + away, product), kept

    state = several(burn, (rates, noise.start(start_key)), burn_key)
    nothing = jnp.zeros_like(centre)
    carry = (state, nothing, nothing[:, None] * nothing[None, :])
    (_, total, product), series = jax.lax.scan(sample, carry, jnp.arange(samples))
    shift = total / samples
    return NoisyRun(
        mean=centre + shift,
        covariance=product / samples - shift[:, None] * shift[None, :],
        times=(jnp.arange(samples, dtype=centre.dtype) + 1.0) * sample_every,
        series=series,
    )


def noisy_step(
    dynamics: Dynamics,
    noise: OrnsteinUhlenbeck | MapNoise,
    rates: EI[Leaf],
    before: Modes,
    after: Modes,
    h: Any,
) -> EI[Leaf]:
    """The rates `h` ms later, by Heun's method.

    Args:
        dynamics: of the circuit.
        noise: on its input.
        rates: now [Hz].
        before, after: states of the noise now and `h` ms later.
        h: step [ms].
    """

    def velocity(rates: EI[Leaf], state: Modes) -> EI[Leaf]:
        eta = noise.input(state).reshape(rates.E.shape)
        net = dynamics.net_input(rates).map(lambda u, share: u + share * eta, noise.onto)
        return dynamics.velocity_under(net, rates)

    first = velocity(rates, before)
    second = velocity(rates.map(lambda r, v: r + h * v, first), after)
    return rates.map(lambda r, a, b: r + h / 2 * (a + b), first, second)


def _plan(
    duration: float, dt: float, burn_in: float, sample_every: float
) -> tuple[int, float, int, int]:
    """Steps a sample, step [ms], steps of the burn-in, samples."""
    for name, value in (("duration", duration), ("dt", dt), ("sample_every", sample_every)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: found {value:g} ms, allowed: > 0 ms")
    if not (math.isfinite(burn_in) and burn_in >= 0):
        raise ValueError(f"burn_in: found {burn_in:g} ms, allowed: >= 0 ms")
    if duration < sample_every:
        raise ValueError(
            f"duration: found {duration:g} ms, allowed: >= sample_every ({sample_every:g} ms)"
        )
    steps = math.ceil(sample_every / dt - 1e-6)
    h = sample_every / steps
    return steps, h, math.ceil(burn_in / h), math.floor(duration / sample_every + 1e-6)
