"""Oscillations: with inhibition slow enough the ring rings, in the gamma band, and then cycles.

A grating is shown to the ring of E/I pairs with time constants shorter than published. The
spectrum of the Jacobian says at which time constant of inhibition the steady state becomes
unstable, and how fast it oscillates there. Below the onset, noise on the input makes it ring: the
power of the mean E rate from linear theory and from simulation, against contrast. Beyond the onset
it is a limit cycle.

Source: Rubin, Van Hooser & Miller 2015, Fig. 1 (the ring, as transcribed by others); gamma that
rises with contrast: Ray & Maunsell 2010. Time constants and noise are ours: with the published
20 ms of E units the same oscillation is four times slower, below the gamma band.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.analysis import crossing, cycle_frequency
from cortex.circuit import (
    EI,
    Circuit,
    Epoch,
    Fixed,
    OrnsteinUhlenbeck,
    jacobian_eigenvalues,
    periodogram,
    power_spectrum,
    simulate_noise,
    steady_state,
)
from cortex.circuit import simulate as time_course
from cortex.experiment import Above, Between, Claim, Experiment, Near, settled_claim
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models import Ring, Settle
from cortex.models.ring import RUBIN
from cortex.settings import Axis, Contrasts, ExperimentSettings, axis, contrasts, quantity, replaced
from cortex.sources import Source

SAMPLE = 2.0  # ms between samples of noisy rates
SEGMENT = 256  # samples of a spectrum: 2 Hz apart
FREQUENCIES = np.arange(1, SEGMENT // 4) * (1000.0 / (SAMPLE * SEGMENT))  # Hz
CYCLE = np.arange(300.0, 500.0, 0.5)  # ms, when the limit cycle is looked at


class Settings(ExperimentSettings):
    """Settings of `oscillations`."""

    circuit: Ring = Ring(units=36)  # fewer than published, for speed: responses are the same
    orientation: float = quantity(45.0, "deg", "orientation of the grating", RUBIN)
    width: float = quantity(30.0, "deg", "width of its Gaussian drive", RUBIN, gt=0)
    contrasts: Contrasts = contrasts(20, 50, 100, description="contrast")
    cycle_contrast: float = quantity(50.0, "%", "contrast of the onset and of the cycle", gt=0)
    tau_E: float = quantity(5.0, "ms", "time constant of E units, in place of the ring's", gt=0)
    tau_I: float = quantity(4.5, "ms", "time constant of I units in spectra: damped", gt=0)
    tau_slow: float = quantity(5.7, "ms", "time constant of I units beyond the onset", gt=0)
    inhibition: Axis = axis(curve=(2, 8, 25), unit="ms", description="time constant of I units")
    noise_sd: float = quantity(0.5, "%", "SD of the input noise: weak, for linear theory", gt=0)
    noise_tau: float = quantity(2.0, "ms", "its time constant: short, to hide no peak", gt=0)
    noise_width: float = quantity(60.0, "deg", "width of its correlation over the ring", gt=0)
    trials: int = quantity(12, "1", "simulated trials for each contrast", ge=2)
    duration: float = quantity(4000.0, "ms", "duration of a trial", ge=1000)
    step: float = quantity(0.5, "ms", "step of the simulations", gt=0)
    settle: Settle = Settle(rtol=1e-5, atol=1e-5)

    def drive(self, contrast: Any) -> EI[Array]:
        """Input of a grating to the ring [%]."""
        drive = contrast * self.circuit.bump(self.orientation, self.width)
        return EI(drive, drive)

    def ring(self, tau_I: Any) -> Circuit:
        """The ring with E units of `tau_E` and I units of another time constant [ms]."""
        return replaced(self.circuit, {"tau_E": self.tau_E, "tau_I": tau_I}).circuit()


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Onset against the time constant of I, spectra of noisy rates, and the limit cycle.

    On a CPU, where general eigenvalues are to be had.
    """

    def settle(contrast: Array) -> Any:
        # Time constants do not move a steady state: it is found with those of the circuit.
        return steady_state(s.circuit.circuit(), s.drive(contrast), solver=s.settle())

    states = jax.vmap(settle)(jnp.asarray(s.contrasts.array(), float))
    cycling = settle(jnp.asarray(s.cycle_contrast, float))
    return {
        **onset(s, cycling.rates),
        **spectra(s, states.rates, key),
        "cycle": cycle(s, cycling.rates),
        **quality(states, cycling),
    }


def onset(s: Settings, rates: EI[Array]) -> dict[str, Labelled]:
    """Growth rate and frequency of the leading mode around a steady state."""

    def leading(tau_I: Array) -> dict[str, Labelled]:
        values = jacobian_eigenvalues(s.ring(tau_I), rates, s.drive(s.cycle_contrast))
        first = 1000.0 * values[jnp.argmax(values.real)]
        frequency = jnp.abs(first.imag) / (2 * jnp.pi)
        return {
            "growth": label(first.real, "1/s", "largest real part of an eigenvalue"),
            "ringing": label(frequency, "Hz", "frequency of that eigenvalue"),
        }

    found: dict[str, Labelled] = over(tau_I=s.inhibition)(leading)
    return found


