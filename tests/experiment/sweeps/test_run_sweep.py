"""Whole sweeps: resumed, refused, killed, spread over workers, and always the same numbers."""

import dataclasses
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from cortex.errors import UserError
from cortex.experiment import load_config
from cortex.experiment.sweeps import (
    Axis,
    Sample,
    Sweep,
    is_sweep,
    load_sweep,
    redraw_sweep,
    run_sweep,
)
from cortex.experiment.sweeps.compiled import Program
from cortex.experiment.sweeps.pace import Local

TOY = Path(__file__).with_name("toy.py")
GAIN = Axis("unit.gain", (0.0, 0.5, 2.0))
FILES = {"sweep.json", "config.toml", "result.zarr", "figure.png", "figure.pdf", "provenance.json"}


@pytest.fixture(scope="module")
def sweep():
    return Sweep(load_config(TOY), (Axis("unit.units", (2, 3)), GAIN, Axis("seed", (0, 1))))


@pytest.fixture(scope="module")
def whole(sweep, tmp_path_factory):
    """The sweep in one go, with its figure."""
    return run_sweep(sweep, tmp_path_factory.mktemp("sweep") / "out")


def names(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()} - {".lock"}


def stopping(count: int):
    """An engine that computes in this process and fails after some chunks."""

    def engine(evaluator, missing):
        for number, rows in enumerate(Local(2)(evaluator, missing)):
            if number == count:
                raise RuntimeError("the power fails")
            yield rows

    return engine


def test_one_dataset_whose_dimensions_are_what_was_swept(whole):
    found, data = whole, whole.data
    assert dict(data["level"].sizes) == {"unit.units": 2, "unit.gain": 3, "seed": 2}
    assert data["level"].attrs == {"units": "Hz", "long_name": "level"}
    np.testing.assert_allclose(data["level"].sel({"unit.gain": 0.5}), 4.0, rtol=1e-6)
    assert data["unit.gain"].attrs["long_name"] == "feedback onto itself"
    by_seed = data["first_noise"].isel({"unit.gain": 0})
    assert len(np.unique(by_seed)) == 2
    assert names(found.path) == FILES
    assert imread(found.path / "figure.png").std() > 0
    assert (found.computed, found.outcomes) == (12, {"settled": 8, "diverged": 4})
    assert (data["rows_claimed"] == 1).all()
    np.testing.assert_array_equal(data["rows_holding"], data["status"] == 0)
    # Warnings are errors here.
    with xr.open_zarr(found.path / "result.zarr") as alone:
        xr.testing.assert_identical(alone.compute(), data)


def test_points_that_run_away_are_marked_and_stop_nothing(whole):
    data, status = whole.data, whole.data["status"]
    meanings = dict(
        zip(status.attrs["flag_values"], status.attrs["flag_meanings"].split(), strict=True)
    )
    assert meanings[int(status.sel({"unit.gain": 2.0})[0, 0])] == "diverged"
    assert np.isnan(data["level"].sel({"unit.gain": 2.0})).all()
    assert np.isfinite(data["level"].sel({"unit.gain": [0.0, 0.5]})).all()


def test_a_point_that_cannot_be_measured_is_marked_with_the_reason(toy, tmp_path):
    sweep = Sweep(toy.config(), (Axis("unit.kind", ("plain", "broken")),))
    found = run_sweep(sweep, tmp_path / "out")
    assert found.outcomes == {"settled": 1, "failed": 1}
    assert found.complaints == {1: "ValueError: nothing to measure"}


@pytest.mark.usefixtures("drawing")
def test_where_nothing_can_be_measured_the_figure_shows_that(toy, tmp_path):
    config = toy.config(kind="broken")
    found = run_sweep(Sweep(config, (GAIN,)), tmp_path / "out")
    assert found.outcomes == {"failed": 3}
    assert names(found.path) == FILES


def test_an_experiment_that_cannot_be_mapped_is_run_point_by_point(toy, tmp_path, monkeypatch):
    def simulate(settings, key):
        if settings.unit.gain == 0.5:
            raise FloatingPointError("nothing finite")
        return toy.simulate(settings, key)

    whole = dataclasses.replace(toy.module.experiment, simulate=simulate, compiled=False)
    monkeypatch.setattr(toy.module, "experiment", whole)
    axes = (Axis("unit.gain", (0.0, 0.5, 0.75)), Axis("unit.units", (2,)))
    found = run_sweep(Sweep(toy.config(), axes), tmp_path / "out")
    assert found.outcomes == {"settled": 2, "failed": 1}
    assert found.complaints == {1: "FloatingPointError: nothing finite"}
    np.testing.assert_allclose(found.data["level"][:, 0], [2.0, np.nan, 8.0], rtol=1e-5)


