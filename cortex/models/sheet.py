"""The cortical sheet of Rubin, Van Hooser & Miller 2015, Fig. 6."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    Populations,
    Projections,
    SparseCoupling,
    orientation_map,
    sparse_sheet,
)
from cortex.circuit.coupling.sparse import Neighbours
from cortex.experiment import Section, quantity

RUBIN = "Rubin et al. 2015, Fig. 6, as transcribed by others"
HERE = "chosen here"
PERIOD = 180.0  # deg, of orientation
# The source in our hands gives no wavelength. With this one, eight repeats a side, connections a
# cell come out as transcribed; much longer ones give more from I (see `wavelength`).
WAVELENGTH = "chosen here: 8 repeats a side, which gives the transcribed connections a cell"


class SheetSection(Section):
    """A square of E/I pairs, each with a place and a preferred orientation; no wrap-around.

    Widths are in steps of the grid (px), so that `size` changes the extent of the sheet and
    not its grain.
    """

    size: int = quantity(75, "px", "side of the sheet, in E/I pairs", source=RUBIN, ge=3, le=150)
    spacing: float = quantity(16 / 75, "deg", "distance between neighbours", source=RUBIN, gt=0)
    wavelength: float = quantity(
        2.0, "deg", "distance between repeats of the orientation map", source=WAVELENGTH, gt=0
    )
    waves: int = quantity(30, "1", "plane waves that the map is the sum of", source=RUBIN, ge=1)
    J_EE: float = quantity(0.10, "1/Hz", "mean weight from E onto E", source=RUBIN, ge=0)
    J_IE: float = quantity(0.38, "1/Hz", "mean weight from E onto I", source=RUBIN, ge=0)
    J_EI: float = quantity(0.089, "1/Hz", "mean weight from I onto E", source=RUBIN, ge=0)
    J_II: float = quantity(0.096, "1/Hz", "mean weight from I onto I", source=RUBIN, ge=0)
    sigma_EE: float = quantity(8.0, "px", "width of connections E onto E", source=RUBIN, gt=0)
    sigma_IE: float = quantity(12.0, "px", "width of connections E onto I", source=RUBIN, gt=0)
    sigma_EI: float = quantity(4.0, "px", "width of connections I onto E", source=RUBIN, gt=0)
    sigma_II: float = quantity(4.0, "px", "width of connections I onto I", source=RUBIN, gt=0)
    sigma_orientation: float = quantity(
        45.0, "deg", "width of connections over preferred orientation", source=RUBIN, gt=0
    )
    kappa_E: float = quantity(
        0.1, "1", "peak probability of a connection from E", source=RUBIN, gt=0, le=1
    )
    kappa_I: float = quantity(
        0.5, "1", "peak probability of a connection from I", source=RUBIN, gt=0, le=1
    )
    weight_sd: float = quantity(
        0.25, "1", "SD of weights relative to their mean", source=RUBIN, ge=0
    )
    k: float = quantity(0.012, "Hz", "rate at an input of 1, mean", source=RUBIN, gt=0)
    n_E: float = quantity(2.0, "1", "exponent of E cells, mean", source=RUBIN, gt=0)
    n_I: float = quantity(2.2, "1", "exponent of I cells, mean", source=RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of E cells, mean", source=RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of I cells, mean", source=RUBIN, gt=0)
    cell_sd: float = quantity(
        0.05,
        "1",
        "SD over cells of k, n and tau, relative to their means",
        source=RUBIN,
        ge=0,
        le=0.15,  # six SD above zero: no draw is negative
    )


def sheet_map(sheet: SheetSection, seed: int) -> Float[Array, "height width"]:
    """Preferred orientations of a `SheetSection` [deg, in [0, 180)], row 0 at y = 0.

    A sum of plane waves of one wavelength with random signs and phases, angle halved.
    """
    side = (sheet.size, sheet.size)
    wavelength = sheet.wavelength / sheet.spacing
    # Now, also while a program that uses the sheet is traced: the wiring is drawn from the map.
    with jax.ensure_compile_time_eval():
        return orientation_map(jax.random.key(seed), side, wavelength, sheet.waves)


def sheet_circuit(sheet: SheetSection, seed: int) -> Circuit:
    """One random draw of a `SheetSection`, a circuit of shape (size, size).

    Parameters
    ----------
    sheet
        The section. The sizes, widths and probabilities shape the draw and must be numbers;
        `J_*`, `k`, `n_*`, `tau_*` and `cell_sd` may be traced arrays.
    seed
        Of the orientation map, the connections, and `k`, `n` and `tau` of every cell, >= 0.
        The map is `sheet_map(sheet, seed)`.

    Returns
    -------
    Circuit
        Weights in 1/Hz; those onto a cell add up to `J` times the mean number of connections.
    """
    cells, wiring = np.random.SeedSequence(seed).spawn(2)
    pairs = {
        "k": EI(sheet.k, sheet.k),
        "n": EI(sheet.n_E, sheet.n_I),
        "tau": EI(sheet.tau_E, sheet.tau_I),
    }
    shape = (len(pairs), 2, sheet.size, sheet.size)
    drawn = jnp.asarray(np.random.default_rng(cells).normal(size=shape), float)
    scatter = {
        name: pair.map(lambda mean, z: mean * (1.0 + sheet.cell_sd * z), EI(*drawn[row]))
        for row, (name, pair) in enumerate(pairs.items())
    }
    coupling = sparse_sheet(
        int(wiring.generate_state(1)[0]),
        np.asarray(sheet_map(sheet, seed)),
        Projections(EE=sheet.J_EE, EI=sheet.J_EI, IE=sheet.J_IE, II=sheet.J_II),
        Projections(EE=sheet.sigma_EE, EI=sheet.sigma_EI, IE=sheet.sigma_IE, II=sheet.sigma_II),
        EI(sheet.kappa_E, sheet.kappa_I),
        sheet.sigma_orientation,
        sheet.weight_sd,
    )
    return Circuit(Populations(**scatter), coupling)


def sheet(size: int = 75, seed: int = 0, **settings: Any) -> Circuit:
    """The cortical sheet of Rubin, Van Hooser & Miller 2015, one random draw, of any size.

    Neighbours stay 16/75 deg apart and connections as dense as they are: more units are a larger
    sheet, whose inner cells receive what those of the published one receive.

    Args:
        size: side of the sheet, in E/I pairs, 3 to 150.
        seed: of the orientation map, the connections and the cells, >= 0.
        **settings: of `SheetSection` (`J_EE`, `kappa_E`, ...) in place of the published ones.
    """
    return sheet_circuit(SheetSection(size=size, **settings), seed)


def side_by_side(circuit: Circuit, *copies: int) -> Circuit:
    """A sheet many times over on new last axes, one stimulus each: the fast way to many stimuli.

    Parameters
    ----------
    circuit
        As from `sheet_circuit`, of shape (height, width).
    *copies
        Lengths of the new axes. Their product is best a multiple of 16, and near 48.

    Returns
    -------
    Circuit
        Of shape (height, width, *copies). Settle it with `RelaxEach`.
    """
    coupling = circuit.coupling
    if not isinstance(coupling, SparseCoupling):
        raise TypeError(f"coupling: found {type(coupling).__name__}, allowed: SparseCoupling")

    def widened(leaf: Array) -> Array:
        return leaf if jnp.ndim(leaf) == 0 else leaf.reshape(*leaf.shape, *(1 for _ in copies))

    return Circuit(jax.tree.map(widened, circuit.populations), coupling.side_by_side(*copies))


class RelaxEach(FixedPointIteration):
    """Fixed steps until every sheet of a circuit `side_by_side` has settled by its own measure.

    A weak stimulus next to a strong one would else be left at the residual that is small for
    the strong one.
    """

    def settled(self, residual: EI[Array], rates: EI[Array], share: float = 1.0) -> Bool[Array, ""]:
        return jnp.all(self.each(residual, rates, share)[1])

    def each(
        self, residual: EI[Array], rates: EI[Array], share: float = 1.0
    ) -> tuple[Float[Array, "*copies"], Bool[Array, "*copies"]]:
        """The largest residual [Hz] of every sheet, and whether it is within tolerance."""
        size, top = (
            jnp.maximum(*(jnp.max(jnp.abs(part), axis=(0, 1)) for part in (pair.E, pair.I)))
            for pair in (residual, rates)
        )
        return size, size <= share * (self.atol + self.rtol * top)


def sheet_distance(
    size: int, row: Int[Array, "*place"], column: Int[Array, "*place"]
) -> Float[Array, "height width *place"]:
    """Distance of every place of a square sheet from the given ones, all in px."""
    place = jnp.arange(size).reshape(-1, *(1,) * row.ndim)
    down, right = (place - index[None] for index in (row, column))
    return jnp.sqrt((down[:, None] ** 2 + right[None, :] ** 2).astype(float))


def sheet_interior(sheet: SheetSection, margin: float) -> np.ndarray:
    """Which places lie at least `margin` [deg] inside the border, boolean (height, width)."""
    inside = (np.arange(sheet.size) + 0.5) * sheet.spacing
    far = np.minimum(inside, inside[::-1]) >= margin
    return far[:, None] & far[None, :]


class SheetNetwork(eqx.Module):
    """One draw of a sheet, with some of its places.

    Attributes:
        circuit: of shape (height, width).
        preferred: preferred orientations [deg], (height, width).
        row, column: of the places [px].
    """

    circuit: Circuit
    preferred: Float[Array, "height width"]
    row: Int[Array, " place"]
    column: Int[Array, " place"]


def sheet_networks(
    sheet: SheetSection, seed: int, count: int, places: int, margin: float
) -> list[SheetNetwork]:
    """Independent draws whose arrays have the same shapes, so that code compiles once for all.

    Parameters
    ----------
    sheet, seed
        As in `sheet_circuit`; every network has a seed of its own made from `seed`.
    count
        Number of networks.
    places
        Places of each network, drawn without repeats from `sheet_interior(sheet, margin)`.

    Raises
    ------
    ValueError
        If there are fewer such places.
    """
    choices = np.argwhere(sheet_interior(sheet, margin))
    networks = []
    for words in np.random.SeedSequence(seed).spawn(count):
        own = int(words.generate_state(1)[0] >> 1)
        chosen = np.random.default_rng(words).choice(choices, places, replace=False)
        row, column = (jnp.asarray(axis, jnp.int32) for axis in chosen.T)
        circuit = sheet_circuit(sheet, own)
        networks.append(SheetNetwork(circuit, sheet_map(sheet, own), row, column))

    def lists(network: SheetNetwork) -> Any:
        return network.circuit.coupling.neighbours  # type: ignore[attr-defined]

    most = jax.tree.map(
        lambda *found: max(n.index.shape[1] for n in found),
        *(lists(network) for network in networks),
        is_leaf=lambda node: isinstance(node, Neighbours),
    )
    return [
        eqx.tree_at(lists, network, lists(network).map(lambda n, k: n.padded(k), most))
        for network in networks
    ]


class SheetSolverSection(Section):
    """How steady states are found: fixed steps, many stimuli side by side."""

    step: float = quantity(2.0, "ms", "Euler step", source=HERE, gt=0)
    duration: float = quantity(2000.0, "ms", "longest simulated time", source=HERE, gt=0)
    rtol: float = quantity(
        1e-4, "1", "residual allowed, as a share of the stimulus's largest rate", source=HERE, gt=0
    )
    atol: float = quantity(1e-4, "Hz", "residual allowed besides", source=HERE, gt=0)
    at_once: int = quantity(48, "1", "stimuli side by side; speed only", source=HERE, ge=1)

    def relax(self) -> RelaxEach:
        """The solver for `cortex.circuit.steady_state`."""
        # Hot spots of the random network reach 1000 Hz; only infinity counts as run away.
        return RelaxEach(
            dt=self.step,
            duration=self.duration,
            rtol=self.rtol,
            atol=self.atol,
            max_rate=float("inf"),
        )
