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
