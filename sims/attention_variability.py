"""Attention lowers variability and noise correlations on the ring, in three forms.

A grating is attended or not, while noise (Ornstein-Uhlenbeck, correlated over the ring, shared by
the E and I of a pair) makes the rates fluctuate. Linear theory gives variance over mean of the E
unit at the grating, the correlation of a pair that straddles it (35° and 55° for 45°), pairs of
other tuning differences and at other places, and the power spectrum; simulation with noise, on a
ring of fewer units, confirms it. For rate units *variance over mean* is in Hz and is no Fano
factor of spike counts, to which spiking adds its own share; that share attention leaves alone.

The stated noise correlation exp(-d²/2 60²) has eigenvalues below zero on a ring of 180°, so no
noise has it; it is made possible by cutting them. Numbers "as stated" are linear theory alone.

Source: Cohen & Maunsell 2009, Nat Neurosci 12:1594, and Mitchell, Sundberg & Reynolds 2009,
Neuron 63:879 (the effects); the circuit of Rubin, Van Hooser & Miller 2015, Fig. 1, as
transcribed by others; noise of our own design.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis.variability import (
    STATISTICS,
    differences,
    label_simulation,
    pair_correlation,
)
from cortex.circuit import EI, Circuit, Modulation, fluctuations, power_spectrum, steady_state
from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.variability_rows import agreement, references
from cortex.models import (
    UNATTENDED_AND_FORMS,
    AttentionSection,
    RingSection,
    SettlingSection,
    ring_circuit,
    stacked,
    unattended_and_forms,
)
from cortex.models.variability import (
    GratingSection,
    NoiseSection,
    TrialsSection,
    stated_covariance,
)
from cortex.stimuli.ring import ring_bump, ring_positions

HERE = "chosen here"


class FocusSection(Section):
    """Which orientations are attended."""

    orientation: float = quantity(45.0, "deg", "attended orientation", source=HERE)
    width: float = quantity(
        30.0, "deg", "width of the Gaussian of attended orientations", source=HERE, gt=0
    )


class SpectrumSection(Section):
    """Power spectrum of the E unit at the grating."""

    contrast: float = quantity(10.0, "%", "contrast of the grating", source=HERE, gt=0)
    low: float = quantity(0.1, "Hz", "lowest frequency", source=HERE, gt=0)
    high: float = quantity(100.0, "Hz", "highest frequency", source=HERE, gt=0)
    points: int = quantity(
        61, "1", "number of frequencies, evenly spaced in logarithm", source=HERE, ge=8
    )
    slow: float = quantity(
        5.0,
        "Hz",
        "frequencies below this one are slow",
        source="Mitchell, Sundberg & Reynolds 2009, abstract",
        gt=0,
    )

    @model_validator(mode="after")
    def _ordered(self) -> SpectrumSection:
        if not self.low < self.slow < self.high:
            raise ValueError(
                f"slow: found {self.slow:g}, allowed: a number between low ({self.low:g}) and "
                f"high ({self.high:g}) [Hz]"
            )
        return self


class Config(ExperimentConfig):
    """Configuration of `attention_variability`."""

    circuit: RingSection = RingSection()
    stimulus: GratingSection = GratingSection()
    noise: NoiseSection = NoiseSection()
    attention: AttentionSection = AttentionSection(input=2.0)
    focus: FocusSection = FocusSection()
    spectrum: SpectrumSection = SpectrumSection()
    simulation: TrialsSection = TrialsSection()
    solver: SettlingSection = SettlingSection()


def simulate(config: Config, key: Array) -> dict[str, Array]:
    """Linear theory and simulation; see `linear` and `noisy`, whose arrays it returns together.

    Pure: runs under `jax.jit`, `jax.vmap` and `jax.grad` with arrays in place of the numbers of
    `circuit`, `stimulus`, `noise`, `attention` and `focus` (`cortex.experiment.replaced`).
    """
    return {**linear(config), **noisy(config, key)}


def linear(config: Config) -> dict[str, Array]:
    """Linear theory of the whole ring, unattended and attended in three forms.

    Returns
    -------
    dict of arrays
        ``rate`` [Hz], ``variance`` [Hz²], ``ratio`` (variance over mean [Hz]) of the E unit at
        the grating and ``correlation`` of the pair, over (attention, contrast): the contrasts of
        the measures and then those of the curves. ``by_difference`` (..., difference):
        correlation of all pairs that straddle the grating; ``by_place`` (..., unit): of pairs as
        far apart as the pair, around each unit. ``stated_ratio``, ``stated_correlation``
        (unattended or input to E, contrast): with the noise correlation as stated. ``power``
        (attention, frequency) [Hz²/Hz] of the E unit at the grating, ``power_rate`` (attention)
        its rate. ``residual`` [Hz] and ``converged`` (attention, contrast).
    """
    shown, units, period = config.stimulus, config.circuit.units, config.circuit.period
    noise, flanks = config.noise.on_ring(units, period), shown.flanks(units, period)
    around, step = jnp.arange(units), flanks.chosen

    def settle(contrast: Array, modulation: Modulation) -> Any:
        circuit, drive = situation(config, units, contrast)
        solver = config.solver.integrate()
        return circuit, drive, steady_state(circuit, drive, modulation, solver=solver)

    def one(contrast: Array, modulation: Modulation) -> tuple[EI[Array], dict[str, Array]]:
        circuit, drive, state = settle(contrast, modulation)
        found = fluctuations(circuit, state.rates, drive, noise, modulation)
        near, far = (around - step) % units, (around + step) % units
        return state.rates, {
            **flanks.statistic(state.rates.E, found.EE),
            "by_place": pair_correlation(found.EE, near, far),
            "residual": state.residual,
            "converged": state.converged & (found.residual < 1e-3),
        }

    def stated(contrast: Array, modulation: Modulation, rates: EI[Array]) -> dict[str, Array]:
        _, drive = situation(config, units, contrast)
        covariance = stated_covariance(config.circuit, config.noise, rates, drive, modulation)
        return flanks.statistic(rates.E, covariance)

    def spectrum(modulation: Modulation) -> tuple[Array, Array]:
        circuit, drive, state = settle(jnp.asarray(config.spectrum.contrast, float), modulation)
        unit = jnp.zeros(units).at[flanks.first[0]].set(1.0)
        power = power_spectrum(
            circuit,
            state.rates,
            drive,
            noise,
            jnp.asarray(frequencies(config.spectrum), unit.dtype),
            EI(unit, jnp.zeros_like(unit)),
            modulation,
        )
        return power, state.rates.E[flanks.first[0]]

    modulations = attended(config, units)
    asked = stacked(shown.contrasts)
    contrasts = jnp.concatenate([asked, shown.axis()])
    rates, found = jax.vmap(lambda m: jax.vmap(lambda c: one(c, m))(contrasts))(modulations)
    two = jax.tree.map(lambda leaf: leaf[:2], modulations)
    known = rates.map(lambda r: r[:2, : len(asked)])
    as_stated = jax.vmap(lambda m, r: jax.vmap(lambda c, r: stated(c, m, r))(asked, r))(two, known)
    found |= {f"stated_{name}": as_stated[name] for name in ("ratio", "correlation")}
    found["power"], found["power_rate"] = jax.vmap(spectrum)(modulations)
    return found


def noisy(config: Config, key: Array) -> dict[str, Array]:
    """Simulation with noise, and linear theory, on the ring of `simulation.units` pairs.

    Every condition meets the same random numbers, so that differences between conditions have
    less error than the conditions themselves.

    Returns
    -------
    dict of arrays
        The first five of `linear` over (attention, contrast of the measures): with ``sim_``
        before, as simulated; with ``_error`` behind, their standard errors over trials; with
        ``small_`` before, linear theory of this ring.
    """
    units, period = config.simulation.units, config.circuit.period
    flanks, solver = config.stimulus.flanks(units, period), config.solver.integrate()
    noise, modulations = config.noise.on_ring(units, period), attended(config, units)

    def one(contrast: Array, modulation: Modulation) -> dict[str, Array]:
        given = (*situation(config, units, contrast), noise, key, flanks, solver, modulation)
        return config.simulation.compare(*given)

    asked = stacked(config.stimulus.contrasts)
    return jax.vmap(lambda m: jax.vmap(lambda c: one(c, m))(asked))(modulations)


def situation(config: Config, units: int, contrast: Array) -> tuple[Circuit, EI[Array]]:
    """The ring of so many pairs, and the drive of the grating."""
    ring = config.circuit
    drive = contrast * config.stimulus.bump(units, ring.period)
    return ring_circuit(ring.model_copy(update={"units": units})), EI(drive, drive)


def attended(config: Config, units: int) -> Modulation:
    """No attention and the three forms, stacked."""
    focus, period = config.focus, config.circuit.period
    pattern = ring_bump(ring_positions(units, period), focus.orientation, focus.width, period)
    return unattended_and_forms(config.attention, pattern)


def frequencies(spectrum: SpectrumSection) -> np.ndarray:
    """Frequencies [Hz] of the power spectrum."""
    return np.geomspace(spectrum.low, spectrum.high, spectrum.points)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Linear theory, then the simulation, and name the axes and units of what comes out."""
    with progress.stage("linear theory"):
        found = jax.device_get(jax.jit(lambda: linear(config))())
    count = len(config.stimulus.contrasts) * len(UNATTENDED_AND_FORMS)
    with progress.stage(f"simulation of {count} conditions, {config.simulation.trials} trials"):
        key = jax.random.key(config.seed)
        found |= jax.device_get(jax.jit(lambda key: noisy(config, key))(key))
    return label(config, found)


