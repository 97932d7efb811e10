"""Settings: strict, frozen, with a unit and a source on every number, said once.

A model or an experiment declares its settings as a class; the defaults in it are the truth, a
TOML file holds deviations. An unknown key, a wrong type, a value out of bounds or a number that is
not finite is refused with one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from pydantic.config import JsonDict

from cortex.sources import CHOSEN, Source

_Model = TypeVar("_Model", bound=BaseModel)

# Element types of tuples: ``contrasts: tuple[NonNegative, ...]``.
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Settings(BaseModel):
    """Base of all settings: strict, frozen, no unknown keys, finite numbers.

    A whole number does for a ``float``; text never does. Declare sequences as ``tuple``; lists
    read from TOML become tuples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _describe_axes(self) -> Any:
        for name, info in type(self).model_fields.items():
            if isinstance(axis := getattr(self, name), Axis):
                axis._units, axis._long_name = unit_of(info), info.description or name
        return self


class ExperimentSettings(Settings):
    """Base of the settings of an experiment.

    Attributes:
        experiment: name of the experiment, or the Python file that holds it; filled in by whoever
            loads the settings.
        seed: seed of every random draw, >= 0.
    """

    experiment: str = Field(default="", description="name of the experiment")
    seed: int = Field(
        default=0, ge=0, description="seed of every random draw", json_schema_extra={"unit": "1"}
    )


def quantity(
    default: Any = ...,
    unit: str = "1",
    description: str = "",
    source: Source | str = CHOSEN,
    **bounds: Any,
) -> Any:
    """A setting with its unit, meaning and source.

    Args:
        default: default value, or ``...`` for none.
        unit: unit in words that a label of an axis can use ("ms", "Hz", "deg", "1" for none).
        description: what the number is, in a few words.
        source: where the value comes from; by default it is our choice.
        **bounds: passed on to `pydantic.Field`: ``gt``, ``ge``, ``lt``, ``le``, ``multiple_of``,
            ``min_length``, ``max_length``. For a tuple the first four bound its elements only if
            put on the element type; see `Positive` and `NonNegative`.

    Examples:
        >>> class Cells(Settings):
        ...     tau_E: float = quantity(20.0, "ms", "time constant of the E units", RUBIN, gt=0)
    """
    extra: JsonDict = {"unit": unit, "source": str(source)}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def choice(default: Any, description: str, source: Source | str = CHOSEN, **bounds: Any) -> Any:
    """A setting without a unit: one of several words, a text, true or false."""
    return quantity(default, "1", description, source, **bounds)


def bootstrap_resamples(default: int, over: str, **bounds: Any) -> Any:
    """The setting ``resamples``, 10 to a million; more would change no interval, and take hours.

    Args:
        default: how many.
        over: what is drawn again, in words ("images").
        **bounds: in place of these, as of `quantity`.
    """
    limits = {"ge": 10, "le": 1_000_000} | bounds
    return quantity(default, "1", f"bootstrap resamples over {over}", **limits)


def interval_level() -> Any:
    """The setting ``level``: probability of the intervals, between 0 and 1."""
    return quantity(0.95, "1", "level of the intervals", gt=0, lt=1)


MOST_POINTS = 10_000  # of a curve: more than anybody draws, and fewer than a memory holds


class Axis(Settings):
    """Numbers along a dimension: some that are asked for, and a curve through them.

    Unit and meaning are those of the setting that it stands in. Where numbers are wanted, as after
    ``--set contrasts=[5,20]``, a list replaces `values` and leaves the curve.

    Attributes:
        values: numbers that claims are made about.
        curve: lowest and highest number and how many of a curve; none by default.
        logarithmic: whether those of the curve are evenly spaced in logarithm.
    """

    values: tuple[float, ...] = ()
    curve: tuple[float, float, int] | None = None
    logarithmic: bool = False

    _units: str = PrivateAttr("1")
    _long_name: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _list_of_values(cls, given: Any) -> Any:
        return {"values": tuple(given)} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _possible(self) -> Any:
        require_distinct(self, "values")
        if not self.values and self.curve is None:
            raise ValueError("values: found [], allowed: at least one number")
        if self.curve is not None:
            low, high, points = self.curve
            too_low = self.logarithmic and low <= 0
            if not low < high or not 2 <= points <= MOST_POINTS or too_low:
                least = "0 < lowest" if self.logarithmic else "lowest"
                raise ValueError(
                    f"curve: found [{low:g}, {high:g}, {points}], allowed: [lowest, highest, "
                    f"points] with {least} < highest and 2 to {MOST_POINTS} points"
                )
        return self

    @property
    def units(self) -> str:
        """Unit of the numbers."""
        return self._units

    @property
    def long_name(self) -> str:
        """What the numbers are, in words."""
        return self._long_name

    def array(self) -> np.ndarray:
        """All numbers, rising, each one once."""
        asked = np.asarray(self.values, float)
        if self.curve is None:
            return np.sort(asked)
        low, high, points = self.curve
        curve = (np.geomspace if self.logarithmic else np.linspace)(low, high, points)
        near = np.isclose(curve[:, None], asked, rtol=1e-9, atol=0).any(axis=1)
        return np.sort(np.concatenate([asked, curve[~near]]))

    def asked(self) -> Axis:
        """The axis without its curve: the numbers that claims are made about."""
        if not self.values:
            return self
        alone = self.model_copy(update={"curve": None})
        alone._units, alone._long_name = self._units, self._long_name
        return alone


