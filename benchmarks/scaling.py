"""Cost of one Euler step against size: grid 16 to 512, features 1 to 512, batch 1 to 64.

    python benchmarks/scaling.py [--quick] [--out FILE.json] [--figure FILE.png]

Everything else as in `sheet`: 64 x 64 places, 8 features, batch 1. From 64 features on the
coupling between them is given to both as factors of rank 32. Points where a step would take
longer than its share of the time are left out. Draws `benchmarks/scaling.png`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import by_hand
import harness
import numpy as np
import ours
import sheets
from harness import Row
from sheets import Sheet

AXES = {
    "grid": [Sheet(side, 8, 1) for side in (16, 32, 64, 128, 256, 512)],
    "features": [Sheet(64, count, 1) for count in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)],
    "batch": [Sheet(64, 8, batch) for batch in (1, 2, 4, 8, 16, 32, 64)],
}
LABELS = {"grid": "side of the sheet (px)", "features": "features", "batch": "stimuli"}
LOW_RANK, RANK = 64, 32
STEPS, ROUNDS, PATIENCE = 10, 5, 6.0
WHO = ("cortex", "JAX FFT")


def factors(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random factors of a coupling between features, rows of sum one."""
    rng = np.random.default_rng(count)
    onto, of = rng.uniform(size=(count, RANK)), rng.uniform(size=(RANK, count))
    onto *= 0.5 / (onto @ of.sum(1))[:, None]
    return tuple(v.astype(np.float32) for v in (np.full(count, 0.5), onto, of))  # type: ignore


def _steps(sheet: Sheet) -> dict[str, Any]:
    """What each of `WHO` runs: `STEPS` Euler steps of 1 ms."""
    import jax
    import jax.numpy as jnp

    from cortex.circuit import FactoredFeatures

    drives = jnp.asarray(sheets.drives(sheet), jnp.float32)
    features, mix = None, None
    if sheet.features >= LOW_RANK:
        own, onto, of = (jnp.asarray(v) for v in factors(sheet.features))
        features = FactoredFeatures(own, onto, of, 0.0)

        def mix(r: Any) -> Any:
            pooled = jnp.einsum("rg,bgyx->bryx", of, r)
            return own[None, :, None, None] * r + jnp.einsum("fr,bryx->bfyx", onto, pooled)

    circuit = sheets.circuit(sheet, features)
    couple = by_hand.weighted(by_hand.jax_fft_spread(sheet, mix), by_hand.signed())
    cortex = jax.jit(lambda c, d: ours.euler(c, d, STEPS))
    fft = jax.jit(lambda d: by_hand.jax_course(couple, d, "euler", 1.0, [STEPS]))
    return {
        WHO[0]: lambda: jax.block_until_ready(cortex(circuit, drives)),
        WHO[1]: lambda: jax.block_until_ready(fft(drives)),
    }


def point(sheet: Sheet) -> dict[str, Any]:
    """Seconds a step of everybody, by turns, and the largest difference of the answers."""
    runs = _steps(sheet)
    answers = [np.asarray(run()) for run in runs.values()]
    taken: dict[str, list[float]] = {who: [] for who in runs}
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for who, run in runs.items():
            started = time.perf_counter()
            run()
            taken[who].append((time.perf_counter() - started) / STEPS)
        if time.perf_counter() - begun > PATIENCE:
            break
    return {
        "sheet": sheet._asdict(),
        "units": sheet.units,
        "seconds": taken,
        "gap": float(np.abs(answers[0] - answers[1]).max() / np.abs(answers[1]).max()),
    }


def curve(sizes: list[Sheet]) -> list[dict[str, Any]]:
    """All points of an axis, in one process."""
    return [point(size) for size in sizes]


def rows(quick: bool) -> list[Row]:
    """One row for each point and contender."""
    found = []
    for axis, sizes in AXES.items():
        for answer in harness.alone(curve, sizes[:2] if quick else sizes):
            value = {"grid": "side"}.get(axis, axis)
            for who, seconds in answer["seconds"].items():
                row = {
                    "work": f"{axis} {answer['sheet'][value]}",
                    "who": who,
                    "axis": axis,
                    "size": answer["sheet"][value],
                    "units": answer["units"],
                    "seconds": seconds,
                    "median": float(np.median(seconds)),
                    "min": min(seconds),
                    "note": f"{np.median(seconds) / answer['units'] * 1e9:.2g} ns a unit",
                }
                base = answer["seconds"][WHO[0]]
                row["ratio"] = float(np.median(np.divide(seconds, base)))
                if who != WHO[0]:
                    row["error"] = answer["gap"]  # between the two
                found.append(row)
    return found


def draw(rows: list[Row], path: Path) -> None:
    """A panel an axis, time of a step against size."""
    from cortex.plot import style

    with style.journal():
        drawn, axes = style.figure(1, len(AXES), height=62, sharey=True)
        for panel, axis in zip(axes[0], AXES, strict=True):
            for who, colour in zip(WHO, (style.GREEN, style.INK), strict=True):
                of = [row for row in rows if row["axis"] == axis and row["who"] == who]
                sizes, times = [r["size"] for r in of], [1e3 * r["median"] for r in of]
                panel.loglog(sizes, times, "o-", color=colour, label=who, markersize=3)
            panel.set_xlabel(LABELS[axis])
            panel.minorticks_off()
            style.plain_log(panel.xaxis, sizes[:: max(1, len(sizes) // 5)])
        axes[0, 0].set_ylabel("one Euler step (ms)")
        axes[0, 0].legend(loc="upper left")
        style.letters(axes[0])
        drawn.savefig(path, dpi=200)


def main() -> None:
    """The command."""
    parser = harness.arguments(__doc__)
    default = Path(__file__).with_name("scaling.png")
    parser.add_argument("--figure", type=Path, default=default, help="PNG file")
    given = parser.parse_args()
    found = harness.result("scaling", rows, given.quick)
    print(harness.table(found["rows"]))
    draw(found["rows"], given.figure)
    if given.out is not None:
        harness.write(given.out, found)


if __name__ == "__main__":
    main()
