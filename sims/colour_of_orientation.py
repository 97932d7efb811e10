"""Naming the colour of the orientation that is attended to.

Shown: two gratings of different orientation and colour in two quadrants of an image. Simulated: a
large network, as it is and with circuits at some late layers, with attention to one of the two
orientations by tuning values, gradient values or controls, at one layer or at all, at several
strengths. Measured: how often a choice among five colours, trained on single gratings, names the
colour of the attended orientation, and how often that of the other grating.

Source: Lindsay & Miller 2018, eLife 7:e38105, on VGG-16: attention to one feature should bring
out the others of the same object. The network here is EfficientNet-Lite0 unless another is asked
for; colours, numbers of images and circuits are chosen here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.yes_no import halves
from cortex.labelled import label, to_dataset
from cortex.models.networks import load_study_network
from cortex.models.study import ValuesSection
from cortex.progress import stage
from cortex.sources import Source
from cortex.studies import Subject, gratings

EXAMPLE = 2  # orientation that example images are of: 40 deg
NAMED = {"own": "the attended orientation", "other": "the other grating"}  # whose colour


class Settings(gratings.GratingSettings):
    """Settings of `colour_of_orientation`."""

    values: ValuesSection = ValuesSection(gradients_over="category", gradients_normalised="both")
    attention: gratings.OrientationAttention = gratings.OrientationAttention(
        sources=("tuning", "gradient", "shuffled", "uniform"),
        layers=(8, 13, 15, 18),
        control_layers=(15, 18),
        strengths=(0.3, 0.9, 2.7),
    )


def simulate(s: Settings, _: Array) -> xr.Dataset:
    """Each variant learns from single gratings and names a colour in pairs."""
    network = load_study_network(s.network)
    images = s.gratings.images(network, s.seed, positive_only=True)
    lowest = s.attention.lowest_gradient(len(network.layers))
    learned = gratings.learn_gratings(s, network, images, gradients=lowest)
    subjects = {
        variant: Subject(one.colour, {name: one.by(name) for name in s.attention.sources})
        for variant, one in learned.items()
    }
    data = gratings.look_at_pairs(
        network,
        images.trials,
        s.attention,
        learned,
        subjects,
        asked=s.attention.asked,
        answer="all",
    )
    names, field = {"colour_name": images.field.colour_names}, images.field
    by_trial = {"category": None, "image": None}
    shown = {
        "colour": label(images.trials.colour, "1", "attended orientation's colour", **by_trial),
        "other_colour": label(images.trials.other_colour, "1", "the other's colour", **by_trial),
        "rgb_of_colour": label(field.colours, "1", "brightest line of a bar", **names, rgb=None),
        "example": label(
            images.examples(EXAMPLE),
            "1",
            "a single grating, and two pairs with its orientation",
            shown=None,
            y=None,
            x=None,
            rgb=None,
        ),
    }
    return data.merge(to_dataset(shown))


def named(logits: xr.DataArray) -> xr.DataArray:
    """The colour with the largest logit; NaN where nothing was asked, -1 where nothing came out.

    A circuit that ran away leaves no answer in some trials of a condition.
    """
    lost = logits.isnull().any("logit")
    nothing = lost.all(("category", "image"))
    return logits.fillna(0.0).argmax("logit").where(~lost, -1.0).where(~nothing)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Whose colour is named, and what attention adds.

    Strengths, and the best layer, are chosen on the first half of each orientation's images, for
    the attended colour to be named most often; estimates are of the other half.
    """
    shown = xr.concat([data["colour"], data["other_colour"]], "named", coords="minimal")
    shown = shown.assign_coords(named=("named", list(NAMED), {"long_name": "whose colour"}))
    answers = {"attended": named(data["score"]), "unattended": named(data["score_unattended"])}
    hits = {name: (one == shown).where(one.notnull()) for name, one in answers.items()}
    attended, unattended = hits["attended"], hits["unattended"]
    every = ("category", "image")
    right = halves(attended.sel(named="own", drop=True))[0].mean(every)
    best = right.fillna(-1.0).argmax("strength")
    late = xr.Dataset({"best": halves(attended)[1].isel(strength=best, drop=True)})
    late["base"] = halves(unattended)[1]

    def statistic(some: xr.Dataset) -> xr.Dataset:
        share = some.mean(every, skipna=False)
        own, other = (share["best"].sel(named=whose, drop=True) for whose in NAMED)
        found = share.assign(gain=share["best"] - share["base"], own_minus_other=own - other)
        if "tuning" not in s.attention.sources:
            return found
        return found.assign(tuning_minus=gratings.beyond_controls(own))

    with stage("shares of colours and their intervals"):
        how: dict[str, Any] = {"n": s.statistics.resamples, "level": s.statistics.level}
        found = bootstrap(statistic, late, "image", within=("category",), rng=rng, **how)
    words = {
        "best": "trials in which the colour is named, at the best strength of attention",
        "base": "trials in which the colour is named, without attention, of those reported",
        "gain": "change of the share in which the colour is named, at the best strength",
        "own_minus_other": "share naming the attended colour less the other, at the best strength",
        "tuning_minus": "share naming the attended colour by tuning values less by a control",
    }
    shares = {n: found[n].assign_attrs(units="1", long_name=words[n]) for n in words if n in found}
    text = {"units": "1", "long_name": "trials in which the colour is named"}
    shares["named_share"] = attended.mean(every, skipna=False).assign_attrs(text)
    shares["named_share_unattended"] = unattended.mean(every).assign_attrs(text)
    at = right["strength"].isel(strength=best, drop=True).where(right.notnull().any("strength"))
    shares["best_strength"] = at.assign_attrs(units="1", long_name="best strength of attention")
    if "tuning" in s.attention.sources:
        shares["best_layer"] = gratings.best_layer(right)
    return shares


