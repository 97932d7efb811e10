"""What a page shows of a circuit: settings in, numbers out, compiled once."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from pydantic import ValidationError

from cortex.analysis import sum_weight
from cortex.circuit import (
    EI,
    Adaptive,
    Circuit,
    Epoch,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    simulate,
    steady_state,
)
from cortex.errors import ConfigError
from cortex.experiment.complaints import complaint
from cortex.models import OrientedTopDown, Ring, Sheet, SheetSettle, TopDown, side_by_side
from cortex.models.top_down import TopDownForm
from cortex.settings import Settings, choice, quantity, replaced, settings
from cortex.stimuli import circular_distance, line

STATES = ("first alone", "second alone", "both", "both, attended")
# The time course: nothing, both gratings, and attention to them.
ONSET, ATTENTION, END = 50.0, 200.0, 350.0  # ms
TIMES = 141
SIDE = 24  # of the sheet: the largest that is redrawn at once

Form = Literal["input to E", "gain on drive", "input to E and I"]
WEIGHTS = ("circuit.J_EE", "circuit.J_IE", "circuit.J_EI", "circuit.J_II")


class Grating(Settings):
    """A grating on the ring."""

    contrast: float = quantity(20.0, "%", "contrast", ge=0, le=100)
    orientation: float = quantity(45.0, "deg", "orientation", ge=0, le=180)


class Patch(Settings):
    """A round grating on the sheet."""

    contrast: float = quantity(40.0, "%", "contrast", ge=0, le=100)
    orientation: float = quantity(0.0, "deg", "orientation", ge=0, le=180)
    place: float = quantity(-1.0, "deg", "place right of the middle", ge=-2.5, le=2.5)


class ToOrientation(OrientedTopDown):
    """Attention to an orientation."""

    form: Form = choice("input to E", "how attention enters")
    input: float = quantity(3.0, "%", "input at the attended peak", ge=0, le=20)
    gain: float = quantity(0.3, "1", "relative gain on the drive at the peak", ge=0, le=2)
    place: float = quantity(45.0, "deg", "attended orientation", ge=0, le=180)
    width: float = quantity(30.0, "deg", "width", ge=5, le=90)


class ToPlace(TopDown):
    """Attention to a place of the sheet."""

    form: Form = choice("input to E", "how attention enters")
    input: float = quantity(5.0, "%", "input at the attended peak", ge=0, le=20)
    gain: float = quantity(0.3, "1", "relative gain on the drive at the peak", ge=0, le=2)
    place: float = quantity(-1.0, "deg", "attended place right of the middle", ge=-2.5, le=2.5)
    width: float = quantity(0.7, "deg", "width", ge=0.2, le=3)


class Scene(Settings):
    """Two gratings, attention and a circuit; what `look` computes and the page shows."""

    stepping: ClassVar[Adaptive] = Adaptive()

    @abc.abstractmethod
    def build(self) -> Circuit:
        """The circuit."""

    @abc.abstractmethod
    def gratings(self) -> Float[Array, grating * shape]:
        """Drive by each grating at a contrast of 1."""

    @abc.abstractmethod
    def attended(self) -> Float[Array, "*shape"]:
        """The pattern of attention, 1 at its peak."""

    @abc.abstractmethod
    def settle(self, circuit: Circuit, drives: Array, attended: Array, form: TopDownForm) -> Any:
        """Steady states under several drives and patterns of attention, along the first axis.

        Returns:
            Rates [Hz], those of the end of the search where there is no steady state, and which
            are steady.
        """


class RingScene(Scene):
    """The ring of orientations."""

    network: Literal["ring"] = choice("ring", "what is shown")
    circuit: Ring = Ring()
    first: Grating = Grating()
    second: Grating = Grating(orientation=135.0)
    width: float = quantity(30.0, "deg", "width of the gratings' drive", ge=5, le=90)
    attention: ToOrientation = ToOrientation()

    def build(self) -> Circuit:
        return self.circuit.circuit()

    def gratings(self) -> Float[Array, grating * shape]:
        pair = (self.first, self.second)
        return jnp.stack([self.circuit.bump(one.orientation, self.width) for one in pair])

    def attended(self) -> Float[Array, "*shape"]:
        return self.circuit.bump(self.attention.place, self.attention.width)

    def settle(self, circuit: Circuit, drives: Array, attended: Array, form: TopDownForm) -> Any:
        def respond(drive: Array, there: Array) -> Any:
            return steady_state(circuit, EI(drive, drive), form(there))

        state = jax.vmap(respond)(drives, attended)
        return state.last, state.converged


class SheetScene(Scene):
    """A small cortical sheet with an orientation map."""

    stepping: ClassVar[Adaptive] = Adaptive(diffrax.Bosh3(), rtol=1e-3, atol=1e-3)

    network: Literal["sheet"] = choice("sheet", "what is shown")
    seed: int = quantity(0, "1", "seed of the map, the connections and the cells", ge=0)
    circuit: Sheet = Sheet(size=SIDE)
    first: Patch = Patch()
    second: Patch = Patch(orientation=90.0, place=1.0)
    width: float = quantity(32.0, "deg", "width of the drive over orientation", ge=5, le=90)
    diameter: float = quantity(3.0, "deg", "diameter of the gratings", ge=0.2, le=6)
    attention: ToPlace = ToPlace()

    def build(self) -> Circuit:
        return self.circuit.circuit(self.seed)

    def gratings(self) -> Float[Array, grating * shape]:
        preferred = self.circuit.orientation_map(self.seed)

        def of(one: Patch) -> Array:
            turn = circular_distance(preferred, jnp.full_like(preferred, one.orientation))
            tuned = jnp.exp(-(turn**2) / (2 * self.width**2))
            distance = self.circuit.distance(one.place)
            return tuned * line(distance, self.diameter, self.circuit.spacing)

        return jnp.stack([of(self.first), of(self.second)])

    def attended(self) -> Float[Array, "*shape"]:
        distance = self.circuit.distance(self.attention.place)
        return jnp.exp(-(distance**2) / (2 * self.attention.width**2))

    def settle(self, circuit: Circuit, drives: Array, attended: Array, form: TopDownForm) -> Any:
        solver, count = SheetSettle()(), len(drives)
        drive, there = (jnp.moveaxis(part, 0, -1) for part in (drives, attended))
        copies = side_by_side(circuit, count)
        state = steady_state(copies, EI(drive, drive), form(there), solver=solver)
        residual = copies.dynamics(EI(drive, drive), form(there)).residual(state.last)
        settled = solver.each(residual, state.last)[1]
        return state.last.map(lambda r: jnp.moveaxis(r, -1, 0)), settled


SCENES: dict[str, type[Scene]] = {"ring": RingScene, "sheet": SheetScene}


class Seen(eqx.Module):
    """What is seen of a circuit.

    Attributes:
        rates: [Hz] in the four `STATES`; the gratings have attention in the last one only.
        settled: whether those are steady states.
        drives: stimulus drive in these states [%].
        attended: the pattern of attention, 1 at its peak.
        times: [ms]; the gratings come at `ONSET`, attention at `ATTENTION`.
        course: rates over time [Hz], means weighted by the drive of each grating.
        eigenvalue: leading one of the E units alone [1], both gratings attended: above 1 the
            network is inhibition-stabilised.
        paradoxical: change of the I rate per unit of input to I [Hz/%] in that state; below 0 the
            effect is paradoxical.
        sum_weight: of the E response to both gratings, without attention [1].
    """

    rates: EI[Float[Array, state * shape]]
    settled: Bool[Array, " state"]
    drives: Float[Array, state * shape]
    attended: Float[Array, "*shape"]
    times: Float[Array, " time"]
    course: EI[Float[Array, "time grating"]]
    eigenvalue: Float[Array, ""]
    paradoxical: Float[Array, ""]
    sum_weight: Float[Array, ""]


def look(scene: Scene) -> Seen:
    """Compute what is seen; compiled at the first call for a kind of scene, then quick.

    Args:
        scene: its contrasts, places, widths, weights and strengths cost no compilation.
    """
    numbers = _numbers(scene)
    attention: Any = scene.attention  # type: ignore[attr-defined]
    form = jax.tree.map(jnp.asarray, attention.forms()[attention.form])
    fixed = replaced(scene, dict.fromkeys(numbers, 0.0) | {"attention.form": "input to E"})
    # Two programs that do not wait for one another: one a core.
    course, states = (program(numbers, form) for program in _programs(fixed))
    return Seen(**states, times=jnp.linspace(0.0, END, TIMES), course=course)


def _numbers(scene: Scene) -> dict[str, Array]:
    """The settings that no program depends on, by dotted path."""
    return {
        row.path: jnp.asarray(row.value, float)
        for row in settings(scene)
        if isinstance(row.value, float) and (row.path in WEIGHTS or "circuit." not in row.path)
    }


@functools.lru_cache(maxsize=4)
def _programs(fixed: Scene) -> tuple[Any, Any]:
    """Time course, and steady states with what is read of them."""

    @eqx.filter_jit
    def course(numbers: Mapping[str, Array], form: TopDownForm) -> EI[Array]:
        scene = replaced(fixed, numbers)
        circuit, patterns, attended, both = _shown(scene)
        weights = patterns / jnp.sum(patterns.reshape(2, -1), 1).reshape(2, *(1,) * attended.ndim)

        def at_gratings(t: Array, rates: EI[Array], dynamics: Any) -> EI[Array]:
            return rates.map(lambda r: jnp.sum((weights * r[None]).reshape(2, -1), 1))

        drive, silence = EI(both, both), EI(0 * both, 0 * both)
        protocol = [
            Epoch(ONSET, silence),
            Epoch(ATTENTION - ONSET, drive),
            Epoch(END - ATTENTION, drive, form(attended)),
        ]
        times = jnp.linspace(0.0, END, TIMES)
        found = simulate(circuit, protocol, times, save=at_gratings, stepping=scene.stepping)
        return found.values

    @eqx.filter_jit
    def states(numbers: Mapping[str, Array], form: TopDownForm) -> dict[str, Any]:
        scene = replaced(fixed, numbers)
        circuit, patterns, attended, both = _shown(scene)
        first, second = _contrasts(scene)
        drives = jnp.stack([first * patterns[0], second * patterns[1], both, both])
        there = jnp.stack([0 * attended] * 3 + [attended])
        rates, settled = scene.settle(circuit, drives, there, form)
        last, drive, modulation = rates.map(lambda r: r[-1]), EI(both, both), form(attended)
        return {
            "rates": rates,
            "settled": settled,
            "drives": drives,
            "attended": attended,
            "eigenvalue": leading_excitatory_eigenvalue(circuit, last, drive, modulation),
            "paradoxical": paradoxical_effect(circuit, last, drive, modulation).I,
            "sum_weight": sum_weight(rates.E[:3].reshape(3, -1)),
        }

    return course, states


def _contrasts(scene: Any) -> tuple[Any, Any]:
    return scene.first.contrast, scene.second.contrast


def _shown(scene: Scene) -> tuple[Circuit, Array, Array, Array]:
    """Circuit, drive by each grating at a contrast of 1, attention, drive by both."""
    patterns = scene.gratings()
    first, second = _contrasts(scene)
    both = first * patterns[0] + second * patterns[1]
    return scene.build(), patterns, scene.attended(), both


def scene_from(values: Mapping[str, Any]) -> Scene:
    """The scene that nested settings describe, such as those of a TOML file.

    Args:
        values: sections as mappings; ``network`` is "ring" (default) or "sheet".

    Raises:
        ConfigError: one line: which key, what was found, what is allowed.
    """
    network = values.get("network", "ring")
    if network not in SCENES:
        raise ConfigError(f"network: found {network!r}, allowed: {', '.join(SCENES)}")
    model = SCENES[network]
    try:
        return model.model_validate(_completed(model(), values))
    except ValidationError as error:
        path, text = complaint(model, error)
        raise ConfigError(f"{path}: {text}") from None


def _completed(usual: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values; a section that is given in part keeps the rest as it is in the scene."""
    found: dict[str, Any] = dict(usual)
    for name, value in values.items():
        inside = found.get(name)
        part = isinstance(value, Mapping) and isinstance(inside, Settings)
        found[name] = _completed(inside, value) if part else value  # type: ignore[arg-type]
    return found
