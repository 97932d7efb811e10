"""Steady state and 300 ms of a sheet of 64 x 64 x 8 features x E/I, batch 4, to 1e-3.

    python benchmarks/sheet.py [--quick] [--out FILE.json]

The error is the largest difference from a converged float64 program, as a share of the largest
rate of the same stimulus. All rivals start from silence and are told how many steps they need
(`truth.Truth`), so that none pays for looking whether it is done; ours finds out for itself.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import by_hand
import harness
import limits
import ours
import sheets
import truth
from by_hand import ORDER, segments
from harness import Contender, Row, Wanted
from sheets import TIMES, Sheet

WHOLE, QUICK = Sheet(64, 8, 4), Sheet(16, 4, 2)
# A matrix of all pairs of units of the whole sheet would fill 17 GB: a smaller sheet stands in.
DENSE, DENSE_QUICK = Sheet(32, 8, 4), Sheet(8, 4, 2)
SAMPLE = 20  # steps that the slow ones are timed for
STEADY, COURSE = ours.STEADY, ours.COURSE


def contenders(sheet: Sheet, small: Sheet, known: truth.Truth) -> list[Contender]:
    """Everybody, in the order of the table."""
    rows = []
    for what, right in ((STEADY, known.steady), (COURSE, known.course)):
        for way in ours.WAYS[what]:
            given = (sheet, what, way, right)
            rows.append(Contender(what, f"cortex, {way.name}", ours.work, given))
    fewest = known.counts
    for dt, wanted in ((1.0, Wanted(at_least=8)), (known.best, None)):
        given = ("euler", dt, [fewest[dt]], known.steady)
        name, note = f"FFT, Euler {dt:g} ms", f"{fewest[dt]} evaluations"
        rows.append(
            Contender(
                STEADY,
                f"JAX {name}",
                by_hand.jax_work,
                (sheet, "fft", *given),
                note=note,
                wanted=wanted,
            )
        )
    rows.append(
        Contender(STEADY, f"PyTorch {name}", by_hand.torch_work, (sheet, *given), note=note)
    )
    rows += dense(sheet, small, STEADY, fewest[known.best], known.best)
    dt = known.steps["rk4"][0]
    lengths = segments(TIMES, dt)
    given = ("rk4", dt, lengths, known.course)
    name, note = f"FFT, Runge-Kutta {dt:.3g} ms", f"{ORDER['rk4'] * sum(lengths)} evaluations"
    rows.append(
        Contender(COURSE, f"JAX {name}", by_hand.jax_work, (sheet, "fft", *given), note=note)
    )
    rows.append(
        Contender(COURSE, f"PyTorch {name}", by_hand.torch_work, (sheet, *given), note=note)
    )
    one = ("euler", 1.0, segments(TIMES, 1.0), known.course)
    rows.append(
        Contender(
            COURSE,
            "JAX FFT, Euler 1 ms",
            by_hand.jax_work,
            (sheet, "fft", *one),
            note="300 evaluations; **not of this accuracy**",
        )
    )
    dt, error = known.steps["euler"]
    count = sum(segments(TIMES, dt))
    rows.append(
        Contender(
            COURSE,
            f"JAX FFT, Euler {dt:.2g} ms",
            by_hand.jax_work,
            (sheet, "fft", "euler", dt, [SAMPLE * 10], None),
            share=SAMPLE * 10 / count,
            note=f"{count} evaluations, of which {SAMPLE * 10} timed; error {error:.1e} expected",
            wanted=Wanted(at_least=8),
        )
    )
    dt = known.steps["rk4"][0]
    count = sum(segments(TIMES, dt)) * ORDER["rk4"]
    return rows + dense(sheet, small, COURSE, count, dt / ORDER["rk4"])


def dense(sheet: Sheet, small: Sheet, what: str, count: int, dt: float) -> list[Contender]:
    """Matrices of all pairs of places, features apart; and of all pairs of units."""
    note = f"{count} evaluations, of which {SAMPLE} timed"
    given = ("euler", dt, [SAMPLE], None)
    places = Contender(
        what,
        "JAX dense over places",
        by_hand.jax_work,
        (sheet, "places", *given),
        share=SAMPLE / count,
        note=note,
    )
    ratio = limits.dense_step(small.units // small.batch, small.batch).operations
    ratio /= limits.dense_step(sheet.units // sheet.batch, sheet.batch).operations
    units = Contender(
        what,
        "JAX dense, all units",
        by_hand.jax_work,
        (small, "dense", *given),
        share=SAMPLE / count * ratio,
        note=f"{note}, on {small.side} x {small.side} x {small.features}, "
        f"times {1 / ratio:.0f} by counted operations",
        wanted=Wanted(at_least=100),
        rounds=2,
    )
    return [places, units]


def rows(quick: bool) -> list[Row]:
    """The table."""
    sheet, small = (QUICK, DENSE_QUICK) if quick else (WHOLE, DENSE)
    with tempfile.TemporaryDirectory() as folder:
        known = harness.alone(truth.exact, sheet, Path(folder))
        found = []
        everybody = contenders(sheet, small, known)
        rates = harness.alone(limits.measured, sheet.state)
        demand = limits.sheet_step(sheet.features, sheet.side, sheet.batch, sheets.WIDTH)
        for what in (STEADY, COURSE):
            of_work = [c for c in everybody if c.work == what]
            found += harness.compete(of_work, rounds=2 if quick else 5, patience=10.0)
            count = harness.fastest(found, what)["evaluations"]
            limit = limits.limit(demand, count, rates)
            found.append(harness.limit_row(found, what, limit, None))
    return found


if __name__ == "__main__":
    harness.main("sheet", __doc__, rows)
