"""Excitatory and inhibitory populations: the pair type, and the single-unit parameters."""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .show import Shown

T = TypeVar("T")


class EI(Shown, Generic[T]):
    """A quantity that the excitatory (E) and the inhibitory (I) population each have.

    Used for rates [Hz], drives, time constants and gains alike.
    """

    E: T
    I: T  # noqa: E741 - the field's name for the inhibitory population

    def map(self, function: Callable[..., Any], *others: "EI[Any]") -> "EI[Any]":
        """Apply `function` to the E members and to the I members (of `self` and `others`)."""
        return EI(
            function(self.E, *(other.E for other in others)),
            function(self.I, *(other.I for other in others)),
        )


Leaf = Float[Array, "..."]


def as_floats(value: Any) -> Leaf:
    """A float array of the default precision, unless `value` already has a float type."""
    if not isinstance(value, jax.Array | np.ndarray) or not jnp.issubdtype(
        value.dtype, jnp.floating
    ):
        value = jnp.asarray(value, dtype=jnp.result_type(float))
    return jnp.asarray(value)


def as_pair(name: str, value: Any, shape: tuple[int, ...]) -> EI[Leaf]:
    """An `EI` of float arrays that broadcast to `shape`.

    Raises:
        TypeError: no `EI` of numbers.
        ValueError: another shape.
    """
    require_pair(name, value)

    def member(part: str) -> Leaf:
        found = getattr(value, part)
        if found is None or isinstance(found, str | dict | EI):
            raise TypeError(
                f"{name}.{part}: found {_described(found)}, "
                f"allowed: a number or an array of shape {shape}"
            )
        array = as_floats(found)
        check_broadcasts(f"{name}.{part}", array, shape)
        return array

    return EI(member("E"), member("I"))


def require_pair(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is an `EI`."""
    if not isinstance(value, EI):
        raise TypeError(
            f"{name}: found {_described(value)}, allowed: EI(E, I), a value for each population"
        )


def check_broadcasts(name: str, value: Leaf, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `value` broadcasts to `shape`."""
    found = jnp.shape(value)
    fits = len(found) <= len(shape) and all(
        a in (1, b) for a, b in zip(found[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"{name}: found shape {found}, allowed: () or {shape}")


def _described(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, jax.Array | np.ndarray):
        return f"an array of shape {value.shape}"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouEI' else 'a'} {kind}"


def concrete(value: Any) -> np.ndarray | None:
    """The value as a NumPy array, or None while it is being traced (no value to look at)."""
    return None if isinstance(value, jax.core.Tracer) else np.asarray(value)


def require(value: Any, name: str, test: Callable[[np.ndarray], Any], allowed: str) -> None:
    """Raise ValueError naming what was found unless every known element passes `test`."""
    known = concrete(value)
    if known is None:
        return
    bad = ~np.asarray(test(known) & np.isfinite(known))
    if bad.any():
        raise ValueError(f"{name}: found {np.asarray(known)[bad].flat[0]:g}, allowed: {allowed}")


class Populations(Shown):
    """Time constants and power-law transfer functions of the two populations.

    The rate of a unit with net input u relaxes with time constant `tau` to `k [u]_+^n`.

    Attributes:
        tau: time constants [ms], > 0.
        k: gain of the power law [Hz / input^n], >= 0.
        n: exponent of the power law [1], > 0.

    Each member is a scalar or an array that broadcasts to the circuit's shape (one value
    a cell). Source: Rubin, Van Hooser & Miller 2015, eqs. 1-2, as transcribed by others.

    Raises:
        ValueError: a value outside its range.
    """

    tau: EI[Leaf]
    k: EI[Leaf]
    n: EI[Leaf]
    units_shown: ClassVar = {"tau": "ms", "k": "Hz"}

    def __init__(self, tau: EI[Any], k: EI[Any], n: EI[Any]):
        for name, value in (("tau", tau), ("k", k), ("n", n)):
            require_pair(name, value)
        self.tau, self.k, self.n = tau.map(as_floats), k.map(as_floats), n.map(as_floats)

    def __check_init__(self) -> None:
        for name in ("E", "I"):
            require(getattr(self.tau, name), f"tau_{name}", lambda v: v > 0, "> 0 ms")
            require(getattr(self.k, name), f"k_{name}", lambda v: v >= 0, ">= 0")
            require(getattr(self.n, name), f"n_{name}", lambda v: v > 0, "> 0")

    def rate(self, u: EI[Leaf]) -> EI[Leaf]:
        """Steady rate [Hz] for the net input `u` (arrays of the circuit's shape)."""
        return EI(
            self.k.E * rectified_power(u.E, self.n.E),
            self.k.I * rectified_power(u.I, self.n.I),
        )


@jax.custom_jvp
def rectified_power(u: Leaf, n: Leaf) -> Leaf:
    """`[u]_+^n`, elementwise, zero with zero slope for u <= 0.

    A scalar exponent of exactly 2, the most common, takes a multiplication instead of a
    logarithm and an exponential: five times as fast. Derivatives are exact in `u` and `n`.
    """
    rectified = jnp.maximum(u, 0.0)
    if jnp.ndim(n) > 0:
        return _positive_power(rectified, n)
    return jax.lax.cond(n == 2, lambda v, _: v * v, _positive_power, rectified, n)


def _positive_power(v: Leaf, n: Leaf) -> Leaf:
    positive = v > 0
    # XLA's power of arrays takes three times as long on a CPU.
    return jnp.where(positive, jnp.exp(n * jnp.log(jnp.where(positive, v, 1.0))), 0.0)


@rectified_power.defjvp
def _rectified_power_jvp(primals: Any, tangents: Any) -> tuple[Leaf, Leaf]:
    (u, n), (du, dn) = primals, tangents
    value = rectified_power(u, n)
    positive = u > 0
    safe = jnp.where(positive, u, 1.0)
    slope = jnp.where(positive, n * value / safe, 0.0)
    return value, slope * du + value * jnp.log(safe) * dn
