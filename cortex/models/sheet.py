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
    steady_state,
)
from cortex.circuit.coupling.sparse import Neighbours
from cortex.settings import Settings, quantity
from cortex.sources import Source
from cortex.stimuli import circular_distance, line

RUBIN = Source("rubin2015", "Fig. 6, as transcribed by others")
PROJECTIONS = ("EE", "IE", "EI", "II")  # EI: from I onto E
PERIOD = 180.0  # deg, of orientation
# The source in our hands gives no wavelength. With this one, eight repeats a side, connections a
# cell come out as transcribed; much longer ones give more from I (see `wavelength`).
WAVELENGTH = "chosen here: 8 repeats a side, which gives the transcribed connections a cell"


class Sheet(Settings):
    """A square of E/I pairs, each with a place and a preferred orientation; no wrap-around.

    Widths are in steps of the grid (px), so that `size` changes the extent of the sheet and
    not its grain.
    """

    size: int = quantity(75, "px", "side of the sheet, in E/I pairs", RUBIN, ge=3, le=150)
    spacing: float = quantity(16 / 75, "deg", "distance between neighbours", RUBIN, gt=0)
    wavelength: float = quantity(
        2.0, "deg", "distance between repeats of the orientation map", WAVELENGTH, gt=0
    )
    waves: int = quantity(30, "1", "plane waves that the map is the sum of", RUBIN, ge=1)
    J_EE: float = quantity(0.10, "1/Hz", "mean weight from E onto E", RUBIN, ge=0)
    J_IE: float = quantity(0.38, "1/Hz", "mean weight from E onto I", RUBIN, ge=0)
    J_EI: float = quantity(0.089, "1/Hz", "mean weight from I onto E", RUBIN, ge=0)
    J_II: float = quantity(0.096, "1/Hz", "mean weight from I onto I", RUBIN, ge=0)
    sigma_EE: float = quantity(8.0, "px", "width of connections E onto E", RUBIN, gt=0)
    sigma_IE: float = quantity(12.0, "px", "width of connections E onto I", RUBIN, gt=0)
    sigma_EI: float = quantity(4.0, "px", "width of connections I onto E", RUBIN, gt=0)
    sigma_II: float = quantity(4.0, "px", "width of connections I onto I", RUBIN, gt=0)
    sigma_orientation: float = quantity(
        45.0, "deg", "width of connections over preferred orientation", RUBIN, gt=0
    )
    kappa_E: float = quantity(
        0.1, "1", "peak probability of a connection from E", RUBIN, gt=0, le=1
    )
    kappa_I: float = quantity(
        0.5, "1", "peak probability of a connection from I", RUBIN, gt=0, le=1
    )
    weight_sd: float = quantity(0.25, "1", "SD of weights relative to their mean", RUBIN, ge=0)
    k: float = quantity(0.012, "Hz", "rate at an input of 1, mean", RUBIN, gt=0)
    n_E: float = quantity(2.0, "1", "exponent of E cells, mean", RUBIN, gt=0)
    n_I: float = quantity(2.2, "1", "exponent of I cells, mean", RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of E cells, mean", RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of I cells, mean", RUBIN, gt=0)
    cell_sd: float = quantity(
        0.05,
        "1",
        "SD over cells of k, n and tau, relative to their means",
        RUBIN,
        ge=0,
        le=0.15,  # six SD above zero: no draw is negative
    )

    def orientation_map(self, seed: int) -> Float[Array, "height width"]:
        """Preferred orientations [deg, in [0, 180)], row 0 at y = 0.

        A sum of plane waves of one wavelength with random signs and phases, angle halved.
        """
        side = (self.size, self.size)
        wavelength = self.wavelength / self.spacing
        # Now, also while a program that uses the sheet is traced: the wiring is drawn from the map.
        with jax.ensure_compile_time_eval():
            return orientation_map(jax.random.key(seed), side, wavelength, self.waves)

    def circuit(self, seed: int) -> Circuit:
        """One random draw, a circuit of shape (size, size).

        The sizes, widths and probabilities shape the draw and must be numbers; `J_*`, `k`, `n_*`,
        `tau_*` and `cell_sd` may be traced arrays.

        Args:
            seed: of the orientation map, the connections, and `k`, `n` and `tau` of every cell,
                >= 0. The map is `orientation_map(seed)`.

        Returns:
            Weights in 1/Hz; those onto a cell add up to `J` times the mean number of connections.
        """
        cells, wiring = np.random.SeedSequence(seed).spawn(2)
        pairs = {
            "k": EI(self.k, self.k),
            "n": EI(self.n_E, self.n_I),
            "tau": EI(self.tau_E, self.tau_I),
        }
        shape = (len(pairs), 2, self.size, self.size)
        drawn = jnp.asarray(np.random.default_rng(cells).normal(size=shape), float)
        scatter = {
            name: pair.map(lambda mean, z: mean * (1.0 + self.cell_sd * z), EI(*drawn[row]))
            for row, (name, pair) in enumerate(pairs.items())
        }
        coupling = sparse_sheet(
            int(wiring.generate_state(1)[0]),
            np.asarray(self.orientation_map(seed)),
            Projections(EE=self.J_EE, EI=self.J_EI, IE=self.J_IE, II=self.J_II),
            Projections(EE=self.sigma_EE, EI=self.sigma_EI, IE=self.sigma_IE, II=self.sigma_II),
            EI(self.kappa_E, self.kappa_I),
            self.sigma_orientation,
            self.weight_sd,
        )
        return Circuit(Populations(**scatter), coupling)

    def interior(self, margin: float) -> np.ndarray:
        """Which places lie at least `margin` [deg] inside the border, boolean (height, width)."""
        inside = (np.arange(self.size) + 0.5) * self.spacing
        far = np.minimum(inside, inside[::-1]) >= margin
        return far[:, None] & far[None, :]

    def distance(self, right: Any, down: Any = 0.0) -> Float[Array, "height width"]:
        """Distance of the units from a place [deg], given from the middle of the sheet."""
        along = (jnp.arange(self.size) - (self.size - 1) / 2) * self.spacing
        return jnp.hypot(along[:, None] - down, along[None, :] - right)

    def networks(self, seed: int, count: int, places: int, margin: float) -> list[SheetNetwork]:
        """Independent draws whose arrays have the same shapes, so that code compiles once for all.

        Args:
            seed: >= 0; every network has a seed of its own made from it.
            count: number of networks.
            places: places of each network, drawn without repeats from `interior(margin)`.
            margin: least distance of a place from the border [deg].

        Raises:
            ValueError: there are fewer such places.
        """
        choices = np.argwhere(self.interior(margin))
        networks = []
        for words in np.random.SeedSequence(seed).spawn(count):
            own = int(words.generate_state(1)[0] >> 1)
            chosen = np.random.default_rng(words).choice(choices, places, replace=False)
            row, column = (jnp.asarray(axis, jnp.int32) for axis in chosen.T)
            preferred = self.orientation_map(own)
            networks.append(SheetNetwork(self.circuit(own), preferred, row, column, self.spacing))

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


