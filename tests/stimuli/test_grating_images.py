from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.errors import UserError
from cortex.stimuli.grating_images import (
    COLOURS,
    GratingField,
    GratingNoise,
    normalised,
    single_gratings,
)
from cortex.stimuli.image_files import Preprocessing

few = settings(deadline=None, max_examples=15)
FIELD = GratingField(size=80)
PREPARED = Preprocessing(80, None, "bilinear", (123.0, 116.0, 103.0), (58.0, 57.0, 56.0))


def written_out(side, orientation, colour, phase, contrast=1.0):
    """A grating in plain NumPy: rows count down from the top, bars turn counter-clockwise."""
    image = np.zeros((3, side, side))
    middle, angle = (side - 1) / 2, np.deg2rad(orientation)
    for row in range(side):
        for column in range(side):
            right, up = column - middle, middle - row
            across = up * np.cos(angle) - right * np.sin(angle)
            wave = np.cos(2 * np.pi * across / 40 + np.deg2rad(phase))
            image[:, row, column] = np.asarray(colour) * (1 + contrast * wave) / (1 + contrast)
    return image


@pytest.mark.parametrize(("orientation", "phase"), [(0.0, 0.0), (20.0, 75.0), (160.0, 300.0)])
def test_a_full_field_against_plain_numpy(orientation, phase):
    colour = (213.0, 94.0, 0.0)
    found = FIELD.full_field(orientation, jnp.asarray(colour), phase)
    # 0.01 of 255 levels: cosines in single precision.
    np.testing.assert_allclose(found, written_out(80, orientation, colour, phase), atol=0.01)


def test_contrast_is_michelsons():
    field = GratingField(size=80, contrast=50.0)
    colour = jnp.asarray((240.0, 228.0, 66.0))
    found = np.asarray(field.full_field(0.0, colour, 0.0))
    np.testing.assert_allclose(
        found, written_out(80, 0.0, (240.0, 228.0, 66.0), 0.0, 0.5), atol=0.01
    )


