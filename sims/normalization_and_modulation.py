"""Modulation by attention grows with the strength of normalisation across cells.

A population of circuits, each an orientation ring with parameters of its own, of which one cell
is recorded. The normalisation index compares the response to the preferred grating alone with
that to the preferred and the orthogonal (null) one together; the modulation index compares the
responses to both with attention to the one and to the other. What differs between circuits is
varied one cause at a time and all together, to see which cause ties the two indices.

Source: Ni, Ray & Maunsell 2012, Neuron 73:803, for the effect and the modulation index; the
circuit of Rubin, Van Hooser & Miller 2015; what varies and by how much is our design.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.analysis import Correlation, bootstrap_correlation, modulation_index
from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    Modulation,
    Populations,
    Projections,
    SteadyState,
    steady_state,
)
from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.models import (
    FORMS,
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
    """The gratings: the preferred one of the recorded cell and the null one across the ring."""

    contrast: float = quantity(50.0, "%", "contrast of each grating", source=RUBIN, gt=0)
    preferred: float = quantity(45.0, "deg", "preferred orientation", source=RUBIN)
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )


class FieldSection(AttentionSection):
    """What is attended: a bump of input over the ring at the attended orientation."""

    width: float = quantity(30.0, "deg", "width of the attended bump", source=HERE, gt=0)


class HeterogeneitySection(Section):
    """How much circuits and cells differ: standard deviations of the logarithm of each factor.

    Every cell of every circuit draws its own `inhibition`, `gain` and `untuned`; the others are
    one draw a circuit.
    """

    cells: int = quantity(200, "1", "circuits, and so recorded cells, a cause", source=HERE, ge=10)
    weights: float = quantity(
        0.02, "1", "of each of the four strengths of connection", source=HERE, ge=0
    )
    inhibition: float = quantity(
        0.02, "1", "of the inhibition that a cell receives", source=HERE, ge=0
    )
    gain: float = quantity(0.2, "1", "of the gain k of an E cell", source=HERE, ge=0)
    drive: float = quantity(0.2, "1", "of the drive of a circuit", source=HERE, ge=0)
    untuned: float = quantity(
        0.05, "1", "SD of the untuned share of a cell's drive, >= 0", source=HERE, ge=0
    )
    top_down: float = quantity(0.3, "1", "of the strength of attention", source=HERE, ge=0)


class AnalysisSection(Section):
    """How correlations are judged."""

    resamples: int = quantity(2000, "1", "bootstrap samples of the cells", source=HERE, ge=100)
    level: float = quantity(0.95, "1", "coverage of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `normalization_and_modulation`."""

    circuit: RingSection = RingSection(units=16)
    stimulus: StimulusSection = StimulusSection()
    attention: FieldSection = FieldSection()
    heterogeneity: HeterogeneitySection = HeterogeneitySection()
    analysis: AnalysisSection = AnalysisSection()
    solver: SettlingSection = SettlingSection()


