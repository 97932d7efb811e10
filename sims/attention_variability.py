"""Attention lowers variability and noise correlations on the ring, in three forms.

A grating is attended or not, while noise (Ornstein-Uhlenbeck, correlated over the ring, shared by
the E and I of a pair) makes the rates fluctuate. Linear theory gives variance over mean of the E
unit at the grating, the correlation of a pair that straddles it (35° and 55° for 45°), pairs of
other tuning differences and at other places, and the power spectrum; simulation with noise, on a
ring of fewer units, confirms it. For rate units *variance over mean* is in Hz and is no Fano
factor of spike counts, to which spiking adds its own share; that share attention leaves alone.

The stated noise correlation exp(-d²/2 60²) has eigenvalues below zero on a ring of 180°, so no
noise has it; it is made possible by cutting them. Numbers "as stated" are linear theory alone.

Source: Cohen & Maunsell 2009, Nat Neurosci 12:1594, and Mitchell, Sundberg & Reynolds 2009,
Neuron 63:879 (the effects); the circuit of Rubin, Van Hooser & Miller 2015, Fig. 1, as
transcribed by others; noise of our own design.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis.variability import pair_correlation
from cortex.circuit import EI, power_spectrum
from cortex.experiment import Below, Claim, Experiment, ExperimentSettings, Near, settled_claim
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.ring import Ring
from cortex.models.settling import Settle
from cortex.models.top_down import FORMS, UNATTENDED_AND_FORMS, TopDown, TopDownForm
from cortex.settings import Contrasts, contrasts, kept, quantity
from cortex.settings import Settings as Section
from cortex.sources import COMPUTED, Source
from cortex.stimuli.ring import ring_bump
from cortex.studies.variability import (
    CORRELATION,
    CUT,
    IMPOSSIBLE,
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

UNATTENDED, DEFAULT = UNATTENDED_AND_FORMS[0], FORMS[0]


class Spectrum(Section):
    """Power spectrum of the E unit at the grating."""

    contrast: float = quantity(10.0, "%", "contrast of the grating", gt=0)
    low: float = quantity(0.1, "Hz", "lowest frequency", gt=0)
    high: float = quantity(100.0, "Hz", "highest frequency", gt=0)
    points: int = quantity(61, "1", "number of frequencies, evenly spaced in logarithm", ge=8)
    slow: float = quantity(
        5.0, "Hz", "frequencies below this one are slow", Source("mitchell2009", "abstract"), gt=0
    )

    @model_validator(mode="after")
    def _ordered(self) -> Spectrum:
        if not self.low < self.slow < self.high:
            raise ValueError(
                f"slow: found {self.slow:g}, allowed: a number between low ({self.low:g}) and "
                f"high ({self.high:g}) [Hz]"
            )
        return self

    def frequencies(self) -> Array:
        """Frequencies [Hz] of the spectrum."""
        return self.low * (self.high / self.low) ** jnp.linspace(0.0, 1.0, self.points)

    def slow_power(self, power: Array) -> Array:
        """Integral [Hz²] of a spectrum over the slow frequencies."""
        frequency = self.frequencies()
        each = (power[1:] + power[:-1]) / 2 * jnp.diff(frequency)
        return jnp.sum(jnp.where(frequency[1:] < self.slow, each, 0.0))


class Settings(ExperimentSettings):
    """Settings of `attention_variability`."""

    circuit: Ring = Ring()
    grating: Grating = Grating()
    contrasts: Contrasts = contrasts(
        5.0, 10.0, 20.0, 50.0, curve=(1.0, 100.0, 17), description="contrast of the grating"
    )
    noise: Noise = Noise()
    attention: TopDown = TopDown(input=2.0)
    attended: float = quantity(45.0, "deg", "attended orientation")
    attended_width: float = quantity(30.0, "deg", "width of the attended orientations", gt=0)
    spectrum: Spectrum = Spectrum()
    simulation: Trials = Trials()
    settle: Settle = Settle()

    def focus(self, ring: Ring) -> Array:
        """What is attended, on a ring of any number of units, 1 at the peak."""
        return ring_bump(ring.positions(), self.attended, self.attended_width, ring.period)


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Linear theory of the whole ring in every form, and simulation of a smaller one.

    Every simulated condition meets the same random numbers, so that differences between conditions
    have less error than the conditions themselves.
    """
    circuit, noise, flanks = s.circuit.circuit(), s.noise.on(s.circuit), s.grating.flanks(s.circuit)
    focus, units = s.focus(s.circuit), jnp.arange(s.circuit.units)
    before, behind = (units - flanks.chosen) % len(units), (units + flanks.chosen) % len(units)

    def drive(contrast: Any, ring: Ring = s.circuit) -> EI[Array]:
        bump = contrast * s.grating.bump(ring)
        return EI(bump, bump)

    def respond(form: TopDownForm, contrast: Array) -> tuple[dict[str, Array], Array, Theory]:
        found = linear_theory(circuit, drive(contrast), noise, s.settle(), form(focus))
        by_place = pair_correlation(found.covariance, before, behind)
        return flanks.statistic(found.rates.E, found.covariance), by_place, found

    def stated(form: TopDownForm, contrast: Array) -> dict[str, Array]:
        rates = respond(form, contrast)[2].rates
        covariance = stated_covariance(s.circuit, s.noise, rates, drive(contrast), form(focus))
        found = flanks.statistic(rates.E, covariance)
        return {name: found[name] for name in ("ratio", "correlation")}

    def spectrum(form: TopDownForm) -> tuple[Array, Array, Array]:
        shown = drive(jnp.asarray(s.spectrum.contrast, float))
        rates = linear_theory(circuit, shown, noise, s.settle(), form(focus)).rates
        unit = jnp.zeros(len(units)).at[flanks.first[0]].set(1.0)
        weights = EI(unit, jnp.zeros_like(unit))
        at = s.spectrum.frequencies()
        power = power_spectrum(circuit, rates, shown, noise, at, weights, form(focus))
        return power, rates.E[flanks.first[0]], s.spectrum.slow_power(power)

    small = s.simulation.ring(s.circuit)
    small_circuit, small_noise = small.circuit(), s.noise.on(small)

    def compare(form: TopDownForm, contrast: Array) -> dict[str, dict[str, Array]]:
        given = (drive(contrast, small), small_noise, key, s.grating.flanks(small), s.settle())
        return s.simulation.compare(small_circuit, *given, form(s.focus(small)))

    attention = s.attention.states()
    tabulated = {name: attention[name] for name in (UNATTENDED, DEFAULT)}
    shown, by_place, states = over(attention=attention, contrast=s.contrasts)(respond)
    as_stated = over(tabulated=tabulated, simulated_contrast=s.contrasts.asked())(stated)
    compared = over(attention=attention, simulated_contrast=s.contrasts.asked())(compare)
    power, rate, slow = over(attention=attention)(spectrum)
    frequency = coordinate(s.spectrum.frequencies(), "Hz", "frequency")
    return {
        **named_statistics(shown, s.circuit),
        "by_place": by_place.named(
            "1", "noise correlation of pairs, by their place", preferred=s.circuit.preferred()
        ),
        **named_statistics(as_stated, s.circuit, "stated_", "for the noise as stated"),
        **named_comparison(compared, small),
        "power": power.named("Hz^2/Hz", "power of the E rate at the grating", frequency=frequency),
        "power_rate": rate.named("Hz", "E rate at the grating of the spectrum"),
        "slow_power": slow.named("Hz^2", "power of the E rate at slow frequencies"),
        "spectrum_contrast": label(s.spectrum.contrast, "%", "contrast of the spectrum"),
        **quality(states),
    }


