"""Cueing: circuits in time and steady states against a float64 program, decisions by hand."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims.cueing import decide

from cortex.analysis.psychometric import WEIBULL, fit_psychometric
from cortex.circuit import EI
from cortex.models.patch_task import LinearReadout, PatchTask, PlaceAttention
from cortex.tasks.accumulation import first_passage
from tests.reference import published, ssn

# Two places, few trials, short; the circuit's couplings, the noise and attention are those.


@pytest.fixture(scope="module")
def task(settings):
    return PatchTask.of(settings.field, settings.patches, settings.noise)


def test_the_end_of_the_course_is_the_steady_state_in_float64(settings, data, task):
    """Attended; gain 1 + window on the drive of E and I."""
    drive = 2.0 + 6.0 * np.asarray(task.drives[0, 0], float)
    rows, columns = np.meshgrid((np.arange(4) + 0.5) / 4, (np.arange(4) + 0.5) / 4, indexing="ij")
    net, pooling = published.field(settings.field), np.asarray(task.pooling, float)
    for cue, place in (("valid", 0.25), ("invalid", 0.75)):
        away = (rows - 0.5) ** 2 + (columns - place) ** 2
        gain = 1 + np.exp(-away / (2 * 0.2**2))
        both = np.concatenate([(drive * gain[None]).ravel()] * 2)
        rates = ssn.steady_state(net, ssn.Input(both), dt=1.0)
        for half, name in ((rates[:64], "E"), (rates[64:], "I")):
            seen = np.einsum("pyx,fyx->pf", pooling, half.reshape(4, 4, 4)).mean(axis=1)
            # The slowest mode has settled to 1e-3 of itself after 400 ms.
            found = data["course"].sel(attention=cue, population=name).isel(time=-1)
            np.testing.assert_allclose(found, seen, rtol=3e-3)
    # Before attention all conditions are the same steady state.
    early = data["course"].sel(population="E", time=slice(None, -61)).values
    np.testing.assert_allclose(early, np.broadcast_to(early[:1, :1], early.shape), rtol=2e-3)


def test_attention_is_one_amount_for_all_cues(settings, task):
    given = settings.attention.modulations(task, settings.patches.places)
    total = np.asarray(given.drive_gain.E - 1.0).sum(axis=(1, 2, 3))
    assert total[2] == pytest.approx(total[:2].mean(), rel=1e-5)
    assert total[3] == 0
    np.testing.assert_array_equal(given.drive_gain.E, given.drive_gain.I)


def test_drive_is_linear_in_contrast_and_at_its_place(settings, task):
    """A patch of orientation 45 drives 45 most, the other one 135; places differ by a shift."""
    drives = np.asarray(task.drives)
    assert drives.max() < 1.0
    strongest = drives.max(axis=(3, 4)).argmax(axis=2)
    np.testing.assert_array_equal(settings.field.preferred[strongest], [[45, 135], [45, 135]])
    for place, side in ((0, slice(0, 2)), (1, slice(2, 4))):
        assert drives[place, :, :, :, side].sum() > 0.8 * drives[place].sum()
    # Half a field further on is two circuits; filters reach over the border, hence the tolerance.
    np.testing.assert_allclose(
        drives[0, ..., :2], drives[1, ..., 2:], atol=0.05 * float(drives.max())
    )


def test_noise_has_the_stated_correlations(settings):
    """Truncated at 1 % of each axis' variance: correlations to within .03."""
    noise = settings.noise.on(settings.field)
    found = np.asarray(noise.correlation()).reshape(settings.field.shape * 2)
    assert found[0, 1, 1, 0, 1, 1] == pytest.approx(1.0, abs=1e-5)
    assert found[0, 1, 1, 0, 1, 3] == pytest.approx(np.exp(-4 / (2 * 1.5**2)), abs=0.03)
    assert found[0, 1, 1, 3, 1, 1] == pytest.approx(np.exp(-(45**2) / (2 * 30.0**2)), abs=0.03)
    assert found[0, 1, 1, 1, 2, 1] == pytest.approx(
        np.exp(-1 / (2 * 1.5**2)) * np.exp(-(45**2) / (2 * 30.0**2)), abs=0.04
    )


