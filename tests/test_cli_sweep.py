"""`cortex sweep` of a user's own file, and what it says to mistakes."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cortex.experiment.sweeps import load_sweep

TOY = Path(__file__).parent / "experiment" / "sweeps" / "toy.py"


@pytest.fixture
def sweep(cortex):
    def call(*arguments, code=0):
        return cortex("sweep", str(TOY), *arguments, code=code)

    return call


def test_a_grid_and_its_figure(sweep, cortex, tmp_path):
    grid = ["--grid=unit.gain=0.0,0.5", "--keep=rates"]
    lines = sweep(*grid).stdout.splitlines()
    assert lines[0] == "2 points: 2 settled"
    folder = tmp_path / lines[1].split()[1]
    assert folder.parent == tmp_path / "results" / "sweeps"
    data = load_sweep(folder).data
    assert data["rates"].dims == ("unit.gain", "unit")
    np.testing.assert_allclose(data["level"], [2.0, 4.0], rtol=1e-6)
    np.testing.assert_array_equal(data["rates"][:, 0], data["level"])
    assert sweep(*grid).stdout.splitlines()[0] == "2 points, 2 of them before: 2 settled"
    error = sweep("--grid=unit.gain=0.0,0.6", f"--out={folder}", code=2).stderr
    assert "holds another sweep (grid.unit.gain: [0.0, 0.5] there" in error
    drawn = (folder / "figure.png").read_bytes()
    cortex("figure", str(folder), "--of", "first_noise")
    assert (folder / "figure.png").read_bytes() != drawn
    assert "allowed: level" in cortex("figure", str(folder), "--of", "lovel", code=2).stderr


def test_draws(sweep, tmp_path):
    sweep("--sample=unit.gain=lognormal(0.4,0.1)", "--n=3", "--out=drawn", "--chunk=2", "-q")
    data = load_sweep(tmp_path / "drawn").data
    assert dict(data.sizes) == {"sample": 3}
    assert isinstance(data, xr.Dataset)
    assert len(np.unique(data["level"])) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "found nothing to vary, allowed: --grid or --sample"),
        (["--grid=unit.gain=0.1,-1"], "found -1, allowed: a number >= 0"),
        (["--sample=unit.gain=normal(0,1)", "--n=5"], "--sample unit.gain: unit.gain: found -"),
        (["--sample=unit.gain=normal(1,0.1)"], "--n: allowed with --sample, and needed there"),
        (["--grid=unit.gain=1,2", "--n=5"], "--n: allowed with --sample"),
        (["--grid=unit.gain=1,2", "--chunk=0"], "--chunk: found '0', allowed: auto or a whole"),
        (["--grid=unit.gain=1,2", "--cluster=moon"], "--cluster moon: allowed: local"),
        (["--grid=unit.gain=1,2", "--out=taken"], "--out taken: exists and is not empty"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(sweep, tmp_path, arguments, words):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    error = sweep(*arguments, code=2).stderr
    assert words in error
    assert [line for line in error.splitlines() if line.startswith("error: ")] == [
        error.splitlines()[-1]
    ]
    assert [item.name for item in tmp_path.iterdir()] == ["taken"]
