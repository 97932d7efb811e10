"""How much each feature and each channel counts: all alike, or as a task wants it.

Top-down weighting after Navalpakkam & Itti 2005, Vision Res 45:205 (gains on feature maps, high
for what the target has); the tasks and the size of their gains are ours.
"""

from collections.abc import Iterable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .features import CHANNELS, FEATURES, MEMBERS


class Weights(eqx.Module):
    """Gains of the features within their channels, and of the channels.

    Attributes:
        features: one each of `FEATURES`, >= 0.
        channels: one each of `CHANNELS`, >= 0.
    """

    features: Float[Array, " features"]
    channels: Float[Array, " channels"]

    @classmethod
    def even(cls) -> "Weights":
        """All alike: free viewing."""
        return cls(jnp.ones(len(FEATURES)), jnp.ones(len(CHANNELS)))

    @classmethod
    def towards(cls, names: Iterable[str], rest: float = 0.1) -> "Weights":
        """One for the features named and their channels, `rest` for all others.

        Args:
            names: of features or of whole channels; none for free viewing.
            rest: gain of what is not named, >= 0.

        Raises:
            KeyError: an unknown name.
        """
        wanted = set(names)
        if unknown := wanted - set(FEATURES) - set(CHANNELS):
            raise KeyError(f"no feature and no channel: {', '.join(sorted(unknown))}")
        if not wanted:
            return cls.even()
        features, channels = np.full(len(FEATURES), rest), np.full(len(CHANNELS), rest)
        for place, channel in enumerate(CHANNELS):
            own = wanted & set(MEMBERS[channel])
            if own or channel in wanted:
                channels[place] = 1.0
            for name in MEMBERS[channel] if channel in wanted else own:
                features[FEATURES.index(name)] = 1.0
        return cls(jnp.asarray(features, float), jnp.asarray(channels, float))


# What can be looked for in a still image: nothing in particular, or a feature or channel by name.
STILL_TASKS = (
    "free",
    *(
        name
        for name in (*FEATURES, *CHANNELS)
        if name not in (*MEMBERS["motion"], "motion", "flicker")
    ),
)
