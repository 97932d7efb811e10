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

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import modulation_index
from cortex.circuit import EI, steady_state
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
    require_order,
)
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.models import (
    UNATTENDED_AND_FORMS,
    AttentionSection,
    LineSection,
    SettlingSection,
    line_circuit,
    line_positions,
    unattended_and_forms,
)
from cortex.stimuli import band, line

HERE = "chosen here"
FOCI = ("centre", "surround")
STIMULI = ("centre alone", "centre and surround", "surround alone")


class StimulusSection(Section):
    """The centre stimulus and the surround stimuli."""

    contrasts: tuple[Positive, ...] = quantity(
        (10.0, 20.0, 50.0),
        "%",
        "contrasts that measures are given for",
        source=HERE,
        min_length=1,
    )
    centre_length: float = quantity(
        5 / 3, "deg", "centre stimulus; the summation field at 20 % contrast", source=HERE, gt=0
    )
    gap: float = quantity(
        1 / 3, "deg", "distance from the centre stimulus to those beside it", source=HERE, ge=0
    )
    surround_length: float = quantity(
        3.0, "deg", "length of each surround stimulus", source=HERE, gt=0
    )
    sides: int = quantity(
        2,
        "1",
        "surround stimuli: 1 as in the laboratory, 2 for an annulus on a line",
        source=HERE,
        ge=1,
        le=2,
    )
    edge: float = quantity(
        0.125,
        "1",
        "scale of the logistic edges, as a share of the distance between neighbours",
        source="as the lines of Rubin et al. 2015, Fig. 2",
        gt=0,
    )
    axis_low: float = quantity(3.0, "%", "lowest contrast of the curves", source=HERE, gt=0)
    axis_high: float = quantity(64.0, "%", "highest contrast of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        11, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _distinct(self) -> StimulusSection:
        require_distinct(self, "contrasts")
        require_order(self, "axis_low", "axis_high", "%")
        return self


class FieldSection(Section):
    """The attention field, a Gaussian over visual space around each attended stimulus."""

    width: float = quantity(1.0, "deg", "standard deviation", source=HERE, gt=0)
    widths: tuple[Positive, ...] = quantity(
        (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0),
        "deg",
        "widths of the curve over width",
        source=HERE,
        min_length=1,
    )
    widths_contrast: float = quantity(
        20.0, "%", "contrast of the curve over width", source=HERE, gt=0
    )

    @model_validator(mode="after")
    def _distinct(self) -> FieldSection:
        require_distinct(self, "widths")
        return self


class Config(ExperimentConfig):
    """Configuration of `attention_and_surround`."""

    circuit: LineSection = LineSection()
    stimulus: StimulusSection = StimulusSection()
    attention: AttentionSection = AttentionSection()
    field: FieldSection = FieldSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Steady responses of the middle unit to every stimulus under every state of attention.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    all sections but `solver` (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        The conditions are the contrasts of the measures, then those of the curves, all at
        `field.width`, then the widths. ``rates_E``, ``rates_I`` of the middle unit [Hz]
        (condition, focus, attention, stimulus) in the order of `FOCI`, `UNATTENDED_AND_FORMS`
        and `STIMULI`; ``SI`` (condition, focus, attention); ``AI_alone``, ``AI_both``
        (condition, attention); ``masks`` (stimulus, unit) and ``patterns`` at `field.width`
        (focus, unit); ``residual`` [Hz] and ``converged`` (condition, focus, attention,
        stimulus). Rates of a circuit that ran away are NaN.
    """
    del key
    row = config.circuit
    circuit, places = line_circuit(row), line_positions(row)
    middle = (row.units - 1) // 2
    solver = config.solver.integrate()
    masks = stimulus_masks(config, places)

    def respond(condition: tuple[Array, Array]) -> tuple[EI, Array, Array]:
        contrast, width = condition

        def one(modulation, mask: Array) -> tuple[EI, Array, Array]:
            drive = contrast * mask
            state = steady_state(circuit, EI(drive, drive), modulation, solver=solver)
            return state.rates.map(lambda r: r[middle]), state.residual, state.converged

        modulations = jax.vmap(lambda p: unattended_and_forms(config.attention, p))(
            attention_patterns(config, places, width)
        )
        over_stimuli = jax.vmap(one, (None, 0))
        return jax.vmap(jax.vmap(over_stimuli, (0, None)), (0, None))(modulations, masks)

    # One condition after the other: none waits for the slowest of all.
    rates, residual, converged = jax.lax.map(respond, conditions(config))
    alone, both = rates.E[..., 0], rates.E[..., 1]
    return {
        "rates_E": rates.E,
        "rates_I": rates.I,
        "SI": 1.0 - both / jnp.where(alone > 0, alone, jnp.nan),
        "AI_alone": modulation_index(alone[:, 0], alone[:, 1]),
        "AI_both": modulation_index(both[:, 0], both[:, 1]),
        "masks": masks,
        "patterns": attention_patterns(config, places, config.field.width),
        "residual": residual,
        "converged": converged,
    }


def conditions(config: Config) -> tuple[Array, Array]:
    """Contrast [%] and width of the attention field [deg] of every condition."""
    shown, field = config.stimulus, config.field
    asked = jnp.stack([jnp.asarray(contrast, float) for contrast in shown.contrasts])
    low, high = jnp.asarray(shown.axis_low, float), jnp.asarray(shown.axis_high, float)
    steps = jnp.linspace(0.0, 1.0, shown.axis_points, dtype=low.dtype)
    contrasts = jnp.concatenate([asked, low * (high / low) ** steps])
    widths = jnp.stack([jnp.asarray(width, float) for width in field.widths])
    return (
        jnp.concatenate([contrasts, jnp.full_like(widths, field.widths_contrast)]),
        jnp.concatenate([jnp.full_like(contrasts, field.width), widths]),
    )


def stimulus_masks(config: Config, places: Array) -> Array:
    """The stimuli at a contrast of 1, in the order of `STIMULI`: (stimulus, unit)."""
    shown = config.stimulus
    edge = shown.edge * config.circuit.spacing
    inner = shown.centre_length / 2 + shown.gap
    centre = line(places, shown.centre_length, edge)
    surround = band(places, inner, inner + shown.surround_length, edge)
    if shown.sides == 2:
        surround = surround + band(places, -inner - shown.surround_length, -inner, edge)
    return jnp.stack([centre, centre + surround, surround])


def attention_patterns(config: Config, places: Array, width: Array | float) -> Array:
    """The attention field at each focus, 1 at the middle of what is attended: (focus, unit)."""
    shown = config.stimulus
    away = shown.centre_length / 2 + shown.gap + shown.surround_length / 2

    def bump(at: Array | float) -> Array:
        return jnp.exp(-((places - at) ** 2) / (2 * width**2))

    # Two bumps so wide that they overlap count once: the field stays 1 at its peaks.
    surround = jnp.maximum(bump(away), bump(-away)) if shown.sides == 2 else bump(away)
    return jnp.stack([bump(0.0), surround])


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    shown = config.stimulus
    count = len(shown.contrasts) + shown.axis_points + len(config.field.widths)
    states = count * len(FOCI) * len(UNATTENDED_AND_FORMS) * len(STIMULI)
    with progress.stage(f"{states} steady states"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    row, shown = config.circuit, config.stimulus
    asked = len(shown.contrasts)
    curve = asked + shown.axis_points
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    places = (np.arange(row.units) - (row.units - 1) / 2) * row.spacing
    coordinates = {
        "contrast": variable("contrast", shown.contrasts, "%", "contrast of the stimuli"),
        "axis_contrast": variable("axis_contrast", axis, "%", "contrast of the stimuli"),
        "width": variable("width", config.field.widths, "deg", "width of the attention field"),
        "focus": variable("focus", list(FOCI), "1", "what is attended"),
        "attention": variable("attention", list(UNATTENDED_AND_FORMS), "1", "form of attention"),
        "stimulus": variable("stimulus", list(STIMULI), "1", "what is shown"),
        "place": variable("place", places, "deg", "place of the unit, from the middle"),
    }
    state = ("condition", "focus", "attention", "stimulus")
    kept = {
        "residual": variable(state, found["residual"], "Hz", "largest residual of the state"),
        "converged": variable(state, found["converged"], "1", "whether the state was reached"),
        "masks": variable(("stimulus", "place"), found["masks"], "1", "drive at a contrast of 1"),
        "patterns": variable(("focus", "place"), found["patterns"], "1", "attention field"),
    }
    words = {
        "rates_E": (state[1:], "Hz", "excitatory rate of the middle unit"),
        "rates_I": (state[1:], "Hz", "inhibitory rate of the middle unit"),
        "SI": (state[1:3], "1", "suppression index of the middle E unit"),
        "AI_alone": (("attention",), "1", "attention index, centre stimulus alone"),
        "AI_both": (("attention",), "1", "attention index, with the surround stimuli"),
    }
    parts = (("", "contrast", 0, asked), ("axis_", "axis_contrast", asked, curve))
    parts += (("width_", "width", curve, None),)
    for prefix, first, start, stop in parts:
        for name, (dims, units, long_name) in words.items():
            values = found[name][start:stop]
            kept[prefix + name] = variable((first, *dims), values, units, long_name)
    return xr.Dataset(kept, coordinates)


SUNDBERG = "direction: Sundberg, Mitchell & Reynolds 2009 (V4 neurons)"
WEAK = (
    "where the circuit turns from summing to suppression (about 10 %) the tail of the attention "
    "field on the near parts of the surround stimuli outweighs the effect: a field of 0.5 deg "
    "lowers SI. At weaker contrasts attention, like more contrast, moves the centre to where "
    "suppression is stronger, whatever the width of the field"
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """How attention at each focus changes surround suppression; directions for input to E."""
    measures = []
    strongest = data["contrast"].values.max()
    for contrast in data["contrast"].values:
        at = data.sel(contrast=contrast)
        where = f"c={contrast:g}"
        plain = at["SI"].sel(focus="centre", attention="unattended")
        measures.append(Measure.reported(f"suppression_index[unattended,{where}]", plain, "1"))
        for form in UNATTENDED_AND_FORMS[1:]:
            index, expects = at["SI"].sel(attention=form), form == UNATTENDED_AND_FORMS[1]
            lowered, raised = index.sel(focus="centre") - plain, index.sel(focus="surround") - plain
            effects = (
                ("centre", lowered, "< 0", "attention to the centre lowers surround suppression"),
                ("surround", raised, "> 0", "attention to the surround raises it"),
            )
            for focus, value, expected, effect in effects:
                name = f"suppression_change[{focus},{form},{where}]"
                note = WEAK if focus == "centre" and value > 0 else ""
                measures.append(_row(name, value, expected, effect, expects, note))
            gained = at["AI_both"].sel(attention=form) - at["AI_alone"].sel(attention=form)
            measures.append(
                _row(
                    f"attention_index_with_minus_without_surround[{form},{where}]",
                    gained,
                    "> 0",
                    "attention modulates more when the surround is stimulated",
                    bool(expects and contrast == strongest),
                )
            )
        outside = at["rates_E"].sel(focus="centre", attention="unattended")
        outside = outside.sel(stimulus=STIMULI[2]) / outside.sel(stimulus=STIMULI[0])
        measures.append(Measure.reported(f"surround_alone_over_centre[{where}]", outside, "1"))
    if np.isfinite(turn := _turn(data)):
        measures.append(Measure.reported("centre_lowers_above", turn, "%"))
    return [*measures, converged_share(data)]


def _row(
    name: str, value: xr.DataArray, expected: str, effect: str, expects: bool, note: str = ""
) -> Measure:
    if not expects:
        return Measure.reported(name, value, "1", note=note)
    return Measure.expecting(
        name, value, "1", expected=expected, provenance=SUNDBERG, effect=effect, note=note
    )


def _turn(data: xr.Dataset) -> float:
    """Contrast [%] above which attention to the centre lowers suppression (input to E).

    By interpolation in the logarithm of contrast; NaN if the change never crosses 0.
    """
    index = data["axis_SI"].sel(focus="centre")
    change = index.sel(attention=UNATTENDED_AND_FORMS[1]) - index.sel(attention="unattended")
    change, place = change.values, np.log(data["axis_contrast"].values)
    crossing = np.flatnonzero((change[:-1] > 0) & (change[1:] <= 0))
    if crossing.size == 0:
        return float("nan")
    i = crossing[-1]
    part = change[i] / (change[i] - change[i + 1])
    return float(np.exp(place[i] + part * (place[i + 1] - place[i])))
