"""How objects show themselves: the numbers and units that matter, in a line or two."""

import dataclasses
import html
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np


class Shown(eqx.Module):
    """A module whose `repr` names its fields with numbers and units.

    Attributes:
        units_shown: unit of each field that has one; of a class, not of an object.
    """

    units_shown: ClassVar[Mapping[str, str]] = {}

    def __repr__(self) -> str:
        parts = [self._field(field.name) for field in dataclasses.fields(self)]
        return f"{type(self).__name__}({'; '.join(part for part in parts if part)})"

    def _field(self, name: str) -> str:
        """What is shown of a field; nothing if there is nothing in it."""
        value = getattr(self, name)
        text = short(value, self.units_shown.get(name, ""))
        named = isinstance(value, Shown) and not _plain(value)
        return text if named or not text else f"{name} {text}"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"


def short(value: Any, unit: str = "") -> str:
    """A value in a few words: a number, or the range and the shape of an array, with its unit.

    Modules of a few arrays, such as `EI`, name them one by one, or once if they are all alike.
    """
    if isinstance(value, jax.core.Tracer):
        return f"traced {value.shape}"
    if isinstance(value, jax.Array | np.ndarray | np.generic | float | int | bool):
        return _numbers(value, unit)
    if dataclasses.is_dataclass(value) and _plain(value):
        parts = {f.name: short(getattr(value, f.name)) for f in dataclasses.fields(value)}
        if len(set(parts.values())) == 1:
            parts = {" and ".join(parts): next(iter(parts.values()))}
        return ", ".join(f"{name} {text}" for name, text in parts.items()) + _spaced(unit)
    if value is None:
        return ""
    if isinstance(value, str | tuple):
        return str(value)
    return repr(value) if isinstance(value, Shown) else type(value).__name__


def _plain(value: Any) -> bool:
    """Whether all fields are numbers or arrays, as of `EI` and `Projections`."""
    members = [getattr(value, field.name) for field in dataclasses.fields(value)]
    return bool(members) and all(
        isinstance(m, jax.Array | np.ndarray | np.generic | float | int) for m in members
    )


def _numbers(value: Any, unit: str) -> str:
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
        return f"{array.dtype} {array.shape}"
    if array.size == 0:
        return f"nothing, shape {array.shape}"
    if array.dtype == bool:
        return str(bool(array)) if array.ndim == 0 else f"{int(array.sum())} of {array.size} True"
    if array.size == 1:
        return f"{array.item():.4g}{_spaced(unit)}"
    known = array[~np.isnan(array)]
    if known.size == 0:
        return f"NaN, shape {array.shape}"
    low, high = float(known.min()), float(known.max())
    span = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    missing = "" if known.size == array.size else f", {array.size - known.size} NaN"
    return f"{span}{_spaced(unit)}{missing}, shape {array.shape}"


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""
