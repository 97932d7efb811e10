"""What is swept: axes of given values, and samples drawn at random, from words to numbers."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cortex.errors import UserError
from cortex.experiment.loading import toml_value

GRID = "PATH=START:END:COUNT[,log] or PATH=VALUE,VALUE,..."
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER}):(\d+)(,log)?")
_CALL = re.compile(rf"(\w+)\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)")
_PATH = re.compile(r"\w+(?:\.\w+)*")

MOST_POINTS = 10**8  # of a sweep: a plan must fit into memory


@dataclass(frozen=True)
class Axis:
    """One setting and the values that it takes.

    Attributes:
        path: dotted path of the setting.
        values: its values as TOML has them: numbers, texts, lists.
        logarithmic: whether the values are evenly spaced in logarithm.
    """

    path: str
    values: tuple[Any, ...]
    logarithmic: bool = False


class Distribution(NamedTuple):
    """How numbers are drawn from two parameters.

    Attributes:
        parameters: what they are, in words.
        draw: from a generator, the parameters and a count to numbers.
        allowed: whether the parameters make sense.
        logarithmic: whether the numbers are best shown on a logarithmic axis.
    """

    parameters: str
    draw: Callable[[np.random.Generator, float, float, int], np.ndarray]
    allowed: Callable[[float, float], bool]
    logarithmic: bool = False


DISTRIBUTIONS = {
    "normal": Distribution(
        "normal(mean, SD > 0)", lambda r, a, b, n: r.normal(a, b, n), lambda a, b: b > 0
    ),
    "lognormal": Distribution(
        "lognormal(median > 0, SD of the natural logarithm > 0)",
        lambda r, a, b, n: a * np.exp(r.normal(0.0, b, n)),
        lambda a, b: a > 0 and b > 0,
        logarithmic=True,
    ),
    "uniform": Distribution(
        "uniform(low, high > low)", lambda r, a, b, n: r.uniform(a, b, n), lambda a, b: b > a
    ),
    "loguniform": Distribution(
        "loguniform(low > 0, high > low)",
        lambda r, a, b, n: np.exp(r.uniform(math.log(a), math.log(b), n)),
        lambda a, b: b > a > 0,
        logarithmic=True,
    ),
}


@dataclass(frozen=True)
class Sample:
    """One setting that is drawn at random, independently of the others.

    Attributes:
        path: dotted path of the setting.
        distribution: one of `DISTRIBUTIONS`.
        parameters: its parameters.
    """

    path: str
    distribution: str
    parameters: tuple[float, float]

    @property
    def logarithmic(self) -> bool:
        return DISTRIBUTIONS[self.distribution].logarithmic

    def draws(self, count: int, seed: int) -> tuple[float, ...]:
        """The first `count` numbers; more of them begin alike, whatever else is sampled."""
        rng = np.random.default_rng([seed, zlib.crc32(self.path.encode())])
        drawn = DISTRIBUTIONS[self.distribution].draw(rng, *self.parameters, count)
        return tuple(float(value) for value in drawn)


def parse_grid(text: str) -> Axis:
    """``path=a:b:n[,log]`` or ``path=v1,v2,...``; `UserError` for anything else."""
    path, words = _split(text, "--grid", GRID)
    if match := _RANGE.fullmatch(words):
        return _range(text, path, match)
    values = tuple(toml_value(part) for part in _parts(words))
    if not values or "" in values:
        raise UserError(f"--grid {text}: found an empty value, allowed: {GRID}")
    if len({repr(value) for value in values}) < len(values):
        raise UserError(f"--grid {text}: found a value twice, allowed: each one once")
    return Axis(path, values)


def parse_sample(text: str) -> Sample:
    """``path=normal(m,s)`` and the like; `UserError` for anything else."""
    allowed = ", ".join(item.parameters for item in DISTRIBUTIONS.values())
    path, words = _split(text, "--sample", f"PATH=DISTRIBUTION, one of {allowed}")
    match = _CALL.fullmatch(words)
    if match is None or match[1] not in DISTRIBUTIONS:
        raise UserError(f"--sample {text}: found {words!r}, allowed: {allowed}")
    parameters = float(match[2]), float(match[3])
    kind = DISTRIBUTIONS[match[1]]
    if not kind.allowed(*parameters):
        raise UserError(f"--sample {text}: found {words!r}, allowed: {kind.parameters}")
    return Sample(path, match[1], parameters)


def _split(text: str, option: str, allowed: str) -> tuple[str, str]:
    path, _, words = (part.strip() for part in text.partition("="))
    if not words or not _PATH.fullmatch(path):
        raise UserError(f"{option} {text}: allowed: {allowed}")
    if path == "experiment":
        raise UserError(f"{option} {text}: an experiment's name cannot be swept")
    return path, words


def _range(text: str, path: str, match: re.Match[str]) -> Axis:
    low, high, count, log = float(match[1]), float(match[2]), int(match[3]), bool(match[4])
    if count < 2 or low == high:
        raise UserError(
            f"--grid {text}: found {count} values from {low:g} to {high:g}, "
            "allowed: at least 2, between two different ends"
        )
    if count > MOST_POINTS:
        raise UserError(f"--grid {text}: found {count:,} values, allowed: at most {MOST_POINTS:,}")
    if log and min(low, high) <= 0:
        raise UserError(f"--grid {text}: found an end at {min(low, high):g}, allowed with log: > 0")
    spaced = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    # The shortest number of 12 digits: 0.30000000000000004 is nobody's wish.
    values: list[Any] = [float(f"{value:.12g}") for value in spaced]
    whole = re.fullmatch(r"[-+]?\d+", match[1]) and re.fullmatch(r"[-+]?\d+", match[2])
    if whole and all(value.is_integer() for value in values):
        values = [int(value) for value in values]
    return Axis(path, tuple(values), log)


def _parts(words: str) -> Sequence[str]:
    """Split at the commas that are outside brackets and quotation marks."""
    parts, depth, quote = [""], 0, ""
    for letter in words:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]
