"""A scene as text that gives the same numbers: a Python program, a TOML file, a link."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from cortex.experiment.loading import put, toml_value
from cortex.experiment.written import as_toml as written
from cortex.settings import settings

from .scene import ATTENTION, END, ONSET, SCENES, TIMES, Scene

_RING = """\
\"\"\"The ring as `cortex explore` showed it; rates in Hz, times in ms.\"\"\"

import jax.numpy as jnp

import cortex as cx
from cortex.analysis import sum_weight
from cortex.models import Ring

ring = Ring({circuit})
circuit = ring.circuit()
first = {s.first.contrast!r} * ring.bump({s.first.orientation!r}, {s.width!r})
second = {s.second.contrast!r} * ring.bump({s.second.orientation!r}, {s.width!r})
there = ring.bump({s.attention.place!r}, {s.attention.width!r})
"""
_SHEET = """\
\"\"\"The sheet as `cortex explore` showed it; rates in Hz, times in ms.\"\"\"

import diffrax
import jax.numpy as jnp

import cortex as cx
from cortex.analysis import sum_weight
from cortex.circuit import Adaptive
from cortex.models import Sheet, SheetSettle
from cortex.stimuli import circular_distance, line

sheet = Sheet({circuit})
circuit, preferred = sheet.circuit({s.seed}), sheet.orientation_map({s.seed})


def grating(contrast, orientation, place):
    turn = circular_distance(preferred, jnp.full_like(preferred, orientation))
    patch = line(sheet.distance(place), {s.diameter!r}, sheet.spacing)
    return contrast * patch * jnp.exp(-(turn**2) / (2 * {s.width!r}**2))


first = grating({s.first.contrast!r}, {s.first.orientation!r}, {s.first.place!r})
second = grating({s.second.contrast!r}, {s.second.orientation!r}, {s.second.place!r})
there = jnp.exp(-(sheet.distance({s.attention.place!r}) ** 2) / (2 * {s.attention.width!r}**2))
solver, steps = SheetSettle()(), Adaptive(diffrax.Bosh3(), rtol=1e-3, atol=1e-3)
"""
_REST = """
drive = cx.EI(first + second, first + second)
attention = cx.Modulation({modulation})

# Steady states
one, other = (cx.steady_state(circuit, cx.EI(h, h){solver}) for h in (first, second))
both = cx.steady_state(circuit, drive{solver})
attended = cx.steady_state(circuit, drive, attention{solver})

# Time course
silence = cx.EI(0 * first, 0 * first)
protocol = [
    cx.Epoch({onset}, silence),
    cx.Epoch({shown}, drive),
    cx.Epoch({rest}, drive, attention),
]
course = cx.simulate(circuit, protocol, jnp.linspace(0.0, {end}, {times}){stepping})

# Regime: above 1 inhibition stabilises the network; below 0 input to I lowers its rate
eigenvalue = cx.leading_excitatory_eigenvalue(circuit, attended.last, drive, attention)
paradoxical = cx.paradoxical_effect(circuit, attended.last, drive, attention).I
weight = sum_weight(jnp.stack([state.last.E.ravel() for state in (one, other, both)]))

print(f"leading eigenvalue {{eigenvalue:.3g}}, I rate {{paradoxical:+.3g}} Hz per % of input to I")
print(f"sum weight {{weight:.3g}}; largest E rate {{attended.last.E.max():.3g}} Hz, attended")
"""


def as_python(scene: Any) -> str:
    """A program of the library's functions that computes what the page shows."""
    head = {"ring": _RING, "sheet": _SHEET}[scene.network]
    usual, own = dict(type(scene.circuit)()), dict(scene.circuit)
    circuit = ", ".join(f"{name}={value!r}" for name, value in own.items() if value != usual[name])
    rest = {
        "solver": ", solver=solver" if scene.network == "sheet" else "",
        "stepping": ", stepping=steps" if scene.network == "sheet" else "",
        "modulation": _modulation(scene.attention),
        "onset": ONSET,
        "shown": ATTENTION - ONSET,
        "rest": END - ATTENTION,
        "end": END,
        "times": TIMES,
    }
    return head.format(s=scene, circuit=circuit) + _REST.format(**rest)


def _modulation(attention: Any) -> str:
    form = attention.forms()[attention.form]
    if attention.form == "gain on drive":
        gain = f"1 + {form.gain!r} * there"
        return f"drive_gain=cx.EI({gain}, {gain})"
    return f"input=cx.EI({form.input.E!r} * there, {form.input.I!r} * there)"


def as_toml(scene: Scene) -> str:
    """All settings with units and sources; `cortex explore FILE` takes it."""
    return written(scene)


def as_query(scene: Any) -> str:
    """What differs from the defaults, as the end of a link."""
    usual = {row.path: row.value for row in settings(SCENES[scene.network]())}
    changed = {
        row.path: row.value
        for row in settings(scene)
        if row.path == "network" or row.value != usual[row.path]
    }
    return urllib.parse.urlencode(changed)


def from_query(given: Iterable[tuple[str, str]]) -> Mapping[str, Any]:
    """Nested values, for `scene_from`, of the keys and values of a link.

    Raises:
        ConfigError: one line: a key has a number and sections as well.
    """
    nested: dict[str, Any] = {}
    for path, text in given:
        put(nested, path, toml_value(text))
    return nested
