"""Modulation by attention grows with the strength of normalisation across cells.

A population of circuits, each an orientation ring with parameters of its own, of which one cell
is recorded. The normalisation index compares the response to the preferred grating alone with
that to the preferred and the orthogonal (null) one together; the modulation index compares the
responses to both with attention to the one and to the other. What differs between circuits is
varied one cause at a time and all together, to see which cause ties the two indices. Where only
the strength of attention differs all circuits normalise alike: that changes the size of the
modulation but ties it to nothing.

Source: Ni, Ray & Maunsell 2012, Neuron 73:803, for the effect and the modulation index; the
circuit of Rubin, Van Hooser & Miller 2015; what varies and by how much is our design.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from scipy.stats import rankdata

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    Modulation,
    Populations,
    Projections,
    SteadyState,
    steady_state,
)
from cortex.experiment import Above, Claim
from cortex.labelled import Labelled, over, quality
from cortex.models.ring import RUBIN, Ring
from cortex.models.settling import Settle
from cortex.models.top_down import OrientedTopDown, TopDownForm
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.sources import Source


class Heterogeneity(Section):
    """How much circuits and cells differ: standard deviations of the logarithm of each factor.

    Every cell of every circuit draws its own `inhibition`, `gain` and `untuned`; the others are
    one draw a circuit.
    """

    weights: float = quantity(0.02, "1", "of each of the four strengths of connection", ge=0)
    inhibition: float = quantity(0.02, "1", "of the inhibition that a cell receives", ge=0)
    gain: float = quantity(0.2, "1", "of the gain k of an E cell", ge=0)
    drive: float = quantity(0.2, "1", "of the drive of a circuit", ge=0)
    untuned: float = quantity(0.05, "1", "SD of the untuned share of a cell's drive, >= 0", ge=0)
    top_down: float = quantity(0.3, "1", "of the strength of attention", ge=0)

    def of(self, cause: str) -> dict[str, Any]:
        """The standard deviations where only `cause` differs, or "all"."""
        return {name: getattr(self, name) * (cause in (name, "all")) for name in FACTORS}


class Settings(ex.ExperimentSettings):
    """Settings of `normalization_and_modulation`."""

    circuit: Ring = Ring(units=16)
    contrast: float = quantity(50.0, "%", "contrast of each grating", RUBIN, gt=0)
    preferred: float = quantity(45.0, "deg", "preferred orientation of the recorded cell", RUBIN)
    width: float = quantity(30.0, "deg", "width of the Gaussian drive of a grating", RUBIN, gt=0)
    attention: OrientedTopDown = OrientedTopDown()
    cells: int = quantity(200, "1", "circuits, and so recorded cells, a cause", ge=10)
    heterogeneity: Heterogeneity = Heterogeneity()
    resamples: int = ex.bootstrap_resamples(2000, "cells", ge=100)
    level: float = ex.interval_level()
    settle: Settle = Settle()


FACTORS = ("weights", "inhibition", "gain", "drive", "untuned", "top_down")
CAUSES = (*FACTORS, "all")
GRATINGS = ("preferred", "null")
SHOWN = {"preferred": np.array([1.0, 0.0]), "null": np.array([0.0, 1.0]), "both": np.ones(2)}


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Responses of the recorded cells of all populations."""
    ring, centres = s.circuit, (s.preferred, s.preferred + s.circuit.period / 2)
    bumps = jnp.stack([ring.bump(centre, s.width) for centre in centres])
    fields = jnp.stack([ring.bump(centre, s.attention.width) for centre in centres])
    recorded = ring.unit_at(s.preferred)

    def cell(spreads: dict[str, Array], key: Array) -> tuple[SteadyState, SteadyState, Array]:
        drawn = draw(ring, spreads, key)
        gratings = drawn.drive * s.contrast * (bumps + drawn.untuned[None])

        def respond(shown: Any, attended: Modulation | None) -> SteadyState:
            h = shown @ gratings
            state = steady_state(drawn.circuit, EI(h, h), attended, solver=s.settle())
            return eqx.tree_at(lambda x: x.rates, state, state.rates.map(lambda r: r[recorded]))

        def attend(form: TopDownForm, focus: Array) -> SteadyState:
            return respond(SHOWN["both"], form(drawn.top_down * fields[focus]))

        alone = over(shown=SHOWN)(lambda shown: respond(shown, None))
        attended = over(attention=s.attention.forms(), focus=GRATINGS)(attend)
        return alone, attended, drawn.top_down

    keys = jax.random.split(key, len(CAUSES) * s.cells).reshape(len(CAUSES), s.cells)
    causes = {cause: (s.heterogeneity.of(cause), k) for cause, k in zip(CAUSES, keys, strict=True)}
    alone, attended, top_down = over(cause=causes)(
        lambda cause: over(cell=cause[1])(lambda key: cell(cause[0], key))
    )
    return {
        "alone": alone.rates.sel(population="E").named("Hz", "E rate without attention"),
        "attended": attended.rates.sel(population="E").named("Hz", "E rate to both, attended"),
        "top_down": top_down.named("1", "relative strength of attention"),
        **quality(alone, attended),
    }


