"""The sheet: a small one against a dense program and for its directions; settings; labels.

The default run draws five sheets of 75 x 75 and takes over a minute: it is not run here.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import sheet_orientation_map as figure
from cortex.sims import sheet_orientation_map as sheet

from cortex.analysis import sum_weight
from cortex.circuit import EI, FixedPointIteration
from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain, replaced
from cortex.models import (
    RelaxEach,
    SheetGratings,
    SheetNetwork,
    SheetSection,
    pair_responses,
    sheet_circuit,
    sheet_map,
    sheet_networks,
)
from tests.circuit.twins import NAMES
from tests.reference import ssn

NAME = "sheet_orientation_map"
KEY = jax.random.key(0)

# Large enough for a surround and small enough for a test.
MIDDLE = [
    "circuit.size=41",
    "sample.networks=1",
    "sample.places=8",
    "sample.margin=3",
    "stimulus.contrasts=[40, 3]",
    "stimulus.pair_contrasts=[2, 20]",
    "stimulus.lengths=[0.8, 1.2, 1.6, 2.4, 3.5, 8]",
]
TINY = [
    "circuit.size=15",
    "sample.networks=2",
    "sample.places=3",
    "sample.margin=0.7",
    "stimulus.contrasts=[12, 30]",
    "stimulus.pair_contrasts=[4, 15, 25]",
    "stimulus.pair_orientations=[20, 110]",
    "stimulus.lengths=[0.4, 0.9, 1.5, 2.1, 3.1]",
    "solver.at_once=7",
    "solver.rtol=1e-5",
]


@pytest.fixture(scope="module")
def middle():
    config = load_config(NAME, MIDDLE)
    return config, sheet.run(config, Progress())


@pytest.fixture(scope="module")
def tiny():
    config = load_config(NAME, TINY)
    return config, sheet.run(config, Progress())


def dense(circuit):
    """The circuit as four float64 matrices, from its lists of neighbours."""
    matrices = {}
    for name in NAMES:
        lists = getattr(circuit.coupling.neighbours, name)
        index, weight = np.asarray(lists.index), np.asarray(lists.weight, np.float64)
        matrices[name] = np.zeros((len(index), len(index)))
        rows = np.broadcast_to(np.arange(len(index))[:, None], index.shape)
        np.add.at(matrices[name], (rows, index), weight)
    cells = circuit.populations
    parameters = {
        name: [np.asarray(part, np.float64) for part in (pair.E, pair.I)]
        for name, pair in (("tau", cells.tau), ("k", cells.k), ("n", cells.n))
    }
    return ssn.network(**matrices, **parameters)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def tuned(preferred, orientation):
    turn = np.abs(preferred - orientation) % 180
    return np.exp(-(np.minimum(turn, 180 - turn) ** 2) / (2 * 32.0**2))


def settled(net, drive):
    """Steady rates of E and I by Euler steps of 0.5 ms, which are stable for these sheets."""
    twice = np.tile(drive.ravel(), 2)
    return np.split(ssn.steady_state(net, ssn.Input(twice), dt=0.5, tolerance=1e-9), 2)


def test_small_sheet_against_plain_numpy(tiny):
    """Every drive, steady state and measure again: dense matrices, float64, stimulus by stimulus.

    Residuals of 1e-5 of the largest rate, which slow modes enlarge, allow 1e-3.
    """
    config, data = tiny
    assert data["converged"].values.all()
    networks = sheet_networks(config.circuit, config.seed, 2, 3, 0.7)
    spacing = 16 / 75
    y, x = np.indices((15, 15)) * spacing
    inner = np.zeros((15, 15), bool)
    inner[3:12, 3:12] = True  # (3 + 1/2) * 0.213 = 0.747 deg from the border
    lengths = np.asarray(config.stimulus.lengths)
    for number, network in enumerate(networks):
        net, preferred = dense(network.circuit), np.asarray(network.preferred, np.float64)
        here = data.isel(network=number)
        np.testing.assert_array_equal(here["preferred"].values, network.preferred)
        rates = {"E": np.zeros((2, 5, 3)), "I": np.zeros((2, 5, 3))}
        for i, j, p in np.ndindex(2, 5, 3):
            row, column = (int(here[f"place_{axis}"].values[p]) for axis in ("row", "column"))
            assert inner[row, column]
            away = np.hypot(y - y[row, column], x - x[row, column])
            mask = logistic((away + lengths[j] / 2) / spacing)
            mask = mask * (1 - logistic((away - lengths[j] / 2) / spacing))
            contrast = config.stimulus.contrasts[i]
            found = settled(net, contrast * mask * tuned(preferred, preferred[row, column]))
            for name, values in zip("EI", found, strict=True):
                rates[name][i, j, p] = values.reshape(15, 15)[row, column]
            if number == p == 0:
                activity = data["activity_E"].values[i, j]
                np.testing.assert_allclose(activity.ravel(), found[0], rtol=1e-3, atol=1e-3)
        for name, found in rates.items():
            np.testing.assert_allclose(here[f"rate_{name}"].values, found, rtol=1e-3, atol=1e-3)
            index = (found.max(1) - found[:, -1]) / found.max(1)
            np.testing.assert_allclose(here[f"SI_{name}"].values, index, atol=2e-3)
            fields = lengths[found.argmax(1)]
            np.testing.assert_allclose(here[f"field_{name}"].values, fields, rtol=1e-6)
        for i, contrast in enumerate(config.stimulus.pair_contrasts):
            first, second = (contrast * tuned(preferred, angle) for angle in (20, 110))
            answers = [settled(net, drive) for drive in (first, second, first + second)]
            for k, name in enumerate("EI"):
                one, two, both = (answer[k].reshape(15, 15)[inner] for answer in answers)
                weight = ((one + two) @ both) / ((one + two) @ (one + two))
                assert float(here[f"w_{name}"].values[i]) == pytest.approx(weight, rel=1e-3)


def test_the_draw():
    """Spread over cells, one seed one sheet, and weights as they should be."""
    section = SheetSection(size=30)
    circuit, again, other = (sheet_circuit(section, seed) for seed in (1, 1, 2))
    for name, E, I in (("tau", 20, 10), ("k", 0.012, 0.012), ("n", 2.0, 2.2)):  # noqa: E741
        pair = getattr(circuit.populations, name)
        for values, mean in ((pair.E, E), (pair.I, I)):
            # 900 cells: the SD is known to 2.4 %, the mean to 0.17 %; four times that.
            assert np.std(values) / mean == pytest.approx(0.05, rel=0.1)
            assert np.mean(values) == pytest.approx(mean, rel=0.007)
        assert not np.array_equal(np.asarray(pair.E) / E, np.asarray(pair.I) / I)
        assert np.array_equal(pair.E, getattr(again.populations, name).E)
        assert not np.array_equal(pair.E, getattr(other.populations, name).E)
    lists = circuit.coupling.neighbours
    assert np.array_equal(lists.IE.index, again.coupling.neighbours.IE.index)
    weight = np.asarray(lists.IE.weight, np.float64)
    total = 0.38 * np.mean(np.sum(weight > 0, axis=1))
    np.testing.assert_allclose(weight.sum(1), total, rtol=1e-4)
    # The connections follow the map that goes with the seed.
    preferred = np.asarray(sheet_map(section, 1)).ravel()
    turn = np.abs(preferred[np.asarray(lists.EI.index)] - preferred[:, None])
    turn = np.minimum(turn, 180 - turn)[np.asarray(lists.EI.weight) > 0]
    assert turn.mean() < 36  # 45 without a preference, 29.6 with a width of 45


def test_every_stimulus_settles_by_its_own_measure():
    """A residual that is small for a strong stimulus is not for the weak one beside it."""
    rates, pull = np.ones((3, 3, 2), np.float32), np.full((3, 3, 2), 1e-3, np.float32)
    rates[1, 1] = [2.0, 100.0]
    pull[2, 0] = [-2e-3, 5e-3]
    both = (
        EI(jnp.asarray(pull), jnp.asarray(0.5 * pull)),
        EI(jnp.asarray(rates), jnp.asarray(rates)),
    )
    tolerance = {"rtol": 1e-4, "atol": 1e-4}
    residual, converged = RelaxEach(**tolerance).each(*both)
    np.testing.assert_allclose(residual, [2e-3, 5e-3], rtol=1e-6)
    assert converged.tolist() == [False, True]  # allowed: 3e-4 and 1.01e-2 Hz
    assert not RelaxEach(**tolerance).settled(*both)
    assert FixedPointIteration(**tolerance).settled(*both)


def test_directions_hold_in_a_smaller_sheet(middle):
    config, data = middle
    measures = {m.name: m for m in sheet.measure(config, data)}
    assert [m.name for m in measures.values() if m.holds is False] == []
    expected = {name for name, m in measures.items() if m.expected}
    assert expected == {
        "SI_E_minus_SI_I[highest contrast]",
        "field_E_change[lowest to highest contrast]",
        "SI_E_change[lowest to highest contrast]",
        "w_E_change[lowest to highest contrast]",
    }
    # No numbers for a sheet that is not the tabulated one.
    assert [m.name for m in measures.values() if m.reference is not None] == ["converged_share"]
    # Contrasts were given falling: "highest" goes by the number.
    strong, weak = data["SI_E"].mean(("network", "place")).values
    assert strong > weak
    change = measures["SI_E_change[lowest to highest contrast]"].value
    assert change == pytest.approx(strong - weak)


def test_references_are_for_the_tabulated_sheet_only():
    tabulated = load_config(NAME)
    assert sheet.is_tabulated(tabulated)
    others = ["stimulus.contrasts=[5, 40]", "seed=4"]
    assert sheet.is_tabulated(load_config(NAME, others))
    for change in (
        "circuit.wavelength=3",
        "sample.networks=4",
        "sample.margin=3",
        "circuit.J_EE=0",
    ):
        assert not sheet.is_tabulated(load_config(NAME, [change])), change


def test_references_and_their_rows():
    """Rows of the tabulated sheet, with made-up numbers: which are compared, and how."""
    config = load_config(NAME)
    data = sheet.label(config, made_up(config))
    measures = {m.name: m for m in sheet.measure(config, data)}
    assert {name for name, m in measures.items() if m.reference is not None} == {
        *(f"connections[{p}]" for p in ("EE", "IE", "EI", "II")),
        *(f"SI_{cell}[c=40]" for cell in "EI"),
        *(f"field_E[c={c}]" for c in (3, 10, 40, 52)),
        *(f"w_E[c={c}]" for c in (2, 10, 20, 50)),
        "converged_share",
    }
    assert all(m.holds for m in measures.values() if m.reference is not None)
    assert measures["share_E_above_0.25[c=40]"].holds is True
    assert measures["share_I_above_0.25[c=40]"].value == 0.5
    assert measures["SI_I[c=40]"].relative == 0.1
    assert measures["SI_I[c=10]"].holds is None
    one_left = data["converged"].copy(deep=True)
    one_left[0, 0] = False
    moved = data.assign(converged=one_left)
    failing = {m.name: m for m in sheet.measure(config, moved)}["converged_share"]
    assert failing.holds is False
    assert "swinging" in failing.note


def made_up(config):
    """Arrays of the default run's shapes that meet every reference."""
    five, twelve, sixteen, side = 5, 12, len(config.stimulus.lengths), config.circuit.size
    found = {f"rate_{c}": np.ones((five, 4, sixteen, twelve)) for c in "EI"}
    SI_I = np.tile([0.02, 0.5], (five, 4, 6))
    field = np.asarray([3.2, 2.0, 1.4, 1.3])
    weight = np.asarray([1.12, 0.81, 0.69, 0.50])
    shown = 4 * sixteen * twelve + 12
    return {
        **found,
        "SI_E": np.full((five, 4, twelve), 0.68) * np.asarray([0.05, 0.5, 1, 1.1])[:, None],
        "SI_I": SI_I,
        "field_E": np.tile(field[None, :, None], (five, 1, twelve)),
        "field_I": np.ones((five, 4, twelve)),
        "w_E": np.tile(weight, (five, 1)),
        "w_I": np.ones((five, 4)),
        "preferred": np.zeros((five, side, side)),
        "activity_E": np.zeros((4, sixteen, side, side)),
        "place_row": np.zeros((five, twelve), int),
        "place_column": np.zeros((five, twelve), int),
        "connections": np.tile([20.0, 41.0, 28.0, 28.0], (five, 1)),
        "residual": np.zeros((five, shown)),
        "converged": np.ones((five, shown), bool),
    }


