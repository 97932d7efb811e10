"""Attention to the centre lowers surround suppression, attention to the surround raises it.

A line in the middle of the receptive field and lines beside it, beyond the summation field, are
shown alone and together to a row of E/I pairs in visual space, with attention nowhere, at the
centre stimulus or at the surround stimuli. The suppression index SI = 1 - r_both/r_centre of the
middle E unit is compared between them, over contrast and over the width of the attention field,
for three forms of attention. The attention index AI = (r_a - r_b)/(r_a + r_b), with a and b
attention at the centre and at the surround, is compared without and with the surround stimuli.

Source: Sundberg, Mitchell & Reynolds 2009, Neuron 61:952 (V4 neurons; one surround stimulus); the
circuit is the line of Rubin, Van Hooser & Miller 2015, stimuli and attention chosen here.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import xarray as xr
from jax import Array

from cortex.analysis import modulation_index
from cortex.circuit import EI, Epoch, SteadyState, steady_state
from cortex.experiment import (
    Above,
    Below,
    Claim,
    Course,
    Experiment,
    ExperimentSettings,
    course,
    settled_claim,
)
from cortex.labelled import Labelled, label, over, quality
from cortex.models.line import RUBIN, Line
from cortex.models.settling import Settle
from cortex.models.top_down import TopDown, TopDownForm
from cortex.settings import Axis, Contrasts, axis, contrasts, quantity
from cortex.sources import Source
from cortex.stimuli import band, line

FOCI = ("centre", "surround")
STIMULI = ("centre alone", "centre and surround", "surround alone")


class Settings(ExperimentSettings):
    """Settings of `attention_and_surround`."""

    circuit: Line = Line()
    contrasts: Contrasts = contrasts(
        10.0, 20.0, 50.0, curve=(3.0, 64.0, 11), description="contrast of the stimuli"
    )
    centre_length: float = quantity(
        5 / 3, "deg", "centre stimulus; the summation field at 20 % contrast", gt=0
    )
    gap: float = quantity(
        1 / 3, "deg", "distance from the centre stimulus to those beside it", ge=0
    )
    surround_length: float = quantity(3.0, "deg", "length of each surround stimulus", gt=0)
    sides: int = quantity(
        2,
        "1",
        "surround stimuli: 1 as in the laboratory, 2 for an annulus on a line",
        ge=1,
        le=2,
    )
    edge: float = quantity(
        0.125,
        "1",
        "scale of the logistic edges, as a share of the distance between neighbours",
        RUBIN,
        gt=0,
    )
    attention: TopDown = TopDown()
    field_width: float = quantity(
        1.0, "deg", "width of the Gaussian attention field around what is attended", gt=0
    )
    field_widths: Axis = axis(
        0.35,
        0.5,
        0.7,
        1.0,
        1.4,
        2.0,
        2.8,
        4.0,
        unit="deg",
        description="width of the attention field",
    )
    field_widths_contrast: float = quantity(
        20.0, "%", "contrast of the curve over the width of the attention field", gt=0
    )
    settle: Settle = Settle()

    def stimuli(self) -> Array:
        """The stimuli at a contrast of 1, in the order of `STIMULI`: (stimulus, unit)."""
        places, edge = self.circuit.positions(), self.edge * self.circuit.spacing
        inner = self.centre_length / 2 + self.gap
        outer = inner + self.surround_length
        centre = line(places, self.centre_length, edge)
        surround = band(places, inner, outer, edge)
        if self.sides == 2:
            surround = surround + band(places, -outer, -inner, edge)
        return jnp.stack([centre, centre + surround, surround])

    def attention_fields(self, width: Any) -> Array:
        """The field at each of `FOCI`, 1 at the middle of what is attended: (focus, unit).

        Args:
            width: standard deviation of the Gaussian [deg].
        """
        places = self.circuit.positions()
        away = self.centre_length / 2 + self.gap + self.surround_length / 2

        def bump(at: Any) -> Array:
            return jnp.exp(-((places - at) ** 2) / (2 * width**2))

        # Two bumps so wide that they overlap count once: the field stays 1 at its peaks.
        surround = jnp.maximum(bump(away), bump(-away)) if self.sides == 2 else bump(away)
        return jnp.stack([bump(0.0), surround])


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Steady responses of the middle unit to every stimulus in every state of attention."""
    del key  # nothing here is random
    circuit, masks, middle = s.circuit.circuit(), s.stimuli(), s.circuit.middle

    def respond(
        contrast: Any, width: Any, focus: Array, form: TopDownForm, stimulus: Array
    ) -> tuple[SteadyState, EI[Array]]:
        drive, field = contrast * masks[stimulus], s.attention_fields(width)[focus]
        state = steady_state(circuit, EI(drive, drive), form(field), solver=s.settle())
        return state, state.rates.map(lambda rates: rates[middle])

    # One contrast after the other: none waits for the slowest of all.
    states = {"focus": FOCI, "attention": s.attention.states(), "stimulus": STIMULI}
    by_contrast, rates = over(sequential=("contrast",), contrast=s.contrasts, **states)(
        lambda contrast, *state: respond(contrast, s.field_width, *state)
    )
    by_width, wide = over(sequential=("width",), width=s.field_widths, **states)(
        lambda width, *state: respond(s.field_widths_contrast, width, *state)
    )
    rates = rates.named("Hz", "rate of the middle unit")
    wide = wide.named("Hz", "rate of the middle unit")
    E, places = rates.sel(population="E"), s.circuit.places()
    index = E.apply(lambda r: modulation_index(r[0], r[1]), "focus")
    return {
        "rates": rates,
        "suppression_index": suppression(E),
        "suppression_index_by_width": suppression(wide.sel(population="E")),
        "attention_index": index.named("1", "attention index of the middle E unit"),
        "stimuli": label(masks, "1", "drive at a contrast of 1", stimulus=STIMULI, place=places),
        "fields": label(
            s.attention_fields(s.field_width), "1", "attention field", focus=FOCI, place=places
        ),
        **quality(by_contrast, by_width),
    }


