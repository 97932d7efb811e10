"""Feature-similarity gain: responses scale with the likeness of attended and preferred feature.

A ring of orientations at each of several weakly connected places is shown gratings, on a steady
untuned background that keeps units above threshold. One orientation is attended: at all places, as
if the top-down signal spread it over the visual field, or as a control at the first place only, so
that what reaches the others goes through the circuit. Tuning curves with and without attention
say whether a unit is scaled, and attended/unattended ratios whether by similarity. Slope and
intercept of that ratio, with what is shown attended, are the test of Lindsay & Miller 2018. That
attention to a feature acts everywhere is put in here; it does not come out of the circuit.

Source: Treue & Martínez-Trujillo 1999, Nature 399:575, and Martínez-Trujillo & Treue 2004, Curr.
Biol. 14:744, for the effect; Lindsay & Miller 2018, eLife 7:e38105, for the test; the circuit of
Rubin, Van Hooser & Miller 2015; places, background and strengths are our design.
"""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.analysis import linear_fit, tuning_width
from cortex.analysis.similarity_gain import by_preference, lines
from cortex.circuit import EI, Circuit, DenseCoupling, SteadyState, steady_state
from cortex.experiment import (
    Above,
    Below,
    Between,
    Claim,
    Experiment,
    ExperimentSettings,
    settled_claim,
)
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.ring import RUBIN, Ring
from cortex.models.settling import Settle
from cortex.models.top_down import OrientedTopDown, TopDownForm
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.sources import Source

LINDSAY = Source("lindsay2018")


class Places(Section):
    """Several places with a ring each; nothing tells them apart but their connections."""

    count: int = quantity(2, "1", "number of places", ge=2, le=8)
    across: float = quantity(0.1, "1", "share of a weight from other places", ge=0, le=1)

    def circuit(self, ring: Ring) -> Circuit:
        """A ring at every place, in the order of places, then of orientations.

        With the same input at every place each ring is the published one.
        """
        base, same = ring.circuit(), jnp.eye(self.count)
        mixing = (1 - self.across) * same + self.across / (self.count - 1) * (1 - same)
        weights = base.coupling.matrices().map(lambda w: jnp.kron(mixing, w))
        return Circuit(populations=base.populations, coupling=DenseCoupling(weights))


class Settings(ExperimentSettings):
    """Settings of `feature_similarity_gain`."""

    circuit: Ring = Ring(units=60)
    places: Places = Places()
    contrast: float = quantity(40.0, "%", "contrast of the grating", gt=0)
    background: float = quantity(10.0, "%", "untuned drive; at 0 some units are silent", ge=0)
    width: float = quantity(30.0, "deg", "width of the Gaussian drive of a grating", RUBIN, gt=0)
    shown: int = quantity(60, "1", "orientations shown for tuning curves, evenly spaced", ge=8)
    tested: Literal[5, 7, 9, 11, 13] = quantity(9, "1", "orientations of the ratio test", LINDSAY)
    attention: OrientedTopDown = OrientedTopDown()
    attended: float = quantity(90.0, "deg", "attended orientation")
    settle: Settle = Settle()


DEFAULT = "input to E"
EVERYWHERE = {"spread": "everywhere", "attention": DEFAULT}


def simulate(s: Settings, _: Array) -> dict[str, Labelled]:
    """Tuning curves at the last place, and the ratio test, with and without attention.

    For tuning curves the first place shows the attended orientation throughout; all others show
    each orientation in turn, or nothing but the background.
    """
    ring, circuit, forms = s.circuit, s.places.circuit(s.circuit), s.attention.states()
    first = jnp.eye(s.places.count)[0]
    spreads = {"everywhere": jnp.ones(s.places.count), "first place only": first}

    def respond(
        form: TopDownForm, spread: Array, orientation: Any, at_first: Array, elsewhere: Array
    ) -> tuple[SteadyState, EI[Array]]:
        drive = s.background + jnp.kron(first, at_first) + jnp.kron(1 - first, elsewhere)
        field = jnp.kron(spread, ring.bump(orientation, s.attention.width))
        state = steady_state(circuit, EI(drive, drive), form(field), solver=s.settle())
        return state, state.rates.map(lambda r: r[-ring.units :])

    def grating(orientation: Any) -> Array:
        return s.contrast * ring.bump(orientation, s.width)

    around = s.attended + np.arange(s.shown) * (ring.period / s.shown)
    shown = coordinate(around % ring.period, "deg", "orientation shown")
    tested = coordinate(np.arange(s.tested) * (ring.period / s.tested), "deg", "shown, attended")
    at_first = grating(s.attended)
    tuned, curves = over(spread=spreads, attention=forms, shown=shown)(
        lambda spread, form, o: respond(form, spread, s.attended, at_first, grating(o))
    )
    rested, blank = over(spread=spreads, attention=forms)(
        lambda spread, form: respond(form, spread, s.attended, at_first, 0.0 * at_first)
    )
    attending, test = over(attention=forms, tested=tested)(
        lambda form, o: respond(form, spreads["everywhere"], o, grating(o), grating(o))
    )

    along = ring.preferred()
    fit = {"attention": tuple(forms), "fit": ("slope", "intercept", "explained")}
    rates = curves.named("Hz", "rate at the last place", preferred=along)
    E = rates.sel(population="E")
    scaling = E.apply(scaled, "attention", "shown", to=fit)
    width = E.apply(lambda curve: tuning_width(curve, ring.period), "shown")
    return {
        "rates": rates,
        "blank": blank.named("Hz", "rate at the last place, no grating", preferred=along),
        "test": test.named("Hz", "rate, one orientation shown and attended", preferred=along),
        "scaling": scaling.named("1", "line from the unattended to the attended tuning curve"),
        "width": width.named("deg", "width of the tuning curve at half its height"),
        **quality(tuned, rested, attending),
    }


