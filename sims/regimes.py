"""Regimes of the circuit: inhibition-stabilised, paradoxical, oscillating, running away.

Against contrast, the ring passes from a regime in which excitation is stable by itself to one in
which inhibition stabilises it: the leading eigenvalue of its E part exceeds 1, and more input to
I lowers the rate of I (paradoxical effect). The spectrum of the Jacobian says that it stays
stable on the way. A single E/I pair, for which trace and determinant say everything, is mapped
over two weights, and shows when E falls at high contrast (supersaturation). With inhibition slow
enough the ring rings: spectra of noisy rates from linear theory and from simulation, and beyond
the onset a limit cycle.

Source: Tsodyks et al. 1997 and Ozeki et al. 2009 (paradoxical effect); Ahmadian, Rubin & Miller
2013 (the single pair; read at the level of its abstract); Rubin, Van Hooser & Miller 2015, Fig. 1
(the ring, as transcribed by others); time constants of the oscillation and the noise are ours.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.circuit import (
    EI,
    Epoch,
    Fixed,
    Modulation,
    OrnsteinUhlenbeck,
    Projections,
    TimeIntegration,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    periodogram,
    power_spectrum,
    simulate_noise,
    single_pair,
    steady_state,
)
from cortex.circuit import simulate as time_course
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    replaced,
    require_distinct,
    require_order,
)
from cortex.labelled import variable
from cortex.measures import converged_share
from cortex.measures.regime_rows import oscillation_rows, pair_rows, ring_rows
from cortex.models import RingSection, SettlingSection, between, ring_circuit, stacked
from cortex.models.ring import RUBIN
from cortex.stimuli.ring import ring_bump, ring_positions

HERE = "chosen here"
AHMADIAN = "Ahmadian, Rubin & Miller 2013, Neural Comput. 25:1994"


class StimulusSection(Section):
    """One grating, and a little more input to all of I."""

    orientation: float = quantity(45.0, "deg", "orientation of the grating", source=RUBIN)
    width: float = quantity(30.0, "deg", "width of its Gaussian drive", source=RUBIN, gt=0)
    contrasts: tuple[Positive, ...] = quantity(
        (2.0, 10.0, 50.0), "%", "contrasts of spectra and of steps", source=HERE, min_length=2
    )
    axis_low: float = quantity(1.0, "%", "lowest contrast of the curves", source=HERE, gt=0)
    axis_high: float = quantity(100.0, "%", "highest contrast of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        25, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )
    step: float = quantity(0.5, "%", "step of the input to I", source=HERE, gt=0)

    @model_validator(mode="after")
    def _distinct(self) -> StimulusSection:
        require_distinct(self, "contrasts")
        require_order(self, "axis_low", "axis_high", "%")
        return self


class PairSection(Section):
    """One E and one I unit; weights near the sums of the ring's, with less from E onto E."""

    J_EE: float = quantity(2.5, "1/Hz", "weight from E onto E", source=HERE, ge=0)
    J_IE: float = quantity(3.4, "1/Hz", "weight from E onto I", source=HERE, ge=0)
    J_EI: float = quantity(1.8, "1/Hz", "weight from I onto E", source=HERE, ge=0)
    J_II: float = quantity(1.2, "1/Hz", "weight from I onto I", source=HERE, ge=0)
    J_II_strong: float = quantity(
        2.2, "1/Hz", "weight from I onto I without supersaturation", source=HERE, ge=0
    )
    contrast: float = quantity(20.0, "%", "drive of both in the map", source=HERE, gt=0)
    largest_J_EE: float = quantity(6.0, "1/Hz", "end of the map", source=HERE, gt=0)
    largest_J_EI: float = quantity(4.0, "1/Hz", "end of the map", source=HERE, gt=0)
    points: int = quantity(31, "1", "points of the map in each direction", source=HERE, ge=2)
    tau_fast: float = quantity(2.0, "ms", "fast inhibition", source=HERE, gt=0)
    tau_slow: float = quantity(24.0, "ms", "slow inhibition", source=HERE, gt=0)


