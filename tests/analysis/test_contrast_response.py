"""Persistence of attention's effect and Naka-Rushton fits, of curves made for the purpose."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.analysis.contrast_response import fit_gains, naka_rushton, persistence


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
