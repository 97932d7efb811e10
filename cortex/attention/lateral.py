"""Lateral attention: the places of an area attend to one another, and gain from what they find."""

import abc
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .forms import Pattern, spatial_pattern
from .source import AbstractSource, Maps, Query, State

Tokens = Float[Array, "places twice"]


def as_tokens(features: Maps) -> Tokens:
    """What attention knows of each place: how active its features are, and which kind it is.

    The first half of a token are the features, as shares of the root mean square of all of them;
    the second half how they differ from the mean over places, with a root mean square of 1 at
    every place. Without the second, whatever is most active would be most alike.

    Args:
        features: (maps, height, width).

    Returns:
        One token of twice as many numbers as maps a place, in the order of a page. Where all
        features are alike the second half is 0.
    """
    rows = features.reshape(features.shape[0], -1).T
    apart = rows - jnp.mean(rows, axis=0, keepdims=True)
    kind = _scaled(apart, jnp.mean(apart**2, axis=1, keepdims=True))
    return jnp.concatenate([_scaled(rows, jnp.mean(rows**2, keepdims=True)), kind], axis=1)


def _scaled(rows: Float[Array, "places maps"], power: Float[Array, "_ 1"]) -> Array:
    """Divided by the root of the power; 0 where there is none."""
    some = power > 1e-12
    return jnp.where(some, rows / jnp.sqrt(jnp.where(some, power, 1.0)), 0.0)


class Exchanged(eqx.Module):
    """What places have taken from one another.

    Attributes:
        outputs: by place and map [1].
        weights: row = the place that attends, column = the place attended.
    """

    outputs: Float[Array, "places maps"]
    weights: Float[Array, "heads places places"]


class AbstractLateral(AbstractSource):
    """Gain at a place by what it finds at the places that it attends to.

    The pattern is `strength * (m - mean over places)`, m the mean over maps of what a place has
    found: the same for every map, so that attention chooses between places alone, and what some
    gain others lose.

    Attributes:
        strength: of the modulation [1].
    """

    if TYPE_CHECKING:
        # As `AbstractSource.form`.
        @property
        def strength(self) -> Float[Array, ""]: ...
    else:
        strength: eqx.AbstractVar[Float[Array, ""]]

    @abc.abstractmethod
    def exchange(self, tokens: Tokens) -> Exchanged:
        """What each place takes from the others; see `as_tokens`."""

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        found = jnp.mean(self.exchange(as_tokens(features)).outputs, axis=1)
        balanced = (found - jnp.mean(found)).reshape(features.shape[1:])
        return spatial_pattern(balanced, self.strength, len(features))
