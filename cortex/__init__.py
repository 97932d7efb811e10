"""Biologically detailed recurrent vision models with top-down attention, in JAX."""

__version__ = "0.1.0"
