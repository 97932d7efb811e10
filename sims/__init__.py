"""Experiments: one file each says what is shown, what is simulated, what is measured."""
