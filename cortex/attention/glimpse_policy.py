"""Hard attention on an area's maps: a policy picks one place, and a window opens there.

Hard attention over the places of feature maps, one of them drawn from a softmax: Xu et al. 2015;
glimpses by REINFORCE: Mnih et al. 2014. That the place is a gain on a circuit is our design.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from .source import AbstractSource, Maps, Query, State
from .window import gaussian_window

STRIDE = 2  # places from one choice to the next: less than a window is wide


class GlimpsePolicy(AbstractSource):
    """A window at the place that the policy finds best for the category sought.

    The policy sees each place with its eight neighbours, and picks among every other place along
    both axes. Training draws places instead of picking the best, see `log_probabilities`.

    Attributes:
        reader: 3 x 3 convolution from maps to hidden units at every other place.
        sought: what each category looks for in them, (categories, hidden).
        width: standard deviation of the window, as a share of the map's side.
        strength: of the window, see `SpatialWindow` [1].
    """

    reader: eqx.nn.Conv2d
    sought: Float[Array, "categories hidden"]
    width: Float[Array, ""] = eqx.field(converter=as_floats, default=0.2)
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @classmethod
    def random(
        cls, key: PRNGKeyArray, maps: int, categories: int = 10, hidden: int = 32
    ) -> "GlimpsePolicy":
        """Random weights; all places are nearly as likely as each other."""
        first, second = jax.random.split(key)
        reader = eqx.nn.Conv2d(maps, hidden, 3, stride=STRIDE, padding=1, key=first)
        return cls(reader, 0.1 * jax.random.normal(second, (categories, hidden)))

    def log_probabilities(
        self, features: Maps, category: Int[Array, ""]
    ) -> Float[Array, " places"]:
        """Of the places in the order of `places`, a softmax; the size of features has no say."""
        size = jnp.sqrt(jnp.mean(features**2))
        hidden = jax.nn.relu(self.reader(features / jnp.where(size > 0, size, 1.0)))
        scores = jnp.einsum("k,khw->hw", jnp.asarray(self.sought)[category], hidden)
        return jax.nn.log_softmax(scores.ravel())

    def place(self, features: Maps, category: Int[Array, ""]) -> Float[Array, "2"]:
        """The most probable place, (row, column) from 0 to 1."""
        best = jnp.argmax(self.log_probabilities(features, category))
        return places((features.shape[1], features.shape[2]))[best]

    @property
    def categories(self) -> int:
        return len(self.sought)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        shape = (features.shape[1], features.shape[2])
        window = gaussian_window(self.place(features, query.category), self.width, shape)
        return spatial_pattern(window, self.strength, len(features))


def places(shape: tuple[int, int]) -> Float[Array, "places 2"]:
    """What a policy picks among, (row, column) from 0 to 1, as a page is read.

    Args:
        shape: (height, width) of the area's maps.
    """
    rows, columns = ((jnp.arange(0, n, STRIDE) + 0.5) / n for n in shape)
    pairs = jnp.stack(jnp.meshgrid(rows, columns, indexing="ij"), axis=-1)
    return pairs.reshape(-1, 2)
