"""Arrays that know their axes, under `jax.jit`, `jax.vmap` and `jax.grad` as well.

`over` calls a function for every combination of some axes and returns what it found with the axes
named; `to_dataset` turns a dictionary of such arrays into an `xarray.Dataset`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from cortex.circuit import EI
from cortex.errors import UserError
from cortex.settings import Axis

if TYPE_CHECKING:
    import xarray as xr

POPULATION = "population"
MOST_PLACES = 10_000_000  # along an axis: they are kept as numbers of Python's


class Coordinate(eqx.Module):
    """What stands along a dimension.

    Attributes:
        known: numbers or words, one for each place; part of the structure, not of the data, so
            that numbers keep all their digits whatever the precision.
        traced: numbers (n,) that depend on what is being traced, in place of the former.
        units: unit of the numbers ("1" for none).
        long_name: what they are, in words.
        asked: those that claims are made about; all of them if empty.
    """

    known: tuple[Any, ...] = eqx.field(static=True, default=())
    traced: Array | None = None
    units: str = eqx.field(static=True, default="1")
    long_name: str = eqx.field(static=True, default="")
    asked: tuple[float, ...] = eqx.field(static=True, default=())

    @property
    def values(self) -> Any:
        """The numbers or words as an array."""
        return np.asarray(self.known) if self.traced is None else self.traced

    @property
    def wordy(self) -> bool:
        """Whether words stand there."""
        return bool(self.known) and isinstance(self.known[0], str)

    def __len__(self) -> int:
        return int(self.values.shape[0])


def coordinate(
    values: Any, units: str = "1", long_name: str = "", asked: Sequence[float] = ()
) -> Coordinate:
    """A coordinate of numbers or of words.

    Args:
        values: numbers (array or sequence), words (sequence of str), or an `Axis` of the settings,
            which brings its unit and name along.
        units, long_name: unit, and what the values are.
        asked: those of the numbers that claims are made about; all by default.

    Raises:
        UserError: more places than `MOST_PLACES`.
    """
    if isinstance(values, Coordinate):
        return values
    if isinstance(values, Axis):
        marked = values.values if values.curve is not None else ()
        numbers = tuple(values.array().tolist())
        return Coordinate(numbers, None, values.units, values.long_name, tuple(marked))
    if isinstance(values, jax.Array) and isinstance(values, jax.core.Tracer):
        return Coordinate((), values, units, long_name)
    if not isinstance(values, jax.Array | np.ndarray):
        if any(isinstance(value, jax.core.Tracer) for value in values):
            values = jnp.stack([jnp.asarray(value, float) for value in values])
            return Coordinate((), values, units, long_name)
        values = [value.item() if hasattr(value, "item") else value for value in values]
        return Coordinate(tuple(values), None, units, long_name, tuple(asked))
    if values.size > MOST_PLACES:
        raise UserError(
            f"{long_name or 'an axis'}: found {values.size:,} places, allowed: at most "
            f"{MOST_PLACES:,}"
        )
    return Coordinate(tuple(np.asarray(values).tolist()), None, units, long_name, tuple(asked))


class Labelled(eqx.Module):
    """An array with the names of its axes, its unit and its meaning.

    Attributes:
        values: the array.
        dims: a name for each axis; None for one that has no name yet.
        coords: what stands along the dimensions, for those where it is known.
        units: unit of the values ("1" for none); empty as long as it was not said.
        long_name: what the values are, in words.
    """

    values: Array
    dims: tuple[str | None, ...] = eqx.field(static=True)
    coords: dict[str, Coordinate] = eqx.field(default_factory=dict)
    units: str = eqx.field(static=True, default="")
    long_name: str = eqx.field(static=True, default="")

    def named(self, units: str, long_name: str, **axes: Any) -> Labelled:
        """The same array with unit and meaning, and with names for the axes that have none.

        Args:
            units, long_name: unit ("1" for none), and what the values are.
            **axes: name of each axis without a name, in their order, with what stands along it:
                anything that `coordinate` takes, or None.

        Raises:
            ValueError: there are more or fewer axes without a name.
        """
        free = [i for i, dim in enumerate(self.dims) if dim is None]
        if len(free) != len(axes):
            raise ValueError(
                f"{long_name}: found names for {len(axes)} axes ({', '.join(axes) or 'none'}), "
                f"allowed: one for each of the {len(free)} axes without a name"
            )
        dims, coords = list(self.dims), dict(self.coords)
        for i, (name, values) in zip(free, axes.items(), strict=True):
            dims[i] = name
            if values is not None:
                coords[name] = coordinate(values)
        return Labelled(self.values, tuple(dims), coords, units, long_name)

    def sel(self, **choices: Any) -> Labelled:
        """The part at some coordinates: a word, or the number nearest to the given one.

        Raises:
            KeyError: no such dimension or word.
        """
        part = self
        for dim, choice in choices.items():
            along = self.coords[dim]
            if along.wordy:
                if choice not in along.known:
                    raise KeyError(f"{dim}: found {choice!r}, allowed: {', '.join(along.known)}")
                part = part.isel(**{dim: along.known.index(choice)})
            else:
                part = part.isel(**{dim: jnp.argmin(jnp.abs(jnp.asarray(along.values) - choice))})
        return part

    def isel(self, **places: Any) -> Labelled:
        """The part at places counted from 0; a sequence of places keeps the dimension."""
        part = self
        for dim, place in places.items():
            axis = part.dims.index(dim)
            several = np.ndim(place) > 0
            place = jnp.asarray(place)
            values = jnp.take(part.values, place, axis=axis)
            dims = part.dims if several else (*part.dims[:axis], *part.dims[axis + 1 :])
            coords = {name: c for name, c in part.coords.items() if name != dim}
            if several and dim in part.coords:
                coords[dim] = _part_of(part.coords[dim], np.asarray(place))
            part = Labelled(values, dims, coords, part.units, part.long_name)
        return part

    def apply(
        self, function: Callable[[Array], Array], *core: str, to: Mapping[str, Any] | None = None
    ) -> Labelled:
        """A function of some of the axes, at every place of the others.

        Args:
            function: from an array with the axes `core`, in that order, to an array with the
                axes `to`.
            *core: axes that the function takes.
            to: the axes of what it returns, with what stands along each (or None); none by default.

        Returns:
            The other axes, then those of `to`; its unit and meaning are to be said: `named`.
        """
        rest = [dim for dim in self.dims if dim not in core]
        order = [self.dims.index(dim) for dim in (*rest, *core)]
        mapped = function
        for _ in rest:
            mapped = jax.vmap(mapped)
        values = mapped(jnp.transpose(self.values, order))
        coords = {name: c for name, c in self.coords.items() if name in rest}
        coords |= {name: coordinate(c) for name, c in (to or {}).items() if c is not None}
        return Labelled(values, (*rest, *(to or {})), coords)

    def map(self, function: Callable[[Array], Array]) -> Labelled:
        """A function of each number; unit and meaning are to be said anew: `named`."""
        return Labelled(function(self.values), self.dims, self.coords)

    def mean(self, *dims: str) -> Labelled:
        """The mean over some dimensions, with the same unit and meaning."""
        axes = tuple(self.dims.index(dim) for dim in dims)
        left = tuple(dim for dim in self.dims if dim not in dims)
        coords = {name: c for name, c in self.coords.items() if name not in dims}
        return Labelled(jnp.mean(self.values, axes), left, coords, self.units, self.long_name)


def _part_of(along: Coordinate, places: np.ndarray) -> Coordinate:
    if along.traced is not None:
        return Coordinate((), along.traced[places], along.units, along.long_name)
    known = tuple(along.known[i] for i in places)
    marked = tuple(number for number in along.asked if number in known)
    return Coordinate(known, None, along.units, along.long_name, marked)


def label(values: Any, units: str, long_name: str, **axes: Any) -> Labelled:
    """An array, or E and I of one shape, with names for all axes; as `Labelled.named`.

    E and I become a dimension ``population``, the first one.
    """
    bare = _bare(values, ())
    return bare.named(units, long_name, **axes)


def _bare(leaf: Any, dims: tuple[str, ...], coords: Mapping[str, Coordinate] | None = None) -> Any:
    """What a function found at every place of `dims`, which are the first axes of its leaves."""
    coords = dict(coords or {})
    if isinstance(leaf, Labelled):
        return Labelled(
            leaf.values, (*dims, *leaf.dims), coords | leaf.coords, leaf.units, leaf.long_name
        )
    if isinstance(leaf, EI):
        pair = jnp.stack([jnp.asarray(leaf.E), jnp.asarray(leaf.I)], len(dims))
        words = Coordinate(("E", "I"), None, "1", "population")
        free = (None,) * (pair.ndim - len(dims) - 1)
        return Labelled(pair, (*dims, POPULATION, *free), coords | {POPULATION: words})
    values = jnp.asarray(leaf)
    return Labelled(values, (*dims, *(None,) * (values.ndim - len(dims))), coords)


def _whole(leaf: Any) -> bool:
    return isinstance(leaf, EI | Labelled)


def over(*, sequential: Sequence[str] = (), **axes: Any) -> Callable[[Callable[..., Any]], Any]:
    """Call a function for every combination of some axes, and name the axes of what it returns.

    Args:
        sequential: axes along which it is called for one element after the other (`jax.lax.map`)
            instead of all at once (`jax.vmap`): less memory, and on a processor often less time.
        **axes: the axes in order, the last one innermost. Each is one of:

            - an `Axis` of the settings, a `Coordinate` or an array of numbers: the function gets a
              number;
            - a dict from words to elements (numbers, arrays, modules such as a modulation): the
              function gets an element. Elements that cannot be stacked, as functions, are taken
              one by one while the program is traced, each of them compiled;
            - a sequence of words: the function gets the place of the word, counted from 0;
            - an array of random keys: the function gets a key.

    Returns:
        A function that takes the function to be called, with one argument for each axis in their
        order, and returns what that returns, any structure of arrays, every array as `Labelled`.
        E and I become a dimension ``population`` after those of the axes.

    Examples:
        >>> states = over(contrast=s.contrasts, shown=SHOWN)(respond)
        >>> states.rates.named("Hz", "rate", preferred=s.circuit.preferred())
    """
    prepared = {name: _elements(name, given) for name, given in axes.items()}
    dims = tuple(prepared)
    coords = {name: along for name, (along, _, _) in prepared.items()}

    def call(function: Callable[..., Any]) -> Any:
        def nested(left: tuple[str, ...], arguments: tuple[Any, ...]) -> Any:
            if not left:
                return function(*arguments)
            name, *rest = left
            _, elements, stacked = prepared[name]

            def inner(element: Any) -> Any:
                return nested(tuple(rest), (*arguments, element))

            if not stacked:
                found = [inner(element) for element in elements]
                return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)
            return (jax.lax.map if name in sequential else _vmap)(inner, elements)

        found = nested(dims, ())
        return jax.tree.map(lambda leaf: _bare(leaf, dims, coords), found, is_leaf=_whole)

    return call


def _vmap(function: Callable[[Any], Any], elements: Any) -> Any:
    return jax.vmap(function)(elements)


def _elements(name: str, given: Any) -> tuple[Coordinate, Any, bool]:
    """The coordinate, the elements, and whether they are stacked on a first axis."""
    if isinstance(given, Mapping):
        along = coordinate(tuple(map(str, given)), long_name=name)
        elements = list(given.values())
        stacked = _stacked(elements)
        return along, elements if stacked is None else stacked, stacked is not None
    if isinstance(given, jax.Array) and jnp.issubdtype(given.dtype, jax.dtypes.prng_key):
        return coordinate(np.arange(given.shape[0]), "1", name), given, True
    along = coordinate(given, long_name=name)
    if along.wordy:
        return along, jnp.arange(len(along)), True
    values = jnp.asarray(along.values)
    floating = jnp.issubdtype(values.dtype, jnp.floating)
    return along, values.astype(float) if floating else values, True


def _stacked(elements: list[Any]) -> Any:
    """The elements on a first axis, filled up to one shape; None if that is not possible."""
    if len({jax.tree.structure(element) for element in elements}) > 1:
        return None
    leaves = [jax.tree.leaves(element) for element in elements]
    if not all(eqx.is_array_like(leaf) for row in leaves for leaf in row):
        return None

    def stack(*alike: Any) -> Array:
        return jnp.stack(jnp.broadcast_arrays(*map(jnp.asarray, alike)))

    return jax.tree.map(stack, *elements)


def each(**axes: Any) -> Callable[[Callable[..., Any]], Any]:
    """As `over`, for what is no program of JAX: called one by one, with what stands there.

    Args:
        **axes: the axes in order, the last one innermost: each an `Axis`, a `Coordinate`, numbers
            or words, one of which the function gets.

    Examples:
        >>> data = each(source=("tuning", "gradient"), seed=(0, 1, 2))(attend)
    """
    coords = {name: coordinate(given, long_name=name) for name, given in axes.items()}
    shape = tuple(len(along) for along in coords.values())

    def call(function: Callable[..., Any]) -> Any:
        places = itertools.product(*(along.known for along in coords.values()))
        found = [function(*place) for place in places]

        def stack(*leaves: Any) -> Array:
            values = jnp.stack([jnp.asarray(leaf) for leaf in leaves])
            return values.reshape(*shape, *values.shape[1:])

        stacked = jax.tree.map(stack, *found)
        dims = tuple(coords)
        return jax.tree.map(lambda leaf: _bare(leaf, dims, coords), stacked, is_leaf=_whole)

    return call


def quality(*states: Any, **named: Any) -> dict[str, Labelled]:
    """Whether steady states were reached: the variables ``settled`` and ``residual``.

    Every experiment that looks for steady states returns them, under these names: a sweep calls a
    point settled if all of ``settled`` is true.

    Args:
        *states: steady states with named axes, as `over` returns them. Those of one kind keep
            their axes; several kinds are lined up along an axis ``state``.
        **named: further conditions, each an array of truth values, such as whether a simulation in
            time was finished; they are lined up in ``settled``.
    """
    settled = [state.converged for state in states]
    residuals = [state.residual for state in states]
    if len(states) == 1 and not named:
        return {
            "settled": settled[0].named("1", "whether the steady state was reached"),
            "residual": residuals[0].named("Hz", "largest residual of the state"),
        }
    reached = [_flat(found) for found in (*settled, *named.values())]
    return {
        "settled": label(
            jnp.concatenate(reached), "1", "whether the steady state was reached", state=None
        ),
        "residual": label(
            jnp.concatenate([_flat(found) for found in residuals]),
            "Hz",
            "largest residual of the state",
            searched=None,
        ),
    }


def _flat(found: Any) -> Array:
    return jnp.ravel(found.values if isinstance(found, Labelled) else found)


def variable(
    dims: str | Sequence[str], values: Any, units: str, long_name: str
) -> tuple[Any, np.ndarray, dict[str, str]]:
    """A variable of a dataset with unit and meaning: ``xr.Dataset({"rates": variable(...)})``.

    Args:
        dims: name or names of the dimensions, in the order of the axes.
        values: array (JAX or NumPy) or nested sequence.
        units, long_name: unit ("1" for none) and name in words; every variable must have both.
    """
    named = dims if isinstance(dims, str) else tuple(dims)
    return named, np.asarray(values), {"units": units, "long_name": long_name}


def to_dataset(found: Mapping[str, Any]) -> xr.Dataset:
    """A dictionary of labelled arrays as a dataset, with units and names on everything.

    Raises:
        ValueError: an array without unit, meaning or the name of an axis.
    """
    import xarray as xr

    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for name, array in found.items():
        if isinstance(array, xr.DataArray):
            variables[name] = array
            continue
        if not isinstance(array, Labelled) or None in array.dims or not array.units:
            raise ValueError(
                f"{name}: found {_described(array)}, allowed: an array with unit, meaning and a "
                "name for each axis; see `cortex.label`"
            )
        for dim, along in array.coords.items():
            if dim in array.dims:
                coordinates[dim] = _as_variable(dim, along)
        attributes = {"units": array.units, "long_name": array.long_name}
        variables[name] = (array.dims, np.asarray(array.values), attributes)
    return xr.Dataset(variables, coordinates)


def _described(array: Any) -> str:
    if not isinstance(array, Labelled):
        return type(array).__name__
    return f"axes ({', '.join(map(str, array.dims))}), unit {array.units!r}"


def _as_variable(dim: str, along: Coordinate) -> tuple[str, np.ndarray, dict[str, Any]]:
    values = np.asarray(along.values)
    attributes: dict[str, Any] = {"units": along.units, "long_name": along.long_name or dim}
    if along.asked:
        attributes["asked"] = list(along.asked)
    return dim, values, attributes


def described(**arrays: tuple[xr.DataArray, str]) -> dict[str, xr.DataArray]:
    """Numbers without a unit [1] by name, each given with what it is, in words."""
    return {
        name: array.assign_attrs(units="1", long_name=text)
        for name, (array, text) in arrays.items()
    }


def asked(data: Any) -> Any:
    """The part of a dataset or array at the coordinates that claims are made about."""
    for dim in data.dims:
        marked = data[dim].attrs.get("asked") if dim in data.coords else None
        if marked is not None:
            data = data.sel({dim: np.atleast_1d(marked)})
    return data
