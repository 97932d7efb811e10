"""Psychometric functions: performance against stimulus level, fitted by maximum likelihood.

    P(x) = guess + (1 - guess - lapse) F(slope (ln x - ln threshold))

Level x is above 0, such as a contrast, and F rises from 0 to 1 with its logarithm. Intervals and
goodness of fit are found by the parametric bootstrap: observers that follow the fitted function
are simulated in the same experiment, and fitted.

Source: Wichmann & Hill 2001, Percept Psychophys 63:1293 and 63:1314, for the bounded lapse rate,
the deviance and the bootstrap.
"""

import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import expit, ndtr

from cortex.analysis.bootstrap import estimate

Numbers = np.ndarray
STEEPEST, FLATTEST = 50.0, 0.05  # bounds of the slope [1 per unit of ln level]
LEAST = 1e-9  # of probabilities, so that their logarithms are finite


@dataclass(frozen=True)
class Shape:
    """F and its derivative.

    Attributes:
        name: in words.
        rise: F(z), from 0 to 1.
        density: dF/dz.
    """

    name: str
    rise: Callable[[Numbers], Numbers]
    density: Callable[[Numbers], Numbers]


def _bell(z: Numbers) -> Numbers:
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


CUMULATIVE_GAUSSIAN = Shape("cumulative Gaussian", ndtr, _bell)  # half way at the threshold
LOGISTIC = Shape("logistic", expit, lambda z: expit(z) * expit(-z))  # half way at the threshold
WEIBULL = Shape(  # at the threshold 1 - 1/e of the way
    "Weibull",
    lambda z: -np.expm1(-np.exp(np.minimum(z, 50.0))),
    lambda z: np.exp(np.minimum(z, 50.0) - np.exp(np.minimum(z, 50.0))),
)
SHAPES = {shape.name: shape for shape in (CUMULATIVE_GAUSSIAN, LOGISTIC, WEIBULL)}


@dataclass(frozen=True)
class Psychometric:
    """One psychometric function.

    Attributes:
        threshold: level at which F has its value at 0, > 0.
        slope: of F's argument over ln level [1], > 0; the same for functions that differ by a
            factor on the level.
        guess: P far below threshold, 0 to 1; 1/2 for two alternatives.
        lapse: what P stays below 1 by, far above threshold.
        shape: F.
    """

    threshold: float
    slope: float
    guess: float = 0.5
    lapse: float = 0.0
    shape: Shape = CUMULATIVE_GAUSSIAN

    def __call__(self, levels: Numbers | float) -> Numbers:
        """P at levels > 0."""
        z = self.slope * np.log(np.asarray(levels, float) / self.threshold)
        return np.asarray(self.guess + (1 - self.guess - self.lapse) * self.shape.rise(z))

    @property
    def steepness(self) -> float:
        """dP/dx at the threshold [1 per unit of level]."""
        density = float(self.shape.density(np.zeros(1))[0])
        return (1 - self.guess - self.lapse) * density * self.slope / self.threshold


def deviance(function: Psychometric, levels: Numbers, correct: Numbers, trials: Numbers) -> float:
    """Twice the log likelihood that the function lacks of one that meets every point.

    Args:
        function: that is judged.
        levels: > 0, (levels,).
        correct: responses counted by P, (levels,).
        trials: of each level, (levels,).
    """
    right, count = np.asarray(correct, float), np.asarray(trials, float)
    return float(2 * (_loss(function(levels), right, count) - _loss(right / count, right, count)))


def _loss(p: Numbers, right: Numbers, count: Numbers) -> float:
    """Minus the log likelihood, without the binomial coefficients."""
    p = np.clip(p, LEAST, 1 - LEAST)
    return float(-np.sum(right * np.log(p) + (count - right) * np.log1p(-p)))


