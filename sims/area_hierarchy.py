"""Attention in a hierarchy V1 - V2 - V4: larger and earlier the later the area.

Three areas over one stretch of the visual field, with receptive fields that grow, are coupled
forward and backward as one system of equations. Two stimuli are shown; attention goes to one of
them in V4 and reaches V2 and V1 by feedback alone. Its effect is the response at the first
stimulus with attention *here* minus that with attention *elsewhere*, at the other one; the
modulation index is their difference over their sum. Two protocols give its onset by area: the
*stimulus* appears while attention is already directed, or the *cue* directs attention while the
stimulus is on.

V4 receives no stimulus drive: "gain on drive" is a gain on what V2 sends it. "gain on drive of
V1" is a control in which attention enters at the bottom instead.

Source: Buffalo, Fries, Landman, Liang & Desimone 2010, PNAS 107:361 (directions from the abstract);
Kastner & Pinsk 2004 (review; sizes). The circuit within each area is that of
`line_surround_suppression`; what couples the areas is our choice.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis.onset import full_width, latency
from cortex.circuit import EI, Epoch, Fixed, SteadyState, growth_rate, steady_state
from cortex.circuit import simulate as integrate
from cortex.experiment import Above, Below, Claim, Near, rising
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.hierarchy import AREAS, Entry, Hierarchy
from cortex.models.settling import Settle
from cortex.models.top_down import FORMS, TopDown
from cortex.settings import Axis, axis, quantity, replaced
from cortex.sources import Source

DEFAULT, WITHOUT = FORMS[0], "unattended"
AT_THE_BOTTOM, NO_FEEDBACK = "gain on drive of V1", "input to E, no feedback"
FEEDBACKS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
EDGE = Source("rubin2015", "Fig. 2, as transcribed by one other")


class Settings(ex.ExperimentSettings):
    """Settings of `area_hierarchy`."""

    hierarchy: Hierarchy = Hierarchy()
    contrast: float = quantity(50.0, "%", "contrast of both stimuli", gt=0)
    places: tuple[float, float] = quantity(
        (4.0, -4.0), "deg", "middle of the stimuli; responses are read at the first"
    )
    length: float = quantity(2.0, "deg", "length of each stimulus", gt=0)
    edge: float = quantity(0.125, "1", "logistic edge, as a share of V1's spacing", EDGE, gt=0)
    probe_length: float = quantity(0.5, "deg", "length of stimuli that map fields", gt=0)
    probe_contrast: float = quantity(100.0, "%", "contrast of these", gt=0)
    probes: int = quantity(65, "1", "number of their places, from end to end of the field", ge=5)
    attention: TopDown = TopDown()
    attended_width: float = quantity(2.0, "deg", "SD of attention around its place", gt=0)
    duration: float = quantity(400.0, "ms", "simulated time after stimulus or cue", gt=0)
    samples: int = quantity(401, "1", "number of times kept, evenly spaced", ge=3)
    step: float = quantity(0.5, "ms", "step of Heun's method", gt=0)
    onset_share: float = quantity(0.25, "1", "onset: this share of the effect", gt=0, lt=1)
    onset_threshold: float = quantity(0.5, "Hz", "onset otherwise: an effect of this size", gt=0)
    smallest_effect: float = quantity(0.001, "Hz", "smaller final effects have no onset", gt=0)
    feedbacks: Axis = axis(*FEEDBACKS, unit="%/Hz", description="strength of the feedback")
    feedbacks_to_I: Axis = axis(0.0, 0.5, 1.0, unit="1", description="feedback to I relative to E")
    settle: Settle = Settle()

    @model_validator(mode="after")
    def _apart(self) -> Settings:
        if self.places[0] == self.places[1]:
            found = list(self.places)
            raise ValueError(f"places: found {found}, allowed: two different places [deg]")
        return self


def entries(s: Settings) -> dict[str, Entry]:
    """No attention, its three forms in V4, at the bottom, and the first form without feedback."""
    forms, none = s.attention.forms(), EI(0.0, 0.0)
    return {
        WITHOUT: Entry(none),
        **{name: Entry(form.input, top=form.gain) for name, form in forms.items()},
        AT_THE_BOTTOM: Entry(none, bottom=s.attention.gain),
        NO_FEEDBACK: Entry(forms[DEFAULT].input, feedback=0.0),
    }


def simulate(s: Settings, _: Array) -> dict[str, Labelled]:
    """Steady responses and time courses of all conditions, and receptive fields."""
    own, words = s.hierarchy, "E rate at the first stimulus"
    drive = own.drive(s.places, s.length, s.contrast, s.edge)
    here, middle = own.units_at(s.places[0]), own.units_at(0.0)
    times = jnp.linspace(0.0, 1.0, s.samples) * s.duration

    def respond(hierarchy: Hierarchy, entry: Entry, place: Array) -> tuple[Any, dict[str, Array]]:
        near = hierarchy.around(place, s.attended_width)

        def settle(attended: Array, lit: Array) -> SteadyState:
            circuit, modulation = entry.enter(hierarchy, near, attended)
            return steady_state(
                circuit, drive.map(lambda h: lit * h), modulation, solver=s.settle()
            )

        def course(start: EI[Array]) -> Array:
            epochs = [Epoch(s.duration, drive, modulation)]
            read = {"save": lambda t, rates, dynamics: rates.E[here], "initial": start}
            return integrate(circuit, epochs, times, stepping=Fixed(dt=s.step), **read).values

        # With attention and stimuli, before the cue, before the stimulus.
        states = jax.vmap(settle)(jnp.array([1.0, 0.0, 1.0]), jnp.array([1.0, 1.0, 0.0]))
        circuit, modulation = entry.enter(hierarchy, near, 1.0)
        rates = states.rates.map(lambda r: r[0])
        courses = jax.vmap(course)(states.rates.map(lambda r: jnp.stack([r[2], r[1]])))
        growth = growth_rate(circuit, rates, drive, modulation)
        return states, {"rate": rates.E[here], "course": courses, "growth": growth}

    def with_feedback(to_I: Array, feedback: Array, place: Array) -> tuple[Any, dict[str, Array]]:
        changed = {"feedback": (feedback, feedback), "feedback_to_I": to_I}
        return respond(replaced(own, changed), ways[DEFAULT], place)

    def probe(place: Array) -> tuple[SteadyState, Array]:
        seen = own.drive([place], s.probe_length, s.probe_contrast, s.edge)
        state = steady_state(own.circuit(), seen, solver=s.settle())
        return state, state.rates.E[middle]

    ways, directions = entries(s), {"here": s.places[0], "elsewhere": s.places[1]}
    states, found = over(entry=ways, direction=directions)(lambda way, at: respond(own, way, at))
    others, grid = over(to_I=s.feedbacks_to_I, feedback=s.feedbacks, direction=directions)(
        with_feedback
    )
    along = (jnp.linspace(0.0, 1.0, s.probes) - 0.5) * own.field
    mapped, fields = over(probe=coordinate(along, "deg", "place of a short line"))(probe)
    unattended = EI(*states.rates.sel(entry=WITHOUT, direction="here").values[:, 0])
    eigenvalues = own.eigenvalues_E(unattended, drive)
    time = coordinate(times, "ms", "time after stimulus or cue")
    axes = {"protocol": ("stimulus", "cue"), "time": time, "area": AREAS}
    named: dict[str, Labelled] = {}
    for before, one in (("", found), ("grid_", grid)):
        named[f"{before}rate"] = one["rate"].named("Hz", f"steady {words}", area=AREAS)
        named[f"{before}course"] = one["course"].named("Hz", words, **axes)
        named[f"{before}growth"] = one["growth"].named("1/ms", "largest growth rate")
    return {
        **named,
        "fields": fields.named("Hz", "E rate in mid-field", area=AREAS),
        "eigenvalue_E": label(eigenvalues, "1", "leading eigenvalue of E alone", area=AREAS),
        **quality(states, others, mapped),
    }


def analyse(s: Settings, d: xr.Dataset, _: Any) -> dict[str, xr.DataArray]:
    """Modulation indices and onsets of effects, arrival of the stimulus, widths of fields."""
    found = dict(zip(("index", "onset"), effects(s, d.rate, d.course), strict=True))
    grid = zip(("grid_index", "grid_onset"), effects(s, d.grid_rate, d.grid_course), strict=True)
    none = {"entry": WITHOUT, "direction": "here", "drop": True}
    level = s.onset_share * d.rate.sel(**none)
    arrival = latency(d.course.sel(protocol="stimulus", **none), level)
    widths = [full_width(d.probe.values, d.fields.sel(area=area).values) for area in AREAS]
    words = {"units": "deg", "long_name": "width of the receptive field at half"}
    found["arrival"] = arrival.assign_attrs(long_name="onset of the response to the stimulus")
    found["field_width"] = xr.DataArray(widths, {"area": list(AREAS)}, ("area",), attrs=words)
    return found | dict(grid)


def effects(s: Settings, rate: Any, course: Any) -> tuple[xr.DataArray, xr.DataArray]:
    """Modulation index, and onset of the effect by share of its final size and by its size."""
    here, elsewhere = (rate.sel(direction=name, drop=True) for name in ("here", "elsewhere"))
    final = here - elsewhere
    index = final / (here + elsewhere).where(here + elsewhere > 0)
    final = final.where(abs(final) >= s.smallest_effect, 0.0)
    criterion = xr.Variable("criterion", ["share", "threshold"])
    level = xr.concat([s.onset_share * final, s.onset_threshold * np.sign(final)], criterion)
    onset = latency(course.sel(direction="here") - course.sel(direction="elsewhere"), level)
    return index.assign_attrs(units="1", long_name="modulation index"), onset


def sizes_in_order(d: xr.Dataset) -> xr.DataArray:
    """Whether the modulation indices of each circuit with feedback rise from area to area.

    Strong feedback to E alone moves the whole bump of activity in the lower areas off the middle
    of the stimulus: the unit that is read there loses, the bump as a whole gains.
    """
    index = d.grid_index.sel(feedback=d.feedback > 0)
    return (index.diff("area") > 0).all("area") & (index.isel(area=0) > 0)


def later(d: xr.Dataset, entry: str = DEFAULT, areas: Any = AREAS[::-1]) -> xr.DataArray:
    """By how much the effect of attention comes later in each area than in the one before."""
    return rising(d.onset.sel(entry=entry, criterion="share"), "area", areas)


def index(d: xr.Dataset) -> xr.DataArray:
    """Modulation index of each area by input to E."""
    return d["index"].sel(entry=DEFAULT)


def from_bottom(d: xr.Dataset) -> xr.DataArray:
    """By how much V1 shows attention later than V4 if it enters V1, after the cue."""
    return later(d, AT_THE_BOTTOM, ("V4", "V1")).sel(protocol="cue")


def field_ratio(d: xr.Dataset) -> float:
    """Smallest ratio of the widths of receptive fields of neighbouring areas."""
    return float((d.field_width.values[1:] / d.field_width.values[:-1]).min())


def without(d: xr.Dataset) -> xr.DataArray:
    """Effect of attention on the lower areas without feedback."""
    rate = d.rate.sel(entry=NO_FEEDBACK, area=["V1", "V2"])
    return rate.sel(direction="here") - rate.sel(direction="elsewhere")


FROM = "direction, from the abstract"
SIZES = Source("buffalo2010", f"{FROM}; sizes also Kastner & Pinsk 2004 (review)")
ONSETS = Source("buffalo2010", f"{FROM}; a cue during the stimulus is our protocol")
REJECTED = Source("buffalo2010", "what attention from the bottom predicts, and they do not find")
FORWARD = Source(detail="the forward order of these areas; conduction takes no time here")
FOLLOWS = Source(detail="from the equations: only feedback brings attention to V1 and V2")
GROWTH = Source(detail="known from the anatomy of these areas; the sizes are chosen here")
NORMAL = Source(detail="required here: the normal regime of such circuits")
SHARE = "Without conduction times, so that only the order can be compared."
SIZE = "Its size is largest in V4 all the same: the order of onsets tells where attention enters."
LARGER = "attention changes a later area more"
IN_ORDER = "attention shows in a later area first"
BOTTOM = "control: attention that enters V1 shows there first"
ALONE = "control: without feedback attention leaves V1 and V2 as they are"
STABILISED = "every area is inhibition-stabilised under the stimulus"
ARRIVAL = "the response to the stimulus arrives in V1 before V4"
STABLE = "the whole hierarchy is stable, at every feedback strength"

CLAIMS = (
    Claim("index_rise", lambda d: rising(index(d), "area"), Above(0), SIZES, LARGER),
    Claim("index_of_V1", lambda d: index(d)[0], Above(0), SIZES, "it reaches V1 from V4"),
    Claim("later", later, Above(0), ONSETS, IN_ORDER, headline=True, known=SHARE),
    Claim("V1_later_from_the_bottom", from_bottom, Below(0), REJECTED, BOTTOM, known=SIZE),
    Claim("arrival_rise", lambda d: d.arrival[2] - d.arrival[0], Above(0), FORWARD, ARRIVAL),
    Claim("effect_without_feedback", without, Near(0.0, atol=1e-3), FOLLOWS, ALONE),
    Claim("field_ratio", field_ratio, Above(1), GROWTH, "receptive fields grow from area to area"),
    Claim("eigenvalue_E", lambda d: d.eigenvalue_E.min(), Above(1), NORMAL, STABILISED),
    Claim("growth", lambda d: max(d.growth.max(), d.grid_growth.max()), Below(0), NORMAL, STABLE),
    ex.settled_claim(),
)

SMALL = {"hierarchy.units": [25, 13, 7], "probes": 17, "samples": 101, "step": 1.0}
SMALL |= {"feedbacks": [0.0, 0.5], "feedbacks_to_I": [0.0]}
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse, small=SMALL)
