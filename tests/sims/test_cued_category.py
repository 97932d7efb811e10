"""Cued digits in noise: which cue goes where, evidence, and the summary against plain sums."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from cortex.figures import cued_category as figures
from cortex.sims import cued_category as cued
from scipy.stats import norm

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain
from cortex.experiment.results import check_labels
from cortex.measures.cued_category_rows import summarise_categories
from cortex.stimuli.noisy_trials import KINDS

# The plain network alone; that with circuits differs in what `look` does, which has its own tests.
SMALL = [
    "images.noise=[0.3, 0.8]",
    "images.ordinary=100",
    "images.noisy=90",
    "images.per_category=8",
    'network.variants=["plain"]',
    "network.seeds=[0, 1]",
    "attention.layers=[3]",
    "statistics.resamples=30",
]


@pytest.fixture(scope="module")
def config():
    return load_config("cued_category", SMALL)


@pytest.fixture(scope="module")
def data(config):
    return cued.run(config, Progress())


def test_a_cue_is_the_values_of_the_digit_it_names(config):
    values = tuple(jnp.arange(10.0 * n).reshape(10, n) for n in (8, 16, 32))
    valid, invalid = cued.cues(config, values, 3)
    for cue, ahead in ((valid, 0), (invalid, 3)):
        assert cue.layers == (3,)
        (part,) = cue.sources
        assert (part.scale, part.source.strength) == (1.0, 0.5)
        for digit in range(10):
            named = values[2][(digit + ahead) % 10]
            np.testing.assert_array_equal(part.source.values[digit], named)


def test_evidence_is_of_the_detector_asked():
    logits = np.random.default_rng(0).normal(size=(10, 5, 21))
    found = cued.evidence(logits)
    assert found.shape == (2, 2, 10, 5)
    for digit in range(10):
        np.testing.assert_array_equal(found[0, 0, digit], logits[digit, :, digit])
        np.testing.assert_array_equal(found[1, 0, digit], logits[digit, :, 10 + digit])
        np.testing.assert_array_equal(found[0, 1, digit], logits[digit, :, :10].max(axis=1))
        np.testing.assert_array_equal(found[1, 1, digit], -logits[digit, :, 20])


def test_detectors_see_digits_in_noise(data):
    """Held-out digits in little noise are told from noise alone, and from others."""
    at = data.isel(variant=0, layer=0)["sensitivity_free"].sel(state="uncued")
    easy, hard = at.isel(noise=0), at.isel(noise=1)
    assert float(easy.sel(readout="noisy", task="any digit or noise")) > 1.5
    for readout in ("ordinary", "noisy"):
        for task in ("this digit or noise", "this digit or another"):
            assert float(easy.sel(readout=readout, task=task)) > 0.7
        task = "this digit or another"
        assert float(hard.sel(readout=readout, task=task)) < float(
            easy.sel(readout=readout, task=task)
        )


def test_cues_move_evidence(data):
    """Gain by the tuning values of a digit raises its own detector where it is shown."""
    score = data["score"].isel(variant=0, layer=0).sel(question="this")
    before = data["score_uncued"].isel(variant=0).sel(question="this")
    shown = data["kind"] == KINDS.index("sought")
    for cue, sign in (("valid", 1), ("invalid", -1)):
        moved = (score.sel(cue=cue) - before).where(shown).mean()
        assert sign * float(moved) > 0.05, cue


def test_the_summary_against_plain_numbers(data):
    """One network's tasks, all cues, at each level of noise."""
    kind = data["kind"].values
    for readout, task, question, other in (
        ("ordinary", "this digit or noise", "this", "nothing"),
        ("noisy", "this digit or another", "this", "other"),
        ("noisy", "any digit or noise", "any", "nothing"),
    ):
        for state in ("valid", "uncued", "invalid"):
            for n in (0, 1):
                hits, alarms, areas = [], [], []
                for observer in (0, 1):
                    if state == "uncued":
                        at = data["score_uncued"]
                    else:
                        at = data["score"].sel(cue=state).isel(layer=0)
                    at = at.isel(variant=0, observer=observer, noise=n)
                    at = at.sel(readout=readout, question=question).values
                    for digit in range(10):
                        yes = at[digit, kind[digit] == KINDS.index("sought")]
                        no = at[digit, kind[digit] == KINDS.index(other)]
                        hits.append((yes > 0).mean())
                        alarms.append((no > 0).mean())
                        areas.append((yes[:, None] > no[None, :]).mean())
                z = norm.ppf(np.clip([np.mean(hits), np.mean(alarms)], 0.01, 0.99))
                found = data.isel(variant=0, layer=0, noise=n)
                found = found.sel(readout=readout, task=task, state=state)
                assert float(found["sensitivity"]) == pytest.approx(z[0] - z[1], abs=1e-5)
                assert float(found["criterion"]) == pytest.approx(-z.mean(), abs=1e-5)
                free = np.sqrt(2) * norm.ppf(np.clip(np.mean(areas), 0.001, 0.999))
                assert float(found["sensitivity_free"]) == pytest.approx(free, abs=1e-5)


