"""A sheet of visual cortex with an orientation map: size, contrast, suppression and summation.

Sparse random connections that depend on distance and on the difference in preferred orientation
join the E/I pairs of a sheet. Cells far from its border are shown gratings of their preferred
orientation, of several contrasts and lengths (diameters), centred on them: the *summation field*
is the length of the largest response, the *suppression index* SI = (r_max - r_largest)/r_max.
Two full-field gratings give the sum weight w = <s, r_both>/<s, s>, s the sum of the two single
responses, over all cells far from the border. Several networks are drawn.

Source: Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 6, as transcribed by others.
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import sum_weight, summation_field, suppression_index
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.experiment.results import variable
from cortex.measures import COMPUTED, converged_share
from cortex.models import (
    RelaxEach,
    SheetGratings,
    SheetNetwork,
    SheetSection,
    SheetSolverSection,
    length_tuning,
    pair_responses,
    sheet_interior,
    sheet_networks,
    stacked,
)
from cortex.models.sheet import RUBIN

HERE = "chosen here"
PROJECTIONS = ("EE", "IE", "EI", "II")
LENGTHS = (0.5, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.4, 2.8, 3.2, 4.0, 5.0, 7.0, 11.0, 16.0)


class StimulusSection(Section):
    """The gratings."""

    contrasts: tuple[Positive, ...] = quantity(
        (3.0, 10.0, 40.0, 52.0), "%", "contrasts of the length tuning", source=HERE, min_length=1
    )
    lengths: tuple[Positive, ...] = quantity(
        LENGTHS, "deg", "lengths (diameters), rising; the last is full", source=HERE, min_length=2
    )
    edge: float = quantity(16 / 75, "deg", "width of a grating's soft edge", source=RUBIN, gt=0)
    width: float = quantity(
        32.0, "deg", "width of the Gaussian drive over preferred orientation", source=RUBIN, gt=0
    )
    pair_contrasts: tuple[Positive, ...] = quantity(
        (2.0, 10.0, 20.0, 50.0),
        "%",
        "contrasts of both full-field gratings",
        source=HERE,
        min_length=1,
    )
    pair_orientations: tuple[float, float] = quantity(
        (0.0, 90.0), "deg", "orientations of the two full-field gratings", source=HERE
    )

    @model_validator(mode="after")
    def _in_order(self) -> StimulusSection:
        for key in ("contrasts", "pair_contrasts"):
            require_distinct(self, key)
        for before, after in zip(self.lengths, self.lengths[1:], strict=False):
            if not before < after:
                raise ValueError(
                    f"lengths: found {after:g} after {before:g}, allowed: rising lengths [deg]"
                )
        return self


class SampleSection(Section):
    """How many networks are drawn, and which of their cells are looked at."""

    networks: int = quantity(5, "1", "random networks", source=HERE, ge=1, le=100)
    places: int = quantity(
        12, "1", "random places of each network, with an E and an I cell", source=HERE, ge=1
    )
    margin: float = quantity(
        4.0, "deg", "least distance of an interior cell from the border", source=HERE, ge=0
    )


class Config(ExperimentConfig):
    """Configuration of `sheet_orientation_map`."""

    circuit: SheetSection = SheetSection()
    stimulus: StimulusSection = StimulusSection()
    sample: SampleSection = SampleSection()
    solver: SheetSolverSection = SheetSolverSection()

    @model_validator(mode="after")
    def _enough_places(self) -> Config:
        sheet, sample = self.circuit, self.sample
        inner = int(np.sum(sheet_interior(sheet, sample.margin)))
        if inner < sample.places:
            raise ValueError(
                f"sample.places: found {sample.places}, allowed: <= {inner}, the places "
                f"{sample.margin:g} deg or more from the border of the sheet"
            )
        return self


def simulate(config: Config, key: Array, progress: Progress | None = None) -> dict[str, Array]:
    """Steady responses of every network to gratings of all lengths and contrasts, and to pairs.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of `J_*`, `k`,
    `n_*`, `tau_*` and `cell_sd` of `circuit` and of the numbers of `stimulus`
    (`cortex.experiment.replaced`). The other numbers of `circuit` shape the draw of the network.

    Parameters
    ----------
    config
        The configuration.
    key
        Not used: networks are drawn from `config.seed`, before anything is traced.
    progress
        Told of every network that is done.

    Returns
    -------
    dict of arrays
        First axis: network. ``rate_E``, ``rate_I`` [Hz] (contrast, length, place) of the cells
        at the centre of the grating; ``SI_E``, ``SI_I``, ``field_E``, ``field_I`` [deg]
        (contrast, place); ``w_E``, ``w_I`` (pair contrast); ``preferred`` [deg] (row, column);
        ``place_row``, ``place_column`` (place); ``connections`` (projection), their mean number
        a cell; ``residual`` [Hz] and ``converged`` (stimulus shown). Without that axis:
        ``activity_E`` [Hz] (contrast, length, row, column), the sheet of the first network while
        the grating is at its first place. Rates of a network that ran away are NaN.
    """
    del key
    progress = Progress() if progress is None else progress
    shown, sample = config.stimulus, config.sample
    lengths = stacked(shown.lengths)
    arguments = (
        SheetGratings(*stacked((config.circuit.spacing, shown.edge, shown.width))),
        (stacked(shown.contrasts), lengths),
        (stacked(shown.pair_contrasts), stacked(shown.pair_orientations)),
        jnp.asarray(sheet_interior(config.circuit, sample.margin)),
        config.solver.relax(),
        min(max(config.solver.at_once // sample.places, 1), len(lengths)),
    )
    with progress.stage("draws of the networks"):
        networks = sheet_networks(
            config.circuit, config.seed, sample.networks, sample.places, sample.margin
        )
    found = []
    with progress.stage("steady states of the networks", total=len(networks)) as stage:
        for network in networks:
            found.append(jax.block_until_ready(respond(network, *arguments)))
            stage.advance()
    activity = found[0]["activity_E"]
    own = [{name: a for name, a in one.items() if name != "activity_E"} for one in found]
    together = jax.tree.map(lambda *parts: jnp.stack(parts), *own)
    for name in ("E", "I"):
        curves = jnp.moveaxis(together[f"rate_{name}"], -2, -1)  # length last
        together[f"SI_{name}"] = suppression_index(curves)
        together[f"field_{name}"] = summation_field(curves, lengths)
    return {**together, "activity_E": activity}


@eqx.filter_jit
def respond(
    network: SheetNetwork,
    gratings: SheetGratings,
    single: tuple[Array, Array],
    pair: tuple[Array, Array],
    inner: Array,
    solver: RelaxEach,
    at_once: int,
) -> dict[str, Array]:
    """Responses of one network, as in `simulate`.

    `single` are the contrasts [%] and lengths [deg] of gratings, `pair` the contrasts [%] and
    orientations [deg] of full-field gratings, `inner` is true where a cell counts for the weights.
    """
    contrasts, lengths = single
    tuned, activity = jax.lax.map(
        lambda contrast: length_tuning(network, gratings, contrast, lengths, solver, at_once),
        contrasts,
    )
    pairs = pair_responses(network, gratings, *pair, solver)

    def weight(rates: Array) -> Array:
        units = jnp.where(inner[:, :, None, None], rates, 0.0).reshape(-1, *rates.shape[2:])
        return sum_weight(jnp.moveaxis(units, 0, -1))

    lists = network.circuit.coupling.neighbours
    counts = [jnp.sum(getattr(lists, p).weight > 0, axis=1) for p in PROJECTIONS]
    return {
        "rate_E": tuned.rates.E,
        "rate_I": tuned.rates.I,
        "activity_E": activity,
        "w_E": weight(pairs.rates.E),
        "w_I": weight(pairs.rates.I),
        "preferred": network.preferred,
        "place_row": network.row,
        "place_column": network.column,
        "connections": jnp.stack([jnp.mean(count, dtype=float) for count in counts]),
        "residual": jnp.concatenate([tuned.residual.ravel(), pairs.residual.ravel()]),
        "converged": jnp.concatenate([tuned.converged.ravel(), pairs.converged.ravel()]),
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    found = simulate(config, jax.random.key(config.seed), progress)
    return label(config, {name: np.asarray(array) for name, array in found.items()})


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    shown, side = config.stimulus, np.arange(config.circuit.size) * config.circuit.spacing
    networks = np.arange(config.sample.networks)
    coordinates = {
        "network": variable("network", networks, "1", "random network"),
        "contrast": variable("contrast", shown.contrasts, "%", "contrast of the grating"),
        "length": variable("length", shown.lengths, "deg", "length (diameter) of the grating"),
        "pair_contrast": variable("pair_contrast", shown.pair_contrasts, "%", "of each grating"),
        "projection": variable("projection", list(PROJECTIONS), "1", "EI: from I onto E"),
        "row": variable("row", side, "deg", "place on the sheet"),
        "column": variable("column", side, "deg", "place on the sheet"),
    }
    cell, sheet = ("network", "contrast", "place"), ("row", "column")
    named = {
        "preferred": (("network", *sheet), "deg", "preferred orientation"),
        "activity_E": (("contrast", "length", *sheet), "Hz", "excitatory rate of network 0"),
        "place_row": (("network", "place"), "px", "row of the place looked at"),
        "place_column": (("network", "place"), "px", "column of the place looked at"),
        "connections": (("network", "projection"), "1", "mean number of connections a cell"),
        "residual": (("network", "shown"), "Hz", "largest residual of the state"),
        "converged": (("network", "shown"), "1", "whether the state was reached"),
    }
    for name, kind in (("E", "excitatory"), ("I", "inhibitory")):
        tuned = ("network", "contrast", "length", "place")
        named[f"rate_{name}"] = (tuned, "Hz", f"{kind} rate at the centre of the grating")
        named[f"SI_{name}"] = (cell, "1", f"suppression index of {kind} cells")
        named[f"field_{name}"] = (cell, "deg", f"summation field of {kind} cells")
        pair = ("network", "pair_contrast")
        named[f"w_{name}"] = (pair, "1", f"sum weight of the {kind} response")
    kept = {
        name: variable(dims, found[name], units, words)
        for name, (dims, units, words) in named.items()
    }
    return xr.Dataset(kept, coordinates)


# Averages over interior cells of several networks, for the sheet and the gratings above.
TABLES = {
    "SI_E": {40.0: 0.68},
    "SI_I": {40.0: 0.26},
    "field_E": {3.0: 3.2, 10.0: 2.0, 40.0: 1.4, 52.0: 1.3},  # deg
    "w_E": {2.0: 1.12, 10.0: 0.81, 20.0: 0.69, 50.0: 0.50},
    "connections": {"EE": 20.0, "IE": 41.0, "EI": 28.0, "II": 28.0},
}
EFFECTS = {
    "SI_E": "E cells are suppressed by the surround",
    "SI_I": "I cells are suppressed less",
    "field_E": "the summation field shrinks with contrast",
    "w_E": "two gratings sum less the stronger they are",
    "connections": "connections a cell are as transcribed",
}
# Of rows that may not hold: what is known. "Other draws" are five networks of 48 places each.
WHY = {
    "field_E": "the tuning of some cells is flat or has two peaks, above all for weak gratings: "
    "few with their maximum at great lengths pull the mean up (other draws: 3.9 deg at 3 %, the "
    "median 2.8); how the reference averages is not known",
    "SI_I": "I cells scatter widely (SD 0.27 over cells); other draws give 0.31 too, so this is "
    "not the sample alone; why the reference is lower is not known",
    "share_E": "one or two cells are not (1 of 240 in other draws); how many the reference is "
    "from is not known",
    "converged": "the strongest full-field gratings leave spots of some random sheets swinging "
    "for seconds; in one that was watched the average over the sheet moved by 0.2 %",
}
TOLERANCE = 0.1  # the random draw moves averages by a few per cent
SUPPRESSED = 0.25
TRANSCRIBED = "Rubin et al. 2015, Fig. 6 (about 20, 41, 28, 28), as transcribed by others"
SCENIAK = "published: Sceniak, Ringach, Hawken & Shapley 1999 (macaque V1); here the direction only"


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Averages over networks and places, with references for the tabulated sheet."""
    tabulated = is_tabulated(config)

    def average(quantity: str, found: xr.DataArray, at: float | str, unit: str = "1") -> Measure:
        condition = at if isinstance(at, str) else f"c={at:g}"
        each = found.values.reshape(len(found), -1).mean(1)
        name, value = f"{quantity}[{condition}]", float(np.mean(each))
        note = f"average over {len(each)} networks, SD between them {np.std(each):.2g}"
        reference = TABLES.get(quantity, {}).get(at) if tabulated else None
        if reference is None:
            return Measure.reported(name, value, unit, note=note)
        row = Measure.compared(
            name,
            value,
            unit,
            reference=reference,
            relative=TOLERANCE,
            provenance=TRANSCRIBED if quantity == "connections" else COMPUTED,
            effect=EFFECTS[quantity],
            headline=True,
            note=note,
        )
        why = WHY.get(quantity)
        return row if row.holds or why is None else replace(row, note=f"{note}; {why}")

    rows = [average("connections", data["connections"].sel(projection=p), p) for p in PROJECTIONS]
    for index, contrast in enumerate(config.stimulus.contrasts):
        here = data.isel(contrast=index)
        rows += [average(name, here[name], contrast) for name in ("SI_E", "SI_I")]
        rows += [_share(name, here[f"SI_{name}"], contrast, tabulated) for name in ("E", "I")]
        rows.append(average("field_E", here["field_E"], contrast, "deg"))
        median = np.median(here["field_E"].values)
        rows.append(Measure.reported(f"median_field_E[c={contrast:g}]", median, "deg"))
    for index, contrast in enumerate(config.stimulus.pair_contrasts):
        here = data.isel(pair_contrast=index)
        rows += [average(name, here[name], contrast) for name in ("w_E", "w_I")]
    settled = converged_share(data)
    rows += _directions(config, data)
    return [*rows, settled if settled.holds else replace(settled, note=WHY["converged"])]


