"""Gain of V4 neurons between a colour and a shape task, recorded and in circuits of varied cells.

Shown: stimuli of a colour and a shape each. Data: units of macaque V4 in sessions, their
selectivity for colours against shapes, and their gain in the colour task against the shape task.
Simulated: circuits of cells that prefer a colour and a shape and are driven by both in shares that
differ; attention to colour adds to the input, or the gain, of a cell by its share of colour, to
shape by its share of shape. How much shares differ is fitted to the spread of selectivity, and one
strength of attention to the slope of gain on selectivity, in one half of the sessions; correlation
and spread of gains are compared with the other half.

Source: Srinath et al. 2024, data and definitions; the ring of Rubin, Van Hooser & Miller 2015;
cells of two features, and what attention to one is, are our design.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex.analysis import estimate
from cortex.circuit import EI
from cortex.experiment import Above, Below, Claim, Near, Reported
from cortex.labelled import coordinate, label
from cortex.models.top_down import FORMS, TopDownForm
from cortex.models.two_features import Cells, Observed, TwoFeatures
from cortex.progress import stage
from cortex.settings import NonNegative, choice, quantity
from cortex.sources import Source
from cortex.stimuli.public_data import located
from cortex.stimuli.recordings import read_task_gains


class Settings(ex.ExperimentSettings):
    """Settings of `task_gain_of_neurons`."""

    folder: str = choice("", "of v4_gain; empty: v4_gain in the folder CORTEX_DATA (`cortex data`)")
    model: TwoFeatures = TwoFeatures()
    circuits: int = quantity(10, "1", "circuits, each of cells of its own", ge=2)
    shares: tuple[NonNegative, ...] = quantity(
        (0.0, 0.02, 0.05, 0.1), "1", "SD of the share of colour, to fit between", min_length=2
    )
    inputs: tuple[float, ...] = quantity(
        (-8.0, 0.0, 8.0, 16.0, 32.0), "%", "input by attention, to fit between", min_length=2
    )
    gains: tuple[float, ...] = quantity(
        (-0.2, 0.0, 0.2, 0.4, 0.8), "1", "gain by attention, to fit between", min_length=2
    )
    resamples: int = ex.bootstrap_resamples(2000, "sessions and their units")
    level: float = ex.interval_level()


STATISTICS = ("slope", "correlation", "spread")
STATISTICS += tuple(f"{name} within sessions" for name in STATISTICS)


def form_of(form: str, strength: float) -> TopDownForm:
    """A form of attention of one strength: input [%], or gain [1]."""
    gain, to_I = form == "gain on drive", form == "input to E and I"
    return TopDownForm(EI(strength * (not gain), strength * to_I), strength * gain)


@eqx.filter_jit
def observe(s: Settings, cells: Cells, spread: Array, form: TopDownForm) -> Observed:
    """What is recorded of all circuits."""
    return jax.vmap(lambda one: s.model.record(one, spread, form))(cells)


def simulate(s: Settings, key: Array) -> dict[str, Any]:
    """Fit how shares differ and one strength of each form to half of the sessions; observe."""
    sessions = read_task_gains(located("v4_gain", s.folder))
    x, y = (padded([one[n] for one in sessions]) for n in (0, 1))
    mixed = np.random.default_rng(jax.random.bits(key).item()).permutation(len(sessions))
    fitted = np.isin(np.arange(len(sessions)), mixed[: len(sessions) // 2])
    wanted, _, _, *_ = statistics(x[fitted], y[fitted])
    cells = eqx.filter_vmap(s.model.cells)(jax.random.split(key, s.circuits))
    looks = len(s.shares) + 2 * (len(s.inputs) + 1) + len(s.gains) + 1
    with stage("cells and attention", looks) as advance:

        def seen(spread: float, form: str, strength: float) -> list[np.ndarray]:
            advance()
            made = jax.tree.map(lambda x: jnp.asarray(x, float), form_of(form, strength))
            return [*map(np.asarray, observe(s, cells, jnp.asarray(spread, float), made))]

        spreads = [seen(spread, FORMS[0], 0.0)[0].std() for spread in s.shares]
        spread = float(np.interp(np.nanstd(x[fitted]), spreads, s.shares))
        made, slopes, strengths = [], {}, []
        for form in FORMS:
            tried = s.gains if form == "gain on drive" else s.inputs
            slopes[form] = [statistics(*seen(spread, form, x)[:2])[0] for x in tried]
            strengths.append(float(np.interp(wanted, slopes[form], tried)))
            made.append(seen(spread, form, strengths[-1]))
    selectivity, gain, settled = (np.stack(each) for each in zip(*made, strict=True))
    number = np.arange(1, len(sessions) + 1)
    unit = {"session": coordinate(number, "1", "session"), "unit": None}
    cell = {"attention": FORMS, "circuit": None, "cell": None}
    return {
        "selectivity": label(x, "1", "selectivity, colour against shape", **unit),
        "gain": label(y, "1", "gain, colour against shape task", **unit),
        "fitted": label(fitted, "1", "whether the session is fitted", session=unit["session"]),
        "model_selectivity": label(selectivity, "1", "selectivity, colour against shape", **cell),
        "model_gain": label(gain, "1", "gain, colour against shape task", **cell),
        "settled": label(settled, "1", "whether all settled", attention=FORMS, circuit=None),
        "strength": label(strengths, "1", "strength: input [%] or gain [1]", attention=FORMS),
        "share_spread": label(spread, "1", "SD of the share of colour"),
    }


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of unlike length as one array, NaN behind their ends."""
    found = np.full((len(rows), max(map(len, rows))), np.nan)
    for number, row in enumerate(rows):
        found[number, : len(row)] = row
    return found


