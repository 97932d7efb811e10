"""Detection in noise: measures and claims on made-up trials, and a small run."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims import noisy_detection as sim

from cortex.analysis.signal_detection import area_under_curve
from cortex.experiment import load_settings
from tests.small_runs import small_run

SIZES = {"network": 2, "task": 2, "category": 10, "image": 20, "trial": 6, "contrast": 2}
SOURCES = ["tuning", "uniform", "place"]
SHAPE = {"networks": [0, 1], "per_category": 20, "trials": 6, "resamples": 60}
SHAPE |= {"compared": {"sources": SOURCES, "everywhere": SOURCES}}
PRESENT = np.arange(20) % 2 == 0


@pytest.fixture(scope="module")
def settings():
    return load_settings(sim.experiment, values=SHAPE)[1]


@pytest.fixture(scope="module")
def data(settings):
    """Place doubles the distance of logits; tuning halves the noise; uniform does nothing.

    E units share half of their variance without attention, and none with attention to a place.
    """
    rng = np.random.default_rng(0)
    names = list(settings.compared.conditions)
    full = SIZES | {"condition": len(names)}
    distance = np.array([2.0 if "place" in name else 1.0 for name in names])
    noise = np.array([0.5 if "tuning" in name else 1.0 for name in names])
    present = PRESENT.reshape(20, 1, 1, 1)

    def once_for_all(*last):
        return rng.normal(size=(*SIZES.values(), 1, *last))

    image = rng.normal(size=(2, 2, 10, 20, 1, 1, 1))
    score = (distance * present + image + noise * once_for_all())[..., None]
    shuffled = (distance * present + image + noise * once_for_all())[..., None].repeat(4, axis=-1)
    shared = np.array([0.0 if "place" in name else 1.0 for name in names])[:, None]
    units = 50 + shared * once_for_all(1) + np.sqrt(2 - shared) * once_for_all(24)
    rate = np.where(np.array(names) == "none", 1.0, 1.2) + np.zeros(tuple(full.values()))
    logits = once_for_all(10).repeat(len(names), axis=-2)
    dims = tuple(full)
    found = xr.Dataset(
        {
            "score": ((*dims, "read"), np.repeat(score, 4, axis=-1)),
            "shuffled": ((*dims, "shuffle"), shuffled),
            "logits": ((*dims, "answer"), logits),
            "units": ((*dims, "unit"), units),
            "rate": (dims, rate),
            "strength": (
                ("network", "task", "contrast", "condition"),
                np.ones((2, 2, 2, len(names))),
            ),
            "sd": ((), 10.0),
            "present": (("image",), PRESENT),
        },
        {
            "task": ["merged", "array"],
            "condition": names,
            "contrast": [1.0, 4.0],
            "read": [20.0, 40.0, 80.0, 200.0],
        },
    )
    placed = found.condition.str.startswith("place") & (found.task == "merged")
    kept = [name for name in found if "condition" in found[name].dims]
    return found.assign({name: found[name].where(~placed) for name in kept})


@pytest.fixture(scope="module")
def found(settings, data):
    return data.assign(sim.analyse(settings, data, np.random.default_rng(0)))


def test_the_area_is_that_of_single_trials_of_all_networks(data, found):
    scores = data.score.sel(task="array", condition="tuning, gain", contrast=4.0, read=80.0)
    there = np.repeat(PRESENT, 6)
    areas = [
        area_under_curve(one.transpose("image", "trial").values.ravel(), there)
        for one in scores.stack(both=("network", "category")).transpose("both", ...)
    ]
    area = found.auc.sel(
        task="array", condition="tuning, gain", contrast=4.0, read=80.0, bound="value"
    )
    assert float(area) == pytest.approx(np.mean(areas), abs=1e-9)


def test_parts_of_the_gain_are_what_was_made(found):
    """More distance is a matter of means; less noise, correlated or not, of variances."""
    parts = found.part_of_gain.sel(task="array", contrast=1.0)
    place, tuning = (parts.sel(condition=f"{name}, gain") for name in ("place", "tuning"))
    assert (place.sel(part="rates", bound="low") > 0.05).all()
    assert (np.abs(place.sel(part=["variances", "correlations"], bound="value")) < 0.01).all()
    assert (tuning.sel(part="variances", bound="low") > 0.01).all()
    assert (np.abs(tuning.sel(part="correlations", bound="value")) < 0.01).all()
    whole = found.gain.isel(read=-1).sel(task="array", contrast=1.0, bound="value")
    summed = parts.sum("part", skipna=False).sel(bound="value")
    np.testing.assert_allclose(summed, whole, atol=0.02)


def test_what_claims_make_of_it(settings, found):
    rows = {row.name: row for row in sim.experiment.rows(settings, found)}
    assert rows["noise_share[array, none]"].value == pytest.approx(0.45, abs=0.06)
    assert rows["attention_gain[array, place, gain]"].holds
    assert "attention_gain[merged, place, gain]" not in rows  # no place is cued there
    assert rows["over_uniform[merged, tuning, input to E]"].holds
    assert rows["correlation[array, place, gain, contrast=1]"].holds
    assert not rows["by_correlations[array, place, gain]"].holds
    assert not rows["input_at_high_contrast[array, place, input to E]"].holds
    assert rows["rate_mismatch[array, contrast=1]"].value == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_a_small_run():
    """Rates are matched on other images; noise differs from trial to trial, not by condition."""
    _, data = small_run("noisy_detection")
    assert float(data.sd) > 0
    match = data.rate_match.sel(bound="value")
    np.testing.assert_allclose(match.drop_sel(condition="none"), 1.0, atol=0.15)
    score = data.score.isel(read=-1)
    assert float(score.std("trial").mean()) > 0.05
    none, place = (score.sel(condition=name) for name in ("none", "place, gain"))
    both = xr.corr(none - none.mean("trial"), place - place.mean("trial"))
    assert float(both) > 0.5
