"""Feature-similarity gain against an independent program, by hand, and with other settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import feature_similarity_gain as figure
from cortex.sims import feature_similarity_gain as gain

from cortex.analysis import interaction_slope, linear_fit, tuning_width
from cortex.experiment import ConfigError, Progress, load_config, plain, replaced
from tests.reference import ssn

UNITS = 60


@pytest.fixture(scope="module")
def config():
    return load_config("feature_similarity_gain")


@pytest.fixture(scope="module")
def data(config):
    return gain.run(config, Progress())


def bump(centre, width=30.0):
    apart = np.abs(np.arange(UNITS) * 180 / UNITS - centre)
    return np.exp(-(np.minimum(apart, 180 - apart) ** 2) / (2 * width**2))


def solve(first, last, field_first, field_last, to_I=0.0, gain_on_drive=0.0):
    """E rates of the last of two places; drives and attended fields (units) of both."""
    J = [180 / UNITS * j for j in (0.044, 0.023, 0.042, 0.018)]
    blocks = []
    for j in J:
        ring = ssn.ring_weights(UNITS, 180.0, j, 32.0)
        blocks.append(np.block([[0.9 * ring, 0.1 * ring], [0.1 * ring, 0.9 * ring]]))
    net = ssn.network(*blocks, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    drive = np.concatenate([first, last]) + 10
    field = np.concatenate([field_first, field_last])
    given = ssn.Input(
        drive=np.tile(drive * (1 + gain_on_drive * field), 2),
        extra=np.concatenate([3 * field, 3 * to_I * field]) * (gain_on_drive == 0),
    )
    return ssn.steady_state(net, given, dt=0.5)[UNITS : 2 * UNITS]


def test_which_rows_hold(config, data):
    measures = {m.name: m for m in gain.measure(config, data)}
    expected = [m for m in measures.values() if m.expected]
    assert len(expected) == 8
    assert all(name.name.endswith("[input to E]") for name in expected)
    assert [m.name for m in measures.values() if m.holds is False] == []
    # The finding: connections between places do not carry the feature.
    assert measures["gain_attended_preferred_local[input to E]"].value < 1
    assert "top-down" in measures["gain_attended_preferred_local[input to E]"].note


def test_states_against_plain_numpy(data):
    """The unattended state, the three forms everywhere, and the first place only."""
    none, field = np.zeros(UNITS), bump(90)
    first = 40 * bump(90)
    cases = (
        ("everywhere", "unattended", 5, (none, none), {}),
        ("everywhere", "input to E", 5, (field, field), {}),
        ("everywhere", "gain on drive", 40, (field, field), {"gain_on_drive": 0.3}),
        ("everywhere", "input to E and I", 5, (field, field), {"to_I": 1.0}),
        ("first place only", "input to E", 30, (field, none), {}),
        ("first place only", "input to E", -1, (field, none), {}),
    )
    for spread, form, stimulus, fields, rest in cases:
        found = data["rates_E"].sel(spread=spread, attention=form).isel(stimulus=stimulus)
        shown = float(found["stimulus"])
        last = none if stimulus == -1 else 40 * bump(shown)
        expected = solve(first, last, *fields, **rest)
        # Single precision and a residual of 2e-5 of the largest rate.
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_scaling_against_numpy_fits(data):
    """Gain, offset, width and ratios again, from the rates, in other ways."""
    rates = data["rates_E"].sel(spread="everywhere")
    before, after = (rates.sel(attention=a).values for a in ("unattended", "input to E"))
    found = data.sel(spread="everywhere", attention="input to E")
    for unit in (0, 17, 30):
        x, y = before[:-1, unit], after[:-1, unit]
        slope, intercept = np.polyfit(x, y, 1)
        assert float(found["gain"][unit]) == pytest.approx(slope, rel=1e-3)
        assert float(found["offset"][unit]) == pytest.approx(intercept / x.max(), abs=1e-3)
        assert float(found["gain_r2"][unit]) == pytest.approx(
            np.corrcoef(x, y)[0, 1] ** 2, abs=1e-4
        )
        fine = np.interp(np.linspace(0, 60, 60_001), np.arange(61), np.append(y, y[0]))
        width = 180 * (fine > (y.min() + y.max()) / 2).mean()
        assert float(found["width"][unit]) == pytest.approx(width, abs=0.02)
        own = int(np.argmax(x))  # on this grid a unit fires most at its own orientation
        assert float(found["ratio_own"][unit]) == pytest.approx(y[own] / x[own], rel=1e-4)


def test_ratio_test_by_hand(data):
    """One unit, its nine orientations in turn, sorted and paired by hand."""
    unit = 31  # prefers 93 deg: 80, 100, 60 deg, ... are 13, 7, 33 deg away
    pairs = ((100,), (80, 120), (60, 140), (40, 160), (20, 0))
    ratios = []
    for group in pairs:
        each = []
        for orientation in group:
            drive, field = 40 * bump(orientation), bump(orientation)
            none = np.zeros(UNITS)
            attended = solve(drive, drive, field, field)[unit]
            each.append(attended / solve(drive, drive, none, none)[unit])
        ratios.append(np.mean(each))
    found = data.sel(attention="input to E").isel(preferred=unit)
    np.testing.assert_allclose(found["test"], ratios, rtol=3e-3)
    slope, intercept = np.polyfit(np.arange(5), ratios, 1)
    assert float(found["test_slope"]) == pytest.approx(slope, abs=2e-3)
    assert float(found["test_intercept"]) == pytest.approx(intercept, abs=5e-3)


def test_measures_of_tuning_by_closed_form():
    x = jnp.asarray([[0.0, 1.0, 2.0, 5.0]])
    slope, intercept, r2 = linear_fit(x, 3.0 - 2.0 * x)
    np.testing.assert_allclose([slope[0], intercept[0], r2[0]], [-2, 3, 1], rtol=1e-6)
    noisy = np.random.default_rng(0).normal(size=(3, 20))
    slope, intercept, r2 = linear_fit(jnp.asarray(noisy), jnp.asarray(noisy[::-1].copy()))
    for row in range(3):
        fit = np.polyfit(noisy[row], noisy[2 - row], 1)
        np.testing.assert_allclose([slope[row], intercept[row]], fit, rtol=1e-3, atol=1e-5)
        correlation = np.corrcoef(noisy[row], noisy[2 - row])[0, 1]
        assert float(r2[row]) == pytest.approx(correlation**2, abs=1e-5)
    angle = np.arange(36) * 10.0
    cosine = 5 + 3 * np.cos(np.deg2rad(angle))  # above the middle over half of the circle
    triangle = np.maximum(0, 90 - np.abs(angle - 180))  # base 180, half height at 90
    widths = tuning_width(jnp.asarray(np.stack([cosine, triangle, 7 * triangle + 2])), 360.0)
    np.testing.assert_allclose(widths, [180, 90, 90], atol=1e-3)
    first, second = np.random.default_rng(1).uniform(0, 40, (2, 50))
    for weight in (0.0, 0.5, 1.0):
        both = weight * first + (1 - weight) * second
        found = interaction_slope(jnp.asarray(np.stack([first, second, both])))
        assert float(found) == pytest.approx(weight, abs=1e-5)


def test_positions_pair_the_nearest_orientations():
    tested, preferred = jnp.arange(5) * 36.0, jnp.asarray([5.0, 70.0])
    ratios = jnp.asarray([[10.0, 20.0, 30.0, 40.0, 50.0]] * 2)
    found = gain.by_position(ratios, tested, preferred, 180.0)
    # From 5: 0 | 36, 144 | 72, 108. From 70: 72 | 36, 108 | 0, 144.
    np.testing.assert_allclose(found, [[10, 35, 35], [30, 30, 30]])


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_the_file_spells_out_the_defaults(config):
    assert plain(config) == plain(gain.Config(experiment="feature_similarity_gain", seed=0))


@pytest.mark.slow
def test_other_settings_are_followed(config):
    asked = [
        "circuit.units=24",
        "places.count=3",
        "places.across=0.3",
        "stimulus.shown=8",
        "stimulus.tested=5",
        "attention.orientation=30",
        "attention.input=-1",
    ]
    other = load_config("feature_similarity_gain", asked)
    data = gain.run(other, Progress())
    measures = {m.name: m for m in gain.measure(other, data)}
    # Negative attention scales the other way round.
    assert measures["fsgm_slope[input to E]"].holds is False
    assert measures["gain_attended_preferred[input to E]"].value < 1
    assert measures["converged_share"].holds is True
    assert len(figure.draw(other, data, list(measures.values())).axes) == 6
    with pytest.raises(ConfigError, match="odd number"):
        load_config("feature_similarity_gain", ["stimulus.tested=6"])


def test_places_are_connected_as_said(config):
    """With the same input everywhere each place is a published ring."""
    small = replaced(config, {"circuit.units": 12, "places.count": 3})
    circuit = gain.connected_rings(small.circuit, small.places)
    single = gain.ring_circuit(small.circuit).coupling.matrices().IE
    matrix = np.asarray(circuit.coupling.matrices().IE).reshape(3, 12, 3, 12)
    np.testing.assert_allclose(matrix.sum(2)[0], single, rtol=1e-5)
    np.testing.assert_allclose(matrix[2, :, 0], 0.05 * single, rtol=1e-5)
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.all(jnp.isfinite(x))), circuit))
