"""Value and gradient through the steady state, and through 300 ms, of a sheet of 64 x 64 x 8.

    python benchmarks/gradient.py [--quick] [--out FILE.json]

The value is a weighted sum of the last E rates; the gradient is with respect to the four total
weights and to the drive of every unit. Its error is the largest of five directional derivatives
(the weights, and one random direction of the drive), each relative to a float64 program's central
difference. "x cortex" is here relative to cortex's own forward pass. "growth" is the memory for
twice the simulated time, relative to that for once.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path
from typing import Any

import by_hand
import harness
import numpy as np
import ours
import sheets
import truth
from by_hand import ORDER
from harness import Contender, Row, Wanted, Work
from sheets import WEIGHTS, Sheet

WHOLE, QUICK = Sheet(64, 8, 1), Sheet(16, 4, 1)
STEADY, COURSE, DURATION = ours.STEADY, ours.COURSE, 300.0
NAMES = tuple(WEIGHTS)
# The derivatives of a state that is within 1e-3 are not: they settle later.
OPTIONS = {STEADY: dataclasses.replace(ours.FIXED_POINT, rtol=2e-4), COURSE: ours.STEPPING}


def readout(sheet: Sheet) -> np.ndarray:
    """Weight of each E rate in the value, (features, side, side)."""
    shape = (sheet.features, sheet.side, sheet.side)
    return np.random.default_rng(1).uniform(size=shape) / np.prod(shape)


def direction(sheet: Sheet) -> np.ndarray:
    """In which the gradient with respect to the drive is judged, (features, side, side)."""
    return np.random.default_rng(2).uniform(size=readout(sheet).shape)


def exact(sheet: Sheet, folder: Path) -> tuple[truth.Truth, dict[str, list[float]], int]:
    """The truth about the sheet, the five derivatives of each work, and the fewest Euler steps
    whose derivatives come within 1e-3 of those of the steady state."""
    known = truth.exact(sheet, folder)  # turns double precision on
    import jax
    import jax.numpy as jnp

    drive, weight = jnp.asarray(sheets.drives(sheet)), jnp.asarray(readout(sheet))
    along = jnp.asarray(direction(sheet))[None]

    spread = truth.spread_by_matrices(sheet)
    signed = jnp.asarray([by_hand.signed()[name] for name in NAMES])

    def derivatives(scheme: str, dt: float, steps: int) -> list[float]:
        @jax.jit
        def value(factors: Any, far: Any) -> Any:
            couple = by_hand.weighted(spread, dict(zip(NAMES, factors, strict=True)))
            velocity = by_hand.jax_velocity(couple, drive + far * along)
            step = lambda _, r: by_hand.scheme_step(scheme, velocity, r, dt)  # noqa: E731
            silence = (jnp.zeros_like(drive), jnp.zeros_like(drive))
            return jnp.sum(weight * jax.lax.fori_loop(0, steps, step, silence)[0][0])

        found = []
        for number, name in enumerate(NAMES):
            by = 1e-5 * signed * (np.arange(4) == number)
            change = value(signed + by, 0.0) - value(signed - by, 0.0)
            found.append(float(change) / (2e-5 * WEIGHTS[name]))
        return [*found, float(value(signed, 1e-4) - value(signed, -1e-4)) / 2e-4]

    right = {
        STEADY: derivatives("euler", 4.0, 400),
        COURSE: derivatives("rk4", 2.5, round(DURATION / 2.5)),
    }
    # Gradients settle later than the rates they belong to.
    steps = known.counts[known.best]
    while _error(derivatives("euler", known.best, steps), right[STEADY]) > 0.9 * sheets.ACCURACY:
        steps = math.ceil(1.1 * steps)
    return known, right, steps


def _error(found: Any, right: list[float]) -> float:
    return float(np.max(np.abs(np.asarray(found) / np.asarray(right) - 1)))


def against(sheet: Sheet, right: list[float], gradient: Any) -> dict[str, float]:
    """The error of a gradient (four magnitudes by name, drive)."""
    weights, drive = gradient
    along = np.sum(np.asarray(drive, np.float64) * direction(sheet))
    found = np.asarray([*(float(weights[name]) for name in NAMES), along])
    return {"error": _error(found, right)}


def cortex_work(sheet: Sheet, what: str, right: list[float] | None) -> Work:
    """Ours: the value alone, or with its gradient where `right` is given."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from cortex.circuit import Projections

    circuit, weight = sheets.circuit(sheet), jnp.asarray(readout(sheet), jnp.float32)
    drive = jnp.asarray(sheets.drives(sheet)[0], jnp.float32)
    function, option = ours.WORKS[what], OPTIONS[what]

    def value_for(times: int) -> Any:
        def value(point: Any) -> Any:
            weights, drive = point
            changed = eqx.tree_at(lambda c: c.coupling.J, circuit, Projections(**weights))
            if what == STEADY:
                longer = dataclasses.replace(option, duration=times * option.duration)
                found = function(changed, drive[None], ours.ONE_BY_ONE, longer)
            else:
                until = (times * DURATION,)
                found = function(changed, drive[None], ours.ONE_BY_ONE, option, until)
            return jnp.sum(weight * found[-1, 0, 0])

        return value if right is None else jax.value_and_grad(value)

    point = ({name: jnp.asarray(w, jnp.float32) for name, w in WEIGHTS.items()}, drive)
    run, beyond = ours.compiled(value_for(1), point)
    growth = ours.compiled(value_for(2), point)[1] / beyond

    def facts(found: Any) -> dict[str, Any]:
        judged = {} if right is None else against(sheet, right, found[1])
        return judged | _memory(beyond, growth)

    return Work(lambda: jax.block_until_ready(run(point)), facts)


