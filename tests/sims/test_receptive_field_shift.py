"""Receptive fields under attention against an independent program and closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
from cortex.sims import receptive_field_shift as sim

from tests.reference import published
from tests.reference.published import gaussian

FORM = "input to E"
UNITS = 61
PLACE = published.places(UNITS)
PROBE = np.arange(-12, 13) * 2 / 3
FOCUS = {"centre": 0.0, "inside": 4 / 3, "other side": -4 / 3, "beside": 4.0}
LINE = published.line(UNITS)


def fields(contrast, focus=None, form=None, constant=False):
    """Maps of the dense float64 program: rates (recorded, probe) and without a probe (recorded).

    All probes at once, by Euler steps written out.
    """
    bump = np.zeros(UNITS) if focus is None else gaussian(PLACE, FOCUS[focus], 1.0)
    drive = np.stack([gaussian(PLACE, p, 0.5) for p in PROBE] + [np.zeros(UNITS)])
    if constant:
        drive = drive + gaussian(PLACE, 4 / 3, 0.5) + gaussian(PLACE, -4 / 3, 0.5)
    given = published.attended(contrast * drive, bump, form)
    given = given.drive + given.extra
    rates = np.zeros_like(given)
    for _ in range(4000):
        change = 0.01 * np.maximum(given + rates @ LINE.weights.T, 0) ** 2 - rates
        rates = rates + 0.5 * change / LINE.tau
        if np.abs(change).max() < 1e-7:
            break
    E, pooling = rates[:, :UNITS], gaussian(PLACE, 0.0, 2.0)
    recorded = np.stack([E @ (pooling / pooling.sum()), E[:, UNITS // 2]])
    return recorded[:, :-1], recorded[:, -1]


def moments(above):
    """Centre of mass and standard deviation of what lies above 0, by sums."""
    weight = np.maximum(above, 0)
    centre = (weight * PROBE).sum() / weight.sum()
    return centre, np.sqrt((weight * (PROBE - centre) ** 2).sum() / weight.sum())


@pytest.mark.parametrize(
    ("focus", "form", "constant"),
    [
        (None, None, False),
        ("inside", "input to E", False),
        ("inside", "gain on drive", True),
        ("beside", "input to E and I", False),
    ],
)
def test_against_plain_numpy(data, focus, form, constant):
    """The maps, and their centres and sizes; the tolerance is that of the residual, amplified."""
    rates, baseline = fields(20.0, focus, form, constant)
    at = data.sel(contrast=20.0, shown="constant stimuli" if constant else "probe alone")
    at = at.sel(focus=focus or "centre", attention=form or "unattended")
    np.testing.assert_allclose(at.baseline.values, baseline, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(at.response.values, rates - baseline[:, None], atol=5e-3)
    for index in range(2):
        centre, spread = moments(rates[index] - baseline[index])
        assert float(at.centre[index]) == pytest.approx(centre, abs=3e-3)
        assert float(at.spread[index]) == pytest.approx(spread, abs=3e-3)


def test_the_two_sides_mirror_each_other(data):
    """The line is symmetric about the recorded unit: a second run in a mirror."""
    left, right = (data.sel(focus=focus) for focus in ("other side", "inside"))
    np.testing.assert_allclose(left.response.values[..., ::-1], right.response.values, atol=2e-3)
    np.testing.assert_allclose(left.centre.values, -right.centre.values, atol=2e-3)
    at = data.sel(contrast=20.0, shown="probe alone", focus="beside")
    curve = data.centre_by_distance.sel(distance=4.0)
    np.testing.assert_allclose(curve.values, at.centre.values, atol=1e-3)


def test_shift_and_size_by_hand(data):
    """Half the difference between two foci inside; else attended less, or over, unattended."""
    at = data.isel(contrast=0).sel(shown="probe alone", recorded="next area")
    centre = {focus: float(at.centre.sel(focus=focus, attention=FORM)) for focus in FOCUS}
    plain = at.sel(attention="unattended", focus="beside")
    inside = sim.stated(sim.shift, "inside", "next area", "probe alone")(data)
    assert float(inside) == pytest.approx((centre["inside"] - centre["other side"]) / 2)
    beside = sim.stated(sim.shift, "beside", "next area", "probe alone")(data)
    assert float(beside) == pytest.approx(centre["beside"] - float(plain.centre), abs=1e-5)
    ratio = sim.stated(sim.size, "beside", "next area", "probe alone")(data)
    spread = float(at.spread.sel(focus="beside", attention=FORM))
    assert float(ratio) == pytest.approx(spread / float(plain.spread), rel=1e-5)


def test_centre_and_spread_of_a_gaussian():
    """Closed form: those of a Gaussian are its own, whatever is below 0 counts as 0."""
    place = np.linspace(-10, 10, 81)
    field = 3.0 * np.exp(-((place - 0.7) ** 2) / (2 * 1.3**2))
    maps = np.stack([field, np.where(field < 1e-6, -0.5, field), np.full_like(place, -1.0)])
    centre, spread = sim.centre_and_spread(jnp.asarray(maps), jnp.asarray(place))
    np.testing.assert_allclose(centre[:2], 0.7, atol=1e-4)
    np.testing.assert_allclose(spread[:2], 1.3, atol=1e-3)
    assert np.isnan(centre[2])
    assert np.isnan(spread[2])


def test_directions_are_stated_at_the_middle_contrast(data):
    """The upper one of two."""
    for contrasts, middle in (((8.0, 15.0), 15.0), ((10.0, 20.0, 40.0), 20.0)):
        assert (
            sim.middle_contrast(
                data.isel(contrast=[0] * len(contrasts)).assign_coords(contrast=list(contrasts))
            )
            == middle
        )


def test_why_three_rows_fail():
    """What the notes say, by the program."""
    # A probe beyond the focus takes from the response to the attended constant stimulus.
    beyond = (PROBE > 3) & (PROBE < 5)
    plain, attended = (
        rates[0] - baseline[0]
        for rates, baseline in (
            fields(20.0, constant=True),
            fields(20.0, "inside", "input to E", constant=True),
        )
    )
    assert (attended[beyond] < -0.02).all()
    assert (plain[beyond] > -0.002).all()
    # At 10 %, where the circuit still sums, the shift is toward the focus.
    rates, baseline = fields(10.0, "inside", "input to E", constant=True)
    assert moments(rates[0] - baseline[0])[0] > 0.15
    # In the area itself neighbours pull at weak contrast and push at strong contrast.
    centres = {}
    for contrast in (10.0, 40.0):
        rates, baseline = fields(contrast, "inside", "input to E")
        centres[contrast] = moments(rates[1] - baseline[1])[0]
    assert centres[10.0] > 0.05
    assert centres[40.0] < -0.02
    # Additive input raises weak responses by a larger factor than strong ones; gain does not.
    plain, _ = fields(20.0)
    for form, wider in (("input to E", True), ("gain on drive", False)):
        rates, baseline = fields(20.0, "centre", form)
        factor = (rates[1] - baseline[1]) / np.where(plain[1] > 0.01, plain[1], np.nan)
        flank, middle = factor[np.abs(PROBE) == 2 / 3].mean(), factor[PROBE == 0][0]
        assert (flank > 1.1 * middle) == wider
