"""Sweeps: an experiment over a grid or a random sample of its settings, in one labelled dataset."""

from cortex.experiment.sweeps.axes import Axis, Sample, parse_grid, parse_sample
from cortex.experiment.sweeps.plan import Sweep
from cortex.experiment.sweeps.runner import SweepResults, load_sweep, redraw_sweep, run_sweep
from cortex.experiment.sweeps.store import is_sweep

__all__ = [
    "Axis",
    "Sample",
    "Sweep",
    "SweepResults",
    "is_sweep",
    "load_sweep",
    "parse_grid",
    "parse_sample",
    "redraw_sweep",
    "run_sweep",
]
