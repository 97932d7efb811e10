"""Contrast gain or response gain, by the sizes of stimulus and attention field.

A small and a large patch of grating are attended with a small and a large attention field. Does
attention act as more contrast would, so that its effect vanishes where the response saturates
(*contrast gain*), or does it scale the response, so that the effect persists at the highest
contrast (*response gain*)? The line of E/I pairs and the normalisation model of attention get the
same drive and the same attention fields. The *persistence* of the effect is the share of it, in
log(attended/unattended), at half of the largest unattended response that is left at the highest
contrast: 0 is contrast gain of a response that saturates, 1 response gain. Naka-Rushton curves
that share all but a factor on contrast and one on the response say it a second way.

Of the forms of attention the input to E and I gives no response gain: it also drives I at the
attended place, and its effect on E shrinks as the stimulus gets stronger.

The paper attends to a second patch, far off in the other hemifield, for the unattended response;
here attention is absent, which is the same for both models: nothing reaches that far.

Source: Reynolds & Heeger 2009, Neuron 61:168; the line: Rubin, Van Hooser & Miller 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis.contrast_response import FITTED, fit_gains, persistence
from cortex.circuit import EI, SteadyState, steady_state
from cortex.experiment import Above, Below, Claim, Experiment, ExperimentSettings, settled_claim
from cortex.labelled import Labelled, over, quality
from cortex.models.line import Line
from cortex.models.normalization_model import NormalizationModel
from cortex.models.settling import Settle
from cortex.models.top_down import FORMS, TopDown, TopDownForm
from cortex.settings import Axis, Contrasts, Positive, axis, contrasts, quantity
from cortex.sources import Source

SIZES = ("small", "large")
MODEL = "normalisation model"
SERIES = (*FORMS, MODEL)  # what attention does, in the circuit and in the model
ATTENDED = {"unattended": 0.0, "attended": 1.0}


class Settings(ExperimentSettings):
    """Settings of `contrast_or_response_gain`."""

    circuit: Line = Line()
    contrasts: Contrasts = contrasts(curve=(1.0, 100.0, 21), description="contrast of the grating")
    patches: tuple[Positive, Positive] = quantity(
        (0.5, 4.0), "deg", "widths of the small and the large Gaussian patch of grating"
    )
    fields: tuple[Positive, Positive] = quantity(
        (0.5, 5.0), "deg", "widths of the small and the large Gaussian attention field"
    )
    widths: Axis = axis(
        *(0.5, 0.8, 1.25, 2.0, 3.2, 5.0),
        unit="deg",
        description="widths of patch and of field in the maps",
    )
    attention: TopDown = TopDown()
    normalization: NormalizationModel = NormalizationModel()
    settle: Settle = Settle()

    @model_validator(mode="after")
    def _rising(self) -> Settings:
        for name in ("patches", "fields"):
            values = getattr(self, name)
            if not all(a < b for a, b in pairwise(values)):
                found = ", ".join(f"{value:g}" for value in values)
                raise ValueError(f"{name}: found [{found}], allowed: rising numbers [deg]")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Contrast responses of the unit at the middle, in both models."""
    del key  # nothing here is random
    circuit, model, middle = s.circuit.circuit(), s.normalization, s.circuit.middle
    places, spacing = s.circuit.positions(), s.circuit.spacing

    def bump(width: Any) -> Array:
        return jnp.exp(-(places**2) / (2 * width**2))

    def respond(
        contrast: Any, patch: Any, field: Any, form: TopDownForm
    ) -> tuple[SteadyState, EI[Array]]:
        drive = contrast * model.stimulus_drive(bump(patch), spacing)[0]
        state = steady_state(circuit, EI(drive, drive), form(bump(field)), solver=s.settle())
        return state, state.rates.map(lambda rates: rates[middle])

    def normalize(contrast: Any, patch: Any, field: Any, attended: Any) -> Array:
        drive = contrast * model.stimulus_drive(bump(patch), spacing)
        pattern = jnp.broadcast_to((attended * bump(field))[None, :], drive.shape)
        return model.response(drive, model.attention_field(pattern), spacing)[0, middle]

    named = {
        "stimulus": dict(zip(SIZES, s.patches, strict=True)),
        "field": dict(zip(SIZES, s.fields, strict=True)),
    }
    everywhere = {"stimulus_width": s.widths, "field_width": s.widths}
    found, states = {}, []
    for prefix, sizes in (("", named), ("map_", everywhere)):
        # One contrast after the other: weak stimuli settle soon and need not wait for strong ones.
        each = {"sequential": ("contrast",), "contrast": s.contrasts, **sizes}
        state, rates = over(**each, attention=s.attention.states())(respond)
        response = over(**each, attended=ATTENDED)(normalize)
        states.append(state)
        found[f"{prefix}rates"] = rates.named("Hz", "rate at the middle")
        found[f"{prefix}response"] = response.named("1", "response of the normalisation model")
    return found | quality(*states)


