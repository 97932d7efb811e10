"""Configuration models: strict, frozen, with a unit and a source on every number.

A configuration is a pydantic model with one sub-model a section, read from a TOML file. An
unknown key, a wrong type, a value out of bounds or a non-finite number is refused with one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

_Model = TypeVar("_Model", bound=BaseModel)

# Element types of tuples: ``contrasts: tuple[NonNegative, ...]``.
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Base of every section of a configuration: strict, frozen, no unknown keys, finite numbers.

    A whole number does for a ``float``; text never does. Declare sequences as ``tuple``; lists
    read from TOML become tuples (`from_mapping`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ExperimentConfig(Section):
    """What every experiment's configuration starts with.

    Attributes
    ----------
    experiment : str
        Name of the experiment, the same in `sims`, `configs` and `figures`.
    seed : int
        Seed of every random draw, >= 0.
    """

    experiment: str = Field(description="name of the experiment")
    seed: int = Field(
        default=0, ge=0, description="seed of every random draw", json_schema_extra={"unit": "1"}
    )


def quantity(
    default: Any = ...,
    unit: str = "1",
    description: str = "",
    *,
    source: str = "",
    **bounds: Any,
) -> Any:
    """A configuration field with its unit, meaning and source.

    Parameters
    ----------
    default
        Default value, or ``...`` for none.
    unit
        Unit in words a plot label can use (``"ms"``, ``"Hz"``, ``"deg"``, ``"1"`` for none).
    description
        What the number is, in a few words.
    source
        Where the value comes from, in words (a paper; "chosen here").
    **bounds
        Passed on to `pydantic.Field`: ``gt``, ``ge``, ``lt``, ``le``, ``min_length``,
        ``max_length``. For a tuple the first four bound its elements only if put on the element
        type; see `Positive` and `NonNegative`.

    Examples
    --------
    >>> class Cells(Section):
    ...     tau_E: float = quantity(20.0, "ms", "time constant of the E units", gt=0)
    """
    extra: JsonDict = {"unit": unit, "source": source}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


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
        if isinstance(value, BaseModel):
            yield from settings(value, f"{path}.")
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit, source = str(extra.get("unit", "")), str(extra.get("source", ""))
        yield Row(path, value, unit, info.description or "", source)


def plain(config: BaseModel) -> dict[str, Any]:
    """The configuration as TOML can hold it: nested dicts, lists, no ``None``."""
    return _thawed(config.model_dump(exclude_none=True))


def replaced(config: _Model, values: Mapping[str, Any]) -> _Model:
    """A copy with settings replaced by dotted path, *without* validation.

    The way to put traced arrays where the model has floats, so that an experiment's ``simulate``
    runs under `jax.jit`, `jax.vmap` and `jax.grad` over any continuous setting.

    Parameters
    ----------
    config
        The configuration to start from; it is left as it is.
    values
        From dotted path (``"circuit.tau_E"``) to the new value.

    Raises
    ------
    KeyError
        If a path names no setting.

    Examples
    --------
    >>> jax.vmap(lambda J: simulate(replaced(config, {"circuit.J_EE": J}), key))(values)
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
