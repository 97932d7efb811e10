"""Weights of a ring recovered from noisy contrast responses, by descent through its steady state.

A ring is shown one grating at several contrasts, and E and I rates of a few pairs are recorded
with noise. From these alone the four weights are found again, from tens of per cent away: the
misfit is differentiated through the steady state by the implicit function theorem and descended
with optax. Many data sets tell whether the errors predicted from the curvature at the end (Cramer
and Rao) are those that are made. What was not fitted is then predicted: other contrasts, and the
sum weight of a pair of gratings. Weights trade off along a narrow curved valley, so gradients are
preconditioned (Levenberg and Marquardt). A state that runs away has no gradient: a step into such
a circuit is refused, and a start in one is walked back by weakening J_EE.

Source: the circuit is that of Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as
transcribed by others; recording, noise and fit are ours.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator
from scipy.special import chdtri

from cortex.analysis import sum_weight
from cortex.circuit import EI, Fit, SteadyState, fit_residuals, stabilised, steady_state
from cortex.experiment import (
    Below,
    Between,
    Claim,
    Experiment,
    ExperimentSettings,
    Near,
    settled_claim,
)
from cortex.labelled import Labelled, asked, coordinate, label, over, quality
from cortex.models.ring import RUBIN, Ring
from cortex.models.settling import Iterate
from cortex.settings import Contrasts, NonNegative, contrasts, kept, quantity, replaced
from cortex.sources import Source

WEIGHTS = ("J_EE", "J_IE", "J_EI", "J_II")
SHOWN = {"first": np.array([1.0, 0.0]), "second": np.array([0.0, 1.0]), "both": np.ones(2)}


class Settings(ExperimentSettings):
    """Settings of `fit_contrast_response`."""

    circuit: Ring = Ring(units=36)
    orientations: tuple[float, float] = quantity((45.0, 135.0), "deg", "of the gratings", RUBIN)
    width: float = quantity(30.0, "deg", "width of the Gaussian drive of a grating", RUBIN, gt=0)
    fitted: Contrasts = contrasts(2.5, 5.0, 10.0, 20.0, 40.0, 80.0, description="contrast fitted")
    predicted: Contrasts = contrasts(
        3.5, 7.0, 14.0, 28.0, 56.0, curve=(2.5, 80.0, 17), description="contrast predicted"
    )
    pair_contrast: float = quantity(50.0, "%", "contrast of each grating of a pair", RUBIN, gt=0)
    distances: tuple[NonNegative, ...] = quantity((0.0, 20.0, 40.0), "deg", "of recorded pairs")
    relative_noise: float = quantity(0.05, "1", "SD of a rate, as a share of it", gt=0)
    additive_noise: float = quantity(0.1, "Hz", "SD of a rate besides", gt=0)
    data_sets: int = quantity(16, "1", "data sets, each with its own noise", ge=2, le=100_000)
    start_spread: float = quantity(0.3, "1", "largest distance of a start in log weights", ge=0)
    starts: int = quantity(3, "1", "starts for each data set; the best is kept", ge=1)
    steps: int = quantity(16, "1", "steps of the descent", ge=1)
    settle: Iterate = Iterate()

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        for name in WEIGHTS:
            if getattr(self.circuit, name) == 0:
                raise ValueError(f"circuit.{name}: found 0, allowed: > 0: its log is fitted")
        return self


def respond(s: Settings, log_weights: Array, amplitudes: Array) -> SteadyState:
    """Steady state of the ring, differentiable in the log weights, to contrasts of two gratings."""
    ring = replaced(s.circuit, dict(zip(WEIGHTS, jnp.exp(log_weights), strict=True)))
    drive = amplitudes @ jnp.stack([ring.bump(angle, s.width) for angle in s.orientations])
    return steady_state(ring.circuit(), EI(drive, drive), solver=s.settle())


def recorded_units(s: Settings) -> Array:
    """Numbers of the units that prefer what is recorded, counted from 0."""
    places = [s.orientations[0] + away for away in s.distances]
    return jnp.stack([s.circuit.unit_at(place) for place in places])


def record(s: Settings, log_weights: Array) -> tuple[Array, Array]:
    """Rates (contrast, place, population) at the contrasts fitted, and whether all settled."""
    amplitudes = jnp.asarray(s.fitted.values, float)[:, None] * SHOWN["first"][None]
    state = jax.vmap(lambda c: respond(s, log_weights, c))(amplitudes)
    rates = jnp.stack([state.rates.E, state.rates.I], -1)[:, recorded_units(s)]
    return rates, jnp.all(state.converged)


def misfit(s: Settings, log_weights: Array, data: Array) -> tuple[Array, Array]:
    """Residuals in standard deviations of the noise, flat, and whether all states settled."""
    noise = s.additive_noise, s.relative_noise
    rates, settled = record(s, log_weights)
    residuals = stabilised(jnp.where(settled, rates, 0.0), *noise) - stabilised(data, *noise)
    return residuals.ravel(), settled


def descend(s: Settings, start: Array, data: Array) -> Fit:
    """One fit of one data set; a start that does not settle is walked back in J_EE."""
    weaker = jnp.asarray([-0.1, 0.0, 0.0, 0.0])
    return fit_residuals(lambda w: misfit(s, w, data), start, steps=s.steps, retreat=weaker)


def make_data(s: Settings, true: Array, key: Array) -> tuple[Array, Array]:
    """Noisy rates (data_set, contrast, place, population), and starts (data_set, start, 4)."""
    clean, _ = record(s, true)
    share, floor, begin = jax.random.split(key, 3)
    shape = (s.data_sets, *clean.shape)
    noise = s.relative_noise * jax.random.normal(share, shape) * clean[None]
    noise = noise + s.additive_noise * jax.random.normal(floor, shape)
    away = jax.random.uniform(begin, (s.data_sets, s.starts, 4), minval=-1.0)
    return clean[None] + noise, true[None, None] + s.start_spread * away


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Make the data sets, fit each, and predict what was not fitted."""
    true = jnp.log(jnp.stack([jnp.asarray(getattr(s.circuit, name), float) for name in WEIGHTS]))
    data, starts = make_data(s, true, key)
    fits = jax.vmap(jax.vmap(lambda w, d: descend(s, w, d), (0, None)))(starts, data)
    best = jnp.argmin(fits.cost[..., -1], axis=1)
    fits = jax.tree.map(lambda array: array[jnp.arange(len(best)), best], fits)

    def single(weights: Array, contrast: Array) -> SteadyState:
        return respond(s, weights, contrast * SHOWN["first"])

    def pair(weights: Array, contrast: Array) -> tuple[Array, SteadyState]:
        shown = jnp.stack([contrast * on for on in SHOWN.values()])
        states = jax.vmap(lambda amplitudes: respond(s, weights, amplitudes))(shown)
        return sum_weight(states.rates.E), states

    def error(weights: Array, information: Array) -> Array:
        slope = jax.jacfwd(lambda w: pair(w, level)[0])(weights)
        return jnp.sqrt(slope @ jnp.linalg.solve(information, slope))

    level, names = jnp.asarray(s.pair_contrast, float), [str(1 + i) for i in range(len(best))]
    circuits = dict(zip(["true", *names], [true, *fits.parameters], strict=True))
    curves = over(circuit=circuits, predicted=s.predicted)(single)
    sums, summed = over(circuit=circuits, predicted=s.predicted)(pair)
    weight, paired = over(circuit=circuits)(lambda weights: pair(weights, level))
    begun = over(predicted=s.predicted)(lambda contrast: single(fits.start[0], contrast))
    pair_error = jax.vmap(error)(fits.parameters, fits.information)
    covariance = jax.vmap(lambda fit: fit.covariance())(fits)
    errors = jnp.sqrt(jnp.diagonal(covariance, axis1=1, axis2=2))

    away = coordinate(s.distances, "deg", "distance from the grating")
    units, sets = recorded_units(s), {"data_set": names}
    weights, recordings = {**sets, "weight": WEIGHTS}, {"place": away, "population": ("E", "I")}
    rate, square = "rate, one grating", {**weights, "other": WEIGHTS}
    return {
        "data": label(data, "Hz", "recorded rate", **sets, fitted=s.fitted, **recordings),
        "curve": curves.rates.named("Hz", rate, place=None).isel(place=units),
        "start_curve": begun.rates.named("Hz", f"{rate}, start", place=None).isel(place=units),
        "curve_w": sums.named("1", "sum weight of the E response to a pair"),
        "pair_w": weight.named("1", "sum weight of the E response to the pair not fitted"),
        "pair_w_error": label(pair_error, "1", "predicted standard error of it", **sets),
        "start": label(jnp.exp(fits.start), "1/(Hz deg)", "weight at the start", **weights),
        "fitted_weight": label(jnp.exp(fits.parameters), "1/(Hz deg)", "recovered", **weights),
        "true": label(jnp.exp(true), "1/(Hz deg)", "weight behind the data", weight=WEIGHTS),
        "standard_error": label(errors, "1", "predicted error of the log weight", **weights),
        "cost": label(fits.cost, "1", "half the sum of squared residuals", **sets, step=None),
        "information": label(fits.information, "1", "on the log weights", **square),
        "decrement": label(fits.decrement, "1", "standard errors from the minimum", **sets),
        **quality(curves, summed, paired),
    }


