"""Reading strips in the order asked for: its claims, its statistics by hand, settings, figure."""

import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import sequence_reading as figures
from cortex.sims import sequence_reading as reading

from cortex.analysis.reading import rate_changes
from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain
from cortex.experiment.results import check_labels
from cortex.models.learned import sequence_reading as learned

# One network and few strips; the encoder-decoders are those of the package.
SHORT = ["strips.count=20", "learned.seeds=[0]", "statistics.resamples=200"]


@pytest.fixture(scope="module")
def config():
    return load_config("sequence_reading", SHORT)


@pytest.fixture(scope="module")
def data(config):
    return reading.run(config, Progress())


def test_the_signature(config, data):
    """With few strips too: attention reads best, lies where it should, and moves the circuits."""
    measures = {m.name: m for m in reading.measure(config, data)}
    for name in (
        "accuracy_gain[content,even][lower end]",
        "accuracy_gain[content,last][lower end]",
        "accuracy_gain[content,flattened][lower end]",
        "share_over_even[lower end]",
        "weights_off_one",
        "lowest_weight",
        "change_E[asked-others][lower end]",
        "change_I[asked-others][lower end]",
    ):
        assert measures[name].holds, (name, measures[name].note)
    assert measures["share_asked"].value > 0.8
    assert measures["settled_share"].value > 0.95


def test_shares_by_hand(data):
    """From the weights in the order attended and the digits' boxes, column by column."""
    weights, left = data["weights"].values[0], data["left"].values
    for strip in (0, 7):
        for step in range(4):
            for digit in range(4):
                total = 0.0
                for column in range(24):
                    pixels = np.arange(4 * column, 4 * column + 4)
                    inside = (pixels >= left[strip, digit]) & (pixels < left[strip, digit] + 20)
                    total += weights[strip, step, column] * inside.mean()
                found = float(data["share"][0, 2, strip, step, digit])
                assert found == pytest.approx(total, abs=1e-5)


def test_rate_changes_by_hand(data):
    asked, others = rate_changes(data, "E", 2)
    before, after = data["E_before"].values[0, 3], data["E"].values[0, 3]
    order = learned.ORDERS["ends first"]
    own = sum(after[step, digit] for step, digit in enumerate(order)) / before.sum() - 1
    rest = sum(after[s, d] for s in range(4) for d in range(4) if order[s] != d)
    assert asked[0, 3] == pytest.approx(own, rel=1e-5)
    assert others[0, 3] == pytest.approx(rest / (3 * before.sum()) - 1, rel=1e-4, abs=1e-6)


def test_every_order_visits_every_digit_once():
    assert all(sorted(places) == [0, 1, 2, 3] for places in learned.ORDERS.values())
    asked = learned.Asked(np.zeros((2, 1, 1)), np.array([[5, 6, 7, 8]] * 2), np.array([2, 1]))
    assert asked.wanted.tolist() == [[5, 8, 6, 7], [8, 7, 6, 5]]


def test_weights_over_windows():
    """Spread over five columns, inside the strip; their sum stays."""
    weights = np.eye(24, dtype=np.float32)[[0, 10]]
    found = np.asarray(learned.on_windows(jnp.asarray(weights)))
    np.testing.assert_allclose(found[0, :3], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(found[1, 8:13], 1 / 5, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_the_curve_is_kept_with_the_weights():
    _, facts = learned.trained_source().load(0)
    assert len(facts["curve"]) == learned.EPOCHS
    assert facts["command"] == "cortex train attention sequence_reading --seed 0"
    assert facts["held_out_content"] > facts["held_out_even"]


def test_every_variable_is_labelled(data):
    check_labels(data)


def test_the_figure(config, data):
    figures.draw(config, data, reading.measure(config, data))


def test_the_file_spells_out_the_defaults():
    usual = load_config("sequence_reading")
    assert plain(usual) == plain(reading.Config(experiment="sequence_reading", seed=0))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("strips.count=5", "count: found 5, allowed"),
        ("attention.order=5", "order: found 5, allowed"),
        ("learned.seeds=[1, 1]", r"seeds: found \[1, 1\], allowed: each one once"),
    ],
)
def test_bad_settings_give_one_line(setting, words):
    with pytest.raises(UserError, match=words):
        load_config("sequence_reading", [setting])


def test_missing_weights_give_one_line(tmp_path):
    asked = load_config("sequence_reading", [*SHORT, f"learned.weights={tmp_path}"])
    with pytest.raises(UserError, match=r"learned.weights, learned.seeds: weights: found no file"):
        reading.run(asked, Progress())
