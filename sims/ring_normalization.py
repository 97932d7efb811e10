"""Summation on the orientation ring: supralinear when weak, normalised when strong.

One grating, the orthogonal one, and both together are shown to a ring of E/I pairs over a range
of contrasts. The *sum weight* w = <s, r_both>/<s, s>, with s the sum of the two single responses,
says how the response to both compares with that sum: above 1 it is supralinear, below 1 the
gratings suppress each other. For gratings of unequal contrast the two weights of least squares
say how far the stronger one wins.

Source: Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as transcribed by others.
"""

from __future__ import annotations

from typing import SupportsFloat

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.circuit import EI, steady_state
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
    require_order,
)
from cortex.experiment.results import variable
from cortex.measures import COMPUTED, converged_share, pair_weights, sum_weight
from cortex.models import RingSection, SettlingSection, between, ring_circuit, stacked
from cortex.models.ring import RUBIN
from cortex.stimuli.ring import circular_distance, paired_bumps, ring_positions

HERE = "chosen here"


class StimulusSection(Section):
    """The gratings."""

    contrasts: tuple[Positive, ...] = quantity(
        (2.0, 10.0, 50.0),
        "%",
        "contrasts of the equal pair that measures are given for",
        source="contrast 50: Rubin et al. 2015; the others chosen here",
        min_length=1,
    )
    orientations: tuple[float, float] = quantity(
        (45.0, 135.0), "deg", "orientations of the two gratings", source=RUBIN
    )
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )
    unequal_pair: tuple[Positive, Positive] = quantity(
        (60.0, 20.0), "%", "contrasts of the unequal pair", source=HERE
    )
    share_low: float = quantity(
        0.1,
        "1",
        "lowest contrast of the second grating, as a share of the first",
        source=HERE,
        gt=0,
    )
    share_points: int = quantity(
        10, "1", "number of shares, evenly spaced up to 1", source=HERE, ge=2
    )
    axis_low: float = quantity(1.0, "%", "lowest contrast of the curves", source=HERE, gt=0)
    axis_high: float = quantity(100.0, "%", "highest contrast of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        49, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _distinct(self) -> StimulusSection:
        require_distinct(self, "contrasts")
        require_order(self, "axis_low", "axis_high", "%")
        if not self.share_low < 1:
            raise ValueError(f"share_low: found {self.share_low:g}, allowed: a number < 1")
        return self


class Config(ExperimentConfig):
    """Configuration of `ring_normalization`."""

    circuit: RingSection = RingSection()
    stimulus: StimulusSection = StimulusSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Steady responses to single gratings and pairs.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit` and `stimulus` (`cortex.experiment.replaced`).

    Parameters
    ----------
    config
        The configuration. `J` is given for 180 units and scaled by 180/units.
    key
        Not used: nothing here is random.

    Returns
    -------
    dict of arrays
        ``rates_E``, ``rates_I`` [Hz] (contrast, stimulus, unit) for the stimuli first grating,
        second grating, both, the contrasts those of the measures and then those of the curves;
        ``unequal_E``, ``unequal_I`` (stimulus, unit); ``w_E``, ``w_I`` (contrast);
        ``unequal_w_E``, ``unequal_w_I`` (grating); ``share_w_E`` (share, grating), the weights
        as the second grating's contrast rises to the first's; the inputs to the E unit at the first
        orientation, ``input_drive``, ``input_EE``, ``input_EI`` (contrast); ``residual`` [Hz] and
        ``converged`` (stimulus shown). Rates of a circuit that ran away are NaN.
    """
    del key
    ring, shown = config.circuit, config.stimulus
    circuit = ring_circuit(ring)
    preferred = ring_positions(ring.units, ring.period)
    orientations = jnp.stack([jnp.asarray(angle, float) for angle in shown.orientations])
    settling = config.solver.integrate()

    def respond(amplitudes: Array) -> tuple[EI, Array, Array]:
        drive = paired_bumps(preferred, orientations, amplitudes, shown.width, ring.period)
        state = steady_state(circuit, EI(drive, drive), settling=settling)
        return state.rates, state.residual, state.converged

    contrasts = all_contrasts(shown)
    which = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], float)
    equal = contrasts[:, None, None] * which[None]
    levels = jnp.stack([jnp.asarray(c, float) for c in shown.unequal_pair])
    share = shares(shown)
    second = jnp.concatenate([levels[1:], levels[0] * share])
    unequal = which[None] * jnp.stack([jnp.full_like(second, levels[0]), second], -1)[:, None]
    amplitudes = jnp.concatenate([equal, unequal]).reshape(-1, 2)
    rates, residual, converged = jax.vmap(respond)(amplitudes)

    everything = rates.map(lambda r: r.reshape(-1, 3, ring.units))
    paired = everything.map(lambda r: r[: contrasts.size])
    apart = everything.map(lambda r: r[contrasts.size])
    competing = everything.map(lambda r: r[contrasts.size + 1 :])
    distance = circular_distance(preferred, jnp.full_like(preferred, orientations[0]), ring.period)
    centre = jnp.argmin(distance)
    parts = jax.vmap(circuit.coupling.parts)(paired.map(lambda r: r[:, 0]))
    drive = paired_bumps(preferred, orientations, which[0], shown.width, ring.period)[centre]
    return {
        "rates_E": paired.E,
        "rates_I": paired.I,
        "r_E": paired.E[:, 0, centre],
        "r_I": paired.I[:, 0, centre],
        "w_E": sum_weight(paired.E),
        "w_I": sum_weight(paired.I),
        "unequal_E": apart.E,
        "unequal_I": apart.I,
        "unequal_w_E": pair_weights(apart.E),
        "unequal_w_I": pair_weights(apart.I),
        "share_w_E": pair_weights(competing.E),
        "input_drive": contrasts * drive,
        "input_EE": parts.EE[:, centre],
        "input_EI": parts.EI[:, centre],
        "residual": residual,
        "converged": converged,
    }


def all_contrasts(shown: StimulusSection) -> Array:
    """Contrasts [%] of the measures, then those of the curves."""
    axis = between(shown.axis_low, shown.axis_high, shown.axis_points, logarithmic=True)
    return jnp.concatenate([stacked(shown.contrasts), axis])


def shares(shown: StimulusSection) -> Array:
    """Contrasts of the second grating relative to the first, up to 1."""
    low = jnp.asarray(shown.share_low, float)
    return low + (1 - low) * jnp.linspace(0.0, 1.0, shown.share_points, dtype=low.dtype)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, and name the axes and units of what comes out."""
    shown = config.stimulus
    count = 3 * (len(shown.contrasts) + shown.axis_points + 1 + shown.share_points)
    with progress.stage(f"steady states of {count} stimuli"):
        found = jax.jit(lambda key: simulate(config, key))(jax.random.key(config.seed))
        found = {name: np.asarray(array) for name, array in found.items()}
    return label(config, found)


def label(config: Config, found: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    ring, shown = config.circuit, config.stimulus
    asked = len(shown.contrasts)
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    preferred = np.arange(ring.units) * ring.period / ring.units
    coordinates = {
        "contrast": variable("contrast", shown.contrasts, "%", "contrast of each grating"),
        "axis_contrast": variable("axis_contrast", axis, "%", "contrast of each grating"),
        "stimulus": variable("stimulus", ["first", "second", "both"], "1", "gratings shown"),
        "grating": variable("grating", ["first", "second"], "1", "grating of the unequal pair"),
        "share": variable(
            "share", shares(shown), "1", "contrast of the second grating relative to the first"
        ),
        "preferred": variable("preferred", preferred, "deg", "preferred orientation"),
    }
    kept = {
        "residual": variable("shown", found["residual"], "Hz", "largest residual of the state"),
        "converged": variable("shown", found["converged"], "1", "whether the state was reached"),
        "share_w_E": variable(
            ("share", "grating"), found["share_w_E"], "1", "weight of the excitatory responses"
        ),
    }
    curves = {
        "input_drive": ("%", "stimulus drive of the E unit at the grating"),
        "input_EE": ("%", "input from E of the E unit at the grating"),
        "input_EI": ("%", "input from I of the E unit at the grating (magnitude)"),
    }
    for E_or_I, kind in (("E", "excitatory"), ("I", "inhibitory")):
        curves[f"r_{E_or_I}"] = ("Hz", f"{kind} rate at the orientation of a single grating")
        curves[f"w_{E_or_I}"] = ("1", f"sum weight of the {kind} response")
        for name, dims, units, long_name in (
            (f"rates_{E_or_I}", ("contrast", "stimulus", "preferred"), "Hz", f"{kind} rate"),
            (f"unequal_{E_or_I}", ("stimulus", "preferred"), "Hz", f"{kind} rate, unequal pair"),
            (f"unequal_w_{E_or_I}", ("grating",), "1", f"weight of the {kind} single responses"),
        ):
            values = found[name][:asked] if "contrast" in dims else found[name]
            kept[name] = variable(dims, values, units, long_name)
    for name, words in curves.items():
        kept[name] = variable("contrast", found[name][:asked], *words)
        kept[f"axis_{name}"] = variable("axis_contrast", found[name][asked:], *words)
    return xr.Dataset(kept, coordinates)


# Steady states at the configuration above: (r_E, r_I, w_E, w_I) for each contrast.
TABLE = {
    2.0: (0.189, 0.193, 1.211, 1.225),
    10.0: (11.737, 15.666, 0.868, 0.973),
    50.0: (38.612, 87.177, 0.689, 0.761),
}
UNEQUAL = (0.898, 0.270)
PUBLISHED = (
    "published: Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1 (w_E = 0.69 at c = 50), "
    "by independent transcriptions"
)
WINNER = (
    "published: Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1 (winner-take-all), "
    "by independent transcriptions; the measure is ours"
)
TOLERANCE = 0.005


EFFECTS = {
    "r_E": "E rate at the orientation of one grating",
    "r_I": "I rate at the orientation of one grating",
    "w_E": "sum weight of the E response to two gratings",
    "w_I": "sum weight of the I response to two gratings",
}


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Responses and sum weights, with references where the configuration is the tabulated one."""
    tabulated = is_tabulated(config)
    measures = []
    for index, contrast in enumerate(config.stimulus.contrasts):
        row = TABLE.get(contrast) if tabulated else None
        for column, (name, effect) in enumerate(EFFECTS.items()):
            value = data[name].values[index]
            reference = None if row is None else row[column]
            unit = "Hz" if name.startswith("r_") else "1"
            measures.append(_row(f"{name}[c={contrast:g}]", value, unit, reference, effect))
        if tabulated and contrast == 50.0:
            measures.append(
                Measure.compared(
                    "w_E_published[c=50]",
                    data["w_E"].values[index],
                    "1",
                    reference=0.69,
                    absolute=0.005,
                    provenance=PUBLISHED,
                    headline=True,
                    effect="two strong gratings suppress each other",
                )
            )
    return [
        *measures,
        *_competition(config, data),
        *_curves(data, tabulated),
        converged_share(data),
    ]


def _competition(config: Config, data: xr.Dataset) -> list[Measure]:
    """Unequal contrasts: the weights of both gratings, and who wins."""
    measures = []
    # Without references the order of the pair is free; name the weights by who is stronger.
    order = np.argsort(config.stimulus.unequal_pair)[::-1]
    for name, index in zip(("strong", "weak"), order, strict=True):
        reference = UNEQUAL[index] if is_tabulated(config) else None
        value = data["unequal_w_E"].values[index]
        effect = f"weight of the {name}er of two unequal gratings"
        measures.append(_row(f"weights_unequal_pair_E[{name}]", value, "1", reference, effect))
    measures.append(
        Measure.expecting(
            "weak_weight_least_rise",
            np.min(np.diff(data["share_w_E"].values[:, 1])),
            "1",
            expected="> 0 (the weaker a grating, the smaller its weight)",
            provenance=WINNER,
            effect="unequal contrasts become winner-take-all",
        )
    )
    return measures


def is_tabulated(config: Config) -> bool:
    """Whether circuit and stimulus are those that the table was computed for.

    Which contrasts are asked for makes no difference.
    """
    own = {"contrasts", "share_low", "share_points", "axis_low", "axis_high", "axis_points"}
    same_stimulus = config.stimulus.model_dump(exclude=own) == StimulusSection().model_dump(
        exclude=own
    )
    return config.circuit == RingSection() and same_stimulus


def _row(
    name: str, value: SupportsFloat, unit: str, reference: float | None, effect: str
) -> Measure:
    if reference is None:
        return Measure.reported(name, value, unit)
    return Measure.compared(
        name,
        value,
        unit,
        reference=reference,
        relative=TOLERANCE,
        provenance=COMPUTED,
        effect=effect,
    )


def _curves(data: xr.Dataset, tabulated: bool) -> list[Measure]:
    """Where summation turns sublinear and where the network's share is largest."""
    contrast = data["axis_contrast"].values
    crossing = _crossing(np.log(contrast), data["axis_w_E"].values)
    drive, excitation, inhibition = (
        data[f"axis_input_{name}"].values for name in ("drive", "EE", "EI")
    )
    share = (excitation + inhibition) / (drive + excitation + inhibition)
    balance = excitation / (excitation + inhibition)
    peak = contrast[np.argmax(share)] if np.isfinite(share).all() else np.nan
    rise = np.max(np.diff(balance))
    flat = contrast[share >= 0.995 * np.max(share)] if np.isfinite(peak) else np.full(1, np.nan)
    rows = (
        ("sublinear_above", np.exp(crossing), "%", "8 to 10", "summation turns sublinear", ""),
        (
            "network_share_peak",
            peak,
            "%",
            "15 to 20 (stated as near)",
            "the network's share of the input peaks",
            f"The maximum is flat: the share stays within 0.5 % of it from {flat.min():.3g} to "
            f"{flat.max():.3g} %, so that a place of the peak means little.",
        ),
        (
            "E_over_E_plus_I_largest_rise",
            rise,
            "1",
            "< 0 (falls with contrast)",
            "inhibition's share of the network's input grows",
            "",
        ),
    )
    if not tabulated:
        return [Measure.reported(name, value, unit) for name, value, unit, *_ in rows]
    return [
        Measure.expecting(
            name,
            value,
            unit,
            expected=expected,
            provenance=COMPUTED,
            headline=True,
            effect=effect,
            note=note,
        )
        for name, value, unit, expected, effect, note in rows
    ]


def _crossing(place: np.ndarray, weight: np.ndarray) -> float:
    """Where the weight first falls through 1, by linear interpolation; NaN if nowhere."""
    below = np.flatnonzero((weight[:-1] > 1) & (weight[1:] <= 1))
    if below.size == 0:
        return float("nan")
    i = below[0]
    part = (weight[i] - 1) / (weight[i] - weight[i + 1])
    return float(place[i] + part * (place[i + 1] - place[i]))
