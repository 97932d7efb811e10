"""Biased competition against an independent program in double precision."""

import numpy as np
import pytest
from cortex.sims import biased_competition as competition

from tests.reference import published, ssn

UNITS = 36
FIRST, SECOND = UNITS // 4, 3 * UNITS // 4  # the units that prefer 45 and 135 deg


@pytest.fixture(scope="module")
def net():
    return published.ring(UNITS)


def bump(centre):
    return published.bump(UNITS, centre)


def steady(net, drive, field, form="unattended"):
    return ssn.steady_state(net, published.attended(drive, field, form), dt=0.5)


def test_steady_states_in_every_form_against_plain_numpy(data, net):
    """The second of two gratings is attended; single precision, residuals of 2e-5."""
    a, b = bump(45), bump(135)
    alone = [steady(net, 20 * grating, 0 * a)[:UNITS] for grating in (a, b)]
    rest = steady(net, 20 * (a + b), 0 * a)[:UNITS]
    at = data.sel(contrast=20.0)
    for form in published.FORMS:
        E, I = np.split(steady(net, 20 * (a + b), b, form), 2)  # noqa: E741
        found = at.rates.sel(attention=form, focus="second", shown="both")
        np.testing.assert_allclose(found, [E, I], rtol=1e-3, atol=2e-3)
        here = at.sel(attention=form)
        weights = np.linalg.lstsq(np.stack(alone, 1), E, rcond=None)[0]
        np.testing.assert_allclose(here.weights.sel(focus="second"), weights, rtol=1e-3, atol=1e-3)
        slope = np.polyfit(alone[0] - alone[1], E - alone[1], 1)[0]
        assert float(here.slope.sel(focus="second")) == pytest.approx(slope, abs=2e-3)
        # The gratings lie on units, so that both foci are alike and their mean is either.
        assert float(here.share) == pytest.approx(weights[1] / weights.sum(), abs=1e-3)
        poor = (E[FIRST] - alone[1][FIRST]) / (alone[0][FIRST] - alone[1][FIRST])
        best = (E[SECOND] - alone[0][SECOND]) / (alone[1][SECOND] - alone[0][SECOND])
        np.testing.assert_allclose(here.scaled, [best, poor], atol=2e-3)
        on_one, on_other = (
            steady(net, 20 * grating, field, form)[SECOND] / alone[1][SECOND]
            for grating, field in ((b, b), (b, a))
        )
        ratio = [on_one, E[SECOND] / rest[SECOND], E[FIRST] / rest[FIRST], on_other]
        np.testing.assert_allclose(here.ratio, ratio, rtol=2e-3)


def test_every_contrast_of_the_curves_is_its_own(data, net):
    for contrast in (8.0, 60.0):
        pair = contrast * (bump(45) + bump(135))
        rest, attended = (
            steady(net, pair, bump(45), form)[[FIRST, SECOND]]
            for form in ("unattended", "input to E")
        )
        found = data.ratio.sel(contrast=contrast, attention="input to E", case=["pair", "other"])
        np.testing.assert_allclose(found, attended / rest, rtol=1e-3)


def test_time_course_against_plain_numpy(data, net):
    """Euler steps of 0.1 ms through both epochs, attention to the second, both shown."""
    b = bump(135)
    dark, lit = (
        published.attended(drive, b, "input to E") for drive in (0 * b, 20 * (bump(45) + b))
    )
    before, _ = ssn.euler(net, dark, np.zeros(2 * UNITS), 0.1, 1000)
    _, course = ssn.euler(net, lit, before, 0.1, 2000)
    found = data.course.sel(trial="both, second attended")
    after = found.sel(time=found.time >= 0)
    expected = np.interp(after.time, 0.1 * np.arange(2001), course[:, FIRST])
    np.testing.assert_allclose(after, expected, rtol=5e-3, atol=0.02)


def test_a_response_past_its_goal_is_explained_and_no_other():
    scaled = np.array([[0.8, 0.8], [1.9, 0.3]])  # attention x (preferred, poor)
    coordinates = {"attention": ["unattended", "input to E"], "attended": ["preferred", "poor"]}
    data = competition.xr.Dataset({"scaled": (tuple(coordinates), scaled)}, coordinates)
    assert "to 1.90 of it" in competition.overshoot(data, {"attended": "preferred"})
    assert competition.overshoot(data, {"attended": "poor"}) == ""
