"""The attention gate opened by the digit sought, trained through the circuits."""

from cortex.areas.digits import CLASSES, MAPS
from cortex.attention.gates import AttentionGate

from .base import TrainedSource
from .through_circuits import Training, learned_through

TRAINING = Training(epochs=1, tasks=("array",))


def trained_source() -> TrainedSource:
    """What trains and keeps it."""
    return learned_through(
        "attention_gate",
        lambda key: AttentionGate.random(key, MAPS[TRAINING.layer], CLASSES),
        TRAINING,
    )
