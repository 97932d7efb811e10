"""How long work says how far it is; silent unless someone listens.

Work is told apart into stages. Who does the work does not need to know who listens:

    with stage("images", total=1000) as advance:
        for batch in batches:
            advance(len(batch))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

Advance = Callable[..., None]  # of the number of steps just done, 1 by default
Listener = Callable[[str, int | float | None], AbstractContextManager[Advance]]


@contextmanager
def _silent(text: str, total: int | float | None) -> Iterator[Advance]:
    yield lambda steps=1: None


_listener: ContextVar[Listener] = ContextVar("listener", default=_silent)


def stage(text: str, total: int | float | None = None) -> AbstractContextManager[Advance]:
    """A part of the work, described by `text`.

    Args:
        text: what is being done, in a few words.
        total: number of steps; None if it is not known.

    Returns:
        A context manager that gives a function: call it with the number of steps just done.
    """
    return _listener.get()(text, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, stages are told to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
