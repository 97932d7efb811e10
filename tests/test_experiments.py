"""One contract for all experiments, each run once at its small settings."""

import functools
import json
import re
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest
from matplotlib.text import Text

from cortex.errors import UserError
from cortex.experiment import ConfigError, load_settings, registry
from cortex.experiment.measures import to_json
from cortex.experiment.results import check_labels, read_data, write_data
from cortex.experiment.sweeps.axes import Axis
from cortex.experiment.sweeps.evaluate import COMPUTED, SETTLED, Evaluator, status
from cortex.experiment.sweeps.plan import Sweep
from cortex.experiment.written import as_toml
from cortex.plot.panel import NOTHING
from cortex.settings import plain, settings
from cortex.stimuli.public_data import VARIABLE
from tests.heavy import HEAVY
from tests.recordings import write_osie, write_v4_gain
from tests.small_runs import small_run

NAMES = registry.names()
FROZEN = json.loads((Path(__file__).parent / "frozen" / "validation.json").read_text())
RUNS = [pytest.param(name, marks=pytest.mark.slow if name in HEAVY else ()) for name in NAMES]


@pytest.fixture(autouse=True, scope="module")
def recordings(tmp_path_factory):
    """What experiments on recorded data read here: as small, and made."""
    folder = tmp_path_factory.mktemp("data")
    write_osie(folder / "osie")
    write_v4_gain(folder / "v4_gain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield


@functools.cache
def ran(name):
    """The experiment, its small settings, and what came out."""
    experiment, (small, data) = registry.find(name), small_run(name)
    return experiment, small, data, experiment.rows(small, data)


@pytest.mark.parametrize("name", RUNS)
def test_a_small_run_is_labelled_and_survives_the_disk(name, tmp_path):
    _, _, data, rows = ran(name)
    check_labels(data)
    write_data(data, tmp_path / "result.zarr")
    again = read_data(tmp_path / "result.zarr")
    assert set(again.variables) == set(data.variables)
    for variable in data.data_vars:
        np.testing.assert_array_equal(again[variable].values, data[variable].values)
    assert len(json.loads(to_json(rows))) == len(rows) > 0


@pytest.mark.parametrize("name", RUNS)
def test_every_claim_makes_rows_with_words_and_sources(name):
    experiment, small, data, _ = ran(name)
    for claim in experiment.claims:
        rows = list(claim.rows(small, data))
        assert all(row.unit and row.provenance for row in rows), claim.name
        assert claim.effect, claim.name


def named(caption):
    """The panels that a caption speaks of: "**a**", "**b** to **d**"."""
    found = set(re.findall(r"\*\*([a-z])\*\*", caption))
    for first, last in re.findall(r"\*\*([a-z])\*\* to \*\*([a-z])\*\*", caption):
        found |= {chr(code) for code in range(ord(first), ord(last))}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_caption_says_what_each_panel_shows_and_what_its_bars_are(name):
    caption = registry.caption(name)
    letters = named(caption)
    assert letters == {chr(ord("a") + number) for number in range(len(letters))}
    assert "n:" in caption or "eterministic" in caption or "Bars are" in caption
    assert re.search("no bars|[Bb]ars|[Bb]ands", caption)
    assert "95%" not in caption


@pytest.mark.parametrize("name", RUNS)
def test_a_small_run_is_drawn(name):
    experiment, small, data, rows = ran(name)
    figure = experiment.draw(small, data, rows)
    figure.draw_without_rendering()
    assert len(figure.axes) > 0
    letters = figure.findobj(lambda artist: artist.get_gid() == "letter")
    assert {letter.get_text() for letter in letters} == named(registry.caption(name))
    for panel in figure.axes:
        for text in (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()):
            assert "nan" not in text.split()
        legend, label = panel.get_legend(), panel.xaxis.label
        if legend is not None and label.get_text():
            assert not label.get_window_extent().overlaps(legend.get_window_extent())


# What was asked for, not found.
GIVEN = {"spectrum_contrast", "similarity"}


# One stands for the rest by day.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "ring_normalization" else pytest.mark.slow)
        for name in NAMES
    ],
)
def test_where_all_numbers_are_missing_claims_fail_and_the_figure_says_so(name):
    experiment, small, data, rows = ran(name)
    found = [v for v in data.data_vars if data[v].dtype.kind == "f" and v not in GIVEN]
    missing = data.assign({v: data[v].where(False) for v in found})
    claims = experiment.rows(small, missing)
    assert not any(row.holds for row in claims if np.isnan(row.value))
    figure = experiment.draw(small, missing, rows)
    figure.draw_without_rendering()
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert NOTHING in texts
    assert not {text for text in texts if re.search(r"\bnan\b", text)}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_too_much_excitation_is_refused_in_one_line_or_gives_no_numbers(name):
    """Ten times the weight from E onto E, so that most circuits run away."""
    experiment, (_, given) = registry.find(name), load_settings(name)
    weights = {row.path: 10 * row.value for row in settings(given) if row.path.endswith("J_EE")}
    if not weights:
        pytest.skip("no such setting: weights come from a file, or the circuit has none")
    _, small = load_settings(name, values=dict(experiment.small) | weights)
    refused = ""
    try:
        data = experiment.run(small)
        rows = experiment.rows(small, data)
    except UserError as error:
        refused = str(error)
    if refused:
        assert re.search(r"runs? away", refused)
        assert "\n" not in refused
        return
    to_json(rows)
    experiment.draw(small, data, rows).draw_without_rendering()
    if "settled" in data:
        assert (status(data) == SETTLED) == bool(data.settled.values.all())


