"""Searches for the steady states of a batch of large circuits, one after the other on a CPU."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax

# Units of a population. Chosen here: what was measured, and gained, are 32,928 and more
# (benchmarks/README.md).
LARGE = 10_000


def one_by_one(search: Callable[..., Any], units: int) -> Callable[..., Any]:
    """A search that `jax.vmap` runs through a batch, where that is the faster way.

    A large circuit alone stays in the caches of a CPU, and is done when it has settled, not when
    the slowest of its batch has. Elsewhere a batch is computed at once.

    Args:
        search: from circuits and states (any pytrees) to states; is not differentiated.
        units: of a population of the circuit.
    """
    if units < LARGE or jax.default_backend() != "cpu":
        return search

    def whole(*arguments: Any) -> Any:
        arrays, rest = eqx.partition(arguments, eqx.is_array)
        each = jax.custom_batching.sequential_vmap(lambda given: search(*eqx.combine(given, rest)))
        return each(arrays)

    return whole
