"""Named scalars with what they are compared to, and whether the comparison holds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

MEASURED_HERE = "measured here, no reference"
# What a row that is judged stands for.
PUBLISHED_NUMBER, PUBLISHED_DIRECTION, OURS = "published number", "published direction", "our own"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One named scalar of an experiment: a row of a `Claim`.

    Attributes:
        name: name, with the condition in square brackets: ``"w_E[c=50]"``.
        value: value in `unit`; NaN where there is none (it then never holds).
        unit: unit; ``"1"`` for none.
        reference: number to compare with, in `unit`.
        relative, absolute: tolerance around the reference: as a share of it, or in `unit`.
        expected: direction or range in words: ``"> 0"``, ``"15 to 20"``.
        provenance: in words, where the reference or expectation comes from.
        holds: whether the comparison holds; ``None`` if there is nothing to compare with.
        headline: shown in the closing table even if the table is long.
        effect: what a row that is compared claims, in a few words for the table of `cortex
            validate` ("responses to two gratings add sublinearly"); its name if empty.
        note: what a reader should know, above all why a row does not hold.
        kind: what a row that is judged stands for: a published number, a published direction (or
            range), or a requirement of our own, such as a number that another program gives.
        interval: ends of the interval of an estimate, in `unit`.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    relative: float | None = None
    absolute: float | None = None
    expected: str | None = None
    provenance: str = MEASURED_HERE
    holds: bool | None = None
    headline: bool = False
    effect: str = ""
    note: str = ""
    kind: str = ""
    interval: tuple[float, float] | None = None

    @property
    def claims(self) -> bool:
        """Whether there is something to compare the value with."""
        return self.reference is not None or self.expected is not None

    @property
    def claim(self) -> str:
        """What the row claims, in words: the effect, or else the name."""
        return self.effect or self.name

    @property
    def verdict(self) -> str:
        """Whether it holds, in words, with what was expected."""
        if self.holds is None:
            return "nothing to compare with"
        return f"{'holds' if self.holds else 'does not hold'}: {self.goal}".rstrip(": ")

    @property
    def goal(self) -> str:
        """The reference with its tolerance, or the direction, as text; empty for neither."""
        if self.reference is None:
            return self.expected or ""
        if self.relative is not None:
            return f"{self.reference:g} ± {100 * self.relative:g} %"
        return f"{self.reference:g}" + (f" ± {self.absolute:g}" if self.absolute else "")


def to_json(measures: Iterable[Measure]) -> str:
    """A flat JSON list; a number that is not finite is written as ``null``."""
    rows: list[dict[str, Any]] = [
        {name: None if _is_no_number(found) else found for name, found in asdict(measure).items()}
        for measure in measures
    ]
    written = [row["name"] for row in rows]
    repeated = {name for name in written if written.count(name) > 1}
    if repeated:
        raise ValueError(f"measures named twice: {', '.join(sorted(repeated))}")
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def from_json(text: str) -> list[Measure]:
    """The measures written by `to_json`; raises ValueError for anything else."""
    known = {item.name for item in fields(Measure)}
    rows: Any = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of measures")
    measures = []
    for row in rows:
        if not {"name", "value", "unit"} <= set(row) <= known:
            raise ValueError("not a list of measures")
        value = math.nan if row["value"] is None else float(row["value"])
        ends = row.get("interval")
        interval = None if ends is None else (float(ends[0]), float(ends[1]))
        measures.append(Measure(**{**row, "value": value, "interval": interval}))
    return measures
