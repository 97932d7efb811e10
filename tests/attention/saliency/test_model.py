"""Saliency maps against a plain NumPy program, by closed forms, and in what they are for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cortex.attention.saliency import (
    CHANNELS,
    FEATURES,
    IterativeCompetition,
    Saliency,
    Weights,
    WinnerTakeAll,
    scan_path,
)
from cortex.attention.saliency.features import moving, oriented
from cortex.attention.saliency.normalisation import GlobalMaximum
from cortex.attention.saliency.pyramid import pyramid, scales_of
from tests.reference import saliency as reference

SHAPE = (40, 48)


bars = jax.jit(oriented)


@eqx.filter_jit
def look(model, image, previous=None):
    return model(image, previous)


@pytest.fixture(scope="module")
def frames():
    """Two frames of smooth coloured noise without ties, of which one has moved a little."""
    noise = gaussian_filter(np.random.default_rng(0).random((3, *SHAPE)), (0, 2, 2))
    image = np.clip(0.5 + 3 * (noise - 0.5), 0, 1)
    return gaussian_filter(np.roll(image, 2, axis=2), (0, 0.5, 0.5)), image


def items(colours, angles, side=96, cells=3):
    """Bars in the middle of the cells of a grid, on black: (3, side, side)."""
    y, x = np.mgrid[:side, :side] + 0.5
    image = np.zeros((3, side, side), np.float32)
    cell = side / cells
    for number, (colour, angle) in enumerate(zip(colours, angles, strict=True)):
        dx = x - (number % cells + 0.5) * cell
        dy = -(y - (number // cells + 0.5) * cell)
        along = dx * np.cos(np.deg2rad(angle)) + dy * np.sin(np.deg2rad(angle))
        across = -dx * np.sin(np.deg2rad(angle)) + dy * np.cos(np.deg2rad(angle))
        mask = (abs(along) < 6) & (abs(across) < 2)
        image[:, mask] = np.asarray(colour, np.float32)[:, None]
    return jnp.asarray(image)


RED, GREEN = (0.8, 0.2, 0.2), (0.2, 0.8, 0.2)


def test_against_the_reference(frames, x64):
    now, before = frames
    rng = np.random.default_rng(1)
    features, channels = rng.random(len(FEATURES)), rng.random(len(CHANNELS))
    weights = Weights(jnp.asarray(features, float), jnp.asarray(channels, float))
    now, before = now.astype(float), before.astype(float)
    found = look(Saliency(weights), jnp.asarray(now), jnp.asarray(before))
    scales = scales_of(*SHAPE)
    expected = reference.saliency(now, before, scales.pairs, scales.output, features, channels)
    for own, theirs in zip(found, expected, strict=True):
        assert theirs.max() > 1e-3
        # Double precision, for single precision may decide otherwise which of two places all but
        # alike is a local maximum; the root in motion makes 1e-8 of a rounding of 1e-16.
        np.testing.assert_allclose(own, theirs, atol=1e-7 * theirs.max())


def test_the_published_scales_and_what_small_images_keep():
    assert scales_of(480, 640) == (((2, 5), (2, 6), (3, 6), (3, 7), (4, 7), (4, 8)), 4)
    assert scales_of(128, 128) == (((0, 3), (0, 4), (1, 4), (1, 5), (2, 5), (2, 6)), 2)
    assert scales_of(12, 40) == (((0, 3),), 2)
    with pytest.raises(ValueError, match="11 x 40 px, allowed: sides of 12 px"):
        scales_of(11, 40)


def test_levels_lie_over_one_another():
    """A ramp stays the ramp, read at each level's own centres, away from the border."""
    ramp = jnp.broadcast_to((jnp.arange(64.0) + 0.5)[None, :], (64, 64))
    for number, level in enumerate(pyramid(ramp, 3)):
        centres = (np.arange(level.shape[1]) + 0.5) * 2**number
        np.testing.assert_allclose(level[4, 2:-2], centres[2:-2], rtol=1e-5)


@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 0.0, 0.3)])
def test_nothing_is_salient_in_a_uniform_image(colour):
    image = jnp.broadcast_to(jnp.asarray(colour)[:, None, None], (3, 96, 96))
    found = look(Saliency(), image, image)
    for maps in found:
        # Rounding of the filters, about 1e-6 of a contrast, is 1e-4 of the floor; squared later.
        assert float(jnp.max(maps)) < 1e-6


def test_a_grating_has_its_amplitude_at_its_own_orientation():
    """At the preferred wavelength; the filters' flanks overlap little with 90 deg away."""
    y, x = np.mgrid[:60, :60]
    for place, theta in enumerate(np.deg2rad([0, 45, 90, 135])):
        wave = np.cos(2 * np.pi / 5 * (-np.sin(theta) * x - np.cos(theta) * y))
        middle = bars(jnp.asarray(0.5 + 0.3 * wave, jnp.float32))[:, 30, 30]
        assert int(jnp.argmax(middle)) == place
        # The zero mean of the even filter and its sampling take less than 5 %.
        assert float(middle[place]) == pytest.approx(0.3, rel=0.05)
        assert float(middle[(place + 2) % 4]) < 0.03


@pytest.mark.parametrize(
    ("shift", "direction"), [((0, 2), 0), ((-2, 0), 1), ((0, -2), 2), ((2, 0), 3)]
)
@pytest.mark.parametrize("ink", [0.0, 1.0])
def test_motion_tells_directions(shift, direction, ink):
    """A moving bar, bright or dark, drives the detector of its direction alone."""
    image = np.full((40, 40), 0.5, np.float32)
    if shift[0]:
        image[20:22, 10:30] = ink
    else:
        image[10:30, 20:22] = ink
    now, before = bars(jnp.roll(image, shift, (0, 1))), bars(jnp.asarray(image))
    strength = jnp.sum(moving(now, before), axis=(1, 2))
    assert int(jnp.argmax(strength)) == direction
    assert float(strength[(direction + 2) % 4]) < 0.3 * float(strength[direction])
    np.testing.assert_allclose(moving(now, now), 0.0, atol=1e-7)


