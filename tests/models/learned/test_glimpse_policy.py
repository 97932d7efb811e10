"""Training where to open a window: REINFORCE against the exact gradient; that it learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.glimpse_policy import GlimpsePolicy
from cortex.models.learned import glimpse_policy as learned

MAPS, SIDE, CATEGORIES = 3, 3, 2  # 3 x 3 places, of which 4 can be picked


def known(images=40, seed=0):
    """Images in which map c marks the one place where looking tells that category c is there."""
    rng = np.random.default_rng(seed)
    shows = np.arange(images)[:, None] % CATEGORIES == np.arange(CATEGORIES)[None, :]
    features = 0.1 * rng.random((images, MAPS, SIDE, SIDE))
    after = rng.normal(size=(images, 4, CATEGORIES))
    place = rng.integers(0, 4, images)
    for image in range(images):
        category = image % CATEGORIES
        features[image, category, 2 * (place[image] // 2), 2 * (place[image] % 2)] = 1.0
        after[image, place[image], category] += 4.0
    return learned.Outcomes(
        features=jnp.asarray(features, jnp.float32),
        before=jnp.asarray(rng.normal(size=(images, CATEGORIES)), jnp.float32),
        after=jnp.asarray(after, jnp.float32),
        settled=jnp.ones(images, bool),
        shows=jnp.asarray(shows),
    )


def expected_reward(policy, table, pairs):
    """The sum over all places of both images, written out."""
    having, lacking, category = pairs.T
    p, q = (jnp.exp(learned.chances(policy, table, image, category)) for image in (having, lacking))
    up = table.after[having, :, category]
    down = table.after[lacking, :, category]
    right = jax.nn.sigmoid(up[:, :, None] - down[:, None, :])
    return jnp.mean(jnp.einsum("ni,nj,nij->n", p, q, right))


def test_the_estimate_is_the_gradient_of_the_expected_reward():
    policy = GlimpsePolicy.random(jax.random.key(0), MAPS, CATEGORIES, hidden=4)
    # Not at its start, where all places are alike.
    policy = eqx.tree_at(lambda p: p.sought, policy, 10 * policy.sought)
    baseline = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(1))
    table, pairs = known(), jnp.array([[0, 1, 0], [3, 2, 1]])
    exact = eqx.filter_jit(eqx.filter_grad(expected_reward))(policy, table, pairs)

    @eqx.filter_jit
    def estimates(keys):
        def loss(policy, key):
            return learned.losses(policy, baseline, table, pairs, key, 2000)[0]

        return jax.vmap(lambda key: eqx.filter_grad(loss)(policy, key))(keys)

    found = estimates(jax.random.split(jax.random.key(2), 30))
    for name in ("sought", "reader.weight"):
        owner = name.split(".")
        one, goal = found, exact
        for part in owner:
            one, goal = getattr(one, part), getattr(goal, part)
        one, goal = -np.asarray(one, float), np.asarray(goal, float)
        error = one.std(0) / np.sqrt(30)
        # Some dozen numbers: 4.5 standard errors leave one in a thousand runs.
        assert np.all(np.abs(one.mean(0) - goal) < 4.5 * error + 1e-6), name
        assert np.abs(goal).max() > 20 * error.max(), name


def test_pairs_that_did_not_settle_do_not_count():
    policy = GlimpsePolicy.random(jax.random.key(0), MAPS, CATEGORIES, hidden=4)
    baseline = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(1))
    table = eqx.tree_at(lambda t: t.settled, known(), jnp.zeros(40, bool))
    losses = eqx.filter_jit(learned.losses)
    loss, _ = losses(policy, baseline, table, jnp.array([[0, 1, 0]]), jax.random.key(0), 3)
    assert float(loss) == 0.0


def test_it_learns_to_look_where_it_helps():
    policy = GlimpsePolicy.random(jax.random.key(0), MAPS, CATEGORIES, hidden=8)
    training = learned.Training(epochs=6, batch=20, learning_rate=0.03, draws=8)
    told = []
    table = known(400)
    trained, curve = learned.train(policy, table, 0, training, lambda n, row: told.append((n, row)))
    assert told == list(enumerate(curve))
    assert set(curve[0]) == {"reward", "right", "right_random", "right_without"}
    assert curve[-1]["right"] > 0.9
    assert curve[-1]["right_random"] < 0.75
    assert curve[-1]["right_without"] == pytest.approx(0.5, abs=0.1)
    assert (trained.width, trained.strength) == (policy.width, policy.strength)