def test_a_sweep_goes_on_where_it_stopped_and_then_does_nothing(sweep, whole, tmp_path):
    with pytest.raises(RuntimeError, match="the power fails"):
        run_sweep(sweep, tmp_path / "out", engine=stopping(2))
    assert not (tmp_path / "out" / "result.zarr").exists()
    resumed = run_sweep(sweep, tmp_path / "out")
    assert resumed.computed == 12 - 4
    xr.testing.assert_identical(resumed.data, whole.data)
    assert names(resumed.path) == FILES
    assert len(resumed.provenance["sittings"]) == 2
    times = {path: path.stat().st_mtime_ns for path in resumed.path.iterdir() if path.is_file()}
    again = run_sweep(sweep, tmp_path / "out")
    assert again.computed == 0
    after = {path: path.stat().st_mtime_ns for path in resumed.path.iterdir() if path.is_file()}
    assert {p.name for p in after if after[p] != times[p]} <= {".lock"}


@pytest.mark.parametrize("chunk", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_the_numbers_do_not_depend_on_the_chunk(sweep, whole, tmp_path, chunk):
    cut = run_sweep(sweep, tmp_path / "cut", chunk=chunk)
    xr.testing.assert_identical(cut.data, whole.data)


def test_another_sweep_in_the_same_folder_is_refused(sweep, whole, toy, tmp_path):
    changed = toy.config(drive=3.0)
    with pytest.raises(UserError, match=r"holds another sweep \(config.unit.drive: 2.0 there, 3.0"):
        run_sweep(Sweep(changed, sweep.axes), whole.path)
    with pytest.raises(UserError, match=r"grid.unit.gain: \[0.0, 0.5, 2.0\] there, nothing now"):
        run_sweep(Sweep(toy.config(), (sweep.axes[0],)), whole.path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        run_sweep(sweep, tmp_path / "mine")
    assert names(tmp_path / "mine") == {"notes.txt"}


def test_what_is_not_allowed_leaves_nothing_behind(toy, tmp_path):
    wrong = Sweep(toy.config(), (Axis("unit.gain", (0.5, -1.0)),))
    with pytest.raises(UserError, match=r"unit.gain: found -1\.0"):
        run_sweep(wrong, tmp_path / "out")
    axes = (Axis("unit.units", (2, 3)),)
    with pytest.raises(UserError, match=r"--keep rates: its shape changes with unit.units"):
        run_sweep(Sweep(toy.config(), axes, kept=("rates",)), tmp_path / "out")
    with pytest.raises(UserError, match=r"--keep height: not in the data, allowed: .*noise"):
        run_sweep(Sweep(toy.config(), axes, kept=("height",)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_kept_variables_have_their_own_dimensions_too(toy, tmp_path):
    sweep = Sweep(toy.config(), (GAIN, Axis("seed", (0, 1))), kept=("noise", "rates"))
    data = run_sweep(sweep, tmp_path / "out").data
    assert data["noise"].dims == ("unit.gain", "seed", "unit")
    assert data["unit"].attrs["long_name"] == "place"
    np.testing.assert_array_equal(data["noise"][0], data["noise"][1])
    # Where the axis itself changes from point to point it is left out.
    moved = Sweep(toy.config(), (Axis("unit.drive", (1.0, 2.0)),), kept=("rates",))
    assert "unit" not in run_sweep(moved, tmp_path / "moved").data.coords


def test_samples_are_one_dimension(toy, tmp_path):
    samples = (
        Sample("unit.gain", "uniform", (0.0, 0.9)),
        Sample("unit.drive", "lognormal", (2.0, 0.3)),
    )
    data = run_sweep(Sweep(toy.config(), (), samples, 50), tmp_path / "out").data
    assert data["level"].dims == ("sample",)
    exact = data["unit.drive"] / (1 - data["unit.gain"])
    np.testing.assert_allclose(data["level"], exact, rtol=5e-3)  # 60 steps at a gain of .9


def test_memory_that_runs_out_is_asked_for_in_halves(sweep, whole, tmp_path, monkeypatch):
    called, refused = Program.__call__, []

    def greedy(self, values, keys):
        if len(keys) > 1:
            refused.append(len(keys))
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return called(self, values, keys)

    monkeypatch.setattr(Program, "__call__", greedy)
    found = run_sweep(sweep, tmp_path / "out", chunk=6)
    xr.testing.assert_identical(found.data, whole.data)
    assert refused
    monkeypatch.setattr(Program, "__call__", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(UserError, match="one point does not fit into memory"):
        run_sweep(sweep, tmp_path / "none")


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    "axes",
    [
        pytest.param((Axis("unit.drive", (1.0, 2.0, 4.0)),), marks=pytest.mark.slow, id="line"),
        pytest.param((Axis("unit.kind", ("a", "b")),), id="texts"),
        pytest.param((Axis("unit.kind", ("a", "b")), GAIN), marks=pytest.mark.slow, id="lines"),
        pytest.param((Axis("unit.drive", (1.0, 10.0, 100.0), logarithmic=True), GAIN), id="map"),
        pytest.param(
            (Axis("unit.drive", (1.0, 2.0)), GAIN, Axis("seed", (0, 1))),
            marks=pytest.mark.slow,
            id="multiples",
        ),
    ],
)
def test_every_number_of_axes_has_a_figure(toy, tmp_path, axes):
    found = run_sweep(Sweep(toy.config(), axes), tmp_path / "out")
    drawn = imread(found.path / "figure.png")
    redraw_sweep(found.path, ["first_noise"])
    assert imread(found.path / "figure.png").shape != drawn.shape or not np.array_equal(
        imread(found.path / "figure.png"), drawn
    )
    with pytest.raises(UserError, match="--of height: no such measure, allowed: level"):
        redraw_sweep(found.path, ["height"])


def test_a_folder_that_is_no_finished_sweep(sweep, tmp_path):
    with pytest.raises(UserError, match="not the folder of a sweep"):
        load_sweep(tmp_path)
    with pytest.raises(RuntimeError):
        run_sweep(sweep, tmp_path / "out", engine=stopping(1))
    assert is_sweep(tmp_path / "out")
    with pytest.raises(UserError, match="not finished; give the same command again"):
        load_sweep(tmp_path / "out")


def long_sweep():
    """90 points of 20 ms each."""
    gains = Axis("unit.gain", tuple(round(0.02 * i, 2) for i in range(30)))
    config = load_config(TOY, ["unit.pause=0.02"])
    return Sweep(config, (gains, Axis("unit.drive", (1.0, 2.0, 3.0))))


CHILD = """
import sys
from pathlib import Path
from cortex.experiment.sweeps import run_sweep
from tests.experiment.sweeps.test_run_sweep import long_sweep
print("ready", flush=True)
run_sweep(long_sweep(), Path(sys.argv[1]), chunk=2)
"""


def start(folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-c", CHILD, str(folder)]
    return subprocess.Popen(
        command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 20])
def test_killed_and_resumed_the_result_is_the_same(tmp_path, times):
    chance = random.Random(5)
    for _ in range(times):
        with start(tmp_path / "killed") as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(chance.uniform(0.0, 2.0))
            child.send_signal(signal.SIGKILL)
    with start(tmp_path / "killed") as last:
        assert last.wait(120) == 0
    whole = run_sweep(long_sweep(), tmp_path / "whole", chunk=2).data
    found = load_sweep(tmp_path / "killed").data
    xr.testing.assert_identical(found, whole)
    for item in found.variables:
        assert found[item].values.tobytes() == whole[item].values.tobytes()
    assert names(tmp_path / "killed") == FILES


def test_what_kills_leave_behind_is_taken_away(sweep, whole, tmp_path):
    """Killed while the last files were written: whole ones under their names, nothing else."""
    folder = shutil.copytree(whole.path, tmp_path / "out")
    (folder / "figure.png").unlink()
    for name in ("figure.35b30bb1.png", "provenance.json.35b30bb1", "config.toml.35b30bb1"):
        (folder / f".{name}").write_text("half", encoding="utf-8")
    again = run_sweep(sweep, folder)
    xr.testing.assert_identical(whole.data, again.data)
    assert names(folder) == FILES


def test_colours_follow_orders_of_magnitude_where_a_few_points_would_hide_the_rest():
    from cortex.figures.sweep import _norm
    from matplotlib.colors import LogNorm, Normalize

    values = np.linspace(1.0, 2.0, 40)
    assert type(_norm(values)) is Normalize
    values[3], values[5] = 500.0, np.nan
    norm = _norm(values)
    assert isinstance(norm, LogNorm)
    assert (norm.vmin, norm.vmax) == (1.0, 500.0)
    values[7] = -1.0
    assert type(_norm(values)) is Normalize
    assert _norm(np.full(3, np.nan)) is None


@pytest.mark.slow
def test_a_folder_in_use_is_refused(tmp_path):
    with start(tmp_path / "out") as child:
        while not is_sweep(tmp_path / "out"):
            time.sleep(0.05)
            assert child.poll() is None
        with pytest.raises(UserError, match="in use by another sweep"):
            run_sweep(long_sweep(), tmp_path / "out", chunk=2)
        child.kill()
