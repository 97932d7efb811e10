"""Maps against eyes: the planted option is chosen, controls are what they say, paths compared."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.analysis.fixations import fixation_map
from cortex.attention.saliency import WinnerTakeAll
from cortex.errors import UserError
from cortex.stimuli.recordings import Viewing
from cortex.studies.eye_fixations import (
    BIASES,
    Choice,
    Eyes,
    choose,
    compare_paths,
    finished,
    measure,
    with_controls,
)

SHAPE, PHOTOGRAPHS = (12, 16), 4


@pytest.fixture(scope="module")
def eyes():
    """Everybody looks at one place of each photograph, another on each."""
    rng = np.random.default_rng(0)
    where = np.array([[0.2, 0.2], [0.8, 0.3], [0.3, 0.8], [0.7, 0.7]])
    viewings = [
        Viewing(
            None, tuple(np.clip(at + 0.03 * rng.normal(size=(4, 2)), 0, 0.999) for _ in range(3))
        )
        for at in where
    ]
    return Eyes.on(viewings, range(PHOTOGRAPHS), range(PHOTOGRAPHS), 3, rng)


@pytest.fixture(scope="module")
def good(eyes):
    """Maps with the peak where people look."""
    return np.stack([fixation_map(at, SHAPE, 1.0) for at in eyes.at])


@pytest.fixture(scope="module")
def centre(eyes):
    return fixation_map(np.concatenate(eyes.at), SHAPE, 1.5)


def test_fixations_elsewhere_are_those_on_all_other_photographs(eyes):
    for number, elsewhere in enumerate(eyes.elsewhere):
        assert len(elsewhere) == sum(len(at) for n, at in enumerate(eyes.at) if n != number)


def test_the_option_that_predicts_is_chosen_and_one_without_maps_is_not(eyes, good, centre):
    bad = np.roll(good, 1, axis=0)
    options = [("none", None), ("bad", bad), ("good", good)]
    chosen, scores = choose(options, eyes, centre, (0.0, 50.0), (0.0, 1.0))
    assert [one.option for one in chosen.values()] == ["good", "good"]
    assert chosen["with centre"] == Choice("good", 0.0, 0.0)  # blur and centre only spoil it
    assert np.isnan(scores[0])
    assert scores[1] < 0.5 < scores[2]
    with pytest.raises(UserError, match="no option has maps"):
        choose([("none", None)], eyes, centre, (0.0,), (0.0,))


def test_finished_maps_are_standardised_and_of_one_size(good):
    fine = np.zeros((24, 32))
    fine[4:8] = 1.0
    found = finished(good, 20.0, 0.0, fine)
    assert found.shape == (PHOTOGRAPHS, 24, 32)
    np.testing.assert_allclose(found.mean((1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(found.std((1, 2)), 1, rtol=1e-6)
    more = finished(good, 20.0, 2.0, fine) - found
    np.testing.assert_allclose(more[0], 2 * (fine - fine.mean()) / fine.std(), atol=1e-6)


def test_controls_predict_less_than_the_map_itself(eyes, good, centre):
    of = with_controls(
        {"map": dict.fromkeys(BIASES, finished(good, 0.0, 0.0, centre))}, centre, "map"
    )
    found = measure(eyes, of, 1.0)
    score = np.asarray(found["score"].values)[:, 0].mean(1)
    assert list(of) == ["map", "another photograph", "centre"]
    own, other, middle = score
    assert (own > other).all()
    assert own[0] > middle[0]  # NSS
    assert middle[2] < 0.7 < own[2]  # shuffled AUC
    assert np.asarray(found["ceiling"].values).shape == (PHOTOGRAPHS, 4)


def test_paths_to_where_people_look_are_like_theirs(eyes, good):
    maps = {"good": good, "bad": np.roll(good, 1, axis=0)}
    found = compare_paths(eyes, maps, WinnerTakeAll(recovery=jnp.asarray(1.0)), 3, 0.25)
    people, elsewhere, at, away = np.asarray(found.values).mean(1)
    assert people > 0.7 > elsewhere
    assert at > away + 0.3
