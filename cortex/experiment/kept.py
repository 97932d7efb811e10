"""What packaged experiments say of themselves, kept until a file of the package changes.

It stands in their Python files, which import JAX: a second or two, the first time it is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from cortex.experiment import registry
from cortex.settings import frozen


def cache_folder() -> Path:
    """The user's folder for what can be made again; it need not be there.

    Raises:
        RuntimeError: there is no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cortex"


def kept(question: str, name: str, answer: Callable[[], Any]) -> Any:
    """The answer as it was kept, or a new one, which is kept; lists in it are tuples.

    Args:
        question: what is asked, a word that a file can be named after.
        name: of what. Only answers about packaged experiments and presets are kept.
        answer: finds the answer: of numbers, texts and lists of such.
    """
    if name not in registry.packaged():
        return frozen(answer())
    state = _state()
    with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError, TypeError):
        found = json.loads(_file(question, name).read_text(encoding="utf-8"))
        if found["state"] == state:
            return frozen(found["answer"])
    new = answer()
    with contextlib.suppress(OSError, RuntimeError):  # no home, or none that can be written to
        file = _file(question, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps({"state": state, "answer": new}), encoding="utf-8")
        os.replace(partial, file)
    return frozen(new)


def _file(question: str, name: str) -> Path:
    return cache_folder() / "said" / f"{name}.{question}.json"


def _rooms() -> list[Path]:
    rooms = ("cortex", "cortex.sims", "cortex.configs")
    return [Path(str(resources.files(room))) for room in rooms]


def _state() -> str:
    """Which files the package has, how large and from when."""
    state = hashlib.sha256()
    for room in _rooms():
        for path in sorted(room.rglob("*")):
            if path.suffix != ".pyc" and path.is_file():
                seen = path.stat()
                state.update(f"{path}\0{seen.st_size}\0{seen.st_mtime_ns}\n".encode())
    return state.hexdigest()
