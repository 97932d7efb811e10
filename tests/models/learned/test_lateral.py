"""What lateral attention learns from: its error by hand, and that training lowers it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import AbstractForm, Multiplicative
from cortex.attention.lateral import AbstractLateral, Exchanged
from cortex.attention.self_attention import SelfAttention, similarity_attention
from cortex.models.learned import lateral


class Told(AbstractLateral):
    """Places that find, and attend to, what they are told."""

    outputs: jax.Array
    weights: jax.Array
    strength: jax.Array
    form: AbstractForm

    def exchange(self, tokens):
        return Exchanged(self.outputs, self.weights)


def test_the_error_by_hand():
    """Four places: two on the digit, one on clutter, one on neither."""
    outputs = np.array([[3.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 3.0]], np.float32)
    weights = np.random.default_rng(0).dirichlet(np.ones(4), (2, 4)).astype(np.float32)
    one = lateral.Examples(jnp.zeros((4, 4)), jnp.array([1.0, 1, 0, 0]), jnp.array([0.0, 0, 1, 0]))
    given = (jnp.asarray(outputs), jnp.asarray(weights), jnp.ones(()))
    source = Told(*given, Multiplicative())
    error, right = lateral.grouping_error(source, one)
    found = outputs.mean(axis=1) - outputs.mean()
    pattern = found / np.sqrt((found**2).mean())
    telling = np.log1p(np.exp(-2 * pattern[:2])).mean() / 2 + np.log1p(np.exp(2 * pattern[2])) / 2
    mean = weights.mean(axis=0)
    share = mean[:2, :2].sum(axis=1) / mean[:2, :3].sum(axis=1)
    assert float(error) == pytest.approx(telling - np.log(share).mean(), rel=1e-4)
    assert float(right) == pytest.approx(((pattern[:2] > 0).mean() + (pattern[2] < 0)) / 2)


def test_training_sets_two_kinds_of_places_apart(monkeypatch):
    """Places told apart by one feature: unlearned attention does not know which of them counts."""
    monkeypatch.setattr(lateral, "EPOCHS", 8)
    rng = np.random.default_rng(0)
    kind = rng.random((400, 9)) < 0.5
    tokens = rng.normal(size=(400, 9, 8)).astype(np.float32)
    tokens[..., 0] += 3 * kind
    on = jnp.asarray(kind, float)
    examples = lateral.Examples(jnp.asarray(tokens), on, 1 - on)
    first = SelfAttention(similarity_attention(4, 2))
    trained, curve = lateral.train(first, examples, jax.random.key(0))
    assert len(curve) == 8
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    assert curve[-1]["right"] > curve[0]["right"]
    # The form in which it reaches circuits is not trained.
    assert trained.form.to_I == first.form.to_I