class OscillationSection(Section):
    """The ring with other time constants, and noise."""

    tau_E: float = quantity(5.0, "ms", "time constant of E units", source=HERE, gt=0)
    tau_I: float = quantity(4.5, "ms", "time constant of I units in spectra", source=HERE, gt=0)
    tau_slow: float = quantity(
        5.7, "ms", "time constant of I units in the limit cycle", source=HERE, gt=0
    )
    axis_low: float = quantity(2.0, "ms", "fastest inhibition of the curve", source=HERE, gt=0)
    axis_high: float = quantity(8.0, "ms", "slowest inhibition of the curve", source=HERE, gt=0)
    axis_points: int = quantity(25, "1", "number of points of the curve", source=HERE, ge=2)
    contrasts: tuple[Positive, ...] = quantity(
        (20.0, 50.0, 100.0), "%", "contrasts of the spectra, rising", source=HERE, min_length=2
    )
    cycle_contrast: float = quantity(
        50.0, "%", "contrast of the curve and of the limit cycle", source=HERE, gt=0
    )
    noise_sd: float = quantity(0.5, "%", "SD of the input noise", source=HERE, gt=0)
    noise_tau: float = quantity(2.0, "ms", "time constant of the noise", source=HERE, gt=0)
    noise_width: float = quantity(
        60.0, "deg", "width of the noise's correlation over the ring", source=HERE, gt=0
    )
    trials: int = quantity(12, "1", "simulated trials for each contrast", source=HERE, ge=2)
    duration: float = quantity(4000.0, "ms", "duration of a trial", source=HERE, ge=1000)
    step: float = quantity(0.5, "ms", "step of the simulations", source=HERE, gt=0)

    @model_validator(mode="after")
    def _rising(self) -> OscillationSection:
        if not all(a < b for a, b in zip(self.contrasts, self.contrasts[1:], strict=False)):
            names = ", ".join(f"{contrast:g}" for contrast in self.contrasts)
            raise ValueError(f"contrasts: found [{names}], allowed: rising numbers [%]")
        require_order(self, "axis_low", "axis_high", "ms")
        return self


class Config(ExperimentConfig):
    """Configuration of `regimes`."""

    circuit: RingSection = RingSection(units=36)
    stimulus: StimulusSection = StimulusSection()
    pair: PairSection = PairSection()
    oscillation: OscillationSection = OscillationSection()
    solver: SettlingSection = SettlingSection()


