"""E/I circuits over the visual field that the features of the saliency model drive.

That suppression between alike features in V1 makes saliency is Li 2002, Trends Cogn Sci 6:9, with
another circuit. Here they are stabilized supralinear, driven by the features of Itti & Koch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from cortex.attention.saliency import NoCompetition, Saliency
from cortex.circuit import (
    EI,
    AbstractSteadyStateSolver,
    Circuit,
    GaussianCoupling,
    Populations,
    Projections,
    steady_state,
)
from cortex.settings import Settings, quantity

from .orientation_field import RING

STILL = 10  # features of a still image; those of flicker and motion come after them
DIAMETERS = (1, 3, 5, 7, 11, 15, 21)  # places, of discs


class SaliencyCircuits(Settings):
    """E/I pairs, one a feature and place. Only k c J matters: contrast c is also J's strength."""

    J_EE: float = quantity(1.5, "1/Hz", "total weight from E onto E", ge=0)
    J_IE: float = quantity(3.75, "1/Hz", "total weight from E onto I", ge=0)
    J_EI: float = quantity(1.8, "1/Hz", "total weight from I onto E", ge=0)
    J_II: float = quantity(0.9, "1/Hz", "total weight from I onto I", ge=0)
    near: float = quantity(1.0, "places", "spread of all projections but E onto I", gt=0)
    k: float = quantity(0.04, "Hz", "rate at an input of 1", RING, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", RING, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RING, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RING, gt=0)

    def circuit(self, shape: tuple[int, int], width: float, across: float) -> Circuit:
        """The circuit.

        Args:
            shape: height and width [places].
            width: spread from E onto I [places].
            across: share of all weights that come from all features alike, 0 to 1; the rest is
                each feature's own.
        """
        J = Projections(EE=self.J_EE, IE=self.J_IE, EI=self.J_EI, II=self.J_II)
        sigma = Projections(EE=self.near, IE=width, EI=self.near, II=self.near)
        alike = (1 - across) * jnp.eye(STILL) + across / STILL
        coupling = GaussianCoupling(J=J, sigma=sigma, features=alike, shape=(STILL, *shape))
        tau, k, n = EI(self.tau_E, self.tau_I), EI(self.k, self.k), EI(self.n, self.n)
        return Circuit(Populations(tau=tau, k=k, n=n), coupling)

    def size_tuning(
        self, contrast: float, width: float, across: float, solver: AbstractSteadyStateSolver
    ) -> Float[np.ndarray, " diameters"]:
        """E rate in the middle of discs of one feature, of `DIAMETERS`, at half the drive [Hz]."""
        half = max(DIAMETERS)
        apart = np.hypot(*np.mgrid[-half : half + 1, -half : half + 1])
        drives = np.zeros((len(DIAMETERS), STILL, *apart.shape))
        drives[:, 0] = 0.5 * contrast * (apart <= np.array(DIAMETERS)[:, None, None] / 2)
        rates, _ = excitatory_rates(
            self.circuit((2 * half + 1, 2 * half + 1), width, across), drives, solver
        )
        return rates[:, 0, half, half]


def excitatory_rates(
    circuit: Circuit, drives: Float[Any, "n features y x"], solver: AbstractSteadyStateSolver
) -> tuple[Float[np.ndarray, "n features y x"], Bool[np.ndarray, " n"]]:
    """E rates [Hz] for one drive [%] after another, at rest or as last seen, and which settled."""
    rates, settled = _respond(circuit, jnp.asarray(drives, float), solver)
    return np.nan_to_num(np.asarray(rates)), np.asarray(settled)


@eqx.filter_jit
def _respond(circuit: Circuit, drives: Array, solver: Any) -> tuple[Array, Array]:
    def one(drive: Array) -> tuple[Array, Array]:
        state = steady_state(circuit, EI(drive, drive), solver=solver)
        return state.last.E, state.converged

    return jax.lax.map(one, drives)


@eqx.filter_jit
def saliency_and_features(
    image: Float[Array, "3 height width"],
) -> tuple[Float[Array, "1 y x"], Float[Array, "10 y x"], Float[Array, "10 y x"]]:
    """Saliency of an image, and its features with the competition N(.) and without, of peak 1."""
    models = (Saliency(), Saliency(normalisation=NoCompetition()))
    seen = [model(image) for model in models]
    features = (one.features[:STILL] for one in seen)
    with_N, without = (one / jnp.maximum(jnp.max(one), 1e-9) for one in features)
    return seen[0].saliency[None], with_N, without


def stacked_features(
    images: Iterable[Float[np.ndarray, "3 height width"]], advance: Callable[..., None]
) -> list[Float[np.ndarray, "n _ y x"]]:
    """What `saliency_and_features` finds in images of one size; `advance` is called for each."""
    found = []
    for image in images:
        found.append([np.asarray(maps) for maps in saliency_and_features(jnp.asarray(image))])
        advance()
    return [np.stack(maps) for maps in zip(*found, strict=True)]
