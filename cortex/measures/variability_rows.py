"""Rows that experiments on variability share: references, and simulation against theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment import Measure

from .common import COMPUTED

# Ring of 180 pairs, grating at c = 10, noise of SD 1, 50 ms, 60 deg; by attentional input to E
# at the grating [%]: variance over mean [Hz] at the grating, correlation of 35 and 55 deg.
TABLE = {0.0: (0.176, 0.930), 2.0: (0.020, 0.560)}
TOLERANCE = 0.05
IMPOSSIBLE = (
    "The reference is linear theory for the noise correlation as stated, which no noise has: on "
    "this ring it has eigenvalues below zero."
)
LINEAR = "required here: two independent ways to one answer"


def references(here: xr.Dataset, at: str, strength: float) -> list[Measure]:
    """The tabulated numbers against the noise correlation as stated, and as made possible.

    `here` has ``ratio``, ``correlation``, ``stated_ratio`` and ``stated_correlation`` of one
    condition, named `at`; `strength` is the attentional input to E [%], 0 or 2.
    """
    rows = []
    for prefix, where, what, note in (
        ("stated_", f"as stated,{at}", "noise as stated", IMPOSSIBLE),
        ("", at, "noise made possible", f"{IMPOSSIBLE} Here those are cut."),
    ):
        for column, (key, name, unit) in enumerate(
            (("ratio", "variance_over_mean", "Hz"), ("correlation", "correlation", "1"))
        ):
            row = Measure.compared(
                f"{name}[{where}]",
                here[prefix + key],
                unit,
                reference=TABLE[strength][column],
                relative=TOLERANCE,
                provenance=COMPUTED,
                effect=f"linear theory of the {name.replace('_', ' ')}, {what}",
                note=note,
            )
            rows.append(row)
    return rows


def agreement(data: xr.Dataset, at: str, *, required: bool) -> list[Measure]:
    """Simulation against linear theory of the same ring, at the worst of the conditions.

    `data` has ``sim_variance``, ``small_variance``, ``sim_correlation`` and
    ``small_correlation``; `at` names the conditions. Without `required`, just reported.
    """
    off = float(np.max(np.abs(data["sim_variance"] / data["small_variance"] - 1)))
    apart = float(np.max(np.abs(data["sim_correlation"] - data["small_correlation"])))
    rows = []
    for name, value, words in (
        ("variance_off_linear", off, "variance is that of linear theory within 5 %"),
        ("correlation_off_linear", apart, "correlation is that of linear theory within .05"),
    ):
        say: dict[str, Any] = {"effect": f"simulated {words} for weak noise"}
        say["note"] = "largest difference of simulation and linear theory over the conditions"
        if required:
            say |= {"expected": f"<= {TOLERANCE:g}", "provenance": LINEAR}
        make = Measure.expecting if required else Measure.reported
        rows.append(make(f"{name}[{at}]", value, "1", **say))
    return rows
