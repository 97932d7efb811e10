"""Summation on the orientation ring: supralinear when weak, normalised when strong.

One grating, the orthogonal one, and both together are shown to a ring of E/I pairs over a range
of contrasts. The *sum weight* w = <s, r_both>/<s, s>, with s the sum of the two single responses,
says how the response to both compares with that sum: above 1 it is supralinear, below 1 the
gratings suppress each other. For gratings of unequal contrast the two weights of least squares
say how far the stronger one wins.

Source: Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as transcribed by others.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.analysis import crossing, pair_weights, sum_weight
from cortex.circuit import EI, Epoch, Projections, SteadyState, steady_state
from cortex.experiment import (
    Above,
    Below,
    Between,
    Claim,
    Course,
    Experiment,
    ExperimentSettings,
    Near,
    course,
    settled_claim,
)
from cortex.labelled import Labelled, over, quality
from cortex.models.ring import RUBIN, Ring
from cortex.models.settling import Settle
from cortex.settings import Axis, Contrasts, axis, contrasts, kept, quantity
from cortex.sources import COMPUTED, Source
from cortex.stimuli.ring import paired_bumps

GRATINGS = ("first", "second")
SHOWN = {"first": np.array([1.0, 0.0]), "second": np.array([0.0, 1.0]), "both": np.ones(2)}


class Settings(ExperimentSettings):
    """Settings of `ring_normalization`."""

    circuit: Ring = Ring()
    contrasts: Contrasts = contrasts(2.0, 10.0, 50.0, curve=(1.0, 100.0, 49))
    orientations: tuple[float, float] = quantity(
        (45.0, 135.0), "deg", "orientations of the two gratings", RUBIN
    )
    width: float = quantity(30.0, "deg", "width of the Gaussian drive of a grating", RUBIN, gt=0)
    strong: float = quantity(60.0, "%", "contrast of the first grating of unequal pairs", gt=0)
    shares: Axis = axis(
        1 / 3,
        curve=(0.1, 1.0, 10),
        unit="1",
        description="contrast of the second grating relative to the first",
    )
    settle: Settle = Settle()


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Steady responses to single gratings and pairs, and the inputs of the unit at the first."""
    del key  # nothing here is random
    circuit, preferred = s.circuit.circuit(), s.circuit.preferred()
    here = s.circuit.unit_at(s.orientations[0])

    def drive(contrasts: Array) -> Array:
        return paired_bumps(
            s.circuit.positions(), s.orientations, contrasts, s.width, s.circuit.period
        )

    def respond(contrasts: Array) -> tuple[SteadyState, Projections[Array]]:
        h = drive(contrasts)
        state = steady_state(circuit, EI(h, h), solver=s.settle())
        return state, circuit.coupling.parts(state.rates).map(lambda part: part[here])

    equal, inputs = over(contrast=s.contrasts, shown=SHOWN)(lambda c, on: respond(c * on))
    unequal, _ = over(share=s.shares, shown=SHOWN)(
        lambda share, on: respond(s.strong * jnp.stack([1.0, share]) * on)
    )
    stimulus = over(contrast=s.contrasts)(lambda c: drive(c * SHOWN["first"])[here])
    rates = equal.rates.named("Hz", "rate", preferred=preferred)
    competing = unequal.rates.named("Hz", "rate, unequal contrasts", preferred=preferred)
    alone = rates.sel(shown="first").isel(preferred=here)
    w = rates.apply(sum_weight, "shown", "preferred")
    weights = competing.apply(pair_weights, "shown", "preferred", to={"grating": GRATINGS})
    return {
        "rates": rates,
        "r": alone.named("Hz", "rate at the orientation of a single grating"),
        "w": w.named("1", "sum weight of the response to both"),
        "unequal": competing,
        "weights": weights.named("1", "weight of each single response in that to both"),
        "input_drive": stimulus.named("%", "stimulus drive of the E unit at the grating"),
        "input_EE": inputs.EE.sel(shown="first").named("%", "input from E of that unit"),
        "input_EI": inputs.EI.sel(shown="first").named("%", "input from I of that unit, magnitude"),
        **quality(equal, unequal),
    }


