"""Shared variability on the ring: contrast and attention quench it, by linear theory and by SDE.

Input noise (Ornstein-Uhlenbeck, correlated over the ring, shared by the E and I of a pair) makes
the rates fluctuate around their steady state. Their covariance is found in two ways that check
each other: linear theory (a Lyapunov equation), and simulation with noise on a ring of fewer
units. For rate units *variance over mean* is in Hz and is no Fano factor of spike counts, to
which spiking adds its own share. The *pair* straddles the grating, as 35° and 55° do 45°.

The stated noise correlation exp(-d²/2 60²) has eigenvalues below zero on a ring of 180°, so no
noise has it; it is made possible by cutting them. Numbers "as stated" are linear theory alone.

Source: the circuit of Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as transcribed by
others; noise of our own design. Stimuli quench variability: Churchland et al. 2010, Nat Neurosci
13:369; in circuits of this kind: Hennequin et al. 2018, Neuron 98:846.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis.variability import STATISTICS, differences, label_simulation
from cortex.circuit import EI, Circuit, Modulation, fluctuations, steady_state
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    NonNegative,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.variability_rows import agreement, references
from cortex.models import RingSection, SettlingSection, ring_circuit, stacked
from cortex.models.variability import (
    GratingSection,
    NoiseSection,
    TrialsSection,
    stated_covariance,
)

HERE = "chosen here"


class StimulusSection(GratingSection):
    """One grating, with or without a background that keeps the circuit active."""

    contrasts: tuple[Positive, ...] = quantity(
        (2.0, 5.0, 10.0, 20.0, 50.0),
        "%",
        "contrasts that measures and simulations are given for",
        source=HERE,
        min_length=1,
    )
    background: float = quantity(
        5.0, "%", "uniform drive that makes spontaneous activity", source=HERE, gt=0
    )
    axis_points: int = quantity(
        21, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )


class SweepSection(Section):
    """Attention to the grating as additive input to E, from none to strong."""

    contrast: float = quantity(10.0, "%", "contrast of the grating attended", source=HERE, gt=0)
    width: float = quantity(
        30.0, "deg", "width of the attended range of orientations", source=HERE, gt=0
    )
    inputs: tuple[NonNegative, ...] = quantity(
        (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        "%",
        "additive inputs to E at the peak, increasing",
        source=HERE,
        min_length=2,
    )

    @model_validator(mode="after")
    def _increasing(self) -> SweepSection:
        if any(b <= a for a, b in zip(self.inputs[:-1], self.inputs[1:], strict=True)):
            found = ", ".join(f"{value:g}" for value in self.inputs)
            raise ValueError(f"inputs: found [{found}], allowed: increasing numbers [%]")
        return self


class SimulationSection(TrialsSection):
    """Simulation with noise of several strengths."""

    noise_sds: tuple[Positive, ...] = quantity(
        (0.25, 0.5, 1.0, 2.0, 4.0),
        "%",
        "standard deviations of the noise, instead of that of linear theory",
        source=HERE,
        min_length=1,
    )

    @model_validator(mode="after")
    def _distinct(self) -> SimulationSection:
        require_distinct(self, "noise_sds")
        return self


class Config(ExperimentConfig):
    """Configuration of `ring_variability`."""

    circuit: RingSection = RingSection()
    stimulus: StimulusSection = StimulusSection()
    noise: NoiseSection = NoiseSection()
    attention: SweepSection = SweepSection()
    simulation: SimulationSection = SimulationSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Linear theory and simulation; see `linear` and `noisy`, whose arrays it returns together.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit`, `stimulus`, `noise` and `attention` (`cortex.experiment.replaced`).
    """
    return {**linear(config), **noisy(config, key)}


