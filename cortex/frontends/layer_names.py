"""Layers by name, or by number from 1: what users write, and the place in a tuple it means."""

import difflib
from collections.abc import Sequence

import numpy as np

from cortex.errors import UserError


def numbered(layers: int) -> tuple[str, ...]:
    """The names of layers that were given none: conv1, conv2, ..., from the image upwards."""
    return tuple(f"conv{number}" for number in range(1, layers + 1))


def layer_index(names: Sequence[str], layer: str | int, argument: str = "at") -> int:
    """Where a layer stands, 0 the lowest.

    Args:
        names: of all layers, from the image upwards.
        layer: a name, or a number from 1 (the lowest).
        argument: what the layer was given as, for the error.

    Raises:
        UserError: no such layer.
    """
    if isinstance(layer, str) and layer in names:
        return list(names).index(layer)
    if isinstance(layer, int | np.integer) and 1 <= layer <= len(names):
        return int(layer) - 1
    close = difflib.get_close_matches(str(layer), names, n=1)
    raise UserError(
        f"{argument}: found {layer!r}, allowed: {', '.join(names)}, or 1 to {len(names)}"
        + (f"; did you mean {close[0]!r}?" if close else "")
    )
