"""Strictness that only tests can afford, programs compiled once, and no window ever."""

import os
from importlib.metadata import version
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
# Tests are the same on every machine; the GPU has tests of its own to run by hand.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is most of the work: workers, commands that tests start and later runs share it.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "d" / "jax")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Each program read again is said to prefer no gather, which is a taste and no feature of the CPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Whatever is first imported by a module with checked shapes is read from source, without bytecode.
import diffrax  # noqa: F401
import hypothesis
import jax
import optax  # noqa: F401
import pytest
import xarray  # noqa: F401

jax.config.update("jax_numpy_rank_promotion", "raise")
# The same examples every time.
hypothesis.settings.register_profile("cortex", derandomize=True)
hypothesis.settings.load_profile("cortex")


def pytest_configure(config):
    """By day less work for the compiler (README.md); by night programs are those of users.

    From jaxlib 0.11 on the flag of the older code generator may not be known, which would end
    the process.
    """
    if "not slow" not in config.option.markexpr:
        return
    jax.config.update("jax_disable_most_optimizations", True)
    if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11):
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_use_fusion_emitters=false"


def pytest_collection_modifyitems(items):
    """The contract of an experiment beside its own tests: one worker makes their small run."""
    at = {item: number for number, item in enumerate(items)}
    home = {item.path.stem: at[item] for item in items if item.path.parent.name == "sims"}
    for item in items:
        if item.path.name == "test_experiments.py":
            at[item] = home.get(f"test_{item.callspec.params.get('name')}", at[item])
    items.sort(key=at.get)


@pytest.fixture
def x64():
    """Double precision, for tests that compare derivatives or orders of convergence."""
    from tests.circuit.twins import double_precision

    with double_precision():
        yield


@pytest.fixture
def cortex(monkeypatch, tmp_path, tmp_path_factory):
    """The command in an empty folder, run in this process; fails on another exit code."""
    from typer.testing import CliRunner

    from cortex.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

    def call(*arguments, code=0):
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done

    return call
