"""Stages as objects, for experiments that are still modules of functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Stage:
    """A part of an experiment under way."""

    def advance(self, steps: int | float = 1) -> None:
        """Say that `steps` more of the stage's total are done."""


class Progress:
    """Progress nobody sees."""

    @contextmanager
    def stage(self, text: str, total: int | float | None = None) -> Iterator[Stage]:
        """A part of the work, described by `text`, of `total` steps (None: not known)."""
        yield Stage()
