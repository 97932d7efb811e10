"""Receptive fields shift toward the focus of attention, shrink inside it and widen beside it.

The receptive field of a unit is mapped with a small probe at many positions on a row of E/I pairs
in visual space, with attention nowhere or at a focus: its centre is the centre of mass of the
response above baseline, its size the standard deviation. Two units are recorded: the middle E
unit of the circuit that attention acts on, and a unit of the next area that pools the E rates of
that circuit over a large receptive field, as MT pools its afferents. Mapping is done with the
probe alone, and, as in the laboratory, with constant stimuli at the two foci inside the field.

Source: Womelsdorf, Anton-Erxleben, Pieper & Treue 2006, Nat Neurosci 9:1156, and Anton-Erxleben,
Stephan & Treue 2009, Cereb Cortex 19:2466 (MT neurons); that attention acts on the afferents:
Womelsdorf, Anton-Erxleben & Treue 2008, J Neurosci 28:8934 (their model). The circuit is the line
of Rubin, Van Hooser & Miller 2015; probes, pooling and attention chosen here.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.circuit import EI, SteadyState, steady_state
from cortex.experiment import Above, Below, Claim, Experiment, ExperimentSettings, settled_claim
from cortex.labelled import Labelled, over, quality
from cortex.models.line import Line
from cortex.models.settling import Settle
from cortex.models.top_down import TopDown, TopDownForm
from cortex.settings import Axis, Contrasts, axis, contrasts, quantity, require_order
from cortex.sources import Source

SHOWN = {"probe alone": 0.0, "constant stimuli": 1.0}
RECORDED = ("next area", "same area")


class Settings(ExperimentSettings):
    """Settings of `receptive_field_shift`."""

    circuit: Line = Line()
    attention: TopDown = TopDown()
    field_width: float = quantity(1.0, "deg", "standard deviation of the attention field", gt=0)
    inside: float = quantity(
        4 / 3, "deg", "foci inside the receptive field, to both sides of its middle", gt=0
    )
    beside: float = quantity(4.0, "deg", "focus beside the receptive field", gt=0)
    contrasts: Contrasts = contrasts(10.0, 20.0, 40.0, description="contrast of the probe")
    positions: Axis = axis(
        curve=(-8.0, 8.0, 25), unit="deg", description="position of the probe, from the unit"
    )
    probe_width: float = quantity(
        0.5, "deg", "feed-forward field of a unit: width of the Gaussian drive of a probe", gt=0
    )
    pool: float = quantity(
        2.0, "deg", "width of the Gaussian with which the unit of the next area pools", gt=0
    )
    constant_ratio: float = quantity(
        1.0,
        "1",
        "contrast of the constant stimuli relative to the probe",
        "1: in the laboratory probe and stimuli are alike; chosen here",
        gt=0,
    )
    distances: Axis = axis(
        curve=(0.0, 8.0, 9), unit="deg", description="distance of the focus from the unit"
    )
    distances_contrast: float = quantity(
        20.0, "%", "contrast of the probe for the curves over the distance of the focus", gt=0
    )
    settle: Settle = Settle()

    @model_validator(mode="after")
    def _ordered(self) -> Settings:
        require_order(self, "inside", "beside", "deg")
        return self

    def foci(self) -> dict[str, float]:
        """Places that are attended [deg]."""
        inside = {"inside": self.inside, "other side": -self.inside}
        return {"centre": 0.0, **inside, "beside": self.beside}


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Receptive fields of both recorded units in every condition."""
    del key  # nothing here is random
    circuit, places, positions = s.circuit.circuit(), s.circuit.positions(), s.positions.array()

    def bump(place: Any, width: Any) -> Array:
        return jnp.exp(-((places - place) ** 2) / (2 * width**2))

    pooling = bump(0.0, s.pool) / jnp.sum(bump(0.0, s.pool))
    constant = bump(s.inside, s.probe_width) + bump(-s.inside, s.probe_width)
    probes = jax.vmap(lambda place: bump(place, s.probe_width))(jnp.asarray(positions, float))
    probes = jnp.concatenate([probes, jnp.zeros((1, s.circuit.units))])  # and none

    def field(
        contrast: Any, shown: Array, focus: Array, form: TopDownForm
    ) -> tuple[SteadyState, dict[str, Array]]:
        modulation = form(bump(focus, s.field_width))
        drives = contrast * (probes + shown * s.constant_ratio * constant[None, :])
        states = jax.vmap(
            lambda drive: steady_state(circuit, EI(drive, drive), modulation, solver=s.settle())
        )(drives)
        recorded = jnp.stack([states.rates.E @ pooling, states.rates.E[:, s.circuit.middle]])
        response = recorded[:, :-1] - recorded[:, -1:]
        centre, spread = centre_and_spread(response, jnp.asarray(positions, float))
        found = {"response": response, "baseline": recorded[:, -1]}
        return states, found | {"centre": centre, "spread": spread}

    # One condition after the other: none waits for the slowest of all, and each fits the cache.
    each = over(
        sequential=("contrast", "shown", "focus"),
        contrast=s.contrasts,
        shown=SHOWN,
        focus=s.foci(),
        attention=s.attention.states(),
    )
    states, found = each(field)
    curve = over(sequential=("distance",), distance=s.distances, attention=s.attention.states())
    curve_states, along = curve(
        lambda focus, form: field(s.distances_contrast, jnp.asarray(0.0), focus, form)
    )
    recorded = {"recorded": RECORDED}
    centre, spread = "centre of the receptive field", "SD of the receptive field"
    return {
        "response": found["response"].named(
            "Hz", "response above baseline", **recorded, position=s.positions
        ),
        "baseline": found["baseline"].named("Hz", "rate without a probe", **recorded),
        "centre": found["centre"].named("deg", centre, **recorded),
        "spread": found["spread"].named("deg", spread, **recorded),
        "centre_by_distance": along["centre"].named("deg", centre, **recorded),
        "spread_by_distance": along["spread"].named("deg", spread, **recorded),
        **quality(states, curve_states),
    }


