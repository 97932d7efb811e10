"""Memory that is limited: parts that fit, the same numbers, and one line where nothing fits."""

import resource
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex import memory
from cortex.cli.shared import Precision, computing
from cortex.errors import UserError
from cortex.memory import Kept, in_parts, limited, parse_bytes

SIDE = 256


@pytest.fixture
def seen():
    """A program that needs half a megabyte an image, and how many images it was given each time."""
    batches = []

    @in_parts(shared=1)
    def program(weights, images, starts):
        jax.debug.callback(lambda n: batches.append(int(n)), images.shape[0])
        outer = jnp.einsum("bi,bj->bij", images, starts)
        return (jnp.sin(outer) @ weights).max(axis=1), images.sum(axis=1)

    program.batches = batches
    return program


@pytest.fixture
def held(monkeypatch):
    """What the process holds, which is not to depend on what ran before."""
    monkeypatch.setattr(memory, "in_use", lambda: 10**9)
    return 10**9


def arguments(images):
    values = np.linspace(0.0, 1.0, images * SIDE, dtype=np.float32).reshape(images, SIDE)
    return jnp.eye(SIDE), jnp.asarray(values), jnp.asarray(values[::-1].copy())


def limit(held, megabytes):
    return int((held + megabytes * 1e6) / memory.SHARE)


def test_parts_give_the_same_numbers_and_none_is_larger_than_fits(seen, held):
    whole = seen(*arguments(11))
    jax.effects_barrier()
    assert seen.batches == [11]
    with limited(limit(held, 2)):
        parts = seen(*arguments(11))
    jax.effects_barrier()
    sizes = set(seen.batches[1:])
    assert len(sizes) == 1
    assert 1 <= sizes.pop() < 11
    for part, all_at_once in zip(parts, whole, strict=True):
        np.testing.assert_allclose(part, all_at_once, rtol=1e-6)


def test_what_fits_is_done_at_once(seen, held):
    with limited(limit(held, 1000)):
        seen(*arguments(5))
    jax.effects_barrier()
    assert seen.batches == [5]


def test_a_limit_too_low_for_one_image_is_refused_with_the_bytes_that_are_needed(seen, held):
    with (
        limited(held),
        pytest.raises(UserError, match=r"^--memory: .*, allowed: at least \d+,") as e,
    ):
        seen(*arguments(3))
    least = int(str(e.value).split("at least ")[1].split(",")[0])
    with limited(least):
        seen(*arguments(3))
    with limited(least - 1000), pytest.raises(UserError):
        seen(*arguments(3))


def test_the_program_is_left_whole_inside_another_one(seen, held):
    with limited(held):
        jax.jit(seen)(*arguments(3))
    jax.effects_barrier()
    assert seen.batches == [3]


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GB", 4e9), ("500 mb", 5e8), ("1.5GiB", 1.5 * 2**30), ("2g", 2e9), ("123", 123)],
)
def test_bytes_are_read(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "4XB", "GB", "-1GB", "0", "4 GB please"])
def test_what_are_no_bytes_is_refused(text):
    with pytest.raises(UserError, match=r"--memory: found .*, allowed: such as 500MB"):
        parse_bytes(text)


def test_arrays_are_kept_in_files_under_a_limit_only():
    array = jnp.arange(3.0)
    assert Kept([array])[0] is array
    with limited(10**12):
        kept = Kept([array])
        kept[1] = array + 1
        np.testing.assert_array_equal(kept[1], [1, 2, 3])
        assert kept[0] is not array
        del kept[1]
        with pytest.raises(FileNotFoundError):
            kept[1]


def test_a_freed_array_is_not_counted():
    before = memory.in_use()
    array = np.ones(50_000_000, np.uint8)
    assert memory.in_use() - before > 40e6
    del array
    assert memory.in_use() - before < 25e6


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of this kind are Linux's")
on_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="drivers reserve more")


@on_linux
@on_cpu
@pytest.mark.parametrize("library", [np, jnp])
def test_what_the_machine_cannot_hold_is_refused_with_its_bytes(library, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    there = memory._listed("self/status", "VmData") + 2**28
    monkeypatch.setattr(memory, "total_memory", lambda: there)
    with memory.within_machine():
        library.ones(2**20, np.float32)  # fits
        with pytest.raises((MemoryError, RuntimeError), match=r"1\.00 GiB|1073741824 bytes"):
            jax.block_until_ready(library.ones(2**28, np.float32))
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


@on_linux
@on_cpu
def test_commands_compute_within_the_machine():
    with computing(None, Precision.single):
        assert 0 < resource.getrlimit(resource.RLIMIT_DATA)[0] <= memory.total_memory()


def test_what_compiling_takes_is_not_run_after(seen, monkeypatch):
    """Each look compiles, which takes more than an image needs."""
    held, sizes, measured = [10**9], [], memory._bytes

    def look(program, shared, batch, size, count):
        held[0] += 600_000
        sizes.append(size)
        return measured(program, shared, batch, size, count)

    monkeypatch.setattr(memory, "in_use", lambda: held[0])
    monkeypatch.setattr(memory, "_bytes", look)
    with limited(limit(10**9, 30)):
        seen(*arguments(100))
    assert len(sizes) == 2
    assert sizes[1] > 20
