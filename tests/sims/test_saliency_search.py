"""Visual search by saliency: slopes, their intervals, and the circuits' part."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import saliency_search as drawing
from cortex.sims import saliency_search as search

from cortex.attention.saliency import ScanPath
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.measures.search_rows import slope
from cortex.models.image_circuits import at_places, image_circuits
from cortex.models.orientation_field import OrientationFieldSection, RelaxSection

NAME = "saliency_search"


@pytest.fixture(scope="module")
def config():
    """Small displays: what is shown holds for them, too."""
    small = (
        "display.set_sizes=[4, 12]",
        "display.displays=6",
        "display.side=64",
        "display.cells=4",
        "field.side=64",
        "field.orientations=4",
        "circuits.set_size=12",
        "circuits.energies=[0.0, 0.2]",
        "scan.shifts=30",
        "statistics.resamples=200",
    )
    return load_config(NAME, list(small))


@pytest.fixture(scope="module")
def data(config):
    return search.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(search.Config(experiment=NAME, seed=0))


def test_pop_out_and_search(config, data):
    """An odd colour is found at once among many; a conjunction is not."""
    fixations = data["fixations"].mean("display")
    # Among few bars the others are hardly suppressed, and noise may let one of them win.
    assert float(fixations.sel(search="colour", set_size=12)) == 1.0
    assert float(fixations.sel(search="colour", set_size=4)) < 2.0
    assert float(fixations.sel(search="orientation").max()) < 2.5
    assert float(fixations.sel(search="conjunction", set_size=12)) > 2.5
    guided = fixations.sel(search="guided conjunction")
    assert float(guided.sum()) < float(fixations.sel(search="conjunction").sum())
    values = data["mean_fixations"].values
    np.testing.assert_allclose(
        data["slope_fixations"], (values[:, 1] - values[:, 0]) / 8, atol=1e-12
    )


def test_intervals_hold_their_values(data):
    for name in ("mean_fixations", "slope_fixations", "contrast_rate_E", "change_rate_I"):
        low, high = data[f"{name}_low"], data[f"{name}_high"]
        assert bool((low <= data[name] + 1e-9).all())
        assert bool((data[name] <= high + 1e-9).all())


def test_the_circuits_part(config, data):
    assert bool(data["settled"].all())
    rms = np.sqrt((data["pattern"] ** 2).mean(["row", "column"]))
    np.testing.assert_allclose(rms, [0, 0.2, 0.2, 0.2], atol=1e-4)
    # The curve over strength meets the states with no attention and with that of the image.
    np.testing.assert_allclose(
        data["strong_E"], data["rate_E"].sel(attention=["none", "image saliency"]), rtol=1e-4
    )
    change = data["change_rate_E"]
    assert float(change.sel(attention="none")) == 0
    assert float(change.sel(attention="image saliency")) > 0.05
    assert float(change.sel(attention="own saliency")) > 0.05


def test_found_after_by_hand(config):
    """Given up, found at the second of two shifts made, and found at once."""
    places = jnp.array([[[0.9, 0.9], [0.9, 0.1]], [[0.9, 0.9], [0.1, 0.2]], [[0.1, 0.1]] * 2])
    made = jnp.array([[True, True], [True, True], [True, False]])
    path = ScanPath(places, jnp.array([[50.0, 110.0]] * 3), made)
    target = np.full((3, 2), 0.12)
    fixations, times, found = search.found_after(config, path, target)
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
    field = OrientationFieldSection(side=32, stride=4, orientations=4)
    area = image_circuits(field, 32, 32, 50.0, RelaxSection().relax())
    rates = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
    own, theirs = (c.coupling.J.EE for c in (area.circuit, field.circuit()))
    np.testing.assert_array_equal(own, theirs)
    assert area.circuit.coupling.shape == field.circuit().coupling.shape == rates.shape
    wide = image_circuits(field, 30, 48, 50.0, RelaxSection().relax())
    assert jax.eval_shape(wide, jnp.zeros((1, 30, 48))).rates.E.shape == (4, 8, 12)


def test_measures_and_figure(config, data):
    measures = {m.name: m for m in search.measure(config, data)}
    assert measures["settled"].holds is True
    assert measures["slope_high[colour]"].holds is True
    row = measures["slope_low[conjunction]"]
    assert row.value == float(data["slope_fixations_low"].sel(search="conjunction"))
    assert row.holds is bool(row.value > 0.05)
    sizes = data["set_size"].values.astype(float)
    assert measures["slope[guided conjunction]"].value == pytest.approx(
        float(slope(sizes, data["mean_fixations"].sel(search="guided conjunction").values))
    )
    assert len(drawing.draw(config, data, list(measures.values())).axes) == 8


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("display.set_sizes=[4, 37]", "allowed: 2 to 36, one bar a cell"),
        ("display.set_sizes=[4, 4]", "each one once"),
        ("circuits.set_size=40", "allowed: 3 to 36"),
        ("field.side=64", "allowed: 128"),
        ("scan.threshold=1.0", "threshold"),
    ],
)
def test_what_is_refused(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_config(NAME, [setting])
