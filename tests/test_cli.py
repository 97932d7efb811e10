"""The command line, run in this process except where signals and start-up time matter."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors import safe_open

from cortex.areas import TrainingSettings, digits
from cortex.areas.digit_networks import DigitNetwork
from cortex.cli.shared import keep_programs
from cortex.errors import UserError
from cortex.experiment import load_results, registry
from cortex.stimuli import load_digits, split_digits

TOY = Path(__file__).parent / "experiment" / "sweeps" / "toy.py"
SMALL = [
    "run",
    "ring_normalization",
    "--set=circuit.units=36",
    "--set=contrasts.curve=[1.0, 100.0, 3]",
    "--set=contrasts=[5,20,100]",
]


def test_help_names_every_command(cortex):
    text = cortex("--help").stdout
    for command in ("list", "show", "run", "figure", "validate", "info", "train"):
        assert f"  {command} " in text
    assert cortex("--version").stdout.startswith("cortex ")


def test_list_has_a_line_for_each_experiment(cortex):
    lines = [line for line in cortex("list").stdout.splitlines() if line.startswith("  ")]
    (ring,) = (line for line in lines if line.startswith("  ring_normalization "))
    assert " s  Summation on the orientation ring: " in ring
    assert any(line.startswith("    object_detection_vgg16 ") for line in lines)
    assert sorted(line.split()[0] for line in lines) == list(registry.packaged())


def test_summaries_of_commands_are_whole_in_80_columns(cortex):
    commands = cortex("--help").stdout.partition("Commands:\n")[2].splitlines()
    assert len(commands) > 10
    assert [line for line in commands if "..." in line or len(line) > 80] == []


def test_show_gives_values_units_and_sources(cortex):
    lines = cortex("show", "ring_normalization", "--set", "circuit.tau_E=25").stdout.splitlines()
    (line,) = (line for line in lines if "circuit.tau_E" in line)
    assert line.split()[:3] == ["circuit.tau_E", "25", "ms"]
    (source,) = (row for row in lines if row.startswith(f"  {line.split()[-1]}  "))
    assert "Rubin, Van Hooser & Miller 2015" in source
    assert any("[2, 10, 50]" in line for line in lines)


DRAWN = """
from dataclasses import replace
from matplotlib.figure import Figure

def draw(s, data, rows):
    figure = Figure(figsize=(2, 2))
    figure.subplots().plot(data.rates)
    return figure

