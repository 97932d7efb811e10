"""The main job: what is refused, what has a meaning, and that the set circuits are seen through."""

import jax
import numpy as np
import pytest
from cortex.sims.digits_detection import experiment

from cortex.areas.digits import digit_network
from cortex.errors import UserError
from cortex.experiment import ConfigError, load_settings
from cortex.stimuli import load_digits, split_digits

NAME = "digits_detection"


@pytest.fixture(scope="module")
def digits():
    return split_digits(load_digits())


def settings(**sections):
    return load_settings(NAME, values=sections)[1]


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"network": {"layers": [4]}}, "network.layers: found [4], allowed: some of 1 to 3"),
        (
            {"network": {"layers": [1, 2]}},
            "network.layers: found [1, 2], allowed: all of 1 to 3, or network.how = 'inserted'",
        ),
        (
            {"attention": {"sources": ["luck"]}},
            "attention.sources[0]: found 'luck', allowed: one of 'tuning', 'gradient_category', ",
        ),
    ],
)
def test_networks_and_sources_that_are_not_there_are_refused_in_a_line(sections, line):
    with pytest.raises(ConfigError) as caught:
        settings(**sections)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(digits):
    s = settings(network={"weights": "nowhere", "weights_seed": 1})
    with pytest.raises(UserError, match=r"found no file nowhere/digits_circuits_1\.safetensors"):
        s.network.system("circuits", s.circuit, s.solver, digits[0])


@pytest.mark.slow
def test_a_changed_circuit_changes_the_result(digits):
    training, held_out = digits
    images = digit_network().images(held_out)[:4]
    respond = jax.jit(jax.vmap(lambda system, x: system.respond(x), in_axes=(None, 0)))

    def rates(J_EE):
        s = settings(circuit={"J_EE": J_EE})
        found = respond(s.network.system("circuits", s.circuit, s.solver, training), images)
        assert all(np.all(layer.converged) for layer in found)
        return [np.asarray(layer.rates.E).mean() for layer in found]

    weaker, as_is = rates(5.0), rates(6.0)
    assert weaker[0] < 0.99 * as_is[0]
    assert not np.allclose(weaker, as_is, rtol=0.01)


@pytest.mark.slow
def test_a_circuit_inserted_at_one_layer():
    small = dict(experiment.small) | {
        "network.variants": ["circuits"],
        "network.how": "inserted",
        "network.layers": [2],
        "attention.sources": ["tuning"],
    }
    s = load_settings(NAME, [f"{name}={value!r}" for name, value in small.items()])[1]
    data = experiment.run(s)
    assert np.isfinite(data["sum_weight"].values[0]).tolist() == [False, True, False]
    assert float(data["accuracy"][0]) > 0.9
    assert np.isfinite(data["score"]).all()
    rows = [row.name for row in experiment.rows(s, data)]
    assert "sum_weight[circuits, layer=2]" in rows
    assert not any("minus_shuffled" in row for row in rows)


@pytest.mark.slow
def test_of_the_merged_digits_none_has_a_place_to_attend_to():
    small = dict(experiment.small) | {
        "images.tasks": ["merged", "array"],
        "attention.sources": ["tuning", "spatial"],
    }
    s = load_settings(NAME, [f"{name}={value!r}" for name, value in small.items()])[1]
    data = experiment.run(s)
    assert np.isnan(data["score"].sel(task="merged", source="spatial")).all()
    assert np.isfinite(data["score"].sel(task="array")).all()
    assert np.isfinite(data["score"].sel(source="tuning")).all()
    again = experiment.run(s.model_copy(update={"seed": 0}))
    np.testing.assert_array_equal(again["score"], data["score"])
    other = experiment.run(s.model_copy(update={"seed": 1}))
    assert np.any(other["score_unattended"].values != data["score_unattended"].values)
