"""Reading a strip of digits in the order asked for: an encoder-decoder on circuits' E rates.

What is read are the columns of the topmost circuits of the digit network of three layers, which
see the whole strip and are not trained here. Three encoder-decoders learn alike: one with attention
by content, one that weighs all columns alike, one without attention. Strips are made of training
digits alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.areas import VisualSystem
from cortex.areas.digits import CLASSES, MAPS, digit_network
from cortex.attention.encoder_decoder import (
    AbstractAccess,
    EncoderDecoder,
    Evenly,
    Exploited,
    Exploiter,
    LastState,
    Reader,
    content_access,
)
from cortex.models.networks import VariantsSection, load_digits_network
from cortex.models.strip_network import StripLook, look_at_strips, resize
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.digit_strips import StripLayout, Strips, digit_strips
from cortex.tasks import Detectors
from cortex.trainer import Curve, Report, fit

from .base import TrainedSource

LAYOUT = StripLayout()
ROWS = 7  # of the topmost maps
FEATURES = ROWS * MAPS[-1]
# The places of the digits, 0 the leftmost, in the order in which they are to be read.
ORDERS = {
    "left to right": (0, 1, 2, 3),
    "right to left": (3, 2, 1, 0),
    "ends first": (0, 3, 1, 2),
    "every other": (0, 2, 1, 3),
}
NARROW, WINDOW, CODES, RECURRENT = 24, 5, 32, 8  # of the reader
ENCODED = CODES + 2 * RECURRENT + 8  # the last for its place
EXPLOITER, SCORES = 32, 32  # units of the exploiter, hidden units of the scores
TRAINING, HELD_OUT = 2400, 200  # strips
EPOCHS, BATCH, RATE = 30, 60, 4e-3


class Readers(eqx.Module):
    """Three encoder-decoders of one build, which differ in how they get at the memory.

    Attributes:
        content: learned attention, by additive scores.
        even: every column alike.
        last: the reader's last states alone.
    """

    content: EncoderDecoder
    even: EncoderDecoder
    last: EncoderDecoder

    def named(self) -> dict[str, EncoderDecoder]:
        """By name."""
        return {"content": self.content, "even": self.even, "last": self.last}


def untrained(key: PRNGKeyArray) -> Readers:
    """Random weights, the same in all three but for the scores."""
    build, scores = jax.random.split(key)
    attention = content_access(scores, EXPLOITER, ENCODED, SCORES)

    def one(access: AbstractAccess) -> EncoderDecoder:
        reader, exploiter = jax.random.split(build)
        return EncoderDecoder(
            Reader.random(reader, FEATURES, NARROW, WINDOW, CODES, RECURRENT),
            Exploiter.random(
                exploiter,
                access,
                encoded=ENCODED,
                units=EXPLOITER,
                orders=len(ORDERS),
                categories=CLASSES,
            ),
        )

    return Readers(one(attention), one(Evenly()), one(LastState()))


def strip_system(seed: int) -> VisualSystem:
    """The digit network with circuits, of one of the package's seeds, for whole strips."""
    section = VariantsSection(weights_seed=seed)
    system, _ = load_digits_network(digit_network(), section, "circuits")
    return resize(system, LAYOUT.height, LAYOUT.width)


def as_items(look: StripLook) -> Float[Array, "strips columns features"]:
    """What the reader receives: square roots of E rates in units of 10 Hz.

    The root keeps the few units with the highest rates from drowning the others.
    """
    return jnp.sqrt(jnp.maximum(look.columns, 0.0) / 10.0)


