"""What attention does to a contrast response: contrast gain, response gain, what persists."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

LEAST_EFFECT = 0.01  # log ratio below which nothing can be said about its persistence
FITTED = ("response_gain", "contrast_gain", "exponent", "half_saturation", "fit_R2")


def persistence(
    contrast: Float[np.ndarray, " contrast"] | Float[Array, " contrast"],
    unattended: Float[np.ndarray, " contrast"] | Float[Array, " contrast"],
    attended: Float[np.ndarray, " contrast"] | Float[Array, " contrast"],
) -> dict[str, Float[Array, ""]]:
    """How much of the effect of attention is left at the highest contrast.

    Args:
        contrast: rising [%].
        unattended, attended: responses, > 0.

    Returns:
        ``half`` [%], where the unattended response first passes half of its largest value, by
        linear interpolation over log contrast (NaN if it starts above); ``ratio_half`` and
        ``ratio_top`` [1], attended/unattended there and at the highest contrast;
        ``persistence`` [1], log(ratio_top)/log(ratio_half): 0 where the effect has vanished,
        1 where the response is scaled; NaN where attention changes the response at half by
        less than 1 %.
    """
    contrast, unattended, attended = map(jnp.asarray, (contrast, unattended, attended))
    place = jnp.log(contrast)
    ratio = jnp.log(attended) - jnp.log(unattended)
    level = jnp.max(unattended) / 2
    after = jnp.clip(jnp.argmax(unattended >= level), 1, contrast.size - 1)
    below, above = unattended[after - 1], unattended[after]
    part = jnp.where(unattended[0] < level, (level - below) / (above - below), jnp.nan)

    def between(values: Array) -> Array:
        return values[after - 1] + part * (values[after] - values[after - 1])

    effect, top = between(ratio), ratio[-1]
    said = jnp.abs(effect) > LEAST_EFFECT
    return {
        "half": jnp.exp(between(place)),
        "ratio_half": jnp.exp(effect),
        "ratio_top": jnp.exp(top),
        "persistence": jnp.where(said, top / jnp.where(said, effect, 1.0), jnp.nan),
    }


def naka_rushton(
    contrast: Float[np.ndarray, " contrast"], top: float, half: float, exponent: float
) -> Float[np.ndarray, " contrast"]:
    """top c^n / (c^n + half^n); `contrast` and `half` in one unit, > 0."""
    return top / (1 + (half / contrast) ** exponent)


def fit_gains(
    contrast: Float[np.ndarray, " contrast"],
    unattended: Float[np.ndarray, " contrast"],
    attended: Float[np.ndarray, " contrast"],
) -> dict[str, float]:
    """Both contrast responses as one Naka-Rushton curve, but for two factors and a baseline.

        unattended = top c^n / (c^n + half^n)
        attended = baseline + response_gain top c^n / (c^n + (half/contrast_gain)^n)

    by least squares over both curves, from three starts.

    Args:
        contrast: at least four, rising [%].
        unattended, attended: responses, > 0.

    Returns:
        ``response_gain``, ``contrast_gain``, ``exponent`` [1], ``half_saturation`` [%] and
        ``fit_R2``, the share of the variance within the curves that they explain; all NaN if a
        response is not finite.
    """
    from scipy.optimize import least_squares  # slow to import, seldom needed

    scale = np.max(unattended)
    wanted = np.concatenate([unattended, attended]) / scale
    if not np.all(np.isfinite(wanted)):
        return dict.fromkeys(FITTED, float("nan"))

    def curves(p: np.ndarray) -> np.ndarray:
        top, half, n, g, q = np.exp(p[:5])
        without = naka_rushton(contrast, top, half, n)
        return np.concatenate([without, p[5] + naka_rushton(contrast, g * top, half / q, n)])

    low, high = contrast[0], contrast[-1]
    least = np.r_[np.log([0.1, low / 10, 0.2, 0.02, 0.02]), 0.0]
    most = np.r_[np.log([100.0, 10 * high, 8.0, 50.0, 50.0]), np.max(wanted)]
    fits = [
        least_squares(
            lambda p: curves(p) - wanted,
            np.r_[np.log([1.2, half, 1.5, 1.1, 1.1]), 0.001],
            bounds=(least, most),
        )
        for half in (low * (high / low) ** share for share in (0.3, 0.6, 0.9))
    ]
    best = min(fits, key=lambda found: found.cost)
    spread = sum(np.sum((part - part.mean()) ** 2) for part in np.split(wanted, 2))
    _, half, n, g, q = np.exp(best.x[:5])
    values = (g, q, n, half, 1 - 2 * best.cost / spread)
    return dict(zip(FITTED, map(float, values), strict=True))