def test_every_variable_is_labelled(tiny):
    _, data = tiny
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_other_settings_and_seeds(tiny):
    config, data = tiny
    names = [m.name for m in sheet.measure(config, data)]
    assert "SI_E[c=12]" in names
    assert "w_I[c=25]" in names
    assert not any("c=40" in name for name in names)
    assert data.sizes["length"] == 5
    # More or fewer stimuli side by side, and another seed: the same, and something else.
    one = load_config(NAME, [*TINY, "solver.at_once=48", "sample.networks=1"])
    same = sheet.run(one, Progress())
    np.testing.assert_allclose(same["rate_E"], data["rate_E"][:1], rtol=1e-3, atol=1e-3)
    other = sheet_networks(config.circuit, 1, 2, 3, 0.7)
    assert not np.array_equal(other[0].preferred, data["preferred"][0])
    assert not np.array_equal(other[0].preferred, other[1].preferred)
    places = np.stack([other[0].row, other[0].column])
    assert not np.array_equal(places, np.stack([other[1].row, other[1].column]))


def test_one_contrast_has_no_change(tiny):
    config = load_config(NAME, [*TINY, "stimulus.contrasts=[12]", "stimulus.pair_contrasts=[4]"])
    data = tiny[1].isel(contrast=[0], pair_contrast=[0])
    names = [m.name for m in sheet.measure(config, data)]
    assert not any("change" in name for name in names)
    assert figure.draw(config, data, sheet.measure(config, data)) is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("stimulus.contrasts=[3, 3]", r"contrasts: found \[3, 3\], allowed: each one once"),
        ("stimulus.pair_contrasts=[5, 2, 5]", r"pair_contrasts: found \[5, 2, 5\]"),
        ("stimulus.lengths=[2, 1]", r"lengths: found 1 after 2, allowed: rising lengths \[deg\]"),
        ("sample.margin=8", "sample.places: found 12, allowed: <= 1, the places 8 deg or more"),
        ("circuit.cell_sd=0.2", "cell_sd: found 0.2"),
    ],
)
def test_what_cannot_be(change, words):
    with pytest.raises(UserError, match=words):
        load_config(NAME, [change])


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(sheet.Config(experiment=NAME, seed=0))


