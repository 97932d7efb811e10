"""Settings as a TOML file that a reader understands: units, meanings and sources as comments."""

from __future__ import annotations

from collections.abc import Iterator

import tomli_w

from cortex.settings import Row, Settings, settings

_COLUMN = 34  # where comments begin, unless the setting is longer


def as_toml(resolved: Settings) -> str:
    """Every setting with a comment; `cortex run FILE` takes it."""
    return "\n".join(_lines(resolved)) + "\n"


def _lines(resolved: Settings) -> Iterator[str]:
    section = ""
    # A section's own numbers come before the sections inside it, as TOML wants them.
    rows = sorted(settings(resolved), key=lambda row: (*_order(resolved, row),))
    for row in rows:
        inside, _, name = row.path.rpartition(".")
        if inside != section:
            section = inside
            yield f"\n[{section}]"
        if row.value is None:
            yield f"# {name}: not set {_comment(row)}"
            continue
        written = f"{name} = {_value(row.value)}"
        yield f"{written:<{_COLUMN}} {_comment(row)}".rstrip()


def _order(resolved: Settings, row: Row) -> tuple[int, ...]:
    """Place of a setting: numbers of a section first, then its sections in their order."""
    places, model = [], type(resolved)
    *sections, name = row.path.split(".")
    for section in sections:
        fields = list(model.model_fields)
        places.append(1 + fields.index(section))
        model = type(model.model_fields[section].default)
    return (*places, 0, list(model.model_fields).index(name))


def _value(value: object) -> str:
    """As in TOML, on one line."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return tomli_w.dumps({"x": value}).partition(" = ")[2].strip()


def _comment(row: Row) -> str:
    unit = "" if row.unit in ("", "1") else f"[{row.unit}] "
    source = f"; {row.source}" if row.source else ""
    return f"# {unit}{row.description}{source}" if row.description or row.source else ""
