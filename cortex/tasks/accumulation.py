"""A decision in time: evidence is added up until it reaches a bound.

The accumulator is no part of the circuits and of no model of them: it is put on top here, to turn
a time course of evidence into an answer and a time. Bounds on added evidence as a model of
reaction times: Ratcliff 1978, Psychol Rev 85:59.
"""

from typing import NamedTuple

import numpy as np


class Decisions(NamedTuple):
    """One answer a trial; every array is (...).

    Attributes:
        answer: 1 where the sum is positive when it is read, else 0.
        time: when the bound was reached [ms]; the end of the trial where it was not.
        reached: whether it was.
    """

    answer: np.ndarray
    time: np.ndarray
    reached: np.ndarray


def first_passage(evidence: np.ndarray, step: float, bound: float) -> Decisions:
    """When the sum of evidence first leaves the range from -bound to bound, and on which side.

    Evidence is constant between samples, so that its sum is straight, and the time exact for it.

    Args:
        evidence: per second, (..., samples), each for the step that ends with it.
        step: between samples [ms], > 0.
        bound: of the sum [evidence], > 0.

    Raises:
        ValueError: a step or bound that is not positive.
    """
    if not (step > 0 and bound > 0):
        raise ValueError(f"step, bound: found {step:g}, {bound:g}, allowed: > 0")
    gained = np.asarray(evidence, float) * step / 1000.0
    total = np.cumsum(gained, axis=-1)
    beyond = np.abs(total) >= bound
    reached = np.asarray(beyond.any(axis=-1))
    last = total.shape[-1] - 1
    at = np.where(reached, beyond.argmax(axis=-1), last)[..., None]
    sum_at, gain_at = (np.take_along_axis(a, at, -1)[..., 0] for a in (total, gained))
    before = sum_at - gain_at
    goal = np.where(sum_at > 0, bound, -bound)
    part = np.where(reached, (goal - before) / np.where(gain_at != 0, gain_at, 1.0), 1.0)
    return Decisions((sum_at > 0).astype(int), (at[..., 0] + part) * step, reached)
