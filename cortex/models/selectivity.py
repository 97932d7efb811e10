"""What arousal does to responses by preference and place, against attention that selects.

All sources add gain of the same root mean square over maps and places.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import model_validator

from cortex.attention import (
    AbstractSource,
    Arousal,
    EnergyMatched,
    FeatureSimilarity,
    Query,
    SpatialWindow,
    State,
)
from cortex.circuit import EI, AbstractSteadyStateSolver, Modulation
from cortex.experiment import Positive, Section, quantity

from .orientation_field import OrientationFieldSection, PatchSection, patch_drives
from .patch_task import PatchTask

HERE = "chosen here"
SOURCES = ("arousal", "place", "orientation")


class SelectivitySection(Section):
    """Steady responses, by preference and by place."""

    contrast: float = quantity(16.0, "%", "of the patches", source=HERE, gt=0)
    gains: tuple[Positive, ...] = quantity(
        (0.5, 0.71, 1.0, 1.41, 2.0),
        "1",
        "gains that tuning curves are given for, 1 among them",
        source=HERE,
        min_length=2,
    )
    orientations: int = quantity(
        12,
        "1",
        "of the patches, evenly; a multiple of the preferred ones",
        source=HERE,
        ge=6,
    )
    energy: float = quantity(
        0.25, "1", "root mean square of the gain that all three sources add", source=HERE, gt=0
    )
    tolerance: float = quantity(
        0.1, "1", "change of the tuning width that counts as none", source=HERE, gt=0
    )
    window: float = quantity(
        0.125, "1", "width of attention to a place, as a share of the side", source=HERE, gt=0
    )

    @model_validator(mode="after")
    def _ordinary(self) -> SelectivitySection:
        if 1.0 not in self.gains:
            raise ValueError(f"gains: found {list(self.gains)}, allowed: with 1 among them")
        return self


def aroused(task: PatchTask, source: AbstractSource) -> Modulation:
    """What a source does to the field's circuit, every leaf of its shape; asked for the middle
    orientation and the first place.
    """
    nothing = jnp.zeros(task.circuit.shape)
    row, column = jnp.unravel_index(jnp.argmax(task.pooling[0]), nothing.shape[1:])
    query = Query(place=(jnp.stack([row, column]) + 0.5) / jnp.asarray(nothing.shape[1:]))
    given = source(nothing, State(EI(nothing, nothing), jnp.zeros(2)), query)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, nothing.shape), given)


def angle_drives(
    chosen: SelectivitySection, field: OrientationFieldSection, shown: PatchSection
) -> Float[Array, "orientations maps height width"]:
    """Drive by a patch of 1 % at the first place, of each of the orientations of the section."""
    angles = np.arange(chosen.orientations) * 180.0 / chosen.orientations
    first = shown.model_copy(update={"places": shown.places[:1]})
    return patch_drives(field, first, angles.tolist())[0]


def attended(chosen: SelectivitySection, task: PatchTask) -> Modulation:
    """What each of `SOURCES` does, and what none does: leaves (source or none, ...)."""
    maps = task.circuit.shape[0]
    preferred = jnp.arange(maps) * (180.0 / maps)
    values = jnp.cos(2 * jnp.deg2rad(preferred - preferred[maps // 2]))
    sources = (
        Arousal(),
        SpatialWindow(width=jnp.asarray(chosen.window)),
        FeatureSimilarity(values=values[None]),
    )
    given = [aroused(task, EnergyMatched(source, chosen.energy)) for source in sources]
    given.append(aroused(task, Arousal(strength=jnp.zeros(()))))
    return jax.tree.map(lambda *x: jnp.stack(x), *given)


def selectivity(
    chosen: SelectivitySection,
    task: PatchTask,
    angles: Float[Array, "orientations maps height width"],
    solver: AbstractSteadyStateSolver,
) -> dict[str, Array]:
    """Steady E rates with and without arousal, and with attention that selects.

    Args:
        chosen: the settings.
        task: circuit, and drives by patches at all places.
        angles: of `angle_drives`.
        solver: how steady states are found.

    Returns:
        ``tuning`` [Hz] (gain, orientation): of the map in the middle of the orientations, at the
        first place; ``by_place`` (source or none, place): each place's response to patches at all
        places at once; ``by_preference`` (source or none, preferred): each map's response to its
        own orientation at the first place; ``settled``, of all these.
    """
    places, maps = len(task.drives), task.circuit.shape[0]
    middle = maps // 2

    def respond(drive: Array, given: Modulation) -> tuple[Array, Array]:
        state = task.settle(task.empty() + chosen.contrast * drive, given, solver)
        return task.features(state.rates.E).reshape(places, -1), state.converged

    gains = [aroused(task, Arousal(strength=jnp.asarray(gain - 1.0))) for gain in chosen.gains]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *gains)
    curves, reached = jax.vmap(jax.vmap(respond, (0, None)), (None, 0))(angles, stacked)

    given = attended(chosen, task)
    everywhere = jnp.sum(task.drives[:, 0], axis=0)
    at_places, reached_places = jax.vmap(respond, (None, 0))(everywhere, given)
    own = angles[:: chosen.orientations // maps]
    at_angles, reached_angles = jax.vmap(jax.vmap(respond, (0, None)), (None, 0))(own, given)
    own_map = jnp.arange(maps)
    return {
        "tuning": curves[:, :, 0, middle],
        "by_place": jnp.sum(at_places, axis=-1),
        "by_preference": at_angles[:, own_map, 0, own_map],
        "settled": jnp.concatenate([r.ravel() for r in (reached, reached_places, reached_angles)]),
    }
