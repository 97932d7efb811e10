"""The digit network of three layers that comes with the package: built, trained and loaded."""

import jax
from jaxtyping import PRNGKeyArray

from cortex.circuit import FixedPointIteration
from cortex.frontends.conv import ConvNetwork, ConvStage, Readout

from .digit_networks import DigitNetwork
from .ssn import SSN
from .training import TrainingSettings

SEEDS = (0, 1, 2)
SIDE = 28  # px
MAPS = (8, 16, 32)
HIDDEN = 128
CLASSES = 10
PLAIN_TRAINING = TrainingSettings(epochs=40, learning_rate=3e-3)
CIRCUIT_TRAINING = TrainingSettings(epochs=12, learning_rate=1.5e-3)
SOLVER = FixedPointIteration(dt=2.0, duration=300.0, rtol=5e-4, atol=5e-4)


def untrained_network(key: PRNGKeyArray) -> ConvNetwork:
    """Three stages, 14 x 14, 7 x 7 and 7 x 7 places; a hidden layer; ten classes."""
    keys = jax.random.split(key, 4)
    first, second, third = MAPS
    stages = (
        ConvStage.random(keys[0], first, 1, 5, pool=2),
        ConvStage.random(keys[1], second, first, 3, pool=2),
        ConvStage.random(keys[2], third, second, 3, pool=1),
    )
    readout = Readout.random(keys[3], third * 9, HIDDEN, CLASSES, pool=2)
    return ConvNetwork(stages, readout)


def digit_network() -> DigitNetwork:
    """This network's part in `DigitNetwork`."""
    return DigitNetwork(
        name="digits",
        side=SIDE,
        untrained=untrained_network,
        circuit=SSN(),
        circuits=tuple(range(len(MAPS))),
        plain_training=PLAIN_TRAINING,
        circuit_training=(CIRCUIT_TRAINING,),
        solver=SOLVER,
    )
