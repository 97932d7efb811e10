"""A sheet of 256 x 256 x 8 features x E/I, about a million units: time, and bytes a unit.

    python benchmarks/large_sheet.py [--quick] [--out FILE.json]

Bytes are what the compiler sets aside for a run beyond its arguments: what is returned, 4 a unit,
and all that is held on the way. Euler steps of 1 ms are the same work
for everybody; the steady state is to 1e-3, as in `sheet`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import by_hand
import harness
import limits
import ours
import sheets
import truth
from harness import Contender, Row, Wanted, Work
from sheets import Sheet

WHOLE, QUICK = Sheet(256, 8, 1), Sheet(32, 4, 1)
STEPS = 10
STEADY, COURSE, EULER = ours.STEADY, ours.COURSE, "one Euler step"
FLAT = Wanted(fact="bytes_per_unit", at_most=120)


def course_work(sheet: Sheet) -> Work:
    """300 ms, of which the last state is kept."""
    import jax
    import jax.numpy as jnp

    circuit = sheets.circuit(sheet)
    drives = jnp.asarray(sheets.drives(sheet), jnp.float32)
    run, beyond = ours.compiled(
        lambda c, d: ours.course(c, d, ours.ONE_BY_ONE, ours.STEPPING, (300.0,)), circuit, drives
    )

    def facts(_: Any) -> dict[str, Any]:
        each = beyond / sheet.units
        return {"bytes_per_unit": each, "note": f"{each:.0f} bytes a unit; error not measured"}

    return Work(lambda: jax.block_until_ready(run(circuit, drives)), facts)


def contenders(sheet: Sheet, known: truth.Truth) -> list[Contender]:
    """Everybody, in the order of the table."""
    rows = []
    for way in ours.WAYS[STEADY]:
        if way.copies == ours.ONE_BY_ONE:  # of a batch of one
            given = (sheet, STEADY, way, known.steady)
            rows.append(Contender(STEADY, f"cortex, {way.name}", ours.work, given, wanted=FLAT))
    for dt in dict.fromkeys((1.0, known.best)):
        count = known.counts[dt]
        share = STEPS / count
        note = f"{count} evaluations, of which {STEPS} timed"
        arguments = (sheet, "fft", "euler", dt, [STEPS], None)
        name = f"JAX FFT, Euler {dt:g} ms"
        rows.append(Contender(STEADY, name, by_hand.jax_work, arguments, share, note))
    rows.append(Contender(COURSE, "cortex", course_work, (sheet,), wanted=FLAT))
    rows.append(Contender(EULER, "cortex", ours.euler_work, (sheet, STEPS), share=STEPS))
    arguments = ("euler", 1.0, [STEPS], None)
    rows.append(
        Contender(EULER, "JAX FFT", by_hand.jax_work, (sheet, "fft", *arguments), share=STEPS)
    )
    rows.append(
        Contender(EULER, "PyTorch FFT", by_hand.torch_work, (sheet, *arguments), share=STEPS)
    )
    return rows


def rows(quick: bool) -> list[Row]:
    """The table."""
    sheet = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory() as folder:
        known = harness.alone(truth.exact, sheet, Path(folder), False)
        found = harness.compete(contenders(sheet, known), rounds=2 if quick else 5, patience=8.0)
    rates = harness.alone(limits.measured, sheet.state)
    demand = limits.sheet_step(sheet.features, sheet.side, sheet.batch, sheets.WIDTH)
    for what, count in ((STEADY, harness.fastest(found, STEADY)["evaluations"]), (EULER, 1)):
        row = harness.limit_row(found, what, limits.limit(demand, count, rates), limits.NEAR)
        found.insert(1 + max(i for i, r in enumerate(found) if r["work"] == what), row)
    return found


if __name__ == "__main__":
    harness.main("large_sheet", __doc__, rows)
