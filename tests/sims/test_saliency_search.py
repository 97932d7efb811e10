"""Visual search by saliency in a reduced size: pop-out and search, and the circuits' part."""

import jax
import jax.numpy as jnp
import numpy as np

from cortex.attention.saliency import ScanPath
from cortex.models.image_circuits import at_places, image_circuits
from cortex.models.orientation_field import FixedPoint, OrientationField


def test_pop_out_and_search(data):
    """An odd colour is found at once among many; a conjunction is not."""
    fixations = data["fixations"].mean("display")
    # Among few bars the others are hardly suppressed, and noise may let one of them win.
    assert float(fixations.sel(search="colour", set_size=12)) == 1.0
    assert float(fixations.sel(search="colour", set_size=4)) < 2.0
    assert float(fixations.sel(search="orientation").max()) < 2.5
    assert float(fixations.sel(search="conjunction", set_size=12)) > 2.5
    guided = fixations.sel(search="guided conjunction")
    assert float(guided.sum()) < float(fixations.sel(search="conjunction").sum())
    first, last = (fixations.sel(set_size=size) for size in (4, 12))
    np.testing.assert_allclose(data["slope"].sel(bound="value"), (last - first) / 8, atol=1e-6)


def test_the_circuits_part(data):
    assert bool(data["settled"].all())
    rms = np.sqrt((data["pattern"] ** 2).mean(["row", "column"]))
    np.testing.assert_allclose(rms, [0, 0.2, 0.2, 0.2], atol=1e-4)
    # The curve over strength meets the states with no attention and with that of the image.
    np.testing.assert_allclose(
        data["strong"], data["rates"].sel(attention=["none", "image saliency"]), rtol=1e-4
    )
    change = data["contrast_change"].sel(bound="value")
    assert np.all(change.sel(attention="none") == 0)
    assert float(change.sel(attention="image saliency", population="E")) > 0.05
    assert float(change.sel(attention="own saliency", population="E")) > 0.05


def test_until_by_hand():
    """Given up, found at the second of two shifts made, and found at once."""
    places = jnp.array([[[0.9, 0.9], [0.9, 0.1]], [[0.9, 0.9], [0.1, 0.2]], [[0.1, 0.1]] * 2])
    made = jnp.array([[True, True], [True, True], [True, False]])
    paths = ScanPath(places, jnp.array([[50.0, 110.0]] * 3), made)
    target = jnp.full(2, 0.12)
    until = jax.jit(jax.vmap(lambda path: path.until(target, 0.125)))
    fixations, times, found = until(paths)
    np.testing.assert_array_equal(fixations, [3, 2, 1])
    np.testing.assert_array_equal(times, [110, 110, 50])
    np.testing.assert_array_equal(found, [False, True, True])


def test_rates_at_places():
    maps = jnp.zeros((2, 8, 8)).at[0, 2, 5].set(1.0)
    at = at_places(maps, jnp.array([[2.5 / 8, 5.5 / 8], [0.9, 0.1]]), 0.02)
    # A Gaussian narrower than the places' distance sees one of them, of one of two maps.
    np.testing.assert_allclose(at, [0.5, 0.0], atol=1e-3)
    np.testing.assert_allclose(at_places(jnp.ones((3, 6, 9)), at[None], 0.1), 1.0, rtol=1e-5)


def test_circuits_over_any_shape():
    """Of a square image they are the field's own."""
    field = OrientationField(side=32, stride=4, orientations=4)
    area = image_circuits(field, 32, 32, 50.0, FixedPoint()())
    rates = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
    own, theirs = (c.coupling.J.EE for c in (area.circuit, field.circuit()))
    np.testing.assert_array_equal(own, theirs)
    assert area.circuit.coupling.shape == field.circuit().coupling.shape == rates.shape
    wide = image_circuits(field, 30, 48, 50.0, FixedPoint()())
    assert jax.eval_shape(wide, jnp.zeros((1, 30, 48))).rates.E.shape == (4, 8, 12)
