"""Populations against an independent program, correlations against SciPy, other settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import normalization_and_modulation as figure
from cortex.sims import normalization_and_modulation as population
from scipy import stats

from cortex.analysis import bootstrap_correlation
from cortex.experiment import Progress, load_config, plain, replaced
from tests.reference import ssn


@pytest.fixture(scope="module")
def config():
    return load_config("normalization_and_modulation")


@pytest.fixture(scope="module")
def data(config):
    return population.run(config, Progress())


def test_which_rows_hold(config, data):
    measures = {m.name: m for m in population.measure(config, data)}
    assert len([m for m in measures.values() if m.expected]) == 4
    assert [m.name for m in measures.values() if m.holds is False] == []
    # Alone, every cause but the strength of attention ties the two indices.
    for cause in ("weights", "inhibition", "gain", "drive", "untuned"):
        assert measures[f"spearman[{cause},input to E]"].value > 0.8
    assert "spearman[top_down,input to E]" not in measures
    assert measures["normalisation_spread[top_down]"].value < 1e-5
    assert "alike" in measures["normalisation_spread[top_down]"].note
    # The finding: not every form of attention shows it.
    assert measures["spearman[untuned,gain on drive]"].value < -0.4
    assert abs(measures["spearman[all,gain on drive]"].value) < 0.2


def test_one_cell_against_plain_numpy(config, data):
    """The circuit drawn for one cell of "all", its nine states solved in float64."""
    varied, number = config.heterogeneity, 3
    row = population.CAUSES.index("all") * varied.cells + number
    key = jax.random.split(jax.random.key(0), len(population.CAUSES) * varied.cells)[row]
    spreads = {name: jnp.asarray(getattr(varied, name)) for name in population.FACTORS}
    circuit, drive, untuned, top_down = population.draw(config.circuit, spreads, key)
    w, k = circuit.coupling.weights, circuit.populations.k
    net = ssn.network(w.EE, w.EI, w.IE, w.II, tau=(20, 10), k=(np.asarray(k.E), 0.04), n=(2, 2))

    def bump(centre):
        apart = np.abs(np.arange(16) * 11.25 - centre)
        return np.exp(-(np.minimum(apart, 180 - apart) ** 2) / (2 * 30**2))

    def rate(stimulus, to_E=0.0, to_I=0.0, gain=1.0):
        extra = np.concatenate([to_E + np.zeros(16), to_I + np.zeros(16)])
        given = ssn.Input(drive=np.tile(stimulus * gain, 2), extra=extra)
        return ssn.steady_state(net, given, dt=0.5)[4]

    a, b = bump(45), bump(135)
    first, second = (float(drive) * 50 * (h + np.asarray(untuned)) for h in (a, b))
    alone = [rate(first), rate(second), rate(first + second)]
    at = data.sel(cause="all", cell=number)
    np.testing.assert_allclose(at["alone"], alone, rtol=2e-3, atol=2e-3)
    assert float(at["normalisation"]) == pytest.approx(
        (alone[0] - alone[2]) / (alone[0] + alone[2]), abs=1e-3
    )
    strength = float(top_down)
    attended = [
        [rate(first + second, to_E=3 * strength * h) for h in (a, b)],
        [rate(first + second, gain=1 + 0.3 * strength * h) for h in (a, b)],
        [rate(first + second, to_E=3 * strength * h, to_I=3 * strength * h) for h in (a, b)],
    ]
    np.testing.assert_allclose(at["attended"], attended, rtol=2e-3, atol=2e-3)
    for form, (best, null) in enumerate(attended):
        found = at.isel(attention=form)
        assert float(found["modulation"]) == pytest.approx((best - null) / (best + null), abs=2e-3)
        assert float(found["modulation_null"]) == pytest.approx(
            (alone[2] - null) / (alone[2] + null), abs=2e-3
        )


def test_factors_are_drawn_as_said(config):
    spreads = {
        "weights": 0.3,
        "inhibition": 0.2,
        "gain": 0.1,
        "drive": 0.4,
        "untuned": 0.5,
        "top_down": 0.6,
    }
    spreads = {name: jnp.asarray(value) for name, value in spreads.items()}
    keys = jax.random.split(jax.random.key(5), 400)
    drawn = jax.vmap(lambda key: population.draw(config.circuit, spreads, key))(keys)
    circuit, drive, untuned, top_down = drawn
    base = population.ring_circuit(config.circuit).coupling.matrices()
    factor = np.log(np.asarray(circuit.coupling.weights.IE) / np.asarray(base.IE))
    assert np.ptp(factor, axis=(1, 2)).max() < 1e-4  # one a circuit
    rows = np.log(np.asarray(circuit.coupling.weights.EI) / np.asarray(base.EI))
    assert np.ptp(rows, axis=2).max() < 1e-4  # one a cell that receives
    own = rows[:, :, 0] - rows[:, :, 0].mean(axis=1, keepdims=True)
    for found, spread in (
        (factor[:, 0, 0], 0.3),
        (own * np.sqrt(16 / 15), 0.2),
        (np.log(np.asarray(circuit.populations.k.E) / 0.04), 0.1),
        (np.log(np.asarray(drive)), 0.4),
        (np.log(np.asarray(top_down)), 0.6),
    ):
        # Four standard errors of a standard deviation of 400 draws: 14 %.
        assert np.std(found) == pytest.approx(spread, rel=0.14)
    assert float(jnp.min(untuned)) >= 0
    assert float(jnp.mean(untuned)) == pytest.approx(0.5 * np.sqrt(2 / np.pi), rel=0.05)


def test_correlations_against_scipy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=150)
    y = 0.5 * x + rng.normal(size=150)
    y[:20] = np.round(y[:20])  # ties
    linear = bootstrap_correlation(x, y)
    assert linear.value == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-12)
    ranked = bootstrap_correlation(x, y, ranks=True)
    assert ranked.value == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)
    known = stats.pearsonr(x, y).confidence_interval(0.95)  # Fisher's z
    assert linear.low == pytest.approx(known.low, abs=0.05)
    assert linear.high == pytest.approx(known.high, abs=0.05)
    narrower = bootstrap_correlation(x, y, level=0.5)
    assert linear.low < narrower.low < linear.value < narrower.high < linear.high
    holed = bootstrap_correlation(np.append(x, np.nan), np.append(y, 1.0))
    assert holed.cells == 150
    assert holed.value == pytest.approx(linear.value, abs=1e-12)
    assert np.isnan(bootstrap_correlation(np.ones(50), y[:50]).value)


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_the_file_spells_out_the_defaults(config):
    default = population.Config(experiment="normalization_and_modulation", seed=0)
    assert plain(config) == plain(default)


def test_other_settings_are_followed(config):
    asked = [
        "heterogeneity.cells=12",
        "heterogeneity.top_down=0",
        "circuit.units=12",
        "stimulus.contrast=30",
        "stimulus.preferred=60",
        "analysis.resamples=100",
        "seed=3",
    ]
    other = load_config("normalization_and_modulation", asked)
    data = population.run(other, Progress())
    assert np.ptp(data["top_down"].values) == 0
    assert data.sizes["cell"] == 12
    measures = {m.name: m for m in population.measure(other, data)}
    # Nothing differs in "top_down" now: neither index varies.
    assert "spearman[top_down,input to E]" not in measures
    assert f"spearman_modulation_with_top_down[all,{population.DEFAULT}]" not in measures
    assert len(figure.draw(other, data, list(measures.values())).axes) == 6
    again = replaced(other, {"seed": 4})
    keys = (jax.random.key(c.seed) for c in (other, again))
    spreads = {name: jnp.asarray(0.1) for name in population.FACTORS}
    drives = [float(population.draw(config.circuit, spreads, key)[1]) for key in keys]
    assert drives[0] != drives[1]
