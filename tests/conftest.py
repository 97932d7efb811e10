"""Strictness that only tests can afford, and no window ever."""

import os

os.environ["MPLBACKEND"] = "Agg"
# Tests are the same on every machine; the GPU has tests of its own to run by hand.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def x64():
    """Double precision, for tests that compare derivatives or orders of convergence."""
    from tests.circuit.twins import double_precision

    with double_precision():
        yield


@pytest.fixture
def cortex(monkeypatch, tmp_path):
    """The command in an empty folder, run in this process; fails on another exit code."""
    from typer.testing import CliRunner

    from cortex.cli import app

    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done

    return call
