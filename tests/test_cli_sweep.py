"""`cortex sweep` with a published circuit, and what it says to mistakes."""

import numpy as np
import pytest
import xarray as xr

from cortex.experiment.sweeps import load_sweep

SMALL = [
    "--set=circuit.units=24",
    "--set=contrasts.curve=[1.0, 100.0, 2]",
    "--set=shares.curve=[0.1, 1.0, 2]",
    "--set=contrasts=[5,20]",
]


@pytest.fixture
def sweep(cortex):
    def call(*arguments, code=0):
        return cortex("sweep", "ring_normalization", *SMALL, *arguments, code=code)

    return call


def test_a_grid_and_its_figure(sweep, cortex, tmp_path):
    grid = ["--grid=circuit.k=0.03,0.05", "--keep=w"]
    lines = sweep(*grid).stdout.splitlines()
    assert lines[0] == "2 points: 2 settled"
    folder = tmp_path / lines[1].split()[1]
    assert folder.parent == tmp_path / "results" / "sweeps"
    data = load_sweep(folder).data
    assert data["w"].dims == ("circuit.k", "contrast", "population")
    kept = data["w"].sel(contrast=20.0, population="E")
    np.testing.assert_allclose(data["w[contrast=20, E]"], kept, rtol=1e-6)
    assert sweep(*grid).stdout.splitlines()[0] == "2 points, 2 of them before: 2 settled"
    error = sweep("--grid=circuit.k=0.03,0.06", f"--out={folder}", code=2).stderr
    assert "holds another sweep (grid.circuit.k: [0.03, 0.05] there" in error
    drawn = (folder / "figure.png").read_bytes()
    cortex("figure", str(folder), "--of", "w")
    assert (folder / "figure.png").read_bytes() != drawn
    assert (
        "allowed: r[contrast=5, E]" in cortex("figure", str(folder), "--of", "w_X", code=2).stderr
    )


def test_draws(sweep, tmp_path):
    sweep("--sample=circuit.k=lognormal(0.04,0.1)", "--n=3", "--out=drawn", "--chunk=2", "-q")
    data = load_sweep(tmp_path / "drawn").data
    assert dict(data.sizes) == {"sample": 3}
    assert isinstance(data, xr.Dataset)
    assert len(np.unique(data["w[contrast=20, E]"])) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "found nothing to vary, allowed: --grid or --sample"),
        (["--grid=circuit.k=0.1,-1"], "found -1, allowed: a number > 0"),
        (["--sample=circuit.k=normal(0,1)", "--n=5"], "--sample circuit.k: circuit.k: found -"),
        (["--sample=circuit.k=normal(1,0.1)"], "--n: allowed with --sample, and needed there"),
        (["--grid=circuit.k=1,2", "--n=5"], "--n: allowed with --sample"),
        (["--grid=circuit.k=1,2", "--chunk=0"], "--chunk: found '0', allowed: auto or a whole"),
        (["--grid=circuit.k=1,2", "--cluster=moon"], "--cluster moon: allowed: local"),
        (["--grid=circuit.k=1,2", "--out=taken"], "--out taken: exists and is not empty"),
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