def is_tabulated(config: Config) -> bool:
    """Whether the sheet, its gratings and the size of the sample are those of the tables.

    Which contrasts are asked for, and the seed, make no difference.
    """
    own = {"contrasts", "pair_contrasts"}
    sample = config.sample
    return (
        config.circuit == SheetSection()
        and config.stimulus.model_dump(exclude=own) == StimulusSection().model_dump(exclude=own)
        and sample.networks >= 5
        and sample.networks * sample.places >= 60
        and sample.margin == SampleSection().margin
    )


def _share(name: str, SI: xr.DataArray, contrast: float, tabulated: bool) -> Measure:
    """The share of cells that are clearly suppressed."""
    label = f"share_{name}_above_{SUPPRESSED:g}[c={contrast:g}]"
    value = np.mean(SI.values > SUPPRESSED)
    if not tabulated or contrast != 40.0:
        return Measure.reported(label, value, "1")
    expected = {"E": ">= 1 (all)", "I": "0.4 to 0.6 (about half)"}[name]
    effect = {"E": "all E cells are suppressed", "I": "about half of the I cells are suppressed"}
    row = Measure.expecting(
        label, value, "1", expected=expected, provenance=COMPUTED, effect=effect[name]
    )
    return row if row.holds else replace(row, note=WHY.get(f"share_{name}", ""))


