"""Masks over the features: an attention gate opened by the query, and residual attention.

Shown: 2 x 2 arrays of held-out digits, one of which is asked for. Simulated: the digit network
with circuits looks once without attention; a gate for every place is made from the input of the
last area and the query, or a mask in [0, 1] for every map and place from that input alone; a
second look has gains alpha, or 1 + M, at one energy. Each as trained through the circuits, with
its first weights, and none. Measured: gain at the digit asked for against elsewhere, and on ink
against paper; the same of E and I rates; detection.

Source: Oktay et al. 2018, MIDL, arXiv:1804.03999 (attention gates); Wang et al. 2017, CVPR:6450
(residual attention); gains of circuits and training through them are our design.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import xarray as xr
from jax import Array

from cortex.attention import inside_quadrants
from cortex.experiment import Above, Claim, Experiment, settled_claim
from cortex.labelled import Labelled, each, label
from cortex.models.learned import trained_source
from cortex.sources import Source
from cortex.studies.learned_source import (
    GAIN,
    SMALL,
    LearnedSourceSettings,
    contrast,
    detection_claims,
    look_in_conditions,
    what_was_shown,
    with_intervals,
)

MECHANISMS = {"gate": "attention_gate", "residual": "residual_mask"}
# What each can know: the gate what is asked for, the residual mask only what is there.
OBJECTS = {"gate": "asked", "residual": "ink"}


class Settings(LearnedSourceSettings):
    """Settings of `attention_masks`."""


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """First looks, and second looks with both masks."""
    sources = {name: s.sources(trained_source(file)) for name, file in MECHANISMS.items()}
    observer = s.observer()
    shown = s.hard_images(observer, key)
    found = each(mechanism=tuple(MECHANISMS))(
        lambda name: look_in_conditions(s, observer, shown, sources[name], text=name)
    )
    places = found["pattern"].values.shape[-2:]
    ink = jax.image.resize(shown.images[:, 0], (len(shown), *places), "linear")
    return {
        **found,
        **what_was_shown(shown),
        # A place counts by its ink, up to the ink of a stroke that fills a third of it.
        "ink": label(
            np.clip(3 * ink, 0, 1), "1", "ink at a place", image=None, row=None, column=None
        ),
    }


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Gain and rates on each object against elsewhere, and detection, with intervals."""
    gain, rate = (over_objects(data, data[name], name == "rates") for name in ("pattern", "rates"))
    found = {
        "gain_by_seed": (gain, "gain on the object minus elsewhere"),
        "gain_contrast": (gain.mean("seed"), "gain on the object minus elsewhere"),
        "gain_over_untrained": (
            (gain.sel(condition="learned") - gain.sel(condition="untrained")).mean("seed"),
            "gain on the object minus elsewhere, learned minus first weights",
        ),
        "rate_change": (
            (rate - rate.sel(condition="none", drop=True)).mean("seed"),
            "log ratio of rates on the object to elsewhere, minus no attention",
        ),
    }
    return with_intervals(s, data, rng, found)


def over_objects(data: xr.Dataset, values: xr.DataArray, log: bool) -> xr.DataArray:
    """A variable on each object against elsewhere, by image, see `contrast`.

    Args:
        data: with ``quadrant``, ``present`` and ``ink``.
        values: over row and column, and more.
        log: the logarithm of the ratio, or else the difference.

    Returns:
        By ``object``: ``asked``, the quadrant of the digit asked for, in images that have it; and
        ``ink``, against paper.
    """
    quadrant = inside_quadrants(data.quadrant.values, (data.sizes["row"], data.sizes["column"]))
    asked = contrast(values, data.ink.copy(data=quadrant), log=log).where(data.present)
    found = xr.concat([asked, contrast(values, data.ink, log=log)], "object")
    return found.assign_coords(object=["asked", "ink"])


def claims_of(mechanism: str, source: Source, what: str, where: str, known: str = "") -> Any:
    """What is claimed of one mask.

    Args:
        mechanism: its name.
        source: who says so.
        what, where: the mask, and the object that it should find, in words.
        known: why it does not find it, where it does not.
    """
    at = {"mechanism": [mechanism], "object": OBJECTS[mechanism]}
    return (
        Claim(
            "gain_contrast",
            lambda d: d.gain_contrast.sel(condition="learned", **at),
            Above(0),
            source,
            f"{what} is higher {where} than elsewhere",
            headline=True,
            known=known,
        ),
        Claim(
            "gain_over_untrained",
            lambda d: d.gain_over_untrained.sel(**at),
            Above(0),
            source,
            f"{what} prefers it more than with first weights",
            headline=True,
            known=known,
        ),
        Claim(
            "rate_change",
            lambda d: d.rate_change.sel(condition="learned", **at),
            Above(0),
            GAIN,
            f"{what} raises rates {where} against elsewhere",
            headline=True,
            known=known,
        ),
        *detection_claims(what, mechanism=[mechanism]),
    )


OKTAY, WANG = Source("oktay2018", "direction"), Source("wang2017", "direction")
# Measured apart, on four arrays and the kept weights of three seeds.
CHOOSES_MAPS = (
    "what detection teaches this mask is which maps to raise, not where: of the kept weights' "
    "variance, measured apart on four arrays, 62 to 81 % lies between maps, at most 2 % between "
    "places"
)

CLAIMS = (
    *claims_of("gate", OKTAY, "the attention gate", "at the digit asked for"),
    *claims_of("residual", WANG, "the residual mask", "on ink", CHOOSES_MAPS),
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
