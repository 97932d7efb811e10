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

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.circuit import EI, steady_state
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

HERE = "chosen here"
FOCI = ("centre", "inside", "other side", "beside")
SHOWN = ("probe alone", "constant stimuli")
RECORDED = ("next area", "same area")


class ProbeSection(Section):
    """The probe, the constant stimuli and the recorded units."""

    contrasts: tuple[Positive, ...] = quantity(
        (10.0, 20.0, 40.0),
        "%",
        "contrasts of the probe that measures are given for",
        source=HERE,
        min_length=1,
    )
    step: float = quantity(2 / 3, "deg", "distance between probe positions", source=HERE, gt=0)
    steps: int = quantity(12, "1", "probe positions to each side of the middle", source=HERE, ge=2)
    width: float = quantity(
        0.5,
        "deg",
        "feed-forward receptive field of a unit: width of the Gaussian drive of a probe",
        source=HERE,
        gt=0,
    )
    pool: float = quantity(
        2.0,
        "deg",
        "width of the Gaussian with which the unit of the next area pools",
        source=HERE,
        gt=0,
    )
    constant_ratio: float = quantity(
        1.0,
        "1",
        "contrast of the constant stimuli relative to the probe",
        source="1: in the laboratory probe and stimuli are alike; chosen here",
        gt=0,
    )

    @model_validator(mode="after")
    def _distinct(self) -> ProbeSection:
        require_distinct(self, "contrasts")
        return self


class FocusSection(Section):
    """Where attention is, and how wide its field: a Gaussian over visual space."""

    width: float = quantity(1.0, "deg", "standard deviation", source=HERE, gt=0)
    inside: float = quantity(
        4 / 3,
        "deg",
        "foci inside the receptive field, to both sides of its middle",
        source=HERE,
        gt=0,
    )
    beside: float = quantity(4.0, "deg", "focus beside the receptive field", source=HERE, gt=0)
    axis_high: float = quantity(8.0, "deg", "farthest focus of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        9, "1", "number of foci of the curves, evenly spaced from 0", source=HERE, ge=2
    )
    axis_contrast: float = quantity(
        20.0, "%", "contrast of the probe for the curves", source=HERE, gt=0
    )

    @model_validator(mode="after")
    def _ordered(self) -> FocusSection:
        if not self.inside < self.beside:
            raise ValueError(
                f"inside: found {self.inside:g}, allowed: a number < beside ({self.beside:g}) [deg]"
            )
        return self


