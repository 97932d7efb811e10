"""Noise correlations in an area of a network: input noise shared over space, in simulation."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.areas import CircuitArea
from cortex.attention import AbstractSource, Query
from cortex.circuit import EI, OrnsteinUhlenbeck, pool, simulate_noise
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.tasks import FirstLook

HERE = "chosen here"
KEPT = 0.99  # of the variance of the noise over space


class SharedNoiseSection(Section):
    """Input noise of an area, and how its correlations are measured."""

    sd: float = quantity(
        1.0, "contrast", "standard deviation of the input noise", source=HERE, gt=0
    )
    tau: float = quantity(50.0, "ms", "its time constant", source="our design", gt=0)
    width: float = quantity(2.0, "px", "spread of its correlation over places", source=HERE, gt=0)
    common: float = quantity(
        0.5, "1", "share of its variance that all maps have in common", source=HERE, ge=0, le=1
    )
    images: int = quantity(6, "1", "images of each task and seed; 0: none", source=HERE, ge=0)
    trials: int = quantity(4, "1", "trials an image", source=HERE, ge=2)
    duration: float = quantity(800.0, "ms", "simulated time of a trial", source=HERE, gt=0)
    step: float = quantity(2.0, "ms", "step of the simulation", source=HERE, gt=0)
    units: int = quantity(
        24,
        "1",
        "E units with the highest rates without attention, whose pairs count",
        source=HERE,
        ge=2,
    )

    def noise(self, shape: tuple[int, int, int]) -> OrnsteinUhlenbeck:
        """Of an area of this shape (maps, height, width)."""
        maps, height, width = shape
        rows, columns = (np.arange(n)[:, None] - np.arange(n)[None, :] for n in (height, width))
        along = [np.exp(-(apart**2) / (2.0 * self.width**2)) for apart in (rows, columns)]
        values, vectors = np.linalg.eigh(np.kron(*along))
        order = np.argsort(values)[::-1]
        share = np.cumsum(values[order]) / values.sum()
        chosen = order[: int(np.searchsorted(share, KEPT)) + 1]
        space = vectors[:, chosen] * np.sqrt(values[chosen])[None, :]
        every = np.kron(np.ones((maps, 1)), space)
        own = np.kron(np.eye(maps), space)
        factor = np.hstack([np.sqrt(self.common) * every, np.sqrt(1 - self.common) * own])
        factor /= np.linalg.norm(factor, axis=1, keepdims=True)
        return OrnsteinUhlenbeck(self.tau, self.sd, jnp.asarray(factor, float))


@eqx.filter_jit
def noise_correlations(
    area: CircuitArea,
    seen: FirstLook,
    source: AbstractSource,
    queries: Query,
    noise: OrnsteinUhlenbeck,
    key: PRNGKeyArray,
    section: SharedNoiseSection,
) -> Float[Array, " images"]:
    """Mean correlation over pairs of E units with a source's attention, image by image.

    The units are those with the highest rates in the first look. Moments are pooled over trials;
    every source meets the same noise.

    Args:
        area: attended.
        seen: first looks at it, a leading axis of images.
        source: of the attention.
        queries: one an image.
        noise: see `SharedNoiseSection.noise`.
        key: of the noise.
        section: trials and their duration; static.
    """

    def one(look: FirstLook, query: Query, own: PRNGKeyArray) -> Array:
        drive = area.drive(look.received)
        modulation = source(look.features, look.state, query)
        start = area.settle(look.received, modulation, look.state.rates).last
        _, busiest = jax.lax.top_k(look.state.rates.E.ravel(), section.units)

        def trial(its: PRNGKeyArray) -> tuple[Array, Array]:
            run = simulate_noise(
                area.circuit,
                EI(drive, drive),
                noise,
                its,
                duration=section.duration,
                dt=section.step,
                burn_in=200.0,
                sample_every=10.0,
                initial=start,
                modulation=modulation,
                observe=lambda rates: rates.E.ravel()[busiest],
            )
            return run.mean, run.covariance

        _, covariance = pool(*jax.vmap(trial)(jax.random.split(own, section.trials)))
        spread = jnp.sqrt(jnp.diag(covariance))
        product = spread[:, None] * spread[None, :]
        correlation = covariance / jnp.where(product > 0, product, jnp.nan)
        pairs = jnp.triu(jnp.ones_like(correlation), 1) > 0
        return jnp.nanmean(correlation, where=pairs)

    return jax.vmap(one)(seen, queries, jax.random.split(key, len(queries.category)))
