"""Attention in noise: what is learned without it, strengths of equal rate, and what it does.

Detectors are fitted to noisy single digits without attention, values of attention to noisy trials
too, and strengths are found that give every kind of attention the same mean rate.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import model_validator

from cortex.analysis.noisy_trials import noise_share, shuffle_trials
from cortex.areas import NoisySystem, Reaching, circuit_areas
from cortex.areas.digits import CLASSES
from cortex.attention import (
    AbstractForm,
    AbstractSource,
    Additive,
    Arousal,
    BalancedSet,
    FeatureSimilarity,
    Multiplicative,
    NoAttention,
    QuadrantWindow,
    gradient_values,
    normalised_by_layer,
    shuffled,
    tuning_values,
)
from cortex.attention.window import inside_quadrants
from cortex.models.learned.hard_digits import PENALTY
from cortex.settings import Positive, Settings, choice, quantity
from cortex.tasks import Detectors

from .noisy_trials import Trials, modulate, see

SOURCES = ("tuning", "gradient", "positive", "shuffled", "negated", "uniform", "place")
GAIN, INPUT, NONE = "gain", "input to E", "none"
SHUFFLES = 4
SourceName = Literal["tuning", "gradient", "positive", "shuffled", "negated", "uniform", "place"]


class Comparison(Settings):
    """Kinds of attention that raise the mean E rate alike, at some contrasts."""

    contrasts: tuple[Positive, ...] = quantity(
        (1.0, 4.0), "1", "gain on the drive of the last circuit; 1: as trained", min_length=1
    )
    sources: tuple[SourceName, ...] = choice(SOURCES, "what attention is applied by", min_length=1)
    everywhere: tuple[SourceName, ...] = choice(
        ("tuning", "uniform", "place"), "those also tried as input to E, and at other contrasts"
    )
    rise: float = quantity(0.2, "1", "rise of the mean E rate by every kind of attention", gt=0)
    largest: float = quantity(8.0, "1", "strength of attention tried at most", gt=0)
    input_scale: float = quantity(5.0, "contrast", "input to E at a strength of 1", gt=0)
    units: int = quantity(24, "1", "E units at the attended place, the most active", ge=2)

    @model_validator(mode="after")
    def _possible(self) -> Comparison:
        if self.contrasts[0] != 1:
            raise ValueError(f"contrasts: found {list(self.contrasts)}, allowed: 1 first")
        if "uniform" not in self.everywhere or not set(self.everywhere) <= set(self.sources):
            raise ValueError(
                f"everywhere: found {list(self.everywhere)}, allowed: uniform and some more of "
                f"{list(self.sources)}"
            )
        return self

    @property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Source and form by the condition's name; the first has neither."""
        pairs = [(name, GAIN) for name in self.sources]
        pairs += [(name, INPUT) for name in self.everywhere]
        return {NONE: (NONE, "")} | {f"{name}, {form}": (name, form) for name, form in pairs}

    @property
    def uniform(self) -> list[str]:
        """By condition, the one that is uniform, of the same form."""
        forms = [form for _, form in self.conditions.values()]
        return [f"uniform, {form}" if form else NONE for form in forms]

    def asks(self, task: str, contrast: float, source: str) -> bool:
        """Whether a source is tried; no place is cued in merged images."""
        return (contrast == 1 or source in self.everywhere) and (task, source) != (
            "merged",
            "place",
        )


