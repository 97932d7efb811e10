"""Weights on disk: one safetensors file a model, names and shapes checked on the way in."""

import json
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


def _named(model: Any) -> dict[str, Any]:
    """The array leaves of a model by their path, such as `areas.0.stage.weight`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(model, eqx.is_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def save_weights(path: Path, model: Any, facts: dict[str, Any]) -> None:
    """Write every array of `model`, and `facts` (anything JSON can hold) beside them."""
    arrays = {name: np.asarray(leaf) for name, leaf in _named(model).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path, metadata={"cortex": json.dumps(facts)})


def load_weights(path: Path, like: Model) -> tuple[Model, dict[str, Any]]:
    """A copy of `like` with its arrays read from a file, and the facts stored with them.

    Raises:
        UserError: no such file, not a safetensors file, or other names or shapes than
            those of `like`.
    """
    if not path.is_file():
        raise UserError(f"weights: found no file {path}, allowed: a safetensors file")
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("cortex", "{}"))
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise UserError(f"weights: {path} is no readable safetensors file ({error})") from error
    wanted = _named(like)
    if odd := sorted(set(stored) ^ set(wanted)):
        side = "unknown" if odd[0] in stored else "missing"
        raise UserError(f"weights: {path}: {side} array {odd[0]} ({len(odd)} names differ)")
    for name, leaf in wanted.items():
        if stored[name].shape != leaf.shape:
            raise UserError(
                f"weights: {path}: {name}: found shape {stored[name].shape}, allowed: {leaf.shape}"
            )
    arrays, rest = eqx.partition(like, eqx.is_array)
    leaves = [jnp.asarray(stored[name], leaf.dtype) for name, leaf in wanted.items()]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest), facts