def label(config: Config, found: dict[str, Any]) -> xr.Dataset:
    """The arrays of `simulate` as a dataset with dimensions, units and long names."""
    shown, ring = config.stimulus, config.circuit
    axis = np.geomspace(shown.axis_low, shown.axis_high, shown.axis_points)
    preferred = np.arange(ring.units) * ring.period / ring.units
    apart, small = (differences(n, ring.period) for n in (ring.units, config.simulation.units))
    coordinates = {
        name: variable(name, values, units, long_name)
        for name, values, units, long_name in (
            ("attention", list(UNATTENDED_AND_FORMS), "1", "form of attention"),
            ("known", list(UNATTENDED_AND_FORMS[:2]), "1", "form of attention with a reference"),
            ("contrast", shown.contrasts, "%", "contrast"),
            ("axis_contrast", axis, "%", "contrast"),
            ("preferred", preferred, "deg", "mean preferred orientation of the pair"),
            ("difference", apart, "deg", "tuning difference of the pair"),
            ("small_difference", small, "deg", "tuning difference of the pair"),
            ("frequency", frequencies(config.spectrum), "Hz", "frequency"),
        )
    }
    asked = len(shown.contrasts)
    kept = label_simulation(found, ("attention", "contrast"))
    for name, dims, unit, words in (
        ("residual", ("attention", "condition"), "Hz", "largest residual of the state"),
        ("converged", ("attention", "condition"), "1", "whether theory applies"),
        ("power", ("attention", "frequency"), "Hz^2/Hz", "power of the E rate at the grating"),
        ("power_rate", ("attention",), "Hz", "E rate at the grating of the power spectrum"),
    ):
        kept[name] = variable(dims, found[name], unit, words)
    for name in ("ratio", "correlation"):
        unit, words = STATISTICS[name]
        words = f"{words}, for the noise correlation as stated"
        kept[f"stated_{name}"] = variable(
            ("known", "contrast"), found[f"stated_{name}"], unit, words
        )
    pairs = {"by_difference": ("difference",), "by_place": ("preferred",)}
    meaning = {**STATISTICS, "by_place": ("1", "noise correlation of pairs, by their place")}
    for name, words in meaning.items():
        last, values = pairs.get(name, ()), found[name]
        kept[name] = variable(("attention", "contrast", *last), values[:, :asked], *words)
        if name not in pairs:
            dims = ("attention", "axis_contrast")
            kept[f"axis_{name}"] = variable(dims, values[:, asked:], *words)
    return xr.Dataset(kept, coordinates)


