"""Biased competition: attending one of two stimuli pulls the response toward that one alone.

Two gratings are shown to the orientation ring alone and together, without attention and with
attention to either, in three forms of attention. To the unit that prefers one grating that one is
the preferred stimulus and the other the poor one. How attention moves the response to both is
said by the response of such a unit, by the least-squares weights of the two single responses, and
by the slope of sensory interaction (pair - second) against selectivity (first - second).

Source: Reynolds, Chelazzi & Desimone 1999, J. Neurosci. 19:1736, for the effect; the circuit of
Rubin, Van Hooser & Miller 2015; strength and place of attention are our design.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import competition
from cortex.circuit import EI, Circuit, Epoch, Modulation, SteadyState, steady_state
from cortex.circuit import simulate as simulate_circuit
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
from cortex.measures import COMPUTED, converged_share
from cortex.models import (
    UNATTENDED_AND_FORMS,
    AttentionSection,
    RingSection,
    SettlingSection,
    ring_circuit,
    unattended_and_forms,
)
from cortex.models.ring import RUBIN
from cortex.stimuli.ring import circular_distance, ring_bump, ring_positions

HERE = "chosen here"


class StimulusSection(Section):
    """The gratings."""

    contrasts: tuple[Positive, ...] = quantity(
        (10.0, 20.0, 50.0),
        "%",
        "contrasts of each grating that measures are given for",
        source=HERE,
        min_length=1,
    )
    orientations: tuple[float, float] = quantity(
        (45.0, 135.0), "deg", "orientations of the two gratings", source=RUBIN
    )
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )
    axis_low: float = quantity(5.0, "%", "lowest contrast of the curves", source=HERE, gt=0)
    axis_high: float = quantity(100.0, "%", "highest contrast of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        14, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _possible(self) -> StimulusSection:
        require_distinct(self, "contrasts")
        if self.orientations[0] == self.orientations[1]:
            raise ValueError(
                f"orientations: found {self.orientations[0]:g} twice, allowed: two different [deg]"
            )
        require_order(self, "axis_low", "axis_high", "%")
        return self


class FieldSection(AttentionSection):
    """What is attended: a bump of input over the ring at the attended orientation."""

    width: float = quantity(30.0, "deg", "width of the attended bump", source=HERE, gt=0)


class CourseSection(Section):
    """The time course of the competition, with attention as an input to E."""

    contrast: float = quantity(20.0, "%", "contrast of each grating", source=HERE, gt=0)
    before: float = quantity(100.0, "ms", "time with attention only", source=HERE, gt=0)
    after: float = quantity(200.0, "ms", "time with the stimulus", source=HERE, gt=0)
    points: int = quantity(151, "1", "number of times saved, evenly spaced", source=HERE, ge=2)


class Config(ExperimentConfig):
    """Configuration of `biased_competition`."""

    circuit: RingSection = RingSection()
    stimulus: StimulusSection = StimulusSection()
    attention: FieldSection = FieldSection()
    course: CourseSection = CourseSection()
    solver: SettlingSection = SettlingSection()


SHOWN = np.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # first, second, both
# Trials of the time course: the stimulus shown, and the attended grating with what form.
COURSES = {
    "first alone": (0, 0, 0),
    "second alone": (1, 0, 0),
    "both": (2, 0, 0),
    "both, first attended": (2, 0, 1),
    "both, second attended": (2, 1, 1),
}


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Steady responses in all states of attention, and the time course.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit`, `stimulus` and `attention` (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration. `J` is given for 180 units and scaled by 180/units.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        ``rates_E``, ``rates_I`` [Hz] (contrast, attention, focus, stimulus, unit): the contrasts
        of the measures and then of the curves, the attention of `UNATTENDED_AND_FORMS`, the focus
        the attended grating; (contrast, attention, focus) each of `CURVES`; ``weights`` (...,
        grating) of the unattended single responses in the response to both; ``course`` [Hz]
        (trial, time) at the unit of the first grating; ``residual`` [Hz], ``converged`` (state).
        Rates of a circuit that ran away are NaN.
    """
    del key
    ring, shown = config.circuit, config.stimulus
    circuit = ring_circuit(ring)
    preferred = ring_positions(ring.units, ring.period)
    orientations = jnp.stack([jnp.asarray(angle, float) for angle in shown.orientations])
    solver = config.solver.integrate()

    contrasts = all_contrasts(shown)
    amplitudes = contrasts[:, None, None] * jnp.asarray(SHOWN, contrasts.dtype)[None]
    modulations = jax.vmap(
        lambda centre: unattended_and_forms(
            config.attention, ring_bump(preferred, centre, config.attention.width, ring.period)
        )
    )(orientations)  # (focus, form, unit)

    bumps = jax.vmap(lambda o: ring_bump(preferred, o, shown.width, ring.period))(orientations)

    # The sum is written out: jaxlib 0.10 on CPUs permutes a reduction that nested vmaps broadcast.
    def drive(amplitude: Array) -> EI[Array]:
        both = amplitude[0] * bumps[0] + amplitude[1] * bumps[1]
        return EI(both, both)

    def respond(amplitude: Array, modulation: Modulation) -> SteadyState:
        return steady_state(circuit, drive(amplitude), modulation, solver=solver)

    states = jax.vmap(jax.vmap(jax.vmap(respond, (None, 0)), (None, 0)), (0, None))(
        amplitudes.reshape(-1, 2), modulations
    )
    # (contrast x stimulus, focus, form, unit) to (contrast, form, focus, stimulus, unit)
    rates = states.rates.map(
        lambda r: jnp.moveaxis(r.reshape(-1, 3, *r.shape[1:]), (3, 2, 1), (1, 2, 3))
    )
    distance = circular_distance(preferred[None], orientations[:, None], ring.period)
    centres = jnp.argmin(distance, axis=1)
    course, finished = _course(config, circuit, drive, modulations, centres[0])
    return {
        "rates_E": rates.E,
        "rates_I": rates.I,
        **competition(rates.E, centres),
        "course": course,
        "residual": states.residual.ravel(),
        "converged": states.converged.ravel() & jnp.all(finished),
    }


