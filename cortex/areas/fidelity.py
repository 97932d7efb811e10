"""Fidelity: how much of what a network did it still does with circuits in it."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.frontends.conv import ConvNetwork

from .area import CircuitArea
from .forward import handed_on, logits, output_of, read, rectified, settled, through
from .system import VisualSystem

ENOUGH = 0.8  # of the images keep their first class, or there is a warning


class FidelityWarning(UserWarning):
    """Circuits took from a network what it knew."""


class Fidelity(NamedTuple):
    """What a network with circuits does as it did without them, on ordinary images.

    Attributes:
        first_class: share of images whose largest logit is that of the same class.
        top_five: share of the five classes of the largest logits that both have in common, mean
            over images; of half as many as there are classes, where that is less than five.
        correlation: by name, of each layer with a circuit: Pearson's correlation of its output
            with that of the plain layer, over images, maps and places.
        images: how many.
    """

    first_class: float
    top_five: float
    correlation: tuple[tuple[str, float], ...]
    images: int

    def __str__(self) -> str:
        layers = ", ".join(f"{value:.2f} at {name}" for name, value in self.correlation)
        return (
            f"{self.first_class:.0%} of {self.images} images keep their first class, "
            f"{self.top_five:.0%} of the first five; correlation of the output {layers}"
        )


def measure_fidelity(
    system: VisualSystem,
    network: ConvNetwork,
    images: Float[Array, "images channels height width"] | np.ndarray,
    batch: int = 100,
) -> Fidelity:
    """Compare a system with the network that its circuits were put into.

    Args:
        system: with circuits.
        network: without.
        images: ordinary images that no circuit was calibrated on.
        batch: images at a time.
    """
    circuits = [n for n, area in enumerate(system.areas) if isinstance(area, CircuitArea)]
    sums = {n: np.zeros(6) for n in circuits}
    plain, actual = [], []
    size = min(batch, len(images))
    for start in range(0, len(images), size):
        count = min(size, len(images) - start)
        shown = jnp.asarray(images[np.minimum(np.arange(start, start + size), len(images) - 1)])
        pair = _both(system, network, shown, circuits, count, sums)
        plain.append(pair[0][:count])
        actual.append(pair[1][:count])
    before, after = np.concatenate(plain), np.concatenate(actual)
    return Fidelity(
        *class_agreement(before, after),
        tuple((system.names[n], _correlation(sums[n])) for n in circuits),
        len(images),
    )


def _both(
    system: VisualSystem,
    network: ConvNetwork,
    shown: Array,
    circuits: list[int],
    count: int,
    sums: dict[int, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Logits without and with circuits; adds to the sums that correlations are made of."""
    plain = actual = shown
    reached = 0
    for layer in circuits:
        area, below = system.areas[layer], network.stages[reached:layer]
        assert isinstance(area, CircuitArea)
        plain = through(below, plain)
        actual = through(below, actual) if reached else plain
        target = rectified(area.stage, plain)
        output = output_of(area.output_map, settled(area, actual))
        sums[layer] += _sums(np.asarray(target[:count]), np.asarray(output[:count]))
        plain = handed_on(area.stage, plain, target)
        actual = handed_on(area.stage, actual, output)
        reached = layer + 1
    above = network.stages[reached:]
    if above:
        found = [
            logits(above, readout, x)
            for readout, x in ((network.readout, plain), (system.readout, actual))
        ]
    else:
        found = [read(network.readout, target), read(system.readout, output)]
    return np.asarray(found[0]), np.asarray(found[1])


def class_agreement(
    plain: Float[np.ndarray, "images classes"], actual: Float[np.ndarray, "images classes"]
) -> tuple[float, float]:
    """Share of images with the same first class, and mean agreement of the first five.

    Args:
        plain, actual: logits of the same images; rows of `actual` that are not finite agree in
            nothing.
    """
    most = max(min(5, plain.shape[1] // 2), 1)
    finite = np.isfinite(actual).all(axis=1)
    first, others = (np.argsort(-np.nan_to_num(x), axis=1)[:, :most] for x in (plain, actual))
    common = (first[:, :, None] == others[:, None, :]).any(axis=2).mean(axis=1)
    same = first[:, 0] == others[:, 0]
    return float(np.mean(same & finite)), float(np.mean(common * finite))


def _sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Count, and sums of x, y, their squares and their product, of images that are finite."""
    usable = np.isfinite(y).all(axis=(1, 2, 3))
    x, y = (np.asarray(z[usable], np.float64) for z in (x, y))
    return np.asarray([x.size, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])


def _correlation(sums: np.ndarray) -> float:
    count, x, y, xx, yy, xy = sums
    spread = np.sqrt((xx - x * x / count) * (yy - y * y / count)) if count else 0.0
    return float((xy - x * y / count) / spread) if spread > 0 else float("nan")


def warn_of_lost_work(fidelity: Fidelity, caller: Any = "insert_circuits") -> None:
    """A `FidelityWarning` where fewer than `ENOUGH` of the images keep their first class."""
    if fidelity.first_class < ENOUGH:
        warnings.warn(
            f"{caller}: only {fidelity}; allowed without a warning: {ENOUGH:.0%} or more keep "
            "their first class. Weaker recurrence, output_map=LinearMap or a readout fitted "
            "again keep more",
            FidelityWarning,
            stacklevel=3,
        )
