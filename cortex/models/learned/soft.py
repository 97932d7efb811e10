"""Soft attention to places, trained to point at the digit asked for among four.

Trained through the circuits by the error of detection alone, its weights hardly leave the even
spread (share in the right quadrant .26 to .27 where .25 is even, areas under the ROC curve of
arrays .61 to .66): the readout gains little from a spatial gain. So it is told where the digit is.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from cortex.areas.digits import CLASSES, MAPS
from cortex.attention import Query, inside_quadrants
from cortex.attention.soft import SoftAttention
from cortex.trainer import Curve, Report, fit

from .base import TrainedSource
from .hard_digits import hard_trials, showing, split
from .through_circuits import Training, standard_images, standard_key, trainable

PLACED = Training()  # the area and the images
EPOCHS, BATCH, LEARNING_RATE = 12, 64, 5e-3


def pointing_error(
    source: SoftAttention,
    features: Float[Array, "images maps height width"],
    category: Int[Array, " images"],
    inside: Float[Array, "images height width"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """-log of the share of the last glance's weights that lies inside [nat], and the share.

    Args:
        source: of the weights.
        features: of the attended area.
        category: asked for, in the image.
        inside: how much of each place belongs to it, 0 to 1.
    """
    weights = jax.vmap(lambda maps, c: source.weights(maps, Query(c))[-1])(features, category)
    share = jnp.sum(weights * inside, axis=(1, 2))
    return -jnp.mean(jnp.log(share)), jnp.mean(share)


class _Pointing(NamedTuple):
    """All digits of arrays: features by image; image, category and place by digit."""

    features: Float[Array, "images maps height width"]
    image: np.ndarray
    category: np.ndarray
    inside: np.ndarray


_Batch = tuple[Array, Array, Array]


def _pointing(held_out: bool, per_category: int) -> _Pointing:
    dtype, digits = str(jnp.result_type(float)), split()[held_out]
    shown = standard_images(PLACED.layer, per_category, held_out, dtype)["array"]
    trials = hard_trials(digits, standard_key("array", held_out), "array", per_category)
    where = showing(trials, digits).reshape(len(shown), CLASSES)
    image, category = np.nonzero(where >= 0)
    features = shown.features
    inside = inside_quadrants(where[image, category], (features.shape[-2], features.shape[-1]))
    return _Pointing(features, image, category, inside)


def _train(seed: int, report: Report | None) -> tuple[SoftAttention, Curve]:
    data = _pointing(False, PLACED.per_category)
    rng, steps = np.random.default_rng(seed), len(data.image) // BATCH

    def epochs() -> Iterator[list[_Batch]]:
        for _ in range(EPOCHS):
            order = rng.permutation(len(data.image))[: steps * BATCH]
            yield [_batch(data, some) for some in order.reshape(steps, BATCH)]

    def loss(source: SoftAttention, batch: _Batch) -> tuple[Array, dict[str, Array]]:
        error, share = pointing_error(source, *batch)
        return error, {"loss": error, "share": share}

    first = _untrained(jax.random.key(seed))
    optimiser = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, EPOCHS * steps))
    return fit(first, loss, epochs(), optimiser, trainable=trainable(first), report=report)


def _batch(data: _Pointing, digits: np.ndarray) -> _Batch:
    features = data.features[data.image[digits]]
    return features, jnp.asarray(data.category[digits]), jnp.asarray(data.inside[digits])


def _score(source: SoftAttention) -> dict[str, float]:
    """Share of the weights in the right quadrant, on held-out digits."""
    data = _pointing(True, 40)
    features, category = data.features[data.image], jnp.asarray(data.category)
    _, share = pointing_error(source, features, category, jnp.asarray(data.inside))
    return {"share_in_quadrant": float(share)}


def _untrained(key: Array) -> SoftAttention:
    return SoftAttention.random(key, MAPS[PLACED.layer], CLASSES)


def trained_source() -> TrainedSource:
    """What trains and keeps it."""
    return TrainedSource("soft", _untrained, EPOCHS, _train, _score)
