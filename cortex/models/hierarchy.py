"""Three visual areas, V1, V2 and V4, as one circuit."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import model_validator

from cortex.circuit import (
    EI,
    AreasCoupling,
    Circuit,
    LongRange,
    Modulation,
    Populations,
    Projections,
    gaussian_pooling,
    leading_excitatory_eigenvalue,
    line_coupling,
)
from cortex.settings import NonNegative, Positive, Settings, quantity, replaced
from cortex.sources import Source
from cortex.stimuli import line

RUBIN = Source("rubin2015", "Fig. 2, as transcribed by one other, in units of its spacing")
ALIKE = Source(detail="chosen here so that a 50 % stimulus drives every area about alike")

AREAS = ("V1", "V2", "V4")


class Hierarchy(Settings):
    """Three lines over one stretch of the visual field, each coarser than the one before.

    Within an area the weights are those of the published line as a function of the distance in
    units: every area is the same circuit on its own map. What goes between areas is our choice.
    """

    units: tuple[int, int, int] = quantity((49, 25, 13), "1", "number of E/I pairs of each area")
    field: float = quantity(
        16.0, "deg", "stretch of the visual field, from first to last unit", gt=0
    )
    W_EE: float = quantity(1.0, "1/Hz", "peak weight from E onto E", RUBIN, ge=0)
    W_IE: float = quantity(1.25, "1/Hz", "peak weight from E onto I", RUBIN, ge=0)
    W_EI: float = quantity(1.0, "1/Hz", "weight from I onto E, same site", RUBIN, ge=0)
    W_II: float = quantity(0.75, "1/Hz", "weight from I onto I, same site", RUBIN, ge=0)
    sigma_EE: float = quantity(
        2.0, "1", "width of the weights E onto E, in units of the area", RUBIN, ge=0
    )
    sigma_IE: float = quantity(
        4.0, "1", "width of the weights E onto I, in units of the area", RUBIN, ge=0
    )
    k: float = quantity(0.01, "Hz", "rate at an input of 1", RUBIN, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RUBIN, gt=0)
    feedforward: tuple[NonNegative, NonNegative] = quantity(
        (4.0, 4.0), "%/Hz", "drive of V2 by the mean V1 rate, and of V4 by that of V2", ALIKE
    )
    feedforward_width: tuple[Positive, Positive] = quantity(
        (0.7, 1.4), "deg", "width of the forward pools of V2 and of V4"
    )
    feedforward_to_I: float = quantity(
        1.0, "1", "forward input to I relative to E, as of the stimulus drive", ge=0
    )
    feedback: tuple[NonNegative, NonNegative] = quantity(
        (0.5, 0.5), "%/Hz", "input to V1 by the mean V2 rate, and to V2 by that of V4"
    )
    feedback_width: tuple[Positive, Positive] = quantity(
        (1.0, 2.0), "deg", "width of the feedback pools of V1 and of V2"
    )
    feedback_to_I: float = quantity(0.0, "1", "feedback to I relative to E", ge=0)

    @model_validator(mode="after")
    def _sizes(self) -> Hierarchy:
        for count in self.units:
            if not 3 <= count <= 1024:
                raise ValueError(f"units: found {count}, allowed: 3 to 1024 an area [1]")
        return self

    def circuit(self, top_gain: Any = 1.0) -> Circuit:
        """The three areas as one circuit of shape (units of V1 + V2 + V4,).

        Args:
            top_gain: gain on the forward input to E and I of V4, >= 0, a number or one for each
                unit of V4: the gain on the drive of an area that no stimulus drives.

        Returns:
            A circuit whose coupling is an `AreasCoupling`; its ``split`` gives the areas' rates.
        """
        return Circuit(self._populations(), self._coupling(top_gain))

    def areas(self) -> tuple[Circuit, ...]:
        """Each area by itself; what it receives from the others is its drive."""
        return tuple(Circuit(self._populations(), self._area(count)) for count in self.units)

    def positions(self) -> tuple[Float[Array, " unit"], ...]:
        """Places of the units of each area [deg], 0 in the middle of the field."""
        return tuple((jnp.arange(n) / (n - 1) - 0.5) * self.field for n in self.units)

    def units_at(self, place: Any) -> Int[Array, " area"]:
        """Of each area, the number in the whole circuit of the unit nearest to a place [deg]."""
        first = (0, self.units[0], sum(self.units[:2]))
        nearest = [jnp.argmin(jnp.abs(x - place)) for x in self.positions()]
        return jnp.stack([start + unit for start, unit in zip(first, nearest, strict=True)])

    def around(self, place: Any, width: Any) -> tuple[Float[Array, " unit"], ...]:
        """A Gaussian around a place in each area, 1 at its peak; place and width in deg."""
        return tuple(jnp.exp(-((x - place) ** 2) / (2 * width**2)) for x in self.positions())

    def drive(self, places: Any, length: Any, contrast: Any, edge: Any) -> EI[Array]:
        """Drive of line stimuli: E and I of V1 receive it alike, no other area.

        Args:
            places: middles of the stimuli [deg], a sequence.
            length: length of each stimulus [deg].
            contrast: contrast of each stimulus [%].
            edge: scale of the logistic edge, as a share of the distance between V1 units.

        Returns:
            Arrays (units of V1 + V2 + V4,) [%].
        """
        x, *others = self.positions()
        scale = edge * self.field / (self.units[0] - 1)
        seen = sum((line(x - place, length, scale) for place in places), jnp.zeros_like(x))
        drive = jnp.concatenate([contrast * seen, *(jnp.zeros_like(y) for y in others)])
        return EI(drive, drive)

    def eigenvalues_E(self, rates: EI[Any], drive: EI[Any]) -> Float[Array, " area"]:
        """Leading eigenvalue of each area's E units alone [1]: above 1, inhibition stabilises it.

        What an area receives from the others counts as its drive.
        """
        coupling = self._coupling(1.0)
        received = drive.map(lambda a, b: a + b, coupling.incoming(rates))
        given = [coupling.split(values) for values in (rates.E, rates.I, received.E, received.I)]
        found = [
            leading_excitatory_eigenvalue(area, EI(*state), EI(to_E, to_I))
            for area, *state, to_E, to_I in zip(self.areas(), *given, strict=True)
        ]
        return jnp.stack(found)

    def _coupling(self, top_gain: Any) -> AreasCoupling:
        places = self.positions()
        projections = []
        for low, gain in ((0, 1.0), (1, top_gain)):
            high = low + 1
            up, down = self.feedforward[low] * gain, self.feedback[low]
            forward = gaussian_pooling(places[high], places[low], self.feedforward_width[low])
            backward = gaussian_pooling(places[low], places[high], self.feedback_width[low])
            onto = EI(up, up * self.feedforward_to_I)
            projections.append(LongRange(low, high, forward, onto))
            onto = EI(down, down * self.feedback_to_I)
            projections.append(LongRange(high, low, backward, onto))
        return AreasCoupling([self._area(count) for count in self.units], projections)

    def _populations(self) -> Populations:
        return Populations(
            tau=EI(self.tau_E, self.tau_I), k=EI(self.k, self.k), n=EI(self.n, self.n)
        )

    def _area(self, count: int) -> Any:
        return line_coupling(
            count,
            1.0,
            Projections(EE=self.W_EE, EI=self.W_EI, IE=self.W_IE, II=self.W_II),
            Projections(EE=self.sigma_EE, EI=0.0, IE=self.sigma_IE, II=0.0),
        )


class Entry(eqx.Module):
    """Where and how attention to a place enters; all ways are this module with other numbers.

    No stimulus drives V4: a gain on its drive is a gain on what V2 sends it.

    Attributes:
        input: input to E and I of V4 at the attended place [%].
        top: relative gain on what V2 sends V4, there.
        bottom: relative gain on the stimulus drive of V1, there.
        feedback: whether there is feedback, 1 or 0.
    """

    input: EI[Any]
    top: Any = 0.0
    bottom: Any = 0.0
    feedback: Any = 1.0

    def enter(
        self, hierarchy: Hierarchy, near: tuple[Array, ...], attended: Any
    ) -> tuple[Circuit, Modulation]:
        """The circuit and its modulation.

        Args:
            hierarchy: the areas.
            near: of `Hierarchy.around` the attended place.
            attended: 1 with attention, 0 without.
        """
        feedback = tuple(self.feedback * strength for strength in hierarchy.feedback)
        circuit = replaced(hierarchy, {"feedback": feedback}).circuit(
            1 + self.top * attended * near[-1]
        )
        flat = [jnp.zeros_like(x) for x in near]
        gain = 1 + jnp.concatenate([self.bottom * attended * near[0], *flat[1:]])
        to_V4 = self.input.map(lambda at: jnp.concatenate([*flat[:-1], at * attended * near[-1]]))
        return circuit, Modulation(drive_gain=EI(gain, gain), input=to_V4)
