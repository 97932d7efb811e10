"""Hard attention: a recurrent network that sees an image by glimpses and chooses their places.

Places are (row, column) from 0 (top, left edge) to 1, as in `cortex.attention.source`.

Source: Mnih, Heess, Graves & Kavukcuoglu 2014, "Recurrent models of visual attention": retina,
glimpse network and rectified core as there. Chosen here: the first glimpse is always at the
centre, and the class is read out after every glimpse.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.circuit.populations import as_floats

Image = Float[Array, "height width"]
Place = Float[Array, "2"]
Hidden = Float[Array, " hidden"]


class Retina(eqx.Module):
    """Square patches around a place: the finest, and others each twice as wide and as coarse.

    Attributes:
        size: side of every patch, in its own pixels, even.
        scales: number of patches; one pixel of patch k is the mean of 2^k x 2^k of the image.
    """

    size: int = eqx.field(static=True, default=10)
    scales: int = eqx.field(static=True, default=3)

    def __check_init__(self) -> None:
        if self.size < 2 or self.size % 2 or self.scales < 1:
            raise ValueError(
                f"retina: found size {self.size}, scales {self.scales}, allowed: an even size, "
                "1 scale or more"
            )

    def __call__(self, image: Image, place: Place) -> Float[Array, "scales size size"]:
        """What is seen from a place; nothing (0) beyond the image's border.

        The place is moved to the nearest corner of a pixel, of those in the image.
        """
        widest = self.size * 2 ** (self.scales - 1)
        sides = jnp.asarray(image.shape)
        corner = jnp.clip(jnp.round(place * sides), 0, sides).astype(jnp.int32)
        padded = jnp.pad(image, widest // 2)
        around = jax.lax.dynamic_slice(padded, (corner[0], corner[1]), (widest, widest))
        patches = []
        for scale in range(self.scales):
            block = 2**scale
            side = self.size * block
            start = (widest - side) // 2
            inner = around[start : start + side, start : start + side]
            blocks = inner.reshape(self.size, block, self.size, block)
            patches.append(blocks.mean(axis=(1, 3)))
        return jnp.stack(patches)


class GlimpseNetwork(eqx.Module):
    """One glimpse as a vector: what is seen and where, joined.

    Attributes:
        what: of the patches.
        where: of the place.
        both: of the two.
    """

    what: eqx.nn.Linear
    where: eqx.nn.Linear
    both: eqx.nn.Linear

    @classmethod
    def random(
        cls, key: PRNGKeyArray, seen: int, what: int, where: int, units: int
    ) -> "GlimpseNetwork":
        """Random weights, for so many pixels `seen` and so many units each."""
        keys = jax.random.split(key, 3)
        return cls(
            eqx.nn.Linear(seen, what, key=keys[0]),
            eqx.nn.Linear(2, where, key=keys[1]),
            eqx.nn.Linear(what + where, units, key=keys[2]),
        )

    def __call__(
        self, patches: Float[Array, "scales size size"], place: Place
    ) -> Float[Array, " units"]:
        what = jax.nn.relu(self.what(patches.ravel()))
        where = jax.nn.relu(self.where(2.0 * place - 1.0))
        return jax.nn.relu(self.both(jnp.concatenate([what, where])))


class Core(eqx.Module):
    """The recurrent core: `h' = [W_h h + W_g g + b]_+`.

    Attributes:
        recurrent: W_h, from the state.
        glimpse: W_g and b, from the glimpse.
    """

    recurrent: eqx.nn.Linear
    glimpse: eqx.nn.Linear

    @classmethod
    def random(cls, key: PRNGKeyArray, glimpse: int, hidden: int) -> "Core":
        """Random weights."""
        first, second = jax.random.split(key)
        return cls(
            eqx.nn.Linear(hidden, hidden, use_bias=False, key=first),
            eqx.nn.Linear(glimpse, hidden, key=second),
        )

    def __call__(self, state: Hidden, glimpse: Float[Array, " units"]) -> Hidden:
        return jax.nn.relu(self.recurrent(state) + self.glimpse(glimpse))


class Seen(eqx.Module):
    """After one glimpse, or, with a leading axis, after each.

    Attributes:
        place: looked at.
        hidden: state of the core.
        logits: one a class.
        wanted: the place that the policy wants next, the mean of its Gaussian.
        expected: reward that the baseline expects from here on.
    """

    place: Float[Array, "*glimpses 2"]
    hidden: Float[Array, "*glimpses hidden"]
    logits: Float[Array, "*glimpses classes"]
    wanted: Float[Array, "*glimpses 2"]
    expected: Float[Array, "*glimpses"]


class Glimpser(eqx.Module):
    """The whole recurrent model of visual attention.

    Attributes:
        retina: sensor.
        network: from patches and place to a vector.
        core: recurrent.
        classifier: reads the class.
        policy: reads the next place, before a squashing to [0, 1].
        baseline: reads the reward to be expected.
    """

    retina: Retina
    network: GlimpseNetwork
    core: Core
    classifier: eqx.nn.Linear
    policy: eqx.nn.Linear
    baseline: eqx.nn.Linear

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        *,
        retina: Retina | None = None,
        what: int = 64,
        where: int = 16,
        units: int = 64,
        hidden: int = 80,
        classes: int = 10,
    ) -> "Glimpser":
        """Random weights; by default of the sizes used here."""
        retina = Retina() if retina is None else retina
        keys = jax.random.split(key, 5)
        return cls(
            retina,
            GlimpseNetwork.random(keys[0], retina.scales * retina.size**2, what, where, units),
            Core.random(keys[1], units, hidden),
            eqx.nn.Linear(hidden, classes, key=keys[2]),
            eqx.nn.Linear(hidden, 2, key=keys[3]),
            eqx.nn.Linear(hidden, 1, key=keys[4]),
        )

    def blank(self) -> Hidden:
        """The state before the first glimpse."""
        return jnp.zeros(self.core.recurrent.in_features)

    def glimpse(self, image: Image, hidden: Hidden, place: Place) -> Seen:
        """Look once, from this state of the core."""
        vector = self.network(self.retina(image, place), place)
        hidden = self.core(hidden, vector)
        return Seen(
            place=place,
            hidden=hidden,
            logits=self.classifier(hidden),
            wanted=jax.nn.sigmoid(self.policy(hidden)),
            # The baseline learns to predict; it does not shape what it reads.
            expected=self.baseline(jax.lax.stop_gradient(hidden))[0],
        )


class AbstractPlaces(eqx.Module):
    """Where the next glimpse goes."""

    @abc.abstractmethod
    def __call__(self, key: PRNGKeyArray, wanted: Place) -> Place:
        """A place, given that the policy wants this one; its gradient is not followed."""


class SampledPlaces(AbstractPlaces):
    """A Gaussian around the wanted place, as in training.

    Attributes:
        spread: standard deviation, the same along both axes, as a share of the image's side.
    """

    spread: Float[Array, ""] = eqx.field(converter=as_floats)

    def __call__(self, key: PRNGKeyArray, wanted: Place) -> Place:
        return jax.lax.stop_gradient(wanted + self.spread * jax.random.normal(key, (2,)))

    def log_probability(
        self, places: Float[Array, "*glimpses 2"], wanted: Float[Array, "*glimpses 2"]
    ) -> Float[Array, "*glimpses"]:
        """Logarithm of the density of the places, up to a constant."""
        return -jnp.sum((places - wanted) ** 2, axis=-1) / (2 * self.spread**2)


class WantedPlaces(AbstractPlaces):
    """The wanted place itself."""

    def __call__(self, key: PRNGKeyArray, wanted: Place) -> Place:
        return wanted


class RandomPlaces(AbstractPlaces):
    """Anywhere in the image; a control."""

    def __call__(self, key: PRNGKeyArray, wanted: Place) -> Place:
        return jax.random.uniform(key, (2,))


class CentralPlace(AbstractPlaces):
    """Always the centre; a control that never looks elsewhere."""

    def __call__(self, key: PRNGKeyArray, wanted: Place) -> Place:
        return jnp.full((2,), 0.5)


def look_by_glimpses(
    glimpser: Glimpser,
    image: Image,
    places: AbstractPlaces,
    count: int,
    key: PRNGKeyArray,
) -> Seen:
    """Several glimpses of one image, the first at its centre.

    Args:
        glimpser: who looks.
        image: 0 (paper) to 1 (ink).
        places: how the next place follows from the wanted one.
        count: glimpses.
        key: of the places.

    Returns:
        Leaves with a leading axis of glimpses.
    """

    def step(carry: tuple[Hidden, Place], one: PRNGKeyArray) -> tuple[tuple[Hidden, Place], Seen]:
        seen = glimpser.glimpse(image, *carry)
        return (seen.hidden, places(one, seen.wanted)), seen

    start = (glimpser.blank(), jnp.full((2,), 0.5))
    _, seen = jax.lax.scan(step, start, jax.random.split(key, count))
    return seen
