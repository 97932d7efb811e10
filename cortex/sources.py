"""Where numbers and claims come from: papers with their BibTeX, and what is ours.

Whether a number is published, transcribed by others, computed by us or chosen by us is part of the
number. The papers stand in ``references.bib`` beside this module.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

_ENTRY = re.compile(r"^@\w+\{(?P<key>[\w-]+),.*?^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """Where a number or a claim comes from.

    Attributes:
        key: key of the paper in ``references.bib``; empty for what no paper says.
        detail: where in the paper and by whom it was read ("Fig. 1, as transcribed by three
            others"), or, without a paper, the whole of what a reader should know.

    Raises:
        KeyError: there is no such paper.

    Examples:
        >>> str(Source("rubin2015", "Fig. 1, as transcribed by three others"))
        'Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as transcribed by three others'
    """

    key: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.key and self.key not in references():
            raise KeyError(f"source: found '{self.key}', allowed: a key of references.bib")

    def __str__(self) -> str:
        name = citation(self.key) if self.key else ""
        return ", ".join(part for part in (name, self.detail) if part)

    @property
    def bibtex(self) -> str:
        """The entry of the paper; empty if there is none."""
        return bibtex_of(self.key) if self.key else ""


@functools.cache
def references() -> dict[str, str]:
    """Every BibTeX entry by its key."""
    text = resources.files("cortex").joinpath("references.bib").read_text(encoding="utf-8")
    return {entry["key"]: entry.group() for entry in _ENTRY.finditer(text)}


def bibtex_of(key: str) -> str:
    """The BibTeX entry of a paper."""
    return references()[key]


@functools.cache
def citation(key: str) -> str:
    """A paper in a few words: authors, year, journal, volume and page."""
    fields = dict(_FIELD.findall(references()[key]))
    names = [author.partition(",")[0].strip() for author in fields["author"].split(" and ")]
    first = ", ".join(names[:-1])
    authors = (
        f"{names[0]} et al." if len(names) > 3 else f"{first} & {names[-1]}" if first else names[0]
    )
    place = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or ""
    number = ":".join(
        part for part in (fields.get("volume"), fields.get("pages", "").partition("--")[0]) if part
    )
    return ", ".join(
        part for part in (f"{authors} {fields['year']}", f"{place} {number}".strip()) if part
    )


CHOSEN = Source(detail="chosen here")
COMPUTED = Source(
    detail="computed by us from the stated parameters with an independent NumPy program; "
    "not reported by the paper"
)
REQUIRED = Source(detail="required here")
