"""Where attention goes: winner-take-all with inhibition of return, one shift after another.

Every place of the saliency map charges a leaky integrate-and-fire unit. The first to reach the
threshold wins: attention shifts there, all units start anew, and the place is inhibited for a
while. Between two shifts inputs stay as they are, so that the time and the winner are known
exactly (`time = -tau log(1 - threshold / input)`) and nothing has to be integrated.

Source: Itti, Koch & Niebur 1998 (30 to 70 ms from shift to shift, return after 500 to 900 ms; the
focus a disc of a sixth of the shorter side, here a Gaussian of half of that). Noise is ours.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.circuit.populations import as_floats

Map = Float[Array, "height width"]


class ScanState(NamedTuple):
    """What changes from shift to shift.

    Attributes:
        time: since the beginning [ms].
        inhibition: of return, 0 to 1.
        key: of the noise to come.
    """

    time: Float[Array, ""]
    inhibition: Map
    key: PRNGKeyArray


class ScanPath(NamedTuple):
    """Shifts of attention, in their order.

    Attributes:
        places: (row, column) from 0 (top, left edge) to 1 (bottom, right edge).
        times: when attention arrives [ms].
        made: whether it shifted; not where no unit reached the threshold.
    """

    places: Float[Array, "*paths shifts 2"]
    times: Float[Array, "*paths shifts"]
    made: Bool[Array, "*paths shifts"]

    def until(
        self, target: Float[Array, "2"], within: float
    ) -> tuple[Int[Array, ""], Float[Array, ""], Bool[Array, ""]]:
        """Fixations of one path up to a target, their time [ms], and whether it was reached.

        A search that is given up counts one fixation more than there were.

        Args:
            target: (row, column), as `places`.
            within: how near a fixation must come along each axis, in shares of the sides.
        """
        hit = (jnp.abs(self.places - target[None, :]).max(-1) <= within) & self.made
        reached, first, count = hit.any(), hit.argmax(), jnp.cumsum(self.made)
        fixations = jnp.where(reached, count[first], count[-1] + 1)
        return fixations, jnp.where(reached, self.times[first], self.times[-1]), reached


class WinnerTakeAll(eqx.Module):
    """Competition of all places for attention.

    Attributes:
        tau: of the units [ms].
        threshold: of the units, as a share of the saliency map's peak; with 500 ms and 0.1 the
            peak wins after 53 ms, and what is below a tenth of it never.
        spread: of the inhibited Gaussian, as a share of the shorter side.
        recovery: time constant at which inhibition fades [ms].
        noise: standard deviation of the logarithm of every place's input, drawn anew for each
            shift [1].
    """

    tau: Float[Array, ""] = eqx.field(converter=as_floats, default=500.0)
    threshold: Float[Array, ""] = eqx.field(converter=as_floats, default=0.1)
    spread: Float[Array, ""] = eqx.field(converter=as_floats, default=1 / 12)
    recovery: Float[Array, ""] = eqx.field(converter=as_floats, default=900.0)
    noise: Float[Array, ""] = eqx.field(converter=as_floats, default=0.0)

    def shift(
        self, state: ScanState, saliency: Map
    ) -> tuple[ScanState, tuple[Float[Array, "2"], Float[Array, ""], Bool[Array, ""]]]:
        """The next shift, of a saliency map with a peak of 1.

        Without a winner a time of `tau` passes while inhibition fades.

        Returns:
            The state afterwards, and place, time of arrival [ms] and whether there was a winner.
        """
        key, drawn = jax.random.split(state.key)
        noise = jnp.exp(self.noise * jax.random.normal(drawn, saliency.shape, saliency.dtype))
        received = saliency * noise * (1.0 - state.inhibition)
        winner = jnp.argmax(received)
        share = self.threshold / jnp.maximum(jnp.max(received), self.threshold)
        won = share < 1.0
        wait = jnp.where(won, -self.tau * jnp.log1p(-jnp.where(won, share, 0.0)), self.tau)
        place = _place(winner, saliency.shape)
        faded = state.inhibition * jnp.exp(-wait / self.recovery)
        new = faded + (1.0 - faded) * self._focus(place, saliency.shape)
        after = ScanState(state.time + wait, jnp.where(won, new, faded), key)
        return after, (place, after.time, won)

    def _focus(self, place: Float[Array, "2"], shape: tuple[int, ...]) -> Map:
        """A Gaussian of peak 1, round on the image."""
        shorter = min(shape)
        rows, columns = (
            jnp.exp(-((((jnp.arange(n) + 0.5) / n - at) * n / shorter / self.spread) ** 2) / 2)
            for n, at in zip(shape, place, strict=True)
        )
        return rows[:, None] * columns[None, :]


def scan_path(
    competition: WinnerTakeAll,
    saliency: Map | Float[Array, "frames height width"],
    shifts: int,
    key: PRNGKeyArray | None = None,
    interval: float | Array = 40.0,
) -> ScanPath:
    """The first shifts of attention over a saliency map, or over those of a sequence of frames.

    Args:
        competition: who wins.
        saliency: >= 0, of any scale; divided by its largest value. Of a sequence, the frame
            that is shown when a competition begins decides, and the last one stays.
        shifts: how many.
        key: of the noise; not needed without.
        interval: from frame to frame [ms].
    """
    frames = saliency if saliency.ndim == 3 else saliency[None]
    largest = jnp.max(frames)
    frames = frames / jnp.where(largest > 0, largest, 1.0)
    start = ScanState(
        time=jnp.zeros((), frames.dtype),
        inhibition=jnp.zeros_like(frames[0]),
        key=jax.random.key(0) if key is None else key,
    )

    def step(state: ScanState, _: None) -> tuple[ScanState, ScanPath]:
        shown = jnp.minimum((state.time / interval).astype(int), len(frames) - 1)
        after, found = competition.shift(state, frames[shown])
        return after, ScanPath(*found)

    return jax.lax.scan(step, start, length=shifts)[1]


def _place(winner: Int[Array, ""], shape: tuple[int, ...]) -> Float[Array, "2"]:
    height, width = shape
    return jnp.stack([(winner // width + 0.5) / height, (winner % width + 0.5) / width])
