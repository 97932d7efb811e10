"""The labelled results of object detection, filled in condition by condition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from cortex.models.study import Learned
from cortex.tasks import detection_rates

CONDITION = ("variant", "task", "source", "site", "strength")
IMAGES = ("category", "image")
BY_LAYER = ("variant", "layer")
LONG_NAMES = {
    "variant": "network",
    "task": "hard images",
    "source": "what attention is applied by",
    "site": "where attention is applied",
    "strength": "strength of attention, beta",
    "form": "form of attention",
    "layer": "layer",
    "category": "category sought",
}
COLUMNS = {
    "score": ((*CONDITION, *IMAGES), "1", "detector logit with attention"),
    "score_unattended": (("variant", "task", *IMAGES), "1", "detector logit, no attention"),
    "score_form": (("variant", "form", "strength", *IMAGES), "1", "detector logit, by form"),
    "present": (("task", *IMAGES), "1", "whether the category is shown"),
    "example": (("task", "y", "x"), "1", "an image of the task"),
    "rate_E": ((*CONDITION, "layer"), "Hz", "mean E rate with attention"),
    "rate_I": ((*CONDITION, "layer"), "Hz", "mean I rate with attention"),
    "rate_E_unattended": (("variant", "task", "layer"), "Hz", "mean E rate, no attention"),
    "rate_I_unattended": (("variant", "task", "layer"), "Hz", "mean I rate, no attention"),
    "activity_slope": (CONDITION, "1", "log activity ratio per tuning value, attended layer"),
    "settled": (CONDITION, "1", "share of images for which all circuits settled"),
    "settled_unattended": (("variant", "task"), "1", "the same, no attention"),
    "ordinary": (("variant",), "1", "performance of detectors on new ordinary images"),
    "value_correlation": (BY_LAYER, "1", "correlation of tuning and gradient values"),
    "tuning_quality": (BY_LAYER, "1", "tuning quality, mean over maps"),
    "feature_error": (BY_LAYER, "1", "left out by the low-rank coupling of maps"),
    "sum_weight": (BY_LAYER, "1", "sum weight w_E for pairs of images"),
    "leading_eigenvalue": (BY_LAYER, "1", "leading eigenvalue of the E subnetwork"),
    "paradoxical_I": (BY_LAYER, "Hz", "change of I rate per unit of input to all I units"),
    "surround_suppression": (BY_LAYER, "1", "suppression by the surround"),
    "converged": (BY_LAYER, "1", "share of steady states reached when probed"),
}


class ObjectTable:
    """The results, NaN until they are put.

    Args:
        coordinates: by name of the axis, for those of `LONG_NAMES`.
        sizes: of the axes without coordinates: image, y, x.
    """

    def __init__(
        self, coordinates: Mapping[str, Sequence[Any] | np.ndarray], sizes: dict[str, int]
    ):
        self.coordinates = {name: np.asarray(coordinates[name]) for name in LONG_NAMES}
        sizes = {name: len(values) for name, values in self.coordinates.items()} | sizes
        self.arrays = {
            name: np.full([sizes[dim] for dim in dims], np.nan, np.float32)
            for name, (dims, _, _) in COLUMNS.items()
        }

    def put(self, name: str, place: tuple[int, ...], value: Any) -> None:
        """Fill in one place of a variable."""
        self.arrays[name][place] = value

    def learned(self, v: int, learned: Learned) -> None:
        """What is known before any hard image is seen."""
        pairs = learned.pairs
        rates = detection_rates(pairs.logits, pairs.present)
        self.put("ordinary", (v,), rates.performance)
        rows = zip(learned.values["tuning"], learned.values["gradient"], strict=True)
        for layer, (tuning, gradient) in enumerate(rows):
            flat = np.asarray(tuning).ravel(), np.asarray(gradient).ravel()
            if min(x.std() for x in flat) > 0:
                self.put("value_correlation", (v, layer), np.corrcoef(*flat)[0, 1])
            self.put("tuning_quality", (v, layer), np.abs(np.asarray(tuning)).max(axis=0).mean())

    def unattended(self, place: tuple[int, int], outcome: Any) -> None:
        """A look without attention, a `cortex.studies.Looked`, at (variant, task)."""
        self.put("score_unattended", place, outcome.answers)
        self.put("rate_E_unattended", place, [rates.E.mean() for rates in outcome.rates])
        self.put("rate_I_unattended", place, [rates.I.mean() for rates in outcome.rates])
        self.put("settled_unattended", place, outcome.settled.mean())

    def attended(
        self,
        place: tuple[int, int, int, int, int],
        outcome: Any,
        before: Any,
        learned: Learned,
        share: np.ndarray,
    ) -> None:
        """A look with attention, at (variant, task, source, site, strength).

        Args:
            place: where it stands.
            outcome, before: with and without attention, see `cortex.studies.Looked`.
            learned: whose tuning values activity is compared with.
            share: of the strength, by layer.
        """
        self.put("score", place, outcome.answers)
        self.put("rate_E", place, [rates.E.mean() for rates in outcome.rates])
        self.put("rate_I", place, [rates.I.mean() for rates in outcome.rates])
        self.put("settled", place, outcome.settled.mean())
        attended = np.flatnonzero(share)
        if len(attended) == 1:
            (layer,) = attended
            values = np.asarray(learned.values["tuning"][layer])
            slope = activity_slope(outcome.rates[layer].E, before.rates[layer].E, values)
            self.put("activity_slope", place, slope)

    def dataset(self) -> xr.Dataset:
        """Everything, with units and names."""
        variables = {
            name: (dims, self.arrays[name], {"units": units, "long_name": text})
            for name, (dims, units, text) in COLUMNS.items()
        }
        coordinates = {
            name: ((name,), values, {"units": "1", "long_name": LONG_NAMES[name]})
            for name, values in self.coordinates.items()
        }
        data = xr.Dataset(variables, coordinates)
        return data.assign(present=(data["present"] > 0).assign_attrs(data["present"].attrs))


def activity_slope(attended: np.ndarray, before: np.ndarray, tuning: np.ndarray) -> float:
    """Least-squares slope of log(attended / unattended activity) on the tuning value.

    Args:
        attended, before: mean rate of every map while each category is sought,
            (categories, maps).
        tuning: values, (categories, maps). Maps that are silent are left out.
    """
    usable = (before > 1e-3) & (attended > 1e-6) & np.isfinite(attended)
    if usable.sum() < 3 or np.std(tuning[usable]) == 0:
        return float("nan")
    ratio = np.log(attended[usable] / before[usable])
    return float(np.polyfit(tuning[usable], ratio, 1)[0])