class Contrasts(Axis):
    """Contrasts, > 0; a curve through them is evenly spaced in logarithm."""

    values: tuple[Positive, ...] = ()
    logarithmic: bool = True


def axis(
    *values: int | float,
    unit: str,
    description: str,
    source: Source | str = CHOSEN,
    curve: tuple[int | float, int | float, int] | None = None,
    logarithmic: bool = False,
) -> Any:
    """A setting that is an `Axis`.

    Examples:
        >>> contrasts: Axis = axis(2, 10, 50, curve=(1, 100, 49), logarithmic=True, unit="%",
        ...                        description="contrast of each grating")
    """
    default = Axis(values=values, curve=curve, logarithmic=logarithmic)
    return quantity(default, unit, description, source)


def contrasts(
    *values: int | float,
    curve: tuple[int | float, int | float, int] | None = None,
    description: str = "contrast of each grating",
    source: Source | str = CHOSEN,
) -> Any:
    """A setting that is an axis of `Contrasts` [%]."""
    return quantity(Contrasts(values=values, curve=curve), "%", description, source)


def require_order(section: BaseModel, low: str, high: str, unit: str) -> None:
    """Raise ValueError, in the words of every other complaint, unless `low` < `high`."""
    below, above = getattr(section, low), getattr(section, high)
    if not below < above:
        raise ValueError(f"{low}: found {below:g}, allowed: a number < {high} ({above:g}) [{unit}]")


def require_distinct(section: BaseModel, name: str) -> None:
    """Raise ValueError if a number or a text stands twice in a list."""
    values = getattr(section, name)
    found = [repr(value) if isinstance(value, str) else f"{value:g}" for value in values]
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: found [{', '.join(found)}], allowed: each one once")


def unit_of(info: Any) -> str:
    """Unit of a pydantic field; empty where none is given."""
    return str(_extra(info).get("unit", ""))


def source_of(info: Any) -> str:
    """Source of the default of a pydantic field; empty where none is given."""
    return str(_extra(info).get("source", ""))


def _extra(info: Any) -> Mapping[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def kept(*names: str) -> Any:
    """A test of settings: whether the named ones have the values that they have by default.

    Numbers that were computed for one circuit are compared with in that circuit only: pass what
    this returns as ``when`` of a `cortex.experiment.Claim`.

    Args:
        names: dotted paths of settings, or of whole sections.
    """

    def same(settings: BaseModel) -> bool:
        default: BaseModel = type(settings)()
        return all(_dumped(settings, name) == _dumped(default, name) for name in names)

    return same


def _dumped(settings: BaseModel, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = getattr(value, name)
    return value.model_dump() if isinstance(value, BaseModel) else value


class Row(NamedTuple):
    """One setting of a resolved configuration, as `cortex show` prints it."""

    path: str
    value: Any
    unit: str
    description: str
    source: str


def settings(config: BaseModel, prefix: str = "") -> Iterator[Row]:
    """Every setting of a configuration, sections opened, in the order of the model."""
    for name, info in type(config).model_fields.items():
        value = getattr(config, name)
        path = f"{prefix}{name}"
        if isinstance(value, Axis):
            described = unit_of(info), info.description or "", source_of(info)
            yield Row(f"{path}.values", value.values, *described)
            curve = f"curve: lowest, highest, points{', logarithmic' if value.logarithmic else ''}"
            if value.curve is not None:
                yield Row(f"{path}.curve", value.curve, described[0], curve, described[2])
            continue
        if isinstance(value, BaseModel):
            yield from settings(value, f"{path}.")
            continue
        yield Row(path, value, unit_of(info), info.description or "", source_of(info))


def plain(config: BaseModel) -> dict[str, Any]:
    """The configuration as TOML can hold it: nested dicts, lists, no ``None``."""
    return _thawed(config.model_dump(exclude_none=True))


def replaced(config: _Model, values: Mapping[str, Any]) -> _Model:
    """A copy with settings replaced by dotted path, *without* validation.

    The way to put traced arrays where the model has floats, so that an experiment's ``simulate``
    runs under `jax.jit`, `jax.vmap` and `jax.grad` over any continuous setting.

    Args:
        config: the settings to start from; they are left as they are.
        values: from dotted path ("circuit.tau_E") to the new value.

    Raises:
        KeyError: a path names no setting.

    Examples:
        >>> jax.vmap(lambda J: simulate(replaced(settings, {"circuit.J_EE": J}), key))(values)
    """
    for path, value in values.items():
        config = _replaced_one(config, path, path, value)
    return config


def _replaced_one(config: _Model, path: str, rest: str, value: Any) -> _Model:
    name, _, rest = rest.partition(".")
    if name not in type(config).model_fields:
        raise KeyError(path)
    if rest:
        section = getattr(config, name)
        if not isinstance(section, BaseModel):
            raise KeyError(path)
        value = _replaced_one(section, path, rest, value)
    return config.model_copy(update={name: value})


def frozen(value: Any) -> Any:
    """Lists to tuples, all the way down; strict models take tuples only."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    return value


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(item) for item in value]
    return value
