"""Scan paths under tasks, on small crowds: what is looked at, and what the circuits answer."""

import numpy as np
import pytest


def test_red_is_looked_at_when_red_is_sought(data):
    """All four red bars, and no other, are what the first four fixations are on."""
    for crowd in data["crowd"].values:
        one = data.sel(crowd=crowd)
        red = one["bar_places"].values[one["asked"].sel(task="red").values]
        assert len(red) == 4
        places = data["places"].sel(image=crowd, task="red").values
        distance = np.linalg.norm(places[..., None, :] - red, axis=-1)
        assert distance.min(-1).max() < 0.5 / 4
        # Four fixations, each on another bar.
        assert all(len(set(path.argmin(-1))) == 4 for path in distance)
    # So the share of fixations on red bars is 1; of four tasks' bars a quarter has each colour.
    assert float(data["share"].sel(bound="value")) > 0.7


def test_what_is_asked(data):
    asked = data["asked"]
    assert not bool(asked.sel(task="free").any())
    np.testing.assert_array_equal(asked.sel(task="red"), data["bar_colour"] == 0)
    np.testing.assert_array_equal(asked.sel(task="vertical"), data["bar_orientation"] == 90)


def test_observers_differ_and_times_grow(data):
    places = data["places"].sel(task="free").values
    assert len(np.unique(places[0].reshape(4, -1), axis=0)) > 1
    assert bool((np.diff(data["times"].values, axis=-1) > 0).all())
    # The strongest place, were there no noise, would win after -tau log(1 - threshold) = 253 ms.
    assert 100 < float(data["times"].isel(fixation=0).mean()) < 400


def test_rates_and_fixations_at_what_is_sought_by_hand(data):
    """Plain loops over crowds and tasks: contrasts of rates, shares of fixations."""
    assert bool(data["settled"].all())
    changes, gains = [], []
    for crowd in data["crowd"].values:
        bars = data["bar_places"].sel(crowd=crowd).values
        for task in ("red", "vertical"):
            own = data["asked"].sel(crowd=crowd, task=task).values

            def contrast(state, crowd=crowd, own=own):
                rates = data["rates"].sel(crowd=crowd, state=state, population="E").values
                sought, others = rates[own].mean(), rates[~own].mean()
                return (sought - others) / (sought + others)

            def share(name, crowd=crowd, own=own, bars=bars):
                places = data["places"].sel(image=crowd, task=name).values.reshape(-1, 1, 2)
                return own[np.linalg.norm(places - bars, axis=-1).argmin(-1)].mean()

            changes.append(contrast(task) - contrast("none"))
            gains.append(share(task) - share("free"))
    change = float(data["contrast_change"].sel(population="E", bound="value"))
    assert change == pytest.approx(np.mean(changes), rel=1e-4)
    assert change > 0.05
    assert float(data["gained"].sel(bound="value")) == pytest.approx(np.mean(gains))
