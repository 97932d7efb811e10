"""Rows of the experiment that fits weights: what came back, with which errors, what it predicts."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import chdtri

from cortex.experiment import Measure

MADE_WITH = "the weights that these data were made with"
CHANCE = "by chance outside once in a thousand"


def weight_rows(data: xr.Dataset) -> list[Measure]:
    """The weights of the first data set, and the errors over all of them."""
    names, true, fitted = (data[name].values for name in ("weight", "true", "fitted"))
    error = data["standard_error"].values
    away = np.log(fitted / true[None, :])
    begun = np.log(data["start"].values / true[None, :])
    measures = [
        Measure.compared(
            f"{name}[first data set]",
            fitted[0, i],
            "1/Hz",
            reference=true[i],
            absolute=float(3 * error[0, i] * true[i]),
            provenance=f"{MADE_WITH}, within 3 predicted standard errors",
            effect=f"{name} is recovered from noisy contrast responses",
        )
        for i, name in enumerate(names)
    ]
    ends = [*zip(names, away.T, strict=True), ("all at the start", begun)]
    measures += [Measure.reported(f"relative_error[{n}]", _rms(off), "1") for n, off in ends]
    return measures


def statistics_rows(data: xr.Dataset) -> list[Measure]:
    """Whether descents arrive, fits are as good and errors as large as theory says."""
    away = np.log(data["fitted"].values / data["true"].values[None, :])
    sets, weights = away.shape
    information = data["information"].values.astype(float)
    freedom = sets * (data["data"][0].size - weights)
    distance = np.einsum("si,sij,sj->s", away, information, away)
    theory = "statistical theory (chi-squared)"
    return [
        Measure.compared(
            "arrived_share",
            np.mean(data["decrement"].values < 0.1),
            "1",
            reference=1.0,
            absolute=0.0,
            provenance="required here: within a tenth of a standard error of the minimum",
            effect="every descent through the steady state arrives at a minimum",
        ),
        Measure.expecting(
            "misfit_per_degree_of_freedom",
            2 * data["cost"].values[:, -1].sum() / freedom,
            "1",
            expected=_chance(freedom),
            provenance=theory,
            effect="what is left of the misfit is the noise",
        ),
        Measure.expecting(
            "squared_errors_over_predicted",
            distance.sum() / away.size,
            "1",
            expected=_chance(away.size),
            provenance=theory,
            effect="errors of the weights are as large as the curvature predicts",
        ),
    ]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _chance(freedom: int) -> str:
    """Range of a chi-squared variable over its degrees of freedom."""
    low, high = chdtri(freedom, (0.9995, 0.0005)) / freedom
    return f"{low:.3f} to {high:.3f} ({CHANCE})"


def prediction_rows(data: xr.Dataset, noise: float, pair_contrast: float) -> list[Measure]:
    """Contrasts and a stimulus that were not fitted; against the true circuit, without noise."""
    held_out = data["held_out"].values
    off = held_out[1:-1] / held_out[:1] - 1
    pair, predicted = data["pair_w"].values, data["pair_w_error"].values
    level = f"c={pair_contrast:g}"
    return [
        Measure.expecting(
            "error_at_other_contrasts",
            _rms(off),
            "1",
            expected=f"< {noise:g} (the noise of one recording)",
            provenance="expected here: a fit of many recordings is better than one of them",
            effect="the fitted ring predicts contrasts that were not fitted",
        ),
        Measure.compared(
            f"w_E[{level},first data set]",
            pair[1],
            "1",
            reference=pair[0],
            absolute=float(3 * predicted[0]),
            provenance="the ring that data were made with, within 3 predicted standard errors",
            effect="a ring fitted to single gratings predicts how a pair is normalised",
        ),
    ]
