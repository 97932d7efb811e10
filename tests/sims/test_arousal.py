"""Arousal: levels and selectivity against a float64 program, performance against plain sums."""

import numpy as np
import pytest
from cortex.figures import arousal as figures
from cortex.sims import arousal
from scipy.stats import norm

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain
from cortex.experiment.results import check_labels
from cortex.measures.arousal_rows import spread, summarise_arousal
from cortex.models.patch_task import LinearReadout, PatchTask
from cortex.models.selectivity import attended
from tests.reference import ssn

# Two places, few levels and trials, short; the circuit's couplings and the noise are those.
SMALL = [
    "field.side=24",
    "field.orientations=4",
    "stimulus.places=[[0.5, 0.25], [0.5, 0.75]]",
    "stimulus.contrast=8",
    "stimulus.trials=32",
    "stimulus.training=64",
    "stimulus.repeats=2",
    "arousal.gains=[0.25, 1, 8]",
    "arousal.inputs=[-2, 0, 8]",
    "selectivity.gains=[0.5, 1]",
    "selectivity.orientations=8",
    "trial.duration=120",
    "trial.step=2",
    "solver.step=2",
    "statistics.resamples=40",
]


@pytest.fixture(scope="module")
def config():
    return load_config("arousal", SMALL)


@pytest.fixture(scope="module")
def data(config):
    return arousal.run(config, Progress())


@pytest.fixture(scope="module")
def task(config):
    return PatchTask.of(config.field, config.stimulus, config.noise)


def test_steady_rates_against_float64(config, data, task):
    """Gain 8 on the drive of E and I, and an input of 8 to both; with the patch."""
    field = config.field
    apart = np.abs(np.subtract.outer(field.preferred, field.preferred))
    near = np.exp(-(np.minimum(apart, 180 - apart) ** 2) / (2 * field.feature_width**2))
    similar = near / near.sum(axis=1, keepdims=True)
    weights = {
        name: ssn.sheet_weights(
            field.shape,
            getattr(field, f"J_{name}"),
            field.sigma_E if name == "EE" else field.sigma_I,
            similar,
            False,
        )
        for name in ("EE", "EI", "IE", "II")
    }
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    drive = 2.0 + 8.0 * np.asarray(task.drives[0, 0], float).ravel()
    pooling = np.asarray(task.pooling, float)
    for way, given in (
        ("gain", ssn.Input(np.concatenate([8 * drive, 8 * drive]))),
        ("input", ssn.Input(np.concatenate([drive, drive]) + 8.0)),
    ):
        rates = ssn.steady_state(net, given, dt=0.5, tolerance=1e-5)
        at = data.sel(way=way, patch="with").isel(level=-1)
        for half, name in ((rates[:64], "E"), (rates[64:], "I")):
            seen = np.einsum("yx,fyx->f", pooling[0], half.reshape(4, 4, 4)).mean()
            # Rates are settled to 1e-4 of the largest, which is I's.
            np.testing.assert_allclose(at[f"steady_{name}"], seen, rtol=2e-3, atol=5e-3)


def test_levels_and_noise(config, task):
    given = arousal.levels(config, task)
    gains = given.drive_gain.E[:, :, 0, 0, 0]
    np.testing.assert_allclose(gains, [[0.25, 1, 8], [0.25, 1, 8], [1, 1, 1]], rtol=1e-6)
    for inputs in (given.input.E, given.input.I):
        np.testing.assert_allclose(inputs[:, :, 1, 2, 3], [[0] * 3, [0] * 3, [-2, 0, 8]])
    np.testing.assert_array_equal(
        arousal.noise_levels(config), [[1, 1, 1], [0.25, 1, 8], [1, 1, 1]]
    )


def test_trials_are_balanced(config):
    present, place, target = arousal.blocks(config.stimulus, 32)
    rows, counts = np.unique(np.stack([present, place, target]), axis=1, return_counts=True)
    assert rows.shape[1] == 8
    assert set(counts) == {4}


def test_uniform_gain_favours_nothing_and_attention_does(data):
    """By symmetry: two mirrored places, four orientations of which two and two are alike."""
    for name, source in (("by_place", "place"), ("by_preference", "orientation")):
        apart = spread(data, name)
        assert float(apart.sel(condition="arousal")) < 0.01
        assert float(apart.sel(condition=source)) > 0.1
        assert float(apart.sel(condition="none")) == 0


def test_all_sources_add_the_same_energy(config, task):
    """The stated root mean square of the change of gain, on E and I alike; none for none."""
    given = attended(config.selectivity, task)
    for gain in (given.drive_gain.E, given.drive_gain.I):
        size = np.sqrt(np.mean((np.asarray(gain) - 1.0) ** 2, axis=(1, 2, 3)))
        np.testing.assert_allclose(size, [0.25, 0.25, 0.25, 0.0], rtol=1e-4)
    place, orientation = np.asarray(given.drive_gain.E[1]), np.asarray(given.drive_gain.E[2])
    assert np.unravel_index(place.argmax(), place.shape)[1:] in {(1, 0), (1, 1), (2, 0), (2, 1)}
    assert orientation[:, 0, 0].argmax() == 2