def _memory(beyond: int, growth: float) -> dict[str, Any]:
    note = f"{beyond / 2**20:.1f} MB beyond inputs, growth {growth:.2f}"
    return {"bytes_beyond_inputs": beyond, "growth": growth, "note": note}


def jax_work(
    sheet: Sheet, scheme: str, dt: float, steps: int, remembers: bool, right: list[float]
) -> Work:
    """Back-propagation through time by hand, with FFT: every step remembered, or its start only."""
    import jax
    import jax.numpy as jnp

    spread = by_hand.jax_fft_spread(sheet)
    weight = jnp.asarray(readout(sheet), jnp.float32)
    drive = jnp.asarray(sheets.drives(sheet)[0], jnp.float32)

    def value_for(times: int) -> Any:
        def value(point: Any) -> Any:
            weights, drive = point
            signed = {name: -w if name[1] == "I" else w for name, w in weights.items()}
            velocity = by_hand.jax_velocity(by_hand.weighted(spread, signed), drive[None])

            def step(rates: Any, _: None) -> Any:
                return by_hand.scheme_step(scheme, velocity, rates, dt), None

            silence = (jnp.zeros_like(drive[None]), jnp.zeros_like(drive[None]))
            moved = step if remembers else jax.checkpoint(step)
            rates = jax.lax.scan(moved, silence, None, times * steps)[0]
            return jnp.sum(weight * rates[0][0])

        return jax.value_and_grad(value)

    point = ({name: jnp.asarray(w, jnp.float32) for name, w in WEIGHTS.items()}, drive)
    run, beyond = ours.compiled(value_for(1), point)
    growth = ours.compiled(value_for(2), point)[1] / beyond
    return Work(
        lambda: jax.block_until_ready(run(point)),
        lambda found: against(sheet, right, found[1]) | _memory(beyond, growth),
    )


def torch_work(sheet: Sheet, scheme: str, dt: float, steps: int, right: list[float]) -> Work:
    """Back-propagation through time in PyTorch, with FFT."""
    torch, device = by_hand.torch_module()
    spread = by_hand.torch_fft_spread(sheet, torch, device)
    weight = torch.tensor(readout(sheet), dtype=torch.float32, device=device)
    drives = torch.tensor(sheets.drives(sheet), dtype=torch.float32, device=device)

    def run() -> Any:
        weights = {
            n: torch.tensor(w, device=device, requires_grad=True) for n, w in WEIGHTS.items()
        }
        drive = drives.clone().requires_grad_()
        signed = {name: -w if name[1] == "I" else w for name, w in weights.items()}
        velocity = by_hand.torch_velocity(by_hand.weighted(spread, signed), drive, torch)
        rates = (torch.zeros_like(drives), torch.zeros_like(drives))
        for _ in range(steps):
            rates = by_hand.scheme_step(scheme, velocity, rates, dt)
        value = torch.sum(weight * rates[0][0])
        value.backward()
        gradient = {name: float(w.grad) for name, w in weights.items()}
        return float(value.detach()), (gradient, drive.grad[0].cpu().numpy())

    return Work(run, lambda found: against(sheet, right, found[1]))


def contenders(
    sheet: Sheet, known: truth.Truth, right: dict[str, Any], settled: int
) -> list[Contender]:
    """Everybody, in the order of the table."""
    rows = []
    dt = known.best
    course = known.steps["rk4"][0]
    ways = {
        STEADY: ("euler", dt, settled),
        COURSE: ("rk4", course, round(DURATION / course)),
    }
    for what, (scheme, step, steps) in ways.items():
        goal, name = Wanted(fact="ratio", at_most=3), f"Euler {step:g} ms"
        name = name if scheme == "euler" else f"Runge-Kutta {step:.3g} ms"
        note = f"{ORDER[scheme] * steps} evaluations"
        rows.append(Contender(what, "cortex, value alone", cortex_work, (sheet, what, None)))
        rows.append(
            Contender(
                what, "value and gradient: cortex", cortex_work, (sheet, what, right[what]),
                wanted=goal,
            )
        )  # fmt: skip
        for remembers, how in ((True, ""), (False, ", steps recomputed")):
            given = (sheet, scheme, step, steps, remembers, right[what])
            rows.append(
                Contender(what, f"JAX FFT, {name}{how}", jax_work, given, note=note, rounds=3)
            )
        given = (sheet, scheme, step, steps, right[what])
        rows.append(Contender(what, f"PyTorch FFT, {name}", torch_work, given, note=note, rounds=3))
    return rows


def rows(quick: bool) -> list[Row]:
    """The table."""
    sheet = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory() as folder:
        known = harness.alone(exact, sheet, Path(folder))
        everybody = contenders(sheet, *known)
        found = harness.compete(everybody, rounds=2 if quick else 5, patience=10.0)
    for row in found:
        if row["who"].endswith("gradient: cortex") and row["work"] == STEADY:
            flat = harness.verdict(row, Wanted(fact="growth", at_most=1.05))
            found.insert(
                found.index(row) + 1,
                {
                    "work": STEADY,
                    "who": "its memory",
                    "seconds": [],
                    "note": "growth with simulated time",
                    "wanted": flat,
                },
            )
            break
    return found


if __name__ == "__main__":
    harness.main("gradient", __doc__, rows)
