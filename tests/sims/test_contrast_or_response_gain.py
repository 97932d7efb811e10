"""Contrast and response gain against two independent programs, closed forms, other settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.sims import contrast_or_response_gain as gain
from pydantic import ValidationError

from cortex.analysis.contrast_response import fit_gains, naka_rushton, persistence
from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain, replaced, settings
from tests.reference import normalization_model, ssn

NAME = "contrast_or_response_gain"
KEY = jax.random.key(0)
SMALL = ["circuit.units=31", "stimulus.axis_points=9", "map.sizes=[1.0, 2.0]"]
# Steps of 1.3 in contrast, gains of 1.3, and a field far larger than the line.
OTHER = [
    *SMALL,
    "stimulus.sizes=[0.6, 3.0]",
    "stimulus.axis_low=10",
    f"stimulus.axis_high={10 * 1.3**8}",
    "field.sizes=[0.4, 1000]",
    "attention.input=-1",
    "normalization.attention_peak=1.3",
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME)


@pytest.fixture(scope="module")
def data(config):
    return gain.run(config, Progress())


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in gain.measure(config, data)}


@pytest.fixture(scope="module")
def small():
    """A few units and contrasts: fast to compile and solve."""
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def other():
    config = load_config(NAME, OTHER)
    return config, gain.run(config, Progress())


def test_every_expected_direction_holds(measures):
    compared = {name: m for name, m in measures.items() if m.expected or m.reference is not None}
    assert len(compared) == 2 * 4 + 1
    assert all(m.holds for m in compared.values())
    assert all(m.effect for m in compared.values())
    assert not any("gain on drive" in name or "E and I" in name for name in compared)


def test_what_is_reported_without_an_expectation(measures):
    """Response gain does not come with the input to E and I; it does with the gain on the drive."""
    title = "log_response_less_contrast_gain[{},large in small]"
    with_I = measures[title.format("input to E and I")]
    assert with_I.value < 0
    assert "no response gain" in with_I.note
    assert measures[title.format("gain on drive")].value > 0.5
    assert measures["smallest_fit_R2"].value > 0.98


def test_the_file_spells_out_the_defaults(config):
    assert plain(config) == plain(gain.Config(experiment=NAME, seed=0))


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


# The line and the normalisation model once more, in float64, with no code in common.
PLACES = np.arange(-50, 51) / 3


def bell(width):
    return np.exp(-(PLACES**2) / (2 * width**2))


def seen(patch_width):
    return normalization_model.over_places(PLACES, 0.5) @ bell(patch_width)


@pytest.mark.parametrize(
    ("stimulus", "field", "form", "contrast"),
    [
        ("small", "small", "unattended", 12),
        ("large", "small", "input to E", 20),
        ("small", "large", "gain on drive", 14),
        ("large", "large", "input to E and I", 10),
    ],
)
def test_circuit_against_plain_numpy(config, data, stimulus, field, form, contrast):
    strengths = {"EE": (1.0, 2 / 3), "EI": (1.0, 0.0), "IE": (1.25, 4 / 3), "II": (0.75, 0.0)}
    weights = {name: ssn.line_weights(101, 1 / 3, *pair) for name, pair in strengths.items()}
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.01, 0.01), n=(2.0, 2.0))
    pattern = bell(dict(zip(gain.SIZES, config.field.sizes, strict=True))[field])
    level = 100 ** (contrast / 20)
    drive = level * seen(dict(zip(gain.SIZES, config.stimulus.sizes, strict=True))[stimulus])
    silent = np.zeros(101)
    extra = {
        "input to E": np.r_[3 * pattern, silent],
        "input to E and I": np.r_[3 * pattern, 3 * pattern],
    }.get(form, np.zeros(202))
    factor = 1 + (0.3 if form == "gain on drive" else 0.0) * np.r_[pattern, pattern]
    given = ssn.Input(np.r_[drive, drive], drive_gain=factor, extra=extra)
    rates = ssn.steady_state(net, given, dt=0.5, tolerance=1e-7)
    here = data.sel(stimulus=stimulus, field=field, attention=form).isel(contrast=contrast)
    assert float(here["contrast"]) == pytest.approx(level)
    # The residual allowed is 2e-5 of the largest rate, which here may be tens of these.
    assert float(here["r_E"]) == pytest.approx(rates[50], rel=2e-3)
    assert float(here["r_I"]) == pytest.approx(rates[151], rel=2e-3)


def test_model_against_plain_numpy(data):
    features = np.arange(24) * 15.0
    tuned = np.exp(-(np.minimum(features, 360 - features) ** 2) / (2 * 60.0**2))
    kernels = (
        normalization_model.over_features(features, 360.0, 360.0),
        normalization_model.over_places(PLACES, 2.0),
    )
    drive = 10.0 * tuned[:, None] * seen(4.0)[None, :]
    for index, strength in enumerate((0.0, 1.0)):
        attention = np.ones((24, 1)) * (1 + strength * bell(0.5))[None, :]
        expected = normalization_model.response(drive, attention, *kernels, sigma=2.0)
        here = data["response"].sel(stimulus="large", field="small").isel(attended=index)
        assert float(here[10]) == pytest.approx(expected[0, 50], rel=1e-4)  # single precision


def test_persistence_against_interpolation(data):
    contrast = data["contrast"].values
    for stimulus in gain.SIZES:
        here = data.sel(stimulus=stimulus, field="small")
        alone = here["r_E"].sel(attention="unattended").values
        ratio = here["r_E"].sel(attention="input to E").values / alone
        half = np.exp(np.interp(alone.max() / 2, alone, np.log(contrast)))
        at_half = np.exp(np.interp(np.log(half), np.log(contrast), np.log(ratio)))
        found = here.sel(series="input to E")
        assert float(found["half"]) == pytest.approx(half, rel=1e-4)
        assert float(found["ratio_half"]) == pytest.approx(at_half, rel=1e-4)
        kept = np.log(ratio[-1]) / np.log(at_half)
        assert float(found["persistence"]) == pytest.approx(kept, rel=1e-3)


def test_persistence_of_pure_gains():
    contrast = jnp.asarray(np.geomspace(1, 1e4, 41))
    alone = contrast**2 / (contrast**2 + 900)
    scaled = persistence(contrast, alone, 1.4 * alone)
    shifted = persistence(contrast, alone, (2 * contrast) ** 2 / ((2 * contrast) ** 2 + 900))
    assert float(scaled["persistence"]) == pytest.approx(1.0, abs=1e-4)
    assert float(shifted["persistence"]) == pytest.approx(0.0, abs=1e-4)
    assert float(scaled["half"]) == pytest.approx(30.0, rel=0.02)  # between points of the axis
    assert np.isnan(persistence(contrast, alone, 1.001 * alone)["persistence"])
    assert np.isnan(persistence(contrast, 1 + alone, 2 + alone)["half"])


def test_the_fit_finds_known_gains():
    contrast = np.geomspace(1, 100, 15)
    alone = naka_rushton(contrast, 30.0, 25.0, 1.7)
    attended = 0.8 + naka_rushton(contrast, 30.0 * 1.25, 25.0 / 1.5, 1.7)
    found = fit_gains(contrast, alone, attended)
    assert found["response_gain"] == pytest.approx(1.25, rel=1e-3)
    assert found["contrast_gain"] == pytest.approx(1.5, rel=1e-3)
    assert found["exponent"] == pytest.approx(1.7, rel=1e-3)
    assert found["half_saturation"] == pytest.approx(25.0, rel=1e-3)
    assert found["fit_R2"] == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(fit_gains(contrast, alone, attended * np.nan)["fit_R2"])


def test_a_gain_on_all_of_the_drive_is_contrast_gain(other):
    """Drive times 1.3 is contrast times 1.3, which here is one step of the axis."""
    _, data = other
    wide = data.sel(field="large")
    for rates in (wide["r_E"], wide["r_I"]):
        shifted = rates.sel(attention="gain on drive").values[:, :-1]
        # The residuals allowed, 2e-5 of the largest rate of the line, and single precision.
        np.testing.assert_allclose(
            shifted, rates.sel(attention="unattended").values[:, 1:], rtol=2e-3
        )
    without, attended = np.moveaxis(wide["response"].values, 1, 0)
    np.testing.assert_allclose(attended[:, :-1], without[:, 1:], rtol=1e-5)
    fitted = wide.sel(series="normalisation model")  # a Naka-Rushton curve: the fit is exact
    np.testing.assert_allclose(fitted["contrast_gain"], 1.3, rtol=0.01)
    np.testing.assert_allclose(fitted["response_gain"], 1.0, rtol=0.01)


def test_other_settings_are_followed(other):
    config, data = other
    np.testing.assert_allclose(data["contrast"], 10 * 1.3 ** np.arange(9))
    np.testing.assert_allclose(data["stimulus_width"], [0.6, 3.0])
    np.testing.assert_allclose(data["field_width"], [0.4, 1000.0])
    named = {m.name: m for m in gain.measure(config, data)}
    assert named["persistence_rise[input to E]"].expected is None  # attention that weakens
    assert named["smallest_ratio_at_half[input to E]"].value < 1
    assert named["persistence_rise[normalisation model]"].expected is not None
    assert [name for name, m in named.items() if m.reference] == ["converged_share"]
    narrow = load_config(NAME, [*SMALL, "field.sizes=[4.5, 5.0]"])  # none is small
    assert not any(m.expected for m in gain.measure(narrow, data))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stimulus.sizes=[4.0, 0.5]", "sizes: found [4, 0.5], allowed: rising numbers [deg]"),
        ("field.sizes=[2.0, 2.0]", "sizes: found [2, 2], allowed: rising numbers [deg]"),
        ("map.sizes=[1.0, 1.0, 2.0]", "allowed: rising numbers [deg]"),
        ("stimulus.axis_low=200", "axis_low: found 200, allowed: a number < axis_high (100) [%]"),
    ],
)
def test_bad_combinations_are_refused(setting, words):
    with pytest.raises((UserError, ValidationError)) as refused:
        load_config(NAME, [setting])
    assert words in str(refused.value)


@pytest.mark.slow
def test_vmap_over_every_number(small, other):
    """Every continuous setting as a traced array, at once, in one batch with other values."""
    changed = {row.path: row.value for row in settings(other[0])}
    numbers = {
        row.path: row.value
        for row in settings(small)
        # The spacing and the widths of 0 decide how the line is built.
        if isinstance(row.value, float | tuple)
        and row.value != 0
        and not row.path.startswith(("solver.", "circuit.spacing"))
    }
    assert len(numbers) == 10 + 3 + 1 + 3 + 7 + 1
    both = {
        path: jax.tree.map(lambda a, b: jnp.asarray([a, b]), value, changed[path])
        for path, value in numbers.items()
    }
    swept = jax.jit(jax.vmap(lambda values: gain.simulate(replaced(small, values), KEY)))(both)
    for name in ("r_E", "response", "ratio_half", "map_persistence"):
        found, single = swept[name][1], other[1][name].values
        # Not the same steps in a batch, nor the same rounding: the tolerance of the solver.
        np.testing.assert_allclose(found, single, rtol=5e-3, atol=1e-3, err_msg=name)
    assert not np.allclose(swept["r_E"][0], swept["r_E"][1], rtol=0.1)


@pytest.mark.slow
def test_gradient_against_a_difference(small):
    def effect(strength):
        found = gain.simulate(replaced(small, {"attention.input": strength}), KEY)
        return jnp.log(found["ratio_top"][1, 0, 0])

    value_and_slope = jax.jit(lambda strength: jax.jvp(effect, (strength,), (1.0,)))
    _, slope = value_and_slope(3.0)
    step = 0.2  # single precision and the tolerance of the settling leave about 1e-4 in the log
    difference = (value_and_slope(3.0 + step)[0] - value_and_slope(3.0 - step)[0]) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=0.02)
