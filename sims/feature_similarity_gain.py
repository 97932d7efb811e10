"""Feature-similarity gain: responses scale with the likeness of attended and preferred feature.

A ring of orientations at each of several places, the places weakly connected. A grating is
shown, on a steady untuned background that keeps all units above threshold, and one orientation is
attended: at all places (the attended feature is spread over the visual field by the top-down
signal) or, as a control, at the first place only (whatever reaches the others goes through the
circuit). Tuning curves with and without attention say whether a unit is scaled, and the ratio
attended/unattended against (attended - preferred) orientation whether the scale is graded by
similarity. The slope and intercept of that ratio over 9 orientations, with the orientation that
is shown attended, are the test of Lindsay & Miller 2018.

Source: Treue & Martínez-Trujillo 1999, Nature 399:575, and Martínez-Trujillo & Treue 2004, Curr.
Biol. 14:744, for the effect; Lindsay & Miller 2018, eLife 7:e38105, for the test; the circuit of
Rubin, Van Hooser & Miller 2015; places, background and strengths are our design.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import attention_ratio, linear_fit, tuning_width
from cortex.circuit import EI, Circuit, DenseCoupling, Modulation, SteadyState, steady_state
from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.models import (
    UNATTENDED_AND_FORMS,
    AttentionSection,
    RingSection,
    SettlingSection,
    ring_circuit,
    unattended_and_forms,
)
from cortex.models.ring import RUBIN
from cortex.stimuli.ring import circular_distance, ring_bump, ring_positions

HERE = "chosen here"
LINDSAY = "Lindsay & Miller 2018"


class PlacesSection(Section):
    """Several places with a ring each; nothing tells them apart but their connections."""

    count: int = quantity(2, "1", "number of places", source=HERE, ge=2, le=8)
    across: float = quantity(
        0.1, "1", "share of every weight that comes from other places", source=HERE, ge=0, le=1
    )


class StimulusSection(Section):
    """The grating, the same at every place where one is shown."""

    contrast: float = quantity(40.0, "%", "contrast of the grating", source=HERE, gt=0)
    background: float = quantity(
        10.0, "%", "untuned drive of all units; 0 leaves those far away silent", source=HERE, ge=0
    )
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )
    shown: int = quantity(
        60, "1", "orientations shown for tuning curves, evenly spaced", source=HERE, ge=8
    )
    tested: int = quantity(
        9, "1", "orientations of the ratio test, evenly spaced, odd", source=LINDSAY, ge=5
    )

    @model_validator(mode="after")
    def _odd(self) -> StimulusSection:
        if self.tested % 2 == 0:
            raise ValueError(f"tested: found {self.tested}, allowed: an odd number >= 5 [1]")
        return self


class FeatureSection(AttentionSection):
    """What is attended: a bump of input over the ring at the attended orientation."""

    orientation: float = quantity(90.0, "deg", "attended orientation", source=HERE)
    width: float = quantity(30.0, "deg", "width of the attended bump", source=HERE, gt=0)


class Config(ExperimentConfig):
    """Configuration of `feature_similarity_gain`."""

    circuit: RingSection = RingSection(units=60)
    places: PlacesSection = PlacesSection()
    stimulus: StimulusSection = StimulusSection()
    attention: FeatureSection = FeatureSection()
    solver: SettlingSection = SettlingSection()


SPREADS = ("everywhere", "first place only")
DEFAULT = "input to E"


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Tuning curves, and the ratio test, with and without attention.

    The first place shows the attended orientation throughout; all others show each orientation
    in turn, and nothing (the last stimulus). The units recorded are those of the last place.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit`, `places`, `stimulus` and `attention` (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration. `J` is given for 180 units and scaled by 180/units.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        ``rates_E``, ``rates_I`` [Hz] (spread, attention, stimulus, unit) of the last place, the
        attention of `UNATTENDED_AND_FORMS`; what `CURVES` names, (spread, attention, unit);
        ``test`` (attention, unit, position), attended/unattended rate by how near the orientation
        that is shown and attended is to the preferred one; ``test_slope``, ``test_intercept``
        (attention, unit) of its line; ``residual`` [Hz] and ``converged`` (state). Rates of a
        circuit that ran away are NaN.
    """
    del key
    ring, shown, places = config.circuit, config.stimulus, config.places.count
    circuit = connected_rings(ring, config.places)
    preferred = ring_positions(ring.units, ring.period)
    attended = jnp.asarray(config.attention.orientation, float)
    solver = config.solver.integrate()

    def respond(drive: Array, modulation: Modulation) -> SteadyState:
        return steady_state(circuit, EI(drive, drive), modulation, solver=solver)

    def grating(orientation: Array) -> Array:
        return shown.contrast * ring_bump(preferred, orientation, shown.width, ring.period)

    def modulation(orientation: Array, where: Array) -> Modulation:
        field = ring_bump(preferred, orientation, config.attention.width, ring.period)
        return unattended_and_forms(config.attention, jnp.kron(where, field))

    first = jnp.asarray([1.0] + [0.0] * (places - 1))
    others, all_places = 1.0 - first, jnp.ones(places)

    tuning = attended + ring_positions(shown.shown, ring.period)
    probes = jnp.concatenate([jax.vmap(grating)(tuning), jnp.zeros((1, ring.units))])
    drives = shown.background + jax.vmap(
        lambda probe: jnp.kron(first, grating(attended)) + jnp.kron(others, probe)
    )(probes)
    modulations = jax.vmap(lambda where: modulation(attended, where))(
        jnp.stack([all_places, first])
    )
    each = jax.vmap(jax.vmap(jax.vmap(respond, (0, None)), (None, 0)), (None, 0))
    curves = each(drives, modulations)
    rates = curves.rates.map(lambda r: r[..., -ring.units :])

    # The orientation that is attended is shown, everywhere.
    tested = ring_positions(shown.tested, ring.period)
    test = jax.vmap(
        lambda orientation: jax.vmap(respond, (None, 0))(
            shown.background + jnp.kron(all_places, grating(orientation)),
            modulation(orientation, all_places),
        )
    )(tested)
    ratios = test.rates.E[..., -ring.units :]
    ratios = attention_ratio(ratios, jnp.broadcast_to(ratios[:, :1], ratios.shape))
    position = by_position(jnp.moveaxis(ratios, 0, -1), tested, preferred, ring.period)
    order = jnp.broadcast_to(jnp.arange(position.shape[-1], dtype=float), position.shape)
    slope, intercept, _ = linear_fit(order, position)
    return {
        "rates_E": rates.E,
        "rates_I": rates.I,
        **_scaling(rates.E, tuning, preferred, attended, ring.period),
        "test": position,
        "test_slope": slope,
        "test_intercept": intercept,
        "residual": jnp.concatenate([curves.residual.ravel(), test.residual.ravel()]),
        "converged": jnp.concatenate([curves.converged.ravel(), test.converged.ravel()]),
    }