def all_contrasts(shown: StimulusSection) -> Array:
    """Contrasts [%] of the measures, then those of the curves."""
    asked = jnp.stack([jnp.asarray(contrast, float) for contrast in shown.contrasts])
    low, high = jnp.asarray(shown.axis_low, float), jnp.asarray(shown.axis_high, float)
    return jnp.concatenate([asked, low * (high / low) ** jnp.linspace(0.0, 1.0, shown.axis_points)])


Drive = Callable[[Array], EI[Array]]


def _course(
    config: Config, circuit: Circuit, drive: Drive, modulations: Modulation, unit: Array
) -> tuple[Array, Array]:
    """Rates [Hz] (trial, time) of the first grating's unit; attention comes before the stimulus."""
    course, times = config.course, course_times(config.course)
    shown, focus, form = jnp.asarray(list(COURSES.values())).T

    def trial(amplitude: Array, modulation: Modulation) -> tuple[Array, Array]:
        protocol = (
            Epoch(course.before, drive(jnp.zeros_like(amplitude)), modulation),
            Epoch(course.after, drive(amplitude), modulation),
        )
        found = simulate_circuit(circuit, protocol, times, save=lambda t, rates, _: rates.E[unit])
        return found.values, found.finished

    amplitudes = course.contrast * jnp.asarray(SHOWN, float)[shown]
    return jax.vmap(trial)(amplitudes, jax.tree.map(lambda m: m[focus, form], modulations))


