"""The labelled results of a detection study, filled in condition by condition."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from .looking import Outcome


class Column(NamedTuple):
    """One variable of the results."""

    dims: tuple[str, ...]
    units: str
    long_name: str


CONDITION = ("variant", "task", "source", "site", "strength")
COLUMNS = {
    "score": Column((*CONDITION, "category", "image"), "1", "detector logit with attention"),
    "score_unattended": Column(
        ("variant", "task", "category", "image"), "1", "detector logit without attention"
    ),
    "rate_E": Column(
        (*CONDITION, "layer", "category", "map"), "Hz", "mean E rate of a map with attention"
    ),
    "rate_I": Column(
        (*CONDITION, "layer", "category", "map"), "Hz", "mean I rate of a map with attention"
    ),
    "rate_E_unattended": Column(
        ("variant", "task", "layer", "category", "map"), "Hz", "mean E rate without attention"
    ),
    "rate_I_unattended": Column(
        ("variant", "task", "layer", "category", "map"), "Hz", "mean I rate without attention"
    ),
    "settled": Column(CONDITION, "1", "fraction of images for which all circuits settled"),
    "present": Column(("task", "category", "image"), "1", "whether the category is shown"),
    "example": Column(("task", "y", "x"), "1", "luminance of an image of the task"),
    "values": Column(
        ("variant", "values_of", "layer", "category", "map"), "1", "value attention is applied by"
    ),
    "accuracy": Column(("variant",), "1", "plain held-out digits named correctly"),
    "sum_weight": Column(("variant", "layer"), "1", "sum weight w_E for pairs of digits"),
    "leading_eigenvalue": Column(
        ("variant", "layer"), "1", "leading eigenvalue of the E subnetwork"
    ),
    "paradoxical_I": Column(
        ("variant", "layer"), "Hz", "change of I rate per unit of input to all I units"
    ),
    "surround_suppression": Column(("variant", "layer"), "1", "suppression by the surround"),
    "largest_residual": Column(("variant", "layer"), "Hz", "largest distance from a steady state"),
    "converged": Column(("variant", "layer"), "1", "fraction of states that were reached"),
}
LEARNED = ("tuning", "gradient_category", "gradient_balanced")


class Records:
    """Arrays of NaN, with named axes, that conditions write themselves into.

    Args:
        coordinates: values of the dimensions that have any, by name.
        sizes: lengths of the others.
    """

    def __init__(
        self, coordinates: Mapping[str, tuple[Sequence, str, str]], sizes: Mapping[str, int]
    ):
        self.coordinates = coordinates
        lengths = {name: len(values) for name, (values, *_) in coordinates.items()} | dict(sizes)
        self.arrays = {
            name: np.full([lengths[d] for d in column.dims], np.nan, np.float32)
            for name, column in COLUMNS.items()
        }

    def put(self, name: str, place: tuple[int, ...], value: object) -> None:
        """Write an array at the leading indices `place`; a short last axis stays NaN beyond."""
        array = np.asarray(value)
        slot = self.arrays[name][place] if place else self.arrays[name]
        if array.ndim == 0:
            self.arrays[name][place] = array
        else:
            slot[..., : array.shape[-1]] = array

    def outcome(self, place: tuple[int, ...], outcome: Outcome, suffix: str = "") -> None:
        """Write what one condition gave."""
        self.put(f"score{suffix}", place, outcome.answers)
        for layer, (E, I) in enumerate(  # noqa: E741
            zip(outcome.rates_E, outcome.rates_I, strict=True)
        ):
            self.put(f"rate_E{suffix}", (*place, layer), E)
            self.put(f"rate_I{suffix}", (*place, layer), I)
        if not suffix:
            self.put("settled", place, outcome.settled)

    def dataset(self) -> xr.Dataset:
        """Everything, labelled."""
        variables: dict[str, Any] = {
            name: (column.dims, self.arrays[name], _labels(column.units, column.long_name))
            for name, column in COLUMNS.items()
        }
        variables["present"] = (
            COLUMNS["present"].dims,
            self.arrays["present"] > 0,
            _labels("1", COLUMNS["present"].long_name),
        )
        axes = {
            name: (name, np.asarray(values), _labels(units, words))
            for name, (values, units, words) in self.coordinates.items()
        }
        return xr.Dataset(variables, axes)


def _labels(units: str, long_name: str) -> dict[str, str]:
    return {"units": units, "long_name": long_name}
