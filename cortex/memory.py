"""How much memory work may take; as much as there is, unless someone sets a limit.

Programs over a batch of images are split into parts that fit, each read off the program itself as
it is compiled. Who looks at images does not need to know who limits:

    @in_parts(shared=1)
    def respond(area, images): ...

    with limited(parse_bytes("4GB")):
        respond(area, images)       # some images at a time, where all are too many
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cortex.errors import UserError

# Of the limit, what arrays may fill; compiling and the gaps between arrays take the rest.
SHARE = 0.9
SPARE = 0.9  # of the room, what the next, smaller part is meant to take
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * power) for power, unit in enumerate("KMGT", 1)}
# What a library on CPUs makes of products and all around them works in memory of its own, which the
# compiler does not count: half of it with jax 0.10, all with 0.12. So not where memory is limited.
_COUNTED: dict[str, Any] = {"compiler_options": {"xla_cpu_experimental_ynn_fusion_type": ""}}
_limit: int | None = None  # of the whole process
_needed: dict[Any, tuple[int, int]] = {}  # bytes to work in and to send, by function and shapes
_sizes: dict[Any, int] = {}  # images of a part, by the same


def parse_bytes(text: str) -> int:
    """Bytes of a text such as 4GB, 500 MB or 1.5GiB.

    Raises:
        UserError: it is none.
    """
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([KMGT]?i?)B?\s*", text, re.IGNORECASE)
    unit = found[2].upper().replace("I", "i") if found else "?"
    if found is None or unit not in _UNITS or not float(found[1]):
        raise UserError(f"--memory: found {text!r}, allowed: such as 500MB, 4GB or 1.5GiB")
    return int(float(found[1]) * _UNITS[unit])


@contextmanager
def limited(limit: int) -> Iterator[None]:
    """Within the block, batches of images are as large as fits, and never larger.

    Args:
        limit: most memory of this process, or of its accelerator [bytes].
    """
    global _limit
    before, _limit = _limit, limit
    _sizes.clear()
    try:
        yield
    finally:
        _limit = before


def is_limited() -> bool:
    """Whether someone has set a limit."""
    return _limit is not None


def available() -> int:
    """What arrays may still fill [bytes]; only where there is a limit."""
    assert _limit is not None
    return int(SHARE * _limit) - in_use()


def total_memory() -> int:
    """Memory of this machine in bytes; 0 where not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


