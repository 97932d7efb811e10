"""Soft attention to places, trained to point at the digit asked for among four.

Trained through the circuits by the error of detection alone, its weights hardly leave the even
spread (share in the right quadrant .26 to .27 where .25 is even, areas under the ROC curve of
arrays .61 to .66): the readout gains little from a spatial gain. So it is told where the digit is.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from cortex.areas.digits import CLASSES, MAPS
from cortex.attention import Query
from cortex.attention.soft import SoftAttention
from cortex.measures.learned_rows import in_quadrants

from .base import Curve, Learned, Report
from .hard_digits import hard_trials, showing, split
from .through_circuits import Training, standard_images, standard_key

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


def _pointing(held_out: bool, per_category: int) -> _Pointing:
    dtype, digits = str(jnp.result_type(float)), split()[held_out]
    shown = standard_images(PLACED.layer, per_category, held_out, dtype)["array"]
    trials = hard_trials(digits, standard_key("array", held_out), "array", per_category)
    where = showing(trials, digits).reshape(len(shown), CLASSES)
    image, category = np.nonzero(where >= 0)
    features = shown.seen.features
    inside = in_quadrants(where[image, category], features.shape[-2:])
    return _Pointing(features, image, category, inside)


def _train(seed: int, report: Report | None) -> tuple[SoftAttention, Curve]:
    source = _untrained(jax.random.key(seed))
    data = _pointing(False, PLACED.per_category)
    rng, steps = np.random.default_rng(seed), len(data.image) // BATCH
    optimiser = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, EPOCHS * steps))
    state = optimiser.init(eqx.filter(source, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(source: SoftAttention, state: Any, *batch: Array) -> Any:
        (loss, share), gradient = eqx.filter_value_and_grad(pointing_error, has_aux=True)(
            source, *batch
        )
        form = jax.tree.map(jnp.zeros_like, source.form)  # how it reaches the circuit stays
        gradient = eqx.tree_at(lambda g: g.form, gradient, form)
        updates, state = optimiser.update(gradient, state)
        return eqx.apply_updates(source, updates), state, loss, share

    curve = []
    for number in range(EPOCHS):
        order, found = rng.permutation(len(data.image)), []
        for i in range(steps):
            some = order[i * BATCH : (i + 1) * BATCH]
            features = data.features[data.image[some]]
            batch = features, jnp.asarray(data.category[some]), jnp.asarray(data.inside[some])
            source, state, *row = step(source, state, *batch)
            found.append(row)
        loss, share = np.mean(np.asarray(found), axis=0)
        curve.append({"loss": float(loss), "share": float(share)})
        if report is not None:
            report(number, curve[-1])
    return source, curve


def _score(source: SoftAttention) -> dict[str, float]:
    """Share of the weights in the right quadrant, on held-out digits."""
    data = _pointing(True, 40)
    features, category = data.features[data.image], jnp.asarray(data.category)
    _, share = pointing_error(source, features, category, jnp.asarray(data.inside))
    return {"share_in_quadrant": float(share)}


def _untrained(key: Array) -> SoftAttention:
    return SoftAttention.random(key, MAPS[PLACED.layer], CLASSES)


def learned() -> Learned:
    """What trains and keeps it."""
    return Learned("soft", _untrained, EPOCHS, _train, _score)