# What `analyse` finds, with units.
WORDS = {
    "half": ("%", "contrast of half the largest unattended response"),
    "ratio_half": ("1", "attended over unattended response at half"),
    "ratio_top": ("1", "attended over unattended response at the highest contrast"),
    "persistence": ("1", "share of the log ratio at half left at the highest contrast"),
    "response_gain": ("1", "factor of attention on the response, Naka-Rushton"),
    "contrast_gain": ("1", "factor of attention on the contrast, Naka-Rushton"),
    "exponent": ("1", "exponent of the Naka-Rushton curve"),
    "half_saturation": ("%", "semi-saturation contrast of the unattended curve"),
    "fit_R2": ("1", "variance that the two Naka-Rushton curves explain"),
}
LASTING = ("half", "ratio_half", "ratio_top", "persistence")


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """How the effect of attention changes with contrast, and Naka-Rushton fits, by series.

    The circuit's contrast response is not quite a Naka-Rushton curve: of a pure shift by a factor
    of 1.3 in contrast the fit makes about 1.23 in contrast and 1.05 in response.
    """
    del s, rng
    curves = series_of(data.rates, data.response)
    maps = each_pair(persistence, LASTING, series_of(data.map_rates, data.map_response))
    lasting, fits = each_pair(persistence, LASTING, curves), each_pair(fit_gains, FITTED, curves)
    return {**lasting, **fits, "map_persistence": maps["persistence"]}


def series_of(rates: xr.DataArray, response: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Unattended and attended contrast responses, with a dimension `series`."""
    E = rates.sel(population="E", drop=True).rename(attention="series")
    alone = E.sel(series="unattended", drop=True).expand_dims(series=list(FORMS))
    without, attended = (
        response.sel(attended=word, drop=True).expand_dims(series=[MODEL]) for word in ATTENDED
    )
    pairs = ([alone, without], [E.sel(series=list(FORMS)), attended])
    series = ("series", list(SERIES), {"units": "1", "long_name": "attention, or other model"})
    unattended, attended = (xr.concat(p, "series").assign_coords(series=series) for p in pairs)
    return unattended, attended


def each_pair(
    measure: Callable[..., dict[str, Any]], names: tuple[str, ...], curves: Sequence[xr.DataArray]
) -> dict[str, xr.DataArray]:
    """A measure of an unattended and an attended curve over contrast, everywhere."""

    def values(*curves: np.ndarray) -> tuple[float, ...]:
        found = measure(*(curve.astype(float) for curve in curves))
        return tuple(float(found[name]) for name in names)

    core = {"input_core_dims": [["contrast"]] * 3, "output_core_dims": [()] * len(names)}
    found = xr.apply_ufunc(values, curves[0].contrast, *curves, vectorize=True, **core)
    words = (dict(zip(("units", "long_name"), WORDS[name], strict=True)) for name in names)
    return {n: a.assign_attrs(w) for n, a, w in zip(names, found, words, strict=True)}


def balance(d: xr.Dataset, stimulus: str, field: str) -> xr.DataArray:
    """Log of response gain less log of contrast gain."""
    return (np.log(d.response_gain) - np.log(d.contrast_gain)).sel(stimulus=stimulus, field=field)


def of_expected(array: xr.DataArray) -> xr.DataArray:
    """The series that directions are stated for."""
    return array.sel(series=["input to E", MODEL])


def strengthens(s: Settings) -> bool:
    """Whether attention strengthens, and small is smaller than what is large beside it."""
    apart = s.patches[0] < s.fields[1] and s.fields[0] < s.patches[1]
    return apart and s.attention.input > 0 and s.normalization.attention_peak > 1


REYNOLDS = Source("reynolds2009", "Fig. 2, the direction")
NOT_SATURATED = (
    "the circuit's response still rises at the highest contrast, so that some of the effect is "
    "left there even where the Naka-Rushton curves show pure contrast gain"
)

CLAIMS = (
    Claim(
        "log_response_less_contrast_gain_small_in_large",
        lambda d: of_expected(balance(d, "small", "large")),
        Below(0, "contrast gain"),
        REYNOLDS,
        "small stimulus in a large attention field: contrast gain",
        unit="1",
        when=strengthens,
    ),
    Claim(
        "log_response_less_contrast_gain_large_in_small",
        lambda d: of_expected(balance(d, "large", "small")),
        Above(0, "response gain"),
        REYNOLDS,
        "large stimulus in a small attention field: response gain",
        unit="1",
        when=strengthens,
    ),
    Claim(
        "persistence_rise",
        lambda d: of_expected(
            d.persistence.sel(stimulus="large", field="small", drop=True)
            - d.persistence.sel(stimulus="small", field="large", drop=True)
        ),
        Above(0),
        REYNOLDS,
        "attention's effect lasts to high contrast more for the large stimulus in the small field "
        "than for the small one in the large field",
        known=NOT_SATURATED,
        unit="1",
        when=strengthens,
    ),
    Claim(
        "smallest_ratio_at_half",
        lambda d: of_expected(d.ratio_half.min(("stimulus", "field"), skipna=False)),
        Above(1),
        REYNOLDS,
        "attention raises the response at every size of stimulus and field",
        unit="1",
        when=strengthens,
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    small={"circuit.units": 31, "contrasts.curve": [1.0, 100.0, 11], "widths.values": [1.0, 2.0]},
)
