"""The encoder-decoder against a plain NumPy float64 program of its equations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.encoder_decoder import (
    AlignedGain,
    EncoderDecoder,
    Evenly,
    Exploiter,
    LastState,
    Reader,
    content_access,
    place_codes,
)
from cortex.attention.source import Query, State
from cortex.circuit import EI
from tests.reference import content_attention as reference

FEATURES, CODES, UNITS, STATE, HIDDEN, ORDERS, CATEGORIES = 5, 4, 3, 6, 7, 2, 4
ENCODED = CODES + 2 * UNITS + 8
ACCESS = {
    "content": content_access(jax.random.key(1), STATE, ENCODED, HIDDEN),
    "even": Evenly(),
    "last": LastState(),
}


def network(access):
    reader = Reader.random(jax.random.key(2), FEATURES, 4, 3, CODES, UNITS)
    exploiter = Exploiter.random(
        jax.random.key(3),
        access,
        encoded=ENCODED,
        units=STATE,
        orders=ORDERS,
        categories=CATEGORIES,
    )
    return EncoderDecoder(reader, exploiter)


def array(x):
    return np.asarray(x, float)


def cell(gru):
    arrays = [array(x) for x in (gru.weight_ih, gru.weight_hh, gru.bias, gru.bias_n)]
    return lambda x, state: reference.gated(x, state, *arrays)


def linear(layer):
    return lambda x: array(layer.weight) @ x + array(layer.bias)


def read(reader, items):
    """Memory, item by item, and what stands for all of it."""
    seen = [linear(reader.narrow)(item) for item in items]
    padded = [np.zeros(4), *seen, np.zeros(4)]
    weight, bias = array(reader.window.weight), array(reader.window.bias)[:, 0]
    codes = []
    for n in range(len(items)):
        total = bias + sum(weight[:, :, k] @ padded[n + k] for k in range(3))
        codes.append(np.maximum(total, 0))
    rights, lefts = [], []
    for own, states, rows in (
        (reader.forwards, rights, codes),
        (reader.backwards, lefts, codes[::-1]),
    ):
        state = np.zeros(UNITS)
        for code in rows:
            state = cell(own)(code, state)
            states.append(state)
    place = [
        np.concatenate(
            [f(np.pi * (n + 0.5) / len(items) * 2.0 ** np.arange(4)) for f in (np.sin, np.cos)]
        )
        for n in range(len(items))
    ]
    rows = zip(codes, rights, lefts[::-1], place, strict=True)
    last = np.concatenate([codes[-1], rights[-1], lefts[-1], place[-1]])
    return np.array([np.concatenate(row) for row in rows]), last


def exploit(exploiter, name, memory, last, order, steps):
    instruction = array(exploiter.instructions)[order]
    state = np.tanh(linear(exploiter.start)(np.concatenate([last, instruction])))
    logits, alignment = [], []
    for _ in range(steps):
        if name == "content":
            s = exploiter.access.scores
            scores = reference.additive(state, memory, *map(array, (s.W, s.U, s.v)))
            weights = reference.softmax(scores)
        else:
            weights = np.full(len(memory), 1 / len(memory) if name == "even" else 0.0)
        context = last if name == "last" else weights @ memory
        state = cell(exploiter.cell)(np.concatenate([context, instruction]), state)
        logits.append(linear(exploiter.answer)(np.concatenate([state, context])))
        alignment.append(weights)
    return np.array(logits), np.array(alignment)


@pytest.mark.parametrize("name", ACCESS)
def test_the_equations(name):
    """Reader, memory and exploiter, with each way to get at the memory."""
    net = network(ACCESS[name])
    items = np.random.default_rng(0).normal(size=(6, FEATURES)).astype(np.float32)
    memory, last = read(net.reader, items)
    held = eqx.filter_jit(net.reader)(jnp.asarray(items))
    answer = eqx.filter_jit(net)
    # float32 through a few layers and recurrent steps of order 1.
    close = {"rtol": 2e-5, "atol": 2e-5}
    np.testing.assert_allclose(held.items, memory, **close)
    np.testing.assert_allclose(held.last, last, **close)
    for order in range(ORDERS):
        found = answer(jnp.asarray(items), jnp.asarray(order), 3)
        logits, alignment = exploit(net.exploiter, name, memory, last, order, 3)
        np.testing.assert_allclose(found.logits, logits, **close)
        np.testing.assert_allclose(found.weights, alignment, **close)


@pytest.mark.slow
def test_everything_learns():
    """The slope of an answer reaches every weight of the reader and the exploiter."""
    items = jnp.asarray(np.random.default_rng(0).normal(size=(6, FEATURES)), jnp.float32)

    def answer(net):
        return jnp.sum(net(items, jnp.asarray(1), 2).logits ** 2)

    slopes = eqx.filter_grad(answer)(network(ACCESS["content"]))
    sizes = [float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(slopes)]
    assert np.isfinite(sizes).all()
    assert min(sizes) > 0


def test_places_are_told_apart():
    codes = np.asarray(place_codes(24, 8))
    apart = np.linalg.norm(codes[:, None] - codes[None], axis=2) + 10 * np.eye(24)
    assert apart.min() > 0.3


def test_aligned_gain():
    """By hand: columns of an item alike, the largest weight counts as 1, the sum is 0."""
    weights = jnp.array([0.1, 0.4, 0.4, 0.1])
    features = jnp.ones((2, 3, 8))
    state = State(EI(features, features), jnp.zeros(1))
    source = AlignedGain(weights, 0.8)
    pattern = source.pattern(features, state, Query())
    expected = 0.8 * np.repeat([0.25 - 0.625, 0.375, 0.375, 0.25 - 0.625], 2)
    np.testing.assert_allclose(pattern, np.broadcast_to(expected, (2, 3, 8)), atol=1e-6)
    even = AlignedGain(jnp.full(4, 0.25)).pattern(features, state, Query())
    np.testing.assert_allclose(even, 0, atol=1e-7)
    with pytest.raises(ValueError, match="found 4 items, allowed: a divisor of 6 columns"):
        source.pattern(jnp.ones((2, 3, 6)), state, Query())