@np.errstate(invalid="ignore")  # no unit at all
def statistics(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`STATISTICS` of y against x (..., session, unit), NaN where there is no unit."""
    found, known = [], np.isfinite(x * y)
    for at in ((-2, -1), (-1,)):
        x, y = (z - np.nansum(z, at, keepdims=True) / known.sum(at, keepdims=True) for z in (x, y))
        xx, yy, xy = (np.nansum(z, (-2, -1)) / known.sum((-2, -1)) for z in (x * x, y * y, x * y))
        some, both = (np.where(one > 0, one, np.nan) for one in (xx, np.sqrt(xx * yy)))
        found += [xy / some, xy / both, np.sqrt(yy)]
    return np.stack(found, -1)


def resampled(
    x: np.ndarray, y: np.ndarray, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Statistics of sessions drawn again, and units within each, (n, statistic); and the value."""
    count = np.isfinite(x).sum(1)
    session = rng.integers(len(x), size=(n, len(x)))
    unit = (rng.random((n, *x.shape)) * count[session][..., None]).astype(int)
    absent = np.arange(x.shape[1]) >= count[session][..., None]
    drawn = [np.where(absent, np.nan, one[session[..., None], unit]) for one in (x, y)]
    return statistics(x, y), statistics(*drawn)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, Any]:
    """Statistics of data and model with intervals over sessions, or circuits, and their units."""

    def drawn(values: Any, dim: str, names: Any, words: str) -> tuple[xr.DataArray, xr.DataArray]:
        found = [resampled(x, y, s.resamples, rng) for x, y in values]
        coords = {dim: list(names), "statistic": list(STATISTICS)}
        value = xr.DataArray([one[0] for one in found], coords, (dim, "statistic"))
        again = xr.DataArray([one[1] for one in found], coords, (dim, "resample", "statistic"))
        return value.assign_attrs(units="1", long_name=words), again

    with stage("intervals"):
        x, y, fitted = data.selectivity.values, data.gain.values, data.fitted.values
        halves = {"all": fitted | True, "fitted": fitted, "other": ~fitted}
        given = [(x[rows], y[rows]) for rows in halves.values()]
        value, again = drawn(given, "sessions", halves, "of recorded units")
        pairs = zip(data.model_selectivity.values, data.model_gain.values, strict=True)
        model, model_again = drawn(pairs, "attention", FORMS, "of cells")
        single = [(x[[n]], y[[n]]) for n in range(len(x))]
        alone, alone_again = drawn(single, "session", range(1, len(x) + 1), "of one session")
        gap = model - value.sel(sessions="other", drop=True)
        gap_again = model_again - again.sel(sessions="other", drop=True)

        def halved() -> np.ndarray:
            rows = np.array_split(rng.permutation(len(x)), 2)
            return np.subtract(*(statistics(x[half], y[half]) for half in rows))

        apart = np.std([halved() for _ in range(s.resamples)], axis=0)
    words = {"units": "1", "long_name": "cells of the model less units of the other half"}
    return {
        "recorded": estimate(value, again, s.level),
        "model": estimate(model, model_again, s.level),
        "by_session": estimate(alone, alone_again, s.level),
        "gap": estimate(gap.assign_attrs(words), gap_again, s.level),
        "split_gap": label(apart, "1", "SD between halves of the sessions", statistic=STATISTICS),
    }


WITHIN = "within sessions"
SRINATH = Source(detail="of the authors' file of all 23 sessions, as computed by us")
DIRECTION = Source("srinath2024", "direction")
OURS = Source(detail="asked here; not reported by others")
FEW = "Slopes differ in sign between sessions, and one session has most of the pooled slope."


def of(name: str, *statistics: str) -> Any:
    """Statistics with their intervals; of recorded units, those of all sessions."""
    at = {"sessions": "all"} if name == "recorded" else {}
    return lambda d: d[name].sel({**at, "statistic": list(statistics)})


CLAIMS = (
    Claim(
        "pooled",
        of("recorded", "slope", "correlation"),
        Near({"slope": 0.19, "correlation": 0.18}, atol=0.01),
        SRINATH,
        "gain on selectivity over all units",
        True,
    ),
    Claim(
        "recorded_slope",
        of("recorded", "slope", f"slope {WITHIN}"),
        Above(0),
        DIRECTION,
        "units selective for colour gain in the colour task, over sessions",
        True,
        FEW,
    ),
    Claim(
        "correlation_gap",
        of("gap", f"correlation {WITHIN}"),
        Above(0),
        OURS,
        "gains of the circuit's cells follow selectivity more tightly than the monkey's",
        True,
    ),
    Claim(
        "spread_gap",
        of("gap", f"spread {WITHIN}"),
        Below(0),
        OURS,
        "at one strength the circuit's gains spread less than the monkey's",
        True,
    ),
    Claim(
        "slope_gap",
        of("gap", "slope", f"slope {WITHIN}"),
        Reported(),
        OURS,
        "slope of the model, fitted to one half, less that of the other half",
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    needs=("v4_gain",),
    small={"model.ring.units": 9, "model.gain": 0.05, "circuits": 2, "shares": [0.0, 0.1]}
    | {"inputs": [-10.0, 10.0], "gains": [-0.4, 0.4], "resamples": 50},
)
