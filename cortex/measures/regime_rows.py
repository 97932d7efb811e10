"""Rows of the experiment on regimes: of the ring, of a single pair, of the oscillation."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment import Measure

AHMADIAN = "Ahmadian, Rubin & Miller 2013, Neural Comput. 25:1994, abstract"
CLASSIC = "Tsodyks et al. 1997; Ozeki et al. 2009"
GAMMA = "30 to 80 (gamma band)"
RAY = "Ray & Maunsell 2010, Neuron 67:885: the frequency of gamma in V1 rises with contrast"
REQUIRED = "asked of the circuit here"


def _row(
    name: str, value: Any, unit: str, expected: str, source: str, effect: str, note: str = ""
) -> Measure:
    return Measure.expecting(
        name, value, unit, expected=expected, provenance=source, effect=effect, note=note
    )


def ring_rows(data: xr.Dataset) -> list[Measure]:
    """The regime of the ring against contrast."""
    contrast, index = data["axis_contrast"].values, data["index"].values
    paradox = data["paradox"].values[:, 1]
    low, high = (f"c={contrast[i]:g}" for i in (0, -1))
    crossed = "the ring becomes inhibition-stabilised as contrast rises"
    lowered = "more input to I lowers the rate of I in the inhibition-stabilised regime"
    steady = np.abs(data["paradox_difference"].values - data["paradox"].values)
    share = np.max(steady) / np.max(np.abs(data["paradox"].values))
    return [
        _row(f"leading_E_eigenvalue[{low}]", index[0], "1", "< 1", REQUIRED, crossed),
        _row(f"leading_E_eigenvalue[{high}]", index[-1], "1", "> 1", REQUIRED, crossed),
        Measure.reported("inhibition_stabilised_above", crossing(contrast, index - 1), "%"),
        _row(f"dr_I/dm_I[{low}]", paradox[0], "Hz/%", "> 0", CLASSIC, lowered),
        _row(f"dr_I/dm_I[{high}]", paradox[-1], "Hz/%", "< 0", CLASSIC, lowered),
        Measure.reported("paradoxical_above", crossing(contrast, -paradox), "%"),
        Measure.reported("paradox_difference_from_linear", share, "1"),
        _row(
            "largest_real_part",
            data["slowest"].max(),
            "1/s",
            "< 0 (stable at every contrast)",
            REQUIRED,
            "the ring is stable at every contrast",
        ),
    ]


def crossing(place: np.ndarray, values: np.ndarray) -> float:
    """Where values first rise through 0, by linear interpolation in log place; NaN if nowhere."""
    above = np.flatnonzero((values[:-1] <= 0) & (values[1:] > 0))
    if above.size == 0:
        return float("nan")
    i = above[0]
    part = -values[i] / (values[i + 1] - values[i])
    return float(np.exp((1 - part) * np.log(place[i]) + part * np.log(place[i + 1])))


def pair_rows(data: xr.Dataset, J_IE: float, J_II: float, J_II_strong: float) -> list[Measure]:
    """What the map of a single pair shows, and whether E supersaturates."""
    index = data["map_index"].values
    known = np.isfinite(index)
    agree = (index > 1) == (data["map_paradox"].values < 0)
    J_EE, J_EI = np.meshgrid(data["J_EE"].values, data["J_EI"].values)
    # Towards a determinant of zero rates grow without bound.
    positive = J_EI * J_IE - J_EE * J_II > 0.2 * J_EI * J_IE
    outcome = data["outcome"].values
    E = data["pair_rates"].values[:, :, 0]
    falls = 1 - E[:, -1] / E.max(axis=1)
    return [
        _row(
            "paradoxical_where_index_above_1",
            np.mean(agree[known]),
            "1",
            ">= 1 (in every pair that settles)",
            "closed form for a single pair",
            "input to I is paradoxical exactly where inhibition stabilises",
        ),
        _row(
            "settling_share[fast inhibition]",
            np.mean(outcome[0][positive] == 0),
            "1",
            ">= 1 (determinants well above 0)",
            AHMADIAN,
            "fast inhibition stabilises every pair whose determinant is positive",
            "determinants above a fifth of J_EI J_IE: nearer to 0 the rates of the steady state "
            "grow past 10 kHz, which counts as running away",
        ),
        Measure.reported("oscillating_share[slow inhibition]", np.mean(outcome[1] == 1), "1"),
        _row(
            f"fall_at_high_contrast[J_II={J_II:g}]",
            falls[0],
            "1",
            "> 0",
            AHMADIAN,
            "E supersaturates if J_II < J_EI",
        ),
        _row(
            f"fall_at_high_contrast[J_II={J_II_strong:g}]",
            falls[1],
            "1",
            "<= 0",
            AHMADIAN,
            "E does not supersaturate if J_II > J_EI",
        ),
    ]


def oscillation_rows(data: xr.Dataset, published_tau_E: float, tau_E: float) -> list[Measure]:
    """Onset and frequency of the oscillation; power of noise against the linear theory."""
    growth, ringing = data["growth"].values, data["ringing"].values
    onset = crossing(data["tau_I"].values, growth)
    at_onset = float(np.interp(onset, data["tau_I"].values, ringing))
    own = at_onset * tau_E / published_tau_E
    theory, simulated = data["power_theory"].values, data["power_simulated"].mean("trial").values
    frequency, levels = data["frequency"].values, data["spectrum_contrast"].values
    peaks = [frequency[np.argmax(power, axis=1)] for power in (theory, simulated)]
    E = data["cycle"].values[:, 0]
    rising = crossings(data["cycle_time"].values, E - E.mean())
    slow = "inhibition slow enough makes the ring oscillate in the gamma band"
    note = (
        "with these time constants slow inhibition oscillates at alpha and beta frequencies; "
        "frequencies scale as 1/tau, so that gamma takes time constants near 5 ms"
    )
    published, band = f"tau_E={published_tau_E:g}", f"tau_E={tau_E:g}"
    rows = [
        Measure.reported(f"onset_tau_I[{band}]", onset, "ms"),
        _row(f"onset_frequency[{band}]", at_onset, "Hz", GAMMA, REQUIRED, slow),
        _row(f"onset_frequency[{published}]", own, "Hz", GAMMA, REQUIRED, slow, note),
        _row(
            "limit_cycle_frequency",
            1000.0 / np.mean(np.diff(rising)) if len(rising) > 1 else np.nan,
            "Hz",
            GAMMA,
            REQUIRED,
            "beyond the onset the ring cycles by itself in the gamma band",
        ),
        Measure.reported("limit_cycle_range", np.ptp(E), "Hz"),
        _row(
            "peak_frequency_rise",
            peaks[1][-1] - peaks[1][0],
            "Hz",
            f"> 0 (from c = {levels[0]:g} to {levels[-1]:g} %)",
            RAY,
            "the frequency of gamma rises with contrast",
        ),
    ]
    for i, level in enumerate(levels):
        rows.append(Measure.reported(f"peak_frequency[c={level:g}]", peaks[1][i], "Hz"))
        rows.append(
            Measure.compared(
                f"power_over_theory[c={level:g}]",
                simulated[i].sum() / theory[i].sum(),
                "1",
                reference=1.0,
                absolute=0.15,
                provenance="linear theory of the same circuit; exact as the noise goes to zero",
                effect="the power of simulated noise is that of the linear theory",
            )
        )
    return rows


def crossings(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Times at which values rise through 0, by linear interpolation."""
    i = np.flatnonzero((values[:-1] <= 0) & (values[1:] > 0))
    return time[i] - values[i] * (time[i + 1] - time[i]) / (values[i + 1] - values[i])
