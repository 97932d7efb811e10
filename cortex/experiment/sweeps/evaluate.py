"""From the points of a sweep to rows of numbers: simulate, measure, and say what became of each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from cortex.errors import UserError, out_of_memory
from cortex.experiment import registry
from cortex.experiment.experiment import Experiment
from cortex.experiment.sweeps.compiled import Program, mappable
from cortex.experiment.sweeps.plan import Group, Sweep, groups

SETTLED, UNSETTLED, DIVERGED, FAILED, COMPUTED = range(5)
STATUS = {
    SETTLED: "settled",
    UNSETTLED: "unsettled",
    DIVERGED: "diverged",
    FAILED: "failed",
    COMPUTED: "computed",  # an experiment that looks for no steady states
}
HOLDING, CLAIMED = "rows_holding", "rows_claimed"


@dataclass
class Rows:
    """What is known about some points; each column has them on its first axis.

    Attributes:
        points: their numbers in the sweep.
        columns: measures, kept variables, ``status``, ``rows_holding`` and ``rows_claimed``.
        labels: of each column: its dimensions after the first, unit, meaning, whether it is a
            measure and whether a headline.
        coordinates: of the dimensions of kept variables: values, unit, meaning; None where points
            differ.
        complaints: from a point's number to why it failed, in one line.
    """

    points: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    coordinates: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    complaints: dict[int, str] = field(default_factory=dict)


class Evaluator:
    """Computes points of one sweep; keeps its compiled programs."""

    def __init__(
        self, sweep: Sweep, most: int | None = None, mapped: Sequence[str] | None = None
    ) -> None:
        """
        Args:
            sweep: the plan.
            most: most points of a call; default as many as fit.
            mapped: the settings that are arrays to one program; default those that can be.
        """
        self.sweep, self._most = sweep, most
        self._programs: dict[int, Program] = {}
        if mapped is not None:
            self.mapped = list(mapped)

    @cached_property
    def _experiment(self) -> Experiment:
        return registry.find(self.sweep.config.experiment)

    @property
    def compiled(self) -> bool:
        """Whether one program does many points."""
        return self._experiment.compiled

    @cached_property
    def mapped(self) -> list[str]:
        """The swept settings that are arrays to one program."""
        if not self.compiled:
            return []
        swept = [path for path in self.sweep.paths if path != "seed"]
        return mappable(self._experiment.simulate, self.sweep.config_of(0), swept)

    @cached_property
    def groups(self) -> list[Group]:
        """What each program does; what cannot be compiled whole does each point by itself."""
        # The seed is data as well: it makes the random key.
        return groups(self.sweep, [*self.mapped, "seed"] if self.compiled else [])

    def capacity(self, group: int) -> int:
        """Most points of one call in this group."""
        return self._program(group).capacity if self.compiled else 1

    def __call__(self, group: int, points: np.ndarray) -> Rows:
        """Compute points of one group, all at once if memory allows."""
        rows = Rows(points)
        found = self._simulated(group, points) if self.compiled else self._whole(points)
        described = [self._described(rows, int(p), f) for p, f in zip(points, found, strict=True)]
        names = dict.fromkeys(name for row in described for name in row)
        for name in names:
            example = next(row[name] for row in described if name in row)
            nothing = np.full_like(example, np.nan) if example.dtype.kind == "f" else example * 0
            rows.columns[name] = np.stack([row.get(name, nothing) for row in described])
        return rows

    def _simulated(self, group: int, points: np.ndarray) -> list[Any]:
        """What `simulate` found at each point; memory that runs out is asked for in halves."""
        configs = [self.sweep.config_of(int(point)) for point in points]
        given = [self.sweep.values(int(point)) for point in points]
        values = {path: np.array([row[path] for row in given], float) for path in self.mapped}
        seeds = {seed: _key(seed) for seed in {config.seed for config in configs}}
        keys = np.stack([seeds[config.seed] for config in configs])
        found: list[Any] = []
        while len(found) < len(points):
            program = self._program(group)
            part = slice(len(found), len(found) + program.capacity)
            try:
                arrays = program({p: v[part] for p, v in values.items()}, keys[part])
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if not program.shrink():
                    raise UserError(
                        f"sweep: one point does not fit into memory ({error})"
                    ) from None
                continue
            count = len(keys[part])
            found += [jax.tree.map(lambda a, i=i: a[i], arrays) for i in range(count)]
        return found

    def _program(self, group: int) -> Program:
        if group not in self._programs:
            chosen = self.groups[group]
            most = min(len(chosen.points), self._most or len(chosen.points))
            config = self.sweep.config_of(int(chosen.points[0]))
            self._programs = {  # the last group's program is of no more use
                group: Program(self._experiment.simulate, config, self.mapped, devices(), most)
            }
        return self._programs[group]

    def _whole(self, points: np.ndarray) -> list[Any]:
        """The data of an experiment that cannot be mapped, or the errors that it ended in."""
        found: list[Any] = []
        for point in points:
            try:
                found.append(self._experiment.run(self.sweep.config_of(int(point))))
            except Exception as error:  # one point of many: it is marked, and the others go on
                found.append(error)
        return found

    def _described(self, rows: Rows, point: int, found: Any) -> dict[str, Any]:
        """Measures, kept variables and status of one point; labels go to `rows`."""
        config = self.sweep.config_of(point)
        with warnings.catch_warnings():
            # Means over states that ran away; the status tells.
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                if isinstance(found, Exception):
                    raise found
                whole = isinstance(found, xr.Dataset)
                data = found if whole else self._experiment.dataset(config, found)
                measures = self._experiment.rows(config, data)
            except Exception as error:
                rows.complaints[point] = " ".join(f"{type(error).__name__}: {error}".split())
                return {"status": np.int8(FAILED)}
        row: dict[str, Any] = {m.name: np.float64(m.value) for m in measures}
        for m in measures:
            rows.labels[m.name] = _label((), m.unit, m.claim, measure=True, headline=m.headline)
        for name in self.sweep.kept:
            row[name] = self._kept(rows, data, name)
        claims = [m for m in measures if m.claims]
        row[HOLDING] = np.int32(sum(m.holds is True for m in claims))
        row[CLAIMED] = np.int32(len(claims))
        row["status"] = np.int8(status(data))
        return row

    def _kept(self, rows: Rows, data: xr.Dataset, name: str) -> np.ndarray:
        _require_variable(data, name)
        item = data[name]
        dims = tuple(str(dim) for dim in item.dims)
        rows.labels[name] = _label(dims, item.attrs["units"], item.attrs["long_name"])
        for dim in dims:
            if dim in data.coords:
                axis = data.coords[dim]
                found = {"values": axis.values.tolist(), **axis.attrs}
                # An axis that differs between points is none of the whole.
                same = rows.coordinates.setdefault(dim, found) == found
                rows.coordinates[dim] = found if same else None
        return np.asarray(item.values)

    def check_kept(self) -> None:
        """Refuse variables that are not there, or that change their shape within the sweep."""
        shapes: dict[str, tuple[int, ...]] = {}
        for group in self.groups if self.sweep.kept and self.compiled else ():
            config = self.sweep.config_of(int(group.points[0]))
            given = jax.eval_shape(partial(self._experiment.simulate, config), jax.random.key(0))
            blank = jax.tree.map(lambda s: np.ones(s.shape, s.dtype), given)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                data = self._experiment.labelled(config, blank)
            for name in self.sweep.kept:
                if name not in data and self._experiment.analyse is not None:
                    continue  # known only once something was analysed
                _require_variable(data, name)
                shape = data[name].shape
                if shapes.setdefault(name, shape) != shape:
                    changed = ", ".join(group.fixed)
                    raise UserError(
                        f"--keep {name}: its shape changes with {changed}, from {shapes[name]} to "
                        f"{shape}, allowed: variables of one shape"
                    )


def _require_variable(data: xr.Dataset, name: str) -> None:
    if name not in data:
        allowed = ", ".join(str(known) for known in data)
        raise UserError(f"--keep {name}: not in the data, allowed: {allowed}")


def status(data: xr.Dataset) -> int:
    """Whether all steady states were reached, and if not, whether something ran away.

    Every experiment that looks for steady states says so in its variable ``settled``.
    """
    # Rates are NaN wherever a circuit did not settle, the residual only where one ran away.
    known = [data["residual"]] if "residual" in data else list(data.values())
    rates = [item.values for item in known if item.attrs.get("units") == "Hz"]
    finite = all(np.isfinite(values).all() for values in rates if values.dtype.kind == "f")
    settled = data["settled"].values if "settled" in data else None
    if settled is None:
        return COMPUTED
    if bool(np.all(settled)):
        return SETTLED
    return UNSETTLED if finite else DIVERGED


def devices() -> list[jax.Device]:
    """All local devices of the kind that computations run on by default."""
    (chosen,) = jax.numpy.zeros(()).devices()
    return jax.local_devices(backend=chosen.platform)


def _key(seed: int) -> np.ndarray:
    return np.asarray(jax.random.key_data(jax.random.key(seed)))


def _label(
    dims: tuple[str, ...], unit: str, meaning: str, measure: bool = False, headline: bool = False
) -> dict[str, Any]:
    return {
        "dims": list(dims),
        "units": unit,
        "long_name": meaning,
        "measure": measure,
        "headline": headline,
    }