class Lessons(NamedTuple):
    """What is learned of one task at one contrast, without attention.

    Attributes:
        detectors: of each window.
        values: by which feature attention is applied: tuning, gradient, shuffled, negated.
    """

    detectors: tuple[Detectors, ...]
    values: dict[str, Float[Array, "categories maps"]]

    def source(self, name: str, form: str, strength: Any, scale: float) -> AbstractSource:
        """One of `SOURCES` in a form, gain on the drive or input to E.

        Args:
            name, form: as named, or `NONE`; "positive" is tuning without its negative values,
                and a place gets more, the others not less.
            strength: of attention [1].
            scale: input at a strength of 1 [contrast].
        """
        signs = name not in ("positive", "place")
        how: AbstractForm = Additive(scale=scale, bidirectional=signs)
        if form == GAIN:
            how = Multiplicative(bidirectional=signs)
        strength = jnp.asarray(strength, float)
        if name == NONE:
            return NoAttention()
        if name == "uniform":
            return Arousal(strength, how)
        if name == "place":
            return QuadrantWindow(strength, how)
        return FeatureSimilarity(self.values[name.replace("positive", "tuning")], strength, how)


def learn(
    noisy: NoisySystem, ordinary: Trials, hard: Trials, contrasts: Sequence[float], key: Array
) -> list[Lessons]:
    """Detectors and tuning from single digits, gradients of the noisy error from hard images.

    Args:
        noisy: the system.
        ordinary: single digits.
        hard: hard images of the task, of other digits than those of the test.
        contrasts: see `modulate`.
        key: of the shuffled values.
    """

    def respond(some: Trials, reaching: Reaching) -> list[Any]:
        nothing = (modulate(noisy, NoAttention(), some, c) for c in contrasts)
        rates = (noisy.rates(reaching, one) for one in nothing)
        return [(noisy.units(one), jnp.mean(one[:, -1], axis=(2, 3)), one[:, -1]) for one in rates]

    found = []
    single, complex_ = see(noisy, ordinary, respond), see(noisy, hard, respond)
    for (units, means, _), (_, _, rates) in zip(single, complex_, strict=True):
        labels = ordinary.category
        windows = range(units.shape[1])
        detectors = [Detectors.fit(units[:, w], labels, CLASSES, PENALTY) for w in windows]
        tuning = tuning_values(jnp.asarray(means), jnp.asarray(labels), CLASSES)
        logits, slopes = _slopes(
            noisy, detectors[-1], jnp.asarray(rates), jnp.asarray(hard.category)
        )
        gradient = gradient_values(
            slopes,
            logits,
            jnp.asarray(hard.category),
            jnp.asarray(hard.present),
            CLASSES,
            BalancedSet(),
        )
        values = {"tuning": tuning, "negated": -tuning, "shuffled": shuffled(key, tuning)}
        found.append(
            Lessons(tuple(detectors), values | {"gradient": normalised_by_layer(gradient)})
        )
    return found


@eqx.filter_jit
def _slopes(
    noisy: NoisySystem, detectors: Detectors, rates: Array, category: Array
) -> tuple[Array, Array]:
    """Logits sought, and their slopes over a shift of each map of the output, by place."""
    area, readout = circuit_areas(noisy.system)[-1], noisy.system.readout
    places = rates.shape[-2] * rates.shape[-1]

    def one(rates: Array, category: Array) -> tuple[Array, Array]:
        output = area.output_map(rates)

        def logit(shift: Array) -> Array:
            return detectors(readout.units(output + shift[:, None, None]))[category]

        value, slope = jax.value_and_grad(logit)(jnp.zeros(len(output)))
        return value, slope / places

    found: tuple[Array, Array] = jax.vmap(one)(rates, category)
    return found