def linear(config: Config) -> dict[str, Array]:
    """Linear theory of the whole ring.

    Returns
    -------
    dict of arrays
        ``rate`` [Hz], ``variance`` [Hz²], ``ratio`` (variance over mean [Hz]) of the E unit at
        the grating and ``correlation`` of the pair, over (condition); ``by_difference``
        (condition, difference): correlation of all pairs that straddle the grating. Conditions
        are, without background, the contrasts of the measures and those of the curves; on the
        background, contrast 0 and those of the curves; the inputs of attention.
        ``stated_ratio``, ``stated_correlation`` (contrast): with the noise correlation as
        stated. ``residual`` [Hz] and ``converged`` (condition).
    """
    shown, attention = config.stimulus, config.attention
    units, period = config.circuit.units, config.circuit.period
    noise, flanks = config.noise.on_ring(units, period), shown.flanks(units, period)
    solver = config.solver.integrate()

    def one(condition: tuple[Array, Array, Array]) -> tuple[EI[Array], dict[str, Array]]:
        circuit, drive, modulation = situation(config, units, *condition)
        state = steady_state(circuit, drive, modulation, solver=solver)
        found = fluctuations(circuit, state.rates, drive, noise, modulation)
        return state.rates, {
            **flanks.statistic(state.rates.E, found.EE),
            "residual": state.residual,
            "converged": state.converged & (found.residual < 1e-3),
        }

    def stated(contrast: Array, rates: EI[Array]) -> dict[str, Array]:
        zero = jnp.zeros_like(contrast)
        _, drive, _ = situation(config, units, contrast, zero, zero)
        covariance = stated_covariance(config.circuit, config.noise, rates, drive)
        return flanks.statistic(rates.E, covariance)

    asked, axis, inputs = stacked(shown.contrasts), shown.axis(), stacked(attention.inputs)
    dark, lit = jnp.concatenate([asked, axis]), jnp.concatenate([jnp.zeros(1), axis])
    background = jnp.full_like(lit, jnp.asarray(shown.background, float))
    none = jnp.zeros_like
    conditions = (
        jnp.concatenate([dark, lit, jnp.full_like(inputs, attention.contrast)]),
        jnp.concatenate([none(dark), background, none(inputs)]),
        jnp.concatenate([none(dark), none(lit), inputs]),
    )
    rates, found = jax.vmap(one)(conditions)
    as_stated = jax.vmap(stated)(asked, rates.map(lambda r: r[: len(asked)]))
    found |= {f"stated_{name}": as_stated[name] for name in ("ratio", "correlation")}
    return found


def noisy(config: Config, key: Array) -> dict[str, Array]:
    """Simulation with noise, and linear theory, on the ring of `simulation.units` pairs.

    Every condition meets the same random numbers, so that differences between conditions have
    less error than the conditions themselves.

    Returns
    -------
    dict of arrays
        The first five of `linear` over (contrast, noise SD): with ``sim_`` before, as simulated;
        with ``_error`` behind, their standard errors over trials; with ``small_`` before, linear
        theory of this ring.
    """
    units, period = config.simulation.units, config.circuit.period
    flanks, solver = config.stimulus.flanks(units, period), config.solver.integrate()

    def one(contrast: Array, sd: Array) -> dict[str, Array]:
        zero = jnp.zeros_like(contrast)
        circuit, drive, _ = situation(config, units, contrast, zero, zero)
        noise = config.noise.on_ring(units, period, sd)
        return config.simulation.compare(circuit, drive, noise, key, flanks, solver)

    contrasts, sds = stacked(config.stimulus.contrasts), stacked(config.simulation.noise_sds)
    return jax.vmap(lambda c: jax.vmap(lambda s: one(c, s))(sds))(contrasts)


