"""Forms of attention against their formulas, on a plain area and as modulations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import PlainArea
from cortex.attention import (
    Additive,
    Multiplicative,
    feature_pattern,
    quadrant_mask,
    spatial_pattern,
)
from tests.areas import systems
from tests.reference import attention as reference

SHAPE = systems.SHAPES[0]
VALUES = np.array([-0.9, 0.6, 0.3])
BETA, SPATIAL_BETA, SCALE = 1.8, 0.4, 0.25


def mask():
    return np.asarray(quadrant_mask(SHAPE[1:], 1), float)


def ours():
    feature = feature_pattern(jnp.asarray(VALUES, jnp.float32), BETA, SHAPE[1:])
    return feature + spatial_pattern(jnp.asarray(mask(), jnp.float32), SPATIAL_BETA, SHAPE[0])


def test_patterns_add():
    expected = reference.pattern(VALUES, BETA, mask(), SPATIAL_BETA)
    np.testing.assert_allclose(ours(), expected, rtol=1e-6)
    assert (expected < -1).any()  # where a gain must stop at 0


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("additive", [True, False])
def test_forms_on_a_plain_area(additive, bidirectional):
    """x = (1 + p) [I]_+ or [I + mu p]_+, with p or [p]_+ (science.md 4.2)."""
    stages, _ = systems.pieces()
    image = systems.images(1)[0]
    net = reference.net_input(np.asarray(image, float), stages[0])
    pattern = reference.pattern(VALUES, BETA, mask(), SPATIAL_BETA)
    if additive:
        form = Additive(SCALE, bidirectional=bidirectional)
        expected = reference.added(net, pattern, SCALE, bidirectional)
    else:
        form = Multiplicative(bidirectional=bidirectional)
        expected = reference.multiplied(net, pattern, bidirectional)
    found = PlainArea(systems.network().stages[0])(image, form(ours())).output
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    # The case is one in which all four forms differ from each other and from nothing.
    others = {
        "none": np.maximum(net, 0),
        "other direction": (
            reference.added(net, pattern, SCALE, not bidirectional)
            if additive
            else reference.multiplied(net, pattern, not bidirectional)
        ),
    }
    for other in others.values():
        assert np.abs(expected - other).max() > 0.05


def test_floor_at_zero():
    modulation = Multiplicative(to_I=2.0)(ours())
    pattern = np.asarray(ours())
    np.testing.assert_allclose(modulation.drive_gain.E, np.maximum(1 + pattern, 0), rtol=1e-5)
    np.testing.assert_allclose(
        modulation.drive_gain.I, np.maximum(1 + 2 * pattern, 0), rtol=1e-5, atol=1e-6
    )
    assert np.min(modulation.drive_gain.E) == 0
    assert not np.any(modulation.input.E)
    assert modulation.output_gain == 1


def test_additive_share_of_I():
    modulation = Additive(SCALE, to_I=0.5)(ours())
    np.testing.assert_allclose(modulation.input.E, SCALE * np.asarray(ours()), rtol=1e-6)
    np.testing.assert_allclose(modulation.input.I, 0.5 * SCALE * np.asarray(ours()), rtol=1e-6)
    assert modulation.drive_gain.E == 1
    assert not np.any(Additive(SCALE)(ours()).input.I)


@pytest.mark.parametrize("form", [Multiplicative(), Additive(SCALE, to_I=0.5)])
def test_everything_continuous_is_traced(form):
    """Under jit, vmap and grad, in strength, values and the form's own numbers."""
    image, area = systems.images(1)[0], PlainArea(systems.network().stages[0])
    values = jnp.asarray(VALUES, jnp.float32)

    def total(form, values, beta):
        pattern = feature_pattern(values, beta, SHAPE[1:])
        modulation = form(pattern)
        return jnp.sum(area(image, modulation).output) + 0.1 * sum(
            jnp.sum(leaf) for leaf in jax.tree.leaves((modulation.drive_gain, modulation.input))
        )

    betas = jnp.array([0.0, 0.3, 0.7])
    one_by_one = [float(total(form, values, beta)) for beta in betas]
    swept = jax.jit(jax.vmap(total, (None, None, 0)))(form, values, betas)
    # A float32 sum of 36 numbers of order 1.
    np.testing.assert_allclose(swept, one_by_one, rtol=1e-5)
    leaves, structure = jax.tree.flatten(form)
    assert leaves
    assert all(eqx.is_inexact_array(leaf) for leaf in leaves)
    gradient = jax.grad(total, argnums=(0, 1, 2))(form, values, betas[1])
    assert jax.tree.structure(gradient[0]) == structure
    assert all(np.abs(g).max() > 0 for g in jax.tree.leaves(gradient))
