"""Two stimuli and attention: which of them the response to both follows."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .attention import attention_ratio
from .normalisation import pair_weights
from .tuning import interaction_slope

Leaf = Float[Array, "..."]


def competition(
    rates: Float[Array, "batch attention 2 3 unit"], centres: Int[Array, " 2"]
) -> dict[str, Float[Array, "batch attention 2 *rest"]]:
    """How attention to one of two stimuli changes the response to both.

    Parameters
    ----------
    rates
        Responses [Hz] by state of attention (the first: none), by attended stimulus (focus), and
        to the first stimulus, the second, and both.
    centres
        Index of the unit that prefers the first stimulus and of the one that prefers the second.

    Returns
    -------
    dict of arrays (batch, attention, focus)
        Attended over unattended rate: ``ratio_single`` (attended stimulus alone, at its unit),
        ``ratio_pair`` (both, at the unit of the attended one), ``ratio_other`` (both, at the
        other unit), ``ratio_orthogonal`` (other stimulus alone, at its unit). The response to
        both where 0 is that to the poor and 1 that to the preferred one alone without attention:
        ``scaled_preferred`` (attention to the preferred one), ``scaled_poor``. Least-squares
        ``weights`` (..., stimulus) of the unattended single responses in the response to both,
        ``share`` of the attended one in their sum, and `interaction_slope` as ``slope``.

    Source: after Reynolds, Chelazzi & Desimone 1999.
    """
    unattended = jnp.broadcast_to(rates[:, :1], rates.shape)
    ratio = attention_ratio(rates, unattended)[..., centres]
    at, alone = rates[..., 2, :][..., centres], unattended[..., :2, :][..., centres]

    def per_focus(pick: Callable[[int], Leaf]) -> Leaf:
        return jnp.stack([pick(0), pick(1)], -1)

    def scaled(focus: int, unit: int) -> Leaf:
        poor, best = (alone[:, :, focus, shown, unit] for shown in (1 - unit, unit))
        return (at[:, :, focus, unit] - poor) / (best - poor)

    mixed = jnp.concatenate([unattended[..., :2, :], rates[..., 2:, :]], -2)
    weights = pair_weights(mixed)
    return {
        "ratio_single": per_focus(lambda f: ratio[:, :, f, f, f]),
        "ratio_pair": per_focus(lambda f: ratio[:, :, f, 2, f]),
        "ratio_other": per_focus(lambda f: ratio[:, :, f, 2, 1 - f]),
        "ratio_orthogonal": per_focus(lambda f: ratio[:, :, f, 1 - f, 1 - f]),
        "scaled_preferred": per_focus(lambda f: scaled(f, f)),
        "scaled_poor": per_focus(lambda f: scaled(f, 1 - f)),
        "weights": weights,
        "share": per_focus(lambda f: weights[:, :, f, f]) / jnp.sum(weights, -1),
        "slope": interaction_slope(mixed),
    }