SAMPLE = 2.0  # ms between samples of noisy rates
SEGMENT = 256  # samples of a spectrum: 2 Hz apart
BEFORE, AFTER = 50.0, 150.0  # ms, around a step of the input to I
FREQUENCIES = np.arange(1, SEGMENT // 4) * (1000.0 / (SAMPLE * SEGMENT))  # Hz
CYCLE = np.arange(300.0, 500.0, 0.5)  # ms, when the limit cycle is looked at


def grating(config: Config, contrast: Any) -> EI[Array]:
    """Drive of the ring's units [%]."""
    ring, shown = config.circuit, config.stimulus
    preferred = ring_positions(ring.units, ring.period)
    drive = contrast * ring_bump(preferred, shown.orientation, shown.width, ring.period)
    return EI(drive, drive)


def onto_I(amount: Any) -> Modulation:
    """Additional input to every I unit [%]."""
    return Modulation(input=EI(0.0, amount))


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Everything the figure shows; see `LABELS` for shapes, units and meanings.

    Pure: runs under `jax.jit` and `jax.vmap` with arrays in place of the numbers of `circuit`,
    `stimulus` and `pair`; on a CPU, where general eigenvalues are to be had.
    """
    found = against_contrast(config) | map_of_pairs(config) | saturation(config)
    for name in ("residual", "converged"):
        parts = [found.pop(f"{circuit}_{name}") for circuit in ("ring", "pair")]
        found[name] = jnp.concatenate(parts)
    return found | oscillation(config, key)


def against_contrast(config: Config) -> dict[str, Array]:
    """Eigenvalues and paradoxical effect of the ring; steps of the input to I."""
    shown, circuit = config.stimulus, ring_circuit(config.circuit)
    axis = between(shown.axis_low, shown.axis_high, shown.axis_points, logarithmic=True)
    contrasts = jnp.concatenate([axis, stacked(shown.contrasts)])
    amounts = jnp.asarray(shown.step, float) * jnp.asarray([0.0, 0.5, -0.5])

    def settle(contrast: Array, amount: Array) -> Any:
        drive, solver = grating(config, contrast), config.solver.integrate()
        return steady_state(circuit, drive, onto_I(amount), solver=solver)

    states = jax.vmap(jax.vmap(settle, (None, 0)), (0, None))(contrasts, amounts)
    rest = states.rates.map(lambda r: r[:, 0])

    def linear(contrast: Array, rates: EI[Array]) -> tuple[Array, Array, Array]:
        given = circuit, rates, grating(config, contrast)
        paradox = paradoxical_effect(*given)
        index = leading_excitatory_eigenvalue(*given)
        return index, jnp.stack([paradox.E, paradox.I]), jacobian_eigenvalues(*given)

    index, paradox, spectrum = jax.vmap(linear)(contrasts, rest)
    weight = rest.E / jnp.sum(rest.E, axis=1, keepdims=True)
    moved = states.rates.map(lambda r: jnp.sum(weight * (r[:, 1] - r[:, 2]), axis=1) / shown.step)
    times = jnp.arange(0.0, BEFORE + AFTER + 0.5, 1.0)

    def step(contrast: Array, rates: EI[Array], weight: Array) -> Array:
        drive = grating(config, contrast)
        epochs = [Epoch(BEFORE, drive), Epoch(AFTER, drive, onto_I(shown.step))]
        course = time_course(
            circuit,
            epochs,
            times,
            save=lambda t, r, dynamics: jnp.sum(weight * r.I),
            initial=rates,
            stepping=Fixed(dt=0.5),
        ).values
        return course - jnp.sum(weight * rates.I)

    points = shown.axis_points
    return {
        "index": index[:points],
        "paradox": paradox[:points],
        "paradox_difference": jnp.stack([moved.E, moved.I], -1)[:points],
        "slowest": jnp.max(1000.0 * spectrum.real, axis=1)[:points],
        "spectrum": 1000.0 * jnp.stack([spectrum.real, spectrum.imag], -1)[points:],
        "step_response": jax.vmap(step)(
            contrasts[points:], rest.map(lambda r: r[points:]), weight[points:]
        ),
        "ring_residual": states.residual.ravel(),
        "ring_converged": states.converged.ravel(),
    }


SETTLES, OSCILLATES, RUNS_AWAY = 0, 1, 2  # outcomes of a pair
PAIR_SOLVER = TimeIntegration(duration=3000.0, dtmax=0.5, atol=1e-4)  # its I can be very fast


def map_of_pairs(config: Config) -> dict[str, Array]:
    """What a single pair does from silence, over two weights and for fast and slow inhibition."""
    pair, tau_E = config.pair, config.circuit.tau_E
    excitation = between(0.0, pair.largest_J_EE, pair.points)
    inhibition = between(0.0, pair.largest_J_EI, pair.points)

    def settle(J_EI: Array, J_EE: Array, tau_I: Array) -> tuple[Array, Array, Array]:
        circuit = _pair(config, J_EE, J_EI, pair.J_II, EI(tau_E, tau_I))
        drive = EI(jnp.full(1, pair.contrast), jnp.full(1, pair.contrast))
        state = steady_state(circuit, drive, solver=PAIR_SOLVER)
        rates = state.rates.map(lambda r: jnp.where(state.converged, r, 1.0))
        index = leading_excitatory_eigenvalue(circuit, rates, drive, iterations=2)
        response = paradoxical_effect(circuit, rates, drive).I
        outcome = jnp.where(state.diverged, RUNS_AWAY, OSCILLATES)
        outcome = jnp.where(state.converged, SETTLES, outcome)
        known = state.converged & (state.rates.E[0] > 1e-6)
        return outcome, *(jnp.where(known, x, jnp.nan) for x in (index, response))

    over = jax.vmap(jax.vmap(jax.vmap(settle, (None, 0, None)), (0, None, None)), (None, None, 0))
    found = over(inhibition, excitation, stacked((pair.tau_fast, pair.tau_slow)))
    return dict(zip(("outcome", "map_index", "map_paradox"), found, strict=True))


def _pair(config: Config, J_EE: Any, J_EI: Any, J_II: Any, tau: EI[Any]) -> Any:
    J = Projections(EE=J_EE, EI=J_EI, IE=config.pair.J_IE, II=J_II)
    return single_pair(J, tau, config.circuit.k, config.circuit.n)


def saturation(config: Config) -> dict[str, Array]:
    """Rates of single pairs against contrast, with weak and with strong inhibition of I."""
    pair, shown, ring = config.pair, config.stimulus, config.circuit
    axis = between(shown.axis_low, shown.axis_high, shown.axis_points, logarithmic=True)

    def settle(J_II: Array, contrast: Array) -> Any:
        circuit = _pair(config, pair.J_EE, pair.J_EI, J_II, EI(ring.tau_E, ring.tau_I))
        drive = EI(contrast[None], contrast[None])
        return steady_state(circuit, drive, solver=PAIR_SOLVER)

    both = stacked((pair.J_II, pair.J_II_strong))
    state = jax.vmap(jax.vmap(settle, (None, 0)), (0, None))(both, axis)
    rates = jnp.stack([state.rates.E[..., 0], state.rates.I[..., 0]], -1)
    return {
        "pair_rates": rates,
        "pair_residual": state.residual.ravel(),
        "pair_converged": state.converged.ravel(),
    }


def oscillation(config: Config, key: Array) -> dict[str, Array]:
    """Onset against the time constant of I, spectra of noisy rates, and the limit cycle."""
    shown, ring = config.oscillation, config.circuit

    def timed(tau_I: Any) -> Any:
        return ring_circuit(replaced(ring, {"tau_E": shown.tau_E, "tau_I": tau_I}))

    def settle(contrast: Array) -> EI[Array]:
        # Time constants do not move a steady state: it is found with those of the circuit.
        solver = config.solver.integrate()
        return steady_state(ring_circuit(ring), grating(config, contrast), solver=solver).rates

    contrasts = stacked((*shown.contrasts, shown.cycle_contrast))
    rest = jax.vmap(settle)(contrasts)
    cycling = rest.map(lambda r: r[-1])

    def leading(tau_I: Array) -> tuple[Array, Array]:
        drive = grating(config, contrasts[-1])
        values = 1000.0 * jacobian_eigenvalues(timed(tau_I), cycling, drive)
        first = values[jnp.argmax(values.real)]
        return first.real, jnp.abs(first.imag) / (2 * jnp.pi)

    growth, frequency = jax.vmap(leading)(
        between(shown.axis_low, shown.axis_high, shown.axis_points)
    )
    noise = OrnsteinUhlenbeck.on_ring(
        shown.noise_tau, shown.noise_sd, ring.units, shown.noise_width, ring.period
    )
    circuit, frequencies = timed(shown.tau_I), jnp.asarray(FREQUENCIES, float)

    def theory(contrast: Array, rates: EI[Array]) -> Array:
        mean = EI(1.0 / ring.units, 0.0)
        drive = grating(config, contrast)
        return power_spectrum(circuit, rates, drive, noise, frequencies, mean)

    def trial(contrast: Array, rates: EI[Array], key: Array) -> Array:
        series = simulate_noise(
            circuit,
            grating(config, contrast),
            noise,
            key,
            duration=shown.duration,
            dt=shown.step,
            burn_in=200.0,
            sample_every=SAMPLE,
            initial=rates,
            observe=lambda r: r.E[:1],
            record=lambda r: jnp.mean(r.E),
        ).series
        return periodogram(series, SAMPLE, SEGMENT)[1][: len(FREQUENCIES)]

    count = len(shown.contrasts)
    keys = jax.random.split(key, (count, shown.trials))
    noisy = rest.map(lambda r: r[:count])
    simulated = jax.vmap(jax.vmap(trial, (None, None, 0)))(contrasts[:count], noisy, keys)
    kicked = cycling.map(lambda r: 1.05 * r)
    centre = jnp.argmax(cycling.E)
    cycle = time_course(
        timed(shown.tau_slow),
        [Epoch(float(CYCLE[-1]) + 1.0, grating(config, contrasts[-1]))],
        jnp.asarray(CYCLE),
        save=lambda t, r, dynamics: jnp.stack([r.E[centre], r.I[centre]]),
        initial=kicked,
        stepping=Fixed(dt=0.25),
    ).values
    return {
        "growth": growth,
        "ringing": frequency,
        "power_theory": jax.vmap(theory)(contrasts[:count], noisy),
        "power_simulated": simulated,
        "cycle": cycle,
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    with progress.stage("steady states, eigenvalues and noisy trials"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


# Name, dimensions, unit and meaning of what `simulate` returns.
SPECTRUM = ("spectrum_contrast", "frequency")
LABELS = (
    ("index", ("axis_contrast",), "1", "leading eigenvalue of the E part"),
    ("paradox", ("axis_contrast", "population"), "Hz/%", "change of the rate with input to I"),
    (
        "paradox_difference",
        ("axis_contrast", "population"),
        "Hz/%",
        "change of the rate with input to I, from two steady states",
    ),
    ("slowest", ("axis_contrast",), "1/s", "largest real part of an eigenvalue"),
    ("spectrum", ("contrast", "mode", "part"), "1/s", "eigenvalue of the Jacobian"),
    ("step_response", ("contrast", "time"), "Hz", "change of the I rate after a step of input"),
    ("residual", ("state",), "Hz", "largest residual of a state"),
    ("converged", ("state",), "1", "whether the state was reached"),
    ("outcome", ("inhibition", "J_EI", "J_EE"), "1", "0 settles, 1 oscillates, 2 runs away"),
    ("map_index", ("inhibition", "J_EI", "J_EE"), "1", "eigenvalue of the E part of the pair"),
    ("map_paradox", ("inhibition", "J_EI", "J_EE"), "Hz/%", "change of r_I with input to I"),
    ("pair_rates", ("weight", "axis_contrast", "population"), "Hz", "rate of the pair"),
    ("growth", ("tau_I",), "1/s", "largest real part of an eigenvalue"),
    ("ringing", ("tau_I",), "Hz", "frequency of that eigenvalue"),
    ("power_theory", SPECTRUM, "Hz^2/Hz", "power of the mean E rate, linear theory"),
    (
        "power_simulated",
        ("spectrum_contrast", "trial", "frequency"),
        "Hz^2/Hz",
        "power of the mean E rate, simulated",
    ),
    ("cycle", ("cycle_time", "population"), "Hz", "rate at the grating"),
)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    shown, pair, ringing = config.stimulus, config.pair, config.oscillation
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    tau_I = np.linspace(ringing.axis_low, ringing.axis_high, ringing.axis_points)
    J_EE, J_EI = (np.linspace(0, x, pair.points) for x in (pair.largest_J_EE, pair.largest_J_EI))
    time = np.arange(-BEFORE, AFTER + 0.5)
    weights = [pair.J_II, pair.J_II_strong]
    axes = (
        ("axis_contrast", axis, "%", "contrast"),
        ("contrast", shown.contrasts, "%", "contrast"),
        ("spectrum_contrast", ringing.contrasts, "%", "contrast"),
        ("population", ["E", "I"], "1", "population"),
        ("part", ["real", "imaginary"], "1", "part of the eigenvalue"),
        ("time", time, "ms", "time after the step"),
        ("inhibition", [pair.tau_fast, pair.tau_slow], "ms", "time constant of I of the pair"),
        ("J_EE", J_EE, "1/Hz", "weight from E onto E"),
        ("J_EI", J_EI, "1/Hz", "weight from I onto E"),
        ("weight", weights, "1/Hz", "weight from I onto I of the pair"),
        ("tau_I", tau_I, "ms", "time constant of I"),
        ("frequency", FREQUENCIES, "Hz", "frequency"),
        ("cycle_time", CYCLE - CYCLE[0], "ms", "time"),
    )
    coordinates = {name: variable(name, *words) for name, *words in axes}
    kept = {name: variable(dims, found[name], unit, words) for name, dims, unit, words in LABELS}
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What holds of the ring, of the pair, and of the oscillation."""
    return [
        *ring_rows(data),
        *pair_rows(data, config.pair.J_IE, config.pair.J_II, config.pair.J_II_strong),
        *oscillation_rows(data, config.circuit.tau_E, config.oscillation.tau_E),
        converged_share(data),
    ]
