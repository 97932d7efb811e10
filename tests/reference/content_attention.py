"""Content-based attention as plain NumPy float64 programs, written from the papers' equations.

Nothing of it is shared with cortex. Loops stand where the equations have indices.
"""

import numpy as np


def softmax(row):
    large = np.exp(row - np.max(row))
    return large / large.sum()


def additive(query, keys, W, U, v):
    """v . tanh(W q + U k) (Bahdanau et al. 2015)."""
    return np.array([v @ np.tanh(W @ query + U @ key) for key in keys])


def dot(query, keys):
    return np.array([query @ key for key in keys])


def self_attention(tokens, heads, W_q, W_k, W_v, W_o, allowed=None):
    """Outputs and weights by head; rows of W_q, W_k, W_v are split between the heads in order."""
    count, size = len(tokens), len(W_q) // heads
    weights, outputs = np.zeros((heads, count, count)), np.zeros((count, len(W_o)))
    for i in range(count):
        taken = []
        for h in range(heads):
            own = slice(h * size, (h + 1) * size)
            q = W_q[own] @ tokens[i]
            scores = np.array([q @ (W_k[own] @ token) / np.sqrt(size) for token in tokens])
            may = np.ones(count, bool) if allowed is None else allowed[i]
            if may.any():
                weights[h, i, may] = softmax(scores[may])
            taken.append(sum(weights[h, i, j] * (W_v[own] @ tokens[j]) for j in range(count)))
        outputs[i] = W_o @ np.concatenate(taken)
    return outputs, weights


def graph_attention(nodes, adjacency, W, a_target, a_source, slope):
    """Velickovic et al. 2018, eqs. 1-4 without the nonlinearity; (nodes, heads, output)."""
    heads, output, _ = W.shape
    count = len(nodes)
    out, weights = np.zeros((count, heads, output)), np.zeros((heads, count, count))
    for k in range(heads):
        h = [W[k] @ node for node in nodes]
        a = np.concatenate([a_target[k], a_source[k]])
        for i in range(count):
            neighbours = np.flatnonzero(adjacency[i])
            if not len(neighbours):
                continue
            e = np.array([a @ np.concatenate([h[i], h[j]]) for j in neighbours])
            e = np.where(e > 0, e, slope * e)
            weights[k, i, neighbours] = softmax(e)
            out[i, k] = sum(weights[k, i, j] * h[j] for j in neighbours)
    return out, weights


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gated(x, state, W_x, W_h, b, b_n):
    """A gated recurrent unit: reset, update and candidate are stacked in the rows of W and b."""
    size = len(state)
    r, z = (
        sigmoid(W_x[s] @ x + b[s] + W_h[s] @ state) for s in (slice(0, size), slice(size, 2 * size))
    )
    last = slice(2 * size, 3 * size)
    n = np.tanh(W_x[last] @ x + b[last] + r * (W_h[last] @ state + b_n))
    return n + z * (state - n)


def rollout(layers, residual):
    """Abnar & Zuidema 2020: heads averaged, residual mixed in, layers multiplied from the top."""
    total = np.eye(layers.shape[-1])
    for heads in layers:
        mixed = (1 - residual) * heads.mean(axis=0) + residual * np.eye(len(total))
        total = (mixed / mixed.sum(axis=1, keepdims=True)) @ total
    return total
