"""Figures: one file an experiment, and the shared style."""