class Config(ExperimentConfig):
    """Configuration of `receptive_field_shift`."""

    circuit: LineSection = LineSection()
    probe: ProbeSection = ProbeSection()
    attention: AttentionSection = AttentionSection()
    focus: FocusSection = FocusSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Receptive fields of both recorded units in every condition.

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
        The conditions are every contrast with every entry of `SHOWN` and of `FOCI`, in this
        order, then the foci of the curves with the probe alone. ``response`` [Hz] (condition,
        attention, recorded, probe): the response above ``baseline`` [Hz] (condition, attention,
        recorded), in the order of `UNATTENDED_AND_FORMS` and `RECORDED`; its ``centre`` and
        ``spread`` [deg] (condition, attention, recorded); ``residual`` [Hz] and ``converged``
        (condition, attention, shown), where shown are the probe positions and no probe. Rates of
        a circuit that ran away are NaN.
    """
    del key
    row, probe = config.circuit, config.probe
    circuit, places = line_circuit(row), line_positions(row)
    middle = (row.units - 1) // 2
    positions = probe_positions(probe)
    solver = config.solver.integrate()
    weights = jnp.exp(-(places**2) / (2 * probe.pool**2))
    weights = weights / jnp.sum(weights)

    def drive_at(place: Array) -> Array:
        return jnp.exp(-((places - place) ** 2) / (2 * probe.width**2))

    inside = jnp.asarray(config.focus.inside, float)
    constant = probe.constant_ratio * (drive_at(inside) + drive_at(-inside))
    probes = jnp.concatenate([jax.vmap(drive_at)(positions), jnp.zeros((1, row.units))])

    def one(modulation, drive: Array) -> tuple[Array, Array, Array]:
        state = steady_state(circuit, EI(drive, drive), modulation, solver=solver)
        recorded = jnp.stack([jnp.dot(weights, state.rates.E), state.rates.E[middle]])
        return recorded, state.residual, state.converged

    def respond(condition: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        contrast, shown, focus = condition
        field = jnp.exp(-((places - focus) ** 2) / (2 * config.focus.width**2))
        drives = contrast * (probes + shown * constant[None])
        modulations = unattended_and_forms(config.attention, field)
        return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(modulations, drives)

    # One condition after the other: none waits for the slowest of all, and each fits the cache.
    rates, residual, converged = jax.lax.map(respond, conditions(config))
    rates = jnp.moveaxis(rates, -1, -2)
    baseline = rates[..., -1]
    field = rates[..., :-1] - baseline[..., None]
    centre, size = centre_and_size(field, positions)
    return {
        "response": field,
        "baseline": baseline,
        "centre": centre,
        "spread": size,
        "residual": residual,
        "converged": converged,
    }


def conditions(config: Config) -> tuple[Array, Array, Array]:
    """Contrast [%], whether constant stimuli are shown (0 or 1), and focus [deg]."""
    focus = config.focus
    contrasts = jnp.stack([jnp.asarray(c, float) for c in config.probe.contrasts])
    foci = [0.0, focus.inside, -focus.inside, focus.beside]
    foci = jnp.stack([jnp.asarray(place, float) for place in foci])
    grid = jnp.meshgrid(contrasts, jnp.asarray([0.0, 1.0]), foci, indexing="ij")
    curve = jnp.linspace(0.0, 1.0, focus.axis_points) * focus.axis_high
    ends = (jnp.full_like(curve, focus.axis_contrast), jnp.zeros_like(curve), curve)
    full, shown, places = (
        jnp.concatenate([g.ravel(), end]) for g, end in zip(grid, ends, strict=True)
    )
    return full, shown, places


def probe_positions(probe: ProbeSection) -> Array:
    """Positions of the probe [deg], 0 at the recorded unit."""
    return jnp.arange(-probe.steps, probe.steps + 1) * jnp.asarray(probe.step, float)


def centre_and_size(field: Array, positions: Array) -> tuple[Array, Array]:
    """Centre of mass and standard deviation [deg] of the response above baseline.

    Parameters
    ----------
    field
        Response minus baseline [Hz], (..., position); what lies below 0 counts as 0. NaN where
        nothing lies above.
    positions
        (position) [deg].
    """
    weight = jnp.where(jnp.isnan(field), field, jnp.maximum(field, 0.0))
    total = jnp.sum(weight, -1)
    weight = weight / jnp.where(total > 0, total, jnp.nan)[..., None]
    centre = jnp.dot(weight, positions)
    variance = jnp.dot(weight, positions**2) - centre**2
    return centre, jnp.sqrt(jnp.maximum(variance, 0.0))


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    count = len(config.probe.contrasts) * len(SHOWN) * len(FOCI) + config.focus.axis_points
    states = count * len(UNATTENDED_AND_FORMS) * (2 * config.probe.steps + 2)
    with progress.stage(f"{states} steady states"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    probe, focus = config.probe, config.focus
    positions = np.arange(-probe.steps, probe.steps + 1) * probe.step
    axis = np.linspace(0, focus.axis_high, focus.axis_points)
    forms = list(UNATTENDED_AND_FORMS)
    coordinates = {
        "contrast": variable("contrast", probe.contrasts, "%", "contrast of the probe"),
        "shown": variable("shown", list(SHOWN), "1", "what is shown during mapping"),
        "focus": variable("focus", list(FOCI), "1", "what is attended"),
        "axis_focus": variable("axis_focus", axis, "deg", "place of the focus, from the unit"),
        "attention": variable("attention", forms, "1", "form of attention"),
        "recorded": variable("recorded", list(RECORDED), "1", "unit that is recorded"),
        "position": variable("position", positions, "deg", "position of the probe, from the unit"),
    }
    state = ("condition", "attention", "probe")
    kept = {
        "residual": variable(state, found["residual"], "Hz", "largest residual of the state"),
        "converged": variable(state, found["converged"], "1", "whether the state was reached"),
    }
    words = {
        "response": (("attention", "recorded", "position"), "Hz", "response to the probe"),
        "baseline": (("attention", "recorded"), "Hz", "rate without a probe"),
        "centre": (("attention", "recorded"), "deg", "centre of the receptive field"),
        "spread": (("attention", "recorded"), "deg", "SD of the receptive field"),
    }
    first = ("contrast", "shown", "focus")
    shape = (len(probe.contrasts), len(SHOWN), len(FOCI))
    count = int(np.prod(shape))
    for name, (dims, units, long_name) in words.items():
        values = found[name][:count].reshape(*shape, *found[name].shape[1:])
        kept[name] = variable((*first, *dims), values, units, long_name)
        if name != "baseline":
            values = found[name][count:]
            kept[f"axis_{name}"] = variable(("axis_focus", *dims), values, units, long_name)
    return xr.Dataset(kept, coordinates)


WOMELSDORF = "direction: Womelsdorf, Anton-Erxleben, Pieper & Treue 2006 (MT neurons)"
ANTON = "direction: Anton-Erxleben, Stephan & Treue 2009 (MT neurons)"
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
SHIFTS = (
    ("next area", SHOWN[0], "inside", "receptive fields shift toward the focus", ""),
    ("next area", SHOWN[0], "beside", "they do so for a focus beside the field", ""),
    ("next area", SHOWN[1], "inside", "they do so around constant stimuli", CONSTANT),
    ("same area", SHOWN[0], "inside", "they do so in the area that attention acts on", SAME_AREA),
)
SIZES = (
    ("next area", SHOWN[0], "centre", "< 1", "fields shrink around a focus inside", ""),
    ("next area", SHOWN[0], "beside", "> 1", "fields widen with a focus beside", ""),
    ("next area", SHOWN[1], "centre", "< 1", "they shrink around constant stimuli", CONSTANT),
    ("same area", SHOWN[0], "centre", "< 1", "they shrink in the area acted on", SAME_AREA),
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Shifts toward the focus and changes of size; directions for input to E.

    They are stated at the middle one of the contrasts, and reported at the others and for the
    other forms.
    """
    contrasts = np.sort(data["contrast"].values)
    stated = float(contrasts[len(contrasts) // 2])
    measures = []
    for contrast in data["contrast"].values:
        at = data.sel(contrast=contrast)
        for form in UNATTENDED_AND_FORMS[1:]:
            default = form == UNATTENDED_AND_FORMS[1]
            if not default and contrast != stated:
                continue
            expects = bool(default and contrast == stated)
            for recorded, shown, focus, effect, note in SHIFTS:
                where = f"{recorded},{shown},{focus},{form},c={contrast:g}"
                value = shift(at.sel(recorded=recorded, shown=shown), focus, form)
                name = f"shift_toward_focus[{where}]"
                measures.append(_row(name, value, "deg", "> 0", effect, WOMELSDORF, note, expects))
            for recorded, shown, focus, expected, effect, note in SIZES:
                where = f"{recorded},{shown},{focus},{form},c={contrast:g}"
                spread = at["spread"].sel(recorded=recorded, shown=shown, focus=focus)
                value = float(spread.sel(attention=form) / spread.sel(attention="unattended"))
                name = f"size_ratio[{where}]"
                measures.append(_row(name, value, "1", expected, effect, ANTON, note, expects))
    return [*measures, converged_share(data)]


def shift(at: xr.Dataset, focus: str, form: str) -> float:
    """How far the centre [deg] moves toward the focus: ``inside`` or ``beside``.

    Inside, as in the laboratory, the foci at both sides of the middle are compared with each
    other, and half the difference is taken.
    """
    centre = at["centre"].sel(attention=form)
    if focus == "inside":
        return float(centre.sel(focus="inside") - centre.sel(focus="other side")) / 2
    plain = at["centre"].sel(focus=focus, attention="unattended")
    return float(centre.sel(focus=focus) - plain)


def _row(
    name: str,
    value: float,
    unit: str,
    expected: str,
    effect: str,
    provenance: str,
    note: str,
    expects: bool,
) -> Measure:
    if not expects:
        return Measure.reported(name, value, unit)
    row = Measure.expecting(
        name, value, unit, expected=expected, provenance=provenance, effect=effect
    )
    return row if row.holds else replace(row, note=note)