def noise_size(
    noisy: NoisySystem,
    ordinary: Trials,
    hard: Trials,
    repeats: int,
    wanted: float,
    rounds: int,
    tolerance: float = 0.02,
) -> float:
    """The standard deviation [contrast] with which noise is a wanted share of the logits' variance.

    The odds of the share go nearly as the variance of the noise, by which it is scaled again and
    again. Detectors are fitted anew each time.

    Args:
        noisy: with the standard deviation that is tried first.
        ordinary: single digits that detectors are fitted to.
        hard: hard images, repeats of each one after the other.
        repeats: how many.
        wanted: share, between 0 and 1.
        rounds: standard deviations tried at most.
        tolerance: of the share.
    """
    sd = float(noisy.noise[0].sd)

    def units(some: Trials, reaching: Reaching) -> Any:
        return noisy.units(noisy.rates(reaching))[:, -1]

    for _ in range(rounds):
        noisy = noisy.with_sd(sd)
        detectors = Detectors.fit(see(noisy, ordinary, units), ordinary.category, CLASSES, PENALTY)
        logits = np.asarray(jax.vmap(detectors)(jnp.asarray(see(noisy, hard, units))))
        sought = logits[np.arange(len(logits)), hard.category].reshape(CLASSES, -1, repeats)
        share = float(noise_share(sought))
        if abs(share - wanted) < tolerance:
            break
        # What few trials take for all noise, or none, moves it no further than a good guess would.
        share = min(max(share, 0.1), 0.9)
        sd *= float(np.sqrt(wanted / (1 - wanted) * (1 - share) / share))
    return sd


def matched_strength(
    rate: Callable[[float], float], goal: float, largest: float, tolerance: float = 5e-3
) -> float:
    """The least strength that brings a rate to a goal; the one nearest to it if none does.

    Strengths are doubled until the rate is above the goal, and then narrowed down.

    Args:
        rate: mean rate [Hz] with a strength; below the goal without attention.
        goal: [Hz].
        largest: strength tried.
        tolerance: of the rate, relative.
    """
    tried = {0.0: rate(0.0)}
    strength = largest / 16
    while strength <= largest:
        tried[strength] = rate(strength)
        if tried[strength] >= goal:
            break
        strength *= 2
    else:
        return min(tried, key=lambda s: abs(tried[s] - goal))
    low, high = sorted(tried)[-2:]
    for _ in range(3):
        share = (goal - tried[low]) / (tried[high] - tried[low])
        middle = low + min(max(share, 0.1), 0.9) * (high - low)
        tried[middle] = rate(middle)
        if abs(tried[middle] / goal - 1) < tolerance:
            break
        low, high = (middle, high) if tried[middle] < goal else (low, middle)
    return min(tried, key=lambda s: abs(tried[s] - goal))


def match(
    compared: Comparison, noisy: NoisySystem, some: Trials, lessons: list[Lessons], task: str
) -> Float[np.ndarray, "contrasts conditions"]:
    """Strengths with which all conditions raise the mean rate alike; NaN where one is not tried.

    Args:
        compared: the conditions.
        noisy: the system.
        some: trials that the rate is the mean over, few enough to be simulated at once.
        lessons: of each contrast.
        task: "merged" or "array".
    """
    reaching = noisy.reaching(jnp.asarray(some.images), some.keys)
    found = np.full((len(compared.contrasts), len(compared.conditions)), np.nan)
    for c, contrast in enumerate(compared.contrasts):

        def rate(strength: float, condition: tuple[str, str], c: int = c) -> float:
            source = lessons[c].source(*condition, strength, compared.input_scale)
            given = modulate(noisy, source, some, compared.contrasts[c])
            return float(jnp.mean(noisy.rates(reaching, given)[:, -1]))

        (none, *others) = compared.conditions.values()
        found[c, 0], goal = 0.0, rate(0.0, none) * (1 + compared.rise)
        for n, condition in enumerate(others, 1):
            if compared.asks(task, contrast, condition[0]):
                of_strength = functools.partial(rate, condition=condition)
                found[c, n] = matched_strength(of_strength, goal, compared.largest)
    return found


class Outcome(NamedTuple):
    """What is kept of trials, (trials, contrasts, conditions, ...); NaN where a condition is not.

    Attributes:
        score: logit of the category sought, by window.
        logits: all, of the last window.
        shuffled: logit sought, of the last window, with the trials of each image shuffled unit by
            unit, so that no noise correlation is left; the same orders under all conditions.
        rate: mean of the topmost E units in the last window [Hz].
        units: rates [Hz] of the most active E units at the attended place, of each image the same
            under all conditions.
    """

    score: np.ndarray
    logits: np.ndarray
    shuffled: np.ndarray
    rate: np.ndarray
    units: np.ndarray