experiment = replace(experiment, draw=draw)
"""


def test_run_then_run_again_from_its_own_configuration_and_draw(cortex):
    Path("mine.py").write_text(TOY.read_text() + DRAWN)
    shown = cortex("run", "mine.py", "--set", "unit.drive=3")
    (newest,) = Path("results/mine").iterdir()
    for text in ("level", "exact", "first_noise", f"{newest}/figure.png"):
        assert text in shown.stdout
    assert "compiling and simulating" in shown.stderr
    quiet = cortex("run", f"{newest}/config.toml", "--out", "b", "--precision", "64", "--quiet")
    assert quiet.output == f"{Path('b').absolute()}\n"
    rows = json.loads((newest / "measures.json").read_text())
    assert all(
        {"name", "value", "unit", "reference", "provenance", "holds"} <= set(r) for r in rows
    )
    first, second = load_results(newest), load_results("b")
    assert first.config == second.config
    assert (first.provenance["precision"], second.provenance["precision"]) == (32, 64)
    assert (first.data.rates.dtype, second.data.rates.dtype) == ("float32", "float64")
    np.testing.assert_allclose(first.data.rates, second.data.rates, rtol=1e-5)
    assert float(first.data.rates[0]) == pytest.approx(6.0)
    assert not jax.config.jax_enable_x64
    # Of the newest results of the experiment.
    before = (newest / "figure.png").read_bytes()
    (newest / "figure.png").unlink()
    assert "figure.png" in cortex("figure", "mine.py").stdout
    assert (newest / "figure.png").read_bytes() == before


@pytest.mark.slow
def test_validate_tabulates_claims_and_explains_what_does_not_hold(cortex):
    shown = cortex("validate", "ring_normalization", "--out", "v")
    assert "two strong gratings suppress each other" in shown.stdout
    assert "ring_normalization, network_share_peak: does not hold. The maximum is" in shown.stdout
    assert "19 of 20 rows hold: 1 of 1 published numbers met," in shown.stdout
    assert sorted(path.name for path in Path("v").iterdir()) == [
        "ring_normalization",
        "validation.json",
        "validation.md",
    ]
    assert load_results("v/ring_normalization").measures


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "ring_normalization", "--set", "circuit.tau_E=-5"], "circuit.tau_E: found -5, "),
        (["show", "nothing"], "unknown experiment 'nothing'; `cortex list`"),
        (["run", "none.toml"], "none.toml: cannot be read (no such file or directory)"),
        (["run", "ring_normalization", "--seed", "-1"], "seed: found -1, allowed: "),
        (["run", "ring_normalization", "--device", "tpu"], "--device tpu: not on this machine, "),
        (
            ["run", "ring_normalization", "--memory", "4XB"],
            "--memory: found '4XB', allowed: such as ",
        ),
        (["validate", "nothing"], "unknown experiment 'nothing'; `cortex list`"),
        (["figure", "."], ".: not a results folder"),
        (["train", "digits", "--seed", "-1"], "--seed: found -1, allowed: a whole number >= 0"),
        (["train", "digits", "--kind", "circuits"], "--kind circuits: found no weights/digits_pl"),
        (["train", "digits", "--mnist", "nowhere"], "nowhere is not a folder: "),
        (["train", "digits", "--out", f"{__file__}/x"], f"--out {__file__}/x: {__file__} is a "),
        (["figure", "ring_normalization"], "ring_normalization: no results under "),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_code_2(cortex, arguments, line):
    done = cortex(*arguments, code=2)
    assert done.stderr.startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(Path().iterdir()) == []


LOOKING = '''"""Looks at eight images."""
import jax.numpy as jnp
from cortex.experiment import Claim, Experiment, ExperimentSettings, Reported
from cortex.labelled import label
from cortex.memory import in_parts
from cortex.sources import Source

@in_parts(shared=0)
def seen(images):
    return jnp.sort(images, axis=1).sum(axis=1)

def simulate(settings, key):
    return {"seen": label(seen(jnp.ones((8, 1000))).sum(), "1", "what is seen")}

CLAIMS = (Claim("seen", lambda d: d.seen, Reported(), Source(detail="here"), "seen"),)
experiment = Experiment(ExperimentSettings, simulate, CLAIMS, compiled=False)
'''


def test_a_run_says_what_it_held_or_how_many_bytes_it_needs(cortex):
    Path("looking.py").write_text(LOOKING)
    error = cortex("run", "looking.py", "--memory=100MB", code=2).stderr
    assert error.splitlines()[-1].startswith("error: --memory: found 100000000 bytes, allowed: at ")
    enough = int(error.split("at least ")[1].split(",")[0])
    said = cortex("run", "looking.py", f"--memory={enough + 10**9}").stdout
    assert " GiB at the most" in said


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


@pytest.fixture
def quick_training(monkeypatch):
    """One epoch of one step, on few digits."""
    few = split_digits(load_digits(), 10, 0)[1]
    monkeypatch.setattr("cortex.stimuli.load_digits", lambda: few)
    monkeypatch.setattr("cortex.stimuli.split_digits", lambda some, each, seed: (some, some))
    once = TrainingSettings(epochs=1)
    monkeypatch.setattr(digits, "PLAIN_TRAINING", once._replace(batch=50))
    monkeypatch.setattr(digits, "CIRCUIT_TRAINING", once._replace(batch=10))


def test_train_help_says_how_long_it_takes(cortex):
    assert "  digits " in cortex("train", "--help").stdout
    text = " ".join(cortex("train", "digits", "--help").stdout.split())
    assert "A seed takes about 6 minutes on 2 cores" in text
    for option in ("--seed", "--out", "--mnist", "--kind"):
        assert option in text


@pytest.mark.slow
def test_train_plain_digits_and_never_overwrite(cortex, quick_training):
    arguments = ("train", "digits", "--seed", "5", "--kind", "plain")
    done = cortex(*arguments)
    assert done.stdout.startswith("weights/digits_plain_5.safetensors  accuracy 0.")
    assert "plain, seed 5" in done.stderr
    assert "epoch  1 of 1: loss " in done.stderr
    path = Path("weights/digits_plain_5.safetensors")
    _, facts = digits.digit_network().load(path, "plain")
    assert (facts["kind"], facts["seed"]) == ("plain", 5)
    assert facts["command"] == "cortex train digits --seed 5"
    assert len(facts["loss_by_epoch"]) == 1
    before = path.read_bytes()
    for kind in ("plain", "both"):
        refused = cortex("train", "digits", "--seed", "5", "--kind", kind, code=2)
        assert refused.stderr == (
            "error: --out weights: digits_plain_5.safetensors is there and is not overwritten\n"
        )
    assert path.read_bytes() == before
    assert [item.name for item in Path("weights").iterdir()] == [path.name]


@pytest.mark.slow
def test_train_circuits_on_the_plain_network_of_the_folder(cortex, quick_training, monkeypatch):
    """What is trained is replaced here: `tests/areas` trains circuits."""
    asked = []

    def trained(network, plain, training, seed, report):
        asked.append(seed)
        row = {"loss": 1.0, "unsettled": 0.25}
        report(0, row)
        return plain, [row]

    monkeypatch.setattr(DigitNetwork, "train_circuits", trained)
    done = cortex("train", "digits", "--seed", "6", "--out", "new")
    assert asked == [6]
    assert "loss 1.0000, unsettled 0.2500" in done.stderr
    assert sorted(item.name for item in Path("new").iterdir()) == [
        "digits_circuits_6.safetensors",
        "digits_plain_6.safetensors",
    ]
    assert len(done.stdout.splitlines()) == 2


def test_the_weights_of_the_package_tell_how_they_were_made():
    for seed in digits.SEEDS:
        for kind, epochs in (("plain", 40), ("circuits", 12)):
            with safe_open(
                digits.digit_network().weights_file(kind, seed), framework="numpy"
            ) as file:
                facts = json.loads(file.metadata()["cortex"])
            assert facts["command"] == f"cortex train digits --seed {seed}"
            assert (facts["kind"], facts["seed"]) == (kind, seed)
            assert len(facts["loss_by_epoch"]) == epochs
            assert facts["held_out_digits"] == 1000
    assert (digits.PLAIN_TRAINING.epochs, digits.CIRCUIT_TRAINING.epochs) == (40, 12)


@pytest.mark.slow
def test_training_repeats_what_the_package_holds():
    """Nobody has to believe that the weights come from the command: its first epoch is theirs."""

    class Stop(Exception):
        pass

    def report(number, row):
        found.append(row["loss"])
        raise Stop

    found = []
    _, facts = digits.digit_network().load(digits.digit_network().weights_file("plain", 0), "plain")
    with pytest.raises(Stop):
        digits.digit_network().train_plain(split_digits(load_digits(), 100, 0)[0], 0, report)
    assert found[0] == pytest.approx(facts["loss_by_epoch"][0], rel=0.01)


def test_info_lists_versions_and_devices(cortex):
    text = cortex("info").stdout
    for word in ("python", "cortex", "jax", "memory", "device"):
        assert word in text


@pytest.fixture
def no_cache_folder():
    """JAX as a user has it who has set nothing."""
    keys = (
        "jax_compilation_cache_dir",
        "jax_compilation_cache_max_size",
        "jax_persistent_cache_min_compile_time_secs",
    )
    before = {key: getattr(jax.config, key) for key in keys}
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    for key, value in before.items():
        jax.config.update(key, value)


def test_compiled_programs_are_kept_where_the_user_says(monkeypatch, tmp_path, no_cache_folder):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_programs()
    chosen = Path(jax.config.jax_compilation_cache_dir)
    assert chosen.is_relative_to(tmp_path / "cortex")
    assert jax.config.jax_persistent_cache_min_compile_time_secs == 0
    jax.config.update("jax_compilation_cache_dir", "elsewhere")
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == "elsewhere"


def test_a_home_that_cannot_be_written_to_keeps_no_programs(monkeypatch, tmp_path, no_cache_folder):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_programs()
    assert jax.config.jax_compilation_cache_dir is None


def test_help_and_list_do_not_import_jax():
    code = (
        "import sys; from typer.testing import CliRunner; from cortex.cli import app\n"
        "for words in (['--help'], ['list'], ['run', '--help'], ['train', 'digits', '--help']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "assert not {'jax', 'xarray', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("number", "code", "wait"),  # s; the longer while the program compiles
    [
        (signal.SIGINT, 130, 0.6),
        pytest.param(signal.SIGINT, 130, 0.0, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, 0.0, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, 0.6, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_leaves_nothing(tmp_path, number, code, wait):
    command = [sys.executable, "-c", "from cortex.cli import main; main()", *SMALL]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as running:
        assert running.stderr is not None
        assert "compiling and simulating" in running.stderr.readline()
        time.sleep(wait)
        running.send_signal(number)
        rest = running.stderr.read()
    assert running.returncode == code
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
