"""Regimes of the circuit: inhibition-stabilised, paradoxical, supersaturating, running away.

Against contrast, the ring passes from a regime in which excitation is stable by itself to one in
which inhibition stabilises it: the leading eigenvalue of its E part exceeds 1, and more input to
I lowers the rate of I (paradoxical effect). The spectrum of the Jacobian says that it stays
stable on the way. A single E/I pair, for which trace and determinant say everything, is mapped
over two weights, and shows when E falls at high contrast (supersaturation).

Source: Tsodyks et al. 1997 and Ozeki et al. 2009 (paradoxical effect); Ahmadian, Rubin & Miller
2013 (the single pair; read at the level of its abstract); Rubin, Van Hooser & Miller 2015, Fig. 1
(the ring, as transcribed by others).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.circuit import (
    EI,
    Circuit,
    Epoch,
    Fixed,
    Modulation,
    Projections,
    TimeIntegration,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    single_pair,
    steady_state,
)
from cortex.circuit import simulate as time_course
from cortex.experiment import Above, AtLeast, AtMost, Below, Claim, Experiment, settled_claim
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models import Ring, Settle
from cortex.models.ring import RUBIN
from cortex.settings import Axis, Contrasts, ExperimentSettings, axis, contrasts, quantity
from cortex.settings import Settings as Section
from cortex.sources import Source

BEFORE, AFTER = 50.0, 150.0  # ms, around a step of the input to I
SETTLES, OSCILLATES, RUNS_AWAY = 0, 1, 2  # outcomes of a pair
PAIR_SOLVER = TimeIntegration(duration=3000.0, dtmax=0.5, atol=1e-4)  # its I can be very fast


class Pair(Section):
    """One E and one I unit; weights near the sums of the ring's, with less from E onto E."""

    J_EE: float = quantity(2.5, "1/Hz", "weight from E onto E", ge=0)
    J_IE: float = quantity(3.4, "1/Hz", "weight from E onto I", ge=0)
    J_EI: float = quantity(1.8, "1/Hz", "weight from I onto E", ge=0)
    J_II: float = quantity(1.2, "1/Hz", "weight from I onto I, < J_EI: E supersaturates", ge=0)
    J_II_strong: float = quantity(2.2, "1/Hz", "the same, > J_EI: it does not", ge=0)
    tau_fast: float = quantity(2.0, "ms", "time constant of fast inhibition in the map", gt=0)
    tau_slow: float = quantity(24.0, "ms", "time constant of slow inhibition in the map", gt=0)

    def circuit(self, ring: Ring, tau_I: Any, **weights: Any) -> Circuit:
        """The pair with gain, exponent and tau_E of the ring, and with other weights."""
        J = {"EE": self.J_EE, "EI": self.J_EI, "IE": self.J_IE, "II": self.J_II} | weights
        return single_pair(Projections(**J), EI(ring.tau_E, tau_I), ring.k, ring.n)


class Settings(ExperimentSettings):
    """Settings of `regimes`."""

    circuit: Ring = Ring(units=36)  # fewer than published, for speed: responses are the same
    orientation: float = quantity(45.0, "deg", "orientation of the grating", RUBIN)
    width: float = quantity(30.0, "deg", "width of its Gaussian drive", RUBIN, gt=0)
    contrasts: Contrasts = contrasts(2, 10, 50, curve=(1, 100, 25), description="contrast")
    step: float = quantity(0.5, "%", "step of the input to I", gt=0)
    pair: Pair = Pair()
    drive: float = quantity(20.0, "%", "drive of both units of the pair in the map", gt=0)
    excitation: Axis = axis(curve=(0, 6, 31), unit="1/Hz", description="weight from E onto E")
    inhibition: Axis = axis(curve=(0, 4, 31), unit="1/Hz", description="weight from I onto E")
    settle: Settle = Settle(rtol=1e-5, atol=1e-5)


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """The ring and single pairs against contrast; pairs over two weights.

    On a CPU, where general eigenvalues are to be had.
    """
    del key  # nothing here is random
    ring, of_ring = against_contrast(s)
    pair, of_pair = saturation(s)
    return ring | pair | map_of_pairs(s) | quality(of_ring, of_pair)


