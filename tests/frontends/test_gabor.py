import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.frontends.gabor import ComplexCells, GaborBank, SimpleCells
from cortex.stimuli import VisualField, circular_distance, grating
from tests.derivatives import check_derivatives
from tests.reference import gabor as reference

few = settings(deadline=None, max_examples=8)
PIXEL = 0.1
FIELD = VisualField((51, 51), PIXEL)
ORIENTATIONS = np.arange(0.0, 180.0, 22.5)
FREQUENCIES = np.array([1.0, 2.0])


def small_bank(**options):
    return GaborBank(ORIENTATIONS, FREQUENCIES, PIXEL, **options)


COMPLEX = small_bank()
SIMPLE = small_bank(cells=SimpleCells())
respond = jax.jit(lambda bank, image: bank(image))


def at_centre(maps):
    return np.asarray(maps)[..., maps.shape[-2] // 2, maps.shape[-1] // 2]


@pytest.mark.parametrize("bank", [COMPLEX, pytest.param(SIMPLE, marks=pytest.mark.slow)])
def test_every_filter_prefers_the_orientation_on_its_label(bank):
    sweep = jnp.arange(0.0, 180.0, 7.5)
    phases = jnp.arange(0.0, 360.0, 45.0)

    def responses(frequency, orientation):
        image = jax.vmap(lambda p: grating(FIELD, orientation, frequency, phase=p))(phases)
        maps = jax.vmap(bank)(image)
        return maps[:, :, 25, 25].max(axis=0)

    labels = np.asarray(bank.orientations)
    curves = jax.jit(jax.vmap(responses, in_axes=(None, 0)))
    for frequency in FREQUENCIES:
        tuning = np.asarray(curves(frequency, sweep))
        for index in np.flatnonzero(np.asarray(bank.scales) == np.float32(frequency)):
            assert sweep[np.argmax(tuning[:, index])] == labels[index]
            np.testing.assert_allclose(tuning[:, index].max(), 1.0, atol=1e-4)
            away = np.asarray(circular_distance(sweep, jnp.full_like(sweep, labels[index])))
            assert tuning[away > 60, index].max() < 0.25


def test_every_filter_prefers_about_the_frequency_on_its_label():
    bank = GaborBank([0.0, 30.0], [1.5], PIXEL, bandwidth=1.0)
    frequencies = np.arange(0.5, 4.0, 0.1)
    responses = jax.jit(jax.vmap(lambda f, o: bank(grating(FIELD, o, f)), (0, None)))
    for index, orientation in enumerate([0.0, 30.0]):
        tuning = at_centre(responses(jnp.asarray(frequencies, float), orientation))[:, index]
        assert abs(frequencies[np.argmax(tuning)] - 1.5) < 0.11
        above = frequencies[tuning > 0.5]
        assert abs(np.log2(above.max() / above.min()) - 1.0) < 0.25


def test_labels_are_scale_major_with_phases_together():
    np.testing.assert_array_equal(COMPLEX.orientations, np.tile(ORIENTATIONS, 2))
    np.testing.assert_array_equal(COMPLEX.scales, np.repeat(FREQUENCIES, 8).astype(np.float32))
    np.testing.assert_array_equal(SIMPLE.orientations, np.tile(np.repeat(ORIENTATIONS, 4), 2))
    assert COMPLEX.n_maps == 16
    assert SIMPLE.n_maps == 64
    assert respond(SIMPLE, jnp.zeros((5, 9))).shape == (64, 5, 9)


@few
@given(contrast=st.floats(1, 100), phase=st.floats(0, 360), index=st.integers(0, 15))
def test_preferred_grating_gives_its_contrast_whatever_the_phase(contrast, phase, index):
    image = grating(
        FIELD, COMPLEX.orientations[index], COMPLEX.scales[index], contrast=contrast, phase=phase
    )
    np.testing.assert_allclose(
        at_centre(respond(COMPLEX, image))[index], contrast / 100, rtol=1e-3, atol=1e-4
    )


@few
@given(phase=st.floats(0, 360), index=st.integers(0, 15))
def test_simple_cells_follow_the_cosine_of_the_phase(phase, index):
    image = grating(FIELD, COMPLEX.orientations[index], COMPLEX.scales[index], phase=phase)
    found = at_centre(respond(SIMPLE, image))[4 * index : 4 * index + 4]
    expected = np.maximum(np.cos(np.radians(np.array([0, 90, 180, 270]) - phase)), 0)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("bank", [COMPLEX, SIMPLE])
@pytest.mark.parametrize("luminance", [0.2, 1.0])
def test_a_uniform_field_gives_nothing_even_at_the_border(bank, luminance):
    maps = respond(bank, jnp.full((20, 17), luminance))
    np.testing.assert_allclose(maps, 0.0, atol=1e-5)


def test_against_the_plain_program():
    image = np.random.default_rng(3).random((13, 10))
    options = {"bandwidth": 1.1, "aspect_ratio": 0.7, "radius": 9}
    even, odd = reference.bank(image, [0.0, 25.0, 110.0], [1.3, 2.6], 1.1, 0.7, 0.12, 9)
    grey = jnp.asarray(image, dtype=float)
    bank = GaborBank([0, 25, 110], [1.3, 2.6], 0.12, **options)
    np.testing.assert_allclose(respond(bank, grey), np.hypot(even, odd), atol=3e-5)
    phases = np.array([0.0, 90.0, 200.0])
    bank = GaborBank([0, 25, 110], [1.3, 2.6], 0.12, cells=SimpleCells(phases), **options)
    angle = np.radians(phases)[None, :, None, None]
    linear = np.cos(angle) * even[:, None] - np.sin(angle) * odd[:, None]
    np.testing.assert_allclose(
        respond(bank, grey), np.maximum(linear, 0).reshape(-1, *image.shape), atol=3e-5
    )


BY_DAY = [((28, 28), 2), ((27, 30), 3), ((5, 1), 4)]


@pytest.mark.parametrize(
    ("shape", "stride"),
    BY_DAY
    + [
        pytest.param(shape, stride, marks=pytest.mark.slow)
        for shape in [(28, 28), (27, 30), (5, 1)]
        for stride in (1, 2, 3, 4)
        if (shape, stride) not in BY_DAY
    ],
)
def test_stride_samples_the_full_map_where_the_output_field_says(shape, stride):
    image = jnp.asarray(np.random.default_rng(1).random(shape), dtype=float)
    field = VisualField(shape, PIXEL, (1.0, -2.0))
    options = {"orientation": [0.0, 60.0], "spatial_frequency": [2.0], "degrees_per_pixel": PIXEL}
    full = np.asarray(respond(GaborBank(**options), image))
    bank = GaborBank(**options, stride=stride)
    maps, out = respond(bank, image), bank.output_field(field)
    assert maps.shape[1:] == out.shape == tuple(-(-side // stride) for side in shape)
    np.testing.assert_allclose(out.centre, field.centre, atol=0.51 * PIXEL)  # as centred as can be
    rows, columns = (np.rint(p).astype(int) for p in field.to_pixels(*out.coordinates()))
    np.testing.assert_allclose(maps, full[:, rows, columns], atol=1e-5)


def test_channels_are_averaged_and_batches_are_mapped():
    images = jnp.asarray(np.random.default_rng(2).random((2, 3, 12, 12)), dtype=float)
    bank = small_bank(radius=5)
    found = jax.jit(jax.vmap(bank))(images)
    np.testing.assert_allclose(found[1], respond(bank, images[1].mean(axis=0)), atol=1e-5)


def test_gradients_reach_the_parameters_and_stay_finite_on_a_blank_image():
    image = grating(FIELD, 20.0, 1.2)

    def response(at):
        bank = GaborBank(at[1:], at[:1], PIXEL, radius=12)
        return bank(image)[0, 25, 25]

    check_derivatives(response, jnp.asarray([1.1, 35.0]), [0.01, 0.5], rtol=0.02)
    for cells in (ComplexCells(), SimpleCells()):
        bank = GaborBank([0.0], [1.0], PIXEL, cells=cells)
        blank = jax.jit(jax.grad(lambda x, bank=bank: bank(x).sum()))(jnp.zeros((8, 8)))
        assert np.all(np.isfinite(blank))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spatial_frequency": [5.1]}, "alias"),
        ({"spatial_frequency": [5.1], "radius": 4}, "below 5, half"),
        ({"spatial_frequency": [-1.0]}, "above 0"),
        ({"bandwidth": 0.0}, "above 0"),
        ({"stride": 0}, "1 or more"),
        ({"radius": 0}, "1 or more"),
    ],
)
def test_parameters_out_of_range_are_refused(options, message):
    given = {"orientation": [0.0], "spatial_frequency": [1.0], "degrees_per_pixel": PIXEL}
    with pytest.raises(ValueError, match=message):
        GaborBank(**{**given, **options})
