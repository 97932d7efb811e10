"""Uniform gain selects nothing: responses scale alike, whatever is preferred and wherever.

Shown: a grating at one of four places, or at all of them, of any orientation. Simulated: E/I
circuits over the visual field, driven by oriented Gabor filters, with one gain on all feed-forward
drive (the field's background included), or with attention to an orientation or to a place of the
same energy. Measured: what each changes in responses by place and by preference, and the width of
tuning at several gains. What arousal does to performance is shown by `arousal`.

Source: uniform gain as overall arousal: G. W. Lindsay's lecture on attention. Circuits and levels
chosen here.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import tuning_width
from cortex.attention import Arousal, EnergyMatched, FeatureSimilarity, SpatialWindow
from cortex.circuit import Modulation
from cortex.experiment import Below, Claim, Near
from cortex.labelled import Labelled, coordinate, over, quality
from cortex.models.orientation_field import FieldNoise, FixedPoint, OrientationField, Patches
from cortex.models.patch_task import PatchTask
from cortex.settings import Axis, axis, quantity
from cortex.sources import Source


class Settings(ex.ExperimentSettings):
    """Settings of `arousal_selectivity`."""

    field: OrientationField = OrientationField()
    patches: Patches = Patches()
    contrast: float = quantity(16.0, "%", "contrast of the gratings", gt=0)
    gains: Axis = axis(0.5, 0.71, 1.0, 1.41, 2.0, unit="1", description="gain on the drive")
    orientations: int = quantity(12, "1", "orientations of tuning curves", ge=6)
    energy: float = quantity(0.25, "1", "root mean square of the gain that sources add", gt=0)
    window: float = quantity(0.125, "1", "width of attention to a place, of the side", gt=0)
    settle: FixedPoint = FixedPoint(step=1.0)

    @model_validator(mode="after")
    def _every_map_has_its_orientation(self) -> Settings:
        if self.orientations % (unit := self.field.orientations):
            found = f"found {self.orientations}, allowed: multiples of {unit}"
            raise ValueError(f"orientations: {found}, the maps of the field")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Steady E rates with and without arousal, and with attention that selects."""
    del key  # nothing here is random
    task = PatchTask.of(s.field, s.patches, FieldNoise())
    places, maps = len(s.patches.places), s.field.orientations
    first = s.patches.model_copy(update={"places": s.patches.places[:1]})
    angles = np.arange(s.orientations) * 180.0 / s.orientations
    with jax.ensure_compile_time_eval():
        drives = first.drives(s.field, angles.tolist())[0]
    everywhere, own = jnp.sum(task.drives[:, 0], axis=0), drives[:: s.orientations // maps]
    values = jnp.cos(2 * jnp.deg2rad(s.field.preferred - s.field.preferred[maps // 2]))
    sources = {
        "arousal": Arousal(),
        "place": SpatialWindow(width=jnp.asarray(s.window)),
        "orientation": FeatureSimilarity(values=values[None]),
    }
    attended = {
        name: task.modulation(EnergyMatched(one, s.energy)) for name, one in sources.items()
    }
    attended |= {"none": task.modulation(Arousal(strength=jnp.zeros(())))}

    def respond(drive: Array, given: Modulation) -> tuple[Array, Any]:
        state = task.settle(task.empty() + s.contrast * drive, given, s.settle())
        return task.features(state.rates.E).reshape(places, -1), state

    def tuned(gain: Array, orientation: Array) -> tuple[Array, Any]:
        rates, state = respond(drives[orientation], task.modulation(Arousal(gain - 1.0)))
        return rates[0, maps // 2], state

    def at_places(given: Modulation) -> tuple[Array, Any]:
        rates, state = respond(everywhere, given)
        return jnp.sum(rates, axis=1), state

    def at_own(given: Modulation, number: Array) -> tuple[Array, Any]:
        rates, state = respond(own[number], given)
        return rates[0, number], state

    curves, one = over(gain=s.gains, turn=np.arange(s.orientations))(tuned)
    by_place, two = over(condition=attended)(at_places)
    by_preference, three = over(condition=attended, map=np.arange(maps))(at_own)
    turned = coordinate(angles, "deg", "orientation of the patch")
    tuning = curves.apply(lambda r: r, "turn", to={"orientation": turned})
    preferred = coordinate(s.field.preferred, "deg", "preferred orientation")
    own_response = by_preference.apply(lambda r: r, "map", to={"preferred": preferred})
    widths = tuning.apply(lambda curve: tuning_width(curve, 180.0), "orientation")
    return {
        "tuning": tuning.named("Hz", "E rate of one map"),
        "tuning_width": widths.named("deg", "width of the tuning curve at half"),
        "by_place": by_place.named("Hz", "E rate by place, patches at all", place=None),
        "by_preference": own_response.named("Hz", "E rate of each map to its own"),
        **quality(one, two, three),
    }


def spread_ratio(d: xr.Dataset) -> xr.DataArray:
    """How unequally arousal changes log rates, relative to attention that selects."""
    ratios = []
    by = ("place", "by_place", "place"), ("orientation", "by_preference", "preferred")
    for source, name, dim in by:
        change = np.log(d[name]) - np.log(d[name].sel(condition="none"))
        spread = change.std(dim)
        ratios.append(float(spread.sel(condition="arousal") / spread.sel(condition=source)))
    return xr.DataArray(ratios, {"by": ["place", "preference"]}, ("by",))


def width_ratio(d: xr.Dataset) -> xr.DataArray:
    """Tuning width at other gains over that at the ordinary one."""
    return (d.tuning_width / d.tuning_width.sel(gain=1)).sel(gain=d.gain != 1)


LECTURE = "direction: Lindsay's lecture on attention (overall arousal)"
TOLERANCE, BOUND = (Source(detail=f"{LECTURE}; {what} ours") for what in ("tolerance", "bound"))
SHARPER = "Tuning sharpens as drive grows, for the circuit turns from summing to suppression."

CLAIMS = (
    Claim(
        "width_ratio",
        width_ratio,
        Near(1.0, rtol=0.1),
        TOLERANCE,
        "tuning is as wide at other gains",
        known=SHARPER,
        unit="1",
    ),
    Claim(
        "spread_ratio",
        spread_ratio,
        Below(0.1),
        BOUND,
        "arousal scales responses alike, unlike attention of the same energy",
        headline=True,
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    small={
        "field.side": 24,
        "field.orientations": 4,
        "patches.places": [[0.5, 0.25], [0.5, 0.75]],
        "orientations": 8,
    },
)
