"""Graph attention: nodes attend to their neighbours; of a circuit, places within its reach."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.circuit import GaussianCoupling, PeriodicBorder
from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative
from .lateral import AbstractLateral, Exchanged, Tokens
from .scores import softmax_weights


class Neighbours(eqx.Module):
    """A graph as padded neighbour lists.

    Attributes:
        index: of each node's neighbours, 0 to nodes - 1; anything valid where there is none.
        there: whether there is one.
    """

    index: Int[Array, "nodes slots"]
    there: Bool[Array, "nodes slots"]

    @classmethod
    def of_adjacency(cls, adjacency: Bool[np.ndarray, "nodes nodes"]) -> "Neighbours":
        """From a matrix; row = the node that attends, true where it may attend to the column."""
        linked = np.asarray(adjacency, bool)
        nodes = len(linked)
        slots = max(int(linked.sum(axis=1).max(initial=0)), 1)
        # Stable: neighbours first, in their order; slots after the last hold others, masked.
        index = np.argsort(~linked, axis=1, kind="stable")[:, :slots]
        there = np.take_along_axis(linked, index, axis=1)
        return cls(jnp.asarray(index.reshape(nodes, slots), jnp.int32), jnp.asarray(there))

    def dense(self, values: Float[Array, "nodes slots"]) -> Float[Array, "nodes nodes"]:
        """Values of the edges as a matrix, 0 where there is no edge."""
        nodes = len(self.index)
        rows = jnp.broadcast_to(jnp.arange(nodes)[:, None], self.index.shape)
        kept = jnp.where(self.there, values, 0.0)
        return jnp.zeros((nodes, nodes), values.dtype).at[rows, self.index].add(kept)


class GraphAttention(eqx.Module):
    """A layer of graph attention, before its nonlinearity, heads apart.

    `e_ij = LeakyReLU(a_target . W h_i + a_source . W h_j)`, softmax over the neighbours j of i,
    and i takes their `W h_j`. In the paper every node is a neighbour of its own: here it is if
    the graph says so. A node without neighbours takes nothing.

    Attributes:
        W: (heads, output, input).
        a_target, a_source: (heads, output), the two halves of the paper's vector a.
        slope: of LeakyReLU below zero, 0.2 in the paper.

    Source: Velickovic et al. 2018, eqs. 1-4.
    """

    W: Float[Array, "heads output input"]
    a_target: Float[Array, "heads output"]
    a_source: Float[Array, "heads output"]
    slope: float = eqx.field(static=True, default=0.2)

    @classmethod
    def random(cls, key: PRNGKeyArray, size: int, output: int, heads: int = 1) -> "GraphAttention":
        """Glorot-normal weights."""
        keys = jax.random.split(key, 3)
        wide = jnp.sqrt(2.0 / (size + output)) * jax.random.normal(keys[0], (heads, output, size))
        scale = jnp.sqrt(2.0 / (2 * output + 1))
        target, source = (scale * jax.random.normal(k, (heads, output)) for k in keys[1:])
        return cls(wide, target, source)

    def __call__(
        self, nodes: Float[Array, "nodes input"], graph: Neighbours
    ) -> tuple[Float[Array, "nodes heads output"], Float[Array, "heads nodes slots"]]:
        """What each node takes, and the weights of its neighbours.

        Args:
            nodes: a vector each.
            graph: whom each may attend to.
        """
        h = jnp.einsum("koi,ni->kno", self.W, nodes, precision="highest")
        target = jnp.einsum("ko,kno->kn", self.a_target, h, precision="highest")
        source = jnp.einsum("ko,kno->kn", self.a_source, h, precision="highest")
        scores = jax.nn.leaky_relu(target[:, :, None] + source[:, graph.index], self.slope)
        there = jnp.broadcast_to(graph.there[None], scores.shape)
        weights = softmax_weights(scores, there)
        taken = jnp.einsum("kns,knso->nko", weights, h[:, graph.index], precision="highest")
        return taken, weights


def within_reach(coupling: GaussianCoupling, widths: float = 2.0) -> Neighbours:
    """The places of a circuit's sheet from which a place gets input from E units.

    Args:
        coupling: whose spread from E onto E, a number, counts.
        widths: how many of it the reach is [standard deviations]; the place itself is in reach.
    """
    _, height, width = coupling.shape
    reach = widths * float(np.max(np.asarray(coupling.sigma.EE)))
    squares = []
    for size in (height, width):
        apart = np.abs(np.arange(size)[:, None] - np.arange(size)[None, :])
        if isinstance(coupling.border, PeriodicBorder):
            apart = np.minimum(apart, size - apart)
        squares.append(apart.astype(float) ** 2)
    rows, columns = squares
    distance = rows[:, None, :, None] + columns[None, :, None, :]
    linked = distance.reshape(height * width, height * width) <= reach**2 + 1e-9
    return Neighbours.of_adjacency(linked)


def busiest_neighbours(maps: int, sharpness: float = 1.0) -> GraphAttention:
    """Nothing learned: one head attends to the neighbours with most activity, and passes it on.

    Args:
        maps: half the length of a token of `as_tokens`.
        sharpness: weight of the mean activity over maps in the scores [1].
    """
    activity = jnp.concatenate([jnp.eye(maps), jnp.zeros((maps, maps))], axis=1)
    even = jnp.full((1, maps), sharpness / maps)
    return GraphAttention(activity[None], jnp.zeros((1, maps)), even)


class GraphLateral(AbstractLateral):
    """Every place attends to the places that its circuit connects it with.

    The heads of the layer are averaged.

    Attributes:
        attention: from tokens of `as_tokens` to as many numbers as there are maps.
        graph: over the places of the area, see `within_reach`.
        strength: of the modulation [1].

    Source: Velickovic et al. 2018; over a circuit's connections, as a gain, our design.
    """

    attention: GraphAttention
    graph: Neighbours
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def exchange(self, tokens: Tokens) -> Exchanged:
        taken, weights = self.attention(tokens, self.graph)
        return Exchanged(jnp.mean(taken, axis=1), jax.vmap(self.graph.dense)(weights))
