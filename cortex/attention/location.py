"""Location-based attention: a window set by content, then shifted and sharpened.

Weights are over the places of a map, (height, width), at least 0, and sum to 1. A line or a ring
is a map of height 1. Shifts are circular: what leaves at one edge comes in at the other.

Source: Graves, Wayne & Danihelka 2014, "Neural Turing machines", section 3.3. That the weights
are a gain on a circuit is our design.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from .source import AbstractSource, Maps, Query, State

Weights = Float[Array, "height width"]
Shifts = Float[Array, "rows columns"]

_SILENCE = 1e-8  # of the lengths of vectors, so that a silent place resembles nothing


def by_content(features: Maps, key: Float[Array, " maps"], sharpness: ScalarLike) -> Weights:
    """Softmax over places of `sharpness` times the cosine between key and features.

    Args:
        features: (maps, height, width); a place where all are 0 has the cosine 0.
        key: what is sought, one value a map.
        sharpness: at least 0 [1]; 0 weighs all places alike.
    """
    length = jnp.linalg.norm(features, axis=0) * jnp.linalg.norm(key)
    cosine = jnp.einsum("m,mhw->hw", key, features, precision="highest") / (length + _SILENCE)
    return jnp.asarray(jax.nn.softmax(sharpness * cosine, axis=(0, 1)))


def interpolated(content: Weights, previous: Weights, gate: ScalarLike) -> Weights:
    """`gate` times the weights by content and the rest of the previous ones; 0 to 1."""
    return jnp.asarray(gate * content + (1.0 - gate) * previous)


def shifted(weights: Weights, shifts: Shifts) -> Weights:
    """Circular convolution of the weights with those of the shifts.

    Args:
        weights: over places.
        shifts: over displacements, (rows, columns), both odd: the middle is no shift, the last
            row the largest shift down, the last column the largest to the right.

    Raises:
        ValueError: an even number of rows or columns.
    """
    rows, columns = shifts.shape
    if not rows % 2 or not columns % 2:
        raise ValueError(f"shifts: found {rows} x {columns}, allowed: odd numbers")
    (from_row, from_column) = (
        (jnp.arange(n)[None, :] - (jnp.arange(count) - count // 2)[:, None]) % n
        for n, count in zip(weights.shape, shifts.shape, strict=True)
    )
    moved = weights[from_row[:, None, :, None], from_column[None, :, None, :]]
    return jnp.einsum("rc,rchw->hw", shifts, moved, precision="highest")


def sharpened(weights: Weights, power: ScalarLike) -> Weights:
    """Every weight to a power of at least 1, divided by their sum."""
    # Relative to the largest, so that small weights do not all become 0.
    raised = (weights / jnp.max(weights)) ** power
    return raised / jnp.sum(raised)


def gaussian_shift(
    by: tuple[ScalarLike, ScalarLike], spread: ScalarLike, reach: tuple[int, int]
) -> Float[Array, "rows columns"]:
    """Weights of shifts around one displacement, summing to 1.

    Args:
        by: rows down, columns to the right; whole numbers for a mean that is exact.
        spread: standard deviation [places]; 0 for a shift by a whole number of places and no
            other.
        reach: largest displacement along both axes.
    """
    spread = jnp.asarray(spread, float)
    axes = []
    for at, most in zip(by, reach, strict=True):
        away = jnp.abs(jnp.arange(-most, most + 1) - at)
        width = jnp.where(spread > 0, spread, 1.0)
        soft, hard = jnp.exp(-(away**2) / (2 * width**2)), (away < 0.5).astype(away.dtype)
        axes.append(jnp.where(spread > 0, soft, hard))
    found = axes[0][:, None] * axes[1][None, :]
    return found / jnp.sum(found)


class Command(eqx.Module):
    """What moves the window once.

    Attributes:
        key: what is sought, one value a map.
        sharpness: of the weights by content, at least 0 [1].
        gate: share of the weights by content, 0 to 1; 0 keeps to the previous window.
        shifts: weights of displacements, at least 0, summing to 1, see `shifted`.
        power: of the sharpening, at least 1.
    """

    key: Float[Array, " maps"]
    sharpness: Float[Array, ""] = eqx.field(converter=as_floats)
    gate: Float[Array, ""] = eqx.field(converter=as_floats)
    shifts: Shifts
    power: Float[Array, ""] = eqx.field(converter=as_floats)

    def __call__(self, features: Maps, previous: Weights) -> Weights:
        """The next weights: by content, interpolated, shifted, sharpened."""
        content = by_content(features, self.key, self.sharpness)
        return sharpened(
            shifted(interpolated(content, previous, self.gate), self.shifts), self.power
        )


class LocationWindow(AbstractSource):
    """A window over the places of an area, moved by a command from where it was.

    The pattern is `strength * weights`, the same for every map: a wider window is a lower one.

    Attributes:
        previous: weights before.
        command: what moves them.
        strength: sum of the pattern over the places of a map [1].
    """

    previous: Weights
    command: Command
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def weights(self, features: Maps) -> Weights:
        """After the command."""
        return self.command(features, self.previous)

    def moved(self, features: Maps, command: Command) -> "LocationWindow":
        """The source of the next moment: from where this one leaves the window."""
        return LocationWindow(self.weights(features), command, self.strength, self.form)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return jnp.broadcast_to(
            self.strength * self.weights(features)[None], (len(features), *features.shape[1:])
        )


class ContentWindow(AbstractSource):
    """A window set anew by content alone: on the places that look like what is asked for.

    The pattern is `strength * (places * weights - 1)`, the same for every map: 0 on the mean.

    Attributes:
        keys: by category, one value a map, such as tuning values.
        sharpness: of the weights, at least 0 [1].
        strength: of the pattern [1].
    """

    keys: Float[Array, "categories maps"]
    sharpness: Float[Array, ""] = eqx.field(converter=as_floats, default=5.0)
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @property
    def categories(self) -> int:
        return len(self.keys)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        weights = by_content(features, jnp.asarray(self.keys)[query.category], self.sharpness)
        return spatial_pattern(weights * weights.size - 1.0, self.strength, len(features))
