"""Attention at one layer of a small random network: ratios, angles, and which layers."""

import numpy as np
import pytest
from cortex.sims import fsgm_propagation as fsgm

from cortex.experiment import ConfigError, load_config
from cortex.stimuli import FirstAlone, GratingField, GratingTrials

NAME = "fsgm_propagation"
SETTINGS = {**fsgm.experiment.small, "least_activity": 0.0}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(13, (2, 6, 8, 10, 12)), (18, (2, 8, 11, 14, 17)), (8, (2, 4, 5, 6, 7)), (5, (1, 3, 4, 5))],
)
def test_layers_of_the_same_depth(layers, expected):
    assert fsgm.attended_layers(load_config(NAME), layers) == expected
    for place in (np.array([2, 6, 8, 10, 12]) - 1) / 12:  # one is as near as the network has one
        assert np.abs((np.array(expected) - 1) / (layers - 1) - place).min() <= 0.5 / (layers - 1)


def test_a_layer_that_is_not_there():
    asked = load_config(NAME, ["attention.layers=[3, 14]"])
    with pytest.raises(ConfigError, match=r"attention\.layers: found \[14\], allowed: 1 to 13"):
        fsgm.attended_layers(asked, 13)


@pytest.mark.slow
def test_at_the_layer_attended_the_ratio_is_the_gain(data):
    """1 + beta f, not below 0, whatever the images: nothing else acts there without a circuit."""
    for layer in data.attended.values:
        here = data.isel(variant=0, map=data.layer_of_map.values == layer)
        found = here.ratio.sel(source="tuning", attended=layer).values
        expected = np.maximum(1 + 0.5 * here.tuning.values, 0)
        known = np.isfinite(found)
        assert known.mean() > 0.8  # maps that are silent have no ratio
        np.testing.assert_allclose(found[known], expected[known], rtol=1e-4, atol=1e-5)


def test_the_first_grating_alone_leaves_the_second_place_empty():
    field = GratingField(size=32, cycles_per_pixel=0.1, background=100.0)
    pairs = GratingTrials(field, 4, 0, positive_only=True)
    both, alone = (np.asarray(one.images(2, 0, 4)) for one in (pairs, FirstAlone(pairs)))
    for n, (first, second) in enumerate(pairs.quadrants[2]):
        for quadrant in range(4):
            rows = slice(16 * (quadrant // 2), 16 * (quadrant // 2) + 16)
            columns = slice(16 * (quadrant % 2), 16 * (quadrant % 2) + 16)
            seen = alone[n, :, rows, columns]
            if quadrant == second:
                np.testing.assert_array_equal(seen, 100.0)
                assert np.ptp(both[n, :, rows, columns]) > 50
            else:  # the same image, by a program compiled apart
                np.testing.assert_allclose(seen, both[n, :, rows, columns], rtol=1e-5, atol=1e-3)
            if quadrant == first:
                assert np.ptp(seen) > 50