def fit_psychometric(
    levels: Numbers,
    correct: Numbers,
    trials: Numbers,
    *,
    shape: Shape = CUMULATIVE_GAUSSIAN,
    guess: float = 0.5,
    most_lapses: float = 0.06,
    start: Psychometric | None = None,
) -> Psychometric:
    """The function under which the responses are most likely.

    Args:
        levels: > 0, two different ones at least, (levels,).
        correct: responses counted by P, (levels,); fractions of trials are allowed.
        trials: of each level, (levels,), > 0.
        shape: F.
        guess: known, 0 to below 1.
        most_lapses: the lapse rate is fitted between 0 and this; 0 fixes it at 0.
        start: the only start of the search; several by default.

    Raises:
        ValueError: levels or counts that no function can be fitted to.
    """
    x, right, count = (np.asarray(a, float) for a in (levels, correct, trials))
    from scipy.optimize import minimize  # slow to import, seldom needed

    _check(x, right, count)
    logs = np.log(x)
    span = np.ptp(logs)

    def loss(parameters: Numbers) -> tuple[float, Numbers]:
        centre, log_slope, lapse = parameters
        slope = np.exp(log_slope)
        z = slope * (logs - centre)
        rise, height = shape.rise(z), 1 - guess - lapse
        raw = guess + height * rise
        p = np.clip(raw, LEAST, 1 - LEAST)
        by_p = (count - right) / (1 - p) - right / p
        by_z = np.where(p == raw, by_p * height * shape.density(z), 0.0)
        by_lapse = np.where(p == raw, -by_p * rise, 0.0)
        gradient = np.array([-slope * by_z.sum(), (by_z * z).sum(), by_lapse.sum()])
        return _loss(raw, right, count) / count.sum(), gradient / count.sum()

    bounds = (
        (logs.min() - span, logs.max() + span),
        (np.log(FLATTEST), np.log(STEEPEST)),
        (0.0, most_lapses),
    )
    if start is not None:
        starts = [(np.log(start.threshold), np.log(start.slope), start.lapse)]
    else:
        centres = logs.min() + span * np.array([0.25, 0.5, 0.75])
        starts = [(c, np.log(b / span), most_lapses / 2) for c in centres for b in (3.0, 8.0)]
    runs = [minimize(loss, np.array(s), jac=True, method="TNC", bounds=bounds) for s in starts]
    centre, log_slope, lapse = min(runs, key=lambda run: float(run.fun)).x
    return Psychometric(float(np.exp(centre)), float(np.exp(log_slope)), guess, float(lapse), shape)


def _check(x: Numbers, right: Numbers, count: Numbers) -> None:
    if not (x.ndim == 1 and x.shape == right.shape == count.shape):
        raise ValueError("levels, correct, trials: allowed: one number a level each")
    if len(np.unique(x)) < 2 or not (np.isfinite(x).all() and (x > 0).all()):
        raise ValueError(f"levels: found {x.tolist()}, allowed: two or more, > 0")
    if not ((count > 0).all() and (right >= 0).all() and (right <= count).all()):
        raise ValueError("correct, trials: allowed: 0 <= correct <= trials, trials > 0")


