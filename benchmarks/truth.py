"""The truth that accuracy is measured against, and the largest steps that reach it.

Everything in float64 by plain matrix products over features, rows and columns; in a process of
its own, for double precision is a setting of the whole of JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sheets
from by_hand import ORDER, Pair, Spread, jax_velocity, scheme_step, segments, signed, weighted
from sheets import ACCURACY, TIMES, Sheet

STRETCH = 10.0  # ms; all saved times are whole multiples of it, and it of all steps
FIRST_TRY = {"euler": 20, "rk4": 2}  # steps a stretch
SETTLING_STEPS = (1.0, 2.0, 4.0, 5.0, 6.0)  # ms


class Truth(NamedTuple):
    """What rivals are given: they need not find out for themselves when they are done.

    Attributes:
        steady, course: files of the states, (times, 2, batch, features, side, side).
        counts: by Euler step [ms] the fewest steps from silence that come within `ACCURACY` of
            the steady state, and stay there.
        steps: by scheme the largest step [ms] whose time course is within `ACCURACY`, and its
            error. For Euler's method both follow from the error at .5 ms, to which they are in
            proportion: steps so small take minutes.
    """

    steady: str
    course: str
    counts: dict[float, int]
    steps: dict[str, tuple[float, float]]

    @property
    def best(self) -> float:
        """The Euler step that needs the fewest evaluations to settle [ms]."""
        return min(self.counts, key=lambda dt: self.counts[dt])


def exact(sheet: Sheet, folder: Path, course: bool = True) -> Truth:
    """The truth about a sheet, its states in files in `folder`.

    Args:
        course: that of the time course as well, and the schemes' largest steps.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    drive = jnp.asarray(sheets.drives(sheet))
    velocity = jax_velocity(weighted(spread_by_matrices(sheet), signed()), drive)
    silence = (jnp.zeros_like(drive), jnp.zeros_like(drive))

    # Compiled once for all step sizes and numbers.
    @jax.jit
    def settle(dt: Any, most: Any, near: Any, share: Any) -> Any:
        def go_on(carry: Any) -> Any:
            return (carry[0] < most) & ~carry[2]

        def advance(carry: Any) -> Any:
            step, rates, _ = carry
            slope = velocity(rates)
            rates = tuple(r + dt * v for r, v in zip(rates, slope, strict=True))
            gap = jnp.stack([jnp.abs(r - n) for r, n in zip(rates, near, strict=True)])
            top = jnp.max(jnp.stack(near), (0, 2, 3, 4))
            still = jnp.max(jnp.abs(jnp.stack(slope))) < 1e-8
            done = jnp.all(jnp.max(gap, (0, 2, 3, 4)) <= share * top) | still
            return step + 1, rates, done | ~jnp.all(jnp.isfinite(rates[0]))

        return jax.lax.while_loop(go_on, advance, (0, silence, jnp.asarray(False)))[:2]

    never = tuple(jnp.full_like(s, -1.0) for s in silence)
    # The step does not move the state in which it ends.
    _, steady = settle(4.0, 5000, never, 0.0)
    counts = {}
    for dt in SETTLING_STEPS:
        # A tenth inside, so that single precision is inside as well.
        taken, reached = settle(dt, int(1500 / dt), steady, 0.9 * ACCURACY)
        if _error(reached, steady) <= ACCURACY:
            counts[dt] = int(taken)
    files = {"steady": _saved(jnp.stack(steady)[None], folder / "steady.npy")}
    if not course:
        return Truth(files["steady"], "", counts, {})

    def follow(scheme: str) -> Callable[[float], np.ndarray]:
        @jax.jit
        def run(dt: Any, lengths: Any) -> Any:
            def stretch(rates: Pair, length: Any) -> tuple[Pair, Any]:
                step = lambda _, r: scheme_step(scheme, velocity, r, dt)  # noqa: E731
                rates = jax.lax.fori_loop(0, length, step, rates)
                return rates, jnp.stack(rates)

            return jax.lax.scan(stretch, silence, lengths)[1]

        return lambda dt: np.asarray(run(dt, jnp.asarray(segments(TIMES, dt))))

    rk4 = follow("rk4")
    right, coarser = rk4(STRETCH / 12), rk4(STRETCH / 6)
    # Doubling the step changes it by less than a hundredth of what is judged by it.
    if not sheets.error(coarser, right) < 0.01 * ACCURACY:
        raise AssertionError("the reference has not converged")
    files["course"] = _saved(right, folder / "course.npy")
    steps = {scheme: _largest(scheme, follow(scheme), right) for scheme in FIRST_TRY}
    return Truth(files["steady"], files["course"], counts, steps)


def _largest(
    scheme: str, follow: Callable[[float], np.ndarray], right: np.ndarray
) -> tuple[float, float]:
    """The largest step [ms] within `ACCURACY`, and its error."""
    order, number = ORDER[scheme], FIRST_TRY[scheme]
    found = sheets.error(follow(STRETCH / number), right)
    goal = 0.97 * ACCURACY  # single precision has to be inside as well
    if scheme == "euler":
        more = math.ceil(number * found / goal)
        return STRETCH / more, found * number / more
    number = max(1, math.ceil(number * (found / goal) ** (1 / order)) - 1)
    while not (found := sheets.error(follow(STRETCH / number), right)) <= goal:
        number += 1
    return STRETCH / number, found


def spread_by_matrices(sheet: Sheet) -> Spread:
    """By the exact matrices over features, rows and columns."""
    import jax.numpy as jnp

    line = jnp.asarray(sheets.circulant(sheet.side))
    mix = jnp.asarray(sheets.feature_matrix(sheet.features))

    def there(r: Any) -> Any:
        return jnp.einsum("yY,bfYX,xX->bfyx", line, jnp.einsum("fg,bgyx->bfyx", mix, r), line)

    return Spread(there, lambda spread: spread)


def _error(found: Sequence[Any], right: Sequence[Any]) -> float:
    found, right = (np.stack([np.asarray(x) for x in pair])[None] for pair in (found, right))
    return sheets.error(found, right) if np.isfinite(found).all() else np.inf


def _saved(states: Any, path: Path) -> str:
    np.save(path, np.asarray(states, np.float32))
    return str(path)
