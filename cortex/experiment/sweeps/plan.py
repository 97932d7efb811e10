"""A sweep as a whole: its points, their configurations, and what makes it the same sweep again."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cortex.errors import UserError
from cortex.experiment.loading import ConfigError, checked, varied
from cortex.experiment.sweeps.axes import MOST_POINTS, Axis, Sample
from cortex.progress import stage
from cortex.settings import ExperimentSettings, Row, plain, settings

SAMPLE = "sample"  # the dimension of what is drawn at random


@dataclass(frozen=True)
class Sweep:
    """Which settings of an experiment vary, and how.

    Points are numbered from 0; the last axis varies fastest, and samples faster still.

    Attributes:
        config: what all points have in common; its seed is also that of the draws.
        axes: each is a dimension of the result.
        samples: drawn together: one dimension, ``sample``, for all of them.
        count: how many samples, for each combination of the axes; 1 without samples.
        kept: variables of the experiment's data that are kept besides its measures.
    """

    config: ExperimentSettings
    axes: tuple[Axis, ...] = ()
    samples: tuple[Sample, ...] = ()
    count: int = 1
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        twice = [path for path, times in Counter(self.paths).items() if times > 1]
        if twice:
            raise UserError(f"{twice[0]}: swept twice, allowed: once")
        if not self.paths:
            raise UserError("sweep: found nothing to vary, allowed: --grid or --sample")
        if self.samples and self.count < 1:
            raise UserError(f"--n: found {self.count}, allowed: a whole number >= 1")
        if self.size > MOST_POINTS:
            raise UserError(f"sweep: found {self.size:,} points, allowed: at most {MOST_POINTS:,}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the dimensions."""
        lengths = tuple(len(axis.values) for axis in self.axes)
        return (*lengths, self.count) if self.samples else lengths

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions: the paths of the axes, then ``sample``."""
        paths = tuple(axis.path for axis in self.axes)
        return (*paths, SAMPLE) if self.samples else paths

    @property
    def size(self) -> int:
        """How many points."""
        return math.prod(self.shape)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of all swept settings."""
        return (*(axis.path for axis in self.axes), *(sample.path for sample in self.samples))

    @property
    def logarithmic(self) -> list[str]:
        """Paths of those that are spaced or drawn in logarithm."""
        axes = [axis.path for axis in self.axes if axis.logarithmic]
        return [*axes, *(sample.path for sample in self.samples if sample.logarithmic)]

    @cached_property
    def draws(self) -> dict[str, tuple[float, ...]]:
        """The values of each sampled setting."""
        return {s.path: s.draws(self.count, self.config.seed) for s in self.samples}

    def values(self, point: int) -> dict[str, Any]:
        """The swept settings at one point."""
        index = np.unravel_index(point, self.shape)
        found = {axis.path: axis.values[i] for axis, i in zip(self.axes, index, strict=False)}
        return found | {path: drawn[index[-1]] for path, drawn in self.draws.items()}

    def config_of(self, point: int) -> ExperimentSettings:
        """The checked configuration of one point."""
        return varied(self.config, self.values(point))

    def check(self) -> None:
        """Refuse the sweep, in one line, if a point's configuration is not allowed.

        Every value is looked at by itself first, then every combination.
        """
        for axis in self.axes:
            for value in axis.values:
                self._allowed({axis.path: value}, f"--grid {axis.path}")
        for sample in self.samples:
            for value in self.draws[sample.path]:
                self._allowed({sample.path: value}, f"--sample {sample.path}")
        if len(self.paths) > 1:
            with stage("checking every combination", total=self.size) as advance:
                for point in range(self.size):
                    self._allowed(self.values(point), "a combination of the swept values")
                    advance(1)

    def _allowed(self, values: Mapping[str, Any], what: str) -> None:
        try:
            varied(self.config, values)
        except ConfigError as error:
            raise ConfigError(f"{what}: {error}") from None

    def rows(self) -> dict[str, Row]:
        """Unit and meaning of every swept setting, by path."""
        known = {row.path: row for row in settings(varied(self.config, self.values(0)))}
        return {path: known[path] for path in self.paths}

    def identity(self) -> dict[str, Any]:
        """Everything that the numbers depend on, as JSON can hold it."""
        return {
            "config": plain(self.config),
            "grid": {axis.path: list(axis.values) for axis in self.axes},
            "sample": {s.path: [s.distribution, *s.parameters] for s in self.samples},
            "n": self.count if self.samples else 1,
            "keep": list(self.kept),
            "dimensions": list(self.dims),
        }

    @classmethod
    def of_identity(cls, identity: Mapping[str, Any]) -> Sweep:
        """The sweep that `identity` describes."""
        return cls(
            checked(identity["config"]),
            tuple(Axis(path, tuple(values)) for path, values in identity["grid"].items()),
            tuple(
                Sample(path, row[0], (row[1], row[2])) for path, row in identity["sample"].items()
            ),
            identity["n"],
            tuple(identity["keep"]),
        )

    def digest(self) -> str:
        """Twelve hexadecimal digits that differ between different sweeps."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Group:
    """The points of a sweep that one compiled program does.

    Attributes:
        points: their numbers, rising.
        fixed: the settings that all of them share, because they change shapes or choices.
    """

    points: np.ndarray
    fixed: dict[str, Any]


def groups(sweep: Sweep, mapped: Sequence[str]) -> list[Group]:
    """Points that differ only in the `mapped` settings stand together."""
    own = [axis for axis in sweep.axes if axis.path not in mapped]
    free = [s for s in sweep.samples if s.path not in mapped]
    places = np.arange(sweep.size).reshape(sweep.shape)
    choices: list[list[tuple[str, Any, int, int]]] = [
        [(axis.path, value, sweep.dims.index(axis.path), i) for i, value in enumerate(axis.values)]
        for axis in own
    ]
    if free:  # every draw is a value of its own
        choices.append([("", None, len(sweep.shape) - 1, i) for i in range(sweep.count)])
    found = []
    for combination in itertools.product(*choices):
        where: list[Any] = [slice(None)] * len(sweep.shape)
        fixed = {}
        for path, value, dimension, i in combination:
            where[dimension] = i
            if path:
                fixed[path] = value
            else:
                fixed |= {s.path: sweep.draws[s.path][i] for s in free}
        found.append(Group(places[tuple(where)].ravel(), fixed))
    return found
