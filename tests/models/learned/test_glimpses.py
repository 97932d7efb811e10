"""Training networks that look by glimpses: its losses against NumPy, and that it learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.glimpses import Glimpser, Retina, SampledPlaces, Seen
from cortex.models.learned import glimpses
from cortex.stimuli import Digits

RNG = np.random.default_rng(0)


def seen(images=3, count=4, classes=5):
    """Anything that glimpses could give."""

    def draw(*shape):
        return jnp.asarray(RNG.random((images, count, *shape)), jnp.float32)

    return Seen(
        place=draw(2),
        hidden=draw(6),
        logits=4 * draw(classes),
        wanted=draw(2),
        expected=draw(),
    )


def test_losses_against_their_formulas():
    """Each choice is rewarded by the mean probability of the right class over later glimpses."""
    one, labels, s = seen(), np.array([1, 4, 0]), 0.2
    policy, baseline = glimpses.choice_losses(one, jnp.asarray(labels), SampledPlaces(s))
    arrays = jax.tree.map(lambda x: np.asarray(x, float), one)
    odds = np.exp(arrays.logits)
    p = odds / odds.sum(-1, keepdims=True)
    expected_policy = expected_baseline = cross_entropy = 0.0
    for image in range(3):
        right = p[image, :, labels[image]]
        cross_entropy -= np.log(right).sum()
        for choice in range(3):  # made after glimpse `choice`, of the next one's place
            reward = right[choice + 1 :].mean()
            off = reward - arrays.expected[image, choice]
            away = arrays.place[image, choice + 1] - arrays.wanted[image, choice]
            expected_policy += np.sum(away**2) / (2 * s**2) * off / 3
            expected_baseline += off**2 / 3
    assert float(policy) == pytest.approx(expected_policy, rel=1e-4)
    assert float(baseline) == pytest.approx(expected_baseline, rel=1e-4)
    loss = glimpses.class_loss(one, jnp.asarray(labels))
    assert float(loss) == pytest.approx(cross_entropy / 12, rel=1e-5)


@pytest.fixture
def small(monkeypatch):
    """Two digits that a glance tells apart, small networks, two glimpses."""
    ink = np.zeros((40, 28, 28), np.float32)
    ink[0::2, 8:20, 12:16] = 1.0
    ink[1::2, 12:16, 4:24] = 1.0
    digits = Digits(jnp.asarray(ink), jnp.asarray(np.arange(40) % 2, jnp.int32))

    def untrained(key):
        return glimpses.Glimpsers(
            *(
                Glimpser.random(
                    one, retina=Retina(8, 3), what=16, where=4, units=16, hidden=16, classes=2
                )
                for one in jax.random.split(key, 3)
            )
        )

    monkeypatch.setattr(glimpses.Glimpsers, "untrained", untrained)
    monkeypatch.setattr(glimpses, "GLIMPSES", 2)
    return digits


@pytest.mark.slow
def test_it_learns(small):
    told = []
    settings = glimpses.Settings(epochs=3, steps=40, batch=40, learning_rate=1e-2)
    trained, curve = glimpses.train(small, 3, lambda n, row: told.append((n, row)), settings)
    assert [n for n, _ in told] == [0, 1, 2]
    assert [row for _, row in told] == curve
    assert set(curve[0]) == {
        f"{kind}_{name}"
        for kind in ("loss", "accuracy")
        for name in ("learned", "random", "centre")
    }
    # Two classes: 0.69 nat without knowledge.
    assert curve[0]["loss_learned"] > 0.55
    for name in ("learned", "random", "centre"):
        assert curve[-1][f"loss_{name}"] < 0.5, name
    moved = eqx.filter(trained.learned.policy, eqx.is_array)
    first = glimpses.Glimpsers.untrained(jax.random.split(jax.random.key(3))[0]).learned.policy
    assert np.any(np.asarray(moved.weight) != np.asarray(first.weight))
