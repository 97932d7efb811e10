"""The main job in a reduced size: what it records, what it measures, what it refuses."""

import jax
import numpy as np
import pytest
from cortex.sims import digits_detection as detection
from typer.testing import CliRunner

from cortex.areas.digits import digit_network
from cortex.cli import app
from cortex.errors import UserError
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.stimuli import load_digits, split_digits

NAME = "digits_detection"
SMALL = [
    "images.per_category=8",
    "images.training=200",
    "images.gradients=20",
    "statistics.resamples=20",
    "attention.strengths=[0.5]",
    'attention.sources=["tuning", "spatial"]',
]
ONE_NETWORK = [*SMALL, 'network.variants=["plain"]', 'images.tasks=["merged"]']
INSERTED = [
    *SMALL,
    'network.variants=["circuits"]',
    'network.how="inserted"',
    'images.tasks=["array"]',
    'attention.sources=["tuning"]',
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    return detection.run(config, Progress())


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in detection.measure(config, data)}


@pytest.fixture(scope="module")
def digits():
    return split_digits(load_digits())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(detection.Config(experiment=NAME, seed=0))


@pytest.mark.slow
def test_every_variable_is_labelled(data):
    assert {"score", "rate_E", "sum_weight", "gain_performance"} <= set(data.data_vars)
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.slow
def test_the_axes(data):
    condition = ("variant", "task", "source", "site", "strength")
    assert data["score"].dims == (*condition, "category", "image")
    assert data["score"].shape == (2, 2, 2, 4, 1, 10, 8)
    assert data["rate_E"].dims == (*condition, "layer", "category", "map")
    assert data["rate_E_unattended"].dims == ("variant", "task", "layer", "category", "map")
    assert data["values"].dims == ("variant", "values_of", "layer", "category", "map")
    assert data["sum_weight"].dims == ("variant", "layer")
    assert list(data["variant"].values) == ["plain", "circuits"]
    assert list(data["task"].values) == ["merged", "array"]
    assert list(data["source"].values) == ["tuning", "spatial"]
    assert list(data["site"].values) == ["layer 1", "layer 2", "layer 3", "all"]
    assert list(data["category"].values) == list(range(10))


@pytest.mark.slow
def test_half_of_the_images_show_the_category(data):
    assert data["present"].dtype == bool
    assert np.all(data["present"].sum("image") == 4)
    assert float(data["example"].min()) >= 0.0
    assert float(data["example"].max()) <= 1.0


@pytest.mark.slow
def test_scores_are_there_where_a_source_has_a_meaning(data):
    assert np.all(np.isfinite(data["score_unattended"]))
    assert np.all(np.isfinite(data["score"].sel(source="tuning")))
    assert np.all(np.isfinite(data["score"].sel(task="array")))
    # Merged digits lie in the same place: there is nothing to send spatial attention to.
    nowhere = data.sel(task="merged", source="spatial")
    for name in ("score", "rate_E", "rate_I", "settled"):
        assert np.all(np.isnan(nowhere[name])), name
    meant = data["settled"].where(~np.isnan(data["settled"]), drop=True)
    assert float(meant.min()) == 1.0


@pytest.mark.slow
def test_areas_below_the_attended_one_are_left_out(data):
    rates = data["rate_E"].sel(task="array", source="tuning", strength=0.5)
    for layer in (1, 2, 3):
        computed = np.isfinite(rates.sel(site=f"layer {layer}")).any(["category", "map"])
        assert np.all(computed.transpose("variant", "layer") == [n >= layer for n in (1, 2, 3)])
    # The first two layers have 8 and 16 maps.
    known = np.isfinite(rates.sel(site="all")).all(["variant", "category"]).sum("map")
    assert list(known.values) == [8, 16, 32]
    assert float(rates.min()) >= 0.0


@pytest.mark.slow
def test_attention_changes_scores(data):
    change = np.abs(data["score"] - data["score_unattended"]).mean(["category", "image"])
    asked = change.where(np.isfinite(change), drop=False)
    assert float(asked.min()) > 0.0


@pytest.mark.slow
def test_the_networks_know_plain_digits_and_the_circuits_compute(data):
    assert float(data["accuracy"].min()) > 0.9
    probes = ("sum_weight", "leading_eigenvalue", "paradoxical_I", "surround_suppression")
    for name in (*probes, "largest_residual", "converged"):
        assert np.all(np.isnan(data[name].sel(variant="plain"))), name
        assert np.all(np.isfinite(data[name].sel(variant="circuits"))), name
    circuits = data.sel(variant="circuits")
    assert np.all(circuits["sum_weight"] < 1.0)
    assert np.all(circuits["leading_eigenvalue"] > 1.0)
    assert np.all(circuits["paradoxical_I"] < 0.0)


