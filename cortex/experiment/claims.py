"""Claims as data: a value, what is expected of it, where that comes from, and a sentence."""

from __future__ import annotations

import abc
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment.measures import OURS, PUBLISHED_DIRECTION, PUBLISHED_NUMBER, Measure
from cortex.labelled import asked
from cortex.sources import REQUIRED, Source

BOUND = "bound"  # dimension of an estimate: value, low, high


class AbstractExpectation(abc.ABC):
    """What is expected of a number, or of an estimate with an interval."""

    def applies(self, place: Mapping[str, Any]) -> bool:
        """Whether anything is expected at a place, given by the coordinates of the value."""
        return True

    @abc.abstractmethod
    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        """Whether it is met; for a number without an interval the three are one."""

    @abc.abstractmethod
    def text(self, place: Mapping[str, Any]) -> str:
        """What is expected, in signs and numbers: "> 0"."""


@dataclass(frozen=True)
class Above(AbstractExpectation):
    """More than a limit; of an estimate, its lower end.

    Attributes:
        limit: the limit, in the unit of the value.
        words: what the limit means, in a few words, for the table.
    """

    limit: int | float
    words: str = ""
    sign = ">"

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return bool(low > self.limit)

    def text(self, place: Mapping[str, Any]) -> str:
        return f"{self.sign} {self.limit:g}" + (f" ({self.words})" if self.words else "")


@dataclass(frozen=True)
class AtLeast(Above):
    """A limit or more; of an estimate, its lower end."""

    sign = ">="

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return bool(low >= self.limit)


@dataclass(frozen=True)
class Below(Above):
    """Less than a limit; of an estimate, its upper end."""

    sign = "<"

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return bool(high < self.limit)


@dataclass(frozen=True)
class AtMost(Above):
    """A limit or less; of an estimate, its upper end."""

    sign = "<="

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return bool(high <= self.limit)


@dataclass(frozen=True)
class Between(AbstractExpectation):
    """Within a range, ends included; of an estimate, the whole interval.

    Attributes:
        lowest, highest: ends of the range, in the unit of the value.
        words: how the range was stated, in a few words, for the table.
    """

    lowest: int | float
    highest: int | float
    words: str = ""

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return bool(self.lowest <= low and high <= self.highest)

    def text(self, place: Mapping[str, Any]) -> str:
        words = f" ({self.words})" if self.words else ""
        return f"{self.lowest:g} to {self.highest:g}{words}"


@dataclass(frozen=True)
class Near(AbstractExpectation):
    """Within a tolerance of a reference; of an estimate, its value.

    Attributes:
        reference: a number, or numbers by the coordinates of the value: a mapping from those of its
            first dimension to numbers, to mappings over the next dimension, or to tuples along it,
            or an `xarray.DataArray`. Nothing is expected where no number stands.
        rtol: tolerance as a share of the reference.
        atol: tolerance in the unit of the value, added to the former; a number, or numbers as
            those of the reference.
    """

    reference: Any
    rtol: int | float = 0.0
    atol: Any = 0.0

    def number(self, place: Mapping[str, Any]) -> float | None:
        """The reference at a place; None if there is none."""
        return _number_at(self.reference, place)

    def applies(self, place: Mapping[str, Any]) -> bool:
        return self.number(place) is not None

    def band(self, place: Mapping[str, Any]) -> float:
        """Half the width of what is allowed, in the unit of the value."""
        return (_number_at(self.atol, place) or 0.0) + self.rtol * abs(self.number(place) or 0.0)

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        goal = self.number(place)
        return goal is not None and bool(abs(value - goal) <= self.band(place))

    def text(self, place: Mapping[str, Any]) -> str:
        return f"{self.number(place):g}"


def _number_at(table: Any, place: Mapping[str, Any]) -> float | None:
    """What stands in a table of numbers at a place; None if nothing does."""
    if isinstance(table, xr.DataArray):
        return float(table.sel({dim: place[str(dim)] for dim in table.dims}))
    found: Any = table
    for coordinate, index in zip(place.values(), place_indices(place), strict=True):
        if isinstance(found, Mapping):
            found = _looked_up(found, coordinate)
        elif isinstance(found, tuple):
            found = found[index]
    return None if found is None or isinstance(found, Mapping | tuple) else float(found)


def _looked_up(table: Mapping[Any, Any], key: Any) -> Any:
    if isinstance(key, float):
        return next((v for k, v in table.items() if math.isclose(k, key, rel_tol=1e-6)), None)
    return table.get(key)


class Place(dict[str, Any]):
    """Coordinates of one value by dimension, with their places counted from 0."""

    indices: tuple[int, ...] = ()


def place_indices(place: Mapping[str, Any]) -> tuple[int, ...]:
    """Where along each dimension a value stands, counted from 0."""
    return place.indices if isinstance(place, Place) else tuple(0 for _ in place)


@dataclass(frozen=True)
class Reported(AbstractExpectation):
    """Nothing is expected: the number is shown, and kept by sweeps."""

    def holds(self, low: float, value: float, high: float, place: Mapping[str, Any]) -> bool:
        return True

    def text(self, place: Mapping[str, Any]) -> str:
        return ""


