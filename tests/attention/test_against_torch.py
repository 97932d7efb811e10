"""Standard attention against PyTorch in float32; left out where PyTorch is not installed."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.scores import ScaledScores, attend
from cortex.attention.self_attention import head_weights, multi_head

torch = pytest.importorskip("torch")

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
TOKENS, SIZE = 11, 16


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("masked", [False, True])
def test_scaled_dot_product_attention(masked):
    queries, keys, values = (drawn(seed, TOKENS, SIZE) for seed in range(3))
    allowed = np.tril(np.ones((TOKENS, TOKENS), bool)) if masked else None
    mask = None if allowed is None else torch.tensor(allowed)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, (queries, keys, values)), attn_mask=mask
    ).numpy()
    may = jnp.ones((TOKENS, TOKENS), bool) if allowed is None else jnp.asarray(allowed)
    k, v = jnp.asarray(keys), jnp.asarray(values)
    ours = jax.vmap(lambda q, m: attend(ScaledScores(), q, k, v, m).context)(
        jnp.asarray(queries), may
    )
    np.testing.assert_allclose(ours, theirs, **CLOSE)
    # And so does what JAX has for whole sequences.
    q, k, v = (jnp.asarray(x)[:, None] for x in (queries, keys, values))
    whole = jax.nn.dot_product_attention(q, k, v, mask=may[None], scale=1 / math.sqrt(SIZE))
    np.testing.assert_allclose(whole[:, 0], theirs, **CLOSE)


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention(heads, masked):
    """Outputs and the weights of every head, with the weights of PyTorch's module."""
    torch.manual_seed(heads)
    theirs = torch.nn.MultiheadAttention(SIZE, heads, bias=False, batch_first=True)
    packed = theirs.in_proj_weight.detach().numpy().reshape(3, SIZE, SIZE)
    last = theirs.out_proj.weight.detach().numpy()
    ours = eqx.tree_at(
        lambda a: tuple(p.weight for p in (a.query_proj, a.key_proj, a.value_proj, a.output_proj)),
        eqx.nn.MultiheadAttention(heads, SIZE, key=jax.random.key(0)),
        tuple(map(jnp.asarray, (*packed, last))),
    )
    tokens = drawn(heads, TOKENS, SIZE)
    allowed = np.ones((TOKENS, TOKENS), bool)
    if masked:
        allowed = np.tril(allowed)
    given = torch.tensor(tokens)[None]
    with torch.no_grad():
        # PyTorch's mask says what may not be attended to.
        expected, weights = theirs(
            given, given, given, attn_mask=torch.tensor(~allowed), average_attn_weights=False
        )
    outputs, found = multi_head(ours, jnp.asarray(tokens), jnp.asarray(allowed))
    np.testing.assert_allclose(outputs, expected[0].numpy(), **CLOSE)
    np.testing.assert_allclose(found, weights[0].numpy(), **CLOSE)
    alone = head_weights(ours, jnp.asarray(tokens), jnp.asarray(tokens), jnp.asarray(allowed))
    np.testing.assert_allclose(alone, weights[0].numpy(), **CLOSE)