class SheetNetwork(eqx.Module):
    """One draw of a sheet, with some of its places.

    Attributes:
        circuit: of shape (height, width).
        preferred: preferred orientations [deg], (height, width).
        row, column: of the places [px].
        spacing: distance between neighbours [deg].
    """

    circuit: Circuit
    preferred: Float[Array, "height width"]
    row: Int[Array, " place"]
    column: Int[Array, " place"]
    spacing: float

    def distance(self) -> Float[Array, "height width place"]:
        """Distance of the whole sheet from the places [deg]."""
        down, right = (
            jnp.arange(side)[:, None] - along[None, :]
            for side, along in zip(self.preferred.shape, (self.row, self.column), strict=True)
        )
        return self.spacing * jnp.sqrt(
            (down[:, None, :] ** 2 + right[None, :, :] ** 2).astype(float)
        )

    def full_field(
        self, orientations: Float[Array, " orientation"], width: Any
    ) -> Float[Array, "height width orientation"]:
        """Drive by gratings of a contrast of 1 that cover the sheet: exp(-d_ori^2 / 2 width^2).

        Args:
            orientations: of the gratings [deg].
            width: of the Gaussian over preferred orientation [deg].
        """
        turn = circular_distance(self.preferred[:, :, None], orientations[None, None, :], PERIOD)
        return jnp.exp(-(turn**2) / (2 * width**2))

    def connections(self) -> Float[Array, " projection"]:
        """Mean number of connections onto a cell, in the order of `PROJECTIONS`."""
        lists = self.circuit.coupling.neighbours  # type: ignore[attr-defined]
        counts = [jnp.sum(getattr(lists, p).weight > 0, axis=1) for p in PROJECTIONS]
        return jnp.stack([jnp.mean(count, dtype=float) for count in counts])

    def settle(
        self,
        drive: Float[Array, "height width *stimuli"],
        solver: FixedPointOfEach,
        initial: EI[Array] | None = None,
    ) -> SettledSheets:
        """The steady state under each of many stimuli, side by side.

        Args:
            drive: of E and I alike, in the unit of the circuit's input.
            solver: as from `SheetSettle`.
            initial: rates to start from [Hz], of the shape of `drive`; silence by default.
        """
        circuit, both = side_by_side(self.circuit, *drive.shape[2:]), EI(drive, drive)
        rates = steady_state(circuit, both, initial=initial, solver=solver).last
        residual, converged = solver.each(circuit.dynamics(both).residual(rates), rates)
        return SettledSheets(rates, residual, converged)

    def length_tuning(
        self,
        contrast: Any,
        lengths: Float[Array, " length"],
        edge: Any,
        width: Any,
        solver: FixedPointOfEach,
        at_once: int,
    ) -> tuple[SettledSheets, Float[Array, "length height width"]]:
        """Gratings of one contrast, centred on every place, of its preferred orientation.

        The drive is that of `full_field` under the mask of `cortex.stimuli.line` along the
        distance from the place.

        Args:
            contrast: [%].
            lengths: diameters [deg]; rising, neighbours start from one another's states.
            edge: width of the soft edge of a grating [deg].
            width: of the Gaussian over preferred orientation [deg].
            solver: as from `SheetSettle`.
            at_once: stimuli that are settled side by side; at least one length at all places.

        Returns:
            Rates at the centres of the gratings (length, place), and the E rates of the whole
            sheet [Hz] while the grating is at the first place.
        """
        row, column, count = self.row, self.column, len(lengths)
        distance, places = self.distance(), jnp.arange(len(row))
        height = contrast * self.full_field(self.preferred[row, column], width)
        several = min(max(at_once // len(row), 1), count)

        def settle(initial: EI[Array], some: Array) -> tuple[EI[Array], tuple[Any, Array]]:
            masks = jax.vmap(lambda length: line(distance, length, edge), out_axes=2)(some)
            found = self.settle(masks * height[:, :, None, :], solver, initial)
            centres = found.rates.map(lambda r: r[row, column, :, places].T)
            # The next lengths start from the last of these, which is nearest to them.
            start = found.rates.map(lambda r: jnp.broadcast_to(r[:, :, -1:], r.shape))
            sheet = jnp.moveaxis(found.rates.E[:, :, :, 0], -1, 0)
            return start, (SettledSheets(centres, found.residual, found.converged), sheet)

        turns = -(-count // several)
        padded = jnp.pad(lengths, (0, turns * several - count), mode="edge")
        silence = jnp.zeros((*self.preferred.shape, several, len(row)))
        found = jax.lax.scan(settle, EI(silence, silence), padded.reshape(turns, several))[1]
        return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:count], found)

    def pair_responses(
        self,
        contrasts: Float[Array, " contrast"],
        orientations: tuple[Any, Any],
        width: Any,
        solver: FixedPointOfEach,
    ) -> SettledSheets:
        """Two gratings that cover the sheet: the first, the second, and both; drives add.

        Args:
            contrasts: of each grating [%].
            orientations: of the two [deg].
            width: of the Gaussian over preferred orientation [deg].
            solver: as from `SheetSettle`.

        Returns:
            Rates of shape (height, width, contrast, 3).
        """
        single = self.full_field(jnp.asarray(orientations, float), width)
        three = jnp.concatenate([single, jnp.sum(single, -1, keepdims=True)], -1)
        return self.settle(three[:, :, None, :] * contrasts[None, None, :, None], solver)


class SettledSheets(eqx.Module):
    """Steady states under many stimuli, each judged by itself.

    Attributes:
        rates: of E and I [Hz], (height, width, *stimuli).
        residual: largest of the sheet [Hz], (*stimuli).
        converged: whether that is within tolerance, (*stimuli).
    """

    rates: EI[Array]
    residual: Float[Array, "*stimuli"]
    converged: Bool[Array, "*stimuli"]


def sheet(size: int = 75, seed: int = 0, **settings: Any) -> Circuit:
    """The cortical sheet of Rubin, Van Hooser & Miller 2015, one random draw, of any size.

    Neighbours stay 16/75 deg apart and connections as dense as they are: more units are a larger
    sheet, whose inner cells receive what those of the published one receive.

    Args:
        size: side of the sheet, in E/I pairs, 3 to 150.
        seed: of the orientation map, the connections and the cells, >= 0.
        **settings: of `Sheet` (`J_EE`, `kappa_E`, ...) in place of the published ones.
    """
    return Sheet(size=size, **settings).circuit(seed)


def side_by_side(circuit: Circuit, *copies: int) -> Circuit:
    """A sheet many times over on new last axes, one stimulus each: the fast way to many stimuli.

    Args:
        circuit: as from `Sheet.circuit`, of shape (height, width).
        *copies: lengths of the new axes. Their product is best a multiple of 16, and near 48.

    Returns:
        A circuit of shape (height, width, *copies). Settle it with `FixedPointOfEach`.

    Raises:
        TypeError: its coupling is not sparse.
    """
    coupling = circuit.coupling
    if not isinstance(coupling, SparseCoupling):
        raise TypeError(f"coupling: found {type(coupling).__name__}, allowed: SparseCoupling")

    def resize(leaf: Array) -> Array:
        return leaf if jnp.ndim(leaf) == 0 else leaf.reshape(*leaf.shape, *(1 for _ in copies))

    return Circuit(jax.tree.map(resize, circuit.populations), coupling.side_by_side(*copies))


class FixedPointOfEach(FixedPointIteration):
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


class SheetSettle(Settings):
    """How steady states of sheets are found: fixed steps, many stimuli side by side."""

    step: float = quantity(2.0, "ms", "Euler step", gt=0)
    duration: float = quantity(2000.0, "ms", "longest simulated time", gt=0)
    rtol: float = quantity(
        1e-4, "1", "residual allowed, as a share of the stimulus's largest rate", gt=0
    )
    atol: float = quantity(1e-4, "Hz", "residual allowed besides", gt=0)
    at_once: int = quantity(48, "1", "stimuli side by side; speed only", ge=1)

    def __call__(self) -> FixedPointOfEach:
        """The solver for `cortex.circuit.steady_state`."""
        # Hot spots of the random network reach 1000 Hz; only infinity counts as run away.
        return FixedPointOfEach(
            dt=self.step,
            duration=self.duration,
            rtol=self.rtol,
            atol=self.atol,
            max_rate=float("inf"),
        )
