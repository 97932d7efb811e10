"""Claims of experiments that are still modules of functions."""
