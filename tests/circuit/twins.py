"""The same circuit twice: as cortex builds it, and as the plain NumPy reference does."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    GaussianCoupling,
    Modulation,
    PeriodicBorder,
    Populations,
    Projections,
    ZeroBorder,
    ring_coupling,
)
from tests.reference import published, ssn

NAMES = ("EE", "EI", "IE", "II")


@contextlib.contextmanager
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def ring(units, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0)):
    """The ring of science.md 2.1, its weights a density."""
    coupling = ring_coupling(units, 180.0, Projections(**published.RING), 32.0)
    circuit = Circuit(Populations(EI(*tau), EI(*k), EI(*n)), coupling)
    return circuit, published.ring(units, tau, k, n)


def random_numbers(seed, units):
    """Magnitudes, single-unit parameters a cell, drive and modulation of a stable circuit."""
    rng = np.random.default_rng(seed)
    total = {"EE": 1.0, "EI": 0.8, "IE": 1.3, "II": 0.6}

    def per_cell(E, I):  # noqa: E741
        return tuple(level * rng.uniform(0.8, 1.2, units) for level in (E, I))

    return {
        "weights": {
            name: total[name] * rng.uniform(0, 2, (units, units)) / units for name in NAMES
        },
        "tau": per_cell(20.0, 10.0),
        "k": per_cell(0.03, 0.03),
        "n": per_cell(2.0, 2.1),
        "drive": per_cell(15.0, 15.0),
        "drive_gain": per_cell(1.2, 0.9),
        "recurrent_gain": per_cell(1.1, 0.8),
        "input": per_cell(3.0, -1.0),
        "output_gain": rng.uniform(0.5, 2, units),
    }


def cortex_circuit(numbers):
    return Circuit(
        Populations(*(EI(*map(jnp.asarray, numbers[name])) for name in ("tau", "k", "n"))),
        DenseCoupling(Projections(**numbers["weights"])),
    )


def cortex_modulation(numbers):
    return Modulation(
        drive_gain=EI(*numbers["drive_gain"]),
        input=EI(*numbers["input"]),
        recurrent_gain=EI(*numbers["recurrent_gain"]),
        output_gain=numbers["output_gain"],
    )


def reference_network(numbers):
    parameters = {name: numbers[name] for name in ("tau", "k", "n")}
    return ssn.network(**numbers["weights"], **parameters)


def reference_input(numbers, modulated=True):
    drive = np.concatenate(numbers["drive"])
    if not modulated:
        return ssn.Input(drive)
    return ssn.Input(
        drive,
        drive_gain=np.concatenate(numbers["drive_gain"]),
        recurrent_gain=np.concatenate(numbers["recurrent_gain"]),
        extra=np.concatenate(numbers["input"]),
        output_gain=numbers["output_gain"],
    )


def as_ei(values):
    """EI of JAX arrays from a pair, or from a vector with E first."""
    E, I = np.split(values, 2) if isinstance(values, np.ndarray) else values  # noqa: E741
    return EI(jnp.asarray(E), jnp.asarray(I))


def flat(rates):
    """Vector with E first, float64, from an EI of the circuit's shape."""
    return np.concatenate([np.ravel(rates.E), np.ravel(rates.I)]).astype(np.float64)


def rates_of(shape, seed=0):
    return as_ei(tuple(np.random.default_rng(seed).uniform(0.1, 50, (2, *shape))))


def sheet(shape, periodic, seed=0):
    """Gaussian coupling with different widths and strengths, and its four dense matrices."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, (shape[0], shape[0]))
    J = dict(zip(NAMES, rng.uniform(0.5, 3, 4), strict=True))
    smallest = min(shape[1:])
    sigma = dict(zip(NAMES, rng.uniform(0.3, 0.5 * smallest, 4), strict=True))
    return sheet_of(shape, J, sigma, features, periodic)


def sheet_of(shape, J, sigma, features, periodic):
    border = PeriodicBorder() if periodic else ZeroBorder()
    coupling = GaussianCoupling(Projections(**J), Projections(**sigma), features, shape, border)
    dense = {
        name: ssn.sheet_weights(shape, J[name], sigma[name], features, periodic) for name in NAMES
    }
    return coupling, dense


# The promise: 1e-5 of the largest input in float32. A net input is a difference of sums of
# positive terms, each wave's share is rounded once more on the way there and back, and waves
# below 1e-6 are left out.
SHARE = 1e-5


def random_rates(shape, seed=0):
    return EI(*np.random.default_rng(seed).uniform(0.1, 50, (2, *shape)))


def expected_net(rates, dense):
    """Net inputs in float64, and the largest input."""
    E, I = (np.ravel(r) for r in (rates.E, rates.I))  # noqa: E741
    parts = {name: dense[name] @ (E if name[1] == "E" else I) for name in NAMES}
    scale = max(part.max() for part in parts.values())
    return parts["EE"] - parts["EI"], parts["IE"] - parts["II"], scale


def check_net(found, rates, dense, share=SHARE):
    E, I, scale = expected_net(rates, dense)  # noqa: E741
    np.testing.assert_allclose(np.ravel(found.E), E, rtol=0, atol=share * scale)
    np.testing.assert_allclose(np.ravel(found.I), I, rtol=0, atol=share * scale)


@eqx.filter_jit
def net_of(coupling, rates):
    return coupling.operator()(rates.map(jnp.asarray))