def test_the_operator_by_hand():
    x = np.zeros((2, 9, 9), np.float32)
    x[0, 2, 2], x[0, 6, 6], x[0, 2, 6] = 1.0, 0.5, 0.25
    x[1, 2, 2], x[1, 6, 6] = 0.8, 0.04
    found = GlobalMaximum()(jnp.asarray(x))
    np.testing.assert_allclose(found[0], x[0] * (1 - 0.375) ** 2, rtol=1e-6)
    # What is below `least` is no peak: the largest stands alone.
    np.testing.assert_allclose(found[1], x[1] * 0.64, rtol=1e-6)
    # Two equal peaks and a plateau cancel.
    x[0, 6, 6] = 1.0
    x[0, 2, 6] = 0.0
    assert float(GlobalMaximum()(jnp.asarray(x))[0].max()) == 0.0
    assert float(GlobalMaximum()(jnp.ones((1, 5, 5))).max()) == 0.0


def test_iterative_competition():
    """Against the reference; one peak among weaker ones is what stays."""
    rng = np.random.default_rng(2)
    x = rng.random((16, 20)) * 0.3
    x[5, 7] = 1.0
    found = IterativeCompetition()(jnp.asarray(x[None], jnp.float32))[0]
    np.testing.assert_allclose(found, reference.iterative(x), atol=1e-4)
    assert int(jnp.argmax(found)) == 5 * 20 + 7
    assert float(jnp.sum(found > 0.1 * found.max())) < 4
    model = Saliency(normalisation=IterativeCompetition())
    whole = look(model, items([GREEN] * 4 + [RED] + [GREEN] * 4, [0] * 9)).saliency
    row, column = scan_path(WinnerTakeAll(), whole, 1).places[0]
    assert (int(row * 3), int(column * 3)) == (1, 1)


@pytest.mark.parametrize("odd", ["colour", "orientation"])
def test_a_single_odd_item_wins(odd):
    colours, angles = [GREEN] * 9, [0.0] * 9
    if odd == "colour":
        colours[5] = RED
    else:
        angles[5] = 90.0
    found = look(Saliency(), items(colours, angles))
    path = scan_path(WinnerTakeAll(), found.saliency, 1)
    row, column = path.places[0]
    assert (int(row * 3), int(column * 3)) == (1, 2)
    channel = found.conspicuity[CHANNELS.index(odd)]
    assert int(jnp.argmax(channel)) == int(jnp.argmax(found.saliency))
    # Nothing moves in a single image.
    assert float(jnp.max(found.conspicuity[3:])) == 0.0


def test_what_moves_wins_in_a_sequence():
    """Eight bars stand still, one, no other than they, moves to the right by a pixel."""
    before = items([GREEN] * 9, [90.0] * 9)
    moved = before.at[:, 64:, :32].set(jnp.roll(before[:, 64:, :32], 1, axis=2))
    found = look(Saliency(), moved, before)
    row, column = scan_path(WinnerTakeAll(), found.saliency, 1).places[0]
    assert (int(row * 3), int(column * 3)) == (2, 0)
    right, up, left, down = found.features[-4:]
    assert float(right.max()) > 3 * float(jnp.stack([up, left, down]).max())
    assert float(found.conspicuity[CHANNELS.index("flicker")].max()) > 0.1


@pytest.mark.parametrize(("task", "item"), [("red", 1), ("green", 3), ("vertical", 8)])
def test_a_task_brings_its_own_items_up(task, item):
    """One item of each kind stands out; which is looked at first is the task's choice."""
    colours, angles = [(0.5, 0.5, 0.5)] * 9, [0.0] * 9
    colours[1], colours[3], angles[8] = RED, GREEN, 90.0
    model = Saliency(Weights.towards([task]))
    path = scan_path(WinnerTakeAll(), look(model, items(colours, angles)).saliency, 1)
    row, column = path.places[0]
    assert int(row * 3) * 3 + int(column * 3) == item


def test_weights_of_tasks():
    some = Weights.towards(["red", "orientation"], rest=0.2)
    assert [float(w) for w in some.channels] == pytest.approx([0.2, 1, 1, 0.2, 0.2])
    assert float(some.features[FEATURES.index("red")]) == 1
    assert float(some.features[FEATURES.index("green")]) == pytest.approx(0.2)
    assert float(some.features[FEATURES.index("vertical")]) == 1
    np.testing.assert_array_equal(Weights.towards([]).features, 1.0)
    with pytest.raises(KeyError, match="purple"):
        Weights.towards(["purple"])


def test_batches_and_derivatives(frames):
    """One program for many images; weights have finite, non-zero derivatives."""
    images = jnp.stack([jnp.asarray(frame[:, :24, :24], jnp.float32) for frame in frames])

    def total(weights, image):
        saliency = Saliency(weights)(image).saliency
        return jnp.sum(saliency), saliency

    over_images = jax.vmap(jax.value_and_grad(total, has_aux=True), (None, 0))
    (_, both), slopes = jax.jit(over_images)(Weights.even(), images)
    np.testing.assert_allclose(both[1], look(Saliency(), images[1]).saliency, atol=1e-5)
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(slopes))
    assert float(jnp.abs(slopes.channels[:, :3]).min()) > 0
