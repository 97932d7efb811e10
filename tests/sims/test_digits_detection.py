"""The main job: what has a meaning, and that the set circuits are seen through."""

import jax
import numpy as np
import pytest
from cortex.sims.digits_detection import experiment

from cortex.areas.digits import digit_network
from cortex.errors import UserError
from cortex.experiment import load_settings
from cortex.stimuli import load_digits, split_digits

NAME = "digits_detection"


@pytest.fixture(scope="module")
def digits():
    return split_digits(load_digits())


def settings(**sections):
    return load_settings(NAME, values=sections)[1]


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


def small(**changed):
    return load_settings(NAME, values=dict(experiment.small) | changed)[1]


@pytest.mark.slow
def test_a_circuit_inserted_at_one_layer_and_without_its_recurrence():
    changed = {
        "network.variants": ["no recurrence", "circuits"],
        "network.how": "inserted",
        "network.layers": [2],
        "networks": 1,
        "attention.sources": ["tuning", "gradient"],
        "attention.control_layers": [],
    }
    s = small(**changed)
    data = experiment.run(s)
    computes = np.isfinite(data["sum_weight"].sel(network=0)).values.tolist()
    assert computes == [[False] * 3, [False, True, False]]
    assert np.all(data["accuracy"] > 0.9)
    assert np.isfinite(data["score"]).all()
    rows = [row.name for row in experiment.rows(s, data)]
    assert "sum_weight[circuits, layer=2]" in rows
    assert "recurrence_adds[merged, tuning]" in rows
    assert not any("shuffled" in name for name in rows)


@pytest.mark.slow
def test_every_task_has_detectors_images_and_places_of_its_own():
    s = small(
        **{
            "images.tasks": ["merged", "array", "array of two"],
            "attention.sources": ["tuning", "spatial"],
            "ceilings.layers": [3],
            "ceilings.steps": 2,
        }
    )
    data = experiment.run(s)
    assert np.isnan(data["score"].sel(task="merged", source="spatial")).all()
    assert np.isfinite(data["score"].sel(task=["array", "array of two"])).all()
    assert np.isfinite(data["score_ceiling"]).all()
    black = (data["example"].sel(task="array of two") == 0).mean()
    assert float(black) > float((data["example"].sel(task="array") == 0).mean())
    again = experiment.run(s.model_copy(update={"seed": 0}))
    np.testing.assert_array_equal(again["score"], data["score"])
    alone = experiment.run(small(**{"attention.sources": ["tuning"]}))
    # What one task sees does not depend on which others are asked for.
    same = data["score_unattended"].sel(task="merged")
    np.testing.assert_allclose(alone["score_unattended"].isel(task=0), same, atol=1e-4)
    other = experiment.run(small(seed=1))
    assert np.any(other["score_unattended"].values != alone["score_unattended"].values)
    networks = data["score_unattended"].isel(task=0)
    assert np.any(networks.isel(network=0) != networks.isel(network=1))


@pytest.mark.slow  # CI runs it by its command besides
def test_three_sentences_say_what_was_asked_found_and_how_sure_it_is():
    s = small(**{"images.per_category": 8, "networks": 1})
    data = experiment.run(s)
    asked, found, sure = experiment.conclude(s, data).split("\n")
    assert asked.startswith("Asked: does attention")
    at = {"compared": "tuning", "site": "layer 3", "measure": "performance", "bound": "value"}
    gain = data["gain"].sel(at).item()
    assert f"{100 * gain:+.1f} [" in found
    assert "80 images for each of a single network, 95% intervals" in sure
