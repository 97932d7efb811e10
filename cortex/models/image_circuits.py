"""The E/I circuits of an orientation field over an image of any shape, and what is read of them."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.areas import CircuitArea, PowerMap
from cortex.circuit import AbstractSteadyStateSolver, Circuit, GaussianCoupling, circular_features

from .orientation_field import OrientationField


def image_circuits(
    field: OrientationField,
    height: int,
    width: int,
    contrast: float,
    solver: AbstractSteadyStateSolver,
) -> CircuitArea:
    """Circuits at every `field.stride`-th pixel of an image, driven by its Gabor filters.

    To be built outside `jax.jit`: the size of the filters depends on their wavelength.

    Args:
        field: filters and circuit; its `side` does not matter here.
        height, width: of the image [px].
        contrast: drive where a filter's amplitude is 1 [%].
        solver: how steady states are found.
    """
    square = field.circuit()
    assert isinstance(square.coupling, GaussianCoupling)
    rows, columns = (math.ceil(side / field.stride) for side in (height, width))
    coupling = GaussianCoupling(
        J=square.coupling.J,
        sigma=square.coupling.sigma,
        features=circular_features(field.preferred, field.feature_width),
        shape=(field.orientations, rows, columns),
    )
    nothing = jnp.zeros(field.orientations)
    return CircuitArea(
        stage=field.bank(),
        drive_scale=jnp.asarray(contrast, float),
        circuit=Circuit(square.populations, coupling),
        output_map=PowerMap(nothing, nothing),
        solver=solver,
    )


def at_places(
    maps: Float[Array, "maps height width"], places: Float[Array, "places 2"], spread: float
) -> Float[Array, " places"]:
    """Mean over all maps, and by a Gaussian around each place.

    Args:
        maps: such as rates.
        places: (row, column) from 0 to 1.
        spread: standard deviation, as a share of the side.
    """
    mean = jnp.mean(maps, axis=0)
    rows, columns = (
        jnp.exp(-(((jnp.arange(n) + 0.5)[None, :] / n - at[:, None]) ** 2) / (2 * spread**2))
        for n, at in zip(mean.shape, places.T, strict=True)
    )
    weights = rows[:, :, None] * columns[:, None, :]
    return jnp.einsum("pyx,yx->p", weights, mean) / jnp.sum(weights, axis=(1, 2))