@contextmanager
def within_machine() -> Iterator[None]:
    """Within the block, an allocation beyond the memory that is free at its start fails.

    NumPy and JAX then say how many bytes they wanted. Otherwise the system would grant them, and
    kill the process once it fills them. Only on Linux, and where no accelerator computes: its
    driver reserves more than it uses.
    """
    if sys.platform != "linux" or jax.default_backend() != "cpu":
        yield
        return
    import resource

    try:
        free, granted = _listed("meminfo", "MemAvailable"), _listed("self/status", "VmData")
    except (OSError, LookupError, ValueError):  # a system that does not say
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (before, most) if limit != resource.RLIM_INFINITY]
    allowed = [min(free + granted, total_memory()), *limits]
    resource.setrlimit(resource.RLIMIT_DATA, (min(allowed), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _listed(file: str, name: str) -> int:
    """Bytes that a file in /proc lists in a line such as "MemAvailable: 123 kB"."""
    return 1024 * int(Path("/proc", file).read_text().partition(f"{name}:")[2].split()[0])


def refuse_too_large(program: Any, *arguments: Any) -> None:
    """Refuse a program that needs more than the machine, or its accelerator, has, before it runs.

    Args:
        program: made by `jax.jit`; compiled once for this and for the call that follows.
        *arguments: what it is going to be called with.

    Raises:
        UserError: with the bytes that it needs.
    """
    about = program.lower(*arguments).compile().memory_analysis()
    if about is None:
        return
    needed = about.temp_size_in_bytes + about.output_size_in_bytes
    (device,) = jnp.zeros(()).devices()  # where it is going to run
    there = (device.memory_stats() or {}).get("bytes_limit") or total_memory()
    if 0 < there < needed:
        raise UserError(
            f"not enough memory: the program needs {needed:,} bytes, this machine has {there:,}"
        )


def in_use() -> int:
    """What this process, or its accelerator, holds [bytes]."""
    held = jax.local_devices()[0].memory_stats() or {}
    if "bytes_in_use" in held:
        return int(held["bytes_in_use"])
    if sys.platform == "linux":
        # What was freed returns to the system, where the C library is glibc.
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "darwin":
        import resource

        # The most so far, which is more than what is held now.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    raise UserError(f"--memory: allowed on Linux, macOS and accelerators, found {sys.platform}")


def most_at_once(bytes_each: int, most: int) -> int:
    """How many images can be kept together, each of which leaves so many bytes behind.

    Half of what is available is for what programs need meanwhile. Only where there is a limit.

    Args:
        bytes_each: of an image.
        most: as many at most.
    """
    return max(1, min(most, available() // (2 * bytes_each)))


class Kept:
    """Arrays for later, one after the other; in files where memory is limited.

    Args:
        arrays: the first ones.
    """

    def __init__(self, arrays: Iterable[Any] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp()) if is_limited() else None
        if self._folder is not None:
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._here: dict[int, Any] = {}
        for number, array in enumerate(arrays):
            self[number] = array

    def __setitem__(self, number: int, array: Any) -> None:
        if self._folder is None:
            self._here[number] = array
        else:
            np.save(self._file(number), np.asarray(array))

    def __getitem__(self, number: int) -> Any:
        if self._folder is None:
            return self._here[number]
        return jnp.asarray(np.load(self._file(number)))

    def __delitem__(self, number: int) -> None:
        if self._folder is None:
            del self._here[number]
        else:
            self._file(number).unlink()

    def _file(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number}.npy"


def size_of(tree: Any) -> int:
    """Bytes of all arrays, or of their shapes."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype")]
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)


def in_parts(shared: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function of a batch as a compiled program, split where memory is limited.

    Args:
        shared: how many of the first arguments are the same for all images. All others, and all
            that is returned, have a leading axis of images.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        program, counted = eqx.filter_jit(function), eqx.filter_jit(function, **_COUNTED)

        @functools.wraps(function)
        def call(*given: Any) -> Any:
            batch = given[shared:]
            arrays = jax.tree.leaves(batch)
            traced = any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(given))
            if not is_limited() or traced or not len(arrays[0]):
                return program(*given)
            count = len(arrays[0])
            jax.block_until_ready(batch)  # what is still being computed is not held yet
            size = _size(counted, given[:shared], batch, count)
            if size == count:
                return counted(*given)
            parts = []
            for start in range(0, count, size):
                # The last part is filled up, so that nothing is compiled for it.
                rows = np.minimum(np.arange(start, start + size), count - 1)
                done = jax.block_until_ready(counted(*given[:shared], *_rows(batch, rows)))
                parts.append(jax.tree.map(lambda x, n=count - start: x[:n], done))
            return jax.tree.map(lambda *some: jnp.concatenate(some), *parts)

        call.program = program  # type: ignore[attr-defined]
        return call

    return decorate


def _rows(tree: Any, rows: np.ndarray) -> Any:
    return jax.tree.map(lambda x: x[rows], tree)


def _size(program: Any, shared: Sequence[Any], batch: Any, count: int) -> int:
    """Images of a part: the most that fit now, no more than at the last time."""
    key = program.__wrapped__, _shapes(shared), _shapes(batch)
    size = min(_sizes.get(key, count), count)
    while True:
        needed = _bytes(program, shared, batch, size, count)
        room = available()
        if needed > room:
            gc.collect()  # what a cycle holds is no use to anybody
            room = available()
        if needed <= room:
            _sizes[key] = size
            return size
        if size == 1:
            _refuse(needed)
        # Compiling has taken memory too: with none to spare the next size would not fit either.
        size = max(1, min(size - 1, int(size * SPARE * max(room, 0) / needed)))


def _bytes(program: Any, shared: Sequence[Any], batch: Any, size: int, count: int) -> int:
    """What a part needs beside the batch, and what joining the parts needs."""
    part = batch if size == count else _rows(batch, np.arange(size))
    key = program.__wrapped__, _shapes(shared), _shapes(part)
    if key not in _needed:
        about = program.lower(*shared, *part).compile().compiled.memory_analysis()
        _needed[key] = about.temp_size_in_bytes, about.output_size_in_bytes
    work, sent = _needed[key]
    if size == count:
        return work + sent
    return work + size_of(part) + 2 * sent * -(-count // size)


def _shapes(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((x.shape, str(x.dtype)) if hasattr(x, "shape") else x for x in leaves)


def _refuse(needed: int) -> None:
    held = in_use()
    least = int((held + needed) / SHARE) + 1
    raise UserError(
        f"--memory: found {_limit} bytes, allowed: at least {least}, for one image needs "
        f"{needed} beside the {held} that are in use"
    )
