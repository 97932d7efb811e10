"""Feature-similarity gain against an independent program, and by hand."""

import numpy as np
import pytest

from tests.reference import published, ssn

UNITS = 36


def bump(centre):
    return published.bump(UNITS, centre)


def solve(first, last, field_first, field_last, form="input to E"):
    """E rates of the last of two places; drives and attended fields (units) of both."""
    blocks = []
    for J in published.RING.values():
        ring = ssn.ring_weights(UNITS, 180.0, 180 / UNITS * J, 32.0)
        blocks.append(np.block([[0.9 * ring, 0.1 * ring], [0.1 * ring, 0.9 * ring]]))
    net = ssn.network(*blocks, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    drive = np.concatenate([first, last]) + 10
    field = np.concatenate([field_first, field_last])
    given = published.attended(drive, field, form)
    return ssn.steady_state(net, given, dt=0.5)[UNITS : 2 * UNITS]


def test_states_against_plain_numpy(data):
    """The unattended state, the three forms everywhere, and the first place only."""
    none, field = np.zeros(UNITS), bump(90)
    first = 40 * bump(90)
    cases = (
        ("everywhere", "unattended", 130, field),
        ("everywhere", "input to E", 130, field),
        ("everywhere", "gain on drive", 30, field),
        ("everywhere", "input to E and I", 130, field),
        ("first place only", "input to E", 0, none),
        ("first place only", "input to E", None, none),
    )
    for spread, form, shown, beside in cases:
        found = data.blank if shown is None else data.rates.sel(shown=shown)
        found = found.sel(spread=spread, attention=form, population="E")
        last = none if shown is None else 40 * bump(shown)
        # Single precision and a residual of 2e-5 of the largest rate.
        np.testing.assert_allclose(
            found, solve(first, last, field, beside, form), rtol=2e-3, atol=2e-3
        )


def test_scaling_against_numpy_fits(data):
    """Gain, width and ratios again, from the rates, in other ways."""
    rates = data.rates.sel(spread="everywhere", population="E")
    before, after = (rates.sel(attention=a).values for a in ("unattended", "input to E"))
    found = data.sel(spread="everywhere", attention="input to E")
    for unit in (0, 10, 18):
        x, y = before[:, unit], after[:, unit]
        fit = [*np.polyfit(x, y, 1), np.corrcoef(x, y)[0, 1] ** 2]
        np.testing.assert_allclose(found.scaling[unit], fit, rtol=1e-3, atol=1e-3)
        fine = np.interp(np.linspace(0, 18, 60_001), np.arange(19), np.append(y, y[0]))
        width = 180 * (fine > (y.min() + y.max()) / 2).mean()
        assert float(found.width[unit]) == pytest.approx(width, abs=0.02)
        own = int(np.argmax(x))  # on this grid a unit fires most at its own orientation
        assert float(found.ratio_own[unit]) == pytest.approx(y[own] / x[own], rel=1e-4)


def test_ratio_test_by_hand(data):
    """One unit, its nine orientations in turn, sorted and paired by hand."""
    unit = 19  # prefers 95 deg: 100, 80, 120 deg, ... are 5, 15, 25 deg away
    pairs = ((100,), (80, 120), (60, 140), (40, 160), (20, 0))
    ratios, none = [], np.zeros(UNITS)
    for group in pairs:
        each = []
        for orientation in group:
            drive, field = 40 * bump(orientation), bump(orientation)
            attended = solve(drive, drive, field, field)[unit]
            each.append(attended / solve(drive, drive, none, none)[unit])
        ratios.append(np.mean(each))
    found = data.sel(attention="input to E").isel(preferred=unit)
    np.testing.assert_allclose(found.ratio_test, ratios, rtol=3e-3)
    slope, intercept = np.polyfit(np.arange(5), ratios, 1)
    assert float(found.fsgm_slope) == pytest.approx(slope, abs=2e-3)
    assert float(found.fsgm_intercept) == pytest.approx(intercept, abs=5e-3)
