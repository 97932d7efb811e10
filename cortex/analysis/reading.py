"""What happens at the item that is read, against the others, while a sequence is read."""

import numpy as np
import xarray as xr


def on_asked(data: xr.Dataset, name: str) -> np.ndarray:
    """A variable by item, at the item asked for at each step.

    Args:
        data: with ``places``, the number of the item asked for, by order and step.
        name: of a variable over (seed, order, strip, step, digit).

    Returns:
        (seed, order, strip, step).
    """
    values = data[name].transpose("seed", "order", "strip", "step", "digit").values
    places = np.broadcast_to(data["places"].values[None, :, None, :, None], (*values.shape[:4], 1))
    return np.asarray(np.take_along_axis(values, places, axis=-1)[..., 0])


def rate_changes(data: xr.Dataset, population: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative change of rates with attention, over all steps.

    Args:
        data: with the rates of a population, attended (seed, strip, step, digit) and, named
            ``_before``, unattended (seed, strip, digit) [Hz].
        population: ``E`` or ``I``.
        order: in which the items were attended, 0 the first.

    Returns:
        At the item that is read, and at the others, (seed, strip) each [1].
    """
    before = data[f"{population}_before"].values[:, :, None, :]
    after = data[population].values
    asked = data["places"].values[order][:, None] == np.arange(before.shape[-1])[None, :]
    changes = []
    for kept in (asked, ~asked):
        total = [(rates * kept[None, None]).sum(axis=(2, 3)) for rates in (before, after)]
        changes.append(total[1] / total[0] - 1)
    return changes[0], changes[1]
