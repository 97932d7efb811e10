"""Does the circuit in an area compute? Sums, suppression and regime, under natural drive."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cortex.circuit import (
    EI,
    SteadyState,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    steady_state,
)
from cortex.memory import in_parts

from .area import AbstractArea, CircuitArea, Maps
from .system import VisualSystem


class CircuitProbe(eqx.Module):
    """What a circuit does with the drive of one image, and of one added to it.

    Responses are changes from the rates without drive, which are zero without a baseline.

    Attributes:
        sum_weight: w_E = <s, r_both> / <s, s>, s the sum of the responses to each drive
            alone, r_both the response to their sum; below 1 summation is sublinear. A
            layer that passes its drive through a square would give more than 1.
        leading_eigenvalue: of the linearised E subnetwork; above 1 inhibition stabilises.
        paradoxical_I: change of the I rate [Hz] per unit of input to all I units, weighted
            by E activity; below 0 in the inhibition-stabilised regime.
        surround_suppression: (r_patch - r_full) / r_patch of the most driven E unit, the
            patch being the drive within `patch_radius` of it.
        largest_residual: over the states found [Hz].
        converged: all states were found.
    """

    sum_weight: Float[Array, ""]
    leading_eigenvalue: Float[Array, ""]
    paradoxical_I: Float[Array, ""]
    surround_suppression: Float[Array, ""]
    largest_residual: Float[Array, ""]
    converged: Bool[Array, ""]


def probe(area: CircuitArea, drive: Maps, other: Maps, patch_radius: float = 1.5) -> CircuitProbe:
    """Probe the circuit of an area with the drives of two images.

    Args:
        area: with a circuit.
        drive, other: feed-forward drives [contrast], see `CircuitArea.drive`.
        patch_radius: [px of the layer's maps].
    """
    _, height, width = drive.shape
    most = jnp.argmax(drive)
    y, x = (most // width) % height, most % width
    rows, columns = jnp.arange(height)[:, None] - y, jnp.arange(width)[None, :] - x
    patch = (rows**2 + columns**2 <= patch_radius**2).astype(drive.dtype)
    shown = jnp.stack([drive, other, drive + other, drive * patch[None]])
    baseline = area.with_baseline()

    def settle(h: Maps) -> SteadyState:
        return steady_state(area.circuit, EI(h, h), baseline, solver=area.solver)

    states = jax.vmap(settle)(shown)
    silence = settle(jnp.zeros_like(drive)).rates.E[None] if area.baseline else 0.0
    first, second, both, center = states.rates.E - silence
    total = first + second
    rates = states.rates.map(lambda r: r[0])
    same = EI(drive, drive)
    full, alone = first.ravel()[most], center.ravel()[most]
    return CircuitProbe(
        sum_weight=jnp.sum(total * both) / jnp.sum(total**2),
        leading_eigenvalue=leading_excitatory_eigenvalue(area.circuit, rates, same, baseline),
        paradoxical_I=paradoxical_effect(area.circuit, rates, same, baseline).I,
        surround_suppression=1.0 - full / alone,
        largest_residual=jnp.max(states.residual),
        converged=jnp.all(states.converged),
    )


def probe_areas(
    system: VisualSystem,
    images: Float[Array, "pairs channels height width"],
    others: Float[Array, "pairs channels height width"],
) -> dict[int, dict[str, float]]:
    """What each circuit computes on pairs of images.

    Args:
        system: with circuits in any of its areas.
        images, others: the first and the second image of each pair.

    Returns:
        By area with a circuit, 0 the lowest, and by name the members of `CircuitProbe`: means
        over pairs, the largest of the residuals, and the share of pairs that converged.
    """
    count, shown, found = len(images), jnp.concatenate([images, others]), {}
    top = max(
        (n for n, area in enumerate(system.areas) if isinstance(area, CircuitArea)), default=0
    )
    for layer, area in enumerate(system.areas[: top + 1]):
        if isinstance(area, CircuitArea):
            drives = _drives(area, shown)
            result = _probes(area, drives[:count], drives[count:])
            names = (field.name for field in dataclasses.fields(result))
            found[layer] = {name: float(jnp.mean(getattr(result, name))) for name in names}
            found[layer]["largest_residual"] = float(jnp.max(result.largest_residual))
        if layer < top:
            shown = _sent(area, shown)
    return found


@in_parts(shared=1)
def _drives(area: CircuitArea, shown: Array) -> Array:
    return jax.vmap(area.drive)(shown)


@in_parts(shared=1)
def _probes(area: CircuitArea, drive: Array, other: Array) -> CircuitProbe:
    return jax.vmap(lambda d, o: probe(area, d, o))(drive, other)


@in_parts(shared=1)
def _sent(area: AbstractArea, shown: Array) -> Array:
    return jax.vmap(lambda x: area(x).with_skip)(shown)
