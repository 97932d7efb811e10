"""The encoder-decoder in its three parts: a reader, a memory, and what exploits the memory.

The reader encodes every item of a sequence; the memory holds the encoded items; the exploiter, at
each step of its output, attends to the memory and uses the context vector that it finds there.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern
from .scores import AbstractScores, AdditiveScores, Attended, attend
from .source import AbstractSource, Maps, Query, State

Items = Float[Array, "items features"]


class Memory(eqx.Module):
    """What has been read.

    Attributes:
        items: each item as encoded, with what stands around it.
        last: as `items`, of the last item, with the reader's states at both ends.
    """

    items: Float[Array, "items encoded"]
    last: Float[Array, " encoded"]


class Reader(eqx.Module):
    """Encodes each item of a sequence: its neighbours, all on either side, and its place.

    Attributes:
        narrow: linear, of an item's features.
        window: convolution over an item and its neighbours.
        forwards, backwards: gated recurrent units over the windows, from both ends.
        place: numbers, even, that an item's place is encoded in, see `place_codes`.

    Source: Bahdanau et al. 2015, section 3.2, where words are read by the recurrent units alone;
    the window is ours, for items smaller than what is to be named, and so are places.
    """

    narrow: eqx.nn.Linear
    window: eqx.nn.Conv1d
    forwards: eqx.nn.GRUCell
    backwards: eqx.nn.GRUCell
    place: int = eqx.field(static=True, default=8)

    @classmethod
    def random(
        cls, key: PRNGKeyArray, features: int, narrow: int, window: int, codes: int, units: int
    ) -> "Reader":
        """Random weights.

        Args:
            key: of the draw.
            features: of an item.
            narrow: what they are reduced to.
            window: items that a window covers, odd.
            codes: numbers that a window is encoded in.
            units: of the recurrences, each way; an item is encoded in codes + 2 units + 8 numbers.
        """
        keys = jax.random.split(key, 4)
        return cls(
            eqx.nn.Linear(features, narrow, key=keys[0]),
            eqx.nn.Conv1d(narrow, codes, window, padding=window // 2, key=keys[1]),
            eqx.nn.GRUCell(codes, units, key=keys[2]),
            eqx.nn.GRUCell(codes, units, key=keys[3]),
        )

    def __call__(self, items: Items) -> Memory:
        seen = jax.vmap(self.narrow)(items)
        codes = jax.nn.relu(self.window(seen.T)).T
        right, rights = _run(self.forwards, codes)
        left, lefts = _run(self.backwards, codes[::-1])
        places = place_codes(len(items), self.place)
        encoded = jnp.concatenate([codes, rights, lefts[::-1], places], axis=1)
        return Memory(encoded, jnp.concatenate([codes[-1], right, left, places[-1]]))


def place_codes(items: int, size: int) -> Float[Array, "items size"]:
    """Sines and cosines of each item's place in its sequence, from half a period to many.

    Source: Vaswani et al. 2017, section 3.5; the wavelengths, in shares of the sequence, are ours.
    """
    place = (jnp.arange(items) + 0.5) / items
    phase = jnp.pi * place[:, None] * 2.0 ** jnp.arange(size // 2)[None, :]
    return jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], axis=1)


def _run(
    cell: eqx.nn.GRUCell, items: Items
) -> tuple[Float[Array, " units"], Float[Array, "items units"]]:
    """The last state, and that after each item."""

    def step(state: Array, item: Array) -> tuple[Array, Array]:
        state = cell(item, state)
        return state, state

    return jax.lax.scan(step, jnp.zeros(cell.hidden_size, items.dtype), items)


class AbstractAccess(eqx.Module):
    """How the exploiter gets at the memory."""

    @abc.abstractmethod
    def __call__(self, state: Float[Array, " units"], memory: Memory) -> Attended:
        """The context vector, of the length of an encoded item, and the weights of items."""


class ByContent(AbstractAccess):
    """Soft attention: the state is the query, encoded items are keys and values.

    Attributes:
        scores: of items, such as `AdditiveScores`.
    """

    scores: AbstractScores

    def __call__(self, state: Float[Array, " units"], memory: Memory) -> Attended:
        return attend(self.scores, state, memory.items, memory.items)


class Evenly(AbstractAccess):
    """No item more than another: the mean of the memory, whatever is asked."""

    def __call__(self, state: Float[Array, " units"], memory: Memory) -> Attended:
        count = len(memory.items)
        weights = jnp.full(count, 1.0 / count, memory.items.dtype)
        return Attended(jnp.mean(memory.items, axis=0), weights)


class LastState(AbstractAccess):
    """No attention: the reader's last states, a fixed vector, are all there is.

    The weights that it reports are 0.

    Source: the encoder-decoder before attention, as described by Bahdanau et al. 2015, section 2.1.
    """

    def __call__(self, state: Float[Array, " units"], memory: Memory) -> Attended:
        return Attended(memory.last, jnp.zeros(len(memory.items), memory.items.dtype))


class Exploited(eqx.Module):
    """What the exploiter gives, step by step.

    Attributes:
        logits: of the categories.
        weights: of the items of the memory; row = step, the alignment.
    """

    logits: Float[Array, "*sequences steps categories"]
    weights: Float[Array, "*sequences steps items"]


class Exploiter(eqx.Module):
    """Gives one answer a step, from a recurrent state and what the memory holds.

    At step i: context c_i from the state s_{i-1} and the memory; s_i from s_{i-1}, c_i and the
    instruction; the answer from s_i and c_i. It is not told its earlier answers.

    Attributes:
        start: linear, from the memory's last states and the instruction to s_0.
        instructions: a vector for each order that can be asked for.
        access: how it gets at the memory.
        cell: the recurrence.
        answer: linear, to logits.

    Source: Bahdanau et al. 2015, sections 3.1 and A.1.2; instructions are ours.
    """

    start: eqx.nn.Linear
    instructions: Float[Array, "orders instruction"]
    access: AbstractAccess
    cell: eqx.nn.GRUCell
    answer: eqx.nn.Linear

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        access: AbstractAccess,
        *,
        encoded: int,
        units: int,
        orders: int,
        categories: int,
    ) -> "Exploiter":
        """Random weights.

        Args:
            key: of the draw.
            access: how it gets at the memory.
            encoded: length of an encoded item.
            units: of the recurrent state.
            orders: how many there are.
            categories: of answers.
        """
        keys = jax.random.split(key, 4)
        size = 8  # of an instruction's vector
        return cls(
            start=eqx.nn.Linear(encoded + size, units, key=keys[0]),
            instructions=jax.random.normal(keys[1], (orders, size)),
            access=access,
            cell=eqx.nn.GRUCell(encoded + size, units, key=keys[2]),
            answer=eqx.nn.Linear(units + encoded, categories, key=keys[3]),
        )

    def __call__(self, memory: Memory, order: Int[Array, ""], steps: int) -> Exploited:
        """Answers to one sequence, in the order asked for."""
        instruction = self.instructions[order]

        def step(state: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
            found = self.access(state, memory)
            state = self.cell(jnp.concatenate([found.context, instruction]), state)
            logits = self.answer(jnp.concatenate([state, found.context]))
            return state, (logits, found.weights)

        first = jnp.tanh(self.start(jnp.concatenate([memory.last, instruction])))
        return Exploited(*jax.lax.scan(step, first, None, length=steps)[1])


class EncoderDecoder(eqx.Module):
    """Reads a sequence, then answers about its items in the order asked for.

    Attributes:
        reader, exploiter: the two parts that learn; between them stands the `Memory`.
    """

    reader: Reader
    exploiter: Exploiter

    def __call__(self, items: Items, order: Int[Array, ""], steps: int) -> Exploited:
        memory = self.reader(items)
        return self.exploiter(memory, order, steps)


def content_access(key: PRNGKeyArray, units: int, encoded: int, hidden: int) -> ByContent:
    """Access by additive scores with random weights."""
    return ByContent(AdditiveScores.random(key, units, encoded, hidden))


class AlignedGain(AbstractSource):
    """An exploiter's weights over the columns of the maps, as a gain on what is there.

    The pattern is `strength * (w / max w - mean)`, w spread from items to columns: what the
    attended columns gain the others lose. Weights that are all alike change nothing.

    Attributes:
        weights: of the items, from left to right; each covers as many columns as any other.
        strength: of the modulation [1].
    """

    weights: Float[Array, " items"]
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        each, odd = divmod(features.shape[2], len(self.weights))
        if odd:
            raise ValueError(
                f"weights: found {len(self.weights)} items, allowed: a divisor of "
                f"{features.shape[2]} columns"
            )
        peak = jnp.max(self.weights)
        share = self.weights / jnp.where(peak > 0, peak, 1.0)
        columns = jnp.repeat(share - jnp.mean(share), each)
        return jnp.broadcast_to(self.strength * columns[None, None, :], features.shape)
