"""Weights of a ring recovered from noisy contrast responses, by descent through its steady state.

A ring of E/I pairs is shown one grating at several contrasts, and the E and I rates of a few
pairs are recorded with noise. From these alone the four weights are found again, from tens of
per cent away: the misfit is differentiated through the steady state by the implicit function
theorem and descended with optax. Many data sets, each with noise of its own, tell whether the
errors predicted from the curvature at the end (Cramer and Rao) are those that are made. What was
not fitted is then predicted: other contrasts, and the sum weight of a pair of gratings.

The weights trade off along a narrow curved valley, so gradients are preconditioned by the
information matrix (Levenberg and Marquardt). A state that runs away or oscillates has no steady
rates and no gradient: a step into such a circuit is refused and the next one damped more, and a
start in one is walked back by weakening J_EE. Each data set is fitted from several starts.

Source: the circuit is that of Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as
transcribed by others; recording, noise and fit are ours.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import sum_weight
from cortex.circuit import (
    EI,
    Fit,
    FixedPointIteration,
    SteadyState,
    fit_residuals,
    stabilised,
    steady_state,
)
from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity, replaced
from cortex.experiment.config import NonNegative, Positive
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.fit_rows import prediction_rows, statistics_rows, weight_rows
from cortex.models import RingSection, ring_circuit
from cortex.models.ring import RUBIN
from cortex.stimuli.ring import circular_distance, paired_bumps, ring_positions

HERE = "chosen here"
WEIGHTS = ("J_EE", "J_IE", "J_EI", "J_II")


class StimulusSection(Section):
    """The gratings: one to fit, others to predict."""

    orientation: float = quantity(45.0, "deg", "orientation of the grating", source=RUBIN)
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )
    contrasts: tuple[Positive, ...] = quantity(
        (2.5, 5.0, 10.0, 20.0, 40.0, 80.0), "%", "contrasts fitted", source=HERE, min_length=3
    )
    held_out: tuple[Positive, ...] = quantity(
        (3.5, 7.0, 14.0, 28.0, 56.0), "%", "contrasts predicted", source=HERE, min_length=1
    )
    second_orientation: float = quantity(
        135.0, "deg", "orientation of the grating added to predict a pair", source=RUBIN
    )
    pair_contrast: float = quantity(
        50.0, "%", "contrast of each grating of the pair predicted", source=RUBIN, gt=0
    )
    axis_points: int = quantity(
        17, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _distinct(self) -> StimulusSection:
        for name, other in (("contrasts", ()), ("held_out", self.contrasts)):
            names = [f"{contrast:g}" for contrast in getattr(self, name)]
            taken = {f"{contrast:g}" for contrast in other}
            if len(set(names)) < len(names) or taken & set(names):
                allowed = "each one once" + (", none of contrasts" if other else "")
                raise ValueError(f"{name}: found [{', '.join(names)}], allowed: {allowed}")
        return self


class RecordingSection(Section):
    """What is recorded, and its noise, whose size the fit knows."""

    distances: tuple[NonNegative, ...] = quantity(
        (0.0, 20.0, 40.0),
        "deg",
        "preferred orientations of the recorded pairs, from the grating's",
        source=HERE,
        min_length=1,
    )
    relative_noise: float = quantity(
        0.05, "1", "standard deviation of a rate, as a share of it", source=HERE, gt=0
    )
    additive_noise: float = quantity(
        0.1, "Hz", "standard deviation of a rate besides", source=HERE, gt=0
    )
    data_sets: int = quantity(16, "1", "data sets, each with its own noise", source=HERE, ge=2)


class FitSection(Section):
    """The descent."""

    start_spread: float = quantity(
        0.3, "1", "log weights start within this of the true ones, uniformly", source=HERE, ge=0
    )
    starts: int = quantity(3, "1", "starts for each data set; the best is kept", source=HERE, ge=1)
    steps: int = quantity(16, "1", "steps of the descent", source=HERE, ge=1)


class SolverSection(Section):
    """How steady states are found: by equal steps until nothing changes any more."""

    step: float = quantity(2.0, "ms", "step", source=HERE, gt=0)
    duration: float = quantity(1000.0, "ms", "longest simulated time", source=HERE, gt=0)
    rtol: float = quantity(
        1e-5, "1", "residual allowed, as a share of the largest rate", source=HERE, gt=0
    )
    atol: float = quantity(1e-4, "Hz", "residual allowed besides", source=HERE, gt=0)

    def relax(self) -> FixedPointIteration:
        """The solver for `cortex.circuit.steady_state`."""
        return FixedPointIteration(
            dt=self.step, duration=self.duration, rtol=self.rtol, atol=self.atol
        )


class Config(ExperimentConfig):
    """Configuration of `fit_contrast_response`."""

    circuit: RingSection = RingSection(units=36)
    stimulus: StimulusSection = StimulusSection()
    recording: RecordingSection = RecordingSection()
    fit: FitSection = FitSection()
    solver: SolverSection = SolverSection()

    @model_validator(mode="after")
    def _positive(self) -> Config:
        for name in WEIGHTS:
            if getattr(self.circuit, name) == 0:
                raise ValueError(f"circuit.{name}: found 0, allowed: > 0 [1/Hz]: its log is fitted")
        return self


def true_weights(config: Config) -> Array:
    """Logarithms of the weights [1/Hz] that data are made with, in the order of `WEIGHTS`."""
    return jnp.log(jnp.stack([jnp.asarray(getattr(config.circuit, n), float) for n in WEIGHTS]))


def respond(config: Config, log_weights: Array, contrasts: Array) -> SteadyState:
    """Steady states of the ring with these weights; differentiable in them.

    Parameters
    ----------
    log_weights
        (4,), in the order of `WEIGHTS`.
    contrasts
        (..., 2), of the grating and of the second one [%].
    """
    shown, J = config.stimulus, jnp.exp(log_weights)
    ring = replaced(config.circuit, {name: J[i] for i, name in enumerate(WEIGHTS)})
    circuit, preferred = ring_circuit(ring), ring_positions(ring.units, ring.period)
    angles = (shown.orientation, shown.second_orientation)
    where = jnp.stack([jnp.asarray(angle, float) for angle in angles])

    def one(amplitudes: Array) -> SteadyState:
        drive = paired_bumps(preferred, where, amplitudes, shown.width, ring.period)
        return steady_state(circuit, EI(drive, drive), solver=config.solver.relax())

    flat = jax.vmap(one)(contrasts.reshape(-1, 2))
    return jax.tree.map(lambda x: x.reshape(*contrasts.shape[:-1], *x.shape[1:]), flat)


def axis_contrasts(shown: StimulusSection) -> Array:
    """Contrasts [%] of the curves: from the lowest to the highest one fitted."""
    levels = [jnp.asarray(contrast, float) for contrast in shown.contrasts]
    low, high = jnp.min(jnp.stack(levels)), jnp.max(jnp.stack(levels))
    return low * (high / low) ** jnp.linspace(0.0, 1.0, shown.axis_points, dtype=low.dtype)


def single(contrasts: Any) -> Array:
    """The grating alone: (..., 2)."""
    levels = jnp.stack([jnp.asarray(contrast, float) for contrast in contrasts])
    return jnp.stack([levels, jnp.zeros_like(levels)], -1)


def recorded(config: Config, state: SteadyState) -> Array:
    """Rates [Hz] of the recorded pairs, E and I: (..., place, 2)."""
    ring = config.circuit
    preferred = ring_positions(ring.units, ring.period)
    places = config.stimulus.orientation + jnp.asarray(config.recording.distances, float)
    gap = circular_distance(preferred[None, :], places[:, None], ring.period)
    nearest = jnp.argmin(gap, axis=1)
    return jnp.stack([state.rates.E[..., nearest], state.rates.I[..., nearest]], -1)


def misfit(config: Config, log_weights: Array, data: Array) -> tuple[Array, Array]:
    """Residuals in standard deviations of the noise, flat, and whether all states settled."""
    noise = config.recording.additive_noise, config.recording.relative_noise
    state = respond(config, log_weights, single(config.stimulus.contrasts))
    settled = jnp.all(state.converged)
    rates = jnp.where(settled, recorded(config, state), 0.0)
    return (stabilised(rates, *noise) - stabilised(data, *noise)).ravel(), settled


def descend(config: Config, start: Array, data: Array) -> Fit:
    """One fit of one data set."""
    fit = config.fit
    return fit_residuals(
        lambda log_weights: misfit(config, log_weights, data),
        start,
        steps=fit.steps,
        retreat=jnp.asarray([-0.1, 0.0, 0.0, 0.0]),  # weaker from E onto E
    )


def make_data(config: Config, key: Array) -> tuple[Array, Array, Array]:
    """True rates (contrast, place, 2), noisy ones (data_set, ...), starts (data_set, start, 4)."""
    recording, fit = config.recording, config.fit
    true = true_weights(config)
    clean = recorded(config, respond(config, true, single(config.stimulus.contrasts)))
    share, floor, begin = jax.random.split(key, 3)
    shape = (recording.data_sets, *clean.shape)
    noise = recording.relative_noise * jax.random.normal(share, shape) * clean[None]
    noise = noise + recording.additive_noise * jax.random.normal(floor, shape)
    away = jax.random.uniform(begin, (recording.data_sets, fit.starts, 4), minval=-1.0)
    return clean, clean[None] + noise, true[None, None, :] + fit.start_spread * away


def pair_sum_weight(config: Config, log_weights: Array, contrasts: Array) -> tuple[Array, Array]:
    """w_E (contrast) of the pair of gratings, and whether all states settled."""
    which = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], float)
    state = respond(config, log_weights, contrasts[:, None, None] * which[None])
    return sum_weight(state.rates.E), jnp.all(state.converged)


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Make the data sets, fit each, and predict what was not fitted.

    Runs under `jax.jit` and `jax.vmap` with arrays in place of the numbers of `circuit` and
    `stimulus`; what is differentiated is `respond` and `misfit`.

    Parameters
    ----------
    config
        The configuration.
    key
        Of the noise and of the starts.

    Returns
    -------
    dict of arrays
        Of the data: ``clean``, ``data``. Of the fits: ``start``, ``log_weights``,
        ``information``, ``cost``, ``decrement`` (data_set, ...), the better of the starts.
        Predicted by true weights, each fit, and the start of the first (circuit, ...):
        ``curve``, ``held_out`` (circuit, contrast, place, 2) [Hz], ``curve_w`` (circuit,
        contrast), ``pair_w`` (circuit); and ``pair_w_error`` (data_set). ``residual`` [Hz] and
        ``converged`` of those states, save the start's.
    """
    shown = config.stimulus
    clean, data, starts = make_data(config, key)
    fits = jax.vmap(jax.vmap(lambda s, d: descend(config, s, d), (0, None)))(starts, data)
    best = jnp.argmin(fits.cost[..., -1], axis=1)
    sets = jnp.arange(len(best))
    fits = jax.tree.map(lambda array: array[sets, best], fits)

    pair = jnp.asarray(shown.pair_contrast, float)[None]
    circuits = jnp.concatenate([true_weights(config)[None], fits.parameters, fits.start[:1]])
    axis = axis_contrasts(shown)
    held_out = jnp.stack([jnp.asarray(contrast, float) for contrast in shown.held_out])

    def predict(weights: Array) -> dict[str, Array]:
        state = respond(config, weights, single(jnp.concatenate([axis, held_out])))
        rates = recorded(config, state)
        curve_w, settled = pair_sum_weight(config, weights, jnp.concatenate([pair, axis]))
        return {
            "curve": rates[: len(axis)],
            "held_out": rates[len(axis) :],
            "pair_w": curve_w[0],
            "curve_w": curve_w[1:],
            "residual": jnp.max(state.residual),
            "converged": jnp.all(state.converged) & settled,
        }

    def error(weights: Array, information: Array) -> Array:
        slope = jax.jacfwd(lambda p: pair_sum_weight(config, p, pair)[0][0])(weights)
        return jnp.sqrt(slope @ jnp.linalg.solve(information, slope))

    predicted = jax.vmap(predict)(circuits)
    # A start need not settle everywhere, and is only drawn.
    predicted |= {name: predicted[name][:-1] for name in ("residual", "converged")}
    return {
        "clean": clean,
        "data": data,
        "start": fits.start,
        "log_weights": fits.parameters,
        "cost": fits.cost,
        "information": fits.information,
        "decrement": fits.decrement,
        **predicted,
        "pair_w_error": jax.vmap(error)(fits.parameters, fits.information),
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    fits = config.recording.data_sets * config.fit.starts
    with progress.stage(f"{fits} descents of {config.fit.steps} steps"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


# Name, dimensions, unit and meaning of what `simulate` returns.
LABELS = (
    ("clean", ("contrast", "place", "population"), "Hz", "rate without noise"),
    ("data", ("data_set", "contrast", "place", "population"), "Hz", "recorded rate"),
    ("cost", ("data_set", "step"), "1", "half the sum of squared residuals"),
    ("information", ("data_set", "weight", "other"), "1", "information on the log weights"),
    ("decrement", ("data_set",), "1", "distance of the minimum in standard errors"),
    ("curve", ("circuit", "axis_contrast", "place", "population"), "Hz", "rate, one grating"),
    ("held_out", ("circuit", "held_out_contrast", "place", "population"), "Hz", "rate not fitted"),
    ("curve_w", ("circuit", "axis_contrast"), "1", "sum weight of the E response to a pair"),
    ("pair_w", ("circuit",), "1", "sum weight of the E response to the pair not fitted"),
    ("pair_w_error", ("data_set",), "1", "predicted standard error of that sum weight"),
    ("residual", ("solved",), "Hz", "largest residual of a state"),
    ("converged", ("solved",), "1", "whether the states were reached"),
)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    shown, recording = config.stimulus, config.recording
    sets = [str(1 + i) for i in range(recording.data_sets)]
    axis = np.geomspace(min(shown.contrasts), max(shown.contrasts), shown.axis_points)
    coordinates = {
        "contrast": variable("contrast", shown.contrasts, "%", "contrast fitted"),
        "held_out_contrast": variable("held_out_contrast", shown.held_out, "%", "contrast"),
        "axis_contrast": variable("axis_contrast", axis, "%", "contrast of each grating"),
        "place": variable("place", recording.distances, "deg", "distance from the grating"),
        "population": variable("population", ["E", "I"], "1", "population"),
        "weight": variable("weight", list(WEIGHTS), "1", "weight"),
        "circuit": variable("circuit", ["true", *sets, "start"], "1", "weights of the ring"),
    }
    kept = {name: variable(dims, found[name], unit, words) for name, dims, unit, words in LABELS}
    errors = np.sqrt(np.diagonal(np.linalg.pinv(found["information"].astype(float)), 0, 1, 2))
    true = np.asarray([getattr(config.circuit, name) for name in WEIGHTS])
    sized = ("data_set", "weight")
    kept |= {
        "true": variable("weight", true, "1/Hz", "weight that data were made with"),
        "start": variable(sized, np.exp(found["start"]), "1/Hz", "weight at the start"),
        "fitted": variable(sized, np.exp(found["log_weights"]), "1/Hz", "weight recovered"),
        "standard_error": variable(sized, errors, "1", "predicted error of the log weight"),
    }
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Weights of the first data set, errors over all of them, and what was not fitted."""
    return [
        *weight_rows(data),
        *statistics_rows(data),
        *prediction_rows(data, config.recording.relative_noise, config.stimulus.pair_contrast),
        converged_share(data),
    ]