@pytest.mark.slow
def test_the_measures(measures):
    for name in (
        "accuracy[plain]",
        "accuracy[circuits]",
        "accuracy_lost_to_circuits",
        "sum_weight[circuits,layer=1]",
        "leading_eigenvalue[circuits,layer=3]",
        "paradoxical_I[circuits,layer=2]",
        "surround_suppression[circuits,layer=2]",
        "largest_residual[circuits,layer=2]",
        "activity_slope[circuits,layer=3,beta=0.5]",
        "performance_unattended[plain,merged]",
        "performance_gain[circuits,merged,tuning,layer 3]",
        "performance_gain_low[circuits,merged,tuning,layer 3]",
        "auc_gain_high[plain,array,spatial,all]",
        "sensitivity_gain[circuits,array,tuning,layer 1]",
        "criterion_gain[circuits,array,threshold]",
        "tuning_gain_low[plain,merged,layer 3]",
    ):
        assert np.isfinite(measures[name].value), name
    assert not any("merged,spatial" in name or "sum_weight[plain" in name for name in measures)
    assert measures["accuracy_lost_to_circuits"].holds is True
    low, value, high = (
        measures[f"performance_gain{end}[circuits,array,tuning,layer 2]"].value
        for end in ("_low", "", "_high")
    )
    assert low <= value <= high


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(data):
    again = detection.run(load_config(NAME, ONE_NETWORK), Progress())
    before = data.sel(variant=["plain"], task=["merged"])
    for name in ("score_unattended", "score", "values", "present", "accuracy"):
        np.testing.assert_array_equal(again[name], before[name], err_msg=name)
    other = detection.run(load_config(NAME, ONE_NETWORK, seed=1), Progress())
    assert np.any(other["score_unattended"].values != before["score_unattended"].values)


@pytest.mark.slow
def test_a_changed_circuit_changes_the_result(config, digits):
    """At the lowest cost: the same network, seen through the configured circuits."""
    training, held_out = digits
    images = digit_network().images(held_out)[:4]
    respond = jax.jit(jax.vmap(lambda system, x: system.respond(x), in_axes=(None, 0)))

    def rates(setting):
        changed = load_config(NAME, [*SMALL, setting])
        system = detection.build(changed, "circuits", training)
        found = respond(system, images)
        assert all(np.all(layer.converged) for layer in found)
        return [np.asarray(layer.rates.E).mean() for layer in found]

    weaker, as_is = rates("circuit.J_EE=5"), rates("circuit.J_EE=6.0")
    assert weaker[0] < 0.99 * as_is[0]
    assert not np.allclose(weaker, as_is, rtol=0.01)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("network.layers=[4]", "network.layers: found [4], allowed: some of 1 to 3"),
        (
            "network.layers=[1, 2]",
            "network.layers: found [1, 2], allowed: all of 1 to 3, or network.how = 'inserted'",
        ),
        (
            'attention.sources=["luck"]',
            "attention.sources[0]: found 'luck', allowed: one of 'tuning', 'gradient_category', ",
        ),
        ("attention.strengths=[0]", "attention.strengths[0]: found 0, allowed: a number > 0"),
        ("images.per_category=2", "images.per_category: found 2, allowed: a whole number >= 8"),
        ("circuit.tau_E=-1", "circuit.tau_E: found -1, allowed: a number > 0 [ms]"),
        ("network.kind='plain'", "network.kind: unknown key 'kind'"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    with pytest.raises(ConfigError) as caught:
        load_config(NAME, [setting])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(digits):
    config = load_config(NAME, ["network.weights=nowhere", "network.weights_seed=1"])
    with pytest.raises(UserError, match=r"found no file nowhere/digits_circuits_1\.safetensors"):
        detection.build(config, "circuits", digits[0])


def test_missing_weights_end_the_command_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = [f"--set={item}" for item in (*ONE_NETWORK, "network.weights=nowhere")]
    done = CliRunner().invoke(app, ["run", NAME, *settings, "--quiet"])
    assert done.exit_code == 2
    assert "nowhere/digits_plain_0.safetensors" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_circuit_inserted_at_one_layer():
    config = load_config(NAME, [*INSERTED, "network.layers=[2]"])
    found = detection.run(config, Progress())
    assert list(np.isfinite(found["sum_weight"].values[0])) == [False, True, False]
    assert float(found["accuracy"].values[0]) > 0.9
    assert np.all(np.isfinite(found["score"]))
    assert any(m.name == "sum_weight[circuits,layer=2]" for m in detection.measure(config, found))