def scaled(rates: Array) -> Array:
    """Line from the unattended tuning curve, the first, to each (attention, shown)."""
    return jnp.stack(linear_fit(jnp.broadcast_to(rates[:1], rates.shape), rates), -1)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, Any]:
    """Attended/unattended rates, and the ratio test of Lindsay & Miller 2018."""
    half = s.circuit.period / 2
    similarity = (s.attended - data.preferred + half) % (2 * half) - half

    def ratio(rates: xr.DataArray, words: str) -> xr.DataArray:
        rest = rates.sel(attention="unattended", drop=True)
        return (rates / rest.where(rest > 0)).assign_attrs(units="1", long_name=words)

    def distance(shown: xr.DataArray) -> xr.DataArray:
        return half - abs(half - abs(shown - data.preferred))

    E = data.sel(population="E")
    own = E.rates.isel(shown=distance(data.shown).argmin("shown")).drop_vars("shown")
    tested = ratio(E.test, "attended/unattended").transpose("attention", "tested", "preferred")
    ranked = by_preference(tested.values, -distance(data.tested).values)
    slope, intercept = lines(ranked)
    across = {"attention": list(tested.attention.values), "preferred": s.circuit.preferred()}
    words = "attended/unattended rate, from the nearest orientation"
    return {
        "similarity": similarity.assign_attrs(units="deg", long_name="attended - preferred"),
        "ratio_own": ratio(own, "attended/unattended rate, preferred orientation shown"),
        "ratio_blank": ratio(E.blank, "attended/unattended rate, no grating"),
        "ratio_test": label(ranked.swapaxes(1, 2), "1", words, **across, position=None),
        "fsgm_slope": label(slope, "1", "slope of that ratio over positions", **across),
        "fsgm_intercept": label(intercept, "1", "intercept of the same line", **across),
    }


def of_unit(array: xr.DataArray, d: xr.Dataset, likeness: str, spread: str = "everywhere") -> Any:
    """Of the unit that prefers the attended orientation ("alike"), or the one across."""
    apart = abs(d.similarity)
    unit = int(apart.argmin("preferred") if likeness == "alike" else apart.argmax("preferred"))
    return array.sel(spread=spread, attention=DEFAULT).isel(preferred=unit)


TREUE = Source("treue1999", "direction")
MARTINEZ = Source("martinez2004", "direction")
FSGM = Source("lindsay2018", "what the feature-similarity gain model means")

CLAIMS = (
    Claim(
        "fsgm_slope",
        lambda d: d.fsgm_slope.sel(attention=DEFAULT).mean(skipna=False),
        Below(0),
        FSGM,
        "the ratio falls with distance from the preferred feature",
        headline=True,
    ),
    Claim(
        "fsgm_intercept",
        lambda d: d.fsgm_intercept.sel(attention=DEFAULT).mean(skipna=False),
        Above(1),
        FSGM,
        "attention raises responses to the preferred feature",
        headline=True,
    ),
    Claim(
        "gain_attended_preferred",
        lambda d: of_unit(d.scaling.sel(fit="slope"), d, "alike"),
        Above(1),
        TREUE,
        "attending its preferred feature scales a cell's tuning curve up",
    ),
    Claim(
        "gain_attended_across",
        lambda d: of_unit(d.scaling.sel(fit="slope"), d, "across"),
        Below(1),
        MARTINEZ,
        "attending the feature across scales it down",
    ),
    Claim(
        "gain_fit_r2_smallest",
        lambda d: d.scaling.sel(EVERYWHERE).sel(fit="explained").min(skipna=False),
        Above(0.95, "chosen here"),
        TREUE,
        "attended tuning curves are scaled copies of unattended ones",
    ),
    Claim(
        "width_ratio",
        lambda d: of_unit(d.width / d.width.sel(attention="unattended", drop=True), d, "alike"),
        Between(0.9, 1.1, "chosen here"),
        TREUE,
        "attention leaves the width of tuning as it is",
    ),
    Claim(
        "ratio_distance_correlation",
        lambda d: xr.corr(abs(d.similarity), d.ratio_own.sel(EVERYWHERE)),
        Below(0),
        MARTINEZ,
        "the modulation is graded by (attended - preferred)",
    ),
    Claim(
        "ratio_blank",
        lambda d: of_unit(d.ratio_blank, d, "alike"),
        Above(1),
        TREUE,
        "the attended feature gains where nothing is shown, too",
    ),
    Claim(
        "gain_attended_preferred_local",
        lambda d: of_unit(d.scaling.sel(fit="slope"), d, "alike", "first place only"),
        Below(1),
        Source(detail="found here"),
        "connections between places pass on competition, not the feature",
    ),
    settled_claim(),
)

SMALL = {"circuit.units": 36, "shown": 18}
experiment = Experiment(Settings, simulate, CLAIMS, analyse=analyse, small=SMALL)