def watch(s: Settings) -> Course:
    """The centre stimulus, the surround with it, and then attention to the centre."""
    centre, pair, _ = s.contrasts.values[-1] * s.stimuli()
    attention = s.attention.forms()["input to E"](s.attention_fields(s.field_width)[0])
    steps = [
        (Epoch(50.0, EI(0 * centre, 0 * centre)),),
        (Epoch(150.0, EI(centre, centre)), "centre"),
        (Epoch(150.0, EI(pair, pair)), "centre", "surround"),
        (Epoch(150.0, EI(pair, pair), attention), "centre", "surround", "attention to the centre"),
    ]
    return course(s.circuit.circuit(), steps, place=s.circuit.places())


def suppression(rates: Labelled) -> Labelled:
    """1 - r_both/r_centre from rates with the dimension `stimulus`; NaN where nothing fires."""
    index = rates.apply(lambda r: 1.0 - r[1] / jnp.where(r[0] > 0, r[0], jnp.nan), "stimulus")
    return index.named("1", "suppression index")


def suppression_change(d: xr.Dataset) -> xr.DataArray:
    """By how much attention changes the suppression index, in each form."""
    index = d.suppression_index
    unattended = index.sel(attention="unattended", focus="centre", drop=True)
    return (index - unattended).assign_attrs(units="1", long_name="change of suppression index")


def index_gain(d: xr.Dataset) -> xr.DataArray:
    """By how much the attention index is larger with the surround than without, input to E."""
    index = d.attention_index.sel(attention="input to E")
    both, alone = (index.sel(stimulus=name, drop=True) for name in (STIMULI[1], STIMULI[0]))
    return both - alone


def strongest(d: xr.Dataset) -> float:
    """The strongest contrast that was asked for."""
    return float(max(d.contrast.attrs.get("asked", d.contrast.values)))


SUNDBERG = Source("sundberg2009", "the direction (V4 neurons)")
WEAK = (
    "where the circuit turns from summing to suppression (about 10 %) the tail of the attention "
    "field on the near parts of the surround stimuli outweighs the effect: a field of 0.5 deg "
    "lowers SI. At weaker contrasts attention, like more contrast, moves the centre to where "
    "suppression is stronger, whatever the width of the field"
)

CLAIMS = (
    Claim(
        "suppression_change_centre",
        lambda d: suppression_change(d).sel(focus="centre", attention="input to E"),
        Below(0),
        SUNDBERG,
        "attention to the centre lowers surround suppression",
        known=WEAK,
    ),
    Claim(
        "suppression_change_surround",
        lambda d: suppression_change(d).sel(focus="surround", attention="input to E"),
        Above(0),
        SUNDBERG,
        "attention to the surround raises it",
    ),
    Claim(
        "attention_index_with_minus_without_surround",
        lambda d: index_gain(d).sel(contrast=strongest(d)),
        Above(0),
        SUNDBERG,
        "attention modulates more when the surround is stimulated",
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    course=watch,
    small={
        "circuit.units": 41,
        "contrasts.values": [20.0, 50.0],
        "contrasts.curve": [20.0, 50.0, 2],
        "field_widths.values": [0.35, 4.0],
    },
)