def attend_to_trials(
    compared: Comparison,
    noisy: NoisySystem,
    lessons: list[Lessons],
    strengths: Float[np.ndarray, "contrasts conditions"],
    trials: Trials,
    repeats: int,
    advance: Callable[[int], object],
) -> Outcome:
    """All trials under every condition at every contrast, the noise of each the same.

    Args:
        compared: the conditions.
        noisy: the system.
        lessons: of each contrast.
        strengths: of attention, NaN for what is not tried.
        trials: all, repeats of each image one after the other.
        repeats: how many.
        advance: told how many trials are done.
    """

    def look(some: Trials, reaching: Reaching) -> Outcome:
        columns = []
        place = _attended_place(some, noisy.noise[-1].shape)[::repeats]
        for c, contrast in enumerate(compared.contrasts):
            found: list[Outcome] = []
            chosen: np.ndarray | None = None
            for condition, strength in zip(compared.conditions.values(), strengths[c], strict=True):
                if np.isnan(strength):
                    found.append(Outcome(*(np.full_like(kept, np.nan) for kept in found[0])))
                    continue
                source = lessons[c].source(*condition, strength, compared.input_scale)
                rates = noisy.rates(reaching, modulate(noisy, source, some, contrast))
                late = np.asarray(rates[:, -1]).reshape(len(place), repeats, -1)
                if chosen is None:
                    active = np.where(place, late.mean(axis=1), -1.0)
                    chosen = np.argsort(active, axis=1)[:, None, -compared.units :]
                near = np.take_along_axis(late, chosen, axis=2).reshape(len(some.present), -1)
                found.append(_outcome(noisy, lessons[c], some, rates, late, near))
            columns.append(_beside(found))
        advance(len(some.present))
        return _beside(columns)

    found: Outcome = see(noisy, trials, look, repeats)
    return found


def _beside(found: Sequence[Outcome]) -> Outcome:
    return Outcome(*(np.stack(alike, axis=1) for alike in zip(*found, strict=True)))


def _outcome(
    noisy: NoisySystem,
    lessons: Lessons,
    some: Trials,
    rates: Array,
    late: Float[np.ndarray, "images repeats units"],
    near: np.ndarray,
) -> Outcome:
    rng, rows = np.random.default_rng(0), np.arange(len(some.present))
    alone = [shuffle_trials(late, rng).reshape(rates[:, -1].shape) for _ in range(SHUFFLES)]
    logits = _logits(noisy, lessons.detectors, rates)
    again = _logits(noisy, lessons.detectors[-1:] * SHUFFLES, jnp.stack(alone, axis=1))
    return Outcome(
        score=logits[rows, :, some.category],
        logits=logits[:, -1],
        shuffled=again[rows, :, some.category],
        rate=late.mean(axis=-1).ravel(),
        units=near,
    )


def _logits(noisy: NoisySystem, detectors: Sequence[Detectors], rates: Array) -> np.ndarray:
    """By trial, window and category; each window has its detectors."""
    units = noisy.units(rates)
    found = [jax.vmap(one)(units[:, w]) for w, one in enumerate(detectors)]
    return np.asarray(jnp.stack(found, axis=1))


def _attended_place(some: Trials, shape: tuple[int, int, int]) -> np.ndarray:
    """Whether each unit is at the place cued, (trials, units); all are where none can be cued."""
    inside = inside_quadrants(np.maximum(some.quadrant, 0), shape[1:]) > 0.99
    inside |= (some.quadrant < 0)[:, None, None]
    return np.broadcast_to(inside[:, None], (len(inside), *shape)).reshape(len(inside), -1)