def test_simulate_can_be_traced(tiny):
    """Every continuous setting of cells, weights and stimuli as an array of two, under vmap."""
    config, data = tiny
    paths = [f"circuit.{name}" for name in ("J_EE", "J_IE", "J_EI", "J_II", "k", "cell_sd")]
    paths += [f"circuit.{name}_{cell}" for name in ("n", "tau") for cell in "EI"]
    paths += ["stimulus.edge", "stimulus.width"]
    arrays = {path: jnp.ones(2) for path in paths}
    shapes = jax.eval_shape(
        jax.vmap(lambda values: sheet.simulate(replaced(config, values), KEY)), arrays
    )
    assert shapes["rate_E"].shape == (2, *data["rate_E"].shape)
    assert shapes["w_I"].shape == (2, *data["w_I"].shape)


@pytest.mark.slow
def test_gradient_against_a_difference():
    """Of the sum weight, through the draw, the wiring and the steady state."""
    section = SheetSection(size=9)
    start = {"J_EI": 0.089, "k": 0.012, "tau_I": 10.0, "width": 32.0}
    solver = RelaxEach(rtol=1e-6, atol=1e-6)

    @jax.jit
    @jax.value_and_grad
    def weight(values):
        values = dict(values)
        gratings = SheetGratings(jnp.asarray(16 / 75), jnp.asarray(16 / 75), values.pop("width"))
        circuit = sheet_circuit(replaced(section, values), 0)
        here = jnp.asarray([4])
        network = SheetNetwork(circuit, sheet_map(section, 0), here, here)
        contrasts, angles = jnp.asarray([20.0]), jnp.asarray([0.0, 90.0])
        rates = pair_responses(network, gratings, contrasts, angles, solver).rates.E
        return sum_weight(rates[:, :, 0].reshape(-1, 3).T)

    slope = weight(start)[1]
    assert abs(float(slope["tau_I"])) < 1e-5  # of a steady state
    for name in ("J_EI", "k", "width"):
        step = 0.02 * start[name]
        high, low = (weight({**start, name: start[name] + s})[0] for s in (step, -step))
        difference = (float(high) - float(low)) / (2 * step)
        # Curvature over 2 % of the setting, and single precision.
        assert float(slope[name]) == pytest.approx(difference, rel=0.03), name
