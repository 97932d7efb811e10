"""How an experiment says how far it is; silent unless someone listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Stage:
    """A part of an experiment under way."""

    def advance(self, steps: int | float = 1) -> None:
        """Say that `steps` more of the stage's total are done."""


class Progress:
    """Progress nobody sees: for tests, for the library, for ``--quiet``.

    Examples
    --------
    >>> with progress.stage("images", total=1000) as stage:
    ...     for batch in batches:
    ...         stage.advance(len(batch))
    """

    @contextmanager
    def stage(self, text: str, total: int | float | None = None) -> Iterator[Stage]:
        """A part of the work, described by `text`, of `total` steps (None: not known)."""
        yield Stage()
