"""One page of HTML that holds all of a results folder, to be sent or kept: no other file."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from cortex.errors import UserError
from cortex.experiment import history, registry, results
from cortex.experiment.measures import Measure

FILE = "report.html"


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a run, a sweep or a validation.

    Args:
        folder: its results folder.
        out: the file; by default ``report.html`` in the folder.

    Returns:
        The file.

    Raises:
        UserError: the folder is none of these, or is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such results folder")
    if (folder / "validation.json").is_file():
        page = _of_validation(folder)
    elif (folder / "sweep.json").is_file():
        page = _of_sweep(folder)
    else:
        run = history.read(folder)
        when = run.started[:16].replace("T", " ")
        page = {"title": f"{run.experiment}, {when} UTC", "parts": [_of_run(folder)]}
    out = out or folder / FILE
    results.write_whole(out, _rendered(page))
    return out


def _rendered(page: Mapping[str, Any]) -> str:
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = resources.files("cortex.experiment").joinpath("report.jinja").read_text("utf-8")
    return environment.from_string(source).render(page) + "\n"


def _of_run(folder: Path) -> dict[str, Any]:
    run = history.read(folder)
    origin = results.parsed(folder / "provenance.json", json.loads)
    held, claims = run.held
    rows = _worst_first(run.measures)
    sources = list(dict.fromkeys(row.provenance for row in rows))
    return {
        "name": run.experiment,
        "summary": f"{held} of {claims} claims hold" if claims else "",
        "figure": _picture(folder / "figure.png"),
        "caption": re.split(r"\*\*(\w)\*\*", registry.caption(run.experiment)),
        "changed": run.changed,
        "rows": [(row, sources.index(row.provenance) + 1) for row in rows],
        "sources": sources,
        "settings": results.parsed(folder / "config.toml", str),
        "again": shlex.join(["cortex", "run", run.experiment, *_as_options(run.changed)]),
        "origin": json.dumps(origin, indent=2, ensure_ascii=False),
    }


def _of_sweep(folder: Path) -> dict[str, Any]:
    if not (folder / "provenance.json").is_file():
        raise UserError(f"{folder}: this sweep is not finished; the same command goes on with it")
    plan = results.parsed(folder / "sweep.json", json.loads)
    origin = results.parsed(folder / "provenance.json", json.loads)
    from cortex.experiment.sweeps.evaluate import STATUS

    data = results.read_data(folder / "result.zarr")
    count = Counter(STATUS[int(number)] for number in data["status"].values.ravel())
    part = {
        "name": folder.name,
        "summary": ", ".join(f"{n} {name}" for name, n in count.items()),
        "figure": _picture(folder / "figure.png"),
        "caption": [],
        "changed": {},
        "rows": [],
        "sources": [],
        "settings": results.parsed(folder / "config.toml", str),
        "again": shlex.join(origin.get("command", [])),
        "origin": json.dumps({"sweep": plan, **origin}, indent=2, ensure_ascii=False),
    }
    return {"title": folder.name, "parts": [part]}


def _of_validation(folder: Path) -> dict[str, Any]:
    rows = results.parsed(folder / "validation.json", json.loads)
    failed = {row["experiment"]: row["failure"] for row in rows if "failure" in row}
    names = [n for n in dict.fromkeys(row["experiment"] for row in rows) if n not in failed]
    parts = [_of_run(folder / name) for name in names]
    parts.sort(key=lambda part: all(row.holds is not False for row, _ in part["rows"]))
    claimed = [row["holds"] for row in rows if row.get("holds") is not None]
    gone = "".join(f"; {name} did not run: {why}" for name, why in failed.items())
    title = f"Validation: {sum(claimed)} of {len(claimed)} claims hold{gone}"
    return {"title": title, "parts": parts}


def _worst_first(measures: tuple[Measure, ...]) -> list[Measure]:
    claims = [m for m in measures if m.claims]
    return sorted(claims, key=lambda m: m.holds is not False)


def _as_options(changed: Mapping[str, Any]) -> list[str]:
    options = []
    for path, value in changed.items():
        options += ["--set", f"{path}={value if isinstance(value, str) else json.dumps(value)}"]
    return options


def _picture(path: Path) -> str:
    """As an address that holds the picture; empty where there is none."""
    if not path.is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
