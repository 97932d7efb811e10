"""From a name or a file, and ``path=value`` settings, to checked settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cortex.errors import ConfigError
from cortex.experiment import registry
from cortex.experiment.complaints import complaint
from cortex.experiment.experiment import Experiment
from cortex.settings import Axis, ExperimentSettings, frozen, plain

_Model = TypeVar("_Model", bound=BaseModel)


def load_settings(
    experiment: str | Path | Experiment,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> tuple[Experiment, ExperimentSettings]:
    """An experiment and its checked settings.

    Args:
        experiment: name of a packaged experiment or preset, a Python file that holds an
            experiment, a TOML file of settings, or an `Experiment`.
        overrides: settings as "section.key=value", the value written as in TOML; what is no TOML
            value is taken as text. Later ones win.
        seed: replaces the seed, >= 0.
        values: settings by name, those of a section as a mapping; they win over the former.

    Raises:
        ConfigError: one line: which key or file, what was found, what is allowed.
    """
    given = experiment if isinstance(experiment, Experiment) else None
    if isinstance(experiment, Experiment):
        nested, origin = dict[str, Any](experiment=experiment.name), ""
    else:
        nested, origin = _read(experiment)
    nested = _complete(nested, given, origin)
    touched = [_override(nested, setting) for setting in overrides]
    for path, value in _leaves(values or {}):
        put(nested, path, value)
        touched.append(path)
    if seed is not None:
        nested["seed"] = seed
        touched.append("seed")
    found = given or _experiment(nested, origin, touched)
    return found, checked(nested, origin, touched, found)


def load_config(
    name_or_path: str | Path, overrides: Sequence[str] = (), seed: int | None = None
) -> ExperimentSettings:
    """The settings that `load_settings` finds."""
    return load_settings(name_or_path, overrides, seed)[1]


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def varied(config: ExperimentSettings, values: Mapping[str, Any]) -> ExperimentSettings:
    """The configuration with settings replaced by dotted path, checked.

    Raises:
        ConfigError: with one line: which key, what was found, what is allowed.
    """
    nested = plain(config)
    for path, value in values.items():
        put(nested, path, value)
    return checked(nested, "", tuple(values))


def config_from_file(path: Path) -> ExperimentSettings:
    """Read and check one TOML file, whatever it is called."""
    values = _complete(_parsed(path.read_bytes, str(path)), None, str(path))
    return checked(values, str(path), ())


def checked(
    values: dict[str, Any],
    origin: str = "",
    touched: Sequence[str] = (),
    experiment: Experiment | None = None,
) -> ExperimentSettings:
    """The settings that nested values describe; `ConfigError` if they do not.

    Args:
        values: sections as dictionaries.
        origin: the file that they are from.
        touched: the keys that were set by hand.
        experiment: whose settings they are; by default that of the key ``experiment``.
    """
    experiment = experiment or _experiment(values, origin, touched)
    return _validated(experiment.settings, values, origin, touched)


def read_settings(model: type[_Model], file: Path, overrides: Sequence[str], option: str) -> _Model:
    """Settings of another kind than an experiment's.

    Args:
        model: their class.
        file: a TOML file, which need not be there.
        overrides: settings as "key=value", which win.
        option: by which these are given on the command line.

    Raises:
        ConfigError: with one line: which key or file, what was found, what is allowed.
    """
    values = _parsed(file.read_bytes, str(file)) if file.exists() else {}
    touched = [_override(values, setting, option) for setting in overrides]
    return _validated(model, values, str(file), touched)


def _validated(
    model: type[_Model], values: Mapping[str, Any], origin: str, touched: Sequence[str]
) -> _Model:
    try:
        return model.model_validate(frozen(values))
    except ValidationError as error:
        path, line = complaint(model, error)
        at = _at(origin, path, touched)
        raise ConfigError(f"{at}: {line}" if at else line) from None


def _experiment(values: Mapping[str, Any], origin: str, touched: Sequence[str]) -> Experiment:
    """The experiment that nested values name."""
    name = values.get("experiment")
    if not isinstance(name, str):
        found = "missing" if name is None else f"found {name!r}"
        allowed = "the name of an experiment (`cortex list`)"
        raise ConfigError(f"{_at(origin, 'experiment', touched)}: {found}, allowed: {allowed}")
    if not registry.is_file(name) and name not in registry.names():
        line = registry.unknown(name)
        raise ConfigError(f"{_at(origin, 'experiment', touched)}: {line}")
    return registry.find(name)


def _at(origin: str, path: str, touched: Sequence[str]) -> str:
    """The key, after the file it stands in unless it was set on the command line."""
    by_hand = any(path == item or path.startswith((f"{item}.", f"{item}[")) for item in touched)
    return ": ".join(part for part in ("" if by_hand else origin, path) if part)


def _read(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    name = str(name_or_path)
    if registry.has_config(name):
        values = _parsed(registry.config_bytes(name), f"{name}.toml")
        return {"experiment": name} | values, ""
    if name in registry.names():
        return {"experiment": name}, ""
    path = Path(name_or_path)
    if registry.is_file(name):
        return {"experiment": str(path.resolve())}, ""
    if path.is_dir():
        inside = path / "config.toml"
        hint = f"; did you mean {inside}?" if inside.is_file() else ""
        raise ConfigError(
            f"{path}: is a folder, allowed: an experiment, a Python file or a TOML file{hint}"
        )
    looks_like_a_file = path.suffix or len(path.parts) > 1 or path.exists()
    if not looks_like_a_file:
        raise ConfigError(registry.unknown(name))
    return _parsed(path.read_bytes, name), name


def _complete(values: dict[str, Any], experiment: Experiment | None, origin: str) -> dict[str, Any]:
    """Nested values with defaults filled in, so that a part of an axis or a section can be set.

    The file of an experiment that a user's TOML file names is looked for beside that.
    """
    name = values.get("experiment")
    if experiment is None:
        if not isinstance(name, str):
            return values
        if registry.is_file(name) and origin:
            name = str((Path(origin).parent / name).resolve())
            values = values | {"experiment": name}
        if not registry.is_file(name) and name not in registry.names():
            return values
        experiment = registry.find(name)
    return _with_defaults(experiment.settings, values)


def _with_defaults(
    model: type[BaseModel], values: dict[str, Any], default: BaseModel | None = None
) -> dict[str, Any]:
    """Nested values with those of the axes, and what a section has by default where it stands.

    Args:
        model: the settings.
        values: as given, sections as dictionaries.
        default: a section as it is where it stands, which may differ from the defaults of its
            class: one that is given in part keeps the rest.
    """
    found = dict(values)
    for name, info in model.model_fields.items():
        usual = info.default if default is None else getattr(default, name)
        given = values.get(name, {})
        if isinstance(usual, Axis):
            own = {"values": given} if isinstance(given, list) else given
            if isinstance(own, dict):
                found[name] = plain(usual) | own
        elif isinstance(usual, BaseModel) and isinstance(given, dict):
            inside = _with_defaults(type(usual), given, usual)
            if inside:
                found[name] = inside
        elif name not in values and usual is not info.default:
            found[name] = usual
    return found


def _parsed(read: Any, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(read().decode("utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{origin}: cannot be read ({reason})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{origin}: not a TOML file (not text in UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: not valid TOML: {error}") from None


def _override(values: dict[str, Any], setting: str, option: str = "--set") -> str:
    """Put one ``path=value`` into the nested values; returns the path."""
    path, equals, text = setting.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise ConfigError(f"{option} {setting}: allowed: path=value, such as seed=1")
    if path == "experiment":
        raise ConfigError("experiment: cannot be changed by --set; name the experiment instead")
    put(values, path, toml_value(text.strip()))
    return path


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set one of the nested values by its dotted path; a list for an axis sets its values."""
    *sections, key = path.split(".")
    inner = values
    for depth, section in enumerate(sections):
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: unknown key, {'.'.join(sections[: depth + 1])} is a value")
    before = inner.get(key)
    if isinstance(value, list | tuple) and isinstance(before, dict) and "values" in before:
        before["values"] = list(value)
    else:
        inner[key] = value


def toml_value(text: str) -> Any:
    """A value written as in TOML; what is no TOML value is taken as text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text
