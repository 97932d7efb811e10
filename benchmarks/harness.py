"""What all benchmarks share: contenders take turns, each in a process of its own.

Times are those of whole runs after a warm-up. The contenders of a competition run one after the
other, round after round (A B C A B C ...), so that whatever else the machine does falls on all of
them; while one runs the others wait. Ratios are medians over rounds of the two times of a round.
The peak of memory of a process is its own: Python, JAX and compilation included, on a GPU the
memory of the device.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]
CORTEX = "cortex"  # names of our own contenders start with it


class Unavailable(Exception):
    """A contender cannot run here; the message says why."""


class Work(NamedTuple):
    """What a contender has prepared.

    Attributes:
        run: does the work once, and waits until it is done.
        facts: numbers about what came out, such as its `error`. Called once, untimed.
    """

    run: Callable[[], Any]
    facts: Callable[[Any], dict[str, Any]] = lambda _: {}


class Wanted(NamedTuple):
    """A goal of this project: a contender takes `at_least` times as long as cortex, or `fact` of
    the row is `at_most` so much."""

    at_least: float | None = None
    fact: str = ""
    at_most: float | None = None


class Contender(NamedTuple):
    """One row.

    Attributes:
        work: what is done; ratios are between contenders of the same work.
        who: who does it. The fastest whose name starts with "cortex" is what ratios refer to.
        prepare: returns a `Work`; called in the contender's process, so it is a function that
            can be imported. Raises `Unavailable` where something it needs is not there.
        arguments: of `prepare`.
        share: of the whole work that one run does; times are divided by it.
        note: for the table.
        wanted: what this project asked for.
        rounds: most rounds, for those that take long.
    """

    work: str
    who: str
    prepare: Callable[..., Work]
    arguments: tuple[Any, ...] = ()
    share: float = 1.0
    note: str = ""
    wanted: Wanted | None = None
    rounds: int = 1000


def surroundings() -> None:
    """Settings of the processes to come, and none of ours: threads that wait leave the cores."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Rivals may not lose accuracy to TF32 on a GPU; cortex asks for full precision by itself.
    os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, computed in a process of its own."""
    surroundings()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def compete(contenders: Sequence[Contender], rounds: int = 5, patience: float = 20.0) -> list[Row]:
    """Rows of all contenders, ratios and verdicts included.

    Args:
        contenders: in the order of the table. Several works may be mixed.
        rounds: most timed runs of each.
        patience: a contender that has run for so long [s] runs no more, once it has run twice.
    """
    surroundings()
    context = multiprocessing.get_context("spawn")
    rows, waiting = [], []
    for contender in contenders:
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, contender), daemon=True)
        process.start()
        there.close()
        waiting.append((process, here))
        rows.append(_row(contender, _answer(contender, here)))
    for turn in range(rounds):
        for contender, row, (_, pipe) in zip(contenders, rows, waiting, strict=True):
            tired = len(row["seconds"]) > 1 and sum(row["seconds"]) * contender.share > patience
            if "absent" in row or tired or turn >= contender.rounds:
                continue
            pipe.send(True)
            row["seconds"].append(_answer(contender, pipe) / contender.share)
    for contender, row, (process, pipe) in zip(contenders, rows, waiting, strict=True):
        if "absent" not in row:
            pipe.send(False)
            row["peak_megabytes"] = _answer(contender, pipe)
        process.join()
    return judged(rows, contenders)


def _row(contender: Contender, first: dict[str, Any]) -> Row:
    row: Row = {"work": contender.work, "who": contender.who, "seconds": []}
    first["note"] = "; ".join(filter(None, (contender.note, first.pop("note", ""))))
    return row | first


def _answer(contender: Contender, pipe: Any) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        raise SystemExit(f"{contender.work}, {contender.who}: its process died") from None


def _serve(pipe: Any, contender: Contender) -> None:
    """The life of a contender's process."""
    started = time.perf_counter()
    try:
        work = contender.prepare(*contender.arguments)
    except Unavailable as reason:
        pipe.send({"absent": str(reason)})
        return
    result = work.run()
    first = time.perf_counter() - started
    pipe.send({"first_seconds": first, **work.facts(result)})
    del result
    while pipe.recv():
        started = time.perf_counter()
        result = work.run()
        pipe.send(time.perf_counter() - started)
        del result
    pipe.send(peak_megabytes())


def peak_megabytes() -> float:
    """The most memory that this process, or its accelerator, has held [MB of 2^20 bytes]."""
    if "jax" in sys.modules:
        import jax

        held = jax.local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in held:
            return held["peak_bytes_in_use"] / 2**20
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated() / 2**20
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (2**20 if sys.platform == "darwin" else 2**10)