def connected_rings(ring: RingSection, places: PlacesSection) -> Circuit:
    """A ring at every place; each weight comes to the share `across` from the other places.

    Units are in the order of places, then of orientations. With the same input at every place
    each ring is the published one.
    """
    base = ring_circuit(ring)
    same = jnp.eye(places.count)
    mixing = (1 - places.across) * same + places.across / (places.count - 1) * (1 - same)
    weights = base.coupling.matrices().map(lambda w: jnp.kron(mixing, w))
    return Circuit(populations=base.populations, coupling=DenseCoupling(weights))


def by_position(ratios: Array, tested: Array, preferred: Array, period: float) -> Array:
    """Ratios (..., unit, orientation) by nearness to the preferred one: (..., unit, position).

    Position 0 is the nearest orientation, 1 the mean of the next two, and so on
    (Lindsay & Miller 2018).
    """
    distance = circular_distance(tested[None, :], preferred[:, None], period)
    order = jnp.broadcast_to(jnp.argsort(distance, axis=-1), ratios.shape)
    ordered = jnp.take_along_axis(ratios, order, -1)
    return jnp.concatenate(
        [ordered[..., :1], 0.5 * (ordered[..., 1::2] + ordered[..., 2::2])], axis=-1
    )


def _scaling(
    rates: Array, tuning: Array, preferred: Array, attended: Array, period: float
) -> dict[str, Array]:
    """What `CURVES` names from E rates (spread, attention, stimulus, unit)."""
    unattended = jnp.broadcast_to(rates[:, :1], rates.shape)
    ratio = attention_ratio(rates, unattended)
    before, after = (jnp.moveaxis(r[:, :, :-1], 2, -1) for r in (unattended, rates))
    gain, offset, explained = linear_fit(before, after)
    own = jnp.argmin(circular_distance(tuning[:, None], preferred[None, :], period), axis=0)
    own = jnp.broadcast_to(own, (*ratio.shape[:2], 1, own.shape[0]))
    across = jnp.argmax(circular_distance(tuning, jnp.full_like(tuning, attended), period))
    return {
        "gain": gain,
        "offset": offset / jnp.max(before, -1),
        "gain_r2": explained,
        "width": tuning_width(after, period),
        "ratio_own": jnp.take_along_axis(ratio, own, 2)[:, :, 0],
        "ratio_across": ratio[:, :, across],
        "ratio_blank": ratio[:, :, -1],
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    count = 8 * (config.stimulus.shown + 1) + 4 * config.stimulus.tested
    with progress.stage(f"{count} steady states"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


CURVES = {
    "gain": ("1", "slope of the attended against the unattended tuning curve"),
    "offset": ("1", "its intercept, as a share of the unattended peak"),
    "gain_r2": ("1", "share of the attended tuning curve that the line explains"),
    "width": ("deg", "width of the tuning curve at half its height"),
    "ratio_own": ("1", "attended/unattended rate, preferred orientation shown"),
    "ratio_across": ("1", "attended/unattended rate, orientation across from the attended shown"),
    "ratio_blank": ("1", "attended/unattended rate, nothing shown but the background"),
}


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    ring, attended = config.circuit, config.attention.orientation
    half = ring.period / 2

    def signed(place: np.ndarray) -> np.ndarray:
        return np.mod(place - attended + half, ring.period) - half

    preferred = np.arange(ring.units) * ring.period / ring.units
    shown = np.arange(config.stimulus.shown) * ring.period / config.stimulus.shown
    positions = np.arange(found["test"].shape[-1])
    coordinates = {
        "spread": variable("spread", list(SPREADS), "1", "where the feature is attended"),
        "attention": variable("attention", list(UNATTENDED_AND_FORMS), "1", "form of attention"),
        "preferred": variable("preferred", preferred, "deg", "preferred orientation"),
        "similarity": variable(
            "preferred", -signed(preferred), "deg", "attended - preferred orientation"
        ),
        "stimulus": variable(
            "stimulus", [*np.mod(attended + shown, ring.period), np.nan], "deg", "shown; NaN: blank"
        ),
        "position": variable("position", positions, "1", "rank of nearness to the preferred one"),
    }
    states = ("spread", "attention")
    kept = {
        "residual": variable("state", found["residual"], "Hz", "largest residual of the state"),
        "converged": variable("state", found["converged"], "1", "whether the state was reached"),
    }
    for name, dims, units, words in (
        ("rates_E", (*states, "stimulus", "preferred"), "Hz", "excitatory rate, last place"),
        ("rates_I", (*states, "stimulus", "preferred"), "Hz", "inhibitory rate, last place"),
        ("test", ("attention", "preferred", "position"), "1", "attended/unattended rate"),
        ("test_slope", ("attention", "preferred"), "1", "slope of the ratio over positions"),
        ("test_intercept", ("attention", "preferred"), "1", "intercept of the same line"),
        *((name, (*states, "preferred"), *rest) for name, rest in CURVES.items()),
    ):
        kept[name] = variable(dims, found[name], units, words)
    return xr.Dataset(kept, coordinates)


TREUE = "Treue & Martínez-Trujillo 1999, Nature 399:575 (direction)"
MARTINEZ = "Martínez-Trujillo & Treue 2004, Curr. Biol. 14:744 (direction)"
FSGM = "Lindsay & Miller 2018, eLife 7:e38105: what the feature-similarity gain model means"
LOCAL = (
    "With the input at the first place only, the connections between places pass on competition, "
    "not the feature: that attention to a feature acts everywhere is put in by the top-down "
    "signal here, it does not come out of the circuit."
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Whether tuning curves are scaled, by how much, where; expectations for the input to E."""
    near = int(np.argmin(np.abs(data["similarity"].values)))
    far = int(np.argmax(np.abs(data["similarity"].values)))
    measures = []
    for form in UNATTENDED_AND_FORMS[1:]:
        at = data.sel(attention=form, spread=SPREADS[0])
        before = data["width"].sel(attention="unattended", spread=SPREADS[0])
        place = np.abs(data["similarity"].values)
        grading = np.corrcoef(place, at["ratio_own"].values)[0, 1]
        rows = (
            ("fsgm_slope", at["test_slope"].mean(skipna=False), "< 0", FSGM,
             "the ratio falls with distance from the preferred feature"),
            ("fsgm_intercept", at["test_intercept"].mean(skipna=False), "> 1", FSGM,
             "attention raises responses to the preferred feature"),
            ("gain_attended_preferred", at["gain"][near], "> 1", TREUE,
             "attending its preferred feature scales a cell's tuning curve up"),
            ("gain_attended_across", at["gain"][far], "< 1", MARTINEZ,
             "attending the feature across scales it down"),
            ("gain_fit_r2_smallest", at["gain_r2"].min(skipna=False), "> 0.95 (chosen here)",
             TREUE, "attended tuning curves are scaled copies of unattended ones"),
            ("width_ratio", at["width"][near] / before[near], "0.9 to 1.1 (chosen here)", TREUE,
             "attention leaves the width of tuning as it is"),
            ("ratio_distance_correlation", grading, "< 0", MARTINEZ,
             "the modulation is graded by (attended - preferred)"),
            ("ratio_blank", at["ratio_blank"][near], "> 1", TREUE,
             "the attended feature gains where nothing is shown, too"),
        )  # fmt: skip
        for name, value, expected, provenance, effect in rows:
            named = {"name": f"{name}[{form}]", "value": value, "unit": "1", "effect": effect}
            measures.append(
                Measure.expecting(
                    **named, expected=expected, provenance=provenance, headline="fsgm" in name
                )
                if form == DEFAULT
                else Measure.reported(**named)
            )
        local = data.sel(attention=form, spread=SPREADS[1])
        for name, value, note in (
            ("offset", at["offset"][near], "additive part, as a share of the unattended peak"),
            ("gain_attended_preferred_local", local["gain"][near], LOCAL),
        ):
            measures.append(Measure.reported(f"{name}[{form}]", value, "1", note=note))
    return [*measures, converged_share(data)]
