"""Activity over time, for a movie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from cortex.circuit import EI, AbstractStepping, Circuit, Epoch, simulate
from cortex.labelled import Labelled, coordinate, label


@dataclass(frozen=True)
class Course:
    """What a movie shows.

    Attributes:
        rates: [Hz], over ``population``, ``time`` and one or two dimensions of space.
        shown: from when to when each stimulus, or attention, is there [ms], by its name.
    """

    rates: Labelled
    shown: Mapping[str, tuple[float, float]]


def course(
    circuit: Circuit,
    steps: Sequence[tuple[Any, ...]],
    *,
    every: float = 5.0,
    initial: EI[Any] | None = None,
    stepping: AbstractStepping | None = None,
    **space: Any,
) -> Course:
    """Simulate a circuit through epochs with names.

    Args:
        circuit: of one or two dimensions.
        steps: each an `Epoch` and then the names of what is there during it, such as
            ``(Epoch(200, drive, attention), "grating", "attention")``.
        every: time between what is kept [ms].
        initial, stepping: as for `cortex.circuit.simulate`.
        **space: what stands along the dimensions of the circuit, as for `cortex.label`.
    """
    ends = np.cumsum([float(epoch.duration) for epoch, *_ in steps])
    times = np.linspace(0.0, ends[-1], round(ends[-1] / every) + 1)
    rules: dict[str, Any] = {"initial": initial, "stepping": stepping}
    protocol: list[Epoch] = [epoch for epoch, *_ in steps]
    found = simulate(circuit, protocol, jnp.asarray(times, float), **rules)
    shown: dict[str, tuple[float, float]] = {}
    for (_, *names), start, end in zip(steps, (0.0, *ends), ends, strict=False):
        for name in names:
            shown[name] = (shown.get(name, (float(start),))[0], float(end))
    time = coordinate(times, "ms", "time")
    return Course(label(found.values, "Hz", "rate", time=time, **space), shown)
