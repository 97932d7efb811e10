"""A visual system seen through noise: all its circuits simulated over time, at once."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.circuit import EI, MapNoise, Modulation, noisy_step
from cortex.errors import UserError
from cortex.frontends.conv import with_skip

from .area import CircuitArea
from .system import VisualSystem

Images = Float[Array, "trials channels height width"]
Rates = Float[Array, "trials windows maps height width"]


class Viewing(NamedTuple):
    """The time of a trial: a blank field, then the image.

    Attributes:
        windows: over which rates are averaged, (begin, end] after the onset of the image [ms]; the
            trial ends with the last of them.
        before: the blank field is seen, from silence on [ms].
        step: of the simulation [ms]; all times are multiples of it.
    """

    windows: tuple[tuple[float, float], ...]
    before: float = 50.0
    step: float = 2.5

    @property
    def onset(self) -> int:
        """Steps before the image appears."""
        return self._steps("before", self.before)

    @property
    def steps(self) -> int:
        """Steps of a trial."""
        return self.onset + max(self._steps("windows", end) for _, end in self.windows)

    def weights(self) -> Float[np.ndarray, "steps windows"]:
        """What the rates after each step count for the mean of each window."""
        number = np.arange(self.steps) + 1 - self.onset
        rows = []
        for window in self.windows:
            begin, end = (self._steps("windows", time) for time in window)
            if not 0 <= begin < end:
                raise ValueError(
                    f"windows: found {window}, allowed: begin and end, 0 <= begin < end"
                )
            rows.append(((number > begin) & (number <= end)) / (end - begin))
        return np.stack(rows, axis=1)

    def _steps(self, name: str, time: float) -> int:
        count = round(time / self.step)
        if abs(count * self.step - time) > 1e-6 * self.step:
            raise ValueError(f"{name}: found {time:g} ms, allowed: multiples of {self.step:g} ms")
        return count


def circuit_areas(system: VisualSystem) -> list[CircuitArea]:
    """The areas of a system that has a circuit at every layer.

    Raises:
        UserError: one has none.
    """
    areas = []
    for name, area in zip(system.names, system.areas, strict=True):
        if not isinstance(area, CircuitArea):
            raise UserError(f"system: found no circuit at {name}, allowed: one at every layer")
        areas.append(area)
    return areas


class Reaching(eqx.Module):
    """What reaches the topmost circuit in each trial, step by step.

    Attributes:
        drive: feed-forward [contrast].
        noise: states of the circuit's noise, before the first step and after each.
    """

    drive: Float[Array, "trials steps maps height width"]
    noise: Float[Array, "trials times modes"]


class NoisySystem(eqx.Module):
    """A visual system whose circuits all have noise on their input, seen trial by trial.

        reaching = noisy.reaching(images, keys)                # up to the topmost circuit
        plain = noisy.rates(reaching)                          # and through it
        attended = noisy.rates(reaching, modulation)           # the same noise, with attention

    What the rates of one layer do reaches the next at once: noise goes up. Attention acts on the
    topmost layer, so that what lies below is simulated once for all its kinds. Noise is exact, the
    rates take Heun's steps. Without noise the rates of a late window are those of the steady state.

    Attributes:
        system: a circuit at every layer.
        noise: one a layer, of the shape of its maps.
        viewing: the time of a trial.

    Raises:
        UserError: a layer without a circuit, or noise that does not fit.
    """

    system: VisualSystem
    noise: tuple[MapNoise, ...]
    viewing: Viewing = eqx.field(static=True)

    def __check_init__(self) -> None:
        shapes = [area.circuit.shape for area in circuit_areas(self.system)]
        if (found := [one.shape for one in self.noise]) != shapes:
            raise UserError(f"noise: found shapes {found}, allowed: {shapes}, as the layers")

    def with_sd(self, sd: Any) -> "NoisySystem":
        """The same with noise of one standard deviation [contrast] at every layer."""
        new = [jnp.asarray(sd, one.sd.dtype) for one in self.noise]
        found: NoisySystem = eqx.tree_at(lambda s: [one.sd for one in s.noise], self, new)
        return found

    def reaching(self, images: Images, keys: Array) -> Reaching:
        """What reaches the topmost circuit.

        Args:
            images: one a trial.
            keys: PRNG key of each trial's noise, (trials,).
        """
        return _reaching(self, images, keys)

    def rates(self, reaching: Reaching, modulation: Modulation | None = None) -> Rates:
        """E rates of the topmost circuit in each window [Hz].

        Args:
            reaching: the trials.
            modulation: of each trial, leaves (trials, maps, height, width); none by default. Its
                output gain does not count.
        """
        return _rates(self, reaching, modulation)

    def units(self, rates: Rates) -> Float[Array, "trials windows units"]:
        """Units of the readout, which detectors read, for rates of the topmost circuit."""
        return _units(self.system, rates)


@eqx.filter_jit
def _reaching(noisy: NoisySystem, images: Images, keys: Array) -> Reaching:
    areas, viewing = circuit_areas(noisy.system), noisy.viewing
    operators = [area.circuit.coupling.operator() for area in areas[:-1]]

    def trial(image: Array, key: Array) -> tuple[Array, Array]:
        blank = jnp.zeros_like(image)
        lowest = jnp.stack([areas[0].drive(blank), areas[0].drive(image)])
        keys = [jax.random.split(one) for one in jax.random.split(key, len(areas))]

        def advance(number: int, state: Array, step: Array) -> Array:
            own = jax.random.fold_in(keys[number][1], step)
            return noisy.noise[number].advance(state, own, viewing.step)

        def step(carry: Any, time: Array) -> Any:
            states, above = carry
            on = time >= viewing.onset
            received, drive, after = jnp.where(on, image, blank), lowest[on.astype(int)], []
            for number, (rates, before) in enumerate(states):
                area, later = areas[number], advance(number, before, time)
                dynamics = area.circuit.dynamics(EI(drive, drive), operator=operators[number])
                moved = noisy_step(
                    dynamics, noisy.noise[number], rates, before, later, viewing.step
                )
                after.append((moved, later))
                received = with_skip(area.stage, received, area.output_map(rates.E))
                drive = areas[number + 1].drive(received)
            later = advance(len(states), above, time)
            return (after, later), (drive, later)

        starts = [noise.start(own[0]) for noise, own in zip(noisy.noise, keys, strict=True)]
        states = [
            (area.circuit.silence(), start)
            for area, start in zip(areas[:-1], starts[:-1], strict=True)
        ]
        _, (drive, noise) = jax.lax.scan(step, (states, starts[-1]), jnp.arange(viewing.steps))
        return drive, jnp.concatenate([starts[-1][None], noise])

    return Reaching(*jax.vmap(trial)(images, keys))


@eqx.filter_jit
def _rates(noisy: NoisySystem, reaching: Reaching, modulation: Modulation | None) -> Rates:
    noise, viewing = noisy.noise[-1], noisy.viewing
    circuit = circuit_areas(noisy.system)[-1].circuit
    operator = circuit.coupling.operator()

    def trial(drives: Array, states: Array, modulation: Modulation | None) -> Array:
        def step(carry: Any, inputs: Any) -> tuple[Any, None]:
            rates, total = carry
            drive, before, after, weights = inputs
            dynamics = circuit.dynamics(EI(drive, drive), modulation, operator=operator)
            rates = noisy_step(dynamics, noise, rates, before, after, viewing.step)
            return (rates, total + weights[:, None, None, None] * rates.E[None]), None

        weights = jnp.asarray(viewing.weights(), drives.dtype)
        nothing = jnp.zeros((weights.shape[1], *circuit.shape), drives.dtype)
        inputs = (drives, states[:-1], states[1:], weights)
        (_, total), _ = jax.lax.scan(step, (circuit.silence(), nothing), inputs)
        return total

    return jax.vmap(trial)(reaching.drive, reaching.noise, modulation)


@eqx.filter_jit
def _units(system: VisualSystem, rates: Rates) -> Float[Array, "trials windows units"]:
    area = circuit_areas(system)[-1]
    return jax.vmap(jax.vmap(lambda r: system.readout.units(area.output_map(r))))(rates)
