"""Strictness that only tests can afford, and no window ever."""

import os

os.environ["MPLBACKEND"] = "Agg"
# Tests are the same on every machine; the GPU has tests of its own to run by hand.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
