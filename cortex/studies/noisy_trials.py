"""Noisy trials: a system with noise in every circuit looks at digits, some trials at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cortex.areas import NoisySystem, Reaching, Viewing, VisualSystem, circuit_areas
from cortex.areas.digits import CLASSES, digit_network
from cortex.attention import AbstractSource, Query, State
from cortex.circuit import EI, MapNoise, Modulation
from cortex.models.learned import hard_digits
from cortex.settings import Settings, quantity
from cortex.stimuli import Digits
from cortex.stimuli.composites import array_same
from cortex.tasks import even_batch

BATCH = 40  # trials at a time: memory is that of a drive at every step


class Noise(Settings):
    """Noise on the input of every circuit, the same to E and I."""

    tau: float = quantity(50.0, "ms", "time constant", gt=0)
    width: float = quantity(2.0, "px", "spread of its correlation over places", gt=0)
    common: float = quantity(0.5, "1", "share of its variance common to all maps", ge=0, le=1)
    share: float = quantity(0.5, "1", "wanted share of noise in the logits' variance", gt=0, lt=1)
    start: float = quantity(12.0, "contrast", "standard deviation that is tried first", gt=0)
    rounds: int = quantity(5, "1", "standard deviations tried", ge=1)

    def on(self, system: VisualSystem, sd: Any, viewing: Viewing) -> NoisySystem:
        """A system with such noise at every layer."""
        shapes = [area.circuit.shape for area in circuit_areas(system)]
        noise = [MapNoise(self.tau, sd, shape, self.width, self.common) for shape in shapes]
        return NoisySystem(system, tuple(noise), viewing)


class Trials(NamedTuple):
    """Images one by one (trials, ...), with what is asked of each and the key of its noise."""

    images: np.ndarray
    category: np.ndarray
    place: np.ndarray
    present: np.ndarray
    quadrant: np.ndarray
    keys: Array

    def take(self, rows: np.ndarray) -> Trials:
        """Some of them."""
        return Trials(**{name: leaf[rows] for name, leaf in self._asdict().items()})


def hard_trials(digits: Digits, key: Array, task: str, count: int, repeats: int = 1) -> Trials:
    """Hard images, so many a category, and repeats of each one after the other."""
    made = hard_digits.hard_trials(digits, key, task, count)
    images = np.concatenate([np.asarray(made.images(c, 0, count)) for c in range(CLASSES)])
    quadrant = made.quadrant.ravel()
    middle = np.stack([0.25 + 0.5 * (quadrant // 2), 0.25 + 0.5 * (quadrant % 2)], axis=-1)
    place = np.where((quadrant < 0)[:, None], 0.5, middle)
    category = np.repeat(np.arange(CLASSES), count)
    once = images, category, place, made.present.ravel(), quadrant
    images, category, place, present, quadrant = (np.repeat(x, repeats, axis=0) for x in once)
    keys = jax.random.split(jax.random.fold_in(key, 1), len(images))
    return Trials(images, category, place, present, quadrant, keys)


def ordinary_trials(digits: Digits, key: Array, task: str, count: int) -> Trials:
    """Single digits as they are in hard images: whole, or at half their size in one quadrant."""
    pick, where, noise = jax.random.split(key, 3)
    rows = np.asarray(jax.random.permutation(pick, len(digits))[:count])
    images = digit_network().images(digits.take(rows))
    quadrant = jax.random.randint(where, (count,), 0, 4)
    if task == "array":
        four = jax.nn.one_hot(quadrant, 4)[:, :, None, None] * images
        images = jax.vmap(array_same)(four)[:, None]
    labels, places = np.asarray(digits.labels)[rows], np.full((count, 2), 0.5)
    there = np.ones(count, bool)
    keys = jax.random.split(noise, count)
    return Trials(np.asarray(images), labels, places, there, np.asarray(quadrant), keys)


def see(
    noisy: NoisySystem,
    trials: Trials,
    look: Callable[[Trials, Reaching], Any],
    together: int = 1,
) -> Any:
    """What a function of some trials at a time gives, for all of them.

    Args:
        noisy: the system.
        trials: all.
        look: from some trials, and what reaches the topmost circuit in them, to arrays with a
            leading axis of these trials.
        together: trials that are not to be parted, such as those of one image.
    """
    parts, size = [], together * even_batch(len(trials.keys) // together, BATCH // together)
    for start in range(0, len(trials.keys), size):
        some = trials.take(np.minimum(np.arange(start, start + size), len(trials.keys) - 1))
        found = look(some, noisy.reaching(jnp.asarray(some.images), some.keys))
        left = slice(len(trials.keys) - start)
        parts.append(jax.tree.map(lambda x, left=left: np.asarray(x)[left], found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def modulate(
    noisy: NoisySystem, source: AbstractSource, some: Trials, contrast: float = 1.0
) -> Modulation:
    """The modulation of the topmost circuit in each trial, at a contrast.

    Args:
        noisy: the system.
        source: of attention that needs neither features nor state.
        some: trials, whose categories are sought and whose places are cued.
        contrast: gain on the circuit's drive besides.
    """
    top = noisy.noise[-1]
    asked = jnp.asarray(some.category), jnp.asarray(some.place, float)
    return _modulate(source, top.shape, *asked, jnp.asarray(contrast, float))


@eqx.filter_jit
def _modulate(
    source: AbstractSource, shape: tuple[int, int, int], categories: Array, places: Array, gain: Any
) -> Modulation:
    nothing = jnp.zeros(shape)
    state = State(EI(nothing, nothing), jnp.zeros(CLASSES))

    def one(category: Array, place: Array) -> Modulation:
        given = source(nothing, state, Query(category, place))
        both = given.combine(Modulation(drive_gain=EI(gain, gain)))
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, shape), both)

    found: Modulation = jax.vmap(one)(categories, places)
    return found
