"""A circuit of cells that prefer a colour and a shape, and are driven by both in varied shares."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray
from pydantic import model_validator

from cortex.circuit import EI, Circuit, DenseCoupling, Populations, Projections, steady_state
from cortex.settings import Settings, quantity

from .ring import RUBIN, Ring
from .settling import Iterate
from .top_down import TopDownForm


class Cells(NamedTuple):
    """A circuit, and the standard normal numbers that make the shares of its cells differ."""

    circuit: Circuit
    drawn: Float[Array, " cells"]


class Observed(NamedTuple):
    """What is recorded of cells: selectivity and gain by task [1], and whether all settled."""

    selectivity: Float[Array, "*circuits cells"]
    gain: Float[Array, "*circuits cells"]
    settled: Bool[Array, "*circuits"]


class TwoFeatures(Settings):
    """A cell for every pair of a colour and a shape, on circles, with the weights of a ring."""

    ring: Ring = Ring(units=36)
    contrast: float = quantity(40.0, "%", "drive by a stimulus that a cell prefers twice", gt=0)
    width: float = quantity(30.0, "deg", "of the drive's tuning to either feature", RUBIN, gt=0)
    gain: float = quantity(0.2, "1", "SD of the logarithm of an E cell's k", ge=0)
    inhibition: float = quantity(0.02, "1", "SD of the logarithm of inhibition received", ge=0)
    solver: Iterate = Iterate()

    @model_validator(mode="after")
    def _square(self) -> TwoFeatures:
        if self.stimuli**2 != self.ring.units:
            allowed = "a square, for a cell prefers one of as many colours as shapes"
            raise ValueError(f"ring.units: found {self.ring.units}, allowed: {allowed}")
        return self

    @property
    def stimuli(self) -> int:
        """How many colours there are, and shapes, evenly around their circles."""
        return math.isqrt(self.ring.units)

    def _near(self, width: float) -> Float[Array, "stimuli stimuli"]:
        """Gaussian of the distance of all colours, or shapes, from each other."""
        places = jnp.arange(self.stimuli) * (self.ring.period / self.stimuli)
        apart = jnp.abs(places[:, None] - places[None, :])
        return jnp.exp(-(jnp.minimum(apart, self.ring.period - apart) ** 2) / (2 * width**2))

    def _of_cells(self, near: Array) -> tuple[Array, Array]:
        """Columns of stimuli by colour, and by shape, for all cells: every pair once."""
        return jnp.repeat(near, self.stimuli, -1), jnp.tile(near, self.stimuli)

    def cells(self, key: PRNGKeyArray) -> Cells:
        """A circuit: cells are the stronger connected, the more alike they are in either feature.

        The total weight of each projection onto a cell is that of the ring.
        """
        keys, size, ring = jax.random.split(key, 3), (self.ring.units,), self.ring
        near = self._near(ring.sigma_coupling)
        one = jnp.ones_like(near)
        alike = jnp.kron(near, one) + jnp.kron(one, near)
        total = np.sqrt(2 * np.pi) * ring.sigma_coupling
        alike = alike / jnp.sum(alike, axis=1, keepdims=True) * total
        J = Projections(EE=ring.J_EE, EI=ring.J_EI, IE=ring.J_IE, II=ring.J_II)
        weights = J.map(lambda strength: strength * alike)
        received = jnp.exp(self.inhibition * jax.random.normal(keys[0], size))
        weights = eqx.tree_at(lambda w: w.EI, weights, weights.EI * received[:, None])
        k = EI(ring.k * jnp.exp(self.gain * jax.random.normal(keys[1], size)), ring.k)
        units = Populations(tau=EI(ring.tau_E, ring.tau_I), k=k, n=EI(ring.n, ring.n))
        return Cells(Circuit(units, DenseCoupling(weights)), jax.random.normal(keys[2], size))

    def record(self, cells: Cells, spread: Any, form: TopDownForm) -> Observed:
        """Selectivity for colours against shapes, and gain in the colour against the shape task.

        Attention to colour acts on a cell by its share of colour, to shape by that of shape. Both
        indices are (a - b) / (a + b) of the largest of mean responses: selectivity over colours (a)
        and shapes (b), in both tasks; gain over colours, in the colour (a) and the shape task (b).

        Args:
            cells: the circuit.
            spread: SD of a cell's share of colour around 1/2.
            form: what attention does where the pattern is 1.
        """
        share = jnp.clip(0.5 + spread * cells.drawn, 0.0, 1.0)
        colour, shape = self._of_cells(self._near(self.width))
        share = share[None, :]
        drives = (share * colour)[:, None] + ((1 - share) * shape)[None, :]
        flat = self.contrast * drives.reshape(-1, self.ring.units)

        def respond(pattern: Array, drive: Array) -> tuple[Array, Array]:
            attended, drives = form(pattern), EI(drive, drive)
            state = steady_state(cells.circuit, drives, attended, solver=self.solver())
            return state.last.E, state.converged

        looking = jax.vmap(jax.vmap(respond, (None, 0)), (0, None))
        rates, settled = looking(jnp.concatenate([share, 1 - share]), flat)
        rates = rates.reshape(2, self.stimuli, self.stimuli, self.ring.units)
        in_colour, in_shape = jnp.max(jnp.mean(rates, 2), 1)
        by_colour, by_shape = (jnp.max(jnp.mean(rates, (0, axis)), 0) for axis in (2, 1))
        return Observed(_index(by_colour, by_shape), _index(in_colour, in_shape), settled.all())


def _index(a: Array, b: Array) -> Array:
    return (a - b) / (a + b)