def course_times(course: CourseSection) -> Array:
    """Times saved [ms], from the start of attention."""
    return jnp.linspace(0.0, 1.0, course.points) * (course.before + course.after)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    count = 24 * (len(config.stimulus.contrasts) + config.stimulus.axis_points)
    with progress.stage(f"{count} steady states and the time course"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


# At the unit of the attended grating (its preferred one), or of the other (for which it is poor).
SCALE = "response to both where 0 is the poor and 1 the preferred one alone"
CURVES = {
    "ratio_single": "attended/unattended rate, attended grating alone, at its unit",
    "ratio_pair": "attended/unattended rate, both gratings, at the unit of the attended one",
    "ratio_other": "attended/unattended rate, both gratings, at the unit of the other one",
    "ratio_orthogonal": "attended/unattended rate, the other grating alone, at its unit",
    "scaled_preferred": f"{SCALE}, preferred one attended",
    "scaled_poor": f"{SCALE}, poor one attended",
    "share": "share of the attended grating in the weights of the response to both",
    "slope": "slope of sensory interaction against selectivity",
}


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    ring, shown, asked = config.circuit, config.stimulus, len(config.stimulus.contrasts)
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    preferred = np.arange(ring.units) * ring.period / ring.units
    times = np.asarray(course_times(config.course)) - config.course.before
    gratings = ["first", "second"]
    coordinates = {
        "contrast": variable("contrast", shown.contrasts, "%", "contrast of each grating"),
        "axis_contrast": variable("axis_contrast", axis, "%", "contrast of each grating"),
        "attention": variable("attention", list(UNATTENDED_AND_FORMS), "1", "form of attention"),
        "focus": variable("focus", gratings, "1", "attended grating"),
        "stimulus": variable("stimulus", [*gratings, "both"], "1", "gratings shown"),
        "grating": variable("grating", gratings, "1", "grating"),
        "preferred": variable("preferred", preferred, "deg", "preferred orientation"),
        "trial": variable("trial", list(COURSES), "1", "shown and attended"),
        "time": variable("time", times, "ms", "time from the onset of the stimulus"),
    }
    states = ("attention", "focus")
    kept = {
        "residual": variable("state", found["residual"], "Hz", "largest residual of the state"),
        "converged": variable("state", found["converged"], "1", "whether the state was reached"),
        "course": variable(("trial", "time"), found["course"], "Hz", "E rate at the first grating"),
    }
    for name, units, words, rest in (
        ("rates_E", "Hz", "excitatory rate", ("stimulus", "preferred")),
        ("rates_I", "Hz", "inhibitory rate", ("stimulus", "preferred")),
        ("weights", "1", "weights of the single responses in that to both", ("grating",)),
    ):
        kept[name] = variable(("contrast", *states, *rest), found[name][:asked], units, words)
    for name, words in CURVES.items():
        kept[name] = variable(("contrast", *states), found[name][:asked], "1", words)
        above = ("axis_contrast", *states)
        kept[f"axis_{name}"] = variable(above, found[name][asked:], "1", words)
    return xr.Dataset(kept, coordinates)


# Attended/unattended at the configuration above, for each contrast; two digits after the point,
# so half a unit of the last one is added to the tolerance.
DEFAULT, BOTH_POPULATIONS = "input to E", "input to E and I"
TABLE = {
    10.0: {(DEFAULT, "single"): 2.85, (DEFAULT, "pair"): 3.01, (DEFAULT, "other"): 0.69},
    20.0: {(DEFAULT, "single"): 1.66, (DEFAULT, "pair"): 1.95, (DEFAULT, "other"): 0.79},
    50.0: {
        (DEFAULT, "single"): 1.32,
        (DEFAULT, "pair"): 1.44,
        (DEFAULT, "other"): 0.92,
        (BOTH_POPULATIONS, "single"): 1.02,
    },
}
NOTES = {
    (BOTH_POPULATIONS, "single", 50.0): "The source states 1.02 without its stimulus; the single "
    "grating gives it, the pair does not (next row). Little happens at high contrast only."
}
DIRECTIONS = {"pair": "> 1", "other": "< 1"}
TOLERANCE, HALF_DIGIT = 0.005, 0.005
REYNOLDS = "Reynolds, Chelazzi & Desimone 1999, J. Neurosci. 19:1736 (direction)"
EFFECTS = {
    "single": "attention raises the response to one grating",
    "pair": "attending the preferred of two raises the response",
    "other": "attending the poor one of two lowers the response",
    "orthogonal": "attention elsewhere on the ring leaves a single response alone",
}


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Ratios, and how far attention moves the response to the pair; means over the two foci."""
    measures = []
    for contrast in config.stimulus.contrasts:
        at = data.sel(contrast=contrast).mean("focus", skipna=False)
        measures += _ratios(config, at, contrast) + _directions(at, contrast)
    own = data.sel(attention=DEFAULT)
    share = own["share"].mean("focus", skipna=False).min(skipna=False)
    extra = (own["ratio_pair"] / own["ratio_single"]).mean("focus", skipna=False)
    either = "> 0.5 (either without attention)"
    weighs = "attention weights the pair in favour of the attended stimulus"
    more = "attention does more with two stimuli than with one"
    return [
        *measures,
        _row(f"attended_share_smallest[{DEFAULT}]", share, either, weighs),
        _row(f"pair_over_single_effect_smallest[{DEFAULT}]", extra.min(skipna=False), "> 1", more),
        converged_share(data),
    ]


def _row(name: str, value: Any, expected: str, effect: str, note: str = "") -> Measure:
    return Measure.expecting(
        name, value, "1", expected=expected, provenance=REYNOLDS, effect=effect, note=note
    )


def is_tabulated(config: Config) -> bool:
    """Whether circuit, gratings and attention are those that the table was computed for."""
    own = {"contrasts", "axis_low", "axis_high", "axis_points"}
    same = config.stimulus.model_dump(exclude=own) == StimulusSection().model_dump(exclude=own)
    attention = config.attention
    return (
        same and config.circuit == RingSection() and attention == FieldSection(gain=attention.gain)
    )


def _ratios(config: Config, at: xr.Dataset, contrast: float) -> list[Measure]:
    """Attended/unattended at one contrast, in every form."""
    table = TABLE.get(contrast, {}) if is_tabulated(config) else {}
    rows = []
    for form, name in itertools.product(UNATTENDED_AND_FORMS[1:], EFFECTS):
        row: dict[str, Any] = {
            "name": f"ratio_{name}[{form},c={contrast:g}]",
            "value": at[f"ratio_{name}"].sel(attention=form),
            "unit": "1",
            "effect": EFFECTS[name],
            "note": NOTES.get((form, name, contrast), "") if table else "",
        }
        if (reference := table.get((form, name))) is not None:
            band = HALF_DIGIT + TOLERANCE * reference
            rows.append(
                Measure.compared(**row, reference=reference, absolute=band, provenance=COMPUTED)
            )
        elif table and (form, name) == (DEFAULT, "orthogonal"):
            about = "0.95 to 1.05 (stated as about 1.0)"
            rows.append(Measure.expecting(**row, expected=about, provenance=COMPUTED))
        elif form == DEFAULT and name in DIRECTIONS:
            rows.append(Measure.expecting(**row, expected=DIRECTIONS[name], provenance=REYNOLDS))
        else:
            rows.append(Measure.reported(**row))
    return rows


def _directions(at: xr.Dataset, contrast: float) -> list[Measure]:
    """Where the response to the pair lies between those to each alone, and what moves it."""
    rest = float(at["scaled_preferred"].isel(attention=0))
    preferred = float(at["scaled_preferred"].sel(attention=DEFAULT))
    poor = float(at["scaled_poor"].sel(attention=DEFAULT))
    condition = f"[{DEFAULT},c={contrast:g}]"
    nearer = "< 1 (nearer than without attention)"
    moves = "attending the {0} one moves the pair's response toward the {0} one alone"
    far, near = abs(preferred - 1), abs(rest - 1)
    note = (
        f"Attention takes the response past the preferred one alone, to {preferred:.2f} of it: "
        "an input of this strength is a large part of so weak a drive, and raises the response "
        "to the single grating as well."
    )
    note = note if preferred > 1 and far >= near else ""
    between = "two stimuli evoke a response between those to each alone"
    return [
        _row(f"pair_between_alone[c={contrast:g}]", rest, "0 to 1 (poor to preferred)", between),
        _row(
            f"distance_to_preferred_alone{condition}",
            far / near,
            nearer,
            moves.format("preferred"),
            note,
        ),
        _row(f"distance_to_poor_alone{condition}", abs(poor / rest), nearer, moves.format("poor")),
    ]