def test_changes_are_differences_and_their_intervals_hold_them(data):
    for name in ("sensitivity", "sensitivity_free", "criterion"):
        mean = data[name].mean("noise")
        for contrast, first, second in (
            ("valid less uncued", "valid", "uncued"),
            ("uncued less invalid", "uncued", "invalid"),
            ("valid less invalid", "valid", "invalid"),
        ):
            difference = mean.sel(state=first) - mean.sel(state=second)
            found = data[f"change_{name}"].sel(contrast=contrast)
            np.testing.assert_allclose(found, difference, atol=1e-9)
            # A percentile interval of 30 resamples, of a nearly linear statistic.
            slack = 0.1
            assert (data[f"change_{name}_low"].sel(contrast=contrast) <= found + slack).all()
            assert (data[f"change_{name}_high"].sel(contrast=contrast) >= found - slack).all()


def test_a_shift_of_the_criterion_is_told_from_sensitivity(data):
    """Evidence made by hand: a cue that adds to all, and one that adds to what is sought."""
    made = data[["score", "score_uncued", "kind"]].copy(deep=True)
    rng = np.random.default_rng(0)
    sought = (made["kind"] == KINDS.index("sought")).astype(float)
    noise = xr.zeros_like(made["score_uncued"]) + rng.normal(size=made["score_uncued"].shape)
    base = noise + 1.0 * sought - 0.5
    made["score_uncued"] = base
    shifted = {"valid": base + 0.8, "invalid": base - 0.8 * sought}
    score = xr.concat([shifted[c] for c in ("valid", "invalid")], "cue", coords="minimal")
    made["score"] = score.expand_dims(layer=made["layer"]).transpose(*made["score"].dims)
    found = summarise_categories(made, 50, 0.95).isel(variant=0, readout=0, layer=0, task=0)
    free, criterion = found["change_sensitivity_free"], found["change_criterion"]
    assert abs(float(free.sel(contrast="valid less uncued"))) < 1e-9
    assert float(criterion.sel(contrast="valid less uncued")) < -0.5
    assert float(found["change_sensitivity_free_low"].sel(contrast="uncued less invalid")) > 0.4


def test_measures_and_figure(config, data):
    check_labels(data)
    rows = {m.name: m for m in cued.measure(config, data)}
    assert len(rows) == len(cued.measure(config, data))
    where = "plain,ordinary,this digit or noise,layer 3"
    row = rows[f"change_sensitivity_low[valid less uncued,{where}]"]
    at = data.isel(variant=0, layer=0).sel(readout="ordinary", contrast="valid less uncued")
    assert row.value == float(at["change_sensitivity_free_low"].sel(task="this digit or noise"))
    assert row.holds is bool(row.value > 0)
    assert len(figures.draw(config, data, list(rows.values())).axes) == 6


def test_the_file_spells_out_the_defaults():
    usual = load_config("cued_category")
    assert plain(usual) == plain(cued.Config(experiment="cued_category", seed=0))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("images.noise=[0.5, 0.2]", "allowed: rising"),
        ("images.per_category=10", "multiples of 4"),
        ("attention.layers=[4]", "some of 1 to 3"),
        ("attention.invalid=[10]", "allowed: 1 to 9"),
        ('network.how="inserted"', "allowed: 'trained'"),
    ],
)
def test_what_is_refused(setting, words):
    with pytest.raises(UserError, match=words):
        load_config("cued_category", [setting])