FACTORS = ("weights", "inhibition", "gain", "drive", "untuned", "top_down")
CAUSES = (*FACTORS, "all")
STIMULI = ("preferred", "null", "both")


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Responses of the recorded cells of all populations.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit`, `stimulus`, `attention` and `heterogeneity` but `cells`
    (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration. `J` is given for 180 units and scaled by 180/units.
    key
        Of the draws of all circuits.

    Returns
    -------
    dict of arrays
        ``alone`` [Hz] (cause, cell, stimulus), E rates to the preferred grating, the null one
        and both, without attention; ``attended`` [Hz] (cause, cell, form, focus), to both with
        attention to the preferred or the null one; ``normalisation`` (cause, cell),
        ``modulation``, ``modulation_preferred``, ``modulation_null`` (cause, cell, form);
        ``top_down`` (cause, cell), relative strength of attention; ``residual`` [Hz] and
        ``converged`` (cause, cell). Rates of a circuit that ran away are NaN.
    """
    ring, shown, varied = config.circuit, config.stimulus, config.heterogeneity
    preferred = ring_positions(ring.units, ring.period)
    best = jnp.asarray(shown.preferred, float)
    centres = jnp.stack([best, best + jnp.asarray(ring.period, float) / 2])
    recorded = jnp.argmin(circular_distance(preferred, jnp.full_like(preferred, best), ring.period))
    bumps = jax.vmap(lambda c: ring_bump(preferred, c, shown.width, ring.period))(centres)
    fields = jax.vmap(lambda c: ring_bump(preferred, c, config.attention.width, ring.period))(
        centres
    )
    solver = config.solver.integrate()

    def cell(spreads: dict[str, Array], key: Array) -> dict[str, Array]:
        circuit, drive, untuned, top_down = draw(ring, spreads, key)
        first, second = (drive * shown.contrast * (bump + untuned) for bump in bumps)

        def respond(stimulus: Array, modulation: Modulation) -> SteadyState:
            given = EI(stimulus, stimulus)
            return steady_state(circuit, given, modulation, solver=solver)

        # Everything the cell is tested with, as one list of states.
        both, forms = first + second, len(FORMS)
        to_first, to_second = (
            unattended_and_forms(config.attention, top_down * field) for field in fields
        )
        stimuli = jnp.stack([first, second, *[both] * (1 + 2 * forms)])
        modulations = jax.tree.map(
            lambda a, b: jnp.concatenate([a[:1], a[:1], a, b[1:]]), to_first, to_second
        )
        states = jax.vmap(respond)(stimuli, modulations)
        rates = states.rates.E[:, recorded]
        return {
            "alone": rates[:3],
            "attended": rates[3:].reshape(2, -1).T,
            "top_down": top_down,
            "residual": jnp.max(states.residual),
            "converged": jnp.all(states.converged),
        }

    size = jnp.stack([jnp.asarray(getattr(varied, name), float) for name in FACTORS])
    which = jnp.concatenate([jnp.eye(len(FACTORS)), jnp.ones((1, len(FACTORS)))])
    spreads = jnp.repeat(size[None] * which, varied.cells, axis=0)
    keys = jax.random.split(key, spreads.shape[0])
    found = jax.vmap(cell)(dict(zip(FACTORS, spreads.T, strict=True)), keys)
    found = {
        name: array.reshape(len(CAUSES), varied.cells, *array.shape[1:])
        for name, array in found.items()
    }
    return {**found, **indices(found["alone"], found["attended"])}


def draw(
    ring: RingSection, spreads: dict[str, Array], key: Array
) -> tuple[Circuit, Array, Array, Array]:
    """One circuit with its drive (a factor), untuned shares of drive, and strength of attention."""
    keys = dict(zip(FACTORS, jax.random.split(key, len(FACTORS)), strict=True))

    def factor(name: str, shape: tuple[int, ...]) -> Array:
        return jnp.exp(spreads[name] * jax.random.normal(keys[name], shape))

    base = ring_circuit(ring)
    each = iter(factor("weights", (4,)))
    weights = base.coupling.matrices().map(lambda w: w * next(each))
    inhibition = factor("inhibition", (ring.units,))
    weights = Projections(
        EE=weights.EE, EI=weights.EI * inhibition[:, None], IE=weights.IE, II=weights.II
    )
    p = base.populations
    populations = Populations(tau=p.tau, k=EI(p.k.E * factor("gain", (ring.units,)), p.k.I), n=p.n)
    untuned = spreads["untuned"] * jnp.abs(jax.random.normal(keys["untuned"], (ring.units,)))
    circuit = Circuit(populations=populations, coupling=DenseCoupling(weights))
    return circuit, factor("drive", ()), untuned, factor("top_down", ())


def indices(alone: Array, attended: Array) -> dict[str, Array]:
    """The indices of every cell, -1 to 1.

    ``normalisation``: (preferred - both)/(preferred + both), without attention. ``modulation``:
    (attend preferred - attend null)/(their sum), both shown; its parts against no attention are
    ``modulation_preferred`` and ``modulation_null``, both positive if attention does as expected.
    """
    preferred, both = alone[..., 0], alone[..., 2]
    to_preferred, to_null = attended[..., 0], attended[..., 1]
    rest = jnp.broadcast_to(both[..., None], to_null.shape)
    return {
        "normalisation": modulation_index(preferred, both),
        "modulation": modulation_index(to_preferred, to_null),
        "modulation_preferred": modulation_index(to_preferred, rest),
        "modulation_null": modulation_index(rest, to_null),
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    count = len(CAUSES) * config.heterogeneity.cells
    with progress.stage(f"{count} circuits with {3 + 2 * len(FORMS)} states each"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    cells = np.arange(config.heterogeneity.cells)
    coordinates = {
        "cause": variable("cause", list(CAUSES), "1", "what differs between circuits"),
        "cell": variable("cell", cells, "1", "recorded cell, one a circuit"),
        "stimulus": variable("stimulus", list(STIMULI), "1", "gratings shown"),
        "attention": variable("attention", list(FORMS), "1", "form of attention"),
        "focus": variable("focus", ["preferred", "null"], "1", "attended grating"),
    }
    one = ("cause", "cell")
    each = (*one, "attention")
    kept = {
        name: variable(dims, found[name], units, words)
        for name, dims, units, words in (
            ("alone", (*one, "stimulus"), "Hz", "E rate without attention"),
            ("attended", (*each, "focus"), "Hz", "E rate, both gratings, with attention"),
            ("normalisation", one, "1", "(preferred - both)/(preferred + both)"),
            ("modulation", each, "1", "(attend preferred - attend null)/sum"),
            ("modulation_preferred", each, "1", "(attend preferred - no attention)/sum"),
            ("modulation_null", each, "1", "(no attention - attend null)/sum"),
            ("top_down", one, "1", "relative strength of attention"),
            ("residual", one, "Hz", "largest residual of the cell's states"),
            ("converged", one, "1", "whether all states of the cell were reached"),
        )
    }
    return xr.Dataset(kept, coordinates)


NI = "Ni, Ray & Maunsell 2012, Neuron 73:803 (direction; areas and stimuli differ)"
DEFAULT, ALL = "input to E", "all"
CONSTANT = (
    "All circuits normalise alike here: attention that differs in strength changes the size of "
    "the modulation but ties it to nothing."
)


def correlation(
    config: Config, data: xr.Dataset, cause: str, form: str, ranks: bool = True
) -> Correlation:
    """Bootstrapped correlation of the two indices over the cells of a population."""
    at = data.sel(cause=cause)
    return bootstrap_correlation(
        at["normalisation"].values,
        at["modulation"].sel(attention=form).values,
        ranks=ranks,
        resamples=config.analysis.resamples,
        level=config.analysis.level,
        seed=config.seed,
    )


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Correlations of normalisation and modulation over cells, by cause and form of attention."""
    ties = "modulation grows with the strength of normalisation across cells"
    ranked = correlation(config, data, ALL, DEFAULT)
    linear = correlation(config, data, ALL, DEFAULT, ranks=False)
    at = data.sel(cause=ALL, attention=DEFAULT)
    asymmetry = (at["modulation_preferred"] - at["modulation_null"]).mean()
    rows = (
        ("pearson", linear.value, "> 0", ties),
        ("spearman", ranked.value, "> 0", ties),
        ("spearman_lower_bound", ranked.low, "> 0", f"{ties}, beyond chance"),
        ("preferred_minus_null_modulation", asymmetry, "> 0",
         "attending the preferred one modulates more than attending the null one"),
    )  # fmt: skip
    measures = [
        Measure.expecting(
            f"{name}[{ALL},{DEFAULT}]", value, "1", expected=expected, provenance=NI,
            effect=effect, headline=name == "spearman",
        )
        for name, value, expected, effect in rows
    ]  # fmt: skip
    for cause in CAUSES:
        spread = data["normalisation"].sel(cause=cause).std()
        measures.append(Measure.reported(f"normalisation_spread[{cause}]", spread, "1"))
        for form in FORMS:
            if (cause, form) == (ALL, DEFAULT):
                continue
            found = correlation(config, data, cause, form)
            if np.isfinite(found.value):
                note = f"interval {found.low:.2f} to {found.high:.2f}"
                name = f"spearman[{cause},{form}]"
                measures.append(Measure.reported(name, found.value, "1", note=note))
            elif form == DEFAULT:
                last = measures.pop()
                measures.append(Measure.reported(last.name, last.value, "1", note=CONSTANT))
    alone = data["alone"].sel(cause=ALL)
    best, null = (alone.sel(stimulus=name) for name in ("preferred", "null"))
    for name, other in (
        ("top_down", at["top_down"].values),
        ("selectivity", ((best - null) / (best + null)).values),
    ):
        found = bootstrap_correlation(other, at["modulation"].values, ranks=True, resamples=100)
        if np.isfinite(found.value):
            title = f"spearman_modulation_with_{name}[{ALL},{DEFAULT}]"
            measures.append(Measure.reported(title, found.value, "1"))
    return [*measures, converged_share(data)]
