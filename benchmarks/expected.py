"""What a GPU that has not been measured should need: from counted operations, bytes and kernels.

    python benchmarks/expected.py FOLDER [--bandwidth 4.8] [--rate 67] [--launch 3]

FOLDER holds what `all.py` and `profiles.py --out FOLDER/profiles.json` left: the operations and
bytes of the limits, counted by hand, and the operations that a run started, each taken for a
kernel. What is computed takes as long as its bytes or its products, whichever is longer; starting
the kernels comes on top. Bandwidth [TB/s], rate of products in float32 [TFLOP/s] and the time to
start a kernel [us] are those that the maker of the GPU states, or a guess.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness import seconds

STARTED = {
    ("sheet", "steady state"): "sheet, steady state",
    ("sheet", "300 ms"): "sheet, 300 ms",
    ("rings", "steady state"): "rings",
}


def expected(
    operations: float, moved: float, kernels: float, *, bandwidth: float, rate: float, launch: float
) -> tuple[float, str]:
    """Seconds, and what they are spent on."""
    parts = {
        "products": operations / rate,
        "memory": moved / bandwidth,
        "starting kernels": kernels * launch,
    }
    total = max(parts["products"], parts["memory"]) + parts["starting kernels"]
    return total, max(parts, key=lambda name: parts[name])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bandwidth", type=float, default=4.8, help="TB/s")
    parser.add_argument("--rate", type=float, default=67.0, help="TFLOP/s, float32")
    parser.add_argument("--launch", type=float, default=3.0, help="us to start a kernel")
    given = parser.parse_args()
    gpu = {
        "bandwidth": given.bandwidth * 1e12,
        "rate": given.rate * 1e12,
        "launch": given.launch * 1e-6,
    }
    profiles = json.loads((given.folder / "profiles.json").read_text())["rows"]
    started = {row["work"]: row["started"] for row in profiles}
    print("| work | here | operations | bytes | kernels | expected | most of it |")
    print("| --- " * 7 + "|")
    for (benchmark, work), profile in STARTED.items():
        rows = json.loads((given.folder / f"{benchmark}.json").read_text())["rows"]
        of_work = [row for row in rows if row["work"] == work]
        limit = next(row for row in of_work if row["who"] == "limit of this machine")
        here = limit["median"] * limit["times_the_limit"]
        counts = limit["operations"], limit["bytes"], started[profile]
        total, most = expected(*counts, **gpu)
        print(
            f"| {benchmark}, {work} | {seconds(here)} | {counts[0]:.3g} | {counts[1]:.3g} "
            f"| {counts[2]} | {seconds(total)} | {most} |"
        )


if __name__ == "__main__":
    main()