class Drawn(NamedTuple):
    """A circuit, a factor on its drive, untuned shares of drive (units,), a factor on attention."""

    circuit: Circuit
    drive: Array
    untuned: Array
    top_down: Array


def draw(ring: Ring, spreads: dict[str, Array], key: Array) -> Drawn:
    """One circuit of a population."""
    keys = dict(zip(FACTORS, jax.random.split(key, len(FACTORS)), strict=True))

    def factor(name: str, shape: tuple[int, ...]) -> Array:
        return jnp.exp(spreads[name] * jax.random.normal(keys[name], shape))

    base = ring.circuit()
    each = iter(factor("weights", (4,)))
    weights = base.coupling.matrices().map(lambda w: w * next(each))
    inhibition = factor("inhibition", (ring.units,))
    weights = Projections(
        EE=weights.EE, EI=weights.EI * inhibition[:, None], IE=weights.IE, II=weights.II
    )
    p = base.populations
    populations = Populations(tau=p.tau, k=EI(p.k.E * factor("gain", (ring.units,)), p.k.I), n=p.n)
    untuned = spreads["untuned"] * jnp.abs(jax.random.normal(keys["untuned"], (ring.units,)))
    circuit = Circuit(populations=populations, coupling=DenseCoupling(weights))
    return Drawn(circuit, factor("drive", ()), untuned, factor("top_down", ()))


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """The indices of every cell, -1 to 1, and how they are tied."""

    def index(more: xr.DataArray, less: xr.DataArray, words: str) -> xr.DataArray:
        total = more + less
        found = (more - less) / total.where(total > 0)
        return found.assign_attrs(units="1", long_name=f"{words}, over the sum")

    alone, (best, null) = data.alone, (data.attended.sel(focus=f, drop=True) for f in GRATINGS)
    both = alone.sel(shown="both", drop=True)
    found = xr.Dataset(
        {
            "normalisation": index(alone.sel(shown="preferred", drop=True), both, "alone - both"),
            "modulation": index(best, null, "attend preferred - attend null"),
            "modulation_preferred": index(best, both, "attend preferred - no attention"),
            "modulation_null": index(both, null, "no attention - attend null"),
        }
    )
    draws = {"over": "cell", "level": s.level, "rng": rng}
    tied = bootstrap(correlation, found[["normalisation", "modulation"]], n=s.resamples, **draws)
    return {
        **found,
        "correlation": tied.assign_attrs(units="1", long_name="correlation of the two indices"),
    }


def correlation(indices: xr.Dataset) -> xr.DataArray:
    """Of normalisation and modulation over cells, of their values and of their ranks.

    NaN where an index does not vary: of circuits that are all alike it differs by rounding only.
    """
    x, y = xr.broadcast(indices.normalisation, indices.modulation)
    x, y = x.where(y.notnull()), y.where(x.notnull())
    varies = (x.std("cell") > 1e-5) & (y.std("cell") > 1e-5)
    rank = {"input_core_dims": [["cell"]], "output_core_dims": [["cell"]]}
    ranks = [
        xr.apply_ufunc(rankdata, v, kwargs={"axis": -1, "nan_policy": "omit"}, **rank)
        for v in (x, y)
    ]
    kinds = [xr.corr(x, y, "cell"), xr.corr(*ranks, "cell")]
    return xr.concat(kinds, "kind").assign_coords(kind=["pearson", "spearman"]).where(varies)


NI = Source("ni2012", "direction; areas and stimuli differ")
DEFAULT, ALL = "input to E", "all"
TIES = "modulation grows with the strength of normalisation across cells"


def default(array: xr.DataArray) -> xr.DataArray:
    """Where all differs between circuits, with attention as an input to E."""
    return array.sel(cause=ALL, attention=DEFAULT)


CLAIMS = (
    Claim(
        "correlation",
        lambda d: default(d.correlation).transpose("kind", "bound"),
        Above(0),
        NI,
        TIES,
        headline=True,
    ),
    Claim(
        "spearman_lower_bound",
        lambda d: default(d.correlation).sel(kind="spearman", bound="low"),
        Above(0),
        NI,
        f"{TIES}, beyond chance",
    ),
    Claim(
        "preferred_minus_null_modulation",
        lambda d: default(d.modulation_preferred - d.modulation_null).mean(),
        Above(0),
        NI,
        "attending the preferred one modulates more than attending the null one",
    ),
    ex.settled_claim(),
)

SMALL = {"cells": 12, "circuit.units": 12, "resamples": 100}
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse=analyse, small=SMALL)
