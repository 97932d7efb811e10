"""Feedback gain of the maps for the next pass, trained through the circuits."""

from cortex.areas.digits import CLASSES, MAPS
from cortex.attention.feedback import FeedbackGain

from .base import TrainedSource
from .through_circuits import Training, learned_through

TRAINING = Training(epochs=2, tasks=("array",))


def trained_source() -> TrainedSource:
    """What trains and keeps it."""
    return learned_through(
        "feedback", lambda key: FeedbackGain.random(key, MAPS[TRAINING.layer], CLASSES), TRAINING
    )