def seen(system: VisualSystem, strips: Strips, batch: int = 100) -> StripLook:
    """Responses to all strips, some at a time."""
    images = jnp.asarray(strips.images, float)
    parts = [
        look_at_strips(system, images[start : start + batch])
        for start in range(0, len(images), batch)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


def on_windows(weights: Float[Array, "*rows columns"]) -> Float[Array, "*rows columns"]:
    """Weights of items as weights of what they were read from: the columns of their windows."""
    columns = weights.shape[-1]
    apart = jnp.abs(jnp.arange(columns)[:, None] - jnp.arange(columns)[None, :])
    covered = (apart <= WINDOW // 2).astype(weights.dtype)
    return jnp.einsum("...i,ic->...c", weights, covered / covered.sum(axis=1, keepdims=True))


def by_digit(
    values: Float[Array, "strips columns *rest"], strips: Strips
) -> Float[Array, "strips digits *rest"]:
    """Means over the columns in each digit's box."""
    on = jnp.asarray(strips.on_columns(values.shape[1]), values.dtype)
    return jnp.einsum("nc...,ndc->nd...", values, on / on.sum(axis=-1, keepdims=True))


class Asked(NamedTuple):
    """What is to be read, and in which order.

    Attributes:
        items: of each strip.
        labels: of its digits from left to right.
        order: asked for, a number in `ORDERS`.
    """

    items: Float[Array, "strips columns features"]
    labels: Int[Array, "strips digits"]
    order: Int[Array, " strips"]

    @property
    def wanted(self) -> Int[Array, "strips digits"]:
        """The digits in the order asked for."""
        places = jnp.asarray(list(ORDERS.values()))[self.order]
        return jnp.take_along_axis(self.labels, places, axis=1)


@eqx.filter_jit
def read(reader: EncoderDecoder, asked: Asked) -> Exploited:
    """Answers and weights for several strips, leaves with a leading axis."""
    steps = asked.labels.shape[1]
    return jax.vmap(lambda items, order: reader(items, order, steps))(asked.items, asked.order)


def _loss(readers: Readers, asked: Asked) -> tuple[Array, dict[str, Array]]:
    """Sum of the three mean cross-entropies [nat], and what each is and how often it is right.

    They share nothing, so that each learns as it would alone.
    """
    total, row = jnp.zeros(()), {}
    for name, one in readers.named().items():
        logits = read(one, asked).logits
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, asked.wanted).mean()
        total = total + loss
        row[f"loss_{name}"] = loss
        row[f"accuracy_{name}"] = jnp.mean(jnp.argmax(logits, -1) == asked.wanted)
    return total, row


def train(
    readers: Readers,
    items: Float[Array, "strips columns features"],
    labels: Int[Array, "strips digits"],
    key: PRNGKeyArray,
    epochs: int = EPOCHS,
    report: Report | None = None,
) -> tuple[Readers, Curve]:
    """Train all three on strips that are asked for in random orders."""
    steps = len(items) // BATCH

    def batches(number: int) -> Iterator[tuple[Array, ...]]:
        order_key, asked_key, drop_key = jax.random.split(jax.random.fold_in(key, number), 3)
        order = jax.random.permutation(order_key, len(items))[: steps * BATCH]
        asked = jax.random.randint(asked_key, (steps, BATCH), 0, len(ORDERS))
        return zip(
            order.reshape(steps, BATCH), asked, jax.random.split(drop_key, steps), strict=True
        )

    def loss(readers: Readers, batch: tuple[Array, ...], items: Array, labels: Array) -> Any:
        rows, orders, key = batch
        # A fifth of the features is left out at random, against learning strips by heart.
        kept = jax.random.bernoulli(key, 0.8, (BATCH, *items.shape[1:])) / 0.8
        return _loss(readers, Asked(items[rows] * kept, labels[rows], orders))

    schedule = optax.cosine_decay_schedule(RATE, epochs * steps)
    return fit(
        readers,
        loss,
        map(batches, range(epochs)),
        optax.chain(optax.clip_by_global_norm(3.0), optax.adamw(schedule, weight_decay=1e-2)),
        data=(items, labels),
        report=report,
    )


def answers(
    reader: EncoderDecoder, look: StripLook, strips: Strips, order: str
) -> tuple[Bool[Array, "strips steps"], Float[Array, "strips steps columns"]]:
    """Whether each answer is right in an order, one of `ORDERS`, and the weights of the columns."""
    labels = jnp.asarray(strips.labels)
    asked = Asked(as_items(look), labels, jnp.full(len(labels), list(ORDERS).index(order)))
    found = read(reader, asked)
    return jnp.argmax(found.logits, axis=-1) == asked.wanted, found.weights


def training_strips(seed: int, digits: Digits, count: int = TRAINING) -> Strips:
    """Those that a seed is trained on."""
    return digit_strips(digits, count, np.random.default_rng([seed, 1]), LAYOUT)


def held_out_strips(seed: int, held_out: Digits, count: int = HELD_OUT) -> Strips:
    """Strips of digits that neither the network nor the reader has seen."""
    return digit_strips(held_out, count, np.random.default_rng([seed, 2]), LAYOUT)


class Trained(eqx.Module):
    """Readers, and the seed of the network whose circuits they read.

    Attributes:
        readers: the three.
        namer: names one digit from the mean over columns, see `names`.
        network_seed: of the digit network.
    """

    readers: Readers
    namer: Detectors
    network_seed: Int[Array, ""]


def names(namer: Detectors, look: StripLook) -> Float[Array, "strips categories"]:
    """Logits for each strip as a whole: it knows nothing of columns, nor of attention."""
    return jax.vmap(namer)(as_items(look).mean(axis=1))


def fit_namer(items: Float[Array, "strips columns features"], strips: Strips) -> Detectors:
    """A softmax regression on the mean over the columns of one digit at a time."""
    means = np.asarray(by_digit(items, strips)).reshape(-1, items.shape[2])
    return Detectors.fit_choice(means, strips.labels.ravel(), CLASSES, common=True)


def _train(seed: int, report: Report | None) -> tuple[Trained, Curve]:
    training, _ = split_digits(load_digits())
    network = seed % 3  # the package has three networks
    strips = training_strips(seed, training)
    look = seen(strip_system(network), strips)
    start, key = jax.random.split(jax.random.key(seed))
    labels = jnp.asarray(strips.labels)
    readers, curve = train(untrained(start), as_items(look), labels, key, report=report)
    return Trained(readers, fit_namer(as_items(look), strips), jnp.asarray(network)), curve


def _like(key: PRNGKeyArray) -> Trained:
    namer = Detectors(jnp.zeros((CLASSES, FEATURES)), jnp.zeros(CLASSES))
    return Trained(untrained(key), namer, jnp.zeros((), jnp.int32))


def _score(trained: Trained) -> dict[str, float]:
    strips = held_out_strips(0, split_digits(load_digits())[1])
    look = seen(strip_system(int(trained.network_seed)), strips)

    def accuracy(reader: EncoderDecoder) -> float:
        right = [answers(reader, look, strips, order)[0] for order in ORDERS]
        return float(np.mean(right))

    return {f"held_out_{name}": accuracy(one) for name, one in trained.readers.named().items()}


def trained_source() -> TrainedSource:
    """How the readers are trained and kept."""
    return TrainedSource(
        name="sequence_reading",
        untrained=_like,
        epochs=EPOCHS,
        train=_train,
        score=_score,
    )
