"""An experiment that costs nothing: the level of a leaky unit, and whether it settles."""

import math
import time
from typing import Any

import jax
import jax.numpy as jnp

from cortex.experiment import Claim, Experiment, ExperimentSettings, Near, Reported
from cortex.labelled import Labelled, coordinate, label
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.sources import Source

TOY = Source(detail="toy")


class Unit(Section):
    drive: float = quantity(2.0, "Hz", "what drives the unit")
    gain: float = quantity(0.5, "1", "feedback onto itself", ge=0)
    units: int = quantity(3, "1", "how many units", ge=1)
    kind: str = quantity("plain", "1", "what it is called")
    branch: float = quantity(1.0, "1", "decides on a branch, so that it cannot be an array")
    pause: float = quantity(0.0, "s", "how long measuring takes", ge=0)


class Settings(ExperimentSettings):
    """Settings of the toy."""

    unit: Unit = Unit()


def simulate(s: Settings, key: Any) -> dict[str, Labelled]:
    unit = s.unit
    if unit.branch > 2:
        raise ValueError("a branch")
    noise = jax.random.normal(key, (unit.units,))

    def step(rates: Any) -> Any:
        return jnp.minimum(unit.drive + unit.gain * rates, 1e30)

    rates = jax.lax.fori_loop(0, 60, lambda _, r: step(r), jnp.zeros(unit.units))
    settled = (jnp.abs(step(rates) - rates) < 1e-3 * jnp.abs(rates)) & (rates < 1e6)
    places = coordinate([i * unit.drive for i in range(unit.units)], "Hz", "place")
    exact = jnp.where(unit.gain < 1, unit.drive / (1 - unit.gain), math.nan)
    return {
        "rates": label(jnp.where(rates < 1e6, rates, jnp.nan), "Hz", "level", unit=places),
        "noise": label(noise, "1", "noise", unit=places),
        "settled": label(settled, "1", "whether it settled", unit=places),
        "share": label(rates[0] / exact, "1", "level relative to the exact one"),
        "pause": label(unit.pause, "s", "how long measuring takes"),
        "broken": label(unit.kind == "broken", "1", "whether it cannot be measured"),
    }


def level(d: Any) -> Any:
    time.sleep(float(d.pause))
    if bool(d.broken):
        raise ValueError("nothing to measure")
    return d.rates[0]


CLAIMS = (
    Claim("level", level, Reported(), TOY, "level", headline=True),
    Claim("exact", lambda d: d.share, Near(1.0, rtol=1e-3), TOY, "the level is the exact one"),
    Claim("first_noise", lambda d: d.noise[0], Reported(), TOY, "noise of the first"),
)

experiment = Experiment(Settings, simulate, CLAIMS)
