"""Tuning and gradient values: correlations and quality against loops, and what is shown."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims import tuning_and_gradients as agreement

from cortex.experiment import ConfigError, load_settings

NAME = "tuning_and_gradients"
MAPS = (12, 20, 30)
NOISE = (3.0, 1.0, 0.3)  # of gradient values: less and less in higher layers
RNG = np.random.default_rng(7)


def settings(*chosen):
    return load_settings(NAME, [*chosen])[1]


@pytest.fixture(scope="module")
def data():
    """Values made up, and what is made of them."""
    tuning = RNG.normal(size=(1, 4, sum(MAPS)))
    spread = np.repeat(NOISE, MAPS)
    gradient = tuning[:, None] + spread * RNG.normal(size=(1, 2, 4, sum(MAPS)))
    made = xr.Dataset(
        {
            "tuning": (("variant", "category", "map"), tuning),
            "gradient": (("variant", "set", "category", "map"), gradient),
            "quality_shuffled": (("variant", "shuffle", "map"), np.full((1, 2, sum(MAPS)), 0.3)),
            "layer_of_map": ("map", np.repeat([1, 2, 3], MAPS)),
        },
        {"variant": ["plain"], "set": ["balanced", "category"]},
    )
    found = agreement.analyse(settings("statistics.resamples=40"), made, np.random.default_rng(0))
    return made.merge(xr.Dataset(found))


def test_correlations_and_quality_are_those_of_a_loop(data):
    for layer, count in zip((1, 2, 3), MAPS, strict=True):
        here = data.isel(variant=0, map=data["layer_of_map"].values == layer).sel(layer=layer)
        tuning = here["tuning"].values
        quality = [max(abs(v) for v in tuning[:, m]) for m in range(count)]
        assert float(here["quality"].sel(bound="value")) == pytest.approx(np.mean(quality))
        for over in ("balanced", "category"):
            raw = here["gradient"].sel(set=over).values
            # Dividing by the largest of the layer, or of the map, leaves each as it is.
            by_layer, by_map = (raw / np.abs(raw).max(axis, keepdims=True) for axis in (1, 0))
            rows = [np.corrcoef(tuning[c], by_layer[c])[0, 1] for c in range(4)]
            columns = [np.corrcoef(tuning[:, m], by_map[:, m])[0, 1] for m in range(count)]
            found = here["correlation"].sel(set=over, bound="value")
            expected = [np.mean(rows), np.mean(columns)]
            np.testing.assert_allclose(found.values, expected, atol=1e-12)
    for name in ("quality", "correlation"):
        assert (data[name].sel(bound="low") < data[name].sel(bound="high")).all()


def test_a_rise_is_the_last_third_less_the_first(data):
    value, found = (data[name].sel(bound="value") for name in ("correlation", "correlation_rise"))
    xr.testing.assert_allclose(found, value.sel(layer=3, drop=True) - value.sel(layer=1, drop=True))
    assert (data["correlation_rise"].sel(bound="low") > 0).all()


@pytest.mark.slow
def test_the_trained_network_is_tuned_and_late_gradients_agree():
    small = ["digits.learning=10", "digits.gradients=5", "shuffles=5", "statistics.resamples=20"]
    s = settings(*small, 'network.variants=["plain"]')
    data = agreement.experiment.run(s)
    # As many images of each category: their means lie around the mean of all.
    np.testing.assert_allclose(data["tuning"].sum("category"), 0.0, atol=1e-4)
    assert float(data["detector_auc"].mean()) > 0.95
    rows = {row.name: row for row in agreement.experiment.rows(s, data)}
    assert rows["quality_beyond_shuffled_least[plain]"].value > 0.4
    assert rows["quality_shuffled[plain]"].holds
    assert rows["correlation_rise[plain, category, over categories]"].holds


def test_images_for_gradients_were_not_learned_from():
    *parts, names = agreement.shown_digits(settings("digits.learning=10", "digits.gradients=5"))
    assert names == tuple(str(c) for c in range(10))
    images = []
    for part, each in ((parts[0], 10), (parts[2], 5)):
        assert list(np.bincount(part.labels, minlength=10)) == [each] * 10
        images.append(np.asarray(part.images(np.arange(10 * each))).reshape(10 * each, -1))
    assert len(np.unique(np.concatenate(images), axis=0)) == 150


def test_too_few_digits_are_one_clear_line():
    with pytest.raises(ConfigError, match=r"^digits\.gradients: found 5000, allowed: at most \d+$"):
        agreement.shown_digits(settings("digits.gradients=5000"))
