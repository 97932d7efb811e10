"""What all commands share: errors as one line, device and precision, progress, paths."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cortex.errors import UserError, out_of_memory

_MOST_KEPT = 2**30  # bytes of compiled programs; those not used for longest go first


class Group(TyperGroup):
    """Turns what the user can mend into one line and an exit code, for all commands."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            said = str(error).strip().partition("\n")[0].rpartition("computation: ")[2]
            said = said or "smaller sizes need less"
            typer.echo(f"error: not enough memory: {said}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            notes = "".join(f"; {note}" for note in getattr(stop, "__notes__", ()))
            typer.echo(f"interrupted{notes}", err=True)
            raise typer.Exit(130) from None


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a setting; may be repeated."),
]
NameOrFile = Annotated[
    str, typer.Argument(help="An experiment, a preset, a Python file or a TOML file.")
]


class Device(StrEnum):
    """Kinds of device to compute on."""

    cpu = "cpu"
    gpu = "gpu"
    tpu = "tpu"


class Precision(StrEnum):
    """Bits of a floating-point number."""

    single = "32"
    double = "64"


def keep_programs() -> None:
    """Keep compiled programs for later commands, unless the user has said where, or that not.

    They lie in the user's cache folder, for each kind of processor apart: a program may use
    instructions that another machine on the same home folder lacks.
    """
    import jax

    from cortex.experiment.kept import cache_folder

    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return
    try:
        folder = cache_folder() / "programs" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or none that can be written to
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_compilation_cache_max_size", _MOST_KEPT)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        # Those that take less than JAX's second are the most: ten seconds of the main job.
        config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor() -> str:
    """A short name for the kind of processor: its instructions, where they are listed."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    flags = sorted({line for line in lines if line.startswith(("flags", "Features"))})
    return hashlib.sha256("\n".join([platform.machine(), *flags]).encode()).hexdigest()[:12]


@contextmanager
def computing(device: Device | None, precision: Precision) -> Iterator[None]:
    """Set JAX's device and precision, take no more memory than is free; put all back."""
    import jax

    from cortex.memory import within_machine

    keep_programs()
    keys = ("jax_enable_x64", "jax_default_device")
    before = {key: getattr(jax.config, key) for key in keys}
    if before["jax_enable_x64"] is not (precision is Precision.double):
        # Constants of programs traced before would keep their precision.
        jax.clear_caches()
    jax.config.update("jax_enable_x64", precision is Precision.double)
    try:
        if device is not None:
            jax.config.update("jax_default_device", _find(device))
        with within_machine():
            yield
    finally:
        if precision is Precision.double:
            jax.clear_caches()
        for key, value in before.items():
            jax.config.update(key, value)


@contextmanager
def limiting(memory: str | None) -> Iterator[None]:
    """Within the block, images are looked at as many at a time as fit into so much memory."""
    from cortex.memory import limited, parse_bytes

    if memory is None:
        yield
        return
    with limited(parse_bytes(memory)):
        yield


def _find(device: Device) -> Any:
    import jax

    try:
        return jax.local_devices(backend=device.value)[0]
    except RuntimeError:
        there = ", ".join(sorted({_kind(found) for found in all_devices()}))
        raise UserError(f"--device {device.value}: not on this machine, allowed: {there}") from None


def all_devices() -> list[Any]:
    import jax

    found = {(item.platform, item.id): item for item in jax.devices()}
    for item in jax.local_devices(backend="cpu"):
        found.setdefault((item.platform, item.id), item)
    return list(found.values())


def _kind(device: Any) -> str:
    return {"cuda": "gpu", "rocm": "gpu"}.get(device.platform, device.platform)


def gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count else "not known"


def short(path: Path) -> Path:
    """Relative to the current folder where it lies inside it."""
    whole = path.absolute()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole


@contextmanager
def shown_progress(quiet: bool) -> Iterator[None]:
    """Within the block, stages of the work are shown on standard error, unless `quiet`."""
    from cortex.experiment.terminal import bars, lines
    from cortex.progress import listening

    if quiet:
        yield
    elif sys.stderr.isatty():
        with bars() as listener, listening(listener):
            yield
    else:
        with listening(lines()):
            yield
