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
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import sum_weight, summation_field, suppression_index
from cortex.circuit import EI, Epoch
from cortex.experiment import Above, AtLeast, Below, Between, Claim, Near, settled_claim
from cortex.labelled import Coordinate, Labelled, coordinate, label, quality
from cortex.models.sheet import PROJECTIONS, RUBIN, Sheet, SheetNetwork, SheetSettle
from cortex.models.top_down import TopDown
from cortex.progress import stage
from cortex.settings import Axis, Contrasts, axis, contrasts, kept, quantity
from cortex.sources import COMPUTED, Source
from cortex.stimuli import circular_distance, line

LENGTHS = (0.5, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.4, 2.8, 3.2, 4.0, 5.0, 7.0, 11.0, 16.0)


class Settings(ex.ExperimentSettings):
    """Settings of `sheet_orientation_map`; the longest grating counts as a full one."""

    circuit: Sheet = Sheet()
    contrasts: Contrasts = contrasts(3.0, 10.0, 40.0, 52.0, description="contrast of the grating")
    lengths: Axis = axis(*LENGTHS, unit="deg", description="length (diameter) of the grating")
    edge: float = quantity(16 / 75, "deg", "width of a grating's soft edge", RUBIN, gt=0)
    width: float = quantity(
        32.0, "deg", "width of the Gaussian drive over preferred orientation", RUBIN, gt=0
    )
    pair_contrasts: Contrasts = quantity(
        Contrasts(values=(2.0, 10.0, 20.0, 50.0)), "%", "contrast of both full-field gratings"
    )
    pair_orientations: tuple[float, float] = quantity(
        (0.0, 90.0), "deg", "orientations of the two full-field gratings"
    )
    networks: int = quantity(5, "1", "random networks", ge=1, le=100)
    places: int = quantity(12, "1", "random places of each network, with an E and an I cell", ge=1)
    margin: float = quantity(4.0, "deg", "least distance of an interior cell from the border", ge=0)
    settle: SheetSettle = SheetSettle()

    @model_validator(mode="after")
    def _enough_places(self) -> Settings:
        inner = int(np.sum(self.circuit.interior(self.margin)))
        if inner < self.places:
            raise ValueError(
                f"places: found {self.places}, allowed: <= {inner}, as many are inside the margin"
            )
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Steady responses of every network to gratings of all lengths and contrasts, and to pairs."""
    del key  # networks are drawn from the seed, before anything is traced
    with stage("draws of the networks"):
        networks = s.circuit.networks(s.seed, s.networks, s.places, s.margin)
    found = []
    with stage("steady states of the networks", total=len(networks)) as advance:
        for network in networks:
            found.append(jax.block_until_ready(respond(s, network)))
            advance()
    tuned, activity, pairs, connections = jax.tree.map(lambda *parts: jnp.stack(parts), *found)
    network = {"network": np.arange(s.networks)}
    grating = {"contrast": s.contrasts, "length": s.lengths}
    sheet = sides(s)
    rates = label(tuned.rates, "Hz", "rate at its centre", **network, **grating, place=None)
    index = rates.apply(suppression_index, "length")
    field = rates.apply(lambda r: summation_field(r, jnp.asarray(s.lengths.array())), "length")
    preferred = jnp.stack([drawn.preferred for drawn in networks])
    places = jnp.stack([jnp.stack([drawn.row, drawn.column]) for drawn in networks])
    return {
        "rates": rates,
        "suppression_index": index.named("1", "suppression index"),
        "summation_field": field.named("deg", "summation field"),
        "w": label(pairs.rates, "1", "sum weight w", **network, pair_contrast=s.pair_contrasts),
        "connections": label(
            connections, "1", "connections onto a cell", **network, projection=PROJECTIONS
        ),
        "activity": label(activity[0], "Hz", "E rate of the first network", **grating, **sheet),
        "preferred": label(preferred, "deg", "preferred orientation", **network, **sheet),
        "places": label(places, "px", "places", **network, axis=("row", "column"), place=None),
        **quality(tuned, pairs),
    }


def sides(s: Settings) -> dict[str, Coordinate]:
    """What stands along the sides of a sheet."""
    side = coordinate(np.arange(s.circuit.size) * s.circuit.spacing, "deg", "place")
    return {"row": side, "column": side}


@eqx.filter_jit
def respond(s: Settings, network: SheetNetwork) -> tuple[Any, ...]:
    """What one network does.

    Returns:
        Rates at the centres of gratings, E rates of the sheet while they are at the first place,
        sum weights in place of the rates of full-field pairs, and connections onto a cell.
    """
    solver, at_once = s.settle(), s.settle.at_once
    axes = (s.contrasts, s.lengths, s.pair_contrasts)
    contrasts, lengths, pair_contrasts = (jnp.asarray(along.array(), float) for along in axes)
    tuned, activity = jax.lax.map(
        lambda c: network.length_tuning(c, lengths, s.edge, s.width, solver, at_once), contrasts
    )
    pairs = network.pair_responses(pair_contrasts, s.pair_orientations, s.width, solver)
    inner = np.nonzero(s.circuit.interior(s.margin))

    def weigh(rates: Array) -> Array:
        return sum_weight(jnp.moveaxis(rates[inner], 0, -1))

    return tuned, activity, replace(pairs, rates=pairs.rates.map(weigh)), network.connections()


def watch(s: Settings) -> ex.Course:
    """A small grating in the middle, a full one, and attention to the middle."""
    preferred, away = s.circuit.orientation_map(s.seed), s.circuit.distance(0.0)
    turn = circular_distance(preferred, jnp.zeros_like(preferred))
    tuned = 10.0 * jnp.exp(-(turn**2) / (2 * s.width**2))  # %: weak, so that attention shows
    silence, small, full = (EI(h, h) for h in (0 * tuned, tuned * line(away, 4.0, s.edge), tuned))
    attention = TopDown().forms()["input to E"](jnp.exp(-(away**2) / 4))
    steps = [(Epoch(50.0, silence),), (Epoch(150.0, small), "small grating")]
    steps += [(Epoch(150.0, full), "full grating")]
    steps += [(Epoch(150.0, full, attention), "full grating", "attention")]
    return ex.course(s.circuit.circuit(s.seed), steps, **sides(s))


def E(d: xr.Dataset, population: str = "E") -> xr.Dataset:
    """Averages over the E cells of all networks."""
    cells = d[["summation_field", "suppression_index", "w"]].sel(population=population)
    return cells.mean(("network", "place"))


def I(d: xr.Dataset) -> xr.Dataset:  # noqa: E743
    """Averages over the I cells of all networks."""
    return E(d, "I")


def change(d: xr.Dataset) -> xr.Dataset:
    """What averages over E cells change by, from the lowest to the highest contrast."""
    first, last = (E(d).isel(contrast=i, pair_contrast=i, drop=True) for i in (0, -1))
    return last - first


def suppressed(d: xr.Dataset, population: str) -> xr.DataArray:
    """The share of cells that are clearly suppressed at 40 %."""
    return (d.suppression_index.sel(contrast=40, population=population) > 0.25).mean()


def compared(s: Settings) -> bool:
    """Whether there are contrasts to compare."""
    return min(len(s.contrasts.array()), len(s.pair_contrasts.array())) > 1


def tabulated(s: Settings) -> bool:
    """Whether the sheet, its gratings and the size of the sample are those of the tables."""
    same = kept("circuit", "lengths", "edge", "width", "pair_orientations", "margin")
    return same(s) and s.networks >= 5 and s.networks * s.places >= 60


# Averages over interior cells of several networks; the random draw moves them by a few per cent.
FIELDS = {3: 3.2, 10: 2.0, 40: 1.4, 52: 1.3}  # deg
WEIGHTS = {2: 1.12, 10: 0.81, 20: 0.69, 50: 0.50}
COUNTS = {"EE": 20, "IE": 41, "EI": 28, "II": 28}
SAID = Source("rubin2015", "Fig. 6 (about 20, 41, 28, 28), as transcribed by others")
SCENIAK = Source("sceniak1999", "published (macaque V1); here the direction only")
AS_SAID = "connections a cell are as transcribed"
SHRINKS = "the summation field shrinks with contrast"
GROWS = "surround suppression grows with contrast"
STRONG = "E cells are suppressed by the surround"
ALL = "all E cells are suppressed"
HALF = "about half of the I cells are suppressed"
LESS = "I cells are suppressed less"
SUM_LESS = "two gratings sum less the stronger they are"
# What is known of rows that may not hold. "Other draws" are five networks of 48 places each.
FLAT = (
    "the tuning of some cells is flat or has two peaks, above all for weak gratings: few with "
    "their maximum at great lengths pull the mean up (other draws: 3.9 deg at 3 %, the median "
    "2.8); how the reference averages is not known"
)
WIDE = (
    "I cells scatter widely (SD 0.27 over cells); other draws give 0.31 too, so this is not the "
    "sample alone; why the reference is lower is not known"
)
FEW = "one or two are not (1 of 240 in other draws); how many the reference is from is not known"
SWINGING = (
    "the strongest full-field gratings leave spots of some random sheets swinging for seconds; in "
    "one that was watched the average over the sheet moved by 0.2 %"
)

CLAIMS = (
    *(
        Claim(name, value, Near(table, rtol=0.1), source, effect, True, known, when=tabulated)
        for name, value, table, source, effect, known in (
            ("connections", lambda d: d.connections.mean("network"), COUNTS, SAID, AS_SAID, ""),
            ("summation_field", lambda d: E(d).summation_field, FIELDS, COMPUTED, SHRINKS, FLAT),
            ("suppression_E", lambda d: E(d).suppression_index, {40: 0.68}, COMPUTED, STRONG, ""),
            ("suppression_I", lambda d: I(d).suppression_index, {40: 0.26}, COMPUTED, LESS, WIDE),
            ("w", lambda d: E(d).w, WEIGHTS, COMPUTED, SUM_LESS, ""),
        )
    ),
    *(
        Claim(name, value, expected, COMPUTED, effect, known=known, when=tabulated)
        for name, value, expected, effect, known in (
            ("share_E", lambda d: suppressed(d, "E"), AtLeast(1, "all"), ALL, FEW),
            ("share_I", lambda d: suppressed(d, "I"), Between(0.4, 0.6, "about half"), HALF, ""),
        )
    ),
    Claim(
        "suppression_E_minus_I",
        lambda d: (E(d) - I(d)).suppression_index.isel(contrast=-1),
        Above(0),
        COMPUTED,
        "E cells are suppressed more than I cells",
    ),
    *(
        Claim(f"{name}_change", value, expected, source, effect, when=compared)
        for name, value, expected, source, effect in (
            ("summation_field", lambda d: change(d).summation_field, Below(0), SCENIAK, SHRINKS),
            ("suppression", lambda d: change(d).suppression_index, Above(0), COMPUTED, GROWS),
            ("w", lambda d: change(d).w, Below(0), COMPUTED, SUM_LESS),
        )
    ),
    replace(settled_claim(), known=SWINGING),
)

SMALL = {"circuit.size": 15, "networks": 2, "places": 3, "settle.at_once": 7, "settle.rtol": 1e-5}
SMALL |= {"contrasts.values": [12.0, 30.0], "lengths.values": [0.9, 1.5, 3.1], "margin": 0.7}
SMALL |= {"pair_contrasts.values": [4.0, 15.0, 25.0], "pair_orientations": [20.0, 110.0]}
experiment = ex.Experiment(Settings, simulate, CLAIMS, compiled=False, small=SMALL, course=watch)
