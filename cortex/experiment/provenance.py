"""Where a result comes from: versions, device, precision, revision, time and memory."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import jax


def origin() -> dict[str, Any]:
    """What a result depends on besides its configuration: machine, code and packages."""
    return {
        "precision": precision(),
        "device": device(),
        "git": revision(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, cortex and every main dependency that is installed."""
    found = {"python": platform.python_version(), "cortex": _version("cortex")}
    for requirement in _requirements():
        if "extra ==" in requirement:
            continue
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match:
            found[match.group()] = _version(match.group())
    return found


def _requirements() -> list[str]:
    try:
        return metadata.requires("cortex") or []
    except metadata.PackageNotFoundError:
        return []


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def precision() -> int:
    """Bits of the floating-point numbers in use: 32 or 64."""
    return 64 if jax.config.read("jax_enable_x64") else 32


def device() -> dict[str, Any]:
    """The device that computations run on by default."""
    # The device that an array lands on, however it was chosen.
    (chosen,) = jax.numpy.zeros(()).devices()
    return {
        "platform": chosen.platform,
        "kind": chosen.device_kind,
        "count": len(jax.devices(chosen.platform)),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def peak_memory() -> int | None:
    """Largest resident memory of this process so far, in bytes; None where not known."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def revision() -> dict[str, Any]:
    """Git revision of the code and whether the checkout has changes; nulls outside one.

    An installed copy inside somebody else's repository (an environment folder) is not taken for
    a checkout: this very file must be tracked.
    """
    here = Path(__file__).resolve()
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return {"revision": None, "dirty": None}
    status = _git(here.parent, "status", "--porcelain")
    return {
        "revision": _git(here.parent, "rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
