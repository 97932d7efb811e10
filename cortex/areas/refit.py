"""Fitting the readout again to maps that have changed, as after putting circuits in."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cortex.frontends.conv import AbstractReadout
from cortex.trainer import fit

from .insert import over_batches
from .system import VisualSystem
from .training import TrainingSettings, distort

SETTINGS = TrainingSettings(epochs=30, batch=100, learning_rate=1e-3)


def refit_readout(
    system: VisualSystem,
    images: Float[Array, "images channels height width"],
    labels: Int[Array, " images"],
    key: PRNGKeyArray,
    settings: TrainingSettings = SETTINGS,
    copies: int = 2,
) -> VisualSystem:
    """The same areas with a readout trained on what they now send.

    The areas respond once to the images and to distorted copies of them; only the readout is
    trained, starting from the present one, so that this costs little more than those
    responses.

    Args:
        images, labels: the training set.
        key: of the distortions and of the order.
        settings: of the training and of the distortions.
        copies: distorted copies of each image, besides the image itself.
    """
    import optax  # slow to import, seldom needed

    distort_key, order_key = jax.random.split(key)
    sets = [images]
    for copy in range(copies):
        keys = jax.random.split(jax.random.fold_in(distort_key, copy), len(images))
        sets.append(jax.vmap(lambda k, x: distort(k, x, settings))(keys, images))
    maps = over_batches(lambda x: system.respond(x)[-1].output, jnp.concatenate(sets), 100)
    truth = jnp.tile(labels, copies + 1)
    usable = jnp.isfinite(maps).all(axis=(1, 2, 3))
    maps, truth = maps[usable], truth[usable]

    steps = len(maps) // settings.batch
    schedule = optax.cosine_decay_schedule(settings.learning_rate, settings.epochs * steps)
    optimiser = optax.adamw(schedule, weight_decay=settings.weight_decay)

    def loss(readout: AbstractReadout, rows: Array, maps: Array, truth: Array) -> Any:
        logits = jax.vmap(readout)(maps[rows])
        found = optax.softmax_cross_entropy_with_integer_labels(logits, truth[rows]).mean()
        return found, {"loss": found}

    def batches(number: int) -> Array:
        order = jax.random.permutation(jax.random.fold_in(order_key, number), len(maps))
        return order[: steps * settings.batch].reshape(steps, settings.batch)

    epochs = map(batches, range(settings.epochs))
    readout, _ = fit(system.readout, loss, epochs, optimiser, data=(maps, truth))
    return VisualSystem(system.areas, readout, system.names)
