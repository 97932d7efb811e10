"""Weights on disk: one safetensors file a model, names and shapes checked on the way in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cortex.errors import UserError

Model = TypeVar("Model")


def _is_array(leaf: Any) -> bool:
    """An array, or only the shape and type of one."""
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def named_arrays(model: Any) -> dict[str, Any]:
    """The array leaves of a model by their path, such as `areas.0.stage.weight`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(model, _is_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def save_weights(path: Path, model: Any, facts: dict[str, Any]) -> None:
    """Write every array of `model`, and `facts` (anything JSON can hold) beside them."""
    arrays = {name: np.asarray(leaf) for name, leaf in named_arrays(model).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under its name there is the whole file or none.
    partial = path.with_name(f"{path.name}.partial")
    try:
        save_file(arrays, partial, metadata={"cortex": json.dumps(facts)})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file by name, and the facts that `save_weights` stored with them.

    Raises:
        UserError: no such file, or not a safetensors file.
    """
    if not path.is_file():
        raise UserError(f"weights: found no file {path}, allowed: a safetensors file")
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("cortex", "{}"))
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, OSError, TypeError) as error:
        raise UserError(f"weights: {path} is no readable safetensors file ({error})") from error
    return stored, facts


def load_into(like: Model, stored: Mapping[str, np.ndarray], where: str) -> Model:
    """A copy of `like` with these arrays, in the types of its own.

    Args:
        like: a model, or the shapes of one, see `equinox.filter_eval_shape`.
        stored: by name.
        where: what complaints start with.

    Raises:
        UserError: other names or shapes than those of `like`.
    """
    wanted = named_arrays(like)
    if odd := sorted(set(stored) ^ set(wanted)):
        side = "unknown" if odd[0] in stored else "missing"
        raise UserError(f"{where}: {side} array {odd[0]} ({len(odd)} names differ)")
    for name, leaf in wanted.items():
        if stored[name].shape != leaf.shape:
            raise UserError(
                f"{where}: {name}: found shape {stored[name].shape}, allowed: {leaf.shape}"
            )
    arrays, rest = eqx.partition(like, _is_array)
    leaves = [jnp.asarray(stored[name].astype(leaf.dtype)) for name, leaf in wanted.items()]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)


def load_weights(path: Path, like: Model) -> tuple[Model, dict[str, Any]]:
    """A copy of `like` with its arrays read from a file, and the facts stored with them.

    Raises:
        UserError: no such file, not a safetensors file, or other names or shapes than
            those of `like`.
    """
    stored, facts = read_safetensors(path)
    return load_into(like, stored, f"weights: {path}"), facts
