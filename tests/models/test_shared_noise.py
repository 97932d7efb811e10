"""Input noise shared over places and maps: its correlations as stated."""

import numpy as np
import pytest

from cortex.models.shared_noise import SharedNoiseSection

SHAPE = (3, 5, 4)


@pytest.mark.parametrize("common", [0.0, 0.3, 1.0])
def test_the_correlation_is_gaussian_over_places_and_shared_among_maps(common):
    section = SharedNoiseSection(common=common, width=1.5, sd=2.0)
    noise = section.noise(SHAPE)
    found = np.asarray(noise.correlation()).reshape(*SHAPE, *SHAPE)
    place = np.stack(np.meshgrid(*map(np.arange, SHAPE[1:]), indexing="ij"), axis=-1)
    apart = ((place[:, :, None, None] - place[None, None]) ** 2).sum(axis=-1)
    expected = np.exp(-apart / (2 * 1.5**2))
    for a in range(3):
        for b in range(3):
            share = 1.0 if a == b else common
            # A hundredth of the variance over space is left out, more of it at the corners.
            np.testing.assert_allclose(found[a, :, :, b], share * expected, atol=0.04)
    np.testing.assert_allclose(np.diag(noise.covariance()), 4.0, rtol=1e-5)
