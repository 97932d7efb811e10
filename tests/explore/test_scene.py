"""What a page shows: numbers against the library, texts and links that keep settings."""

import logging
import tomllib
import urllib.parse

import jax
import numpy as np
import pytest

import cortex as cx
from cortex.errors import ConfigError
from cortex.explore import (
    RingScene,
    SheetScene,
    as_python,
    as_query,
    as_toml,
    from_query,
    look,
    scene_from,
)
from tests.refusals import refusal

RING = scene_from(
    {
        "circuit": {"J_EE": 0.045, "units": 36},
        "first": {"contrast": 30, "orientation": 20.0},
        "attention": {"form": "gain on drive", "gain": 0.5, "place": 20.0},
    }
)
SHEET = scene_from({"network": "sheet", "circuit": {"size": 15}, "first": {"contrast": 30.0}})


@pytest.mark.slow
@pytest.mark.parametrize("scene", [RING, SHEET], ids=["ring", "sheet"])
def test_the_python_text_gives_the_numbers_that_are_seen(scene, capsys):
    names: dict = {}
    exec(as_python(scene), names)
    assert "leading eigenvalue" in capsys.readouterr().out
    seen = look(scene)
    assert seen.settled.all()
    states = [names[name].last for name in ("one", "other", "both", "attended")]
    for population in ("E", "I"):
        rates = np.stack([getattr(state, population) for state in states])
        found = getattr(seen.rates, population)
        # Both searches stop within the tolerance of the solver, the sheet's side by side.
        np.testing.assert_allclose(found, rates, atol=1e-3 * rates.max())
        patterns = np.asarray(scene.gratings()).reshape(2, -1)
        course = np.asarray(getattr(names["course"].values, population)).reshape(
            len(seen.times), -1
        )
        weighted = course @ (patterns / patterns.sum(1, keepdims=True)).T
        np.testing.assert_allclose(getattr(seen.course, population), weighted, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(seen.times, names["course"].times, rtol=1e-6)
    assert seen.eigenvalue == pytest.approx(float(names["eigenvalue"]), rel=1e-3)
    assert seen.paradoxical == pytest.approx(float(names["paradoxical"]), rel=1e-2)
    assert seen.sum_weight == pytest.approx(float(names["weight"]), rel=1e-3)


def test_steady_rates_are_those_of_the_library():
    circuit = RING.circuit.circuit()
    first, second = (
        one.contrast * RING.circuit.bump(one.orientation, 30.0) for one in (RING.first, RING.second)
    )
    gain = 1 + 0.5 * RING.circuit.bump(20.0, 30.0)
    attention = cx.Modulation(drive_gain=cx.EI(gain, gain))
    state = cx.steady_state(circuit, cx.EI(first + second, first + second), attention)
    seen = look(RING)
    np.testing.assert_allclose(seen.rates.E[3], state.rates.E, rtol=1e-3)
    np.testing.assert_allclose(seen.rates.I[3], state.rates.I, rtol=1e-3)
    np.testing.assert_allclose(seen.drives[3], first + second, rtol=1e-6)


def test_attention_is_seen_in_the_last_state_and_after_its_onset():
    seen = look(RING)
    here = int(RING.circuit.unit_at(20.0))
    assert seen.rates.E[3, here] > 1.1 * seen.rates.E[2, here]
    course = dict(zip(seen.times.tolist(), seen.course.E[:, 0].tolist(), strict=True))
    assert course[50.0] == 0
    assert course[350.0] > 1.1 * course[200.0] > 1.1


def test_a_move_of_a_slider_compiles_nothing(caplog):
    look(RING)
    moved = {"contrast": 31.0}, {"form": "input to E", "input": 2.0}, {"J_EE": 0.04, "units": 36}
    values = dict(zip(("second", "attention", "circuit"), moved, strict=True))
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        seen = look(scene_from(values))
    assert seen.settled.all()
    programs = [line for line in caplog.messages if "course" in line or "states" in line]
    assert programs == []


def test_rates_without_bound_are_no_state():
    seen = look(scene_from({"circuit": {"J_EE": 0.3, "units": 36}}))
    assert not seen.settled.all()
    assert not np.isfinite(seen.rates.E[3]).all()


@pytest.mark.parametrize("scene", [RingScene(), SheetScene(), RING, SHEET])
def test_toml_and_link_keep_every_setting(scene):
    assert scene_from(tomllib.loads(as_toml(scene))) == scene
    assert scene_from(from_query(urllib.parse.parse_qsl(as_query(scene)))) == scene


def test_a_link_holds_only_what_differs():
    assert as_query(RingScene()) == "network=ring"
    assert as_query(SheetScene(seed=3)) == "network=sheet&seed=3"


@pytest.mark.parametrize(
    ("link", "line"),
    [
        ("network=line", "network: found 'line', allowed: ring, sheet"),
        ("first.contrast=200", "first.contrast: found 200, allowed: a number >= 0 and <= 100"),
        ("frist.contrast=20", "frist: unknown key 'frist' (did you mean 'first'?)"),
        ("attention.form=gain", "attention.form: found 'gain', allowed: one of 'input to E'"),
        ("first=3&first.contrast=3", "first.contrast: unknown key, first is a value"),
        ("circuit.units=1", "circuit.units: found 1, allowed: a whole number >= 2"),
    ],
)
def test_a_link_that_cannot_be_used_gives_one_line(link, line):
    def opened():
        return scene_from(from_query(urllib.parse.parse_qsl(link)))

    assert line in refusal(opened, error=ConfigError)
