"""Training a visual system on images, through the steady states of its circuits."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cortex.trainer import Curve, Report, fit

from .area import CircuitArea
from .system import VisualSystem

Image = Float[Array, "channels height width"]


class TrainingSettings(NamedTuple):
    """How a system is trained.

    Attributes:
        epochs: passes over the images.
        batch: images a step.
        learning_rate: of AdamW, at the start; it falls to 0 along a cosine.
        weight_decay: of AdamW.
        rotation: largest random turn of an image [deg].
        zoom: largest random change of size, natural logarithm, along each axis.
        shift: largest random displacement [px].
        smallest: half of the images are shrunk, to between this and their full size, and
            put anywhere that they fit, so that the network also knows small digits.
    """

    epochs: int = 20
    batch: int = 50
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    rotation: float = 11.5
    zoom: float = 0.15
    shift: float = 2.5
    smallest: float = 0.5


def trainable(system: VisualSystem) -> Any:
    """Filters, biases, output maps and readout; the circuits stay as they are."""
    mask = jax.tree.map(eqx.is_inexact_array, system)

    def frozen(s: VisualSystem) -> list[Any]:
        circuits = [area for area in s.areas if isinstance(area, CircuitArea)]
        return [x for area in circuits for x in jax.tree.leaves((area.circuit, area.drive_scale))]

    return eqx.tree_at(frozen, mask, replace_fn=lambda _: False)


def distort(key: PRNGKeyArray, image: Image, settings: TrainingSettings) -> Image:
    """A random turn, size and place, as handwriting varies. Bilinear, zero outside."""
    keys = jax.random.split(key, 5)
    height, width = image.shape[1:]
    limit = jnp.radians(settings.rotation)
    turn = jax.random.uniform(keys[0], (), minval=-limit, maxval=limit)
    stretch = jax.random.uniform(keys[1], (2,), minval=-settings.zoom, maxval=settings.zoom)
    shrunk = jax.random.uniform(keys[2], (), minval=settings.smallest, maxval=1.0)
    size = jnp.where(jax.random.bernoulli(keys[3]), shrunk, 1.0)
    scale = jnp.exp(stretch) / size
    room = (1.0 - size) * jnp.array([height, width]) / 2 + settings.shift
    place = room * jax.random.uniform(keys[4], (2,), minval=-1.0, maxval=1.0)
    y = jnp.arange(height)[:, None] - (height - 1) / 2 - place[0]
    x = jnp.arange(width)[None, :] - (width - 1) / 2 - place[1]
    rows = (jnp.cos(turn) * y - jnp.sin(turn) * x) * scale[0] + (height - 1) / 2
    columns = (jnp.sin(turn) * y + jnp.cos(turn) * x) * scale[1] + (width - 1) / 2

    def one(channel: Float[Array, "height width"]) -> Float[Array, "height width"]:
        return jax.scipy.ndimage.map_coordinates(channel, [rows, columns], order=1)

    return jax.vmap(one)(image)


def cross_entropy(
    system: VisualSystem,
    images: Float[Array, "batch channels height width"],
    labels: Int[Array, " batch"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean cross-entropy [nat] over the images whose circuits settled, and the fraction not."""

    import optax  # slow to import, seldom needed

    def one(image: Image, label: Int[Array, ""]) -> tuple[Array, Array]:
        responses = system.respond(image)
        settled = jnp.all(jnp.stack([r.converged for r in responses]))
        output = jnp.where(settled, responses[-1].output, 0.0)
        loss = optax.softmax_cross_entropy_with_integer_labels(system.readout(output), label)
        return jnp.where(settled, loss, 0.0), settled

    losses, settled = jax.vmap(one)(images, labels)
    count = jnp.maximum(jnp.sum(settled), 1)
    return jnp.sum(losses) / count, 1.0 - jnp.mean(settled)


def train(
    system: VisualSystem,
    images: Float[Array, "images channels height width"],
    labels: Int[Array, " images"],
    key: PRNGKeyArray,
    settings: TrainingSettings | None = None,
    report: Report | None = None,
) -> tuple[VisualSystem, Curve]:
    """Fit the system to classify the images; the circuits' own parameters stay fixed.

    Args:
        system: plain or with circuits, whose steady states are differentiated implicitly.
        images, labels: the training set.
        key: of the order, and of the distortions.
        settings: how.
        report: called after each epoch with its number and its row of the curve.

    Returns:
        The trained system and the training curve, by epoch: ``loss``, mean cross-entropy [nat],
        and ``unsettled``, the fraction of images for which a circuit did not settle. Steps whose
        gradient is not finite are left out.
    """
    import optax  # slow to import, seldom needed

    how = settings or TrainingSettings()
    system = VisualSystem(system.areas, system.readout, system.names)  # fidelity is not kept
    per_epoch = len(images) // how.batch
    schedule = optax.cosine_decay_schedule(how.learning_rate, how.epochs * per_epoch)
    optimiser = optax.apply_if_finite(
        optax.chain(
            optax.clip_by_global_norm(5.0), optax.adamw(schedule, weight_decay=how.weight_decay)
        ),
        max_consecutive_errors=10,
    )

    def loss(system: VisualSystem, batch: Any, images: Array, labels: Array) -> Any:
        rows, key = batch
        keys = jax.random.split(key, how.batch)
        shown = jax.vmap(lambda k, x: distort(k, x, how))(keys, images[rows])
        value, unsettled = cross_entropy(system, shown, labels[rows])
        return value, {"loss": value, "unsettled": unsettled}

    def batches(number: int) -> Iterator[tuple[Array, PRNGKeyArray]]:
        order_key, step_key = jax.random.split(jax.random.fold_in(key, number))
        order = jax.random.permutation(order_key, len(images))
        for i in range(per_epoch):
            yield order[i * how.batch : (i + 1) * how.batch], jax.random.fold_in(step_key, i)

    return fit(
        system,
        loss,
        map(batches, range(how.epochs)),
        optimiser,
        trainable=trainable(system),
        data=(images, labels),
        report=report,
    )


def accuracy(
    system: VisualSystem,
    images: Float[Array, "images channels height width"],
    labels: Int[Array, " images"],
    batch: int = 100,
) -> float:
    """Fraction of images whose largest logit is the right one; unsettled ones are wrong."""
    hits = sum(
        int(_right(system, images[start : start + batch], labels[start : start + batch]))
        for start in range(0, len(images), batch)
    )
    return hits / len(images)


@eqx.filter_jit
def _right(system: VisualSystem, images: Array, labels: Array) -> Array:
    logits = jax.vmap(system)(images)
    return jnp.sum((jnp.argmax(logits, axis=-1) == labels) & jnp.isfinite(logits[:, 0]))