def over_unattended(array: xr.DataArray) -> xr.DataArray:
    """Attended by input to E over unattended."""
    return array.sel(attention=DEFAULT) / array.sel(attention=UNATTENDED)


def less_unattended(array: xr.DataArray) -> xr.DataArray:
    """Attended by input to E less unattended."""
    return array.sel(attention=DEFAULT) - array.sel(attention=UNATTENDED)


def at_the_spectrum(d: xr.Dataset) -> xr.Dataset:
    """What is simulated at the contrast nearest to that of the spectrum."""
    return d.sel(simulated_contrast=d.spectrum_contrast, method="nearest")


LABORATORY = Source("cohen2009", "direction; also Mitchell, Sundberg & Reynolds 2009")
SLOW = Source("mitchell2009", "direction")
UNQUENCHED = (
    "Attention to E lowers variability only in between: below some 4 % it brings the circuit to "
    "where it amplifies most, and near 50 % the circuit has quenched what it can without attention."
)
TABULATED = kept("circuit", "noise", "grating", "attended", "attended_width", "attention.input")
FIRST = {UNATTENDED: {10.0: RATIO[0.0]}, DEFAULT: {10.0: RATIO[2.0]}}
SECOND = {UNATTENDED: {10.0: CORRELATION[0.0]}, DEFAULT: {10.0: CORRELATION[2.0]}}
STATED, POSSIBLE = "noise as stated", "noise made possible"