@dataclass(frozen=True)
class Resampled:
    """Fits to observers that follow a function, in its experiment.

    Attributes:
        threshold, slope, steepness, deviance: as of `Psychometric` and `deviance`, (resamples,).
    """

    threshold: Numbers
    slope: Numbers
    steepness: Numbers
    deviance: Numbers

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of one of them."""
        low, high = np.quantile(getattr(self, name), ((1 - level) / 2, (1 + level) / 2))
        return float(low), float(high)

    def fit_probability(self, found: float) -> float:
        """Share of deviances as large as that found; a small one says the function is wrong."""
        return float((1 + np.sum(self.deviance >= found)) / (1 + len(self.deviance)))


def bootstrap_psychometric(
    function: Psychometric,
    levels: Numbers,
    trials: Numbers,
    *,
    resamples: int,
    rng: np.random.Generator,
    most_lapses: float = 0.06,
) -> Resampled:
    """Simulated observers that follow a fitted function, each fitted in the same way.

    Args:
        function: as fitted, with its shape and guess rate.
        levels, trials: of the experiment, (levels,).
        resamples: how many.
        rng: of the simulated responses.
        most_lapses: as for `fit_psychometric`.
    """
    drawn = rng.binomial(np.asarray(trials, int), function(levels), (resamples, len(levels)))
    fits = [
        fit_psychometric(
            levels,
            row,
            trials,
            shape=function.shape,
            guess=function.guess,
            most_lapses=most_lapses,
            start=function,
        )
        for row in drawn
    ]
    return Resampled(
        threshold=np.array([fit.threshold for fit in fits]),
        slope=np.array([fit.slope for fit in fits]),
        steepness=np.array([fit.steepness for fit in fits]),
        deviance=np.array(
            [deviance(fit, levels, row, trials) for fit, row in zip(fits, drawn, strict=True)]
        ),
    )


FITTED = {
    "threshold": ("%", "contrast at the threshold"),
    "slope": ("1", "slope over the logarithm of contrast"),
    "steepness": ("1/%", "slope at the threshold over contrast"),
}


def psychometric_functions(
    correct: xr.DataArray,
    condition: str,
    over: str,
    *,
    shape: Shape,
    most_lapses: float,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    """A function of contrast for each condition, with intervals, and how well it fits.

    Intervals are those of a parametric bootstrap, each condition by itself.

    Args:
        correct: whether answers were right, with the dimensions `condition`, ``contrast``,
            ``trial`` and `over`.
        condition: dimension of the conditions.
        over: dimension of observers; all of them are fitted together, and each one alone.
        shape, most_lapses: as for `fit_psychometric`.
        resamples, level, rng: number of resamples, level of intervals, generator of the bootstrap.

    Returns:
        Estimates ``threshold``, ``slope``, ``steepness``; the same by observer, without intervals,
        as ``each_threshold``, ...; ``<name>_ratio`` of neighbouring conditions, the first over the
        second, along ``pair`` as "first to second"; ``lapse`` and ``fit_probability``.
    """
    levels, each = correct["contrast"].values, correct.sizes["trial"]
    counts = correct.sum("trial").transpose(condition, over, "contrast").values
    trials, alone = (np.full(len(levels), each * n) for n in (correct.sizes[over], 1))
    rules: dict[str, Any] = {"shape": shape, "most_lapses": most_lapses}
    values, drawn, single = [], [], []
    for right in counts:
        fit = fit_psychometric(levels, right.sum(axis=0), trials, **rules)
        resampled = bootstrap_psychometric(
            fit, levels, trials, resamples=resamples, rng=rng, most_lapses=most_lapses
        )
        found = {name: getattr(fit, name) for name in (*FITTED, "lapse")}
        found["fit_probability"] = resampled.fit_probability(
            deviance(fit, levels, right.sum(axis=0), trials)
        )
        values.append(xr.Dataset(found))
        drawn.append(xr.Dataset({n: ("resample", getattr(resampled, n)) for n in FITTED}))
        own = [fit_psychometric(levels, one, alone, **rules) for one in right]
        single.append(xr.Dataset({n: (over, [getattr(f, n) for f in own]) for n in FITTED}))
    along = xr.Variable(condition, correct[condition].values)
    value, samples, apart = (xr.concat(one, along) for one in (values, drawn, single))
    out = xr.Dataset()
    for name, (unit, text) in FITTED.items():
        ratio, ratios = (paired(x[name], condition, operator.truediv) for x in (value, samples))
        for key, array, units, words in (
            (name, estimate(value[name], samples[name], level), unit, text),
            (f"each_{name}", apart[name], unit, f"{text}, by {over}"),
            (f"{name}_ratio", estimate(ratio, ratios, level), "1", f"{text}: first over second"),
        ):
            out[key] = array.assign_attrs(units=units, long_name=words)
    out["lapse"] = value["lapse"].assign_attrs(units="1", long_name="lapse rate")
    bad = "probability of so bad a fit"
    out["fit_probability"] = value["fit_probability"].assign_attrs(units="1", long_name=bad)
    return out


def paired(array: Any, dim: str, by: Callable[[Any, Any], Any]) -> Any:
    """Each of the elements along a dimension by the next: their difference or their ratio.

    Returns:
        What `by` gives, along ``pair`` as "first to second".
    """
    neighbours = list(itertools.pairwise(array[dim].values))
    rows = [by(*(array.sel({dim: x}, drop=True) for x in pair)) for pair in neighbours]
    return xr.concat(rows, xr.Variable("pair", [f"{a} to {b}" for a, b in neighbours]))
