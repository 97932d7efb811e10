"""Three visual areas, V1, V2 and V4, as one circuit, and how attention enters it."""

from __future__ import annotations

from typing import Any

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
from cortex.experiment import NonNegative, Positive, Section, quantity
from cortex.stimuli import line

from .top_down import FORMS, AttentionSection

RUBIN = "Rubin et al. 2015, Fig. 2, as transcribed by one other, in units of its spacing"
HERE = "chosen here"

AREAS = ("V1", "V2", "V4")

# Where and how attention enters: the three forms in V4, and a control at the bottom.
AT_THE_BOTTOM = "gain on drive of V1"
ENTRIES = (*FORMS, AT_THE_BOTTOM)


class HierarchySection(Section):
    """Three lines over one stretch of the visual field, each coarser than the one before.

    Within an area the weights are those of the published line as a function of the distance in
    units: every area is the same circuit on its own map. What goes between areas is our choice.
    """

    units: tuple[int, int, int] = quantity(
        (49, 25, 13), "1", "number of E/I pairs of V1, V2 and V4", source=HERE
    )
    field: float = quantity(
        16.0, "deg", "stretch of the visual field, from first to last unit", source=HERE, gt=0
    )
    W_EE: float = quantity(1.0, "1/Hz", "peak weight from E onto E", source=RUBIN, ge=0)
    W_IE: float = quantity(1.25, "1/Hz", "peak weight from E onto I", source=RUBIN, ge=0)
    W_EI: float = quantity(1.0, "1/Hz", "weight from I onto E, same site", source=RUBIN, ge=0)
    W_II: float = quantity(0.75, "1/Hz", "weight from I onto I, same site", source=RUBIN, ge=0)
    sigma_EE: float = quantity(
        2.0, "1", "width of the weights E onto E, in units of the area", source=RUBIN, ge=0
    )
    sigma_IE: float = quantity(
        4.0, "1", "width of the weights E onto I, in units of the area", source=RUBIN, ge=0
    )
    k: float = quantity(0.01, "Hz", "rate at an input of 1", source=RUBIN, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", source=RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", source=RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", source=RUBIN, gt=0)
    feedforward: tuple[NonNegative, NonNegative] = quantity(
        (4.0, 4.0),
        "%/Hz",
        "drive of V2 by the mean V1 rate, and of V4 by that of V2",
        source="chosen here so that a 50 % stimulus drives every area about alike",
    )
    feedforward_width: tuple[Positive, Positive] = quantity(
        (0.7, 1.4), "deg", "width of the forward pools of V2 and of V4", source=HERE
    )
    feedforward_to_I: float = quantity(
        1.0, "1", "forward input to I relative to E, as of the stimulus drive", source=HERE, ge=0
    )
    feedback: tuple[NonNegative, NonNegative] = quantity(
        (0.5, 0.5), "%/Hz", "input to V1 by the mean V2 rate, and to V2 by that of V4", source=HERE
    )
    feedback_width: tuple[Positive, Positive] = quantity(
        (1.0, 2.0), "deg", "width of the feedback pools of V1 and of V2", source=HERE
    )
    feedback_to_I: float = quantity(0.0, "1", "feedback to I relative to E", source=HERE, ge=0)

    @model_validator(mode="after")
    def _sizes(self) -> HierarchySection:
        for count in self.units:
            if not 3 <= count <= 1024:
                raise ValueError(f"units: found {count}, allowed: 3 to 1024 an area [1]")
        return self


def hierarchy_positions(hierarchy: HierarchySection) -> tuple[Float[Array, " unit"], ...]:
    """Places of the units of each area [deg], 0 in the middle of the field."""
    return tuple(
        (jnp.arange(count) / (count - 1) - 0.5) * hierarchy.field for count in hierarchy.units
    )


def hierarchy_circuit(hierarchy: HierarchySection, top_gain: Any = 1.0) -> Circuit:
    """The three areas as one circuit of shape (units of V1 + V2 + V4,).

    Parameters
    ----------
    hierarchy
        The configuration.
    top_gain
        Gain on the forward input to E and I of V4, a scalar or one value a unit of V4, >= 0: the
        gain on the drive of an area that no stimulus drives.

    Returns
    -------
    Circuit
        Its coupling is an `AreasCoupling`, whose ``split`` gives the areas' rates.
    """
    return Circuit(_populations(hierarchy), _coupling(hierarchy, top_gain))


def _coupling(hierarchy: HierarchySection, top_gain: Any) -> AreasCoupling:
    places = hierarchy_positions(hierarchy)
    projections = []
    for low, gain in ((0, 1.0), (1, top_gain)):
        high = low + 1
        up, down = hierarchy.feedforward[low], hierarchy.feedback[low]
        forward = gaussian_pooling(places[high], places[low], hierarchy.feedforward_width[low])
        backward = gaussian_pooling(places[low], places[high], hierarchy.feedback_width[low])
        onto = EI(up * gain, up * gain * hierarchy.feedforward_to_I)
        projections.append(LongRange(low, high, forward, onto))
        onto = EI(down, down * hierarchy.feedback_to_I)
        projections.append(LongRange(high, low, backward, onto))
    return AreasCoupling([_area(hierarchy, count) for count in hierarchy.units], projections)


def area_circuits(hierarchy: HierarchySection) -> tuple[Circuit, ...]:
    """Each area by itself, for its regime; what it receives from the others is its drive."""
    return tuple(
        Circuit(_populations(hierarchy), _area(hierarchy, count)) for count in hierarchy.units
    )


def hierarchy_drive(
    hierarchy: HierarchySection, places: Any, length: Any, contrast: Any, edge: Any
) -> EI[Array]:
    """Drive of line stimuli at `places` [deg]: E and I of V1 receive it alike, no other area.

    Parameters
    ----------
    hierarchy
        The configuration.
    places
        Middles of the stimuli [deg], a sequence.
    length, contrast
        Of each stimulus [deg, %].
    edge
        Scale of the logistic edge, as a share of the distance between V1 units.

    Returns
    -------
    EI
        Arrays (units of V1 + V2 + V4,) [%].
    """
    x, *others = hierarchy_positions(hierarchy)
    scale = edge * hierarchy.field / (hierarchy.units[0] - 1)
    seen = sum((line(x - place, length, scale) for place in places), jnp.zeros_like(x))
    drive = jnp.concatenate([contrast * seen, *(jnp.zeros_like(y) for y in others)])
    return EI(drive, drive)


def units_at(hierarchy: HierarchySection, place: Any) -> Int[Array, " area"]:
    """Of each area, the number in the whole circuit of the unit nearest to `place` [deg]."""
    first = [0, hierarchy.units[0], sum(hierarchy.units[:2])]
    nearest = [jnp.argmin(jnp.abs(x - place)) for x in hierarchy_positions(hierarchy)]
    return jnp.stack([start + unit for start, unit in zip(first, nearest, strict=True)])


class FocusSection(AttentionSection):
    """Attention to one place: its strengths, and how far it reaches."""

    width: float = quantity(
        2.0, "deg", "standard deviation of attention around its place", source=HERE, gt=0
    )


def attention_at(
    hierarchy: HierarchySection, focus: FocusSection, entry: str | None, place: Any
) -> tuple[Float[Array, " unit"], Modulation]:
    """Attention to a place, as a gain for `hierarchy_circuit` and a modulation.

    No stimulus drives V4: its "gain on drive" is a gain on what V2 sends it, which is a matter
    of the circuit and not of the modulation.

    Parameters
    ----------
    hierarchy, focus
        The configuration.
    entry
        One of `ENTRIES`, or None for no attention.
    place
        What is attended [deg].

    Returns
    -------
    The gain, of shape (units of V4,), and the modulation, every member of shape
    (units of V1 + V2 + V4,); both are all ones or zeros where they do nothing.
    """
    places = hierarchy_positions(hierarchy)
    near = [jnp.exp(-((x - place) ** 2) / (2 * focus.width**2)) for x in places]
    flat = [jnp.zeros_like(x) for x in places]
    top = jnp.concatenate([*flat[:-1], near[-1]])
    bottom = jnp.concatenate([near[0], *flat[1:]])
    to_E = focus.input if entry in (FORMS[0], FORMS[2]) else 0.0
    to_I = focus.to_I if entry == FORMS[2] else 0.0
    top_gain = 1 + (focus.gain if entry == FORMS[1] else 0.0) * near[-1]
    drive_gain = 1 + (focus.gain if entry == AT_THE_BOTTOM else 0.0) * bottom
    modulation = Modulation(
        drive_gain=EI(drive_gain, drive_gain), input=EI(to_E * top, to_E * to_I * top)
    )
    return top_gain, modulation


def area_eigenvalues(
    hierarchy: HierarchySection, rates: EI[Any], drive: EI[Any]
) -> Float[Array, " area"]:
    """Leading eigenvalue of each area's E units alone [1], by `leading_excitatory_eigenvalue`.

    What an area receives from the others counts as its drive.
    """
    coupling = _coupling(hierarchy, 1.0)
    received = drive.map(lambda a, b: a + b, coupling.incoming(rates))
    given = [coupling.split(values) for values in (rates.E, rates.I, received.E, received.I)]
    found = [
        leading_excitatory_eigenvalue(area, EI(*state), EI(to_E, to_I))
        for area, *state, to_E, to_I in zip(area_circuits(hierarchy), *given, strict=True)
    ]
    return jnp.stack(found)


def _populations(hierarchy: HierarchySection) -> Populations:
    return Populations(
        tau=EI(hierarchy.tau_E, hierarchy.tau_I),
        k=EI(hierarchy.k, hierarchy.k),
        n=EI(hierarchy.n, hierarchy.n),
    )


def _area(hierarchy: HierarchySection, count: int) -> Any:
    return line_coupling(
        count,
        1.0,
        Projections(EE=hierarchy.W_EE, EI=hierarchy.W_EI, IE=hierarchy.W_IE, II=hierarchy.W_II),
        Projections(EE=hierarchy.sigma_EE, EI=0.0, IE=hierarchy.sigma_IE, II=0.0),
    )
