"""What is special about `task_gain_of_neurons`: its statistics, and the bootstrap of sessions."""

import numpy as np
import pytest
from cortex.sims.task_gain_of_neurons import STATISTICS, padded, resampled, statistics


@pytest.fixture
def sessions():
    """Selectivity and gain of sessions of unlike size, with offsets of their own."""
    rng = np.random.default_rng(0)
    x = [rng.normal(size=units) for units in (5, 9, 7)]
    y = [0.5 * one + rng.normal(size=len(one)) + 3 * n for n, one in enumerate(x)]
    return x, y


def test_statistics_are_those_of_numpy_on_the_units_alone(sessions):
    x, y = sessions
    found = dict(zip(STATISTICS, statistics(padded(x), padded(y)), strict=True))
    for name, shift in (("", False), (" within sessions", True)):
        u, v = (np.concatenate([o - shift * o.mean() for o in some]) for some in (x, y))
        assert found[f"slope{name}"] == pytest.approx(np.polyfit(u, v, 1)[0])
        assert found[f"correlation{name}"] == pytest.approx(np.corrcoef(u, v)[0, 1])
        assert found[f"spread{name}"] == pytest.approx(v.std())


def test_a_resample_draws_sessions_and_then_their_units(sessions):
    x, y = map(padded, sessions)
    rng = np.random.default_rng(1)
    value, drawn = resampled(x, 2 * x, 200, rng)
    np.testing.assert_allclose(drawn[:, :2], [2, 1] * np.ones((200, 1)))  # on a line all stay
    np.testing.assert_allclose(value[:2], [2, 1])
    # Sessions differ by their offsets: the pooled spread varies far more than that within.
    _, drawn = resampled(x, y, 500, rng)
    pooled, within = drawn[:, STATISTICS.index("spread")], drawn[:, -1]
    assert pooled.std() > 2 * within.std() > 0
    _, units = resampled(x[:1], y[:1], 500, rng)
    np.testing.assert_allclose(units[:, :3], units[:, 3:])  # of one session they are the same
