"""Soft attention to places finds the digit asked for among four, and gains act there.

Shown: 2 x 2 arrays of held-out digits, one of which is asked for. Simulated: the digit network
with circuits looks once without attention; weights of the places of its last area are made from
that area's input and the query, over several glances; a second look has gains that follow the
weights, at one energy. The source as trained to point at the digit asked for, with its first
weights, and none. Measured: the share of the weights in the quadrant of the digit asked for,
glance by glance; E and I rates in that quadrant and elsewhere; how the digit stands out among
the logits of the four; detection.

Source: Xu et al. 2015, ICML 37:2048 (soft attention); Yang et al. 2016, CVPR:21 (stacked
attention); that places are told in training, and gains of circuits, are our design.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex.attention import inside_quadrants
from cortex.attention.soft import SoftAttention
from cortex.experiment import Above, Claim, Experiment, settled_claim
from cortex.labelled import Labelled, coordinate, each
from cortex.models.learned import trained_source
from cortex.models.learned.hard_digits import HardImages
from cortex.progress import stage
from cortex.sources import Source
from cortex.studies.learned_source import (
    GAIN,
    SMALL,
    LearnedSourceSettings,
    contrast,
    detection_claims,
    look_in_conditions,
    over_controls,
    what_was_shown,
    with_intervals,
)

EVEN = 0.25  # share of an even spread in a quadrant
PAPER = Source("xu2015", "direction; stacked glances: Yang et al. 2016")
WHY = (
    "supposed, not measured: without the digit the weights go to what resembles it; and detectors "
    "were fitted to single digits of full size"
)


class Settings(LearnedSourceSettings):
    """Settings of `soft_attention`."""


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """First looks, weights of all glances, and second looks."""
    sources = s.sources(trained_source("soft"))
    observer = s.observer()
    shown = s.hard_images(observer, key)
    looks = look_in_conditions(s, observer, shown, sources, text="soft attention")
    with stage("weights of the places"):
        weights = each(trained=tuple(sources), seed=s.learned.seeds)(
            lambda trained, seed: glances(sources[trained][seed], shown)
        )
    glance = coordinate(np.arange(1, weights.values.shape[3] + 1), "1", "glance")
    weight = weights.named(
        "1", "weight of a place", image=None, glance=glance, row=None, column=None
    )
    inside = jnp.asarray(inside_quadrants(np.asarray(shown.quadrant), weight.values.shape[-2:]))
    share = weight.apply(
        lambda places: jnp.sum(places * inside, axis=(1, 2)),
        "image",
        "row",
        "column",
        to={"image": None},
    )
    return {
        **looks,
        **what_was_shown(shown),
        "weight": weight,
        "share": share.named("1", "share of the weights in the quadrant asked for"),
    }


@eqx.filter_jit
def glances(source: SoftAttention, shown: HardImages) -> Array:
    """Weights of the places, (images, glances, height, width)."""
    return jax.vmap(source.weights)(shown.features, shown.queries)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Means over images with the digit asked for, and detection, with intervals."""
    inside = inside_quadrants(data.quadrant.values, (data.sizes["row"], data.sizes["column"]))
    ratio = contrast(data.rates, xr.DataArray(inside, dims=("image", "row", "column")), log=True)
    margin, last = data.margin.isel({"pass": -1}, drop=True), data.share.isel(glance=-1, drop=True)
    found = {
        "mean_share": (data.share, "share of the weights in the quadrant asked for"),
        "share_over_untrained": (
            last.sel(trained="learned", drop=True) - last.sel(trained="untrained", drop=True),
            "share after the last glance, learned minus first weights",
        ),
        "share_over_first_glance": (
            last - data.share.isel(glance=0, drop=True),
            "share after the last glance minus after the first",
        ),
        "rate_change": (
            ratio - ratio.sel(condition="none", drop=True),
            "log ratio of rates inside to outside the quadrant, minus no attention",
        ),
        "mean_margin": (margin, "logit of the digit asked for minus the mean of the others shown"),
        "margin_gain": (over_controls(margin), "gain of that margin by the learned source"),
    }
    there = {
        name: (array.mean("seed").where(data.present), text)
        for name, (array, text) in found.items()
    }
    return with_intervals(s, data, rng, there)


CLAIMS = (
    Claim(
        "share",
        lambda d: d.mean_share.sel(trained="learned").isel(glance=-1),
        Above(EVEN, "an even spread"),
        PAPER,
        "weights of soft attention gather at the digit asked for",
        headline=True,
    ),
    Claim(
        "share_over_untrained",
        lambda d: d.share_over_untrained,
        Above(0),
        PAPER,
        "more of them than with first weights",
        headline=True,
    ),
    Claim(
        "share_over_first_glance",
        lambda d: d.share_over_first_glance.sel(trained="learned"),
        Above(0),
        PAPER,
        "weights move towards the digit asked for, glance by glance",
        headline=True,
    ),
    Claim(
        "rate_change",
        lambda d: d.rate_change.sel(condition="learned"),
        Above(0),
        GAIN,
        "rates rise at the digit asked for against the rest",
        headline=True,
    ),
    Claim(
        "margin_gain",
        lambda d: d.margin_gain,
        Above(0),
        GAIN,
        "the digit attended stands out among the four more than with the control",
        headline=True,
    ),
    *detection_claims("soft attention", WHY),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small=SMALL,
)
