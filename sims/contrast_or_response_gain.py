"""Contrast gain or response gain, by the sizes of stimulus and attention field.

A small and a large patch of grating are attended with a small and a large attention field. Does
attention act as more contrast would, so that its effect vanishes where the response saturates
(*contrast gain*), or does it scale the response, so that the effect persists at the highest
contrast (*response gain*)? The line of E/I pairs and the normalisation model of attention get the
same drive and the same attention fields. The *persistence* of the effect is the share of it, in
log(attended/unattended), at half of the largest unattended response that is left at the highest
contrast: 0 is contrast gain of a response that saturates, 1 response gain. Naka-Rushton curves
that share all but a factor on contrast and one on the response say it a second way.

The paper attends to a second patch, far off in the other hemifield, for the unattended response;
here attention is absent, which is the same for both models: nothing reaches that far.

Source: Reynolds & Heeger 2009, Neuron 61:168; the line: Rubin, Van Hooser & Miller 2015.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis.contrast_response import fit_gains, persistence
from cortex.circuit import EI, Modulation, steady_state
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_order,
)
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.models import (
    FORMS,
    UNATTENDED_AND_FORMS,
    AttentionSection,
    LineSection,
    NormalizationSection,
    SettlingSection,
    attention_field,
    line_circuit,
    line_positions,
    normalized_response,
    stimulus_drive,
    unattended_and_forms,
)

HERE = "chosen here"
SIZES = ("small", "large")
SERIES = (*FORMS, "normalisation model")  # what attention does, in the circuit and in the model


def _rising(name: str, values: tuple[Any, ...], unit: str) -> None:
    if not all(a < b for a, b in pairwise(values)):
        shown = ", ".join(f"{value:g}" for value in values)
        raise ValueError(f"{name}: found [{shown}], allowed: rising numbers [{unit}]")


class StimulusSection(Section):
    """The patch of grating at the middle of the line."""

    sizes: tuple[Positive, Positive] = quantity(
        (0.5, 4.0), "deg", "widths of the small and the large Gaussian patch", source=HERE
    )
    axis_low: float = quantity(1.0, "%", "lowest contrast", source=HERE, gt=0)
    axis_high: float = quantity(100.0, "%", "highest contrast", source=HERE, gt=0)
    axis_points: int = quantity(
        21, "1", "number of contrasts, evenly spaced in logarithm", source=HERE, ge=5
    )

    @model_validator(mode="after")
    def _ordered(self) -> StimulusSection:
        _rising("sizes", self.sizes, "deg")
        require_order(self, "axis_low", "axis_high", "%")
        return self


class FieldSection(Section):
    """The attention field, centred on the patch."""

    sizes: tuple[Positive, Positive] = quantity(
        (0.5, 5.0), "deg", "widths of the small and the large Gaussian field", source=HERE
    )

    @model_validator(mode="after")
    def _ordered(self) -> FieldSection:
        _rising("sizes", self.sizes, "deg")
        return self


class MapSection(Section):
    """The sizes, of the patch and of the field alike, that the maps are drawn over."""

    sizes: tuple[Positive, ...] = quantity(
        (0.5, 0.8, 1.25, 2.0, 3.2, 5.0),
        "deg",
        "widths of patch and of field",
        source=HERE,
        min_length=2,
    )

    @model_validator(mode="after")
    def _ordered(self) -> MapSection:
        _rising("sizes", self.sizes, "deg")
        return self


class Config(ExperimentConfig):
    """Configuration of `contrast_or_response_gain`."""

    circuit: LineSection = LineSection()
    stimulus: StimulusSection = StimulusSection()
    field: FieldSection = FieldSection()
    attention: AttentionSection = AttentionSection()
    normalization: NormalizationSection = NormalizationSection()
    map: MapSection = MapSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Contrast responses of both models, and how the effect of attention changes with contrast.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    any section but `solver`, save the spacing of the line (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        For the unit at the middle, ``r_E``, ``r_I`` [Hz] (stimulus, field, attention, contrast)
        and ``response`` [1] (stimulus, field, unattended or attended, contrast) of the
        normalisation model. ``half`` [%], ``ratio_half``, ``ratio_top`` and ``persistence``
        (stimulus, field, series), see `cortex.analysis.contrast_response.persistence`; the
        series are the forms of attention in the circuit, then the normalisation model. The same
        with ``map_`` in front over the sizes of the maps. ``residual`` [Hz] and ``converged``
        (condition, attention, contrast). Rates of a circuit that ran away are NaN.
    """
    del key
    shown = config.stimulus
    places = line_positions(config.circuit)
    middle = config.circuit.units // 2
    circuit = line_circuit(config.circuit)
    solver = config.solver.integrate()
    contrast = _axis(shown)

    def bump(width: Array) -> Array:
        return jnp.exp(-(places**2) / (2 * width**2))

    def condition(patch: Array, field: Array, c: Array) -> tuple[Array, ...]:
        """One size of patch, one of field, one contrast: all forms, in both models."""
        spacing, model = config.circuit.spacing, config.normalization
        stimulus = c * stimulus_drive(model, bump(patch), spacing)
        pattern = bump(field)

        def circuit_response(modulation: Modulation) -> tuple[Array, ...]:
            drive = EI(stimulus[0], stimulus[0])
            state = steady_state(circuit, drive, modulation, solver=solver)
            rates = state.rates.map(lambda r: r[middle])
            return rates.E, rates.I, state.residual, state.converged

        def model_response(strength: Array) -> Array:
            everywhere = jnp.broadcast_to(strength * pattern[None, :], stimulus.shape)
            attention = attention_field(model, everywhere)
            return normalized_response(model, stimulus, attention, spacing)[0, middle]

        forms = jax.vmap(circuit_response)(unattended_and_forms(config.attention, pattern))
        return *forms, jax.vmap(model_response)(jnp.asarray([0.0, 1.0]))

    pairs = [_grid(shown.sizes, config.field.sizes), _grid(config.map.sizes, config.map.sizes)]
    patches, fields = (jnp.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    # One contrast after the other: weak stimuli settle soon and need not wait for strong ones.
    each = jax.lax.map(lambda c: jax.vmap(condition, (0, 0, None))(patches, fields, c), contrast)
    r_E, r_I, residual, converged, response = (jnp.moveaxis(values, 0, -1) for values in each)
    curves = jnp.concatenate([r_E[:, 1:], response[:, 1:]], axis=1)
    without = jnp.concatenate(
        [jnp.broadcast_to(r_E[:, :1], r_E[:, 1:].shape), response[:, :1]], axis=1
    )
    summary = jax.vmap(jax.vmap(lambda u, a: persistence(contrast, u, a)))(without, curves)

    few = pairs[0][0].size
    found = {"residual": residual, "converged": converged}
    for name, values in (("r_E", r_E), ("r_I", r_I), ("response", response)):
        found[name] = values[:few].reshape(*pairs[0][0].shape, *values.shape[1:])
    for name, values in summary.items():
        found[name] = values[:few].reshape(*pairs[0][0].shape, -1)
        found[f"map_{name}"] = values[few:].reshape(*pairs[1][0].shape, -1)
    return found


def _axis(shown: StimulusSection) -> Array:
    low, high = jnp.asarray(shown.axis_low, float), jnp.asarray(shown.axis_high, float)
    return low * (high / low) ** jnp.linspace(0.0, 1.0, shown.axis_points, dtype=low.dtype)


def _grid(rows: tuple[Any, ...], columns: tuple[Any, ...]) -> list[Array]:
    """Every size of patch with every size of field, two arrays (patch, field)."""
    one, other = (jnp.stack([jnp.asarray(s, float) for s in sizes]) for sizes in (rows, columns))
    return jnp.meshgrid(one, other, indexing="ij")


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, fit, and name the axes and units of what comes out."""
    conditions = 4 + len(config.map.sizes) ** 2
    count = conditions * len(UNATTENDED_AND_FORMS) * config.stimulus.axis_points
    with progress.stage(f"{count} steady states"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    with progress.stage("Naka-Rushton fits"):
        return label(config, found)


def _fits(contrast: np.ndarray, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`fit_gains` of every condition and series, (stimulus, field, series)."""
    shape = (2, 2, len(SERIES))
    fitted: dict[str, np.ndarray] = {}
    for i, j, k in np.ndindex(shape):
        circuit = k < len(FORMS)
        curves = found["r_E"][i, j, [0, k + 1]] if circuit else found["response"][i, j]
        for name, value in fit_gains(contrast.astype(float), *curves.astype(float)).items():
            fitted.setdefault(name, np.empty(shape))[i, j, k] = value
    return fitted


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` and the fits as a dataset with dimensions, units, long names."""
    shown = config.stimulus
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    found = found | _fits(np.asarray(_axis(shown)), found)
    sizes = ("stimulus", "field")
    coordinates = {
        "stimulus": variable("stimulus", SIZES, "1", "size of the patch of grating"),
        "field": variable("field", SIZES, "1", "size of the attention field"),
        "stimulus_width": variable("stimulus", shown.sizes, "deg", "width of the patch"),
        "field_width": variable("field", config.field.sizes, "deg", "width of the field"),
        "attention": variable("attention", UNATTENDED_AND_FORMS, "1", "attention in the circuit"),
        "attended": variable("attended", ["unattended", "attended"], "1", "attention"),
        "series": variable("series", SERIES, "1", "form of attention, or the other model"),
        "contrast": variable("contrast", axis, "%", "contrast of the grating"),
        "map_stimulus": variable("map_stimulus", config.map.sizes, "deg", "width of the patch"),
        "map_field": variable("map_field", config.map.sizes, "deg", "width of the field"),
    }
    asked = ("condition", "attention", "contrast")
    kept = {
        "residual": variable(asked, found["residual"], "Hz", "largest residual of the state"),
        "converged": variable(asked, found["converged"], "1", "whether the state was reached"),
        "response": variable(
            (*sizes, "attended", "contrast"), found["response"], "1", "normalisation model response"
        ),
    }
    for name, kind in (("r_E", "excitatory"), ("r_I", "inhibitory")):
        dims = (*sizes, "attention", "contrast")
        kept[name] = variable(dims, found[name], "Hz", f"{kind} rate at the middle")
    for name, units, words in (
        ("half", "%", "contrast of half the largest unattended response"),
        ("ratio_half", "1", "attended over unattended response at half"),
        ("ratio_top", "1", "attended over unattended response at the highest contrast"),
        ("persistence", "1", "share of the log ratio at half left at the highest contrast"),
    ):
        kept[name] = variable((*sizes, "series"), found[name], units, words)
        dims = ("map_stimulus", "map_field", "series")
        kept[f"map_{name}"] = variable(dims, found[f"map_{name}"], units, words)
    for name, units, words in (
        ("response_gain", "1", "factor of attention on the response, Naka-Rushton"),
        ("contrast_gain", "1", "factor of attention on the contrast, Naka-Rushton"),
        ("exponent", "1", "exponent of the Naka-Rushton curve"),
        ("half_saturation", "%", "semi-saturation contrast of the unattended curve"),
        ("fit_R2", "1", "variance that the two Naka-Rushton curves explain"),
    ):
        kept[name] = variable((*sizes, "series"), found[name], units, words)
    return xr.Dataset(kept, coordinates)


CLAIM = "direction: Reynolds & Heeger 2009, Neuron 61:168, Fig. 2"
CONTRAST_GAIN, RESPONSE_GAIN = ("small", "large"), ("large", "small")  # (stimulus, field)
EXPECTED = ("input to E", "normalisation model")
NOT_SATURATED = (
    "the circuit's response still rises at the highest contrast, so that some of the effect is "
    "left there even where the Naka-Rushton curves show pure contrast gain"
)
ALSO_TO_I = (
    "no response gain in this form: the input also drives I at the attended place, and its "
    "effect on E shrinks as the stimulus gets stronger"
)
FIT = (
    "the circuit's contrast response is not quite a Naka-Rushton curve: of a pure shift by a "
    "factor of 1.3 in contrast the fit makes about 1.23 in contrast and 1.05 in response, with the "
    "default stimuli"
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Which gain it is, for the two conditions of the claim and in every series."""
    measures = []
    for series in SERIES:
        measures += _gains(data, series, series in EXPECTED and _claims(config, series))
    for stimulus, field in (CONTRAST_GAIN, RESPONSE_GAIN):
        for series in SERIES:
            here = data.sel(stimulus=stimulus, field=field, series=series)
            for name in ("response_gain", "contrast_gain"):
                title = f"{name}[{series},{stimulus} in {field}]"
                measures.append(Measure.reported(title, here[name], "1"))
    worst = data["fit_R2"].min(skipna=False)
    fit = Measure.reported("smallest_fit_R2", worst, "1", note=FIT)
    return [*measures, fit, converged_share(data)]


def _gains(data: xr.Dataset, series: str, claimed: bool) -> list[Measure]:
    """The rows of one series: sign of the gain in both conditions, persistence, strength."""
    who = "normalisation model" if series == SERIES[-1] else "circuit"
    found = data.sel(series=series)
    balance = np.log(found["response_gain"]) - np.log(found["contrast_gain"])
    small, large = ({"stimulus": s, "field": f} for s, f in (CONTRAST_GAIN, RESPONSE_GAIN))
    left = found["persistence"]
    rows = (
        (
            f"log_response_less_contrast_gain[{series},small in large]",
            balance.sel(small),
            "< 0 (contrast gain)",
            f"{who}: small stimulus in a large attention field: contrast gain",
            "",
        ),
        (
            f"log_response_less_contrast_gain[{series},large in small]",
            balance.sel(large),
            "> 0 (response gain)",
            f"{who}: large stimulus in a small attention field: response gain",
            ALSO_TO_I if series == "input to E and I" and balance.sel(large) < 0 else "",
        ),
        (
            f"persistence_rise[{series}]",
            left.sel(large) - left.sel(small),
            "> 0",
            f"{who}: attention's effect lasts to high contrast more for the large stimulus "
            "in the small field than for the small one in the large field",
            NOT_SATURATED if who == "circuit" else "",
        ),
        (
            f"smallest_ratio_at_half[{series}]",
            found["ratio_half"].min(skipna=False),
            "> 1",
            f"{who}: attention raises the response at every size of stimulus and field",
            "",
        ),
    )
    if not claimed:
        return [Measure.reported(name, value, "1", note=note) for name, value, _, _, note in rows]
    return [
        Measure.expecting(
            name, value, "1", expected=expected, provenance=CLAIM, effect=effect, note=note
        )
        for name, value, expected, effect, note in rows
    ]


def _claims(config: Config, series: str) -> bool:
    """Whether attention strengthens, and small is smaller than what is large beside it."""
    patches, fields = config.stimulus.sizes, config.field.sizes
    if series == SERIES[-1]:
        strengthens = config.normalization.attention_peak > 1
    else:
        strengthens = config.attention.input > 0
    return strengthens and patches[0] < fields[1] and fields[0] < patches[1]
