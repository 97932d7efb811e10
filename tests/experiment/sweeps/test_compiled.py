"""The mapped program: the same numbers however the points are cut, less memory when asked."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from cortex.errors import out_of_memory
from cortex.experiment.sweeps.compiled import Program, mappable
from cortex.experiment.sweeps.evaluate import devices

PATHS = ("unit.drive", "unit.gain")
KEYS = np.asarray(jax.vmap(jax.random.key_data)(jax.random.split(jax.random.key(3), 7)))
VALUES = {"unit.drive": np.linspace(1, 3, 7), "unit.gain": np.linspace(0.1, 0.7, 7)}


def part(program, rows):
    return program({path: v[rows] for path, v in VALUES.items()}, KEYS[rows])


def test_every_point_is_that_of_a_run_of_its_own(toy):
    config = toy.config()
    found = part(Program(toy.simulate, config, PATHS, devices()), slice(None))
    for row in range(7):
        unit = config.unit.model_copy(
            update={path[5:]: float(v[row]) for path, v in VALUES.items()}
        )
        key = jax.random.wrap_key_data(KEYS[row])
        alone = toy.simulate(config.model_copy(update={"unit": unit}), key)
        for name, array in found.items():
            # Compiled with or without knowing the numbers: single precision may round otherwise.
            np.testing.assert_allclose(array.values[row], alone[name].values, rtol=1e-6)


def test_the_numbers_do_not_depend_on_how_the_points_are_cut(toy):
    whole = part(Program(toy.simulate, toy.config(), PATHS, devices()), slice(None))
    small = Program(toy.simulate, toy.config(), PATHS, devices(), most=2)
    assert small.capacity == 2
    for cut in ([[0, 1], [2, 3], [4, 5], [6]], [[6, 0], [3], [5, 1], [4, 2]]):
        pieces = [part(small, rows) for rows in cut]
        order = np.argsort([row for rows in cut for row in rows])
        for array, *cuts in zip(*map(jax.tree.leaves, (whole, *pieces)), strict=True):
            np.testing.assert_array_equal(np.concatenate(cuts)[order], array)


LANES = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 3)
import numpy as np
from cortex.experiment import load_settings
from cortex.experiment.sweeps.compiled import Program
toy, settings = load_settings(sys.argv[1])
paths = ["unit.drive", "unit.gain"]
drive, gain = np.linspace(1, 3, 7), np.linspace(0.1, 0.7, 7)
keys = np.asarray(jax.vmap(jax.random.key_data)(jax.random.split(jax.random.key(3), 7)))
three, one = (Program(toy.simulate, settings, paths, jax.devices()[:n]) for n in (3, 1))
for count in (1, 2, 3, 4, 5, 7):
    given = {"unit.drive": drive[:count], "unit.gain": gain[:count]}, keys[:count]
    for spread, alone in zip(*map(jax.tree.leaves, (three(*given), one(*given))), strict=True):
        assert spread.shape == alone.shape
        assert spread.tobytes() == alone.tobytes(), count
"""


@pytest.mark.slow
def test_several_devices_give_the_same_bits_as_one():
    """Any number of points on three of them; how many there are is fixed as JAX starts."""
    toy = str(Path(__file__).with_name("toy.py"))
    subprocess.run([sys.executable, "-W", "ignore", "-c", LANES, toy], check=True)


def test_batches_and_lanes_hold_every_point_once(toy):
    """As on accelerators: batches of three points, the last one not full."""
    program = Program(toy.simulate, toy.config(), PATHS, devices())
    program._width, program._steps = 3, 3
    whole = part(Program(toy.simulate, toy.config(), PATHS, devices()), slice(None))
    pairs = zip(*map(jax.tree.leaves, (part(program, slice(None)), whole)), strict=True)
    for array, other in pairs:
        np.testing.assert_allclose(array, other, rtol=1e-6)


def test_half_the_memory_until_there_is_no_half(toy):
    program = Program(toy.simulate, toy.config(), PATHS, devices(), most=4)
    sizes = [program.capacity]
    while program.shrink():
        sizes.append(program.capacity)
    assert sizes == [4, 2, 1]


def test_settings_that_decide_on_shapes_or_branches_are_not_mapped(toy):
    paths = [f"unit.{name}" for name in ("drive", "gain", "units", "kind", "branch")]
    assert mappable(toy.simulate, toy.config(), paths) == ["unit.drive", "unit.gain"]
    assert mappable(toy.simulate, toy.config(), ["unit.units"]) == []


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"), True),
        (
            RuntimeError(
                "INTERNAL: Error dispatching computation: Out of memory allocating 8 bytes"
            ),
            True,
        ),
        (ValueError("shapes"), False),
    ],
)
def test_what_running_out_of_memory_looks_like(error, verdict):
    assert out_of_memory(error) is verdict