def test_decisions_by_hand(settings):
    """The readout is fitted on unattended trials alone and applied to the others as it is."""
    rng = np.random.default_rng(0)
    seen = rng.normal(5.0, 1.0, (2, 4, 3, 24, 12, 8))
    target = np.arange(24) // 2 % 2
    seen[..., 0] += 0.8 * (2 * target - 1)[None, None, None, :, None]
    dims = ("repeat", "block", "contrast", "trial", "sample", "feature")
    along = {"block": ["learning", "valid", "neutral", "invalid"], "contrast": [1.0, 4.0, 16.0]}
    found = decide(settings, xr.DataArray(seen, along, dims))
    window = slice(6, None)  # 70 to 120 ms
    means = seen[1, 0][:, :, window].mean(axis=2).reshape(72, 8)
    readout = LinearReadout.fit(means, np.tile(target, 3), settings.trial.penalty)
    course = seen[1, 3] @ readout.weight + readout.bias  # the last cue
    evidence = course[..., window].mean(axis=-1) * (2 * target - 1)
    last = found.sel(cue="invalid").isel(repeat=1)
    np.testing.assert_array_equal(last["correct"], evidence > 0)
    passage = first_passage(course, 10.0, settings.bound)
    np.testing.assert_allclose(last["reaction"], passage.time, rtol=1e-6)
    assert found["correct"].mean() > 0.7


def test_the_summary_against_plain_numbers(data):
    for cue in ("valid", "neutral", "invalid"):
        own, at = data["correct"].sel(cue=cue), data.sel(cue=cue, bound="value")
        right = own.sum(("repeat", "trial")).values
        fit = fit_psychometric(data["contrast"].values, right, np.full(3, 48), shape=WEIBULL)
        assert float(at["threshold"]) == pytest.approx(fit.threshold, rel=1e-6)
        assert float(at["accuracy"]) == pytest.approx(float(own.mean()), abs=1e-9)
    mean = data["reaction"].mean(("repeat", "contrast", "trial"))
    difference = float(mean.sel(cue="valid") - mean.sel(cue="neutral"))
    value, low, high = data["mean_reaction_difference"].sel(pair="valid to neutral").values
    assert value == pytest.approx(difference, abs=1e-6)
    assert low < difference < high


def test_onsets_and_sizes_against_the_course(data):
    course = data["course"].sel(site="target", population="E")
    effect = (course.sel(attention="valid") - course.sel(attention="invalid")).values
    time = data["time"].values
    at_onset = int(np.flatnonzero(np.isclose(time, 0))[0])
    assert float(data["effect"].sel(population="E", epoch="delay")) == effect[at_onset]
    assert float(data["effect"].sel(population="E", epoch="target")) == effect[-1]
    growth = effect[at_onset:] - effect[at_onset]
    first = int(np.argmax(growth >= 0.25 * growth[-1]))
    onset = float(data["onset"].sel(population="E", epoch="target"))
    assert time[at_onset + first - 1] <= onset <= time[at_onset + first]


def test_input_to_E_is_the_other_form(task):
    asked = PlaceAttention(form="input to E", input=2.0, width=0.2)
    given = asked.modulations(task, ((0.5, 0.25), (0.5, 0.75)))
    assert isinstance(given.input, EI)
    # The middles of the nearest circuits are an eighth of the side away, both ways.
    peak = 2.0 * np.exp(-2 * 0.125**2 / (2 * 0.2**2))
    assert float(given.input.E[0].max()) == pytest.approx(peak, rel=1e-5)
    assert not np.any(given.input.I)
    assert not np.any(given.drive_gain.E - 1.0)