@few
@given(
    quadrants=st.permutations(range(4)),
    angles=st.lists(st.floats(0, 180), min_size=2, max_size=2),
    seed=st.integers(0, 100),
)
def test_two_gratings_lie_in_their_quadrants_and_the_rest_is_grey(quadrants, angles, seed):
    rng = np.random.default_rng(seed)
    hues, phases = rng.choice(5, 2, replace=False), rng.uniform(0, 360, 2)
    found = np.asarray(
        FIELD.in_quadrants(
            jnp.asarray(angles, float),
            FIELD.colours[hues],
            jnp.asarray(phases, float),
            jnp.asarray(quadrants[:2]),
        )
    )
    blocks = {q: found[:, q // 2 * 40 :, q % 2 * 40 :][:, :40, :40] for q in range(4)}
    for which, quadrant in enumerate(quadrants[:2]):
        colour = list(COLOURS.values())[hues[which]]
        expected = written_out(40, angles[which], colour, phases[which])
        # 0.02 levels: cosines and a matrix product in single precision.
        np.testing.assert_allclose(blocks[quadrant], expected, atol=0.02)
    for quadrant in quadrants[2:]:
        np.testing.assert_array_equal(blocks[quadrant], 128.0)


def test_gratings_map_and_differentiate():
    @jax.jit
    def level(orientation):
        return FIELD.full_field(orientation, FIELD.colours[0], 90.0)[0, 3, 7]

    # A degree in 3 levels; the difference of single-precision values over 0.5 degree.
    slope = float(jax.jit(jax.grad(level))(50.0))
    difference = float(level(50.25) - level(49.75)) / 0.5
    assert abs(slope) > 0.1
    assert slope == pytest.approx(difference, rel=5e-3)
    swept = jax.vmap(level)(jnp.asarray([0.0, 50.0]))
    np.testing.assert_allclose(swept[1], level(50.0), rtol=1e-5)


def test_the_published_field_and_colours_that_anyone_can_tell_apart():
    field = GratingField()
    assert (field.size, float(field.cycles_per_pixel)) == (224, pytest.approx(1 / 40))
    np.testing.assert_array_equal(field.orientations, np.arange(0, 180, 20))
    assert field.colour_names == ("vermillion", "yellow", "green", "blue", "purple")
    # Machado et al. 2009, full deuteranopia, on linear values: the five stay apart.
    deutan = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
    seen = np.clip((np.asarray(field.colours) / 255) ** 2.2 @ deutan.T, 0, 1) ** (1 / 2.2)
    gaps = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[~np.eye(5, dtype=bool)]
    assert gaps.min() > 0.1


def test_normalised_as_the_network_prepares_photographs():
    pixels = np.round(np.asarray(FIELD.full_field(20.0, FIELD.colours[1], 0.0)))
    expected = PREPARED.normalise(np.moveaxis(pixels, 0, -1).astype(np.uint8))
    np.testing.assert_allclose(normalised(jnp.asarray(pixels), PREPARED), expected, atol=1e-5)
    np.testing.assert_array_equal(normalised(jnp.asarray(pixels), None), pixels)
    with pytest.raises(UserError, match="found images of 40 px, allowed: 80 px"):
        normalised(jnp.zeros((3, 40, 40)), PREPARED)


def test_single_gratings_are_even_and_do_not_depend_on_the_batch():
    small, prepared = GratingField(size=16), replace(PREPARED, size=16)
    drawn = single_gratings(small, 90, 3, noise=GratingNoise(), preprocessing=prepared)
    pairs = np.stack([drawn.orientation, drawn.colour], axis=1)
    assert len(drawn) == 90
    assert np.all(np.unique(pairs, axis=0, return_counts=True)[1] == 2)
    assert len(np.unique(pairs, axis=0)) == 45
    together = np.concatenate([np.asarray(batch) for batch in drawn.batches(30)])
    assert together.shape == (90, 3, 16, 16)
    np.testing.assert_array_equal(together[50:80], drawn.images(slice(50, 80)))
    backwards = np.arange(89, 59, -1)
    np.testing.assert_array_equal(together[backwards], drawn.images(backwards))
    again = single_gratings(FIELD, 90, 4)
    assert np.any(again.phase != drawn.phase)
    assert np.any(again.orientation != drawn.orientation)
    uneven = single_gratings(FIELD, 31, 0)
    assert np.ptp(np.bincount(uneven.orientation)) == 1


def test_single_gratings_are_the_gratings_they_are_labelled_as():
    for place in ("full", "quadrant"):
        drawn = single_gratings(FIELD, 45, 0, place=place)
        for row, found in zip((0, 31), drawn.images(np.array([0, 31])), strict=True):
            colour = list(COLOURS.values())[drawn.colour[row]]
            angle, quadrant = 20 * drawn.orientation[row], drawn.quadrant[row]
            if place == "full":
                expected = written_out(80, angle, colour, drawn.phase[row])
            else:
                expected = np.full((3, 80, 80), 128.0)
                corner = expected[:, quadrant // 2 * 40 :, quadrant % 2 * 40 :]
                corner[:, :40, :40] = written_out(40, angle, colour, drawn.phase[row])
            np.testing.assert_allclose(found, expected, atol=0.02)
        counts = np.bincount(drawn.quadrant + 1, minlength=5)
        assert list(counts) == [45, 0, 0, 0, 0] if place == "full" else np.ptp(counts[1:]) == 1


def test_noise_has_the_authors_shares():
    grey = jnp.full((3, 80, 80), 128.0)
    keys = jax.random.split(jax.random.key(0), 25)
    noise = GratingNoise()
    change = np.asarray(jax.jit(jax.vmap(lambda k: noise(k, grey, 128.0)))(keys)) - 128.0
    hit = change != 0
    # 480,000 values: the standard error of a share is 0.0007, that of the SD 0.03.
    assert hit.mean() == pytest.approx(0.5, abs=0.003)
    assert change[hit].std() == pytest.approx(20.0, abs=0.12)
    assert change[hit].mean() == pytest.approx(0.0, abs=0.2)


def test_bands_are_blanked_in_the_share_of_images_asked_for():
    white = jnp.full((3, 80, 80), 200.0)
    keys = jax.random.split(jax.random.key(1), 400)
    bands = GratingNoise(noisy=0.0)
    found = np.asarray(jax.jit(jax.vmap(lambda k: bands(k, white, 128.0)))(keys))
    blank = found == 128.0
    assert set(np.unique(found)) == {128.0, 200.0}
    some = blank.any(axis=(1, 2, 3))
    # Binomial: standard error 0.024.
    assert some.mean() == pytest.approx(0.4, abs=0.08)
    for image in blank[some]:
        assert np.all(image == image[:1])  # in every colour alike
        rows, columns = image[0].all(axis=1), image[0].all(axis=0)
        for line in (rows, columns):
            assert line.sum() == 10  # an eighth of the side, in one piece within the image
            assert np.ptp(np.flatnonzero(line)) == 9
        np.testing.assert_array_equal(image[0], rows[:, None] | columns[None, :])
    starts = np.array([np.flatnonzero(i[0].all(axis=1))[0] for i in blank[some]])
    assert starts.min() < 10
    assert starts.max() > 60


def test_noise_stays_within_eight_bits():
    noise = GratingNoise(sd=200.0, noisy=1.0)
    found = jax.jit(lambda k: noise(k, jnp.full((3, 8, 8), 128.0), 128.0))(jax.random.key(0))
    assert float(found.min()) == 0.0
    assert float(found.max()) == 255.0


def test_impossible_fields_and_requests():
    with pytest.raises(ValueError, match="size: found 81, allowed: an even number"):
        GratingField(size=81)
    with pytest.raises(ValueError, match="colour_names: found 1, allowed: 5"):
        GratingField(colour_names=("red",))
    with pytest.raises(UserError, match="found 8 images, allowed: at least 9"):
        single_gratings(FIELD, 8, 0)