def spectra(s: Settings, rates: EI[Array], key: Array) -> dict[str, Labelled]:
    """Power of the mean E rate at every contrast, from linear theory and from simulated trials."""
    levels = jnp.asarray(s.contrasts.array(), float)
    keys = jax.random.split(key, (len(levels), s.trials))
    units, period, circuit = s.circuit.units, s.circuit.period, s.ring(s.tau_I)
    noise = OrnsteinUhlenbeck.on_ring(s.noise_tau, s.noise_sd, units, s.noise_width, period)

    def theory(contrast: Array, rates: EI[Array]) -> Array:
        frequencies, mean = jnp.asarray(FREQUENCIES, float), EI(1.0 / units, 0.0)
        return power_spectrum(circuit, rates, s.drive(contrast), noise, frequencies, mean)

    def trial(contrast: Array, rates: EI[Array], key: Array) -> Array:
        series = simulate_noise(
            circuit,
            s.drive(contrast),
            noise,
            key,
            duration=s.duration,
            dt=s.step,
            burn_in=200.0,
            sample_every=SAMPLE,
            initial=rates,
            observe=lambda r: r.E[:1],
            record=lambda r: jnp.mean(r.E),
        ).series
        return periodogram(series, SAMPLE, SEGMENT)[1][: len(FREQUENCIES)]

    expected = jax.vmap(theory)(levels, rates)
    simulated = jax.vmap(jax.vmap(trial, (None, None, 0)))(levels, rates, keys)
    unit, words = "Hz^2/Hz", "power of the mean E rate"
    at, of = {"contrast": s.contrasts}, {"frequency": coordinate(FREQUENCIES, "Hz", "frequency")}
    return {
        "power_theory": label(expected, unit, f"{words}, linear theory", **at, **of),
        "power_simulated": label(simulated, unit, f"{words}, simulated", **at, trial=None, **of),
    }


def cycle(s: Settings, rates: EI[Array]) -> Labelled:
    """Rates at the grating with slow inhibition, some time after a small kick."""
    centre = jnp.argmax(rates.E)
    course = time_course(
        s.ring(s.tau_slow),
        [Epoch(float(CYCLE[-1]) + 1.0, s.drive(s.cycle_contrast))],
        jnp.asarray(CYCLE),
        save=lambda t, r, dynamics: r.map(lambda one: one[centre]),
        initial=rates.map(lambda r: 1.05 * r),
        stepping=Fixed(dt=0.25),
    ).values
    time = coordinate(CYCLE - CYCLE[0], "ms", "time")
    return label(course, "Hz", "rate at the grating", time=time)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Where the oscillation sets in, and its frequency there with these and published units."""
    del rng  # nothing is drawn
    at = crossing(data.growth, 0.0, falling=False)
    frequency = float(np.interp(at, data.tau_I, data.ringing))
    # All time constants stretched alike, as the Jacobian's eigenvalues are 1/tau.
    tau_E = xr.DataArray([s.tau_E, s.circuit.tau_E], dims="tau_E")
    tau_E.attrs = {"units": "ms", "long_name": "time constant of E units"}
    scaled = frequency * s.tau_E / tau_E
    words = {"units": "Hz", "long_name": "frequency at the onset"}
    return {
        "onset": xr.DataArray(at, attrs={"units": "ms", "long_name": "time constant of I there"}),
        "onset_frequency": scaled.assign_coords(tau_E=tau_E).assign_attrs(words),
    }


def peak(power: xr.DataArray) -> xr.DataArray:
    """Frequency of the largest power [Hz]."""
    return power.frequency[power.fillna(0.0).argmax("frequency")].drop_vars("frequency")


GAMMA = Between(30, 80, "gamma band")
ASKED = Source(detail="asked of the circuit here")
RAY = Source("ray2010", "the frequency of gamma in V1 rises with contrast")
THEORY = Source(detail="linear theory of the same circuit; exact as the noise goes to zero")
SLOWER = (
    "with the published time constants slow inhibition oscillates at alpha and beta frequencies; "
    "frequencies scale as 1/tau, so that gamma takes time constants near 5 ms"
)

CLAIMS = (
    Claim(
        "onset_frequency",
        lambda d: d.onset_frequency,
        GAMMA,
        ASKED,
        "inhibition slow enough makes the ring oscillate in the gamma band",
        known=SLOWER,
    ),
    Claim(
        "limit_cycle_frequency",
        lambda d: cycle_frequency(d.cycle.sel(population="E")),
        GAMMA,
        ASKED,
        "beyond the onset the ring cycles by itself in the gamma band",
        unit="Hz",
    ),
    Claim(
        "peak_frequency_rise",
        lambda d: peak(d.power_simulated.mean("trial"))[[0, -1]].diff("contrast").sum(),
        Above(0, "from the lowest to the highest contrast"),
        RAY,
        "the frequency of gamma rises with contrast",
        unit="Hz",
    ),
    Claim(
        "power_over_theory",
        lambda d: (
            d.power_simulated.mean("trial").sum("frequency") / d.power_theory.sum("frequency")
        ),
        Near(1.0, atol=0.15),
        THEORY,
        "the power of simulated noise is that of the linear theory",
        unit="1",
    ),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    small={"circuit.units": 18, "contrasts": [20.0, 60.0], "inhibition.curve": [2.0, 8.0, 4]}
    | {"trials": 2, "duration": 1000.0},
)