def tuning(array: xr.DataArray, d: xr.Dataset, whose: str) -> xr.DataArray:
    """Of attention by tuning values at the layer where they do best, whose colour is named."""
    return array.sel(source="tuning", site=d["best_layer"], named=whose, drop=True)


def best_layer_in_words(d: xr.Dataset, place: dict[str, Any]) -> str:
    """Which layer is the best, and by how much attention moves the shares there."""
    here = d.sel(variant=place["variant"], bound="value")
    own, other = (
        f"from {float(here['base'].sel(named=whose)):.1%} to "
        f"{float(tuning(here['best'], here, whose)):.1%}"
        for whose in NAMED
    )
    layer = here["best_layer"].item()
    beta = float(here["best_strength"].sel(source="tuning", site=layer))
    return (
        f"{layer.capitalize()} and beta = {beta:g} are the best on the first half of the images; "
        f"on the other half attention moves the share {own}, and that of the other grating's "
        f"colour {other}."
    )


DIRECTION = Source("lindsay2018", "direction, on VGG-16")
BEST: dict[str, Any] = {
    "headline": True,
    "known": best_layer_in_words,
    "when": gratings.asks("tuning"),
}

CLAIMS = (
    ex.Claim(
        "right_single",
        lambda d: d["right_colour"],
        ex.Above(0.8, "chance 0.2"),
        Source(detail="required here: the readout knows the colours of single gratings"),
        "the colours of single gratings are named",
        headline=True,
    ),
    gratings.SETTLED,
    ex.Claim(
        "named_share_unattended",
        lambda d: d["named_share_unattended"],
        ex.Reported(),
        DIRECTION,
        "how often either colour is named without attention; guessing gives 0.2",
        headline=True,
    ),
    ex.Claim(
        "tuning_gain",
        lambda d: tuning(d["gain"], d, "own"),
        ex.Above(0),
        DIRECTION,
        "attention to an orientation brings out its colour",
        **BEST,
    ),
    ex.Claim(
        "other_gain",
        lambda d: tuning(d["gain"], d, "other"),
        ex.Below(0),
        DIRECTION,
        "attention to an orientation drives out the other grating's colour",
        **BEST,
    ),
    ex.Claim(
        "own_minus_other",
        lambda d: d["own_minus_other"].sel(source="tuning", site=d["best_layer"], drop=True),
        ex.Above(0),
        DIRECTION,
        "the colour named is that of the attended orientation, not the other's",
        **BEST,
    ),
    *(
        ex.Claim(
            f"tuning_minus_{control}",
            lambda d, of=control: d["tuning_minus"].sel(control=of, drop=True),
            ex.Above(0),
            gratings.CONTROL,
            f"tuning values bring out the colour more than {control} ones",
            headline=True,
            known=gratings.where_controlled(control),
            when=gratings.asks("tuning", control),
        )
        for control in gratings.CONTROLS
    ),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    small=gratings.SMALL
    | {
        "attention.layers": [4],
        "attention.control_layers": [],
        "attention.strengths": [0.3],
        "attention.sources": ["tuning", "uniform"],
        "attention.all_layers": False,
        "statistics.resamples": 20,
    },
)
