"""Populations against an independent program, their correlations against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from cortex.sims import normalization_and_modulation as population
from scipy import stats

from cortex.models.ring import Ring
from tests.reference import published, ssn

UNITS, CELLS = 12, 12
FACTORS = population.FACTORS


def test_one_cell_against_plain_numpy(settings, data):
    """The circuit drawn for one cell of "all", its nine states solved in float64."""
    number, row = 3, population.CAUSES.index("all")
    key = jax.random.split(jax.random.key(0), len(population.CAUSES) * CELLS)[row * CELLS + number]
    spreads = {n: jnp.asarray(x) for n, x in settings.heterogeneity.of("all").items()}
    circuit, drive, untuned, top_down = population.draw(settings.circuit, spreads, key)
    w, k = circuit.coupling.weights, circuit.populations.k
    net = ssn.network(w.EE, w.EI, w.IE, w.II, tau=(20, 10), k=(np.asarray(k.E), 0.04), n=(2, 2))

    def rate(stimulus, pattern=0.0, form="unattended"):
        given = published.attended(stimulus, pattern + np.zeros(UNITS), form)
        return ssn.steady_state(net, given, dt=0.5)[3]  # prefers 45

    a, b = published.bump(UNITS, 45), published.bump(UNITS, 135)
    first, second = (float(drive) * 50 * (h + np.asarray(untuned)) for h in (a, b))
    alone = [rate(first), rate(second), rate(first + second)]
    at = data.sel(cause="all", cell=number)
    np.testing.assert_allclose(at.alone, alone, rtol=2e-3, atol=2e-3)
    normalised = (alone[0] - alone[2]) / (alone[0] + alone[2])
    assert float(at.normalisation) == pytest.approx(normalised, abs=1e-3)
    strength, both = float(top_down), first + second
    attended = [[rate(both, strength * h, form) for h in (a, b)] for form in published.FORMS[1:]]
    np.testing.assert_allclose(at.attended, attended, rtol=2e-3, atol=2e-3)
    for form, (best, null) in enumerate(attended):
        found, rest = at.isel(attention=form), alone[2]
        indices = {
            "modulation": (best - null) / (best + null),
            "modulation_preferred": (best - rest) / (best + rest),
            "modulation_null": (rest - null) / (rest + null),
        }
        for name, index in indices.items():
            assert float(found[name]) == pytest.approx(index, abs=2e-3)


def test_factors_are_drawn_as_said():
    spreads = dict(zip(population.FACTORS, (0.3, 0.2, 0.1, 0.4, 0.5, 0.6), strict=True))
    spreads = {name: jnp.asarray(value) for name, value in spreads.items()}
    keys = jax.random.split(jax.random.key(5), 400)
    ring = Ring(units=16)
    drawn = jax.jit(jax.vmap(lambda key: population.draw(ring, spreads, key)))(keys)
    base = ring.circuit().coupling.matrices()
    weights = drawn.circuit.coupling.weights
    factor = np.log(np.asarray(weights.IE) / np.asarray(base.IE))
    assert np.ptp(factor, axis=(1, 2)).max() < 1e-4  # one a circuit
    rows = np.log(np.asarray(weights.EI) / np.asarray(base.EI))
    assert np.ptp(rows, axis=2).max() < 1e-4  # one a cell that receives
    own = rows[:, :, 0] - rows[:, :, 0].mean(axis=1, keepdims=True)
    for found, spread in (
        (factor[:, 0, 0], 0.3),
        (own * np.sqrt(16 / 15), 0.2),
        (np.log(np.asarray(drawn.circuit.populations.k.E) / 0.04), 0.1),
        (np.log(np.asarray(drawn.drive)), 0.4),
        (np.log(np.asarray(drawn.top_down)), 0.6),
    ):
        # Four standard errors of a standard deviation of 400 draws: 14 %.
        assert np.std(found) == pytest.approx(spread, rel=0.14)
    assert float(jnp.min(drawn.untuned)) >= 0
    assert float(jnp.mean(drawn.untuned)) == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.05)


def test_one_cause_at_a_time(settings, data):
    expected = {name: 0.2 * (name == "gain") for name in FACTORS}
    assert settings.heterogeneity.of("gain") == expected
    assert np.ptp(data.top_down.sel(cause="gain").values) == 0
    assert np.ptp(data.top_down.sel(cause="top_down").values) > 0.1
    # What varies with attention alone normalises alike, so that nothing can be tied to it.
    assert np.isnan(data.correlation.sel(cause="top_down")).all()
    assert np.isfinite(data.correlation.sel(cause="gain")).all()


def indices(x, y):
    return xr.Dataset({"normalisation": ("cell", x), "modulation": ("cell", y)})


def test_correlations_against_scipy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=150)
    y = 0.5 * x + rng.normal(size=150)
    y[:20] = np.round(y[:20])  # ties
    found = population.correlation(indices(x, y))
    expected = [stats.pearsonr(x, y)[0], stats.spearmanr(x, y)[0]]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    holed = population.correlation(indices(np.append(x, np.nan), np.append(y, 1.0)))
    np.testing.assert_allclose(holed, expected, atol=1e-12)
    assert np.isnan(population.correlation(indices(np.ones(50), y[:50]))).all()