LABORATORY = "direction: Cohen & Maunsell 2009; Mitchell, Sundberg & Reynolds 2009"
UNQUENCHED = (
    "Attention to E lowers variability only in between: below some 4 % it brings the circuit to "
    "where it amplifies most, and near 50 % the circuit has quenched what it can without attention."
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """References where the configuration is the tabulated one, directions for input to E."""
    measures = []
    for index, contrast in enumerate(config.stimulus.contrasts):
        here, at = data.isel(contrast=index), f"c={contrast:g}"
        if is_tabulated(config) and contrast == 10.0:
            for name, strength in (("unattended", 0.0), ("input to E", 2.0)):
                one = here.sel(attention=name, known=name)
                measures += references(one, f"{name},{at}", strength)
        for name in UNATTENDED_AND_FORMS[1:]:
            measures += _changes(here, name, at)
        if contrast == config.spectrum.contrast:
            measures += _changes(here, "input to E", at, simulated=True)
    for index in np.argsort(config.stimulus.contrasts):
        at = f"c={config.stimulus.contrasts[index]:g}"
        measures += agreement(data.isel(contrast=index), at, required=False)[:1]
    return [*measures, *_slow_power(config, data), *_places(config, data), converged_share(data)]


def is_tabulated(config: Config) -> bool:
    """Whether circuit, grating, pair, noise and attention are those of the computed numbers."""
    usual = Config(experiment=config.experiment)
    same = all(
        getattr(config.stimulus, name) == getattr(usual.stimulus, name)
        for name in ("orientation", "width", "separation")
    )
    parts = ("circuit", "noise", "focus")
    same = same and all(getattr(config, part) == getattr(usual, part) for part in parts)
    return same and config.attention.input == usual.attention.input


def _changes(here: xr.Dataset, name: str, at: str, simulated: bool = False) -> list[Measure]:
    """What one form of attention does at one contrast, by linear theory or in simulation."""
    one, none = here.sel(attention=name), here.sel(attention="unattended")
    key, how = ("sim_", "simulated") if simulated else ("", "linear theory")
    factor = float(one[f"{key}ratio"] / none[f"{key}ratio"])
    change = float(one[f"{key}correlation"] - none[f"{key}correlation"])
    rows = []
    for what, value, expected, words in (
        ("variance_over_mean_factor", factor, "< 1", "variance over mean"),
        ("correlation_change", change, "< 0", "noise correlations"),
    ):
        label = f"{'simulated_' if simulated else ''}{what}[{name},{at}]"
        if name != "input to E":
            rows.append(Measure.reported(label, value, "1"))
            continue
        row = Measure.expecting(
            label,
            value,
            "1",
            expected=expected,
            provenance=LABORATORY,
            effect=f"attention lowers {words} ({how})",
            note="" if value < float(expected[2:]) else UNQUENCHED,
            headline=True,
        )
        rows.append(row)
    return rows


def _slow_power(config: Config, data: xr.Dataset) -> list[Measure]:
    """Power over rate at slow frequencies, attended over unattended, and at the others."""
    slow = data["frequency"].values < config.spectrum.slow
    frequency, at = data["frequency"].values, f"c={config.spectrum.contrast:g}"
    factors = []
    for some in (slow, ~slow):
        power = [np.trapezoid(row[some], frequency[some]) for row in data["power"].values]
        factors.append(power / data["power_rate"].values)
    factors = [values / values[0] for values in factors]
    index = UNATTENDED_AND_FORMS.index("input to E")
    return [
        Measure.expecting(
            f"slow_power_factor[input to E,{at}]",
            factors[0][index],
            "1",
            expected="< 1",
            provenance="direction: Mitchell, Sundberg & Reynolds 2009",
            effect="attention lowers slow fluctuations of the rate, relative to its mean",
            headline=True,
        ),
        Measure.reported(f"fast_power_factor[input to E,{at}]", factors[1][index], "1"),
    ]


def _places(config: Config, data: xr.Dataset) -> list[Measure]:
    """Change of the correlation of pairs at the attended orientation, and far from it."""
    focus, period = config.focus.orientation, config.circuit.period
    away = np.abs((data["preferred"].values - focus + period / 2) % period - period / 2)
    rows = []
    for index, contrast in enumerate(config.stimulus.contrasts):
        here = data["by_place"].isel(contrast=index)
        change = (here.sel(attention="input to E") - here.sel(attention="unattended")).values
        for where, unit in (("attended", np.argmin(away)), ("orthogonal", np.argmax(away))):
            name = f"correlation_change_by_place[{where},c={contrast:g}]"
            if np.isfinite(change[unit]):  # both units fire
                rows.append(Measure.reported(name, change[unit], "1"))
    return rows
