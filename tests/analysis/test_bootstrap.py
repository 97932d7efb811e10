"""Intervals by the bootstrap against closed forms, and a choice that is made on other data."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis import bootstrap, chosen_on_half


def rng():
    return np.random.default_rng(3)


def mean(d):
    return d.mean("image")


def images(values, **coords):
    along = {name: ("image", list(kinds)) for name, kinds in coords.items()}
    return xr.DataArray(values, dims=("image",), coords=along)


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    found = bootstrap(mean, images(values), "image", n=4000, rng=rng())
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert float(found.sel(bound="value")) == pytest.approx(values.mean())
    # 4,000 resamples know the ends of the interval to some 3 % of its width.
    assert float(found.sel(bound="low")) == pytest.approx(values.mean() - half, abs=0.08 * half)
    assert float(found.sel(bound="high")) == pytest.approx(values.mean() + half, abs=0.08 * half)


def test_each_kind_is_resampled_by_itself():
    """Within kinds that do not vary nothing does; without them the mean varies."""
    data = images([1.0] * 5 + [0.0] * 15, present=[True] * 5 + [False] * 15)
    within = bootstrap(mean, data, "image", within=("present",), n=200, rng=rng())
    np.testing.assert_allclose(within, 0.25)
    whole = bootstrap(mean, data, "image", n=200, rng=rng())
    assert float(whole.sel(bound="high")) > float(whole.sel(bound="low"))


def test_differences_of_conditions_share_their_images():
    noise = np.random.default_rng(1).normal(0, 10, 50)
    data = xr.DataArray([noise, noise + 1], dims=("kind", "image"))
    found = bootstrap(lambda d: d.mean("image").diff("kind"), data, "image", n=300, rng=rng())
    np.testing.assert_allclose(found, 1.0)


def test_dimensions_within_have_draws_of_their_own():
    """Two alike repeats: the mean over both varies less if their draws differ."""
    values = np.random.default_rng(2).normal(0, 1, 100)
    data = xr.DataArray([values, values], dims=("repeat", "trial"))

    def spread(within):
        mean = bootstrap(
            lambda d: d.mean(("trial", "repeat")), data, "trial", within=within, n=4000, rng=rng()
        )
        return float(mean.sel(bound="high") - mean.sel(bound="low"))

    assert spread(("repeat",)) / spread(()) == pytest.approx(1 / np.sqrt(2), rel=0.06)


def test_blocks_of_resamples_give_one_interval(monkeypatch):
    from cortex.analysis import bootstrap as function

    module = __import__(function.__module__, fromlist=["_MOST_NUMBERS"])
    data = images(np.random.default_rng(4).normal(size=30))
    whole = bootstrap(mean, data, "image", n=500, rng=rng())
    monkeypatch.setattr(module, "_MOST_NUMBERS", 30 * 7)
    cut = bootstrap(mean, data, "image", n=500, rng=rng())
    np.testing.assert_allclose(cut, whole)


def test_names_that_are_not_there_are_refused():
    data = images(np.zeros(3))
    with pytest.raises(ValueError, match="over: found 'trial', allowed: image"):
        bootstrap(lambda d: d, data, "trial", rng=rng())
    with pytest.raises(ValueError, match="within: found 'kind'"):
        bootstrap(lambda d: d, data, "image", within=("kind",), rng=rng())


def test_the_better_setting_is_chosen_on_one_half_and_reported_on_the_other():
    """Settings that are all alike: chosen and reported on the same images the best looks good."""
    draws = np.random.default_rng(5).normal(size=(20, 40))
    data = xr.DataArray(draws, dims=("strength", "image"), coords={"strength": np.arange(20.0)})
    same = float(data.mean("image").max())
    gains = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        _, other = chosen_on_half(mean, data, "image", "strength", rng=generator)
        assert other.sizes["image"] == 20
        gains.append(float(other.mean("image")))
    assert same > 0.25
    assert abs(np.mean(gains)) < 0.15


def test_a_setting_that_is_better_is_chosen():
    data = xr.DataArray(
        np.add.outer([0.0, 5.0, 1.0], np.random.default_rng(6).normal(size=20)),
        dims=("strength", "image"),
        coords={"strength": [0.1, 0.2, 0.4]},
    )
    best, other = chosen_on_half(mean, data, "image", "strength", rng=rng())
    assert float(best) == 0.2
    assert other.dims == ("image",)


def test_missing_numbers_are_left_out_and_nothing_but_those_is_missing():
    rng = np.random.default_rng(5)
    values = xr.DataArray(rng.normal(1, 2, (2, 402)), dims=("layer", "map"))
    values[0, 400], values[1] = np.nan, np.nan
    found = bootstrap(lambda d: d.median("map"), values, "map", n=400, level=0.9, rng=rng)
    assert found.isel(layer=1).isnull().all()
    low, middle, high = (float(found.isel(layer=0).sel(bound=b)) for b in ("low", "value", "high"))
    assert middle == np.nanmedian(values[0])
    # Standard error of a median of normal numbers: sqrt(pi/2) sd/sqrt(n) = .125; 1.645 of them on
    # each side; a quarter allowed for the sampling of the data and of the resamples.
    assert high - low == pytest.approx(2 * 1.645 * 0.1253, rel=0.25)


def test_what_images_are_nested_in_is_drawn_again_too():
    """Groups of means m_k: variance of the grand mean is that of the m_k plus that within."""
    between = np.random.default_rng(1).normal(0.0, 2.0, 40)
    values = between[:, None] + np.random.default_rng(2).normal(0.0, 1.0, (40, 25))
    data = xr.DataArray(values, dims=("network", "image"))
    found = bootstrap(mean, data, "image", nested_in="network", n=4000, rng=rng())
    assert found.dims == ("bound",)
    value, low, high = (float(found.sel(bound=b)) for b in ("value", "low", "high"))
    assert value == pytest.approx(values.mean())
    means = values.mean(axis=1)
    within = values.var(axis=1).mean() / 25
    half = 1.96 * np.sqrt((means.var() + within) / 40)
    assert high - value == pytest.approx(half, rel=0.08)
    assert value - low == pytest.approx(half, rel=0.08)