def _directions(config: Config, data: xr.Dataset) -> list[Measure]:
    """What should change with contrast, and how, in any such sheet."""
    order = np.argsort(config.stimulus.contrasts)
    means = data.mean(("network", "place"))
    field, SI_E, SI_I = (means[name].values[order] for name in ("field_E", "SI_E", "SI_I"))
    weight = means["w_E"].values[np.argsort(config.stimulus.pair_contrasts)]
    gap = ("SI_E_minus_SI_I[highest contrast]", SI_E[-1] - SI_I[-1], "1", "> 0", COMPUTED)
    rows = [(*gap, "E cells are suppressed more than I cells")]
    for name, values, unit, expected, source, effect in (
        ("field_E", field, "deg", "< 0", SCENIAK, EFFECTS["field_E"]),
        ("SI_E", SI_E, "1", "> 0", COMPUTED, "surround suppression grows with contrast"),
        ("w_E", weight, "1", "< 0", COMPUTED, EFFECTS["w_E"]),
    ):
        if len(values) > 1:
            change = f"{name}_change[lowest to highest contrast]"
            rows.append((change, values[-1] - values[0], unit, expected, source, effect))
    return [
        Measure.expecting(name, value, unit, expected=expected, provenance=source, effect=effect)
        for name, value, unit, expected, source, effect in rows
    ]
