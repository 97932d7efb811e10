"""An experiment that costs nothing: the level of a leaky unit, and whether it settles."""

import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity
from cortex.experiment.results import variable


class UnitSection(Section):
    drive: float = quantity(2.0, "Hz", "what drives the unit")
    gain: float = quantity(0.5, "1", "feedback onto itself", ge=0)
    units: int = quantity(3, "1", "how many units", ge=1)
    kind: str = quantity("plain", "1", "what it is called")
    branch: float = quantity(1.0, "1", "decides on a branch, so that it cannot be an array")
    pause: float = quantity(0.0, "s", "how long measuring takes", ge=0)


class Config(ExperimentConfig):
    """Configuration of the toy."""

    experiment: str = "toy"
    unit: UnitSection = UnitSection()


def simulate(config: Config, key: Any) -> dict[str, Any]:
    unit = config.unit
    if unit.branch > 2:
        raise ValueError("a branch")
    noise = jax.random.normal(key, (unit.units,))

    def step(rates: Any) -> Any:
        return jnp.minimum(unit.drive + unit.gain * rates, 1e30)

    rates = jax.lax.fori_loop(0, 60, lambda _, r: step(r), jnp.zeros(unit.units))
    converged = jnp.abs(step(rates) - rates) < 1e-3 * jnp.abs(rates)
    return {
        "rates": jnp.where(rates < 1e6, rates, jnp.nan),
        "noise": noise,
        "converged": converged & (rates < 1e6),
    }


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    time.sleep(config.unit.pause)
    place = np.arange(config.unit.units) * config.unit.drive
    return xr.Dataset(
        {
            "rates": variable("unit", found["rates"], "Hz", "level"),
            "noise": variable("unit", found["noise"], "1", "noise"),
            "converged": variable("unit", found["converged"], "1", "whether it settled"),
        },
        {"unit": variable("unit", place, "Hz", "place")},
    )


def run(config: Config, progress: Progress) -> xr.Dataset:
    found = simulate(config, jax.random.key(config.seed))
    return label(config, {name: np.asarray(array) for name, array in found.items()})


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    if config.unit.kind == "broken":
        raise ValueError("nothing to measure")
    level = float(data["rates"][0])
    exact = config.unit.drive / (1 - config.unit.gain) if config.unit.gain < 1 else math.nan
    return [
        Measure.compared(
            "level", level, "Hz", reference=exact, relative=1e-3, provenance="toy", headline=True
        ),
        Measure.reported("noise[first]", data["noise"][0], "1", provenance="toy"),
    ]
