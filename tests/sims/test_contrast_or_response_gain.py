"""Contrast and response gain against two independent programs, and a shift in closed form."""

import numpy as np
import pytest
from cortex.sims import contrast_or_response_gain as sim

from cortex.models import Line, NormalizationModel, TopDown
from cortex.settings import Axis, Contrasts
from tests.reference import normalization_model, published, ssn

WIDTHS = Axis(values=(1.0, 2.0))


# The line and the normalisation model once more, in float64, with no code in common.
UNITS = 31
PLACES = published.places(UNITS)


def bell(width):
    return published.gaussian(PLACES, 0.0, width)


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
def test_circuit_against_plain_numpy(settings, data, stimulus, field, form, contrast):
    net = published.line(UNITS)
    pattern = bell(settings.fields[sim.SIZES.index(field)])
    level = 100 ** (contrast / 10)
    drive = level * seen(settings.patches[sim.SIZES.index(stimulus)])
    rates = ssn.steady_state(net, published.attended(drive, pattern, form), dt=0.5)
    here = data.sel(stimulus=stimulus, field=field, attention=form).isel(contrast=contrast)
    assert float(here.contrast) == pytest.approx(level)
    # The residual allowed is 2e-5 of the largest rate, which here may be tens of these.
    np.testing.assert_allclose(here.rates, rates[[UNITS // 2, UNITS + UNITS // 2]], rtol=2e-3)


def test_model_against_plain_numpy(data):
    features = np.arange(24) * 15.0
    tuned = np.exp(-(np.minimum(features, 360 - features) ** 2) / (2 * 60.0**2))
    kernels = (
        ssn.circular_features(features, 360.0, 360.0),
        normalization_model.over_places(PLACES, 2.0),
    )
    drive = 10.0 * tuned[:, None] * seen(4.0)[None, :]
    for attended, strength in sim.ATTENDED.items():
        attention = np.ones((24, 1)) * (1 + strength * bell(0.5))[None, :]
        expected = normalization_model.response(drive, attention, *kernels, sigma=2.0)
        here = data.response.sel(stimulus="large", field="small", attended=attended)
        found = float(here.sel(contrast=10.0, method="nearest"))
        assert found == pytest.approx(expected[0, UNITS // 2], rel=1e-4)  # single precision


def test_persistence_against_interpolation(data):
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
