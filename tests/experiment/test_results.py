"""The results folder: complete or absent, readable alone, and nothing computed is lost."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from cortex.experiment import (
    Experiment,
    ExperimentSettings,
    IncompleteError,
    Measure,
    UserError,
    load_config,
    load_results,
    newest_results,
    redraw,
    registry,
    results,
    run_experiment,
)
from cortex.labelled import variable

FILES = {
    "config.toml",
    "result.zarr",
    "measures.json",
    "figure.png",
    "figure.pdf",
    "provenance.json",
}


def toy_data() -> xr.Dataset:
    return xr.Dataset(
        {
            "rates": variable(("unit", "name"), np.ones((3, 2), np.float32), "Hz", "rates"),
            "good": variable("unit", [True, False, True], "1", "whether good"),
            "lost": variable("unit", [1.0, np.nan, 2.0], "Hz", "with a gap"),
        },
        {"name": variable("name", ["E", "inhibitory ü"], "1", "population")},
    )


class Toy(Experiment):
    """An experiment in memory whose parts can be made to fail."""

    __setattr__ = object.__setattr__  # one that tests may change
    __delattr__ = object.__delattr__

    def __init__(self):
        super().__init__(ExperimentSettings, lambda settings, key: {}, name="toy")
        del self.draw  # the default, which hides the method below
        self.failing = ""
        self.error: BaseException = RuntimeError("broken\non two lines")
        self.data = toy_data()

    def _maybe(self, part):
        if part == self.failing:
            raise self.error

    def run(self, settings):
        self._maybe("run")
        return self.data

    def rows(self, settings, data):
        self._maybe("rows")
        return [Measure(name="mean", value=float(data["rates"].mean()), unit="Hz")]

    def draw(self, settings, data, measures):
        self._maybe("draw")
        figure = Figure()
        figure.subplots().set_title(measures[0].name)
        return figure


@pytest.fixture
def toy(monkeypatch, tmp_path):
    experiment = Toy()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "names", lambda: ("toy",))
    monkeypatch.setattr(registry, "find", lambda name: experiment)
    return experiment


CONFIG = ExperimentSettings(experiment="toy", seed=3)


def test_a_run_writes_a_whole_folder_and_reads_back(toy):
    found = run_experiment(CONFIG, Path("out"), command=["cortex", "run", "toy"])
    assert {path.name for path in Path("out").iterdir()} == FILES
    assert [path.name for path in Path().iterdir()] == ["out"]
    back = load_results("out")
    assert back.config == CONFIG
    assert back.measures == found.measures
    xr.testing.assert_equal(back.data, toy.data)
    assert str(back.data["name"].values[1]) == "inhibitory ü"
    assert float(back.data["rates"].sel(name="E", unit=0)) == 1.0
    for name, item in toy.data.variables.items():
        assert back.data[name].attrs == item.attrs
    assert json.loads(Path("out/result.zarr/zarr.json").read_text())["zarr_format"] == 3
    assert load_config("out/config.toml") == CONFIG


def test_xarray_alone_opens_it_without_a_warning(toy):
    run_experiment(CONFIG, Path("out"))
    # Warnings are errors here.
    with xr.open_zarr("out/result.zarr") as data:
        xr.testing.assert_identical(data.compute(), load_results("out").data)


def test_a_folder_without_consolidated_metadata_is_read_as_well(toy):
    """So were folders written before."""
    found = run_experiment(CONFIG, Path("out"))
    root = Path("out/result.zarr/zarr.json")
    metadata = json.loads(root.read_text())
    del metadata["consolidated_metadata"]
    root.write_text(json.dumps(metadata))
    xr.testing.assert_identical(load_results("out").data, found.data)


def test_provenance_says_what_is_needed_to_repeat(toy):
    found = run_experiment(CONFIG, Path("out"), command=["cortex", "run", "toy"])
    assert found.provenance == load_results("out").provenance
    kept = found.provenance
    assert kept["seed"] == 3
    assert kept["command"] == ["cortex", "run", "toy"]
    assert kept["precision"] == 32
    assert kept["device"]["platform"] == "cpu"
    assert {"python", "cortex", "jax", "diffrax", "xarray", "zarr"} <= set(kept["versions"])
    assert "not installed" not in kept["versions"].values()
    assert kept["wall_time_s"] >= 0
    assert kept["peak_memory_bytes"] > 10_000_000
    assert set(kept["git"]) == {"revision", "dirty"}
    started = datetime.fromisoformat(kept["started"])
    assert abs((datetime.now(UTC) - started).total_seconds()) < 600


def test_default_folders_are_unique_within_a_second(toy):
    paths = {run_experiment(CONFIG).path for _ in range(2)}
    assert len(paths) == 2
    assert {path.parent for path in paths} == {Path.cwd() / "results" / "toy"}


def test_the_newest_results_are_found(toy):
    run_experiment(CONFIG, Path("results/toy/b"))
    last = run_experiment(CONFIG, Path("results/toy/a"))
    assert newest_results("toy").absolute() == last.path
    with pytest.raises(UserError, match="no results under"):
        newest_results("other")


@pytest.mark.parametrize("taken", ["folder", "file", "below a file"])
def test_what_exists_is_refused_before_anything_is_computed(toy, taken):
    toy.failing = "run"
    out = Path("out")
    if taken == "folder":
        out.mkdir()
        (out / "precious").touch()
    else:
        out.touch()
    target = out / "x" if taken == "below a file" else out
    with pytest.raises(UserError, match=r"^--out out.*allowed: "):
        run_experiment(CONFIG, target)
    assert out.exists()


def test_an_empty_folder_will_do(toy):
    Path("out").mkdir()
    assert run_experiment(CONFIG, Path("out")).path == Path.cwd() / "out"


def test_a_target_taken_meanwhile_is_not_overwritten(toy, monkeypatch):
    def rival(settings):
        Path("out").mkdir()
        Path("out/precious").touch()
        return toy.data

    monkeypatch.setattr(toy, "run", rival)
    found = run_experiment(CONFIG, Path("out"))
    assert found.path.name == "out-2"
    assert [path.name for path in Path("out").iterdir()] == ["precious"]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_a_failed_simulation_leaves_nothing(toy, error):
    toy.failing, toy.error = "run", error
    with pytest.raises(type(error)):
        run_experiment(CONFIG, Path("deep/out"))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_while_writing_the_data_leaves_nothing(toy, monkeypatch, error):
    def fail(data, path):
        path.mkdir()
        (path / "half").touch()
        raise error

    monkeypatch.setattr(results, "write_data", fail)
    with pytest.raises(type(error)):
        run_experiment(CONFIG, Path("out"))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("part", ["rows", "draw"])
def test_a_failure_after_the_simulation_keeps_the_data(toy, part):
    toy.failing = part
    with pytest.raises(IncompleteError, match=r"saved in .*out\.incomplete.*RuntimeError: broken"):
        run_experiment(CONFIG, Path("out"))
    assert [path.name for path in Path().iterdir()] == ["out.incomplete"]
    assert "in draw" in Path("out.incomplete/error.txt").read_text() or part == "rows"
    toy.failing = ""
    found = redraw(Path("out.incomplete"))
    assert found.path == Path.cwd() / "out"
    assert [path.name for path in Path().iterdir()] == ["out"]
    assert {path.name for path in Path("out").iterdir()} == FILES


def test_ctrl_c_while_drawing_keeps_the_data_too(toy):
    toy.failing, toy.error = "draw", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as caught:
        run_experiment(CONFIG, Path("out"))
    assert "out.incomplete" in caught.value.__notes__[0]
    assert [path.name for path in Path().iterdir()] == ["out.incomplete"]


def test_a_variable_without_units_is_an_error_but_not_lost(toy):
    del toy.data["rates"].attrs["units"]
    with pytest.raises(IncompleteError, match="without units or long_name: rates"):
        run_experiment(CONFIG, Path("out"))
    assert Path("out.incomplete/result.zarr").is_dir()


def test_redraw_needs_the_folder_alone(toy):
    run_experiment(CONFIG, Path("out"))
    before = Path("out/figure.png").read_bytes()
    Path("out/figure.png").write_bytes(b"")
    Path("out/figure.pdf").unlink()
    toy.failing = "run"
    redraw(Path("out"))
    assert Path("out/figure.png").read_bytes() == before
    assert {path.name for path in Path("out").iterdir()} == FILES


def test_a_failed_redraw_leaves_the_old_figure(toy):
    run_experiment(CONFIG, Path("out"))
    before = Path("out/figure.png").read_bytes()
    toy.failing = "draw"
    with pytest.raises(RuntimeError):
        redraw(Path("out"))
    assert Path("out/figure.png").read_bytes() == before
    assert {path.name for path in Path("out").iterdir()} == FILES


@pytest.mark.parametrize("name", ["config.toml", "result.zarr", "provenance.json"])
def test_a_folder_that_lacks_a_part_is_named(toy, name):
    run_experiment(CONFIG, Path("out"))
    Path("out", name).rename("elsewhere")
    with pytest.raises(UserError, match=f"out: not a results folder .{name} is missing"):
        load_results("out")


def test_damaged_files_are_named(toy):
    run_experiment(CONFIG, Path("out"))
    Path("out/measures.json").write_text("[")
    with pytest.raises(UserError, match=r"out/measures\.json: cannot be read"):
        load_results("out")
    Path("out/result.zarr/zarr.json").write_text("[")
    with pytest.raises(UserError, match=r"out/result\.zarr: cannot be read"):
        load_results("out")
    with pytest.raises(UserError, match="no such results folder"):
        load_results("nowhere")
