"""Gratings on the cortical sheet: length tuning, and pairs that cover the field."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cortex.circuit import EI, Circuit, steady_state
from cortex.stimuli import circular_distance, line

from .sheet import PERIOD, RelaxEach, SheetNetwork, sheet_distance, side_by_side


class SheetGratings(eqx.Module):
    """Gratings on a sheet, as arrays: a change of value compiles nothing anew.

    Attributes:
        spacing: distance between neighbours on the sheet [deg].
        edge: width of the soft edge of a grating [deg].
        width: width of the Gaussian drive over preferred orientation [deg].
    """

    spacing: Float[Array, ""]
    edge: Float[Array, ""]
    width: Float[Array, ""]

    def full_field(
        self, preferred: Float[Array, "height width"], orientations: Float[Array, " orientation"]
    ) -> Float[Array, "height width orientation"]:
        """Drive of gratings of contrast 1 that cover the sheet: `exp(-d_ori^2 / 2 width^2)`."""
        turn = circular_distance(preferred[:, :, None], orientations[None, None, :], PERIOD)
        return jnp.exp(-(turn**2) / (2 * self.width**2))


class Settled(eqx.Module):
    """Steady rates [Hz] under some stimuli, and how well each was reached.

    Attributes:
        rates: of what is said where this is returned.
        residual: largest of the sheet [Hz], per stimulus.
        converged: whether that is within tolerance.
    """

    rates: EI[Array]
    residual: Float[Array, "*stimuli"]
    converged: Bool[Array, "*stimuli"]


def length_tuning(
    network: SheetNetwork,
    gratings: SheetGratings,
    contrast: Float[Array, ""],
    lengths: Float[Array, " length"],
    solver: RelaxEach,
    at_once: int,
) -> tuple[Settled, Float[Array, "length height width"]]:
    """Gratings of one contrast, centred on every place of a network, of its preferred orientation.

    The drive is `contrast exp(-d_ori^2 / 2 width^2)` under the mask of `cortex.stimuli.line`
    along the distance from the place.

    Args:
        network: as from `sheet_networks`.
        contrast: [%].
        lengths: diameters [deg]; rising, neighbours start from one another's states.
        at_once: lengths that are settled side by side, each at all places.

    Returns:
        Rates at the centres of the gratings (length, place), and the E rates of the whole
        sheet [Hz] while the grating is at the first place.
    """
    row, column, count = network.row, network.column, len(lengths)
    places = jnp.arange(len(row))
    circuit = side_by_side(network.circuit, at_once, len(row))
    distance = gratings.spacing * sheet_distance(network.preferred.shape[0], row, column)
    height = contrast * gratings.full_field(network.preferred, network.preferred[row, column])

    def settle(initial: EI[Array], some: Array) -> tuple[EI[Array], tuple[Settled, Array]]:
        masks = jax.vmap(lambda length: line(distance, length, gratings.edge), out_axes=2)(some)
        found = _settled(circuit, masks * height[:, :, None, :], solver, initial)
        centres = found.rates.map(lambda r: r[row, column, :, places].T)
        # The next lengths start from the last of these, which is nearest to them.
        start = found.rates.map(lambda r: jnp.broadcast_to(r[:, :, -1:], r.shape))
        sheet = jnp.moveaxis(found.rates.E[:, :, :, 0], -1, 0)
        return start, (Settled(centres, found.residual, found.converged), sheet)

    turns = -(-count // at_once)
    padded = jnp.pad(lengths, (0, turns * at_once - count), mode="edge")
    answers = jax.lax.scan(settle, circuit.silence(), padded.reshape(turns, at_once))[1]
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], answers)


def pair_responses(
    network: SheetNetwork,
    gratings: SheetGratings,
    contrasts: Float[Array, " contrast"],
    orientations: Float[Array, " 2"],
    solver: RelaxEach,
) -> Settled:
    """Two gratings that cover the sheet: the first, the second, and both; drives add.

    Returns:
        Rates of shape (height, width, contrast, 3).
    """
    single = gratings.full_field(network.preferred, orientations)
    three = jnp.concatenate([single, jnp.sum(single, -1, keepdims=True)], -1)
    drive = three[:, :, None, :] * contrasts[None, None, :, None]
    return _settled(side_by_side(network.circuit, *drive.shape[2:]), drive, solver)


def _settled(
    circuit: Circuit, drive: Array, solver: RelaxEach, initial: EI[Array] | None = None
) -> Settled:
    both = EI(drive, drive)
    rates = steady_state(circuit, both, initial=initial, solver=solver).rates
    residual, converged = solver.each(circuit.dynamics(both).residual(rates), rates)
    return Settled(rates, residual, converged)