def tabulated(name: str, numbers: Any, effect: str, known: str) -> Claim:
    """Numbers of the table, by linear theory."""
    expect, effect = Near(numbers, rtol=TOLERANCE), f"linear theory of the {effect}"
    return Claim(name, lambda d: d[name], expect, COMPUTED, effect, known=known, when=TABULATED)


def slow_power(d: xr.Dataset) -> xr.DataArray:
    """Slow fluctuations of the rate over its mean, attended over unattended."""
    return over_unattended(d.slow_power / d.power_rate)


def lowered(before: str, part: Any, how: str) -> tuple[Claim, Claim]:
    """Attention lowers variance over mean, and the correlation of the pair."""
    rest = (True, UNQUENCHED, "1")  # headline, why it may not hold, unit
    factor = f"attention lowers variance over mean ({how})"
    change = f"attention lowers noise correlations ({how})"

    def by_ratio(d: xr.Dataset) -> xr.DataArray:
        return over_unattended(part(d)[f"{before}ratio"])

    def by_correlation(d: xr.Dataset) -> xr.DataArray:
        return less_unattended(part(d)[f"{before}correlation"])

    return (
        Claim(f"{before}ratio_factor", by_ratio, Below(1), LABORATORY, factor, *rest),
        Claim(f"{before}correlation_change", by_correlation, Below(0), LABORATORY, change, *rest),
    )


RELATIVE = "attention lowers slow fluctuations of the rate, relative to its mean"

CLAIMS = (
    tabulated("stated_ratio", FIRST, f"variance over mean, {STATED}", IMPOSSIBLE),
    tabulated("stated_correlation", SECOND, f"correlation, {STATED}", IMPOSSIBLE),
    tabulated("ratio", FIRST, f"variance over mean, {POSSIBLE}", CUT),
    tabulated("correlation", SECOND, f"correlation, {POSSIBLE}", CUT),
    *lowered("", lambda d: d, "linear theory"),
    *lowered("simulated_", at_the_spectrum, "simulated"),
    Claim("slow_power_factor", slow_power, Below(1), SLOW, RELATIVE, headline=True, unit="1"),
    settled_claim(),
)

SMALL = {"circuit.units": 24, "contrasts.values": [10.0, 50.0], "contrasts.curve": [5.0, 100.0, 2]}
SMALL |= {"simulation.units": 12, "simulation.trials": 4, "simulation.duration": 400.0}
experiment = Experiment(Settings, simulate, CLAIMS, small=SMALL | {"spectrum.points": 12})
