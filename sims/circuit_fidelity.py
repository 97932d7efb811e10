"""How much of a network is left once there are circuits in it, and for how much circuit.

Shown: ordinary images, two merged into one, and four in a 2 x 2 array. Simulated: a trained
network with a circuit put into one layer, or into several at once, whose recurrent weights are
multiplied from nothing to more than enough; with and without a steady input to E units, and with a
curve for each map or a sum over maps as what the next layer receives. Nothing of the network is
trained again. Measured: images that keep their first class, detectors' area under the ROC curve,
the correlation of the layer's output, and what the circuit computes.

The design is ours; what a circuit should compute is after Rubin, Van Hooser & Miller 2015.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import areas
from cortex import experiment as ex
from cortex.analysis.bootstrap import bootstrap
from cortex.areas import SSN, IsotonicMap, LinearMap, VisualSystem
from cortex.experiment import Above, AtLeast, Below, Claim
from cortex.labelled import Labelled, coordinate, each, label
from cortex.models.networks import NetworkSection, SolverSection, load_study_network
from cortex.models.object_images import ImagesSection, stimulus_set
from cortex.progress import stage
from cortex.settings import choice, quantity
from cortex.sources import Source
from cortex.stimuli.composites import array_same, merge
from cortex.tasks import Detectors
from cortex.tasks.passes import over_batches, pass_through

# What is put in: settings of the circuit, and what the next layer receives.
Way = Literal["silent", "curves", "sums"]
WAYS: dict[str, tuple[SSN, Any]] = {
    "silent": (SSN(), IsotonicMap),  # at rest, and without enough drive
    "curves": (SSN.faithful(), IsotonicMap),
    "sums": (SSN.faithful(), LinearMap),
}
BEST = "sums"
SHOWN = ("ordinary", "merged", "array")


class Settings(ex.ExperimentSettings):
    """Settings of `circuit_fidelity`."""

    network: NetworkSection = NetworkSection(variants=("plain",))
    images: ImagesSection = ImagesSection(learning=20, others=20)
    layers: tuple[int, ...] = quantity(
        (2, 5, 8), "1", "layers with a circuit, one at a time and all at once", min_length=1
    )
    recurrence: tuple[float, ...] = quantity(
        (0.0, 0.25, 0.5, 0.75, 1.0, 1.5), "1", "factor on all recurrent weights", min_length=1
    )
    ways: tuple[Way, ...] = choice(tuple(WAYS), "circuits and output maps", min_length=1)
    solver: SolverSection = SolverSection()
    penalty: float = quantity(0.1, "1", "inverse of the L2 penalty on detectors' weights", gt=0)
    resamples: int = ex.bootstrap_resamples(500, "images")


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Every circuit at every place and strength, and the network without any."""
    network = load_study_network(s.network)
    images = stimulus_set(s.images, network, s.seed)
    ordinary, calibration = images.ordinary, images.calibration()
    learned, labels = ordinary.images(ordinary.learning), ordinary.labels[ordinary.learning]
    tested = ordinary.images(ordinary.others)
    shown, present = hard_images(tested, ordinary.labels[ordinary.others], ordinary.categories)
    classes = jax.eval_shape(network.network, tested[0]).shape[0]
    sites = {f"layer {n}": (n,) for n in s.layers} | ({"all": s.layers} if s.layers[1:] else {})

    def read(net: VisualSystem, some: Array) -> np.ndarray:
        return over_batches(lambda x: _read(net.readout, pass_through(net, x)[1]), some, net)

    def detected(system: VisualSystem) -> tuple[np.ndarray, list[np.ndarray]]:
        """Logits of the tested images, and `placement` of each kind of them."""
        units = read(system, learned)[:, classes:]
        common = network.preprocessing is not None  # of many units some hardly respond
        fitted = Detectors.fit(units, labels, ordinary.categories, s.penalty, None, common)
        seen = [read(system, kind) for kind in shown]
        scores = [np.asarray(jax.vmap(fitted)(found[:, classes:])) for found in seen]
        places = [placement(*pair) for pair in zip(scores, present, strict=True)]
        return seen[0][:, :classes], places

    def one(way: str, site: str, recurrence: float) -> dict[str, Labelled]:
        circuit, output_map = WAYS[way]
        weights = {n: recurrence * getattr(circuit, n) for n in ("J_EE", "J_EI", "J_IE", "J_II")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", areas.FidelityWarning)  # what is asked here
            system = areas.insert_circuits(
                network.network,
                at=sites[site],
                circuit=circuit.model_copy(update=weights),
                images=calibration,
                held_out=tested,
                output_map=output_map,
                solver=s.solver.relax(),
                batch=100 if network.size <= 64 else 10,
            )
        found = areas.probe_areas(system, *(x[:8] for x in images.ordinary_pairs())).values()
        logits, places = detected(system)
        advance()
        kept = np.isfinite(logits).all(axis=1) & (logits.argmax(axis=1) == first)
        alike = min(value for _, value in system.fidelity.correlation)
        worst = {name: least([one[name] for one in found]) for name, (least, _) in PROBES.items()}
        return {
            "kept": label(kept, "1", "images that keep their first class", image=None),
            "placement": label(np.stack(places), "1", PLACED, shown=SHOWN, image=None),
            "correlation": label(alike, "1", "correlation of the output with the plain layer's"),
            **{name: label(value, *PROBES[name][1]) for name, value in worst.items()},
            "settled": label(worst["converged"] == 1, "1", "whether all circuits settled"),
        }

    factors = coordinate(s.recurrence, "1", "factor on all recurrent weights")
    axes = {"way": s.ways, "site": tuple(sites), "recurrence": factors}
    total = len(s.ways) * len(sites) * len(s.recurrence)
    with stage("circuits put in, detectors", total=total) as advance:
        logits, without = detected(VisualSystem.plain(network.network))
        first = logits.argmax(axis=1)
        found = each(**axes)(one)
    unattended = label(np.stack(without), "1", f"{PLACED}, no circuit", shown=SHOWN, image=None)
    return {**found, "placement_plain": unattended}


PLACED = "share of images without a category that score lower than the image with it"
PROBES: dict[str, tuple[Callable[[Any], float], tuple[str, str]]] = {
    "sum_weight": (max, ("1", "sum weight w_E for pairs of images")),
    "leading_eigenvalue": (min, ("1", "leading eigenvalue of the E subnetwork")),
    "paradoxical_I": (max, ("Hz", "change of I rate per unit of input to all I units")),
    "surround_suppression": (min, ("1", "suppression by the surround")),
    "converged": (min, ("1", "share of the states probed that were reached")),
}


def hard_images(images: Array, labels: np.ndarray, categories: int) -> tuple[Any, Any]:
    """Images as they are, each merged with one of another category, and four in an array.

    Args:
        images, labels, categories: sorted by category, as many of each.

    Returns:
        By kind the images; and by kind the labels, and which categories are there.
    """
    step = len(images) // 4
    others = [np.roll(np.arange(len(images)), step * n) for n in range(4)]
    turned = [images[rows] for rows in others]
    arrays = jax.vmap(jax.vmap(array_same, in_axes=1))(jnp.stack(turned, axis=1))
    kinds = [images, merge(images, turned[2]), arrays]
    there = np.eye(categories, dtype=bool)[labels]
    present = [there, there | there[others[2]], np.any([there[rows] for rows in others], axis=0)]
    return kinds, [(labels, one) for one in present]


def placement(scores: np.ndarray, shown: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Share of the images without an image's category that its detector scores lower than it.

    The mean over the images of a category is the area under the ROC curve of its detector.

    Args:
        scores: (images, categories).
        shown: category of each image, and whether each category is there (images, categories).
    """
    labels, there = shown
    own = scores[np.arange(len(labels)), labels]
    theirs = scores[:, labels].T  # (image, other image), by the detector of the former
    lower = (theirs < own[:, None]) + 0.5 * (theirs == own[:, None])
    without = ~there[:, labels].T
    return np.where(np.isfinite(own), (lower * without).sum(1) / without.sum(1), 0.0)


@eqx.filter_jit
def _read(readout: Any, maps: Array) -> Array:
    """Logits of the classes, followed by the units of the readout, (images, both)."""
    return jax.vmap(lambda m: jnp.concatenate([readout(m), readout.units(m)]))(maps)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Images that keep their first class, area under the ROC curve, with 95 % intervals."""

    def estimate(values: xr.DataArray, text: str) -> xr.DataArray:
        found = bootstrap(lambda v: v.mean("image"), values, "image", n=s.resamples, rng=rng)
        return found.assign_attrs(units="1", long_name=text)

    lost = data.placement_plain - data.placement
    return {
        "first_class": estimate(data.kept.astype(float), "images that keep their first class"),
        "auc": estimate(data.placement, "area under the ROC curve"),
        "auc_plain": estimate(data.placement_plain, "area under the ROC curve, no circuit"),
        "auc_lost": estimate(lost, "area under the ROC curve lost to the circuit"),
    }


def whole(name: str, way: str = BEST) -> Callable[[xr.Dataset], xr.DataArray]:
    """A measure at the circuits' full strength."""
    return lambda d: d[name].sel(way=way, recurrence=1.0, drop=True)


def gap(d: xr.Dataset) -> xr.DataArray:
    """Lower end of the images that sums keep, less the upper end of those that curves keep."""
    sums, curves = (whole("first_class", way)(d) for way in (BEST, "curves"))
    return sums.sel(bound="low", drop=True) - curves.sel(bound="high", drop=True)


def asked(s: Settings) -> bool:
    """Whether the circuits that are claimed to keep the network's work are there."""
    return 1.0 in s.recurrence and {"curves", "sums"} <= set(s.ways)


OURS = Source(detail="required here: the circuits must compute, and the network still work")
ROWS: dict[str, tuple[Any, Any, str]] = {
    "first_class": (whole("first_class"), AtLeast(0.8), "four of five images keep their class"),
    "auc_lost": (whole("auc_lost"), Below(0.02), "detectors see as much as without circuits"),
    "sum_weight": (whole("sum_weight"), Below(1), "two images suppress each other"),
    "leading_eigenvalue": (whole("leading_eigenvalue"), Above(1), "E alone would be unstable"),
    "paradoxical_I": (whole("paradoxical_I"), Below(0), "input to I lowers I"),
    "surround_suppression": (whole("surround_suppression"), Above(0), "the surround suppresses"),
    "sums_over_curves": (gap, Above(0), "sums over maps keep more than curves"),
}
KNOWN = {"sums_over_curves": "Late in a network of digits either keeps nearly all of its classes."}
CLAIMS = (
    *(
        Claim(name, value, expect, OURS, effect, True, KNOWN.get(name, ""), when=asked)
        for name, (value, expect, effect) in ROWS.items()
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    small={
        "layers": [8],
        "recurrence": [0.0, 1.0],
        "ways": list(WAYS)[1:],
        "images.learning": 6,
        "images.others": 2,
        "resamples": 10,
    },
)
