"""Arousal: levels and selectivity against a float64 program, performance against plain sums."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims.arousal import READOUTS, TASKS, WAYS, blocks, decide, experiment, peaks, scores
from scipy.stats import norm

from cortex.models.patch_task import LinearReadout, PatchTask
from tests.reference import published, ssn

# Two places, few levels and trials, short; the circuit's couplings and the noise are those.
SETTINGS = dict(experiment.small) | {"contrast": 8.0, "trials": 32, "training": 64, "resamples": 40}
SETTINGS |= {"levels": [[0.25, -2.0], [1.0, 0.0], [8.0, 8.0]]}


@pytest.fixture(scope="module")
def task(settings):
    return PatchTask.of(settings.field, settings.patches, settings.noise)


def test_steady_rates_against_float64(settings, data, task):
    """Gain 8 on the drive of E and I, and an input of 8 to both; with the patch."""
    net = published.field(settings.field)
    drive = 2.0 + 8.0 * np.asarray(task.drives[0, 0], float).ravel()
    pooling = np.asarray(task.pooling, float)
    for way, given in (
        ("gain", ssn.Input(np.concatenate([8 * drive, 8 * drive]))),
        ("input", ssn.Input(np.concatenate([drive, drive]) + 8.0)),
    ):
        rates = ssn.steady_state(net, given, dt=0.5)
        at = data.sel(way=way, patch="with").isel(level=-1)
        for half, name in ((rates[:64], "E"), (rates[64:], "I")):
            seen = np.einsum("yx,fyx->f", pooling[0], half.reshape(4, 4, 4)).mean()
            # Rates are settled to 1e-4 of the largest, which is I's.
            found = at["steady"].sel(population=name)
            np.testing.assert_allclose(found, seen, rtol=2e-3, atol=5e-3)


def test_trials_are_balanced(settings):
    present, place, target = blocks(settings, 32)
    rows, counts = np.unique(np.stack([present, place, target]), axis=1, return_counts=True)
    assert rows.shape[1] == 8
    assert set(counts) == {4}


def trials(settings, seen, learned_from):
    dims = ("repeat", "way", "level", "trial", "feature")
    present, _, target = blocks(settings, seen.shape[-2])
    shown = {"present": ("trial", present), "target": ("trial", target)}
    learning = {"learning": (("repeat", "learned", "feature"), learned_from)}
    return xr.Dataset({"seen": (dims, seen), **learning, **shown})


def test_readouts_learn_where_they_should(settings):
    rng = np.random.default_rng(0)
    learned_from = rng.uniform(1.0, 3.0, (2, 64, 8))
    seen = rng.uniform(1.0, 3.0, (2, 3, 2, 32, 8))
    present, _, target = blocks(settings, 64)
    learned_from[..., 0] += present
    learned_from[..., 1] += target
    found = decide(settings, trials(settings, seen, learned_from), rng).values
    assert found.shape == (2, 2, 3, 3, 2, 32)
    penalty = settings.trial.penalty
    detect = LinearReadout.fit(learned_from[1], present.astype(int), penalty)
    np.testing.assert_allclose(found[0, 1, 0], detect(seen[1]), rtol=1e-5)
    identify = LinearReadout.fit(learned_from[1][present], target[present], penalty)
    np.testing.assert_allclose(found[1, 1, 0], identify(seen[1]), rtol=1e-5)
    assert np.abs(found[:, :, 1] - found[:, :, 0]).max() > 0.01  # spikes are not rates


def test_the_refitted_readout_learns_its_level_from_the_other_repeats(settings):
    """With so many neurons that counts are rates to a part in 10,000."""
    many = settings.model_copy(update={"neurons": 10**9})
    rng = np.random.default_rng(1)
    seen = rng.uniform(1.0, 3.0, (3, 3, 2, 32, 8))
    present, _, target = blocks(settings, 32)
    seen[..., 0] += present
    seen[..., 1] += target
    learned_from = rng.uniform(1.0, 3.0, (3, 64, 8))
    found = decide(many, trials(settings, seen, learned_from), rng).values[:, :, 2]
    others = seen[[0, 2], 0, 1]
    for task, labels, wanted in ((0, present.astype(int), present | True), (1, target, present)):
        chosen = others[:, wanted].reshape(-1, 8)
        readout = LinearReadout.fit(chosen, np.tile(labels[wanted], 2), settings.trial.penalty)
        np.testing.assert_allclose(found[task, 1, 0, 1], readout(seen[1, 0, 1]), atol=0.02)


def test_a_level_that_runs_away_has_no_scores_and_is_no_peak(settings):
    """Rates beyond all bounds, and none at all, in one trial each."""
    rng = np.random.default_rng(3)
    learned_from = rng.uniform(1.0, 3.0, (2, 64, 8))
    seen = rng.uniform(1.0, 3.0, (2, 3, 3, 32, 8))
    seen[0, 0, 2, 5, 0], seen[1, 1, 2, 6] = 1e30, np.nan
    evidence = decide(settings, trials(settings, seen, learned_from), rng)
    found = peaks(settings, evidence, rng)
    score = found["score"].sel(readout="spikes")
    assert score.isel(level=2, way=[0, 1]).isnull().all()
    assert score.isel(level=[0, 1]).notnull().all()
    assert score.isel(way=2).notnull().all()
    assert (found["peak"].sel(readout="spikes").isel(way=[0, 1]) < 2).all()


def evidence_of(settings, values):
    """Evidence (task, repeat, readout, way, level, trial) with what was shown."""
    present, _, target = blocks(settings, values.shape[-1])
    dims = ("task", "repeat", "readout", "way", "level", "trial")
    shown = {"present": ("trial", present), "target": ("trial", target)}
    words = {"readout": list(READOUTS), "way": list(WAYS)} if values.shape[2] == 3 else {}
    return xr.DataArray(values, {"task": list(TASKS), **words, **shown}, dims)


def test_the_scores_against_plain_numbers(settings):
    """Performance, d' from the area, and identification of every repeat."""
    present, _, target = blocks(settings, 32)
    values = np.random.default_rng(2).normal(size=(2, 2, 1, 1, 1, 32)) + 0.5 * present
    found = scores(evidence_of(settings, values)).squeeze()
    for repeat in range(2):
        detect, identify = values[:, repeat, 0, 0, 0]
        hit, alarm = (detect[present] > 0).mean(), (detect[~present] > 0).mean()
        area = (detect[present][:, None] > detect[~present][None, :]).mean()
        area = np.clip(area, 0.5 / 16**2, 1 - 0.5 / 16**2)
        expected = {
            "performance": (hit + 1 - alarm) / 2,
            "sensitivity": np.sqrt(2) * norm.ppf(area),
            "identification": ((identify > 0) == (target == 1))[present].mean(),
        }
        for name, value in expected.items():
            here = found.isel(repeat=repeat).sel(measure=name)
            assert float(here) == pytest.approx(value, abs=1e-5), name


def test_an_inverted_u_is_found_and_a_rise_is_not(settings):
    """Evidence made by hand: best in the middle by gain, ever better by input."""
    present, _, _ = blocks(settings, 32)
    rng = np.random.default_rng(1)
    signal = np.array([(0.0, 3.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.5, 3.0)])
    values = rng.normal(size=(2, 2, 3, 3, 3, 32))
    values += signal[:, :, None] * np.where(present, 1.0, -1.0)
    found = xr.Dataset(peaks(settings, evidence_of(settings, values), rng)).sel(readout="rates")
    for name in ("performance", "sensitivity"):
        at = found.sel(measure=name)
        assert int(at["peak"].sel(way="gain")) == 1
        assert float(at["drop"].sel(way="gain", bound="low")) > 0.2
        assert float(at["drop"].sel(way="input", bound="value")) <= 0
        assert float(at["drop"].sel(way="gain on noise too", bound="low")) < 0.1
