"""The normalisation model against sums written out, closed forms, and the authors' Figure 2."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.models import NormalizationModel
from tests.derivatives import check_derivatives
from tests.reference import normalization_model as plain
from tests.reference import ssn

# The authors' code, in its own units of space: fields 5 and 20 wide on places 1 apart.
CODE = NormalizationModel(features=12, stimulation_width=5.0, suppression_width=20.0)


def bump(places, centre, width):
    return jnp.exp(-((places - centre) ** 2) / (2 * width**2))


@partial(jax.jit, static_argnums=0)
def respond(model, places, patch, pattern):
    spacing = places[1] - places[0]
    drive = model.stimulus_drive(patch, spacing)
    everywhere = jnp.broadcast_to(pattern[None, :], drive.shape)
    return model.response(drive, model.attention_field(everywhere), spacing)


def test_against_sums_written_out():
    model = NormalizationModel(
        features=6,
        period=180.0,
        stimulation_width=0.6,
        stimulation_tuning=20.0,
        suppression_width=1.1,
        suppression_tuning=50.0,
        attention_peak=1.7,
        sigma=3.0,
        threshold=0.4,
    )
    places = 0.5 * np.arange(-7, 8)
    features = np.arange(6) * 30.0
    patch = 20 * np.exp(-((places - 1.0) ** 2) / (2 * 0.8**2))
    pattern = np.exp(-((places + 0.5) ** 2) / 2) * np.linspace(0.2, 1, 6)[:, None]

    tuned = plain.gaussian(np.minimum(features, 180.0 - features), 20.0)
    drive = tuned[:, None] * (plain.over_places(places, 0.6) @ patch)[None, :]
    expected = plain.response(
        drive,
        1 + 0.7 * pattern,
        ssn.circular_features(features, 50.0),
        plain.over_places(places, 1.1),
        sigma=3.0,
        threshold=0.4,
    )
    ours = model.stimulus_drive(jnp.asarray(patch), 0.5)
    found = model.response(ours, model.attention_field(jnp.asarray(pattern)), 0.5)
    # Single precision; nothing lies within that of the threshold.
    np.testing.assert_allclose(ours, drive, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert 0 < np.sum(expected == 0) < expected.size


def test_a_full_field_drives_by_its_contrast():
    drive = CODE.stimulus_drive(jnp.full(101, 30.0), 1.0)
    assert float(drive[0, 50]) == pytest.approx(30.0, rel=1e-5)
    assert float(drive[3, 50]) == pytest.approx(30.0 * np.exp(-(90**2) / (2 * 60**2)), rel=1e-5)


@pytest.mark.parametrize(
    ("patch_width", "field_width", "low", "high"),
    [(3.0, 30.0, 1.0, 1.05), (5.0, 3.0, 1.4, 1.5)],
    ids=["Fig. 2A: contrast gain", "Fig. 2B: response gain"],
)
def test_figure_2_of_the_paper(patch_width, field_width, low, high):
    """Sizes of the authors' scripts, as transcribed, against the closed form.

    Where S >> sigma, attended over unattended is a ratio of Gaussian integrals.
    """
    places = jnp.arange(-100.0, 101.0)
    patch = 1e6 * bump(places, 0.0, patch_width)
    without = respond(CODE, places, patch, jnp.zeros(201))[0, 100]
    attended = respond(CODE, places, patch, bump(places, 0.0, field_width))[0, 100]
    seen = 1 / (patch_width**2 + 5.0**2) + 1 / 20.0**2
    pooled = 1 + (seen / (seen + 1 / field_width**2)) ** 0.5
    assert float(attended / without) == pytest.approx(2 / pooled, rel=1e-3)
    assert low < 2 / pooled < high  # the effect vanishes, or most of it persists
    # At contrasts so low that only sigma divides, attention is the gain itself.
    faint = respond(CODE, places, 1e-10 * patch, bump(places, 0.0, field_width))[0, 100]
    alone = respond(CODE, places, 1e-10 * patch, jnp.zeros(201))[0, 100]
    assert float(faint / alone) == pytest.approx(2.0, rel=1e-3)


def test_attending_far_away_is_not_attending():
    """The paper attends to a second patch 200 units away for its unattended response."""
    places = jnp.arange(-200.0, 201.0)
    patch = 50 * (bump(places, -100.0, 3.0) + bump(places, 100.0, 3.0))
    away = respond(CODE, places, patch, bump(places, -100.0, 30.0))[0, 300]
    nowhere = respond(CODE, places, patch, jnp.zeros(401))[0, 300]
    assert float(away) == pytest.approx(float(nowhere), rel=1e-5)


def test_sigma_only_shifts_the_axis_of_log_contrast():
    places = jnp.arange(-50.0, 51.0)
    patch, pattern = bump(places, 0.0, 6.0), bump(places, 0.0, 4.0)
    wider = CODE.model_copy(update={"sigma": 5 * CODE.sigma})
    found = respond(wider, places, 35 * patch, pattern)
    np.testing.assert_allclose(found, respond(CODE, places, 7 * patch, pattern), rtol=2e-5)


def test_gradient_against_a_difference(x64):
    places = jnp.arange(-20.0, 21.0)

    def response(width):
        model = CODE.model_copy(update={"suppression_width": width[0]})
        patch, pattern = 9 * bump(places, 0.0, 4.0), bump(places, 0.0, 3.0)
        return respond.__wrapped__(model, places, patch, pattern)[0, 20]

    check_derivatives(response, jnp.array([20.0]), 1e-3, rtol=1e-6)
