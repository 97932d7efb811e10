"""Running experiments: configuration, measures, results folders, provenance.

The results store pulls in xarray and jax and is imported only when asked for, so that the
command line answers quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cortex.errors import UserError
from cortex.experiment.experiment import Experiment, run
from cortex.experiment.loading import ConfigError, load_config, load_settings
from cortex.experiment.measures import MEASURED_HERE, Measure
from cortex.experiment.registry import find, names
from cortex.settings import ExperimentSettings, bootstrap_resamples, interval_level

if TYPE_CHECKING:
    from cortex.experiment.claims import (
        Above,
        AbstractExpectation,
        AtLeast,
        AtMost,
        Below,
        Between,
        Claim,
        Near,
        Reported,
        rising,
        settled_claim,
    )
    from cortex.experiment.courses import Course, course
    from cortex.experiment.results import (
        IncompleteError,
        Results,
        load_results,
        newest_results,
    )
    from cortex.experiment.runner import redraw, run_experiment

_LATER = {
    "Above": "claims",
    "AbstractExpectation": "claims",
    "AtLeast": "claims",
    "AtMost": "claims",
    "Below": "claims",
    "Between": "claims",
    "Claim": "claims",
    "Course": "courses",
    "Near": "claims",
    "Reported": "claims",
    "rising": "claims",
    "settled_claim": "claims",
    "course": "courses",
    "IncompleteError": "results",
    "Results": "results",
    "load_results": "results",
    "newest_results": "results",
    "redraw": "runner",
    "run_experiment": "runner",
}

__all__ = [
    "MEASURED_HERE",
    "Above",
    "AbstractExpectation",
    "AtLeast",
    "AtMost",
    "Below",
    "Between",
    "Claim",
    "ConfigError",
    "Course",
    "Experiment",
    "ExperimentSettings",
    "IncompleteError",
    "Measure",
    "Near",
    "Reported",
    "Results",
    "UserError",
    "bootstrap_resamples",
    "course",
    "find",
    "interval_level",
    "load_config",
    "load_results",
    "load_settings",
    "names",
    "newest_results",
    "redraw",
    "rising",
    "run",
    "run_experiment",
    "settled_claim",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
