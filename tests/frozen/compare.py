"""What `cortex validate` gave before, against what it gives now: values that moved, verdicts that
changed, rows that are gone.

    python tests/frozen/compare.py results/validation/TIME/validation.json [--suggest | --freeze]

`validation.json` beside this file holds every row as it was frozen, and `renamed.json`, by
experiment, the rows that have another name since: old name to new name, or to "experiment: name"
where another experiment has the row now. Both are data of the repository; the program that writes
them is this one:

- ``--freeze`` puts the rows of the given file in place of the frozen ones of the same experiments,
  with nothing renamed;
- ``--suggest`` prints names for rows that are not found, by their values.

Exit code 1 if a verdict changed or a row is gone.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FROZEN, RENAMED = HERE / "validation.json", HERE / "renamed.json"
KEPT = ("experiment", "measure", "expected", "value", "unit", "holds")
# Single precision, and sums in another order. Nothing that anybody reads lies below.
ROUNDING = 1e-3

Row = dict[str, Any]


def by_experiment(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Rows by experiment and name."""
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if "measure" in row:
            found[row["experiment"]][row["measure"]] = row
    return found


def moved(before: float | None, now: float | None) -> bool:
    """Whether a value is another one by more than rounding."""
    if before is None or now is None:
        return before is not now
    return not math.isclose(before, now, rel_tol=ROUNDING, abs_tol=1e-4)


def compare(old: list[Row], new: list[Row], renamed: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What differs, for the experiments that are in `new`.

    Returns:
        ``gone`` and ``verdicts`` and ``values``: lines of text; ``same``: how many rows are as
        they were; ``added``: names of rows that were not there.
    """
    frozen, fresh = by_experiment(old), by_experiment(new)
    found: dict[str, Any] = {"gone": [], "verdicts": [], "values": [], "added": [], "same": 0}
    met = set()
    for experiment, rows in frozen.items():
        for name, before in rows.items():
            home, now_name = _place(experiment, renamed.get(experiment, {}).get(name, name))
            if home not in fresh:
                continue  # not validated this time
            now = fresh[home].get(now_name)
            if now is None:
                found["gone"].append(f"{experiment}: {name}")
                continue
            met.add((home, now_name))
            line = f"{experiment}: {name}: {before['value']} -> {now['value']}"
            if before["holds"] != now["holds"]:
                verdicts = f"{before['holds']} -> {now['holds']}"
                found["verdicts"].append(f"{line}, {verdicts} ({now['expected']})")
            elif moved(before["value"], now["value"]):
                found["values"].append(line)
            else:
                found["same"] += 1
    found["added"] = [
        f"{experiment}: {name}"
        for experiment, rows in fresh.items()
        for name in rows
        if (experiment, name) not in met
    ]
    return found


def _place(experiment: str, name: str) -> tuple[str, str]:
    """The experiment that a row is in, and its name there."""
    home, colon, rest = name.partition(": ")
    return (home, rest) if colon else (experiment, name)


def suggest(old: list[Row], new: list[Row]) -> dict[str, dict[str, str]]:
    """New names of rows that are not found under their old ones, by value, unit and verdict."""
    frozen, fresh = by_experiment(old), by_experiment(new)
    names: dict[str, dict[str, str]] = {}
    for experiment, rows in fresh.items():
        left = [row for name, row in rows.items() if name not in frozen.get(experiment, {})]
        found = {}
        for name, before in frozen.get(experiment, {}).items():
            if name in rows:
                continue
            alike = [
                row
                for row in left
                if not moved(before["value"], row["value"]) and before["holds"] == row["holds"]
            ]
            # Of several with one value the first: rows stand in the order of the old ones.
            match = next((r for r in alike if r["unit"] == before["unit"]), None)
            if match is not None:
                found[name] = match["measure"]
                left.remove(match)
            else:
                found[name] = "?"
        names[experiment] = found
    return names


def freeze(old: list[Row], new: list[Row]) -> list[Row]:
    """The frozen rows, those of the experiments in `new` replaced."""
    fresh = by_experiment(new)
    kept = [row for row in old if row["experiment"] not in fresh]
    kept += [{key: row[key] for key in KEPT} for rows in fresh.values() for row in rows.values()]
    return sorted(kept, key=lambda row: row["experiment"])


def read(path: Path, default: Any) -> Any:
    """A JSON file, or the default where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def main(path: str, option: str = "") -> int:
    """Compare, and say what differs."""
    old, new, renamed = read(FROZEN, []), read(Path(path), []), read(RENAMED, {})
    if option == "--suggest":
        print(json.dumps(suggest(old, new), indent=2, ensure_ascii=False))
        return 0
    if option == "--freeze":
        rows = [json.dumps(row, ensure_ascii=False) for row in freeze(old, new)]
        FROZEN.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
        left = {name: names for name, names in renamed.items() if name not in by_experiment(new)}
        RENAMED.write_text(json.dumps(left, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0
    found = compare(old, new, renamed)
    for what in ("gone", "verdicts", "values", "added"):
        print(f"{what}: {len(found[what])}")
        for line in found[what]:
            print(f"  {line}")
    print(f"the same: {found['same']}")
    return 1 if found["gone"] or found["verdicts"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
