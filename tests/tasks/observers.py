"""Small observers, and trials of noise, for the tests of this folder."""

import jax.numpy as jnp
import numpy as np

from cortex.areas import VisualSystem
from cortex.circuit import FixedPointIteration
from cortex.stimuli.trials import AbstractTrials
from cortex.tasks import Detectors, Observer
from tests.areas import systems

CATEGORIES, IMAGES = 3, 6


class NoiseTrials(AbstractTrials):
    """Hard images of noise; in the positive ones a quadrant has the category, else each in turn."""

    def __init__(self, seed=7, scale=1.0):
        rng = np.random.default_rng(seed)
        shape = (CATEGORIES, IMAGES)
        self.present = np.tile(np.arange(IMAGES) % 2 == 0, (CATEGORIES, 1))
        turn = np.arange(IMAGES)[None] // 2 % 4
        self.quadrant = np.where(self.present, rng.integers(0, 4, shape), turn).astype(np.int32)
        self.shown = scale * rng.uniform(size=(*shape, *systems.IMAGE)) ** 2
        self.asked = []

    def images(self, category, start, stop):
        self.asked.append((category, start, stop))
        return jnp.asarray(self.shown[category, start:stop], jnp.float32)


def observer_of(kind):
    if kind == "plain":
        system = VisualSystem.plain(systems.network())
    else:
        accurate = FixedPointIteration(dt=2.0, duration=2000.0, rtol=1e-5, atol=1e-5)
        system = systems.with_circuits(solver=accurate)
    rng = np.random.default_rng(0)
    weight = jnp.asarray(rng.normal(size=(CATEGORIES, 6)), jnp.float32)
    return Observer(system, Detectors(weight, jnp.linspace(-0.5, 0.5, CATEGORIES)))
