"""Contrast and response gain against two independent programs, and a shift in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.sims import contrast_or_response_gain as sim

from cortex.models import Line, NormalizationModel, TopDown
from cortex.settings import Axis, Contrasts, replaced
from tests.reference import normalization_model, ssn

WIDTHS = Axis(values=(1.0, 2.0))


@pytest.fixture(scope="module")
def data():
    """At contrasts that are among those of the default curve."""
    settings = sim.Settings(contrasts=Contrasts(curve=(1.0, 100.0, 11)), widths=WIDTHS)
    return settings, sim.experiment.run(settings)


# The line and the normalisation model once more, in float64, with no code in common.
PLACES = np.arange(-50, 51) / 3


def bell(width):
    return np.exp(-(PLACES**2) / (2 * width**2))


def seen(patch_width):
    return normalization_model.over_places(PLACES, 0.5) @ bell(patch_width)


@pytest.mark.parametrize(
    ("stimulus", "field", "form", "contrast"),
    [
        ("small", "small", "unattended", 6),
        ("large", "small", "input to E", 10),
        ("small", "large", "gain on drive", 7),
        ("large", "large", "input to E and I", 5),
    ],
)
def test_circuit_against_plain_numpy(data, stimulus, field, form, contrast):
    settings, data = data
    strengths = {"EE": (1.0, 2 / 3), "EI": (1.0, 0.0), "IE": (1.25, 4 / 3), "II": (0.75, 0.0)}
    weights = {name: ssn.line_weights(101, 1 / 3, *pair) for name, pair in strengths.items()}
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.01, 0.01), n=(2.0, 2.0))
    pattern = bell(settings.fields[sim.SIZES.index(field)])
    level = 100 ** (contrast / 10)
    drive = level * seen(settings.patches[sim.SIZES.index(stimulus)])
    silent = np.zeros(101)
    extra = {
        "input to E": np.r_[3 * pattern, silent],
        "input to E and I": np.r_[3 * pattern, 3 * pattern],
    }.get(form, np.zeros(202))
    factor = 1 + (0.3 if form == "gain on drive" else 0.0) * np.r_[pattern, pattern]
    given = ssn.Input(np.r_[drive, drive], drive_gain=factor, extra=extra)
    rates = ssn.steady_state(net, given, dt=0.5, tolerance=1e-7)
    here = data.sel(stimulus=stimulus, field=field, attention=form).isel(contrast=contrast)
    assert float(here.contrast) == pytest.approx(level)
    # The residual allowed is 2e-5 of the largest rate, which here may be tens of these.
    np.testing.assert_allclose(here.rates, [rates[50], rates[151]], rtol=2e-3)


def test_model_against_plain_numpy(data):
    _, data = data
    features = np.arange(24) * 15.0
    tuned = np.exp(-(np.minimum(features, 360 - features) ** 2) / (2 * 60.0**2))
    kernels = (
        normalization_model.over_features(features, 360.0, 360.0),
        normalization_model.over_places(PLACES, 2.0),
    )
    drive = 10.0 * tuned[:, None] * seen(4.0)[None, :]
    for attended, strength in sim.ATTENDED.items():
        attention = np.ones((24, 1)) * (1 + strength * bell(0.5))[None, :]
        expected = normalization_model.response(drive, attention, *kernels, sigma=2.0)
        here = data.response.sel(stimulus="large", field="small", attended=attended)
        found = float(here.sel(contrast=10.0, method="nearest"))
        assert found == pytest.approx(expected[0, 50], rel=1e-4)  # single precision


def test_persistence_against_interpolation(data):
    _, data = data
    contrast = data.contrast.values
    for stimulus in sim.SIZES:
        here = data.sel(stimulus=stimulus, field="small")
        E = here.rates.sel(population="E")
        alone = E.sel(attention="unattended").values
        ratio = E.sel(attention="input to E").values / alone
        half = np.exp(np.interp(alone.max() / 2, alone, np.log(contrast)))
        at_half = np.exp(np.interp(np.log(half), np.log(contrast), np.log(ratio)))
        found = here.sel(series="input to E")
        assert float(found.half) == pytest.approx(half, rel=1e-4)
        assert float(found.ratio_half) == pytest.approx(at_half, rel=1e-4)
        kept = np.log(ratio[-1]) / np.log(at_half)
        assert float(found.persistence) == pytest.approx(kept, rel=1e-3)


def test_response_gain_does_not_come_with_the_input_to_E_and_I(data):
    """It does with the gain on the drive; and what is said of the fits is so."""
    _, data = data
    balance = sim.balance(data, "large", "small")
    assert float(balance.sel(series="input to E and I")) < 0
    assert float(balance.sel(series="gain on drive")) > 0.5
    assert float(data.fit_R2.min()) > 0.98


@pytest.mark.slow
def test_a_gain_on_all_of_the_drive_is_contrast_gain():
    """Drive times 1.3 is contrast times 1.3, which here is one step of the axis.

    The attention field is far larger than the line. Attention that weakens makes no claims.
    """
    settings = sim.Settings(
        circuit=Line(units=31),
        contrasts=Contrasts(curve=(10.0, 10.0 * 1.3**8, 9)),
        patches=(0.6, 3.0),
        fields=(0.4, 1000.0),
        widths=WIDTHS,
        attention=TopDown(input=-1.0),
        normalization=NormalizationModel(attention_peak=1.3),
    )
    data = sim.experiment.run(settings)
    wide = data.sel(field="large")
    rates = wide.rates.transpose("contrast", ...)
    shifted = rates.sel(attention="gain on drive").values[:-1]
    # The residuals allowed, 2e-5 of the largest rate of the line, and single precision.
    np.testing.assert_allclose(shifted, rates.sel(attention="unattended").values[1:], rtol=2e-3)
    response = wide.response.transpose("contrast", ...)
    attended, without = (response.sel(attended=word) for word in ("attended", "unattended"))
    np.testing.assert_allclose(attended.values[:-1], without.values[1:], rtol=1e-5)
    fitted = wide.sel(series="normalisation model")  # a Naka-Rushton curve: the fit is exact
    np.testing.assert_allclose(fitted.contrast_gain, 1.3, rtol=0.01)
    np.testing.assert_allclose(fitted.response_gain, 1.0, rtol=0.01)
    rows = sim.experiment.rows(settings, data)
    assert [row.name for row in rows if row.expected or row.reference] == ["settled_share"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"patches": (4.0, 0.5)}, r"patches: found \[4, 0.5\], allowed: rising numbers \[deg\]"),
        ({"fields": (2.0, 2.0)}, r"fields: found \[2, 2\], allowed: rising numbers \[deg\]"),
    ],
)
def test_sizes_that_do_not_rise_are_refused(setting, words):
    with pytest.raises(ValueError, match=words):
        sim.Settings(**setting)


@pytest.mark.slow
def test_gradient_against_a_difference():
    small = sim.Settings(
        circuit=Line(units=31), contrasts=Contrasts(curve=(1.0, 100.0, 5)), widths=WIDTHS
    )

    def effect(strength):
        found = sim.simulate(replaced(small, {"attention.input": strength}), jax.random.key(0))
        E = found["rates"].sel(population="E", stimulus="large", field="small")
        ratio = E.sel(attention="input to E").values / E.sel(attention="unattended").values
        return jnp.log(ratio[-1])

    value_and_slope = jax.jit(lambda strength: jax.jvp(effect, (strength,), (1.0,)))
    _, slope = value_and_slope(3.0)
    step = 0.2  # single precision and the tolerance of the settling leave about 1e-4 in the log
    difference = (value_and_slope(3.0 + step)[0] - value_and_slope(3.0 - step)[0]) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=0.02)
