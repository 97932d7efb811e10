"""Cortical maps: how preferred orientation varies over the sheet."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def orientation_map(
    key: PRNGKeyArray, shape: tuple[int, int], wavelength: float, waves: int = 30
) -> Float[Array, "height width"]:
    """Preferred orientations [deg, in [0, 180)] from a sum of plane waves.

    Args:
        key: random key of the signs and phases.
        shape: (height, width) [px].
        wavelength: of every wave, the distance between repeats of the map [px], > 0.
        waves: number of waves, evenly spread over directions.

    Source: the construction of Kaschube et al. 2010, as used by Rubin et al. 2015, Fig. 6
    (transcribed by others): one wavelength, random sign and phase, angle halved.
    """
    sign_key, phase_key = jax.random.split(key)
    sign = jax.random.rademacher(sign_key, (waves,), dtype=jnp.result_type(float))
    phase = jax.random.uniform(phase_key, (waves,), maxval=2 * jnp.pi)
    direction = jnp.arange(waves) * (jnp.pi / waves)
    y = jnp.arange(shape[0], dtype=phase.dtype)[:, None, None]
    x = jnp.arange(shape[1], dtype=phase.dtype)[None, :, None]
    wavenumber = (2 * jnp.pi / wavelength) * sign
    argument = (
        x * (wavenumber * jnp.cos(direction))[None, None, :]
        + y * (wavenumber * jnp.sin(direction))[None, None, :]
        + phase[None, None, :]
    )
    angle = jnp.arctan2(jnp.sum(jnp.sin(argument), -1), jnp.sum(jnp.cos(argument), -1))
    return (jnp.degrees(angle) / 2) % 180.0
