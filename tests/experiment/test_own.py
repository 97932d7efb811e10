"""A user's own experiment: a file or an object, with everything that a packaged one has."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import pytest
import xarray as xr

from cortex.errors import UserError
from cortex.experiment import (
    ConfigError,
    Experiment,
    ExperimentSettings,
    load_settings,
    registry,
    run,
)
from cortex.labelled import label
from cortex.settings import quantity
from tests.refusals import refusal

TOY = Path(__file__).parent / "sweeps" / "toy.py"


def test_a_file_runs_and_is_redrawn_swept_and_validated(cortex, tmp_path):
    cortex("new", "mine")
    shown = cortex("run", "mine.py", "--set", "circuit.units=24", "--out", "out").stdout
    assert "ratio[contrast=5]" in shown
    assert {p.name for p in Path("out").iterdir()} >= {"figure.png", "measures.json", "result.zarr"}
    Path("out/figure.png").unlink()
    cortex("figure", "out")
    assert Path("out/figure.png").exists()
    cortex("sweep", "mine.py", "--set", "circuit.units=24", "--grid", "strength=1,3", "--out", "s")
    with xr.open_zarr("s/result.zarr") as swept:
        assert swept["ratio[contrast=5]"].dims == ("strength",)
    cortex("new", "mine", code=2)


def test_one_call_gives_the_data_with_settings_by_name():
    data = run(str(TOY), unit={"units": 5, "gain": 0.0})
    assert data.rates.sizes["unit"] == 5
    assert float(data.rates[0]) == 2.0
    assert "level = 2" in data.attrs["claims"][0]
    experiment = registry.find(str(TOY))
    assert run(experiment, unit={"drive": 4.0}).rates[0] == pytest.approx(8.0)
    with pytest.raises(ConfigError, match=r"unit\.gain: found -1, allowed: a number >= 0"):
        run(experiment, unit={"gain": -1})


def test_threads_share_a_file(tmp_path):
    path = tmp_path / "slow_to_load.py"
    path.write_text(f"import time\ntime.sleep(0.1)\n{TOY.read_text()}")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda gain: run(str(path), unit={"gain": gain}), (0.0, 0.1, 0.2)))
    alone = [run(str(path), unit={"gain": gain}) for gain in (0.0, 0.1, 0.2)]
    for one, other in zip(found, alone, strict=True):
        xr.testing.assert_identical(one, other)


def test_what_no_machine_could_hold_is_refused_with_its_bytes():
    class Size(ExperimentSettings):
        units: int = quantity(3, "1", "how many")

    def simulate(s, key):
        noise = jax.random.normal(key, (s.units, 2))
        return {"noise": label(noise, "1", "numbers", unit=None, pair=None)}

    experiment = Experiment(Size, simulate, name="size")
    assert run(experiment).sizes["unit"] == 3
    # Refused as it is compiled: nothing is allocated, and nothing runs.
    needed = r"^not enough memory: the program needs [\d,]{14,} bytes, this machine has "
    with pytest.raises(UserError, match=needed):
        run(experiment, units=10**12)


def test_it_runs_where_an_event_loop_does():
    """As in a notebook's kernel."""

    async def cell():
        return run(str(TOY))

    xr.testing.assert_identical(asyncio.run(cell()), run(str(TOY)))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ny = z\n", ":2: NameError: name 'z' is not defined"),
        ("def f(:\n", ":1: invalid syntax"),
        ("import nothing_there\n", ":1: ModuleNotFoundError"),
        ("x = 1\n", ": experiment: found no such name, allowed: experiment = "),
        ("experiment = 3\n", ": experiment: found int, allowed: "),
    ],
)
def test_a_broken_file_is_one_line_with_its_number(tmp_path, text, line):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert refusal(load_settings, path).startswith(f"{path}{line}")


def test_a_changed_file_is_read_anew(tmp_path):
    path = tmp_path / "mine.py"
    text = TOY.read_text()
    path.write_text(text)
    assert load_settings(path)[1].unit.drive == 2.0
    path.write_text(text.replace("quantity(2.0", "quantity(3.0"))
    assert load_settings(path)[1].unit.drive == 3.0


def test_a_file_of_settings_finds_the_experiment_beside_it(tmp_path):
    (tmp_path / "mine.py").write_text(TOY.read_text())
    (tmp_path / "other.toml").write_text("experiment = 'mine.py'\n[unit]\ndrive = 7.0\n")
    experiment, settings = load_settings(tmp_path / "other.toml")
    assert (experiment.name, settings.unit.drive) == ("mine", 7.0)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match=r"none\.py: cannot be read \(no such file"):
        load_settings(tmp_path / "none.py")
