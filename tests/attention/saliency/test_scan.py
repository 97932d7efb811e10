"""Shifts of attention against Euler steps of the units, and by closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import saliency as room
from cortex.attention.saliency import WinnerTakeAll
from tests.reference import saliency as reference

scan_path = eqx.filter_jit(room.scan_path)


@pytest.fixture(scope="module")
def saliency():
    """Six peaks of different heights."""
    y, x = np.mgrid[:24, :32]
    peaks = ((4, 5, 1.0), (12, 20, 0.8), (19, 8, 0.65), (5, 27, 0.5), (20, 28, 0.4), (12, 3, 0.3))
    return 7.0 * sum(a * np.exp(-((y - i) ** 2 + (x - j) ** 2) / 6) for i, j, a in peaks)


def test_against_euler_steps(saliency):
    path = scan_path(WinnerTakeAll(), jnp.asarray(saliency, jnp.float32), 8)
    expected = reference.scan(saliency, 8)
    np.testing.assert_allclose(path.places[:, 0] * 24 - 0.5, expected[:, 0], atol=1e-4)
    np.testing.assert_allclose(path.places[:, 1] * 32 - 0.5, expected[:, 1], atol=1e-4)
    # Steps of 0.01 ms end up to one step late at each shift, and lag by about as much.
    np.testing.assert_allclose(path.times, expected[:, 2], atol=0.3)
    assert bool(path.made.all())
    # The peak wins after -tau log(1 - threshold).
    assert float(path.times[0]) == pytest.approx(-500 * np.log(0.9), rel=1e-5)


def test_stronger_places_win_first_and_none_twice_at_once(saliency):
    path = scan_path(WinnerTakeAll(recovery=1e6), jnp.asarray(saliency, jnp.float32), 6)
    heights = [saliency[int(r * 24), int(c * 32)] for r, c in np.asarray(path.places)]
    assert heights == sorted(heights, reverse=True)
    gaps = np.linalg.norm(np.diff(np.asarray(path.places), axis=0), axis=1)
    assert gaps.min() > 1 / 12


def test_a_single_place_is_returned_to():
    """Inhibited altogether, it wins again once its input has grown back over the threshold."""
    one = jnp.zeros((12, 12)).at[5, 5].set(1.0)
    path = scan_path(WinnerTakeAll(), one, 4)
    np.testing.assert_array_equal(path.made, [True, False, True, False])
    # After tau = 500 ms without a winner the input is 1 - exp(-500/900).
    back = 1 - np.exp(-500 / 900)
    wait = -500 * np.log(1 - 0.1 / back)
    assert float(path.times[2] - path.times[0]) == pytest.approx(500 + wait, rel=1e-4)


def test_nothing_salient_nothing_looked_at():
    assert not bool(scan_path(WinnerTakeAll(), jnp.zeros((8, 8)), 3).made.any())


def test_noise_is_drawn_from_the_key(saliency):
    noisy, given = WinnerTakeAll(noise=0.4), jnp.asarray(saliency, jnp.float32)
    keys = jax.random.split(jax.random.key(1), 6)
    paths = jax.jit(jax.vmap(lambda key: scan_path(noisy, given, 5, key)))(keys)
    again = scan_path(noisy, given, 5, keys[2])
    np.testing.assert_allclose(paths.places[2], again.places)
    assert len(np.unique(np.asarray(paths.places).reshape(6, -1), axis=0)) > 2


def test_a_sequence_is_looked_at_as_it_goes_on():
    """The second frame is shown at 40 ms: the first shift, begun before, is to the first's."""
    frames = jnp.zeros((2, 10, 10)).at[0, 2, 2].set(1.0).at[1, 7, 7].set(1.0)
    path = scan_path(WinnerTakeAll(), frames, 2, interval=40.0)
    np.testing.assert_allclose(path.places, [[0.25, 0.25], [0.75, 0.75]])
    slow = scan_path(WinnerTakeAll(), frames, 2, interval=400.0)
    np.testing.assert_array_equal(slow.made, [True, False])
