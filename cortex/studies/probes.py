"""What the circuits of a network compute, layer by layer, and the claims that they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Array

from cortex.areas import CircuitArea, VisualSystem, measure_fidelity, probe_areas
from cortex.experiment.claims import Above, AbstractExpectation, AtLeast, Below, Claim
from cortex.frontends.conv import ConvNetwork
from cortex.labelled import Coordinate, Labelled, coordinate, label
from cortex.models.networks import feature_errors
from cortex.models.study import TrainingSet
from cortex.sources import Source

PROBES = {
    "sum_weight": ("1", "sum weight w_E for pairs of images"),
    "leading_eigenvalue": ("1", "leading eigenvalue of the E subnetwork"),
    "paradoxical_I": ("Hz", "change of I rate per unit of input to all I units"),
    "surround_suppression": ("1", "suppression by the surround"),
    "largest_residual": ("Hz", "largest distance from a steady state"),
    "converged": ("1", "share of the states probed that were reached"),
    "feature_error": ("1", "left out by the low-rank coupling between maps"),
}
REQUIRED = Source(detail="required here: the circuits must compute, and the network still work")
KEPT = "share of ordinary images that keep their first class"


def probed(system: VisualSystem, images: Array, others: Array) -> dict[str, Labelled]:
    """What the circuits of a system compute on pairs of images, by layer; NaN without a circuit.

    Args:
        system: whose areas, see `cortex.areas.probe`.
        images, others: the first and the second image of each pair.

    Returns:
        By name, the `PROBES`.
    """
    found = probe_areas(system, images, others)
    for layer, error in feature_errors(system).items():
        found[layer]["feature_error"] = error
    layers = range(len(system.areas))
    return {
        name: label(
            np.asarray([found.get(layer, {}).get(name, np.nan) for layer in layers], np.float32),
            units,
            text,
            layer=layer_axis(len(layers)),
        )
        for name, (units, text) in PROBES.items()
    }


def kept_classes(
    system: VisualSystem, network: ConvNetwork, ordinary: TrainingSet, batch: int
) -> Labelled:
    """Share of ordinary images that keep their first class with circuits; NaN without any.

    Args:
        system: the network with circuits put in.
        network: as it was.
        ordinary: of whose images that nothing is fitted to some hundred are looked at.
        batch: images at a time.
    """
    if not any(isinstance(area, CircuitArea) for area in system.areas):
        return label(np.nan, "1", KEPT)
    new = ordinary.others[:: max(len(ordinary.others) // 100, 1)]
    found = measure_fidelity(system, network, ordinary.images(new), batch)
    return label(found.first_class, "1", KEPT)


def in_circuits(name: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """What was found of every circuit, by variant and layer: the value of a claim.

    Args:
        name: variable of the dataset with the dimensions ``variant`` and ``layer``, NaN without a
            circuit; the mean over a dimension ``network``, if there is one.
    """

    def value(d: xr.Dataset) -> xr.DataArray:
        found = d[name].sel(variant=["circuits"])
        several = [dim for dim in found.dims if dim == "network"]
        return found.mean(several, keep_attrs=True).dropna("layer")

    return value


def circuit_claims() -> tuple[Claim, ...]:
    """That the circuits of a network compute, by what is `probed`."""
    rows: tuple[tuple[str, AbstractExpectation, str], ...] = (
        ("sum_weight", Below(1), "in the network, two images suppress each other"),
        ("leading_eigenvalue", Above(1), "in the network, E alone would be unstable"),
        ("paradoxical_I", Below(0), "in the network, input to I lowers I"),
        ("surround_suppression", Above(0), "in the network, the surround suppresses"),
        ("converged", AtLeast(1), "every steady state was reached"),
    )

    def when(settings: Any) -> bool:
        return "circuits" in settings.network.variants

    return tuple(
        Claim(name, in_circuits(name), expect, REQUIRED, effect, headline=True, when=when)
        for name, expect, effect in rows
    )


KEPT_CLAIM = Claim(
    "kept",
    lambda d: d["kept"].sel(variant=["circuits"]).mean("network"),
    AtLeast(0.8),
    REQUIRED,
    "circuits put in leave four of five images their class",
    when=lambda s: s.network.how == "inserted" and "circuits" in s.network.variants,
)


def layer_axis(count: int) -> Coordinate:
    """The layers of a network, 1 the lowest."""
    return coordinate(tuple(range(1, count + 1)), "1", "layer, 1 the lowest")
