"""Spatial cueing: a target at one of several places, after a cue that points to one of them.

The cue is valid (points to where the target will be), neutral (points nowhere, or everywhere) or
invalid (points elsewhere). The target is one of two, and the answer says which.

Source: Posner 1980, Q J Exp Psychol 32:3, for the three cues; two targets to tell apart instead
of a simple reaction are chosen here, so that answers have no criterion.
"""

from typing import Literal, NamedTuple

import numpy as np

Cue = Literal["valid", "neutral", "invalid"]
CUES: tuple[Cue, ...] = ("valid", "neutral", "invalid")
NOWHERE = -1


class CueingTrials(NamedTuple):
    """A block of trials; every array is (trials,).

    Attributes:
        place: number of the target's place.
        target: 0 or 1.
        cued: number of the place that the cue points to; `NOWHERE` for a neutral one.
    """

    place: np.ndarray
    target: np.ndarray
    cued: np.ndarray


def cueing_trials(cue: Cue, places: int, trials: int) -> CueingTrials:
    """Trials with every place, both targets and, after an invalid cue, every other place in turn.

    Args:
        cue: of all trials of the block.
        places: how many, 2 or more.
        trials: a multiple of 2 places (places - 1), so that all is balanced.

    Raises:
        ValueError: numbers that do not balance.
    """
    others = places - 1
    if places < 2 or trials < 1 or trials % (2 * places * others):
        raise ValueError(
            f"trials: found {trials}, allowed: multiples of {2 * places * max(others, 1)} for "
            f"{places} places, 2 or more"
        )
    number = np.arange(trials)
    place = number % places
    target = number // places % 2
    away = 1 + number // (2 * places) % others
    cued = {
        "valid": place,
        "neutral": np.full(trials, NOWHERE),
        "invalid": (place + away) % places,
    }[cue]
    return CueingTrials(place, target, cued)