def log_error(d: xr.Dataset) -> xr.DataArray:
    """Of every recovered weight."""
    return np.log(d.fitted_weight / d.true)


def squared_errors(d: xr.Dataset) -> float:
    """Squared errors of the weights over those predicted."""
    away, information = log_error(d).values, d.information.values.astype(float)
    return np.einsum("si,sij,sj->", away, information, away) / away.size


def freedom(d: xr.Dataset) -> int:
    """Degrees of freedom of the misfit of all data sets."""
    return d.data.size - d.fitted_weight.size


def by_chance(degrees: int) -> Between:
    """Range of a chi-squared variable over its degrees of freedom."""
    return Between(*chdtri(degrees, (0.9995, 0.0005)) / degrees, "outside once in a thousand")


def off(predicted: xr.DataArray) -> xr.DataArray:
    """Relative errors of what fitted rings predict."""
    return predicted.drop_sel(circuit="true") / predicted.sel(circuit="true") - 1


TRUTH = Source(detail="the ring that data were made with, within 3 predicted standard errors")
THEORY = Source(detail="statistical theory (chi-squared)")

CLAIMS = (
    Claim(
        "weight",
        lambda d: d.fitted_weight.sel(data_set="1"),
        lambda d: Near(d.true, atol=3 * d.true * d.standard_error.sel(data_set="1", drop=True)),
        TRUTH,
        "each weight is recovered from noisy contrast responses",
    ),
    Claim(
        "arrived_share",
        lambda d: (d.decrement < 0.1).mean(),
        Near(1.0),
        Source(detail="required here: within a tenth of a standard error of the minimum"),
        "every descent through the steady state arrives at a minimum",
    ),
    Claim(
        "misfit_per_degree_of_freedom",
        lambda d: 2 * d.cost.isel(step=-1).sum() / freedom(d),
        lambda d: by_chance(freedom(d)),
        THEORY,
        "what is left of the misfit is the noise",
    ),
    Claim(
        "squared_errors_over_predicted",
        squared_errors,
        lambda d: by_chance(d.fitted_weight.size),
        THEORY,
        "errors of the weights are as large as the curvature predicts",
    ),
    Claim(
        "error_at_other_contrasts",
        lambda d: np.sqrt((off(asked(d.curve)) ** 2).mean()),
        Below(0.05, "the noise of one recording"),
        Source(detail="expected here: a fit of many recordings is better than one of them"),
        "the fitted ring predicts contrasts that were not fitted",
        when=kept("relative_noise"),
    ),
    Claim(
        "pair_w",
        lambda d: d.pair_w.sel(circuit="1"),
        lambda d: Near(d.pair_w.sel(circuit="true"), atol=3 * d.pair_w_error.sel(data_set="1")),
        TRUTH,
        "a ring fitted to single gratings predicts how a pair is normalised",
    ),
    settled_claim(),
)

SMALL = {"circuit.units": 12, "predicted.curve": [2.5, 80.0, 2], "data_sets": 2, "starts": 1}
experiment = Experiment(Settings, simulate, CLAIMS, small=SMALL)
