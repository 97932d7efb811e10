"""The recurrent model of visual attention, and its gradient estimator, against plain NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.glimpses import (
    CentralPlace,
    Glimpser,
    RandomPlaces,
    Retina,
    SampledPlaces,
    WantedPlaces,
    look_by_glimpses,
)
from cortex.attention.reinforce import baseline_loss, policy_loss, rewards_to_come

IMAGE = np.random.default_rng(0).random((20, 24))
PLACE = np.array([0.9, 0.3])


def small(key=0):
    return Glimpser.random(
        jax.random.key(key), retina=Retina(4, 2), what=6, where=3, units=5, hidden=7, classes=4
    )


def patches(image, place, size, scales):
    """Block means around the pixel corner nearest to the place, zeros beyond the border."""
    height, width = image.shape
    row, column = round(place[0] * height), round(place[1] * width)
    out = np.zeros((scales, size, size))
    for scale in range(scales):
        block = 2**scale
        for i in range(size):
            for j in range(size):
                for y in range(block):
                    for x in range(block):
                        at_y = row + (i - size // 2) * block + y
                        at_x = column + (j - size // 2) * block + x
                        if 0 <= at_y < height and 0 <= at_x < width:
                            out[scale, i, j] += image[at_y, at_x] / block**2
    return out


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.9, 0.3), (0.0, 1.0)])
@pytest.mark.parametrize("scales", [1, 3])
def test_what_the_retina_sees(place, scales):
    found = Retina(6, scales)(jnp.asarray(IMAGE, jnp.float32), jnp.asarray(place))
    np.testing.assert_allclose(found, patches(IMAGE, place, 6, scales), atol=1e-6)


def test_a_place_outside_is_moved_to_the_border():
    see = Retina(4, 2)
    image = jnp.asarray(IMAGE, jnp.float32)
    np.testing.assert_array_equal(
        see(image, jnp.array([1.7, -0.4])), see(image, jnp.array([1.0, 0.0]))
    )


def test_an_odd_retina_is_refused():
    with pytest.raises(ValueError, match="found size 5, scales 2, allowed: an even size"):
        Retina(5, 2)


def test_glimpses_against_the_equations():
    """Two glimpses, all that comes out; float32 to 1e-5."""
    glimpser = small()
    arrays = jax.tree.map(lambda x: np.asarray(x, float), eqx.filter(glimpser, eqx.is_array))
    n, core = arrays.network, arrays.core

    def linear(layer, x):
        return layer.weight @ x + (0 if layer.bias is None else layer.bias)

    def relu(x):
        return np.maximum(x, 0)

    seen = eqx.filter_jit(look_by_glimpses)(
        glimpser, jnp.asarray(IMAGE, jnp.float32), WantedPlaces(), 3, jax.random.key(1)
    )
    hidden, place = np.zeros(7), np.full(2, 0.5)
    for number in range(3):
        what = relu(linear(n.what, patches(IMAGE, place, 4, 2).ravel()))
        where = relu(linear(n.where, 2 * place - 1))
        vector = relu(linear(n.both, np.concatenate([what, where])))
        hidden = relu(core.recurrent.weight @ hidden + linear(core.glimpse, vector))
        wanted = 1 / (1 + np.exp(-linear(arrays.policy, hidden)))
        for name, expected in (
            ("place", place),
            ("hidden", hidden),
            ("logits", linear(arrays.classifier, hidden)),
            ("wanted", wanted),
            ("expected", linear(arrays.baseline, hidden)[0]),
        ):
            np.testing.assert_allclose(
                getattr(seen, name)[number], expected, rtol=1e-5, atol=1e-6, err_msg=name
            )
        place = wanted


def test_where_the_next_glimpse_goes():
    keys = jax.random.split(jax.random.key(0), 4000)
    wanted = jnp.array([0.2, 0.7])
    sampled = np.asarray(jax.jit(jax.vmap(lambda k: SampledPlaces(0.1)(k, wanted)))(keys))
    # 4,000 draws: standard errors of 0.0016 for the mean, 0.0011 for the spread.
    np.testing.assert_allclose(sampled.mean(0), wanted, atol=0.007)
    np.testing.assert_allclose(sampled.std(0), 0.1, atol=0.005)
    anywhere = np.asarray(jax.jit(jax.vmap(lambda k: RandomPlaces()(k, wanted)))(keys))
    np.testing.assert_allclose(anywhere.mean(0), 0.5, atol=0.02)
    assert anywhere.min() < 0.01
    assert anywhere.max() > 0.99
    np.testing.assert_array_equal(CentralPlace()(keys[0], wanted), [0.5, 0.5])
    np.testing.assert_array_equal(WantedPlaces()(keys[0], wanted), wanted)


def test_the_log_probability_is_that_of_a_gaussian():
    places, wanted = jnp.array([[0.1, 0.4], [0.5, 0.5]]), jnp.array([[0.2, 0.2], [0.4, 0.5]])
    found = SampledPlaces(0.1).log_probability(places, wanted)
    # Up to a constant: the difference of two rows.
    density = [
        np.sum(-((np.asarray(p, float) - np.asarray(w, float)) ** 2) / (2 * 0.01))
        for p, w in zip(places, wanted, strict=True)
    ]
    assert found[1] - found[0] == pytest.approx(density[1] - density[0], rel=1e-4)


def test_rewards_to_come():
    found = rewards_to_come(jnp.array([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]))
    np.testing.assert_array_equal(found, [[3, 2, 2], [4, 4, 1]])


@pytest.mark.parametrize("baseline", ["none", "constant", "by state"])
def test_the_estimate_is_unbiased_and_a_baseline_takes_variance(baseline):
    """A Gaussian choice a = theta x + s e, with reward 1 - (a - 1)^2, in states x = 1 and 2.

    E R = 1 - (theta x - 1)^2 - s^2, so that the gradient is the mean of -2 x (theta x - 1).
    """
    theta, s, n = 0.2, 0.3, 400_000
    x = jnp.tile(jnp.array([1.0, 2.0]), n // 2)
    mean_reward = 1 - (theta * x - 1) ** 2 - s**2
    expected = {"none": 0.0 * x, "constant": 0.0 * x + 0.4, "by state": mean_reward}[baseline]
    choice = theta * x + s * jax.random.normal(jax.random.key(3), (n,))
    reward = 1 - (choice - 1) ** 2

    def loss(theta, choice, reward, x, expected):
        log_probability = -((choice - theta * x) ** 2) / (2 * s**2)
        return policy_loss(log_probability, reward, expected)

    each = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0, 0, 0)))
    estimates = -np.asarray(each(theta, choice, reward, x, expected), float)
    exact = np.mean(-2 * np.array([1.0, 2.0]) * (theta * np.array([1.0, 2.0]) - 1))
    error = estimates.std() / np.sqrt(n)
    assert abs(estimates.mean() - exact) < 4 * error
    # Small enough to notice a bias: the wrong sign, or half of the gradient, is far outside.
    assert error < 0.02 * exact
    bare = -np.asarray(each(theta, choice, reward, x, 0.0 * x), float)
    if baseline == "by state":
        assert estimates.std() < 0.97 * bare.std()


def test_only_the_baseline_learns_from_the_baseline_loss():
    """d/db sum (R - b)^2 = -2 (R - b), and no gradient reaches the reward or the state."""
    value, expected = jnp.array([0.5, 1.0]), jnp.array([0.2, 0.4])
    to_reward, to_baseline = jax.grad(baseline_loss, argnums=(0, 1))(value, expected)
    np.testing.assert_array_equal(to_reward, [0, 0])
    np.testing.assert_allclose(to_baseline, [-0.6, -1.2], rtol=1e-6)
    glimpser, image = small(), jnp.asarray(IMAGE, jnp.float32)

    def expected_sum(g):
        seen = look_by_glimpses(g, image, WantedPlaces(), 2, jax.random.key(0))
        return jnp.sum(seen.expected)

    slopes = eqx.filter_jit(eqx.filter_grad(expected_sum))(glimpser)
    assert np.any(slopes.baseline.weight)
    for other in (slopes.network, slopes.core, slopes.policy, slopes.classifier):
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(other))
