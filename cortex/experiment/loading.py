"""From a name or a file, and ``path=value`` settings, to a checked configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cortex.errors import UserError
from cortex.experiment import registry
from cortex.experiment.complaints import complaint, unknown
from cortex.experiment.config import ExperimentConfig, frozen, plain


class ConfigError(UserError):
    """A configuration that cannot be used; the message is one line naming the key or file."""


def load_config(
    name_or_path: str | Path, overrides: Sequence[str] = (), seed: int | None = None
) -> ExperimentConfig:
    """Read, override and check a configuration.

    Parameters
    ----------
    name_or_path
        Name of an experiment or of a preset (their packaged configurations), or a TOML file.
    overrides
        Settings as ``"section.key=value"``, the value written as in TOML; what is no TOML value
        is taken as text. Later ones win.
    seed
        Replaces the seed, >= 0.

    Raises
    ------
    ConfigError
        With one line: which key or file, what was found, what is allowed.
    """
    values, origin = _read(name_or_path)
    touched = [_override(values, setting) for setting in overrides]
    if seed is not None:
        values["seed"] = seed
        touched.append("seed")
    return checked(values, origin, touched)


def varied(config: ExperimentConfig, values: Mapping[str, Any]) -> ExperimentConfig:
    """The configuration with settings replaced by dotted path, checked.

    Raises
    ------
    ConfigError
        With one line: which key, what was found, what is allowed.
    """
    nested = plain(config)
    for path, value in values.items():
        _put(nested, path, value)
    return checked(nested, "", tuple(values))


def config_from_file(path: Path) -> ExperimentConfig:
    """Read and check one TOML file, whatever it is called."""
    return checked(_parsed(path.read_bytes, str(path)), str(path), ())


def checked(
    values: dict[str, Any], origin: str = "", touched: Sequence[str] = ()
) -> ExperimentConfig:
    """The configuration that nested values describe; `ConfigError` if they do not.

    `origin` is the file that they are from, `touched` the keys that were set by hand.
    """
    name = values.get("experiment")
    if not isinstance(name, str):
        found = "missing" if name is None else f"found {name!r}"
        allowed = ", ".join(registry.names())
        raise ConfigError(f"{_at(origin, 'experiment', touched)}: {found}, allowed: {allowed}")
    if name not in registry.names():
        line = unknown(name, registry.names(), "experiment")
        raise ConfigError(f"{_at(origin, 'experiment', touched)}: {line}")
    model = registry.find(name).config
    try:
        return model.model_validate(frozen(values))
    except ValidationError as error:
        path, line = complaint(model, error)
        at = _at(origin, path, touched)
        raise ConfigError(f"{at}: {line}" if at else line) from None


def _at(origin: str, path: str, touched: Sequence[str]) -> str:
    """The key, after the file it stands in unless it was set on the command line."""
    by_hand = any(path == item or path.startswith((f"{item}.", f"{item}[")) for item in touched)
    return ": ".join(part for part in ("" if by_hand else origin, path) if part)


def _read(name_or_path: str | Path) -> tuple[dict[str, Any], str]:
    name = str(name_or_path)
    if name in registry.packaged():
        return _parsed(registry.config_bytes(name), f"{name}.toml"), ""
    path = Path(name_or_path)
    if path.is_dir():
        inside = path / "config.toml"
        hint = f"; did you mean {inside}?" if inside.is_file() else ""
        raise ConfigError(f"{path}: is a folder, allowed: an experiment or a TOML file{hint}")
    looks_like_a_file = path.suffix or len(path.parts) > 1 or path.exists()
    if not looks_like_a_file:
        raise ConfigError(unknown(name, registry.packaged(), "experiment"))
    return _parsed(path.read_bytes, name), name


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


def _override(values: dict[str, Any], setting: str) -> str:
    """Put one ``path=value`` into the nested values; returns the path."""
    path, equals, text = setting.partition("=")
    path = path.strip()
    if not equals or not all(path.split(".")):
        raise ConfigError(f"--set {setting}: allowed: path=value, such as seed=1")
    if path == "experiment":
        raise ConfigError("experiment: cannot be changed by --set; name the experiment instead")
    _put(values, path, toml_value(text.strip()))
    return path


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set one of the nested values by its dotted path."""
    *sections, key = path.split(".")
    inner = values
    for depth, section in enumerate(sections):
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: unknown key, {'.'.join(sections[: depth + 1])} is a value")
    inner[key] = value


def toml_value(text: str) -> Any:
    """A value written as in TOML; what is no TOML value is taken as text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text
