"""Training by gradients: one loop for everything that learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    import optax  # slow to import, seldom needed

Model = TypeVar("Model")
Curve = Sequence[dict[str, float]]  # a row an epoch, such as {"loss": 0.3, "accuracy": 0.8}
Report = Callable[[int, dict[str, float]], object]  # told an epoch's number, from 0, and its row


def _arrays(batch: Any) -> Any:
    """Arrays of NumPy as arguments of the compiled step, too."""
    return jax.tree.map(jnp.asarray, batch)


def fit(
    model: Model,
    loss: Callable[..., Any],
    epochs: Iterable[Iterable[Any]],
    optimiser: optax.GradientTransformation,
    *,
    trainable: Any = eqx.is_inexact_array,
    data: Any = (),
    report: Report | None = None,
) -> tuple[Model, Curve]:
    """Change the numbers of a model so that a loss falls.

    Args:
        model: with first weights, any structure of arrays.
        loss: from the model, a batch and everything in `data` to a number and a dictionary of
            numbers worth keeping in the training curve.
        epochs: for each epoch its batches, each a structure of arrays, all of the same shapes:
            rows of the data, random keys.
        optimiser: what makes steps of gradients.
        trainable: which numbers change: a function of a leaf, or a structure as that of the model
            with true and false at its leaves.
        data: further arguments of the loss, the same for all batches. They are arguments of the
            compiled step, and not constants in it, which would take long to fold in.
        report: told an epoch's number and its row.

    Returns:
        The trained model, and for each epoch the means over its batches of what the loss keeps.
    """
    parameters, fixed = eqx.partition(model, trainable)
    state = optimiser.init(parameters)

    @eqx.filter_jit
    def step(parameters: Any, state: Any, batch: Any, fixed: Any, data: Any) -> Any:
        def value(parameters: Any) -> Any:
            return loss(eqx.combine(parameters, fixed), batch, *data)

        (_, row), gradient = eqx.filter_value_and_grad(value, has_aux=True)(parameters)
        updates, state = optimiser.update(gradient, state, parameters)
        return eqx.apply_updates(parameters, updates), state, row

    curve = []
    for number, batches in enumerate(epochs):
        rows = []
        for batch in batches:
            parameters, state, row = step(parameters, state, _arrays(batch), fixed, data)
            rows.append(row)
        means = jax.tree.map(lambda *values: jnp.mean(jnp.stack(values)), *rows)
        curve.append({name: float(mean) for name, mean in means.items()})
        if report is not None:
            report(number, curve[-1])
    return eqx.combine(parameters, fixed), curve
