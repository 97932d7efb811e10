"""A sweep: points a second of one compiled program, on one device and on all of this machine.

    python benchmarks/sweep.py [--quick] [--out FILE.json]

The points are those of `ring_normalization` with another gain of the power law each. On a CPU
every core is a device, as in `cortex sweep`; the row of one device may still use all cores for
what happens inside a point. The other way is a run each, which compiles its point's numbers in.
"""

from __future__ import annotations

import os
from typing import Any

import harness
import numpy as np
from harness import Contender, Row, Work

EXPERIMENT, SETTING = "ring_normalization", "circuit.k"
WHOLE, QUICK = 40, 4  # points
PATIENCE = 60.0


def _configs(points: int) -> tuple[list[Any], np.ndarray]:
    from cortex.experiment import load_config

    values = np.linspace(0.03, 0.05, points)
    settings = [[f"{SETTING}={value}"] for value in values]
    return [load_config(EXPERIMENT, given) for given in settings], values


def program_work(points: int, every_core: bool) -> Work:
    """All points by one program, on one device or on all."""
    import jax

    if every_core:  # what there is besides a processor is there anyway
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    from cortex.sims import ring_normalization

    from cortex.experiment.sweeps.compiled import Program
    from cortex.experiment.sweeps.evaluate import devices

    configs, values = _configs(points)
    used = devices() if every_core else devices()[:1]
    program = Program(ring_normalization.simulate, configs[0], [SETTING], used, points)
    keys = np.stack([np.asarray(jax.random.key_data(jax.random.key(0)))] * points)
    note = f"{len(used)} device{'s' if len(used) > 1 else ''}"
    return Work(lambda: program({SETTING: values}, keys), lambda _: {"note": note})


def runs_work(points: int) -> Work:
    """A run each, of a point in the middle."""
    import jax
    from cortex.sims import ring_normalization

    config = _configs(points)[0][points // 2]

    def run() -> object:
        jax.clear_caches()  # each run of its own compiles
        return ring_normalization.experiment.run(config)

    return Work(run)


def rows(quick: bool) -> list[Row]:
    """The table."""
    points = QUICK if quick else WHOLE
    what = f"{points} points"
    everybody = [
        Contender(what, "cortex sweep, every core a device", program_work, (points, True)),
        Contender(what, "cortex sweep, one device", program_work, (points, False)),
        Contender(
            what, "a run each", runs_work, (points,), share=1 / points, note="one of them timed"
        ),
    ]  # fmt: skip
    return harness.compete(everybody, rounds=2 if quick else 3, patience=PATIENCE)


if __name__ == "__main__":
    harness.main("sweep", __doc__, rows)
