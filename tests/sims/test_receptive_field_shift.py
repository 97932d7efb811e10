"""Receptive fields under attention against an independent program and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import receptive_field_shift as drawing
from cortex.sims import receptive_field_shift as shift

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain, replaced, settings
from tests.reference import ssn

NAME = "receptive_field_shift"
KEY = jax.random.key(0)
FORMS = ("input to E", "gain on drive", "input to E and I")
PLACE = (np.arange(101) - 50) / 3
PROBE = np.arange(-12, 13) * 2 / 3
FOCUS = {"centre": 0.0, "inside": 4 / 3, "other side": -4 / 3, "beside": 4.0}
WEIGHTS = [
    ssn.line_weights(101, 1 / 3, strength, sigma)
    for strength, sigma in ((1.0, 2 / 3), (1.25, 4 / 3))
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME)


@pytest.fixture(scope="module")
def data(config):
    return shift.run(config, Progress())


def gaussian(centre, width, at=PLACE):
    return np.exp(-((at - centre) ** 2) / (2 * width**2))


def fields(contrast, focus=None, form=None, constant=False):
    """Maps of the dense float64 program: rates (recorded, probe) and without a probe (recorded).

    All probes at once, by Euler steps written out.
    """
    bump = np.zeros(101) if focus is None else gaussian(FOCUS[focus], 1.0)
    gain = 1 + 0.3 * bump if form == "gain on drive" else 1.0
    to_E = 3 * bump if form in ("input to E", "input to E and I") else 0.0
    to_I = 3 * bump if form == "input to E and I" else 0.0
    drive = np.stack([gaussian(p, 0.5) for p in PROBE] + [np.zeros(101)])
    if constant:
        drive = drive + gaussian(4 / 3, 0.5) + gaussian(-4 / 3, 0.5)
    drive = gain * contrast * drive
    E, I = np.zeros_like(drive), np.zeros_like(drive)  # noqa: E741
    for _ in range(4000):
        u_E = drive + to_E + E @ WEIGHTS[0].T - I
        u_I = drive + to_I + E @ WEIGHTS[1].T - 0.75 * I
        change_E = 0.01 * np.maximum(u_E, 0) ** 2 - E
        change_I = 0.01 * np.maximum(u_I, 0) ** 2 - I
        E = E + 0.5 / 20 * change_E
        I = I + 0.5 / 10 * change_I  # noqa: E741
        if max(np.abs(change_E).max(), np.abs(change_I).max()) < 1e-7:
            break
    pooling = gaussian(0.0, 2.0)
    recorded = np.stack([E @ (pooling / pooling.sum()), E[:, 50]])
    return recorded[:, :-1], recorded[:, -1]


def moments(above):
    """Centre of mass and standard deviation of what lies above 0, by sums."""
    weight = np.maximum(above, 0)
    centre = (weight * PROBE).sum() / weight.sum()
    return centre, np.sqrt((weight * (PROBE - centre) ** 2).sum() / weight.sum())


def test_which_rows_hold(config, data):
    measures = {m.name: m for m in shift.measure(config, data)}
    judged = {name: m for name, m in measures.items() if m.holds is not None}
    assert len(judged) == 4 + 4 + 1
    # Explained by their notes, which are tested below. The rows stay.
    assert [name for name, m in judged.items() if not m.holds] == [
        "shift_toward_focus[next area,constant stimuli,inside,input to E,c=20]",
        "shift_toward_focus[same area,probe alone,inside,input to E,c=20]",
        "size_ratio[same area,probe alone,centre,input to E,c=20]",
    ]
    assert all(bool(m.note) == (not m.holds) for m in judged.values())
    for form in FORMS:
        where = f"next area,probe alone,{{}},{form},c=20"
        assert measures[f"shift_toward_focus[{where.format('inside')}]"].value > 0.1
        assert measures[f"shift_toward_focus[{where.format('beside')}]"].value > 0.05
        assert measures[f"size_ratio[{where.format('centre')}]"].value < 0.96
        assert measures[f"size_ratio[{where.format('beside')}]"].value > 1.01


@pytest.mark.parametrize(
    ("focus", "form", "constant"),
    [
        (None, None, False),
        ("inside", "input to E", False),
        ("inside", "gain on drive", True),
        ("beside", "input to E and I", False),
    ],
)
def test_against_plain_numpy(data, focus, form, constant):
    """The maps, and their centres and sizes; the tolerance is that of the residual, amplified."""
    rates, baseline = fields(20.0, focus, form, constant)
    at = data.sel(contrast=20.0, shown="constant stimuli" if constant else "probe alone")
    at = at.sel(focus=focus or "centre", attention=form or "unattended")
    np.testing.assert_allclose(at["baseline"].values, baseline, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(at["response"].values, rates - baseline[:, None], atol=5e-3)
    for index in range(2):
        centre, spread = moments(rates[index] - baseline[index])
        assert float(at["centre"][index]) == pytest.approx(centre, abs=3e-3)
        assert float(at["spread"][index]) == pytest.approx(spread, abs=3e-3)


def test_the_two_sides_mirror_each_other(data):
    """The line is symmetric about the recorded unit: a second run in a mirror."""
    left, right = (data.sel(focus=focus) for focus in ("other side", "inside"))
    np.testing.assert_allclose(
        left["response"].values[..., ::-1], right["response"].values, atol=2e-3
    )
    np.testing.assert_allclose(left["centre"].values, -right["centre"].values, atol=2e-3)
    curve, at = data["axis_centre"], data.sel(contrast=20.0, shown="probe alone")
    np.testing.assert_allclose(
        curve.sel(axis_focus=4.0).values, at["centre"].sel(focus="beside").values, atol=1e-3
    )


def test_centre_and_size_of_a_gaussian():
    """Closed form: those of a Gaussian are its own, whatever is below 0 counts as 0."""
    place = np.linspace(-10, 10, 81)
    field = 3.0 * np.exp(-((place - 0.7) ** 2) / (2 * 1.3**2))
    maps = np.stack([field, np.where(field < 1e-6, -0.5, field), np.full_like(place, -1.0)])
    centre, spread = shift.centre_and_size(jnp.asarray(maps), jnp.asarray(place))
    np.testing.assert_allclose(centre[:2], 0.7, atol=1e-4)
    np.testing.assert_allclose(spread[:2], 1.3, atol=1e-3)
    assert np.isnan(centre[2])
    assert np.isnan(spread[2])


def test_why_three_rows_fail():
    """What the notes say, by the program."""
    # A probe beyond the focus takes from the response to the attended constant stimulus.
    beyond = (PROBE > 3) & (PROBE < 5)
    plain, attended = (
        rates[0] - baseline[0]
        for rates, baseline in (
            fields(20.0, constant=True),
            fields(20.0, "inside", "input to E", constant=True),
        )
    )
    assert (attended[beyond] < -0.02).all()
    assert (plain[beyond] > -0.002).all()
    # At 10 %, where the circuit still sums, the shift is toward the focus.
    rates, baseline = fields(10.0, "inside", "input to E", constant=True)
    assert moments(rates[0] - baseline[0])[0] > 0.15
    # In the area itself neighbours pull at weak contrast and push at strong contrast.
    centres = {}
    for contrast in (10.0, 40.0):
        rates, baseline = fields(contrast, "inside", "input to E")
        centres[contrast] = moments(rates[1] - baseline[1])[0]
    assert centres[10.0] > 0.05
    assert centres[40.0] < -0.02
    # Additive input raises weak responses by a larger factor than strong ones; gain does not.
    plain, _ = fields(20.0)
    for form, wider in (("input to E", True), ("gain on drive", False)):
        rates, baseline = fields(20.0, "centre", form)
        factor = (rates[1] - baseline[1]) / np.where(plain[1] > 0.01, plain[1], np.nan)
        flank, middle = factor[np.abs(PROBE) == 2 / 3].mean(), factor[PROBE == 0][0]
        assert (flank > 1.1 * middle) == wider


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


SMALL = [
    "probe.contrasts=[15, 8]",
    "probe.step=1",
    "probe.steps=7",
    "focus.axis_points=2",
    "circuit.units=61",
]


@pytest.fixture(scope="module")
def other():
    asked = load_config(NAME, SMALL)
    return asked, shift.run(asked, Progress())


def test_other_settings_and_their_measures(other):
    asked, found = other
    measures = {m.name: m for m in shift.measure(asked, found)}
    # Stated at the middle one of the contrasts, the upper one of two.
    where = "next area,probe alone,inside,input to E,c={}"
    assert measures[f"shift_toward_focus[{where.format(15)}]"].holds is True
    assert measures[f"shift_toward_focus[{where.format(8)}]"].holds is None
    assert not any("c=20" in name for name in measures)
    assert measures["size_ratio[next area,probe alone,beside,input to E,c=15]"].holds is True
    drawing.draw(asked, found, list(measures.values()))


def test_bad_settings_are_refused():
    for setting, words in (
        ("probe.contrasts=[5, 5]", "contrasts: found"),
        ("focus.inside=5", "inside: found 5"),
        ("probe.steps=1", "steps"),
    ):
        with pytest.raises(UserError, match=words):
            load_config(NAME, [setting])


def test_the_file_spells_out_the_defaults(config):
    assert plain(config) == plain(shift.Config(experiment=NAME, seed=0))


@pytest.mark.slow
def test_traced_settings_and_a_gradient(other):
    """Every continuous setting as a traced array at once; the slope against a difference."""
    small, found = other
    small = replaced(small, {"probe.contrasts": (15.0,)})
    numbers = {
        row.path: jnp.asarray(row.value)
        for row in settings(small)
        if isinstance(row.value, float) and not row.path.startswith("solver.")
    }
    # Declared a plain number where the weights are built, which type checking in tests insists on.
    del numbers["circuit.spacing"]
    assert len(numbers) == 12 + 4 + 3 + 5

    def centre(values, strength):
        changed = replaced(small, {**values, "attention.input": strength})
        return shift.simulate(changed, KEY)["centre"][1, 1, 0]

    step = 0.1
    value_and_slope = jax.jit(jax.vmap(jax.value_and_grad(centre, argnums=1), (None, 0)))
    values, slopes = value_and_slope(numbers, jnp.asarray([3.0 - step, 3.0, 3.0 + step]))
    at = found["centre"].sel(contrast=15.0, shown="probe alone", focus="inside")
    single = float(at.sel(attention="input to E", recorded="next area"))
    assert float(values[1]) == pytest.approx(single, abs=1e-3)
    assert float(slopes[1]) == pytest.approx(float(values[2] - values[0]) / (2 * step), rel=0.02)
