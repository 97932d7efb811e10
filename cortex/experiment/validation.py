"""Every experiment as it is shipped, and one table of what was claimed and what came out."""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cortex.experiment import provenance, results
from cortex.experiment.experiment import Experiment
from cortex.experiment.loading import load_settings
from cortex.experiment.measures import OURS, PUBLISHED_DIRECTION, PUBLISHED_NUMBER, Measure
from cortex.experiment.runner import run_experiment
from cortex.settings import ExperimentSettings

_KINDS = {
    PUBLISHED_NUMBER: "published numbers met",
    PUBLISHED_DIRECTION: "published directions found",
    OURS: "requirements of our own met",
}


@dataclass(frozen=True)
class Validated:
    """What became of one experiment.

    Attributes:
        experiment: its name.
        measures: the rows that claim something: those with a reference, a direction or a range.
        seconds: time it took [s].
        failure: why there are no measures, in one line; empty if it ran.
    """

    experiment: str
    measures: tuple[Measure, ...]
    seconds: float
    failure: str = ""

    @property
    def holding(self) -> int:
        """How many rows hold."""
        return sum(m.holds is True for m in self.measures)


def validate(names: Sequence[str], out: Path | None = None) -> tuple[list[Validated], Path]:
    """Run experiments with their shipped settings and tabulate what they claim.

    An experiment that fails is a line in the table and does not stop the others. The table is
    written anew after each one, so that what is done is not lost.

    Args:
        names: experiments, or Python files that hold one, in this order.
        out: folder to write, new or empty; default ``results/validation/<UTC time>``. It gets a
            results folder for each experiment, ``validation.json`` and ``validation.md``.

    Returns:
        The outcomes, and the folder.

    Raises:
        UserError: the folder is taken or cannot be written to, or there is no such experiment.
    """
    chosen = [load_settings(name) for name in names]
    out = results.choose_target(out, "validation")
    out.mkdir(parents=True, exist_ok=True)
    done: list[Validated] = []
    for experiment, settings in chosen:
        done.append(_one(experiment, settings, out / experiment.name))
        (out / "validation.json").write_text(to_json(done), encoding="utf-8")
        (out / "validation.md").write_text(to_markdown(done), encoding="utf-8")
    return done, out


def _one(experiment: Experiment, settings: ExperimentSettings, folder: Path) -> Validated:
    import jax

    clock = time.perf_counter()
    try:
        found = run_experiment(settings, folder, experiment=experiment)
        claims, failure = tuple(m for m in found.measures if m.claims), ""
    except Exception as error:
        claims, failure = (), " ".join(f"{type(error).__name__}: {error}".split())
    # Compiled programs of one experiment are of no use to the next, and large.
    jax.clear_caches()
    gc.collect()
    return Validated(experiment.name, claims, time.perf_counter() - clock, failure)


def to_json(done: Iterable[Validated]) -> str:
    """A flat JSON list, one row a claim, with the experiment's name."""
    rows: list[dict[str, Any]] = []
    for one in done:
        if one.failure:
            rows.append({"experiment": one.experiment, "failure": one.failure})
        for m in one.measures:
            value = m.value if math.isfinite(m.value) else None
            rows.append(
                {
                    "experiment": one.experiment,
                    "measure": m.name,
                    "effect": m.claim,
                    "source": m.provenance,
                    "kind": m.kind,
                    "expected": m.goal,
                    "value": value,
                    "unit": m.unit,
                    "holds": m.holds,
                    "note": m.note,
                }
            )
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(done: Sequence[Validated]) -> str:
    """The table, with a note under it for each row that has something to explain."""
    lines = [f"{summary(done)} {_circumstances(done)}", ""]
    lines += [_row("effect", "source", "expected", "here", "holds"), _row(*["---"] * 5)]
    notes: list[str] = []
    for one in done:
        lines.append(_row(f"**{one.experiment}** ({one.seconds:.0f} s)", "", "", "", ""))
        if one.failure:
            lines.append(_row(f"did not run: {one.failure}", "", "", "", "no"))
        for m in one.measures:
            mark = ""
            if m.note:
                notes.append(f"{len(notes) + 1}. `{one.experiment}`, `{m.name}`: {m.note}")
                mark = f" <sup>{len(notes)}</sup>"
            verdict = ("yes" if m.holds else "**no**") + mark
            effect = m.claim if m.claim == m.name else f"{m.claim} (`{m.name}`)"
            lines.append(_row(effect, m.provenance, m.goal, _amount(m), verdict))
    if notes:
        lines += ["", "Notes", "", *notes]
    return "\n".join(lines) + "\n"


def summary(done: Sequence[Validated]) -> str:
    """How many rows hold, of which kind, and what did not run, in a sentence or three."""
    rows = [m for one in done for m in one.measures]
    text = f"{_share(rows)} rows hold"
    kinds = [(words, [m for m in rows if m.kind == kind]) for kind, words in _KINDS.items()]
    counts = [f"{_share(of_kind)} {words}" for words, of_kind in kinds if of_kind]
    text += f": {', '.join(counts)}." if counts else "."
    failed = [one.experiment for one in done if one.failure]
    return f"{text} Did not run: {', '.join(failed)}." if failed else text


def _share(rows: Sequence[Measure]) -> str:
    return f"{sum(m.holds is True for m in rows)} of {len(rows)}"


def _circumstances(done: Sequence[Validated]) -> str:
    minutes = sum(one.seconds for one in done) / 60
    versions = provenance.versions()
    device = provenance.device()
    return (
        f"{len(done)} experiments, {minutes:.1f} min, {datetime.now(UTC):%Y-%m-%d}, "
        f"cortex {versions['cortex']}, jax {versions['jax']}, "
        f"{device['platform']}."
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _amount(measure: Measure) -> str:
    if not math.isfinite(measure.value):
        return "none"
    unit = "" if measure.unit == "1" else f" {measure.unit}"
    return f"{measure.value:.4g}{unit}"
