"""What diffrax's own derivatives through time give, kept so that not every run compiles them.

python -m tests.reference.adjoint
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

FILE = Path(__file__).with_suffix(".npz")


def write() -> None:
    """The number, the rates of E and the gradient of the adaptive run of the test, in float64."""
    from tests.circuit.solvers.test_adjoint import DIFFRAX, SOLVERS, both
    from tests.circuit.twins import double_precision

    with double_precision():
        (number, course), gradient = both(jnp.linspace(0.9, 1.1, 8), SOLVERS["bosh3"], DIFFRAX)
        assert course.finished
        np.savez(FILE, number=number, E=course.values.E, gradient=gradient)


if __name__ == "__main__":
    write()
