"""Rows that every experiment with steady states reports."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortex.experiment import Measure

COMPUTED = (
    "computed by us from the stated parameters with an independent NumPy program; "
    "not reported by the paper"
)


def converged_share(data: xr.Dataset, name: str = "converged") -> Measure:
    """The share of steady states that were reached, 1 required; `data[name]` is boolean."""
    return Measure.compared(
        "converged_share",
        np.mean(data[name].values),
        "1",
        reference=1.0,
        absolute=0.0,
        provenance="required here: every state is a steady one",
        effect="every steady state was reached",
    )
