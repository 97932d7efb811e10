"""How other programs name and order the weights of the networks that we have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cortex.errors import UserError
from cortex.frontends.weights import named_arrays
from cortex.stimuli.image_files import Preprocessing

Shapes = dict[str, tuple[int, ...]]


class Layout(NamedTuple):
    """One way to write a network's weights down.

    Attributes:
        name: of the program that writes so.
        expected: names and shapes in the file, for a network shaped like the given one.
        build: arrays by our names, from those of the file and the network to shape like.
        preprocessing: of the images that these weights were trained on.
        ignored: names in the file that end so are passed over.
    """

    name: str
    expected: Callable[[Any], Shapes]
    build: Callable[[Mapping[str, np.ndarray], Any], dict[str, np.ndarray]]
    preprocessing: Preprocessing
    ignored: str | None = None

    def of(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of a file without those that are passed over."""
        end = self.ignored
        return {name: a for name, a in arrays.items() if end is None or not name.endswith(end)}


def shapes_of(like: Any) -> Shapes:
    """Shapes of a model's arrays by our names."""
    return {name: leaf.shape for name, leaf in named_arrays(like).items()}


def likeliest(
    arrays: Mapping[str, np.ndarray], candidates: Sequence[tuple[Layout, Any]]
) -> tuple[Layout, Any]:
    """The layout, and the network it is of, that most of the names in a file belong to."""

    def shared(candidate: tuple[Layout, Any]) -> float:
        layout, like = candidate
        expected, found = set(layout.expected(like)), set(layout.of(arrays))
        return len(expected & found) / len(expected | found)

    return max(candidates, key=shared)


def arranged(
    arrays: Mapping[str, np.ndarray], layout: Layout, like: Any, where: str
) -> dict[str, np.ndarray]:
    """The arrays of a file, every name and shape checked, by our names and in our order.

    Raises:
        UserError: starting with `where`: a name that is missing or unknown, another shape,
            or numbers that are not finite.
    """
    found, expected = layout.of(arrays), layout.expected(like)
    if odd := sorted(set(found) ^ set(expected)):
        # What is missing says more than what there is besides.
        missing = [name for name in odd if name in expected]
        side, name = ("missing", missing[0]) if missing else ("unknown", odd[0])
        raise UserError(
            f"{where}: {side} array {name} ({len(odd)} names differ from {layout.name})"
        )
    for name, shape in expected.items():
        if found[name].shape != shape:
            raise UserError(f"{where}: {name}: found shape {found[name].shape}, allowed: {shape}")
        if found[name].dtype.kind != "f":
            raise UserError(f"{where}: {name}: found {found[name].dtype}, allowed: a float type")
        if not np.isfinite(found[name]).all():
            raise UserError(f"{where}: {name}: found numbers that are not finite, allowed: finite")
    return layout.build(found, like)
