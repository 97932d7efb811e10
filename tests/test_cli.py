"""The command line, run in this process except where signals and start-up time matter."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
from typer.testing import CliRunner

from cortex.cli import app
from cortex.errors import UserError
from cortex.experiment import load_results

SMALL = [
    "run",
    "ring_normalization",
    "--set=circuit.units=36",
    "--set=stimulus.axis_points=3",
    "--set=stimulus.contrasts=[5,20,100]",
]


@pytest.fixture
def cortex(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done

    return call


def test_help_names_every_command(cortex):
    text = cortex("--help").stdout
    for command in ("list", "show", "run", "figure", "info"):
        assert f"  {command} " in text
    assert cortex("--version").stdout.startswith("cortex ")


def test_list_has_a_line_for_each_experiment(cortex):
    lines = cortex("list").stdout.splitlines()
    assert any(line.startswith("ring_normalization  Summation") for line in lines)


def test_show_gives_values_units_and_sources(cortex):
    lines = cortex("show", "ring_normalization", "--set", "circuit.tau_E=25").stdout.splitlines()
    (line,) = (line for line in lines if "circuit.tau_E" in line)
    assert line.split()[:3] == ["circuit.tau_E", "25", "ms"]
    assert "Rubin et al. 2015" in line
    assert any("[2, 10, 50]" in line for line in lines)


def test_run_then_run_again_from_its_own_configuration(cortex):
    shown = cortex(*SMALL, "--out", "a")
    for name in ("w_E[c=5]", "w_E[c=20]", "r_I[c=100]"):
        assert name in shown.stdout
    assert "a/figure.png" in shown.stdout
    assert "steady states" in shown.stderr
    quiet = cortex("run", "a/config.toml", "--out", "b", "--precision", "64", "--quiet")
    assert quiet.output == f"{Path('b').absolute()}\n"
    first, second = load_results("a"), load_results("b")
    assert first.config == second.config
    assert (first.provenance["precision"], second.provenance["precision"]) == (32, 64)
    assert (first.data["w_E"].dtype, second.data["w_E"].dtype) == ("float32", "float64")
    # Single and double precision agree.
    for one, two in zip(first.measures, second.measures, strict=True):
        assert one.name == two.name
        assert one.value == pytest.approx(two.value, rel=1e-3, abs=1e-4)
    assert not jax.config.jax_enable_x64


def test_figure_from_the_folder_or_the_newest(cortex):
    cortex(*SMALL, "--quiet")
    (folder,) = Path("results/ring_normalization").iterdir()
    before = (folder / "figure.png").read_bytes()
    for argument in (str(folder), "ring_normalization"):
        (folder / "figure.png").unlink()
        assert "figure.png" in cortex("figure", argument).stdout
        assert (folder / "figure.png").read_bytes() == before


def test_measures_are_a_flat_list(cortex):
    cortex(*SMALL, "--out", "a", "--quiet")
    rows = json.loads(Path("a/measures.json").read_text())
    assert all(
        {"name", "value", "unit", "reference", "provenance", "holds"} <= set(r) for r in rows
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "ring_normalization", "--set", "circuit.tau_E=-5"], "circuit.tau_E: found -5, "),
        (["show", "nothing"], "unknown experiment 'nothing', allowed: "),
        (["run", "none.toml"], "none.toml: cannot be read (no such file or directory)"),
        (["run", "ring_normalization", "--seed", "-1"], "seed: found -1, allowed: "),
        (["run", "ring_normalization", "--device", "tpu"], "--device tpu: not on this machine, "),
        (["figure", "."], ".: not a results folder"),
        (["figure", "ring_normalization"], "ring_normalization: no results under "),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_code_2(cortex, arguments, line):
    done = cortex(*arguments, code=2)
    assert done.stderr.startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(Path().iterdir()) == []


def test_a_full_folder_is_refused_at_once(cortex):
    Path("full").mkdir()
    Path("full/x").touch()
    start = time.perf_counter()
    done = cortex(*SMALL, "--out", "full", code=2)
    assert "exists and is not empty" in done.stderr
    assert time.perf_counter() - start < 2
    assert [path.name for path in Path("full").iterdir()] == ["x"]


def test_an_error_of_many_lines_is_still_one(cortex, monkeypatch):
    def fail(*_, **__):
        raise UserError("one\ntwo")

    monkeypatch.setattr("cortex.experiment.load_config", fail)
    assert cortex("show", "x", code=2).stderr == "error: one two\n"


def test_info_lists_versions_and_devices(cortex):
    text = cortex("info").stdout
    for word in ("python", "cortex", "jax", "memory", "device"):
        assert word in text


def test_help_and_list_do_not_import_jax():
    code = (
        "import sys; from typer.testing import CliRunner; from cortex.cli import app\n"
        "for words in (['--help'], ['list'], ['run', '--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "assert not {'jax', 'xarray', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_leaves_nothing(tmp_path, number, code):
    command = [sys.executable, "-c", "from cortex.cli import main; main()", *SMALL]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as running:
        assert running.stderr is not None
        assert "steady states" in running.stderr.readline()
        running.send_signal(number)
        rest = running.stderr.read()
    assert running.returncode == code
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
