"""Slopes of detectors, through readout, stages and circuits, against finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import VisualSystem, map_gradients, map_shapes
from tests.areas import systems


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", ["circuits", pytest.param("plain", marks=pytest.mark.slow)])
def test_against_finite_differences(kind):
    if kind == "plain":
        system = VisualSystem.plain(systems.network())
    else:
        system = systems.with_circuits(solver=systems.TIGHT)
    weight = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6)))

    def detectors(units):
        return weight @ units + 1.0

    image = systems.images(1)[0]
    category = jnp.asarray(1)
    gradients, logit = jax.jit(lambda x: map_gradients(system, detectors, x, category))(image)
    responses = eqx.filter_jit(system.respond)(image)
    units = system.readout.units(responses[-1].output)
    np.testing.assert_allclose(logit, detectors(units)[1], rtol=1e-9)
    assert [s.shape for s in gradients] == [(3,), (4,)]
    assert map_shapes(system, image) == systems.SHAPES

    def from_first(output):
        return detectors(system.readout.units(system.respond(output, first=1)[-1].output))[1]

    def from_last(output):
        return detectors(system.readout.units(output))[1]

    step = 1e-5
    for above, response, found in zip((from_first, from_last), responses, gradients, strict=True):
        output = response.output
        changes = step * jnp.eye(len(output))[:, :, None, None]
        move = jax.jit(jax.vmap(above))
        up, down = (move(output[None] + side * changes) for side in (1, -1))
        # A mean over the places, not the sum that moving all of them gives; steady states to
        # 1e-12, divided by the step.
        expected = (up - down) / (2 * step) / output[0].size
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert all(np.abs(s).max() > 1e-4 for s in gradients)
