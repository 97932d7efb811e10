"""One clear line out of a failed validation: which key, what was found, what is allowed."""

from __future__ import annotations

import difflib
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
_PLURAL = {float: "numbers", int: "whole numbers", bool: "true or false", str: "texts"}


class Place(NamedTuple):
    """A key of a configuration model: its type, its bounds, its unit."""

    annotation: Any
    metadata: Sequence[Any]
    unit: str


def complaint(model: type[BaseModel], error: ValidationError) -> tuple[str, str]:
    """The first thing wrong, as (dotted path of the key, the rest of the line)."""
    first = error.errors(include_url=False)[0]
    steps = tuple(first["loc"])
    if first["type"] == "extra_forbidden":
        section = _resolve(model, steps[:-1])
        allowed = list(_fields(section.annotation))
        return _path(model, steps), unknown(str(steps[-1]), allowed)
    place = _resolve(model, steps)
    path = _path(model, steps)
    if first["type"] in ("value_error", "assertion_error"):
        reason = str(first.get("ctx", {}).get("error", first["msg"]))
        # A check across the keys of a section may name the one it finds wrong: "key: reason".
        key, colon, rest = reason.partition(": ")
        if colon and key in {name for m in _members(place.annotation) for name in _fields(m)}:
            return f"{path}.{key}".lstrip("."), rest
        return path, reason
    if first["type"] == "missing":
        return path, f"missing, allowed: {_allowed(place)}"
    return path, f"found {_shown(first['input'])}, allowed: {_allowed(place)}"


def unknown(name: str, allowed: Sequence[str]) -> str:
    """``unknown key 'taue' (did you mean 'tau_E'?), allowed: ...``."""
    return f"unknown key '{name}'{close_to(name, allowed)}, allowed: {', '.join(allowed) or 'none'}"


def close_to(name: str, allowed: Sequence[str]) -> str:
    """``(did you mean 'tau_E'?)``, or nothing."""
    folded = {item.casefold(): item for item in allowed}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1)
    return f" (did you mean '{folded[close[0]]}'?)" if close else ""


def _resolve(model: type[BaseModel], steps: Sequence[Any]) -> Place:
    place = Place(model, (), "")
    for step in steps:
        place = _inside(place, step) or place
    return place


def _inside(place: Place, step: Any) -> Place | None:
    """The place one step further in; ``None`` for the tag that a union adds to the location."""
    for annotation in _members(place.annotation):
        fields = _fields(annotation)
        if step in fields:
            return _of_field(fields[step])
        if isinstance(step, int) and get_origin(annotation) is tuple:
            items = get_args(annotation)
            item = items[0] if items[-1] is Ellipsis else items[min(step, len(items) - 1)]
            return _of_item(item, place.unit)
    if isinstance(step, str):
        tagged = [m for m in _members(place.annotation) if _has_tag(m, step)]
        if tagged:
            return Place(tagged[0], (), place.unit)
    return None


def _has_tag(annotation: Any, tag: str) -> bool:
    literals = [f.annotation for f in _fields(annotation).values()]
    return any(tag in get_args(item) for item in literals if get_origin(item) is Literal)


def _path(model: type[BaseModel], steps: Sequence[Any]) -> str:
    path = ""
    place = Place(model, (), "")
    for number, step in enumerate(steps):
        inner = _inside(place, step)
        tag = inner is not None and isinstance(step, str) and not _is_key(place, step)
        place = inner or place
        last = number == len(steps) - 1
        if tag or (inner is None and not last):
            continue
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.lstrip(".")


def _is_key(place: Place, step: str) -> bool:
    return any(step in _fields(annotation) for annotation in _members(place.annotation))


def _fields(annotation: Any) -> dict[str, FieldInfo]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.model_fields
    return {}


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [m for a in get_args(annotation) if a is not type(None) for m in _members(a)]
    return [annotation]


def _of_field(info: FieldInfo) -> Place:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Place(info.annotation, info.metadata, str(extra.get("unit", "")))


def _of_item(annotation: Any, unit: str) -> Place:
    if get_origin(annotation) is not Annotated:
        return Place(annotation, (), unit)
    base, *extras = get_args(annotation)
    metadata: list[Any] = []
    for extra in extras:
        metadata += extra.metadata if isinstance(extra, FieldInfo) else [extra]
    return Place(base, metadata, unit)


def _allowed(place: Place) -> str:
    kinds = [_kind(annotation, place) for annotation in _members(place.annotation)]
    unit = f" [{place.unit}]" if place.unit not in ("", "1") else ""
    return " or ".join(kinds) + unit


def _kind(annotation: Any, place: Place) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(_shown(value) for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return _list_of(annotation, place)
    if fields := _fields(annotation):
        return f"a section with the keys {', '.join(fields)}"
    word = _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
    return " and ".join([word + _bounds(place.metadata), *_lengths(place.metadata)])


def _list_of(annotation: Any, place: Place) -> str:
    items = get_args(annotation)
    item = _of_item(items[0], "")
    name = _PLURAL.get(item.annotation, "values")
    if len(set(items) - {Ellipsis}) > 1:
        return f"a list of {len(items)} values"
    count = "" if items[-1] is Ellipsis else f"{len(items)} "
    words = f"a list of {count}{name}{_bounds(item.metadata)}"
    return ", ".join([words, *_lengths(place.metadata)])


def _bounds(metadata: Sequence[Any]) -> str:
    signs = {
        annotated_types.Gt: ("gt", ">"),
        annotated_types.Ge: ("ge", ">="),
        annotated_types.Lt: ("lt", "<"),
        annotated_types.Le: ("le", "<="),
    }
    found = [
        f"{sign} {getattr(item, name):g}"
        for item in metadata
        for kind, (name, sign) in signs.items()
        if isinstance(item, kind)
    ]
    found += [
        f"a multiple of {item.multiple_of:g}"
        for item in metadata
        if isinstance(item, annotated_types.MultipleOf)
    ]
    return (" " + " and ".join(found)) if found else ""


def _lengths(metadata: Sequence[Any]) -> list[str]:
    words = []
    for item in metadata:
        if isinstance(item, annotated_types.MinLen):
            words.append(f"at least {item.min_length} long")
        if isinstance(item, annotated_types.MaxLen):
            words.append(f"at most {item.max_length} long")
    return words


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    if isinstance(value, dict):
        return "a section" if value else "an empty section"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
