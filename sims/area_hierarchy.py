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

from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import modulation_index
from cortex.analysis.onset import full_width, onset_latency
from cortex.circuit import (
    EI,
    Circuit,
    Epoch,
    Fixed,
    Modulation,
    SteadyState,
    jacobian_eigenvalues,
    steady_state,
)
from cortex.circuit import simulate as integrate
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    NonNegative,
    Progress,
    Section,
    quantity,
    replaced,
)
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.hierarchy_rows import hierarchy_measures
from cortex.models import FORMS, SettlingSection
from cortex.models.hierarchy import (
    AREAS,
    AT_THE_BOTTOM,
    ENTRIES,
    FocusSection,
    HierarchySection,
    area_eigenvalues,
    attention_at,
    hierarchy_circuit,
    hierarchy_drive,
    units_at,
)

HERE = "chosen here"
DIRECTIONS = ("here", "elsewhere")
PROTOCOLS = ("stimulus", "cue")
CRITERIA = ("share", "threshold")


class StimulusSection(Section):
    """Two line stimuli, and the short ones that map receptive fields."""

    contrast: float = quantity(50.0, "%", "contrast of both stimuli", source=HERE, gt=0)
    places: tuple[float, float] = quantity(
        (4.0, -4.0), "deg", "middle of the stimuli; responses are read at the first", source=HERE
    )
    length: float = quantity(2.0, "deg", "length of each stimulus", source=HERE, gt=0)
    probe_length: float = quantity(
        0.5, "deg", "length of the stimuli that map receptive fields", source=HERE, gt=0
    )
    probe_contrast: float = quantity(100.0, "%", "contrast of these", source=HERE, gt=0)
    probes: int = quantity(
        65, "1", "number of their places, from end to end of the field", source=HERE, ge=5
    )
    edge: float = quantity(
        0.125,
        "1",
        "scale of the logistic edge, as a share of the distance between V1 units",
        source="Rubin et al. 2015, Fig. 2, as transcribed by one other",
        gt=0,
    )

    @model_validator(mode="after")
    def _apart(self) -> StimulusSection:
        if self.places[0] == self.places[1]:
            raise ValueError(
                f"places: found {list(self.places)}, allowed: two different places [deg]"
            )
        return self


class TimeSection(Section):
    """Time courses, and what counts as the onset of an effect."""

    duration: float = quantity(
        400.0, "ms", "simulated time after stimulus or cue", source=HERE, gt=0
    )
    samples: int = quantity(401, "1", "number of times kept, evenly spaced", source=HERE, ge=3)
    step: float = quantity(
        0.5, "ms", "step of Heun's method, the same with and without attention", source=HERE, gt=0
    )
    onset_share: float = quantity(
        0.25, "1", "onset: the effect reaches this share of its final size", source=HERE, gt=0, lt=1
    )
    onset_threshold: float = quantity(
        0.5, "Hz", "onset by the other criterion: the effect reaches this size", source=HERE, gt=0
    )
    smallest_effect: float = quantity(
        0.001, "Hz", "final effects below this have no onset", source=HERE, gt=0
    )


