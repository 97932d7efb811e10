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

import jax.numpy as jnp
import xarray as xr
from jax import Array

from cortex.circuit import EI, Circuit, Modulation
from cortex.experiment import (
    AtMost,
    Below,
    Claim,
    Experiment,
    ExperimentSettings,
    Near,
    settled_claim,
)
from cortex.labelled import Labelled, over, quality
from cortex.models.ring import Ring
from cortex.models.settling import Settle
from cortex.settings import Axis, Contrasts, axis, contrasts, kept, quantity
from cortex.sources import COMPUTED, Source
from cortex.studies.variability import (
    CORRELATION,
    CUT,
    IMPOSSIBLE,
    LINEAR,
    RATIO,
    TOLERANCE,
    Grating,
    Noise,
    Theory,
    Trials,
    linear_theory,
    named_comparison,
    named_statistics,
    stated_covariance,
)


class Settings(ExperimentSettings):
    """Settings of `ring_variability`."""

    circuit: Ring = Ring()
    grating: Grating = Grating()
    contrasts: Contrasts = contrasts(
        2.0, 5.0, 10.0, 20.0, 50.0, curve=(1.0, 100.0, 21), description="contrast of the grating"
    )
    background: float = quantity(
        5.0, "%", "uniform drive that makes spontaneous activity, of one of two fields", gt=0
    )
    noise: Noise = Noise()
    attended_contrast: float = quantity(10.0, "%", "contrast of the grating attended", gt=0)
    attended_width: float = quantity(
        30.0, "deg", "width of the attended range of orientations", gt=0
    )
    strengths: Axis = axis(
        *(0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        unit="%",
        description="attentional input to E at the grating",
    )
    simulation: Trials = Trials()
    noise_sds: Contrasts = quantity(
        Contrasts(values=(0.25, 0.5, 1.0, 2.0, 4.0)),
        "%",
        "standard deviation of the simulated noise, instead of that of linear theory",
    )
    settle: Settle = Settle()


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Linear theory of the whole ring, and simulation of a smaller one.

    Every simulated condition meets the same random numbers, so that differences between conditions
    have less error than the conditions themselves.
    """
    flanks, noise = s.grating.flanks(s.circuit), s.noise.on(s.circuit)

    def situation(
        ring: Ring, contrast: Any, background: Any = 0.0, strength: Any = 0.0
    ) -> tuple[Circuit, EI[Array], Modulation]:
        drive = background + contrast * s.grating.bump(ring)
        attended = strength * s.grating.bump(ring, s.attended_width)
        modulation = Modulation(input=EI(attended, jnp.zeros_like(attended)))
        return ring.circuit(), EI(drive, drive), modulation

    def theory(*condition: Any) -> tuple[dict[str, Array], Theory]:
        circuit, drive, modulation = situation(s.circuit, *condition)
        found = linear_theory(circuit, drive, noise, s.settle(), modulation)
        return flanks.statistic(found.rates.E, found.covariance), found

    def stated(contrast: Array, rates: EI[Array]) -> dict[str, Array]:
        _, drive, _ = situation(s.circuit, contrast)
        covariance = stated_covariance(s.circuit, s.noise, rates, drive)
        known = flanks.statistic(rates.E, covariance)
        return {name: known[name] for name in ("ratio", "correlation")}

    def by_contrast(contrast: Array, background: Array) -> tuple[dict[str, Array], Theory]:
        return theory(contrast, background)

    def compare(contrast: Array, sd: Array) -> dict[str, dict[str, Array]]:
        circuit, drive, _ = situation(small, contrast)
        given = (circuit, drive, s.noise.on(small, sd), key, small_flanks, s.settle())
        return s.simulation.compare(*given)

    backgrounds = {"none": 0.0, "uniform": s.background}
    shown, states = over(contrast=s.contrasts, background=backgrounds)(by_contrast)
    spontaneous, empty = over()(lambda: theory(0.0, s.background))
    attended, focused = over(strength=s.strengths)(
        lambda strength: theory(s.attended_contrast, 0.0, strength)
    )
    as_stated = over(contrast=s.contrasts)(
        lambda contrast: stated(contrast, theory(contrast)[1].rates)
    )
    small = s.simulation.ring(s.circuit)
    small_flanks = s.grating.flanks(small)
    compared = over(simulated_contrast=s.contrasts.asked(), noise_sd=s.noise_sds)(compare)
    spontaneous.pop("by_difference"), attended.pop("by_difference")
    return {
        **named_statistics(shown, s.circuit),
        **named_statistics(spontaneous, s.circuit, "spontaneous_", "on the background alone"),
        **named_statistics(attended, s.circuit, "attended_", "attended"),
        **named_statistics(as_stated, s.circuit, "stated_", "for the noise as stated"),
        **named_comparison(compared, small),
        **quality(states, empty, focused),
    }


def weakest(d: xr.Dataset) -> xr.Dataset:
    """Simulation and prediction at the weakest noise."""
    return d.isel(noise_sd=0)


def quenched(d: xr.Dataset) -> xr.Dataset:
    """What is left at the highest contrast, on the background."""
    return d.sel(background="uniform").isel(contrast=-1)


ONSET = Source("churchland2010", "direction; in circuits of this kind: Hennequin et al. 2018")
ATTENTION = Source("cohen2009", "direction; also Mitchell, Sundberg & Reynolds 2009")
TABULATED = kept("circuit", "noise", "grating")


def tabulated(name: str, numbers: Any, effect: str, known: str) -> Claim:
    """Numbers of the table, by linear theory."""
    near, effect = Near(numbers, rtol=TOLERANCE), f"linear theory of the {effect}"
    return Claim(name, lambda d: d[name], near, COMPUTED, effect, known=known, when=TABULATED)


FIRST, SECOND = RATIO[0.0], CORRELATION[0.0]
STATED, POSSIBLE = "noise as stated", "noise made possible"

CLAIMS = (
    tabulated("stated_ratio", {10.0: FIRST}, f"variance over mean, {STATED}", IMPOSSIBLE),
    tabulated("stated_correlation", {10.0: SECOND}, f"correlation, {STATED}", IMPOSSIBLE),
    tabulated("ratio", {10.0: {"none": FIRST}}, f"variance over mean, {POSSIBLE}", CUT),
    tabulated("correlation", {10.0: {"none": SECOND}}, f"correlation, {POSSIBLE}", CUT),
    Claim(
        "variance_off_linear",
        lambda d: abs(weakest(d).simulated_variance / weakest(d).predicted_variance - 1).max(),
        AtMost(TOLERANCE),
        LINEAR,
        "simulated variance is that of linear theory for weak noise, at every contrast",
    ),
    Claim(
        "correlation_off_linear",
        lambda d: abs(weakest(d).simulated_correlation - weakest(d).predicted_correlation).max(),
        AtMost(TOLERANCE),
        LINEAR,
        "simulated correlation is that of linear theory for weak noise, at every contrast",
    ),
    Claim(
        "ratio_factor_of_a_stimulus",
        lambda d: quenched(d).ratio / d.spontaneous_ratio,
        Below(1),
        ONSET,
        "a stimulus lowers variance over mean",
        headline=True,
        unit="1",
    ),
    Claim(
        "correlation_change_by_a_stimulus",
        lambda d: quenched(d).correlation - d.spontaneous_correlation,
        Below(0),
        ONSET,
        "a stimulus lowers noise correlations",
        headline=True,
    ),
    Claim(
        "ratio_factor_of_attention",
        lambda d: d.attended_ratio[-1] / d.attended_ratio[0],
        Below(1),
        ATTENTION,
        "attention lowers variance over mean",
        headline=True,
        unit="1",
    ),
    Claim(
        "correlation_change_by_attention",
        lambda d: d.attended_correlation[-1] - d.attended_correlation[0],
        Below(0),
        ATTENTION,
        "attention lowers noise correlations",
        headline=True,
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    small={
        "circuit.units": 24,
        "contrasts.values": [10.0, 50.0],
        "contrasts.curve": [5.0, 100.0, 2],
        "strengths": [0.0, 2.0],
        "simulation.units": 12,
        "simulation.trials": 4,
        "simulation.duration": 400.0,
        "noise_sds": [0.25, 1.0],
    },
)