@pytest.mark.parametrize("name", NAMES)
def test_no_claim_gets_lost(name):
    """Every frozen row has its claim still; the values are compared by night."""
    claims = {claim.name for claim in registry.find(name).claims}
    frozen = {row["measure"] for row in FROZEN if row["experiment"] == name}
    assert frozen
    assert {row.partition("[")[0] for row in frozen} <= claims


@pytest.mark.parametrize("name", NAMES)
def test_settings_have_units_words_and_sources_and_go_through_a_file(name, tmp_path):
    _, resolved = load_settings(name)
    for row in settings(resolved):
        if row.path in ("experiment", "seed"):
            continue
        assert row.description, row.path
        assert row.source, row.path
        assert row.unit or not isinstance(row.value, float), row.path
    path = tmp_path / "mine.toml"
    path.write_text(as_toml(resolved))
    assert plain(load_settings(path)[1]) == plain(resolved)
    assert tomllib.loads(path.read_text())["experiment"] == name


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_setting_is_refused_in_one_line(name):
    with pytest.raises(ConfigError, match="unknown key 'nothing'") as caught:
        load_settings(name, ["nothing=1"])
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="seed: found -1, allowed: a whole number >= 0"):
        load_settings(name, ["seed=-1"])


@pytest.mark.parametrize("preset", registry.presets(), ids=lambda preset: preset.name)
def test_a_preset_stands_beside_its_experiment(preset):
    _, asked = load_settings(preset.name)
    assert asked.experiment == preset.experiment in NAMES
    assert preset.name not in NAMES
    assert preset.summary.startswith("preset: ")


@pytest.mark.parametrize("name", RUNS)
def test_the_points_of_a_sweep_are_settled_only_if_all_is(name):
    experiment, _, data, _ = ran(name)
    looks_for_states = "settled" in data
    assert looks_for_states or not any("steady state" in c.effect for c in experiment.claims)
    if looks_for_states:
        assert (status(data) == SETTLED) == bool(data.settled.values.all())
        unsettled = data.assign(settled=data.settled & False)
        assert status(unsettled) not in (SETTLED, COMPUTED)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "area_hierarchy" else ())
        for name in HEAVY
        if registry.find(name).compiled
    ],
)
def test_what_is_too_heavy_to_run_by_day_is_traced(name, monkeypatch):
    """It fits together: names, shapes, axes and units; only the numbers wait for the night.

    Axes are taken one place after the other, which names them all the same in a third of the time.
    """
    monkeypatch.setattr("cortex.labelled._vmap", jax.lax.map)
    experiment = registry.find(name)
    _, small = load_settings(name, values=experiment.small)
    found = jax.eval_shape(functools.partial(experiment.simulate, small), jax.random.key(0))
    assert found


# The way of a sweep to a point is the same for all: one of them stands for the rest by day.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "ring_normalization" else pytest.mark.slow)
        for name in NAMES
        if registry.find(name).compiled
    ],
)
def test_a_point_of_a_sweep_is_a_run(name):
    _, small, _, rows = ran(name)
    swept = Evaluator(Sweep(small, (Axis("seed", (small.seed,)),)))(0, np.array([0]))
    assert not swept.complaints
    for row in rows:
        # Another program: sums in another order, single precision.
        found = swept.columns[row.name][0]
        assert found == pytest.approx(row.value, rel=5e-2, abs=1e-3, nan_ok=True), row.name
    jax.clear_caches()