def against_contrast(s: Settings) -> tuple[dict[str, Labelled], Any]:
    """Eigenvalues and paradoxical effect of the ring; steps of the input to I."""
    circuit, bump = s.circuit.circuit(), s.circuit.bump(s.orientation, s.width)
    amounts = s.step * jnp.asarray([0.0, 0.5, -0.5])
    times = np.arange(0.0, BEFORE + AFTER + 0.5)
    time = coordinate(times - BEFORE, "ms", "time after the step")

    def onto_I(amount: Any) -> Modulation:
        return Modulation(input=EI(0.0, amount))

    def respond(contrast: Array) -> tuple[dict[str, Labelled], Any]:
        drive = EI(contrast * bump, contrast * bump)
        states = jax.vmap(
            lambda amount: steady_state(circuit, drive, onto_I(amount), solver=s.settle())
        )(amounts)
        rates = states.rates.map(lambda r: r[0])
        weight = rates.E / jnp.sum(rates.E)
        effect = paradoxical_effect(circuit, rates, drive)
        moved = states.rates.map(lambda r: jnp.sum(weight * (r[1] - r[2])) / s.step)
        values = 1000.0 * jacobian_eigenvalues(circuit, rates, drive)
        spectrum = jnp.stack([values.real, values.imag], -1)
        course = time_course(
            circuit,
            [Epoch(BEFORE, drive), Epoch(AFTER, drive, onto_I(s.step))],
            jnp.asarray(times),
            save=lambda t, r, dynamics: jnp.sum(weight * (r.I - rates.I)),
            initial=rates,
            stepping=Fixed(dt=0.5),
        ).values
        index = leading_excitatory_eigenvalue(circuit, rates, drive)
        words = "change of the rate with input to I"
        parts = ("real", "imaginary")
        return {
            "E_eigenvalue": label(index, "1", "leading eigenvalue of the E part"),
            "paradox": label(EI(effect.E, effect.I), "Hz/%", words),
            "resettled": label(moved, "Hz/%", f"{words}, from two steady states"),
            "spectrum": label(spectrum, "1/s", "eigenvalue", mode=None, part=parts),
            "step_response": label(course, "Hz", "change of the I rate", time=time),
        }, states

    return over(contrast=s.contrasts)(respond)


def map_of_pairs(s: Settings) -> dict[str, Labelled]:
    """What a single pair does from silence, over two weights and for fast and slow inhibition."""
    pair, drive = s.pair, EI(jnp.full(1, s.drive), jnp.full(1, s.drive))

    def settle(tau_I: Array, J_EI: Array, J_EE: Array) -> dict[str, Labelled]:
        circuit = pair.circuit(s.circuit, tau_I, EE=J_EE, EI=J_EI)
        state = steady_state(circuit, drive, solver=PAIR_SOLVER)
        rates = state.rates.map(lambda r: jnp.where(state.converged, r, 1.0))
        index = leading_excitatory_eigenvalue(circuit, rates, drive, iterations=2)
        response = paradoxical_effect(circuit, rates, drive).I
        outcome = jnp.where(state.diverged, RUNS_AWAY, OSCILLATES)
        outcome = jnp.where(state.converged, SETTLES, outcome)
        known = state.converged & (state.rates.E[0] > 1e-6)
        index, response = (jnp.where(known, value, jnp.nan) for value in (index, response))
        return {
            "outcome": label(outcome, "1", "0 settles, 1 oscillates, 2 runs away"),
            "map_index": label(index, "1", "eigenvalue of the E part of the pair"),
            "map_paradox": label(response, "Hz/%", "change of the I rate with input to I"),
        }

    tau_I = coordinate((pair.tau_fast, pair.tau_slow), "ms", "time constant of I of the pair")
    weights = {"J_EI": s.inhibition, "J_EE": s.excitation}
    share = over(**weights)(lambda J_EI, J_EE: 1 - J_EE * pair.J_II / (J_EI * pair.J_IE))
    words = "determinant of the weights, as a share of J_EI J_IE"
    return over(tau_I=tau_I, **weights)(settle) | {"determinant": share.named("1", words)}


