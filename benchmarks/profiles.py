"""Where the time of our own programs goes, by kind of operation.

    python benchmarks/profiles.py [--quick] [--out FILE.json]

Each work runs once under `jax.profiler` after a warm-up, in a process of its own; what every
operation took is added up over all threads, by the kind that its name tells: products,
convolutions, copies and changes of layout, reductions, and what is done unit by unit (fused loops).
Operations started are those of one run: on a GPU each would be a kernel, some of them fused.
"""

from __future__ import annotations

import collections
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
from harness import Row

# The first pattern found in an operation's name decides. XLA calls a fused operation by the last
# of its parts; `ynn` is the library that computes products.
KINDS = {
    "products": r"dot|ynn|matmul|gemm",
    "convolutions": r"conv(?!ert)",
    "copies": r"copy|transpose|concatenate|pad|slice|bitcast|broadcast(?!_)|gather|scatter",
    "reductions": r"reduce",
}
REST = "unit by unit"
HOLDERS = re.compile(r"^(while|call|conditional|cond|wrapped_while)\b|^cond\.|^while\.|^call\.")


def sheet(quick: bool) -> Callable[[], Any]:
    """300 ms of the sheet."""
    import ours
    from sheets import Sheet

    way = ours.WAYS[ours.COURSE][1]
    return ours.work(Sheet(16, 4, 2) if quick else Sheet(64, 8, 4), ours.COURSE, way, "").run


def steady_sheet(quick: bool) -> Callable[[], Any]:
    """The sheet to its steady state."""
    import ours
    from sheets import Sheet

    way = ours.WAYS[ours.STEADY][0]
    return ours.work(Sheet(16, 4, 2) if quick else Sheet(64, 8, 4), ours.STEADY, way, "").run


def rings(quick: bool) -> Callable[[], Any]:
    """Rings, each until it has settled."""
    from rings import PLACES, SPREAD, cortex_work

    return cortex_work("RingCoupling", 60 if quick else 10_000, PLACES, SPREAD, None, True).run


def network(quick: bool) -> Callable[[], Any]:
    """One image through VGG-16 with circuits at all layers."""
    from network import TOP, image_work

    return image_work(TOP if quick else tuple(range(1, 14))).run


def photographs(quick: bool) -> Callable[[], Any]:
    """Ten photographs through EfficientNet-Lite0 with circuits at layers 5, 10 and 13."""
    import jax
    import networks

    layers = (13,) if quick else (5, 10, 13)
    prepared = networks.prepare("efficientnet_lite0", layers, 10, 10, 10)
    return lambda: jax.block_until_ready(prepared.respond(prepared.system, prepared.shown))


WORKS = {
    "sheet, steady state": steady_sheet,
    "sheet, 300 ms": sheet,
    "rings": rings,
    "network": network,
    "photographs, three circuits": photographs,
}


def kind(name: str) -> str:
    """Of an operation, by its name."""
    return next((kind for kind, said in KINDS.items() if re.search(said, name)), REST)


def measure(work: str, quick: bool) -> Row:
    """Milliseconds by kind, and operations started, of one run."""
    import jax

    run = WORKS[work](quick)
    run()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            run()
        (file,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(file))
    taken: collections.Counter[str] = collections.Counter()
    started = 0
    for plane in data.planes:
        for line in plane.lines:
            for event in line.events:
                if HOLDERS.search(event.name) or not any(k == "hlo_op" for k, _ in event.stats):
                    continue
                taken[kind(event.name)] += event.duration_ns / 1e6
                started += 1
    return {"work": work, "milliseconds": dict(taken), "started": started}


def table(rows: list[Row]) -> str:
    """The rows as Markdown, each kind as its share of the time."""
    kinds = [*KINDS, REST]
    lines = [f"| work | {' | '.join(kinds)} | all threads | started |"]
    lines.append("| --- " * (len(kinds) + 3) + "|")
    for row in rows:
        total = sum(row["milliseconds"].values())
        shares = (f"{row['milliseconds'].get(one, 0.0) / total:.0%}" for one in kinds)
        lines.append(
            f"| {row['work']} | {' | '.join(shares)} | {harness.seconds(total / 1e3)} "
            f"| {row['started']} |"
        )
    return "\n".join(lines)


def main() -> None:
    given = harness.arguments(__doc__).parse_args()
    rows = [harness.alone(measure, work, given.quick) for work in WORKS]
    print(table(rows))
    if given.out is not None:
        about = {"benchmark": "profiles", "quick": given.quick, "machine": harness.machine()}
        harness.write(given.out, {**about, "rows": rows})


if __name__ == "__main__":
    main()