@dataclass(frozen=True)
class Claim:
    """One thing that an experiment claims; a row of its table for each place of the value.

    Attributes:
        name: name of the value; a row adds its place: "w[contrast=50, E]".
        value: from the dataset to a number or an array. Its dimensions make the rows; those that
            have numbers asked for (`Axis.values`) are cut to them. A dimension ``bound`` (value,
            low, high) makes an estimate, which is judged by its nearer end.
        expect: what is expected, or a function from the dataset to that, where a theory or the
            size of the data says how much.
        source: who says so.
        effect: what it claims, in a few words: "two strong gratings suppress each other".
        headline: whether it is shown even where the table is long.
        known: why it may not hold, for a reader who finds that it does not; or a function from the
            dataset, or from the dataset and the place of the row, to that.
        unit: unit of the value, where the array has none.
        when: test of the settings that must be met for the claim to be made, as
            `cortex.settings.kept`; without it the numbers are reported and not judged, and left out
            if the value is at a place that is not there.

    Examples:
        >>> Claim("w", lambda d: d.w.sel(contrast=50, population="E"), Near(0.69, atol=0.005),
        ...       RUBIN, "two strong gratings suppress each other", headline=True)
    """

    name: str
    value: Callable[[Any], Any]
    expect: AbstractExpectation | Callable[[Any], AbstractExpectation]
    source: Source
    effect: str = ""
    headline: bool = False
    known: str | Callable[..., str] = ""
    unit: str | None = None
    when: Callable[[Any], bool] | None = field(default=None)

    def rows(self, settings: Any, data: xr.Dataset) -> Iterator[Measure]:
        """The claim at each place of its value."""
        judged = self.when is None or self.when(settings)
        try:
            value = self.value(data)
        except KeyError:
            if judged:
                raise
            return  # of a contrast, say, that these settings do not ask for
        if not isinstance(value, xr.DataArray):
            value = xr.DataArray(value)
        unit = self.unit or value.attrs.get("units") or "1"
        value = asked(value)
        free = [str(dim) for dim in value.dims if dim != BOUND]
        value = value.transpose(*free, ...)
        for index in np.ndindex(*(value.sizes[dim] for dim in free)):
            at = value[dict(zip(free, index, strict=True))]
            place = _place(value, free, index)
            yield self._row(data, place, unit, _ends(at), judged)

    def _row(
        self,
        data: xr.Dataset,
        place: Place,
        unit: str,
        ends: tuple[float, float, float],
        judged: bool,
    ) -> Measure:
        low, value, high = ends
        name = self.name + (f"[{_written(place)}]" if place else "")
        common: dict[str, Any] = {"name": name, "value": value, "unit": unit}
        common |= {"headline": self.headline, "effect": self.effect}
        expect = self.expect
        if not isinstance(expect, AbstractExpectation):
            expect = expect(data)
        expected = not isinstance(expect, Reported) and expect.applies(place)
        finite = all(map(math.isfinite, ends))
        interval: dict[str, Any] = {"interval": (low, high)} if finite and low != high else {}
        if not judged or not expected:
            holds = None if math.isfinite(value) else False
            return Measure(**common, **interval, provenance=str(self.source), holds=holds)
        holds = finite and expect.holds(low, value, high, place)
        note = "" if not self.known else self._note(data, place)
        shown: dict[str, Any] = {"expected": expect.text(place), "kind": self._kind(expect)}
        if isinstance(expect, Near):
            alone = expect.rtol > 0 and not _number_at(expect.atol, place)
            band = {"relative": expect.rtol} if alone else {"absolute": expect.band(place)}
            shown |= {"expected": None, "reference": expect.number(place), **band}
        else:
            shown |= interval
        return Measure(**common, **shown, provenance=str(self.source), holds=holds, note=note)

    def _kind(self, expect: AbstractExpectation) -> str:
        if not self.source.key:
            return OURS
        return PUBLISHED_NUMBER if isinstance(expect, Near) else PUBLISHED_DIRECTION

    def _note(self, data: xr.Dataset, place: Place) -> str:
        if isinstance(self.known, str):
            return self.known
        takes = len(inspect.signature(self.known).parameters)
        return self.known(data, place) if takes > 1 else self.known(data)


def _place(value: xr.DataArray, free: list[str], index: tuple[int, ...]) -> Place:
    coordinates = {}
    for dim, i in zip(free, index, strict=True):
        coordinates[dim] = value[dim].values.tolist()[i] if dim in value.coords else i + 1
    place = Place(coordinates)
    place.indices = index
    return place


def _written(place: Mapping[str, Any]) -> str:
    words = (v if isinstance(v, str) else f"{dim}={v:g}" for dim, v in place.items())
    return ", ".join(words)


def _ends(at: xr.DataArray) -> tuple[float, float, float]:
    if BOUND not in at.dims:
        number = float(at)
        return number, number, number
    low, value, high = (float(at.sel({BOUND: name})) for name in ("low", "value", "high"))
    return low, value, high


def rising(array: xr.DataArray, dim: str, order: tuple[str, ...] | None = None) -> xr.DataArray:
    """How much each value along a dimension exceeds the one before it.

    Expect `Above` zero of values that are to rise in this order, `Below` zero of falling ones.

    Args:
        array: values with a dimension `dim` (no estimates: take their differences before).
        dim: the dimension.
        order: its coordinates in the order that is claimed; as they stand by default.

    Returns:
        The differences, along `dim` as "first to second".
    """
    names = [str(name) for name in (array[dim].values if order is None else order)]
    ordered = array if order is None else array.sel({dim: list(order)})
    steps = ordered.isel({dim: slice(1, None)}).drop_vars(dim) - ordered.isel(
        {dim: slice(None, -1)}
    ).drop_vars(dim)
    pairs = [f"{a} to {b}" for a, b in itertools.pairwise(names)]
    return steps.assign_coords({dim: pairs})


def settled_claim() -> Claim:
    """Every steady state was reached: the claim of each experiment that looks for some."""
    return Claim(
        "settled_share",
        lambda d: d["settled"].mean(),
        Near(1.0),
        REQUIRED,
        "every steady state was reached",
        unit="1",
    )