def saturation(s: Settings) -> tuple[dict[str, Labelled], Any]:
    """Rates of single pairs against contrast, with weak and with strong inhibition of I."""

    def settle(J_II: Array, contrast: Array) -> Any:
        circuit = s.pair.circuit(s.circuit, s.circuit.tau_I, II=J_II)
        return steady_state(circuit, EI(contrast[None], contrast[None]), solver=PAIR_SOLVER)

    both = coordinate((s.pair.J_II, s.pair.J_II_strong), "1/Hz", "weight from I onto I")
    states = over(J_II=both, contrast=s.contrasts)(settle)
    rates = states.rates.named("Hz", "rate of the pair", unit=None).isel(unit=0)
    return {"pair_rates": rates}, states


def fall(d: xr.Dataset) -> xr.DataArray:
    """How far the E rate of a pair at the highest contrast lies below its largest, as a share."""
    E = d.pair_rates.sel(population="E")
    return (1 - E.isel(contrast=-1, drop=True) / E.max("contrast")).assign_attrs(units="1")


AHMADIAN = Source("ahmadian2013", "abstract")
CLASSIC = Source("tsodyks1997", "and Ozeki et al. 2009")
CLOSED = Source(detail="closed form for a single pair")
ASKED = Source(detail="asked of the circuit here")
ISN = "the ring becomes inhibition-stabilised as contrast rises"
LOWERED = "more input to I lowers the rate of I in the inhibition-stabilised regime"
FALLS = "E supersaturates if J_II < J_EI"
RISES = "E does not supersaturate if J_II > J_EI"
NEAR_ZERO = (
    "determinants above a fifth of J_EI J_IE: nearer to 0 the rates of the steady state grow past "
    "10 kHz, which counts as running away"
)

CLAIMS = (
    Claim("E_eigenvalue_when_weak", lambda d: d.E_eigenvalue[0], Below(1), ASKED, ISN),
    Claim("E_eigenvalue_when_strong", lambda d: d.E_eigenvalue[-1], Above(1), ASKED, ISN),
    Claim("dr_I/dm_I_when_weak", lambda d: d.paradox[0, 1], Above(0), CLASSIC, LOWERED),
    Claim("dr_I/dm_I_when_strong", lambda d: d.paradox[-1, 1], Below(0), CLASSIC, LOWERED),
    Claim(
        "largest_real_part",
        lambda d: d.spectrum.sel(part="real").max(),
        Below(0, "stable at every contrast"),
        ASKED,
        "the ring is stable at every contrast",
        unit="1/s",
    ),
    Claim(
        "paradoxical_where_index_above_1",
        lambda d: ((d.map_index > 1) == (d.map_paradox < 0)).where(d.map_index.notnull()).mean(),
        AtLeast(1, "in every pair that settles"),
        CLOSED,
        "input to I is paradoxical exactly where inhibition stabilises",
    ),
    Claim(
        "settling_share",
        lambda d: (d.outcome[0] == SETTLES).where(d.determinant > 0.2).mean(),
        AtLeast(1, "determinants well above 0"),
        AHMADIAN,
        "fast inhibition stabilises every pair whose determinant is positive",
        known=NEAR_ZERO,
    ),
    Claim("fall_at_high_contrast", lambda d: fall(d)[:1], Above(0), AHMADIAN, FALLS),
    Claim("fall_at_high_contrast", lambda d: fall(d)[1:], AtMost(0), AHMADIAN, RISES),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    small={"circuit.units": 18, "contrasts.curve": [1.0, 100.0, 4]}
    | {"excitation.curve": [0.0, 4.0, 3], "inhibition.curve": [0.0, 4.0, 3]},
)