class RobustnessSection(Section):
    """The other feedback strengths that the order of areas is looked up for, input to E."""

    feedback: tuple[NonNegative, ...] = quantity(
        (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
        "%/Hz",
        "strengths of both feedback projections",
        source=HERE,
        min_length=1,
    )
    feedback_to_I: tuple[NonNegative, ...] = quantity(
        (0.0, 0.5, 1.0), "1", "feedback to I relative to E", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _rising(self) -> RobustnessSection:
        for name in ("feedback", "feedback_to_I"):
            values = getattr(self, name)
            if any(b <= a for a, b in pairwise(values)):
                raise ValueError(f"{name}: found {list(values)}, allowed: numbers in rising order")
        return self


class Config(ExperimentConfig):
    """Configuration of `area_hierarchy`."""

    hierarchy: HierarchySection = HierarchySection()
    stimulus: StimulusSection = StimulusSection()
    attention: FocusSection = FocusSection()
    time: TimeSection = TimeSection()
    robustness: RobustnessSection = RobustnessSection()
    solver: SettlingSection = SettlingSection()


class Condition(NamedTuple):
    """Feedback of the circuit, and attention: arrays, stacked on a first axis for `jax.vmap`."""

    feedback: Any  # (2,) [%/Hz]
    to_I: Any
    top_gain: Any  # (units of V4,)
    modulation: Modulation

    def circuit(self, hierarchy: HierarchySection) -> Circuit:
        values = {"feedback": (self.feedback[0], self.feedback[1]), "feedback_to_I": self.to_I}
        return hierarchy_circuit(replaced(hierarchy, values), self.top_gain)


def conditions(config: Config) -> Condition:
    """No attention; each entry; no feedback; the grid of feedback strengths, `to_I` outermost.

    Attention is directed here and elsewhere, in this order, in all but the first.
    """
    hierarchy, wide = config.hierarchy, config.robustness
    own = (hierarchy.feedback, hierarchy.feedback_to_I)
    asked = [(None, *own)] + [(entry, *own) for entry in ENTRIES] + [(FORMS[0], (0.0, 0.0), own[1])]
    asked += [(FORMS[0], (b, b), to_I) for to_I in wide.feedback_to_I for b in wide.feedback]
    rows = []
    for entry, feedback, to_I in asked:
        for place in config.stimulus.places[: 1 if entry is None else 2]:
            attention = attention_at(hierarchy, config.attention, entry, place)
            strength = jnp.stack([jnp.asarray(b, float) for b in feedback])
            rows.append(Condition(strength, jnp.asarray(to_I, float), *attention))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)


def drive_of(shown: StimulusSection, hierarchy: HierarchySection) -> EI[Array]:
    """Drive of the two stimuli."""
    return hierarchy_drive(hierarchy, shown.places, shown.length, shown.contrast, shown.edge)


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Steady responses and time courses of all conditions, and receptive fields.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `hierarchy`, `stimulus` and `attention` (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        Over the rows of `conditions`: ``rates_E``, ``rates_I`` [Hz] (row, unit), steady;
        ``course`` [Hz] (row, protocol, time, area), E at the first stimulus. ``fields`` [Hz]
        (area, probe), E in the middle of the field. ``eigenvalue_E`` (area) of the E units
        without attention. ``residual`` [Hz] and ``converged`` of every steady state.
    """
    del key
    hierarchy, shown, time = config.hierarchy, config.stimulus, config.time
    solver = config.solver.integrate()
    drive = drive_of(shown, hierarchy)
    times = jnp.linspace(0.0, 1.0, time.samples) * time.duration
    read, middle = (units_at(hierarchy, place) for place in (shown.places[0], 0.0))
    attended = conditions(config)
    none = jax.tree.map(lambda leaf: leaf[:1], attended)
    unattended = none._replace(feedback=attended.feedback, to_I=attended.to_I)

    def probe(place: Array) -> EI[Array]:
        seen = (shown.probe_length, shown.probe_contrast, shown.edge)
        return hierarchy_drive(hierarchy, [place], *seen)

    probes = jax.vmap(probe)((jnp.linspace(0.0, 1.0, shown.probes) - 0.5) * hierarchy.field)
    lit, dark = (drive.map(lambda h, x=x: x * h[None]) for x in (1.0, 0.0))

    # All steady states as one batch, which compiles once: the stimuli with and without attention,
    # attention in the dark, and the probes.
    batches = [(attended, lit), (unattended, lit), (attended, dark), (none, probes)]
    rows = len(attended.to_I)
    sizes = (rows, rows, rows, shown.probes)
    filled = [
        jax.tree.map(lambda leaf, n=n: jnp.broadcast_to(leaf, (n, *leaf.shape[1:])), batch)
        for batch, n in zip(batches, sizes, strict=True)
    ]

    def settle(condition: Condition, drive: EI[Array]) -> SteadyState:
        circuit = condition.circuit(hierarchy)
        return steady_state(circuit, drive, condition.modulation, solver=solver)

    states = jax.vmap(settle)(*jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *filled))
    rates, before, cued, mapped = (
        states.rates.map(lambda r, k=k, n=n: r[k * rows : k * rows + n])
        for k, n in enumerate(sizes)
    )

    def course(condition: Condition, start: EI[Array]) -> Array:
        return integrate(
            condition.circuit(hierarchy),
            [Epoch(time.duration, drive, condition.modulation)],
            times,
            save=lambda t, rates, dynamics: rates.E[read],
            initial=start,
            stepping=Fixed(dt=time.step),
        ).values

    starts = cued.map(lambda a, b: jnp.stack([a, b], 1), before)  # in the order of `PROTOCOLS`
    courses = jax.vmap(jax.vmap(course, in_axes=(None, 0)))(attended, starts)
    return {
        "rates_E": rates.E,
        "rates_I": rates.I,
        "read": rates.E[:, read],
        "course": courses,
        "fields": mapped.E[:, middle].T,
        "eigenvalue_E": area_eigenvalues(hierarchy, rates.map(lambda r: r[0]), drive),
        "residual": states.residual,
        "converged": states.converged,
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, find onsets and growth rates, and name the axes and units of what comes out."""
    with progress.stage("steady states and time courses of all conditions"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    with progress.stage("onsets, and stability of every state"):
        return label(config, found)


def growth(config: Config, found: dict[str, np.ndarray]) -> np.ndarray:
    """Largest real part of the Jacobian's eigenvalues [1/ms] at each steady state (row)."""
    given = conditions(config)
    circuits = jax.vmap(lambda condition: condition.circuit(config.hierarchy))(given)
    rates = EI(jnp.asarray(found["rates_E"]), jnp.asarray(found["rates_I"]))
    drive = drive_of(config.stimulus, config.hierarchy)
    with jax.default_device(jax.devices("cpu")[0]):  # eigenvalues are not found anywhere else
        arrays = jax.device_put((circuits, rates, drive, given.modulation), jax.devices("cpu")[0])
        return np.asarray(growth_rates(*arrays))


@jax.jit
def growth_rates(
    circuits: Circuit, rates: EI[Array], drive: EI[Array], modulations: Modulation
) -> Array:
    """Of each circuit, with its rates and modulation (leading axes); compiled once for all."""

    def largest(circuit: Circuit, rates: EI[Array], modulation: Modulation) -> Array:
        return jnp.max(jacobian_eigenvalues(circuit, rates, drive, modulation).real)

    return jax.vmap(largest)(circuits, rates, modulations)


def onsets(config: Config, times: np.ndarray, effect: np.ndarray, final: np.ndarray) -> np.ndarray:
    """Onset of effects (..., protocol, time, area), final size (..., area), by both criteria."""
    time = config.time
    course = np.moveaxis(effect, -2, -1)[..., None, :]
    final = np.where(np.abs(final) >= time.smallest_effect, final, 0.0)
    levels = np.stack([time.onset_share * final, time.onset_threshold * np.sign(final)], -1)
    found = onset_latency(times, course, levels[..., None, :, :])
    return np.moveaxis(found, -1, -2)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` and what follows, with dimensions, units and long names."""
    time, wide = config.time, config.robustness
    times = np.linspace(0, time.duration, time.samples)
    probes = (np.linspace(0, 1, config.stimulus.probes) - 0.5) * config.hierarchy.field
    entries, grid = 2 * len(ENTRIES), (len(wide.feedback_to_I), len(wide.feedback))
    rows = {
        "": (slice(1, 1 + entries), (len(ENTRIES), 2), ("entry", "direction")),
        "without_": (slice(1 + entries, 3 + entries), (2,), ("direction",)),
        "grid_": (slice(3 + entries, None), (*grid, 2), ("to_I", "feedback", "direction")),
    }
    kept = {
        "unattended": variable(
            ("protocol", "time", "area"), found["course"][0], "Hz", "E rate without attention"
        ),
        "fields": variable(("area", "probe"), found["fields"], "Hz", "E rate in mid-field"),
        "eigenvalue_E": variable(
            "area", found["eigenvalue_E"], "1", "leading eigenvalue of the area's E units alone"
        ),
        "growth": variable(
            "row", growth(config, found), "1/ms", "largest real part of the Jacobian"
        ),
        "residual": variable("state", found["residual"], "Hz", "largest residual of the state"),
        "converged": variable("state", found["converged"], "1", "whether the state was reached"),
    }
    widths = [full_width(probes, curve) for curve in found["fields"]]
    kept["field_width"] = variable("area", widths, "deg", "width of the receptive field at half")
    response = np.moveaxis(found["course"][0, 0], -1, 0)
    arrival = onset_latency(times, response, time.onset_share * found["read"][0])
    kept["arrival"] = variable("area", arrival, "ms", "onset of the response to the stimulus")
    for prefix, (part, shape, dims) in rows.items():
        rate = found["read"][part].reshape(*shape, -1)
        course = found["course"][part].reshape(*shape, *found["course"].shape[1:])
        here, elsewhere = np.moveaxis(rate, -2, 0)
        effect = course[..., 0, :, :, :] - course[..., 1, :, :, :]
        onset = onsets(config, times, effect, here - elsewhere)
        kept[f"{prefix}rate"] = variable((*dims, "area"), rate, "Hz", "steady E rate")
        index = np.asarray(modulation_index(jnp.asarray(here), jnp.asarray(elsewhere)))
        kept[f"{prefix}MI"] = variable((*dims[:-1], "area"), index, "1", "modulation index")
        kept[f"{prefix}onset"] = variable(
            (*dims[:-1], "protocol", "criterion", "area"), onset, "ms", "onset of the effect"
        )
        if not prefix:
            kept["course"] = variable(
                (*dims, "protocol", "time", "area"), course, "Hz", "E rate at the first stimulus"
            )
    return xr.Dataset(kept, coordinates(config, times, probes))


def coordinates(config: Config, times: np.ndarray, probes: np.ndarray) -> dict[str, Any]:
    wide = config.robustness
    named = (
        ("area", AREAS, "1", "visual area"),
        ("entry", ENTRIES, "1", "how attention enters"),
        ("direction", DIRECTIONS, "1", "where attention is directed"),
        ("protocol", PROTOCOLS, "1", "what happens at 0 ms"),
        ("criterion", CRITERIA, "1", "what counts as onset"),
        ("time", times, "ms", "time after stimulus or cue"),
        ("probe", probes, "deg", "place of the short stimulus"),
        ("feedback", wide.feedback, "%/Hz", "strength of both feedback projections"),
        ("to_I", wide.feedback_to_I, "1", "feedback to I relative to E"),
    )
    return {name: variable(name, values, unit, words) for name, values, unit, words in named}


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Sizes and onsets by area, controls, the regime, and how robust the orders are."""
    return [*hierarchy_measures(data, ENTRIES, AT_THE_BOTTOM), converged_share(data)]
