"""Attention and surround suppression against an independent program, for all three forms."""

import numpy as np
import pytest
from cortex.sims import attention_and_surround as sim

from cortex.models.line import Line
from cortex.settings import Axis, Contrasts
from tests.reference import published, ssn
from tests.reference.published import gaussian, segment

UNITS = 41


@pytest.fixture(scope="module")
def net():
    return published.line(UNITS)


PLACE = published.places(UNITS)


CENTRE = segment(PLACE, -5 / 6, 5 / 6)
FLANKS = segment(PLACE, 7 / 6, 25 / 6) + segment(PLACE, -25 / 6, -7 / 6)


def middle_rates(net, drive, focus, form, width=1.0):
    """Rates (E, I) of the middle unit of the dense float64 program."""
    places = {"centre": (PLACE, 0.0), "surround": (np.abs(PLACE), 8 / 3)}
    given = published.attended(drive, gaussian(*places[focus], width), form)
    rates = ssn.steady_state(net, given, dt=0.5)
    return rates[UNITS // 2], rates[UNITS + UNITS // 2]


@pytest.mark.parametrize("form", published.FORMS)
def test_against_plain_numpy(data, net, form):
    """Every stimulus and focus at 20 %; the tolerance is that of the residual, amplified."""
    for focus in ("centre", "surround"):
        at = data.sel(contrast=20.0, focus=focus, attention=form)
        pairs = [
            middle_rates(net, 20 * mask, focus, form) for mask in (CENTRE, CENTRE + FLANKS, FLANKS)
        ]
        np.testing.assert_allclose(at.rates.values, pairs, rtol=2e-3, atol=2e-3)
        (alone, _), (both, _), _ = pairs
        assert float(at.suppression_index) == pytest.approx((alone - both) / alone, abs=2e-3)


def test_attention_indices_and_widths(data, net):
    """The indices from the program, and the curve over width at both of its ends."""
    E = {
        (focus, mask): middle_rates(net, 50 * drive, focus, "input to E")[0]
        for focus in ("centre", "surround")
        for mask, drive in (("alone", CENTRE), ("both", CENTRE + FLANKS))
    }
    expected = {}
    for mask, shown in (("alone", "centre alone"), ("both", "centre and surround")):
        a, b = E["centre", mask], E["surround", mask]
        at = data.attention_index.sel(contrast=50, attention="input to E", stimulus=shown)
        expected[mask] = (a - b) / (a + b)
        assert float(at) == pytest.approx(expected[mask], abs=1e-3)
    gain = float(sim.index_gain(data).sel(contrast=50))
    assert gain == pytest.approx(expected["both"] - expected["alone"], abs=2e-3)
    for width in (0.35, 4.0):
        for focus in ("centre", "surround"):
            alone, both = (
                middle_rates(net, 20 * drive, focus, "input to E", width)[0]
                for drive in (CENTRE, CENTRE + FLANKS)
            )
            at = data.suppression_index_by_width.sel(width=width, focus=focus)
            value = float(at.sel(attention="input to E"))
            assert value == pytest.approx(1 - both / alone, abs=2e-3)


def test_why_attention_to_the_centre_fails_at_weak_contrast(net):
    """What the note says: at 10 % a narrower field lowers SI; at 5 % no width does, and a
    stronger centre without attention is suppressed more, too."""

    def index(contrast, focus, width=1.0, stronger=1.0):
        form = "input to E" if focus else "unattended"
        alone, both = (
            middle_rates(
                net, contrast * (stronger * CENTRE + flanks), focus or "centre", form, width
            )[0]
            for flanks in (0 * FLANKS, FLANKS)
        )
        return 1 - both / alone

    plain = {contrast: index(contrast, None) for contrast in (5.0, 10.0)}
    assert index(10.0, "centre") > plain[10.0] + 0.01
    assert index(10.0, "centre", width=0.5) < plain[10.0] - 0.01
    for width in (1.0, 0.5, 0.35):
        assert index(5.0, "centre", width) > plain[5.0] + 0.005
    assert index(5.0, None, stronger=1.3) > plain[5.0] + 0.01


def test_one_side():
    one = sim.Settings(circuit=Line(units=UNITS), sides=1)
    np.testing.assert_allclose(one.stimuli()[2], segment(PLACE, 7 / 6, 25 / 6), atol=1e-5)
    np.testing.assert_allclose(one.attention_fields(1.0)[1], gaussian(PLACE, 8 / 3, 1), atol=1e-5)


def test_the_stimuli_beside_lie_outside_the_receptive_field(data):
    """As a surround must: alone they leave the middle unit silent."""
    rates = data.rates.sel(population="E", focus="centre", attention="unattended", contrast=50)
    outside = rates.sel(stimulus="surround alone") / rates.sel(stimulus="centre alone")
    assert float(outside) < 1e-3


def test_the_other_forms_agree_in_direction(data):
    change = sim.suppression_change(data).sel(attention=list(published.FORMS[1:]))
    assert (change.sel(focus="centre") < -0.03).all()
    assert (change.sel(focus="surround") > 0.015).all()


@pytest.mark.slow
def test_one_stimulus_beside_the_centre_as_in_the_laboratory():
    settings = sim.Settings(
        circuit=Line(units=41),
        sides=1,
        contrasts=Contrasts(values=(15.0, 40.0)),
        field_widths=Axis(values=(2.0,)),
    )
    rows = sim.experiment.rows(settings, sim.experiment.run(settings))
    assert len(rows) == 2 + 2 + 1 + 1
    assert all(row.holds for row in rows)
