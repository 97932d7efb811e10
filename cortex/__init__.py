"""Biologically detailed recurrent vision models with top-down attention, in JAX.

    import cortex as cx

    net      = cx.ConvNetwork([conv1, conv2, conv3], readout=head)
    system   = cx.insert_circuits(net, at="conv3", circuit=cx.SSN(), images=images)
    observer = cx.Observer.fit(system, images, labels)
    tuning   = cx.FeatureSimilarity.fit(observer, images, labels, at="conv3")
    observer(image), observer(image, tuning(category=3, strength=0.5))
    data     = cx.run("ring_normalization", contrasts=[5, 20])

The names below and the rooms (`cx.circuit`, `cx.attention`, ...) are loaded when they are first
used: `import cortex` alone imports neither JAX nor anything else.
"""

# For editors and type checkers stand here the same names as in the tables below.
# ruff: noqa: F401
import importlib
import os
from typing import TYPE_CHECKING, Any

if os.path.exists(os.path.join(os.path.dirname(__file__), "polyutils")):  # of pycortex
    raise ImportError(
        "pycortex is installed in this environment too, and both are imported as `cortex`: "
        "keep them in environments of their own"
    )

if TYPE_CHECKING:
    from cortex import (
        analysis,
        areas,
        attention,
        circuit,
        errors,
        experiment,
        frontends,
        labelled,
        models,
        plot,
        settings,
        sources,
        stimuli,
        tasks,
    )
    from cortex.areas import SSN, LinearMap, VisualSystem, insert_circuits, load_network
    from cortex.attention import (
        Additive,
        Arousal,
        EnergyMatched,
        FeatureSimilarity,
        Multiplicative,
        Query,
        Saliency,
        SelfAttention,
        SpatialWindow,
    )
    from cortex.circuit import (
        EI,
        AndersonAcceleration,
        Circuit,
        DenseCoupling,
        Epoch,
        FixedPointIteration,
        GaussianCoupling,
        Modulation,
        OrnsteinUhlenbeck,
        Populations,
        Projections,
        RingCoupling,
        SparseCoupling,
        TimeIntegration,
        leading_excitatory_eigenvalue,
        paradoxical_effect,
        simulate,
        simulate_noise,
        steady_state,
        steady_states,
    )
    from cortex.errors import UserError
    from cortex.experiment import Above, Below, Between, Claim, Experiment, Near, run
    from cortex.frontends.conv import ConvNetwork
    from cortex.labelled import label, over
    from cortex.models.line import line
    from cortex.models.ring import ring
    from cortex.models.sheet import sheet
    from cortex.settings import ExperimentSettings, Settings, quantity
    from cortex.sources import Source
    from cortex.tasks import Detectors, Observer

__version__ = "0.1.0"

_NAMES = {
    "areas": ("SSN", "LinearMap", "VisualSystem", "insert_circuits", "load_network"),
    "attention": (
        "Additive",
        "Arousal",
        "EnergyMatched",
        "FeatureSimilarity",
        "Multiplicative",
        "Query",
        "Saliency",
        "SelfAttention",
        "SpatialWindow",
    ),
    "circuit": (
        "AndersonAcceleration",
        "EI",
        "Circuit",
        "DenseCoupling",
        "Epoch",
        "FixedPointIteration",
        "GaussianCoupling",
        "Modulation",
        "OrnsteinUhlenbeck",
        "Populations",
        "Projections",
        "RingCoupling",
        "SparseCoupling",
        "TimeIntegration",
        "leading_excitatory_eigenvalue",
        "paradoxical_effect",
        "simulate",
        "simulate_noise",
        "steady_state",
        "steady_states",
    ),
    "errors": ("UserError",),
    "experiment": ("Above", "Below", "Between", "Claim", "Experiment", "Near", "run"),
    "frontends.conv": ("ConvNetwork",),
    "labelled": ("label", "over"),
    "models.line": ("line",),
    "models.ring": ("ring",),
    "models.sheet": ("sheet",),
    "settings": ("ExperimentSettings", "Settings", "quantity"),
    "sources": ("Source",),
    "tasks": ("Detectors", "Observer"),
}
_ROOMS = (
    "analysis",
    "areas",
    "attention",
    "circuit",
    "errors",
    "experiment",
    "frontends",
    "labelled",
    "models",
    "plot",
    "settings",
    "sources",
    "stimuli",
    "tasks",
)
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
