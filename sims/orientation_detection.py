"""Detecting an orientation in pairs of gratings, with and without attention.

Shown: two coloured gratings of different orientation in two quadrants of an image. Simulated: a
large network, as it is and with circuits at some late layers, looking with no attention and with
attention to the orientation sought, by tuning values, gradient values or controls, at one layer
or at all, at several strengths. Measured: how well detectors that were trained on single
gratings find the orientation, what attention does to hits and to false alarms, and how much of
its gain a mere shift of the detectors' threshold would have brought.

Source: the orientation task of Lindsay & Miller 2018, eLife 7:e38105, on VGG-16. The network
here is EfficientNet-Lite0 unless another is asked for; colours, numbers of images and circuits
are chosen here.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex.analysis.yes_no import halves, performance
from cortex.labelled import label, to_dataset
from cortex.models.networks import NetworkSection, load_study_network
from cortex.models.study import ValuesSection
from cortex.sources import Source
from cortex.studies import Subject, gratings, over_networks
from cortex.studies import detection_rows as rows
from cortex.studies.gratings import Gratings, OrientationAttention

EXAMPLE = 2  # orientation that example images are of: 40 deg


class Settings(gratings.GratingSettings):
    """Settings of `orientation_detection`."""

    # With its circuit the network is at chance here (51 %), which asks nothing of attention.
    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", variants=("plain",), how="inserted", circuits=(13,)
    )
    gratings: Gratings = Gratings(trials=32)
    values: ValuesSection = ValuesSection(gradients_normalised="both")
    attention: OrientationAttention = OrientationAttention(
        layers=(8, 13, 15, 18), control_layers=(15, 18), strengths=(0.15, 0.3, 0.6, 1.2, 2.4)
    )


def simulate(s: Settings, _: Array) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs."""
    network = load_study_network(s.network)
    images = s.gratings.images(network, s.seed)
    lowest = s.attention.lowest_gradient(len(network.layers))
    learned = gratings.learn_gratings(s, network, images, gradients=lowest)
    subjects = {
        variant: Subject(one.orientation, {name: one.by(name) for name in s.attention.sources})
        for variant, one in learned.items()
    }
    data = gratings.look_at_pairs(
        network, images.trials, s.attention, learned, subjects, asked=s.attention.asked
    )
    text = "a single grating, a pair with it, one without"
    example = label(images.examples(EXAMPLE), "1", text, shown=None, y=None, x=None, rgb=None)
    data = data.expand_dims(task=["pairs"]).transpose("variant", "task", ...)
    return over_networks({s.network.weights_seed: data.merge(to_dataset({"example": example}))})


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, what attention gains, and the layer where it does best.

    No answer, where a circuit ran away with attention, is taken for a no.
    """
    lost = data["score"].isnull() & data["settled_share"].notnull()
    said = data.assign(score=data["score"].where(~lost, -np.inf))
    found = rows.detection_results(said, s.statistics, rng)
    if "tuning" in s.attention.sources:
        first = performance(halves(said["score"])[0]).mean(rows.NETWORK)
        found["best_layer"] = gratings.best_layer(first)
    return found


def criterion_at_best_layer(d: xr.Dataset) -> xr.DataArray:
    """Change of the criterion by tuning values, at the layer best on the first half."""
    gains = d["gain"].sel(measure="criterion", compared="tuning", drop=True)
    return gains.sel(site=d["best_layer"], drop=True)


def as_published(s: Settings) -> bool:
    """Whether the numbers of the paper, which are for VGG-16, can be compared with.

    What the paper does not tell (colours, background, full field or not) is as chosen here.
    """
    a, shown, usual = s.attention, s.gratings, gratings.Gratings()
    fixed = ("cycles_per_pixel", "contrast", "blanked", "noisy", "noise")
    return (
        s.network.name == "vgg16"
        and "plain" in s.network.variants
        and a.form == "multiplicative"
        and a.bidirectional
        and shown.trials >= 100  # images an orientation in the authors' code
        and shown.detectors_see == "noisy"
        and all(getattr(shown, name) == getattr(usual, name) for name in fixed)
    )


NUMBERS = Source("lindsay2018", "published; tolerance, colours and background chosen here")
BAND = 0.05
PLAIN = {"variant": ["plain"], "measure": "performance"}

CLAIMS = (
    ex.Claim(
        "right_single",
        lambda d: d["right_orientation"].isel({rows.NETWORK: 0, "task": 0}, drop=True),
        ex.Above(0.12, "more than chance"),
        Source(detail="required here: detectors know single gratings"),
        "single gratings are told apart by their orientation",
        known="Single gratings without noise that the detectors judging them were not trained on.",
    ),
    gratings.SETTLED,
    *rows.GAIN_CLAIMS,
    ex.Claim(
        "tuning_criterion_gain",
        criterion_at_best_layer,
        ex.Below(0),
        Source("lindsay2018", "direction, on VGG-16 and photographs"),
        "feature attention lowers the criterion",
        known=rows.base_in_words,
        when=gratings.asks("tuning"),
    ),
    ex.Claim(
        "baseline",
        lambda d: d["detection_unattended"].sel(PLAIN, drop=False).mean((rows.NETWORK, "task")),
        ex.Near(0.6025, atol=BAND),
        NUMBERS,
        "orientations in pairs are found as often as published",
        headline=True,
        when=as_published,
    ),
    ex.Claim(
        "tuning_gain_at_layer_10",
        lambda d: d["published_gain"].sel(
            variant=["plain"], compared="tuning", site="layer 10", task="pairs"
        ),
        ex.Near(0.144, atol=BAND),
        NUMBERS,
        "attention at layer 10 adds as much as published, by the paper's statistic",
        headline=True,
        when=lambda s: as_published(s) and gratings.asks("tuning")(s) and 10 in s.attention.layers,
    ),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    conclude=lambda s, data: rows.conclusion(data, s.statistics.level),
    compiled=False,
    small=gratings.SMALL
    | {
        "attention.layers": [3, 4],
        "attention.control_layers": [4],
        "attention.strengths": [0.3, 0.9],
        "attention.sources": ["tuning", "shuffled"],
        "attention.all_layers": False,
        "statistics.resamples": 20,
    },
)
