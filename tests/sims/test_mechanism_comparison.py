"""The comparison of mechanisms: claims on made-up scores, and what a small run leaves out."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims import mechanism_comparison as sim

from cortex.analysis.signal_detection import area_under_curve
from cortex.experiment import load_settings
from cortex.studies.mechanisms import MECHANISMS
from tests.small_runs import changed_run

NAME = "mechanism_comparison"
SOURCES = ["arousal", "place", "tuning values", "shuffled values", "soft attention"]


@pytest.fixture(scope="module")
def settings():
    shape = {"per_category": 8, "learned.seeds": [0, 1], "layers": [2, 3], "resamples": 100}
    return load_settings(NAME, values=shape | {"mechanisms": SOURCES, "noise.images": 3})[1]


@pytest.fixture(scope="module")
def data(settings):
    """Scores drawn at random: attention to the place adds 1 to what tells a digit's presence."""
    rng = np.random.default_rng(0)
    present = np.arange(8) % 2 == 0
    plain = rng.normal(size=(2, 2, 10, 8)) + present
    axes = {"task": ["merged", "array"], "seed": [0, 1], "source": SOURCES, "attended": [2, 3]}
    score = np.full((2, 2, 5, 2, 10, 8), np.nan)
    correlation = np.full((2, 2, 5, 2, 3), np.nan)
    for t, task in enumerate(axes["task"]):
        for n, source in enumerate(SOURCES):
            for a, layer in enumerate(axes["attended"]):
                if MECHANISMS[source].acts(task, layer):
                    noise = 0.0 if source == "arousal" else 0.1 * rng.normal(size=(2, 10, 8))
                    score[t, :, n, a] = plain[t] + noise + (source == "place") * present
                    lower = source == "place"
                    correlation[t, :, n, a] = 0.3 - lower * (0.1 + 0.01 * rng.normal(size=(2, 3)))
    dims = tuple(axes)
    return xr.Dataset(
        {
            "score": ((*dims, "category", "image"), score),
            "score_unattended": (("task", "seed", "category", "image"), plain),
            "present": (("task", "seed", "image"), np.tile(present, (2, 2, 1))),
            "rates": (dims, np.full((2, 2, 5, 2), 6.0)),
            "rates_unattended": (("task", "seed"), np.full((2, 2), 5.0)),
            "correlation": ((*dims, "noisy_image"), correlation),
            "correlation_unattended": (("task", "seed", "noisy_image"), np.full((2, 2, 3), 0.3)),
            "settled": (("shown",), [True]),
        },
        axes,
    )


@pytest.fixture(scope="module")
def found(settings, data):
    return data.assign(sim.analyse(settings, data, np.random.default_rng(0)))


def test_images_of_all_seeds_count(data, found):
    """The area against the plain formula on the images of both seeds side by side."""
    after = data.score.sel(task="array", source="tuning values", attended=3)
    before = data.score_unattended.sel(task="array")
    present = np.tile(np.arange(8) % 2 == 0, 2)
    areas = [
        np.mean([area_under_curve(one[:, c].ravel(), present) for c in range(10)])
        for one in (after.values, before.values)
    ]
    change = found.change.sel(
        task="array", source="tuning values", attended=3, measure="auc", bound="value"
    )
    assert float(change) == pytest.approx(areas[0] - areas[1], abs=1e-6)


def test_what_cannot_be_makes_no_row(settings, found):
    rows = {row.name: row for row in sim.experiment.rows(settings, found)}
    assert "learned_gain[array, soft attention]" in rows
    assert "learned_gain[merged, soft attention]" not in rows  # trained on arrays
    assert "noise_correlation_change[merged, place]" not in rows  # no place is cued there
    assert rows["place_gain[array, place]"].holds
    assert rows["arousal_beyond_zero[array, arousal]"].value == 0
    assert rows["noise_correlation_change[array, place]"].holds
    assert not rows["noise_correlation_change[array, tuning values]"].holds


@pytest.mark.slow
def test_a_small_run():
    more = {"mechanisms": ["arousal", "place", "soft attention"], "layers": [2, 3]}
    _, data = changed_run(NAME, **more)
    assert bool(data["settled"].all())
    here = data.sel(task="array", seed=0)
    # More drive to E and I of the attended layer and, through it, of the next.
    arousal = here.rate_change.sel(source="arousal", attended=2)
    assert (arousal.sel(layer=[2, 3], population="E") > 0.05).all()
    noisy = here.correlation.sel(attended=3)
    assert (np.abs(noisy) <= 1).all()
    assert np.abs(noisy.sel(source="place") - here.correlation_unattended).max() > 0
    missing = data.score.isnull().all(("category", "image"))
    assert int(missing.sum()) == 2 + 2  # no place to cue in merged; learned at layer 3 only