def judged(rows: list[Row], contenders: Sequence[Contender]) -> list[Row]:
    """The rows with medians, ratios to cortex and verdicts."""
    for row in rows:
        if row["seconds"]:
            row["median"], row["min"] = statistics.median(row["seconds"]), min(row["seconds"])
    for row, contender in zip(rows, contenders, strict=True):
        base = fastest(rows, row["work"])
        if base is not None and row["seconds"]:
            pairs = zip(row["seconds"], base["seconds"], strict=False)
            row["ratio"] = statistics.median(a / b for a, b in pairs)
        if contender.wanted is not None and "absent" not in row:
            row["wanted"] = verdict(row, contender.wanted)
    return rows


def fastest(rows: Sequence[Row], work: str) -> Row | None:
    """The fastest of our own rows of a work."""
    own = [r for r in rows if r["work"] == work and r["who"].startswith(CORTEX) and "median" in r]
    return min(own, key=lambda row: row["median"], default=None)


def verdict(row: Row, wanted: Wanted) -> dict[str, Any]:
    """What was wanted of a row, what was found, and whether that is enough."""
    if wanted.at_least is not None:
        found = row.get("ratio")
        met = found is not None and found >= wanted.at_least
        return {"what": f"≥ {wanted.at_least:g} ×", "found": found, "met": met}
    found = row.get(wanted.fact)
    met = found is not None and found <= wanted.at_most
    return {"what": f"{wanted.fact} ≤ {wanted.at_most:g}", "found": found, "met": met}


def limit_row(rows: list[Row], work: str, limit: dict[str, Any], wanted: Wanted | None) -> Row:
    """The row of the machine's own limit, of `limits.limit`; its ratio is below one.

    `wanted` holds on a GPU only.
    """
    base = fastest(rows, work)
    row: Row = {"work": work, "who": "limit of this machine", **limit, "seconds": []}
    if base is not None:
        row["ratio"] = limit["median"] / base["median"]
        row["times_the_limit"] = base["median"] / limit["median"]
        row["times_copying"] = base["median"] / limit["copy_seconds"]
        parts = {"products": "product_seconds", "unit by unit": "pointwise_seconds"}
        shares = {name: limit[part] / base["median"] for name, part in parts.items()}
        split = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
        row["note"] += (
            f"; cortex takes {row['times_the_limit']:.1f} × the limit, "
            f"{row['times_copying']:.1f} × the copying; of its time at least {split}"
        )
        if wanted is not None and limit["platform"] == "gpu":
            row["wanted"] = verdict(row, wanted)
    return row


# ---------------------------------------------------------------- machine, table, command line


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    found = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        # Above zero before anything has started, something else is using the machine.
        "load before": round(os.getloadavg()[0], 2),
    }
    for package in ("jax", "jaxlib", "diffrax", "equinox", "numpy", "scipy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found | alone(_device)


def _device() -> dict[str, Any]:
    import jax

    return {"device": jax.devices()[0].device_kind, "platform": jax.default_backend()}


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


HEADER = ("work", "who", "median", "min", "× cortex", "error", "peak MB", "note", "wanted")


def seconds(value: float | None) -> str:
    """A time with three digits, in the unit that suits it."""
    if value is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "| --- " * len(HEADER) + "|"]
    for row in rows:
        wanted = row.get("wanted")
        number = "-" if not wanted or wanted["found"] is None else f"{wanted['found']:.3g}"
        cells = (
            row["work"],
            row["who"],
            seconds(row.get("median")),
            seconds(row.get("min")),
            f"{row['ratio']:.3g}" if "ratio" in row else "",
            f"{row['error']:.1e}" if row.get("error") is not None else "",
            f"{row['peak_megabytes']:.0f}" if "peak_megabytes" in row else "",
            row.get("absent") or row.get("note", ""),
            f"{wanted['what']}: {number}, {'**pass**' if wanted['met'] else '**miss**'}"
            if wanted
            else "",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """The command line that all benchmarks have."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--out", type=Path, help="JSON file for the rows")
    return parser


def result(name: str, rows: Callable[[bool], list[Row]], quick: bool) -> dict[str, Any]:
    """The rows of a benchmark with all that is needed to read them later."""
    about = machine()
    started = time.perf_counter()
    found = rows(quick)
    if quick:  # goals are for whole sizes
        for row in found:
            row.pop("wanted", None)
    taken = time.perf_counter() - started
    return {"benchmark": name, "quick": quick, "machine": about, "took": taken, "rows": found}


def write(path: Path, found: dict[str, Any]) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def main(name: str, doc: str | None, rows: Callable[[bool], list[Row]]) -> None:
    """A benchmark's command: print the table, write the rows."""
    given = arguments(doc).parse_args()
    found = result(name, rows, given.quick)
    print(table(found["rows"]))
    if given.out is not None:
        write(given.out, found)