def watch(s: Settings) -> Course:
    """The first grating, and then the second with it: the response to the first falls."""
    first, second = (s.strong * s.circuit.bump(at, s.width) for at in s.orientations)
    steps = [
        (Epoch(50.0, EI(0 * first, 0 * first)),),
        (Epoch(150.0, EI(first, first)), "first grating"),
        (Epoch(200.0, EI(first + second, first + second)), "first grating", "second grating"),
    ]
    return course(s.circuit.circuit(), steps, preferred=s.circuit.preferred())


def network_share(d: xr.Dataset) -> xr.DataArray:
    """Share of the network in all input of the E unit at the grating."""
    network = d.input_EE + d.input_EI
    return network / (d.input_drive + network)


def flat_maximum(d: xr.Dataset) -> str:
    """Where the network's share is within half a per cent of its largest."""
    share = network_share(d)
    flat = d.contrast.values[share >= 0.995 * share.max()]
    if not len(flat):
        return "No share is finite."
    return (
        f"The maximum is flat: the share stays within 0.5 % of it from {flat.min():.3g} to "
        f"{flat.max():.3g} %, so that a place of the peak means little."
    )


PUBLISHED = Source("rubin2015", "Fig. 1 (w_E = 0.69 at c = 50), by independent transcriptions")
WINNER = Source(
    "rubin2015",
    "Fig. 1 (winner-take-all), by independent transcriptions; the measure is ours",
)
TABULATED = kept("circuit", "orientations", "width")
# E and I at the contrasts of the table.
RATES = {2: (0.189, 0.193), 10: (11.737, 15.666), 50: (38.612, 87.177)}
WEIGHTS = {2: (1.211, 1.225), 10: (0.868, 0.973), 50: (0.689, 0.761)}
UNEQUAL = {"first": 0.898, "second": 0.270}

CLAIMS = (
    Claim(
        "r",
        lambda d: d.r,
        Near(RATES, rtol=0.005),
        COMPUTED,
        "rate at the orientation of one grating",
        when=TABULATED,
    ),
    Claim(
        "w",
        lambda d: d.w,
        Near(WEIGHTS, rtol=0.005),
        COMPUTED,
        "sum weight of the response to two gratings",
        when=TABULATED,
    ),
    Claim(
        "w_published",
        lambda d: d.w.sel(contrast=50, population="E"),
        Near(0.69, atol=0.005),
        PUBLISHED,
        "two strong gratings suppress each other",
        headline=True,
        when=kept("circuit", "orientations", "width", "contrasts"),
    ),
    Claim(
        "weights_unequal_pair",
        lambda d: d.weights.sel(population="E"),
        Near({1 / 3: UNEQUAL}, rtol=0.005),
        COMPUTED,
        "weights of two gratings of 60 and 20 %",
        when=kept("circuit", "orientations", "width", "strong"),
    ),
    Claim(
        "weak_weight_least_rise",
        lambda d: d.weights.sel(population="E", grating="second").diff("share").min(),
        Above(0, "the weaker a grating, the smaller its weight"),
        WINNER,
        "unequal contrasts become winner-take-all",
    ),
    Claim(
        "sublinear_above",
        lambda d: crossing(d.w.sel(population="E"), 1.0),
        Between(8, 10),
        COMPUTED,
        "summation turns sublinear",
        headline=True,
        unit="%",
        when=TABULATED,
    ),
    Claim(
        "network_share_peak",
        lambda d: network_share(d).idxmax("contrast"),
        Between(15, 20, "stated as near"),
        COMPUTED,
        "the network's share of the input peaks",
        headline=True,
        known=flat_maximum,
        unit="%",
        when=TABULATED,
    ),
    Claim(
        "E_over_E_plus_I_largest_rise",
        lambda d: (d.input_EE / (d.input_EE + d.input_EI)).diff("contrast").max(),
        Below(0, "falls with contrast"),
        COMPUTED,
        "inhibition's share of the network's input grows",
        headline=True,
        unit="1",
        when=TABULATED,
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    course=watch,
    small={"circuit.units": 36, "contrasts.curve": [2.0, 60.0, 4], "shares.curve": [0.5, 1.0, 2]},
)
