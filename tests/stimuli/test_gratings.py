import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.stimuli import VisualField, blob, disc, grating, plaid
from tests.derivatives import check_derivatives

few = settings(deadline=None, max_examples=25)
FIELD = VisualField((64, 64), 0.1)


def dominant_wave(image):
    """Frequency vector (x to the right, y up), cycles/pixel, of the strongest wave."""
    size = 512
    power = np.abs(np.fft.fft2(image - image.mean(), (size, size)))
    row, column = np.unravel_index(np.argmax(power), power.shape)
    frequencies = np.fft.fftfreq(size)
    return frequencies[column], -frequencies[row]


def test_at_0_degrees_the_bars_are_horizontal_and_at_90_vertical():
    horizontal, vertical = grating(FIELD, 0.0, 1.0), grating(FIELD, 90.0, 1.0)
    np.testing.assert_allclose(horizontal, np.repeat(horizontal[:, :1], 64, 1), atol=1e-5)
    assert np.ptp(horizontal, axis=0).min() > 0.9
    np.testing.assert_allclose(vertical, np.repeat(vertical[:1], 64, 0), atol=1e-5)
    assert np.ptp(vertical, axis=1).min() > 0.9


@few
@given(orientation=st.floats(0, 180), cycles_per_degree=st.floats(1.0, 4.0))
def test_the_strongest_wave_has_the_orientation_and_frequency_asked_for(
    orientation, cycles_per_degree
):
    image = np.asarray(grating(FIELD, orientation, cycles_per_degree, aperture=blob(FIELD, 1.0)))
    fx, fy = dominant_wave(image)
    found = np.degrees(np.arctan2(fy, fx)) - 90.0
    error = (found - orientation + 90.0) % 180.0 - 90.0
    assert abs(error) < 2.0
    assert abs(np.hypot(fx, fy) - 0.1 * cycles_per_degree) < 0.003


@few
@given(
    contrast=st.floats(0, 100), mean=st.floats(0.05, 0.5), phase=st.sampled_from([0.0, 90.0, 180.0])
)
def test_michelson_contrast_and_mean(contrast, mean, phase):
    image = np.asarray(
        grating(
            VisualField((40, 40), 0.1), 90.0, 0.5, contrast=contrast, mean=mean, phase=phase, x=0.05
        )
    )
    michelson = (image.max() - image.min()) / (image.max() + image.min())
    np.testing.assert_allclose(100 * michelson, contrast, atol=1e-3)
    np.testing.assert_allclose(image.mean(), mean, rtol=1e-4)


def test_phase_moves_the_bright_bar_by_its_share_of_a_cycle():
    field = VisualField((41, 41), 0.1)
    for phase in (0.0, 90.0, 180.0, 270.0):
        profile = np.asarray(grating(field, 0.0, 0.25, phase=phase))[:, 20]
        _, y = field.coordinates()
        bright = y[np.argmax(profile), 0]
        offset = (bright + phase / 360.0 / 0.25 + 2.0) % 4.0 - 2.0
        assert abs(offset) < 0.051
    moved = grating(field, 30.0, 1.0, x=0.5, y=-0.3)
    np.testing.assert_allclose(moved[20 + 3, 20 + 5], 1.0, atol=1e-5)


def test_aperture_shows_the_mean_outside():
    image = grating(FIELD, 30.0, 2.0, mean=0.3, aperture=disc(FIELD, 2.0))
    outside = np.asarray(FIELD.distance()) > 1.3
    np.testing.assert_allclose(np.asarray(image)[outside], 0.3, atol=1e-4)
    assert np.asarray(image).max() > 0.55


def test_plaid_is_the_sum_of_its_gratings_about_the_mean():
    parts = [
        grating(FIELD, orientation, 2.0, contrast=contrast, phase=phase, mean=0.4)
        for orientation, contrast, phase in ((20.0, 60.0, 10.0), (110.0, 20.0, 50.0))
    ]
    both = plaid(
        FIELD, jnp.array([20.0, 110.0]), 2.0, jnp.array([60.0, 20.0]),
        phases=jnp.array([10.0, 50.0]), mean=0.4,
    )  # fmt: skip
    np.testing.assert_allclose(both, parts[0] + parts[1] - 0.4, atol=1e-5)
    alone = plaid(FIELD, jnp.array([20.0]), jnp.array([2.0]), 60.0, phases=10.0, mean=0.4)
    np.testing.assert_allclose(alone, parts[0], atol=1e-6)


def test_gradients_meet_finite_differences():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(64, 64)), dtype=float)

    def value(p):
        image = grating(
            FIELD, p[0], p[1], contrast=p[2], phase=p[3], x=p[4], y=p[5],
            aperture=disc(FIELD, p[6], edge=0.3),
        )  # fmt: skip
        return (weights * image).sum()

    point = jnp.array([30.0, 0.7, 50.0, 20.0, 0.1, -0.2, 3.0])
    steps = [1.0, 0.01, 5.0, 2.0, 0.02, 0.02, 0.05]
    check_derivatives(value, point, steps, rtol=0.02, rounding=0.01)
