"""The orientation map: range, wavelength and seed."""

import jax
import numpy as np
import pytest

from cortex.circuit import orientation_map


def draw(seed, shape, wavelength, **others):
    return np.asarray(orientation_map(jax.random.key(seed), shape, wavelength, **others))


@pytest.fixture(scope="module")
def sheet():
    return draw(0, (96, 80), 10.0)


def test_every_orientation_occurs(sheet):
    assert sheet.shape == (96, 80)
    assert sheet.min() >= 0
    assert sheet.max() < 180
    share = np.histogram(sheet, bins=6, range=(0, 180))[0] / sheet.size
    # A sixth each; the map holds some 75 independent patches, which leaves 4 % of spread.
    assert np.all((share > 0.05) & (share < 0.3))


@pytest.mark.parametrize("wavelength", [8.0, 16.0])
def test_dominant_wavelength(wavelength):
    theta = draw(1, (96, 80), wavelength)
    field = np.exp(2j * np.radians(theta))  # angles doubled: no step from 180 to 0
    power = np.abs(np.fft.fft2(field)) ** 2
    fy, fx = np.fft.fftfreq(96)[:, None], np.fft.fftfreq(80)[None, :]
    frequency = np.hypot(fy, fx)
    ring = np.abs(frequency - 1 / wavelength) < 1 / 80  # within the resolution of the sheet
    assert power[ring].sum() / power.sum() > 0.5
    low, high = frequency < 0.6 / wavelength, frequency > 1.6 / wavelength
    assert power[low].sum() / power.sum() < 0.1
    assert power[high].sum() / power.sum() < 0.3
    # Waves run in every direction: neither axis has it all.
    across, along = (power * fx**2)[ring].sum(), (power * fy**2)[ring].sum()
    assert 0.4 < across / along < 2.5


def test_neighbours_prefer_alike(sheet):
    turn = np.abs(sheet[:, 1:] - sheet[:, :-1])
    turn = np.minimum(turn, 180 - turn)
    # A turn of 180 degrees a wavelength of 10 px would be 18; pinwheels have more.
    assert np.median(turn) < 20


def test_the_key_is_the_map(sheet):
    np.testing.assert_array_equal(draw(0, (96, 80), 10.0), sheet)
    assert np.abs(draw(3, (96, 80), 10.0) - sheet).mean() > 30


def test_one_wave_is_a_grating():
    """A single wave along x: the same in every row, 180 degrees of turn a wavelength."""
    theta = draw(0, (5, 24), 12.0, waves=1)
    np.testing.assert_allclose(theta, np.tile(theta[:1], (5, 1)), atol=1e-3)
    turn = np.abs(np.diff(np.unwrap(np.radians(2 * theta[0])))) / 2
    np.testing.assert_allclose(np.degrees(turn), 15.0, atol=1e-3)
