"""The trainer: against steps written out, what it leaves alone, and its curve."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cortex.trainer import fit


class Line(eqx.Module):
    """y = slope x + offset."""

    slope: jnp.ndarray
    offset: jnp.ndarray


def squares(line, rows, x, y):
    error = line.slope * x[rows] + line.offset - y[rows]
    loss = jnp.mean(error**2)
    return loss, {"loss": loss}


X = np.linspace(-1, 1, 8, dtype=np.float32)
Y = (3 * X - 1).astype(np.float32)
EPOCHS = [[np.arange(4), np.arange(4, 8)]] * 3


def first():
    return Line(jnp.zeros(()), jnp.zeros(()))


def test_steps_are_those_of_gradient_descent_written_out():
    line, curve = fit(
        first(), squares, EPOCHS, optax.sgd(0.1), data=(jnp.asarray(X), jnp.asarray(Y))
    )
    slope = offset = 0.0
    losses = []
    for epoch in EPOCHS:
        own = []
        for rows in epoch:
            error = slope * X[rows] + offset - Y[rows]
            own.append(np.mean(error**2))
            slope, offset = (
                slope - 0.1 * np.mean(2 * error * X[rows]),
                offset - 0.1 * np.mean(2 * error),
            )
        losses.append(np.mean(own))
    assert float(line.slope) == pytest.approx(slope, rel=1e-5)
    assert float(line.offset) == pytest.approx(offset, rel=1e-5)
    assert [row["loss"] for row in curve] == pytest.approx(losses, rel=1e-5)


def test_what_is_not_trainable_stays_even_under_weight_decay():
    start = Line(jnp.ones(()), jnp.ones(()))
    only_slope = Line(True, False)
    told = []
    line, curve = fit(
        start,
        squares,
        EPOCHS,
        optax.adamw(0.1, weight_decay=0.1),
        trainable=only_slope,
        data=(jnp.asarray(X), jnp.asarray(Y)),
        report=lambda *row: told.append(row),
    )
    assert float(line.offset) == 1.0
    assert float(line.slope) != 1.0
    assert told == list(enumerate(curve))
