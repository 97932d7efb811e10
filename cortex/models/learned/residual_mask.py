"""The residual mask over the features, trained through the circuits."""

from cortex.areas.digits import MAPS
from cortex.attention.gates import ResidualMask

from .base import TrainedSource
from .through_circuits import Training, learned_through

TRAINING = Training(epochs=1, tasks=("array",))


def trained_source() -> TrainedSource:
    """What trains and keeps it."""
    return learned_through(
        "residual_mask", lambda key: ResidualMask.random(key, MAPS[TRAINING.layer]), TRAINING
    )