def centre_and_spread(response: Array, positions: Array) -> tuple[Array, Array]:
    """Centre of mass and standard deviation [deg] of the response above baseline.

    Args:
        response: above baseline [Hz], (..., position); what lies below 0 counts as 0. Both are
            NaN where nothing lies above.
        positions: of the probe [deg], (position).
    """
    weight = jnp.where(jnp.isnan(response), response, jnp.maximum(response, 0.0))
    total = jnp.sum(weight, -1)
    weight = weight / jnp.where(total > 0, total, jnp.nan)[..., None]
    centre = jnp.dot(weight, positions)
    variance = jnp.dot(weight, positions**2) - centre**2
    return centre, jnp.sqrt(jnp.maximum(variance, 0.0))


def shift(d: xr.Dataset, focus: str) -> xr.DataArray:
    """How far the centre [deg] moves toward the focus: ``inside`` or ``beside``.

    Inside, as in the laboratory, the foci at both sides of the middle are compared with each
    other, and half the difference is taken.
    """
    if focus == "inside":
        toward, away = d.centre.sel(focus="inside"), d.centre.sel(focus="other side")
        return (toward - away) / 2
    return (d.centre - d.centre.sel(attention="unattended")).sel(focus=focus)


def size(d: xr.Dataset, focus: str) -> xr.DataArray:
    """Size of the field with attention at a focus, relative to that without."""
    return (d.spread / d.spread.sel(attention="unattended")).sel(focus=focus)


def middle_contrast(d: xr.Dataset) -> float:
    """The middle one of the contrasts, the upper one of two."""
    return float(d.contrast.values[d.sizes["contrast"] // 2])


def stated(measure: Any, focus: str, recorded: str, shown: str) -> Any:
    """A measure where directions are stated: input to E, at the middle one of the contrasts."""

    def value(d: xr.Dataset) -> xr.DataArray:
        at = measure(d.sel(contrast=middle_contrast(d), recorded=recorded, shown=shown), focus)
        return at.sel(attention="input to E")

    return value


WOMELSDORF = Source("womelsdorf2006", "the direction (MT neurons)")
ANTON = Source("antonerxleben2009", "the direction (MT neurons)")
CONSTANT = (
    "at the contrast of the constant stimuli a probe beyond the focus suppresses the response to "
    "the attended stimulus, the more the larger that response, and the loss is counted in the "
    "map; at 10 %, where the circuit still sums, the shift is toward the focus"
)
SAME_AREA = (
    "where attention acts in the unit's own area it scales all of its drive alike; only its "
    "neighbours can move or shape the field: those toward the focus add at weak contrast and "
    "suppress at strong contrast, and additive input lets weak responses grow more than strong "
    "ones, which widens the field"
)
ALONE, AROUND = (("next area", shown) for shown in SHOWN)
OWN = ("same area", "probe alone")
TOWARD = "receptive fields shift toward the focus"
NARROW = "fields shrink around a focus inside"
AMONG, HERE = "around constant stimuli", "in the area acted on"
WIDE = "fields widen with a focus beside"

CLAIMS = (
    *(
        Claim(f"shift_{name}", value, Above(0), WOMELSDORF, effect, known=known, unit="deg")
        for name, value, effect, known in (
            ("inside", stated(shift, "inside", *ALONE), TOWARD, ""),
            ("beside", stated(shift, "beside", *ALONE), f"{TOWARD}, beside them too", ""),
            ("around", stated(shift, "inside", *AROUND), f"{TOWARD}, {AMONG}", CONSTANT),
            ("own_area", stated(shift, "inside", *OWN), f"{TOWARD}, {HERE}", SAME_AREA),
        )
    ),
    *(
        Claim(f"size_{name}", value, expected, ANTON, effect, known=known, unit="1")
        for name, value, expected, effect, known in (
            ("centre", stated(size, "centre", *ALONE), Below(1), NARROW, ""),
            ("beside", stated(size, "beside", *ALONE), Above(1), WIDE, ""),
            ("around", stated(size, "centre", *AROUND), Below(1), f"{NARROW}, {AMONG}", CONSTANT),
            ("own_area", stated(size, "centre", *OWN), Below(1), f"{NARROW}, {HERE}", SAME_AREA),
        )
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    small={
        "circuit.units": 61,
        "contrasts.values": [20.0],
        "distances.curve": [0.0, 4.0, 2],
    },
)