def situation(
    config: Config, units: int, contrast: Array, background: Array, strength: Array
) -> tuple[Circuit, EI[Array], Modulation]:
    """The ring of so many pairs, the drive, and attention to the grating as input to E."""
    ring, shown = config.circuit, config.stimulus
    drive = background + contrast * shown.bump(units, ring.period)
    attended = strength * shown.bump(units, ring.period, config.attention.width)
    circuit = ring_circuit(ring.model_copy(update={"units": units}))
    return circuit, EI(drive, drive), Modulation(input=EI(attended, jnp.zeros_like(attended)))


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Linear theory, then the simulation, and name the axes and units of what comes out."""
    with progress.stage("linear theory"):
        found = jax.device_get(jax.jit(lambda: linear(config))())
    shown, noise = config.stimulus, config.simulation
    count = len(shown.contrasts) * len(noise.noise_sds)
    with progress.stage(f"simulation of {count} conditions, {noise.trials} trials each"):
        key = jax.random.key(config.seed)
        found |= jax.device_get(jax.jit(lambda key: noisy(config, key))(key))
    return label(config, found)


def label(config: Config, found: dict[str, Any]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    shown = config.stimulus
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    coordinates = {
        name: variable(name, values, units, long_name)
        for name, values, units, long_name in (
            ("contrast", shown.contrasts, "%", "contrast"),
            ("axis_contrast", axis, "%", "contrast"),
            ("lit_contrast", np.append(0, axis), "%", "contrast, on the background"),
            ("strength", config.attention.inputs, "%", "attentional input to E"),
            ("noise_sd", config.simulation.noise_sds, "%", "standard deviation of the noise"),
        )
    }
    for name, units in (
        ("difference", config.circuit.units),
        ("small_difference", config.simulation.units),
    ):
        apart = differences(units, config.circuit.period)
        coordinates[name] = variable(name, apart, "deg", "tuning difference of the pair")
    kept = {
        "residual": variable("condition", found["residual"], "Hz", "largest residual"),
        "converged": variable("condition", found["converged"], "1", "whether theory applies"),
    }
    for name in ("ratio", "correlation"):
        unit, words = STATISTICS[name]
        words = f"{words}, for the noise correlation as stated"
        kept[f"stated_{name}"] = variable("contrast", found[f"stated_{name}"], unit, words)
    for name, (unit, words) in STATISTICS.items():
        start, by_pair = 0, name == "by_difference"
        for before, dimension in (
            ("", "contrast"),
            ("axis_", "axis_contrast"),
            ("lit_", "lit_contrast"),
            ("attended_", "strength"),
        ):
            dims = (dimension, "difference") if by_pair else (dimension,)
            end = start + len(coordinates[dimension][1])
            kept[before + name] = variable(dims, found[name][start:end], unit, words)
            start = end
    kept |= label_simulation(found, ("contrast", "noise_sd"))
    return xr.Dataset(kept, coordinates)


ONSET = "direction: Churchland et al. 2010; in circuits of this kind: Hennequin et al. 2018"
ATTENTION = "direction: Cohen & Maunsell 2009; Mitchell, Sundberg & Reynolds 2009"


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """References where the configuration is the tabulated one, directions everywhere."""
    tabulated, measures = is_tabulated(config), []
    for index, contrast in enumerate(config.stimulus.contrasts):
        at, here = f"c={contrast:g}", data.isel(contrast=index)
        if tabulated and contrast == 10.0:
            measures += references(here, at, 0.0)
        else:
            measures += [
                Measure.reported(f"variance_over_mean[{at}]", here["ratio"], "Hz"),
                Measure.reported(f"correlation[{at}]", here["correlation"], "1"),
            ]
    sds = data["noise_sd"].values
    order = np.argsort(sds)
    measures += agreement(data.isel(noise_sd=order[0]), f"SD={sds[order[0]]:g}", required=True)
    for index in order[1:]:
        at = f"SD={sds[index]:g}"
        measures += agreement(data.isel(noise_sd=index), at, required=False)[:1]
    return [*measures, *_quenching(config, data), converged_share(data)]


def is_tabulated(config: Config) -> bool:
    """Whether circuit, grating, pair and noise are those that the numbers were computed for."""
    same = all(
        getattr(config.stimulus, name) == getattr(StimulusSection(), name)
        for name in ("orientation", "width", "separation")
    )
    return same and config.circuit == RingSection() and config.noise == NoiseSection()


def _quenching(config: Config, data: xr.Dataset) -> list[Measure]:
    """What contrast and attention do to variance over mean and to the correlation."""
    curve, axis = data["axis_ratio"].values, data["axis_contrast"].values
    peak = axis[np.nanargmax(curve)] if np.isfinite(curve).any() else np.nan
    note = "without background: below it the circuit amplifies variability, above it quenches it"
    rows = [Measure.reported("variance_over_mean_peak", peak, "%", note=note)]
    for cause, at, key, dimension, provenance in (
        ("a stimulus", f"c={axis[-1]:g},background", "lit_", "lit_contrast", ONSET),
        ("attention", f"c={config.attention.contrast:g}", "attended_", "strength", ATTENTION),
    ):
        # From spontaneous activity to the highest contrast; from no attention to the strongest.
        before, after = data.isel({dimension: 0}), data.isel({dimension: -1})
        factor = float(after[f"{key}ratio"] / before[f"{key}ratio"])
        change = float(after[f"{key}correlation"] - before[f"{key}correlation"])
        who = cause.split()[-1]
        for name, value, expected, what in (
            (f"variance_over_mean_factor[{who},{at}]", factor, "< 1", "variance over mean"),
            (f"correlation_change[{who},{at}]", change, "< 0", "noise correlations"),
        ):
            row = Measure.expecting(
                name,
                value,
                "1",
                expected=expected,
                provenance=provenance,
                effect=f"{cause} lowers {what}",
                headline=True,
            )
            rows.append(row)
    return rows