def test_readouts_learn_where_they_should(config):
    rng = np.random.default_rng(0)
    learned_from = rng.uniform(1.0, 3.0, (2, 64, 8))
    seen = rng.uniform(1.0, 3.0, (2, 1, 2, 32, 8))
    present, _, target = arousal.blocks(config.stimulus, 64)
    learned_from[..., 0] += present
    learned_from[..., 1] += target
    found = arousal.decide(config, {"learned_from": learned_from, "seen": seen})
    assert found.shape == (2, 3, 2, 1, 2, 32)
    penalty = config.trial.penalty
    detect = LinearReadout.fit(learned_from[1], present.astype(int), penalty)
    np.testing.assert_allclose(found[0, 0, 1], detect(seen[1]), rtol=1e-5)
    identify = LinearReadout.fit(learned_from[1][present], target[present], penalty)
    np.testing.assert_allclose(found[1, 0, 1], identify(seen[1]), rtol=1e-5)
    assert np.abs(found[:, 1] - found[:, 0]).max() > 0.01  # spikes are not rates


def test_the_refitted_readout_learns_its_level_from_the_other_repeats(config):
    """With so many neurons that counts are rates to a part in 10,000."""
    many = config.model_copy(update={"spikes": arousal.SpikesSection(neurons=10**9)})
    rng = np.random.default_rng(1)
    seen = rng.uniform(1.0, 3.0, (3, 1, 2, 32, 8))
    present, _, target = arousal.blocks(config.stimulus, 32)
    seen[..., 0] += present
    seen[..., 1] += target
    learned_from = rng.uniform(1.0, 3.0, (3, 64, 8))
    found = arousal.decide(many, {"learned_from": learned_from, "seen": seen})[:, 2]
    others = seen[[0, 2], 0, 1]
    for task, labels, wanted in ((0, present.astype(int), present | True), (1, target, present)):
        chosen = others[:, wanted].reshape(-1, 8)
        readout = LinearReadout.fit(chosen, np.tile(labels[wanted], 2), config.trial.penalty)
        np.testing.assert_allclose(found[task, 1, 0, 1], readout(seen[1, 0, 1]), atol=0.02)


def test_the_summary_against_plain_numbers(data):
    """Performance, criterion, d' from the area, and identification of one condition."""
    place = {"readout": 0, "way": 0, "level": 1}
    found = {name: [] for name in ("performance", "criterion", "sensitivity", "identification")}
    present, target = data["present"].values, data["target"].values
    for repeat in range(2):
        detect, identify = (
            data["evidence"].isel(repeat=repeat, task=n, **place).values for n in (0, 1)
        )
        hit, alarm = (detect[present] > 0).mean(), (detect[~present] > 0).mean()
        z = norm.ppf(np.clip([hit, alarm], 0.01, 0.99))
        area = (detect[present][:, None] > detect[~present][None, :]).mean()
        area = np.clip(area, 0.5 / 16**2, 1 - 0.5 / 16**2)
        found["performance"].append((hit + 1 - alarm) / 2)
        found["criterion"].append(-z.mean())
        found["sensitivity"].append(np.sqrt(2) * norm.ppf(area))
        found["identification"].append(((identify > 0) == (target == 1))[present].mean())
    for name, values in found.items():
        assert float(data[name].isel(**place)) == pytest.approx(np.mean(values), abs=1e-5), name


def test_an_inverted_u_is_found_and_a_rise_is_not(data):
    """Evidence made by hand: best in the middle by gain, ever better by input."""
    made = data[["evidence", "present", "target"]].copy(deep=True)
    rng = np.random.default_rng(1)
    noise = rng.normal(size=made["evidence"].shape)
    signal = np.zeros((3, 3))
    signal[0], signal[1], signal[2] = (0.0, 3.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.5, 3.0)
    sign = np.where(made["present"].values, 1.0, -1.0)
    made["evidence"].values[:] = noise + signal[:, :, None] * sign
    found = summarise_arousal(made, 100, 0.95).isel(readout=0)
    for name in ("performance", "sensitivity"):
        assert int(found[f"peak_{name}"][0]) == 1
        assert float(found[f"drop_{name}_low"][0]) > 0.2
        assert float(found[f"drop_{name}"][2]) <= 0
        assert float(found[f"drop_{name}_low"][1]) < 0.1


def test_measures_and_figure(config, data):
    check_labels(data)
    assert bool(data["converged"].all())
    rows = {m.name: m for m in arousal.measure(config, data)}
    assert len(rows) == len(arousal.measure(config, data))
    row = rows["drop_performance_low[gain,rates]"]
    assert row.value == float(data["drop_performance_low"].sel(way="gain", readout="rates"))
    assert row.holds is bool(row.value > 0)
    assert rows["arousal_spread_over_attention_spread[place]"].holds
    assert len(figures.draw(config, data, list(rows.values())).axes) == 12


def test_the_file_spells_out_the_defaults():
    usual = load_config("arousal")
    assert plain(usual) == plain(arousal.Config(experiment="arousal", seed=0))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stimulus.trials=20", "trials: found 20, allowed: multiples of 32"),
        ("arousal.inputs=[1, 2, 3]", "inputs: found 3, allowed: 9"),
        ("arousal.gains=[1, 0.5, 2]", "allowed: rising"),
        ("arousal.gains=[0.5, 2, 3]", "with 1 among them"),
        ("selectivity.gains=[0.5, 2]", "with 1 among them"),
        ("selectivity.orientations=8", "orientations: found 8, allowed: multiples of 6"),
    ],
)
def test_what_is_refused(setting, words):
    with pytest.raises(UserError, match=words):
        load_config("arousal", [setting])
