"""The experiments there are: every module of `cortex.sims`, and any Python file of a user's.

An experiment is a module with an object `experiment`, packaged or not. A TOML file in
`cortex.configs` holds settings that differ from the defaults: those of the experiment of the same
name, or, as a *preset*, other settings of an experiment under a name of their own. Nothing heavy is
imported until an experiment is asked for.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import sys
import threading
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

from cortex.errors import UserError
from cortex.experiment.complaints import close_to
from cortex.experiment.experiment import Experiment


@dataclass(frozen=True)
class Preset:
    """Packaged settings of an experiment under a name of their own."""

    name: str
    experiment: str

    @property
    def summary(self) -> str:
        """What the first line of its file, a comment, says."""
        first = config_bytes(self.name)().decode().partition("\n")[0]
        return f"preset: {first.lstrip('# ').rstrip()}"


@functools.cache
def names() -> tuple[str, ...]:
    """Names of all packaged experiments, sorted."""
    files = (item.name for item in resources.files("cortex.sims").iterdir())
    return tuple(sorted(n[:-3] for n in files if n.endswith(".py") and not n.startswith("_")))


@functools.cache
def _files() -> dict[str, str]:
    """The experiment that each packaged TOML file is of, by the file's name without `.toml`."""
    found = {}
    for item in resources.files("cortex.configs").iterdir():
        name, dot, _ = item.name.rpartition(".toml")
        if dot:
            try:
                values = tomllib.loads(item.read_text(encoding="utf-8"))
            except tomllib.TOMLDecodeError:  # whoever loads it is told
                values = {}
            found[name] = str(values.get("experiment", name))
    return dict(sorted(found.items()))


def presets(experiment: str | None = None) -> tuple[Preset, ...]:
    """All presets, or those of an experiment, sorted by name."""
    found = (Preset(*row) for row in _files().items() if row[0] != row[1])
    return tuple(preset for preset in found if experiment in (None, preset.experiment))


def packaged() -> tuple[str, ...]:
    """Names of all packaged experiments and presets, sorted."""
    return tuple(sorted({*names(), *_files()}))


def unknown(name: str) -> str:
    """What to say of a name that no experiment has."""
    return f"unknown experiment '{name}'{close_to(name, packaged())}; `cortex list` names them all"


def has_config(name: str) -> bool:
    """Whether a packaged TOML file has this name."""
    return name in _files()


def config_bytes(name: str) -> Callable[[], bytes]:
    """Reader of the packaged TOML file of this name."""
    return resources.files("cortex.configs").joinpath(f"{name}.toml").read_bytes


def families() -> dict[str, dict[str, str]]:
    """Packaged experiments by family, in the order to read them in, with how long each takes."""
    return dict(importlib.import_module("cortex.sims").FAMILIES)


def summary(name: str) -> str:
    """First line of the docstring of a packaged experiment, read without importing it."""
    text = ast.get_docstring(_tree(name)) or ""
    return text.partition("\n")[0]


def caption(name: str) -> str:
    """What the figure of an experiment shows, panel by panel, with its letters in bold (Markdown).

    It is the docstring of ``figures/NAME.py`` below its first line, read without importing it;
    nothing for an experiment that has no such file.
    """
    if name not in names():
        return ""
    source = resources.files("cortex.figures").joinpath(f"{name}.py")
    if not source.is_file():
        return ""
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n")[2].split())


def needs(name: str) -> tuple[str, ...]:
    """Public data that a packaged experiment needs, read without importing it."""
    made = (node.value for node in _tree(name).body if isinstance(node, ast.Assign))
    calls = (value for value in made if isinstance(value, ast.Call))
    words = (word for call in calls for word in call.keywords if word.arg == "needs")
    return tuple(one for word in words for one in ast.literal_eval(word.value))


@functools.cache
def _tree(name: str) -> ast.Module:
    source = resources.files("cortex.sims").joinpath(f"{name}.py")
    return ast.parse(source.read_text(encoding="utf-8"))


def is_file(name: str) -> bool:
    """Whether a name is that of a Python file rather than of a packaged experiment."""
    return name.endswith(".py")


def short_name(name: str) -> str:
    """Name of an experiment for folders and titles: of a file, without its folder and ending."""
    return Path(name).stem if is_file(name) else name


def find(name: str) -> Experiment:
    """The packaged experiment of this name, or the one in this Python file.

    Raises:
        UserError: there is none (with close matches), or the file cannot be used; in one line.
    """
    if is_file(name):
        return _from_file(Path(name))
    if name not in names():
        raise UserError(unknown(name))
    module = importlib.import_module(f"cortex.sims.{name}")
    drawn = module.experiment.draw or _packaged_figure(name)
    return replace(module.experiment, name=name, draw=drawn)


def _packaged_figure(name: str) -> Callable[..., Any]:
    def draw(settings: Any, data: Any, rows: Any) -> Any:
        return importlib.import_module(f"cortex.figures.{name}").draw(settings, data, rows)

    return draw


def _from_file(path: Path) -> Experiment:
    module = _module_of(path)
    found = getattr(module, "experiment", None)
    if not isinstance(found, Experiment):
        what = "no such name" if found is None else type(found).__name__
        raise UserError(
            f"{path}: experiment: found {what}, allowed: "
            "experiment = cortex.Experiment(Settings, simulate, ...)"
        )
    return found.named(path.stem)


_executing = threading.RLock()


def _module_of(path: Path) -> ModuleType:
    """The file as a module, executed once."""
    whole = path.resolve()
    try:
        content = whole.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path}: cannot be read ({reason})") from None
    name = f"cortex_file_{hashlib.sha256(bytes(whole) + content).hexdigest()[:16]}.{whole.stem}"
    with _executing:  # a second thread waits until the module is whole
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, whole)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            # Not by the loader: it would take a file changed within a second for the one it
            # compiled.
            exec(compile(content, whole, "exec"), module.__dict__)
        except Exception as error:
            del sys.modules[name]
            raise UserError(_broken(path, whole, error)) from error
        return module


def _broken(path: Path, whole: Path, error: Exception) -> str:
    """Which line of a user's file fails, and why."""
    if isinstance(error, SyntaxError) and error.filename == str(whole):
        return f"{path}:{error.lineno}: {error.msg}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(whole)
    ]
    at = f":{lines[-1]}" if lines else ""
    return f"{path}{at}: {type(error).__name__}: {error}"
