"""One compiled program for many points: its parameters are data, whatever their number.

On a processor every point is computed by itself, by the same instructions wherever it stands: its
numbers do not depend on its neighbours, nor on how many of them there are. (An adaptive solver
in a batch runs until the slowest member is done, so that this is also the fastest way.) On an
accelerator points are computed in batches. All local devices get their share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import SingleDeviceSharding

from cortex.memory import total_memory
from cortex.settings import ExperimentSettings, replaced

Simulate = Callable[[Any, Array], Any]
# Shares of a device's memory that results waiting to be fetched, and a batch, may take.
WAITING, WORKING = 0.05, 0.6
MOST_WAITING = 2**28  # bytes
MOST_POINTS = 2**14  # a call and a device
WIDEST = 1024  # points of a batch


def mappable(simulate: Simulate, config: ExperimentSettings, paths: Sequence[str]) -> list[str]:
    """Those of the settings that can be arrays; found out by tracing, without computing.

    What is no floating-point number, and what decides on a shape or a branch, cannot.
    """
    numbers = [path for path in paths if isinstance(setting(config, path), float)]
    if not numbers or _traces(simulate, config, numbers):
        return numbers
    single = [path for path in numbers if _traces(simulate, config, [path])]
    return single if _traces(simulate, config, single) else []


def setting(config: ExperimentSettings, path: str) -> Any:
    """The value of a setting by its dotted path."""
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _traces(simulate: Simulate, config: ExperimentSettings, paths: Sequence[str]) -> bool:
    numbers = {path: jnp.asarray(setting(config, path), float) for path in paths}
    try:
        jax.eval_shape(lambda v: simulate(replaced(config, v), jax.random.key(0)), numbers)
    except Exception:  # whatever an experiment raises when it needs the number itself
        return False
    return True


class Program:
    """The simulation of an experiment as a function of some settings, compiled once.

    Attributes:
        capacity: most points of one call, over all devices.
    """

    def __init__(
        self,
        simulate: Simulate,
        config: ExperimentSettings,
        paths: Sequence[str],
        devices: Sequence[jax.Device],
        most: int | None = None,
    ) -> None:
        """
        Args:
            simulate: the experiment's, pure.
            config: what all points share.
            paths: settings that are given point by point.
            devices: what to compute on.
            most: most points of one call; default as many as fit.
        """
        self._simulate, self._config, self._paths = simulate, config, tuple(paths)
        self._devices = list(devices)
        on_processor = self._devices[0].platform == "cpu"
        here = self._room(most)
        self._width = 1 if on_processor else min(WIDEST, _power_of_two(here))
        self._steps = max(1, here // self._width)
        self._compiled: Any = None

    @property
    def capacity(self) -> int:
        return len(self._devices) * self._steps * self._width

    def __call__(self, values: Mapping[str, np.ndarray], keys: np.ndarray) -> Any:
        """Compute some points, at most `capacity`.

        Args:
            values: from path to numbers, (points,).
            keys: data of each point's random key, (points, words).

        Returns:
            What `simulate` returns, every array with the points on a first axis.
        """
        count, lanes = len(keys), len(self._devices)
        if self._compiled is None:
            self._compiled = self._compile(keys.shape[1:])
        # Points one after the other on each device, in whole batches.
        share = math.ceil(count / lanes / self._width)
        place = np.minimum(
            np.arange(lanes)[:, None] * share * self._width
            + np.arange(self._steps * self._width)[None, :],
            count - 1,
        ).reshape(lanes, self._steps, self._width)
        given = {path: np.asarray(values[path], float)[place] for path in self._paths}
        first = np.arange(lanes) * share * self._width
        steps = np.clip(-(-(count - first) // self._width), 0, share)
        # All are started before the first is waited for.
        found = [
            compiled(
                *self._placed(device, {n: v[i] for n, v in given.items()}, keys[place[i]], n_i)
            )
            for i, (compiled, device, n_i) in enumerate(
                zip(self._compiled, self._devices, steps, strict=True)
            )
        ]
        return jax.tree.map(
            lambda *parts: np.concatenate(
                [np.asarray(part)[:share].reshape(-1, *part.shape[2:]) for part in parts]
            )[:count],
            *found,
        )

    def shrink(self) -> bool:
        """Ask for half the memory; False if there is nothing left to save."""
        self._compiled = None
        if self._width > 1:
            self._width //= 2
        elif self._steps > 1:
            self._steps //= 2
        else:
            return False
        return True

    def _compile(self, words: tuple[int, ...]) -> list[Any]:
        """The program for each device; made side by side, for they take as long."""
        while True:
            shape = (self._steps, self._width)
            given = {path: np.zeros(shape) for path in self._paths}
            keys = np.zeros((*shape, *words), np.uint32)
            lane = jax.jit(self._lane())

            def made(device: jax.Device, lane: Any = lane, given: Any = (given, keys, 0)) -> Any:
                return lane.lower(*self._placed(device, *given)).compile()

            with ThreadPoolExecutor(len(self._devices)) as pool:
                compiled = list(pool.map(made, self._devices))
            if self._width == 1 or self._fits(compiled[0]):
                return compiled
            self._width //= 2

    def _lane(self) -> Any:
        def one(values: dict[str, Array], key: Array) -> Any:
            key = jax.random.wrap_key_data(key)
            return self._simulate(replaced(self._config, values), key)

        def lane(values: dict[str, Array], keys: Array, steps: Array) -> Any:
            def batch(i: Any) -> Any:
                given = jax.tree.map(lambda x: x[i], (values, keys))
                if self._width > 1:
                    return jax.vmap(one)(*given)
                # Not a batch of one: that would be another program.
                found = one(*jax.tree.map(lambda x: x[0], given))
                return jax.tree.map(lambda array: jnp.asarray(array)[None], found)

            def step(i: Any, kept: Any) -> Any:
                return jax.tree.map(lambda k, new: k.at[i].set(new), kept, batch(i))

            shapes = jax.eval_shape(batch, 0)
            empty = jax.tree.map(lambda s: jnp.zeros((self._steps, *s.shape), s.dtype), shapes)
            return jax.lax.fori_loop(0, steps, step, empty)

        return lane

    def _placed(self, device: jax.Device, given: Any, keys: Any, steps: Any) -> Any:
        dtype = jnp.result_type(float)
        given = {name: array.astype(dtype) for name, array in given.items()}
        return jax.device_put((given, keys, np.int32(steps)), SingleDeviceSharding(device))

    def _room(self, most: int | None) -> int:
        """Points whose results fit on one device."""
        numbers = {path: jnp.zeros(()) for path in self._paths}
        shapes = jax.eval_shape(
            lambda v: self._simulate(replaced(self._config, v), jax.random.key(0)), numbers
        )
        size = sum(math.prod(s.shape) * s.dtype.itemsize for s in jax.tree.leaves(shapes))
        room = min(MOST_WAITING, WAITING * memory(self._devices[0]))
        fitting = max(1, min(MOST_POINTS, int(room // max(size, 1))))
        return fitting if most is None else min(fitting, math.ceil(most / len(self._devices)))

    def _fits(self, compiled: Any) -> bool:
        needed = compiled.memory_analysis()
        return needed is None or needed.temp_size_in_bytes < WORKING * memory(self._devices[0])


def memory(device: jax.Device) -> float:
    """Bytes that a device has, or its share of the machine's if it has none of its own."""
    own = device.memory_stats() if device.platform != "cpu" else None
    if own and "bytes_limit" in own:
        return float(own["bytes_limit"])
    return (total_memory() or 2**32) / len(jax.local_devices(backend=device.platform))


def _power_of_two(number: int) -> int:
    return 1 << (max(1, number).bit_length() - 1)
