"""Factored feature couplings against the dense matrix they stand for."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Circuit,
    FactoredFeatures,
    GaussianCoupling,
    Populations,
    Projections,
    learned_features,
)

J = Projections(EE=1.5, EI=1.8, IE=3.0, II=0.9)
SIGMA = Projections(EE=1.0, EI=1.0, IE=2.0, II=1.0)


def layer(maps, seed=0):
    """S of maps that are mixtures of a few kinds, as the maps of a trained layer are."""
    rng = np.random.default_rng(seed)
    mixture = rng.gamma(0.3, size=(8, maps))
    responses = rng.gamma(1.0, size=(60, 8)) @ mixture + 0.1 * rng.random((60, maps))
    return np.asarray(learned_features(jnp.asarray(responses), 32.0), np.float64)


def test_factors_are_positive_keep_the_row_sums_and_know_their_error():
    S = layer(60)
    errors = []
    for rank in (2, 8, 30):
        found = FactoredFeatures.fit(S, rank)
        assert found.of.shape == (rank, 60)
        for part in (found.own, found.onto, found.of):
            assert part is None or float(part.min()) >= 0
        matrix = np.asarray(found.matrix())
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-5)
        worst = np.abs(matrix - S).sum(axis=1).max()
        assert found.error == pytest.approx(worst, rel=1e-3)
        errors.append(found.error)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05


@pytest.mark.parametrize("own", [True, False], ids=["own", "no own"])
@pytest.mark.parametrize("shape", [(20, 5, 6), (20, 17, 19)], ids=["plane", "separable"])
def test_a_sheet_with_factors_is_the_sheet_with_their_matrix(shape, own):
    factored = FactoredFeatures.fit(layer(20), 6)
    weights = jnp.linspace(0.1, 0.3, 20) if own else None
    factored = FactoredFeatures(weights, factored.onto, factored.of, factored.error)
    rates = EI(*(jnp.asarray(np.random.default_rng(i).uniform(0, 9, shape)) for i in (1, 2)))
    given = {"J": J, "sigma": SIGMA, "shape": shape}
    found = GaussianCoupling(features=factored, **given).parts(rates)
    expected = GaussianCoupling(features=np.asarray(factored.matrix()), **given).parts(rates)
    for name in ("EE", "EI", "IE", "II"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=2e-5)


def test_factors_obey_dales_law():
    good = FactoredFeatures.fit(layer(6), 2)
    for name in ("own", "onto", "of"):
        parts = {part: getattr(good, part) for part in ("own", "onto", "of")}
        parts["own"] = jnp.ones(6)
        bad = FactoredFeatures(**{**parts, name: -parts[name] - 1.0}, error=0.0)
        populations = Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))
        with pytest.raises(ValueError, match=rf"features.{name}: found -"):
            Circuit(populations, GaussianCoupling(J, SIGMA, bad, (6, 4, 4)))
