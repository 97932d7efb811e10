"""All benchmarks, one after the other: tables ready to paste into README.md, and JSON.

    python benchmarks/all.py --out FOLDER [--quick] [--only NAME ...]

Writes FOLDER/NAME.json for each, FOLDER/tables.md and FOLDER/scaling.png. The networks of the
study are a benchmark of their own, `networks.py`.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import harness

NAMES = ("sheet", "large_sheet", "rings", "sparse", "gradient", "network", "sweep", "scaling")


def section(found: dict[str, Any]) -> str:
    """A benchmark as Markdown."""
    table = curves if found["benchmark"] == "scaling" else harness.table
    return f"### `{found['benchmark']}`\n\n{table(found['rows'])}\n"


def curves(rows: list[dict[str, Any]]) -> str:
    """A line for each axis and contender."""
    lines = ["| axis | who | size: time of a step |", "| --- " * 3 + "|"]
    for axis, who in dict.fromkeys((row["axis"], row["who"]) for row in rows):
        of = [row for row in rows if (row["axis"], row["who"]) == (axis, who)]
        times = (f"{row['size']}: {harness.seconds(row['median'])}" for row in of)
        lines.append(f"| {axis} | {who} | {', '.join(times)} |")
    return "\n".join(lines)


def machine(found: dict[str, Any]) -> str:
    """What it was measured on, in a line."""
    about = found["machine"]
    versions = [f"{name} {about[name]}" for name in ("jax", "diffrax", "numpy", "scipy", "torch")]
    return (
        f"{about['processor']}, {about['cores']} cores, device {about['device']}; "
        f"{about['date']}; {', '.join(versions)}; load before {about['load before']}."
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    parts: list[str] = []
    for name in given.only:
        module = importlib.import_module(name)
        found = harness.result(name, module.rows, given.quick)
        harness.write(given.out / f"{name}.json", found)
        parts = [*(parts or [machine(found)]), section(found)]
        print(f"{parts[-1]}\n({found['took']:.0f} s)\n", flush=True)
        (given.out / "tables.md").write_text("\n".join(parts))
        if name == "scaling":
            module.draw(found["rows"], given.out / "scaling.png")
    print(machine(found))


if __name__ == "__main__":
    main()
