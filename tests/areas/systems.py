"""Small visual systems, and their pieces for the plain NumPy programs."""

import jax
import jax.numpy as jnp
import numpy as np

from cortex.areas import SSN, CircuitArea, PowerMap, VisualSystem
from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    GaussianCoupling,
    Populations,
    Projections,
)
from cortex.frontends.conv import ConvNetwork, ConvStage, Readout
from tests.reference import ssn

IMAGE = (1, 9, 7)
MAPS = (3, 4)
CLASSES = 3
SHAPES = ((3, 4, 3), (4, 4, 3))  # of the outputs of the two stages
NAMES = ("EE", "EI", "IE", "II")
# Inhibition-stabilised when driven, as in cortex.areas.digits.
J = {"EE": 6.0, "EI": 4.5, "IE": 11.0, "II": 2.2}
SIGMA = {"EE": 0.8, "EI": 1.2, "IE": 1.2, "II": 1.2}
SOLVER = FixedPointIteration(dt=2.0, duration=1000.0)
TIGHT = FixedPointIteration(dt=2.0, duration=8000.0, rtol=1e-12, atol=1e-12)  # in float64


def pieces(seed=0, classes=CLASSES):
    """Stages and readout of a network of two layers as NumPy arrays."""
    rng = np.random.default_rng(seed)
    stages, channels = [], IMAGE[0]
    for maps, pool in zip(MAPS, (2, 1), strict=True):
        weight = rng.normal(size=(maps, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
        stages.append((weight, 0.1 * rng.normal(size=maps), pool))
        channels = maps
    sizes = ((6, 4 * 2 * 1), (6,), (classes, 6), (classes,))
    return stages, [0.5 * rng.normal(size=size) for size in sizes]


def network(seed=0, classes=CLASSES):
    """The same as cortex's, of the default precision."""
    stages, readout = pieces(seed, classes)

    def array(values):
        return jnp.asarray(values, float)

    return ConvNetwork(
        tuple(ConvStage(array(weight), array(bias), pool) for weight, bias, pool in stages),
        Readout(*map(array, readout), 2),
    )


def images(count=6, seed=1):
    """Noise with some structure, [0, 1]."""
    return jnp.asarray(np.random.default_rng(seed).uniform(size=(count, *IMAGE)) ** 2, float)


def ssn_settings(contrast=30.0, J=J):
    """For `insert_circuits`."""
    strengths = {f"J_{name}": value for name, value in J.items()}
    widths = {f"sigma_{name}": value for name, value in SIGMA.items()}
    return SSN(**strengths, **widths, contrast=contrast)


def populations():
    return Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))


def likeness(maps, seed=2):
    """A feature coupling, rows summing to one."""
    S = np.random.default_rng(seed).uniform(0.1, 1, (maps, maps)) + 2 * np.eye(maps)
    return S / S.sum(axis=1, keepdims=True)


def circuit(shape, J=J):
    return Circuit(
        populations(),
        GaussianCoupling(Projections(**J), Projections(**SIGMA), likeness(shape[0]), shape),
    )


def dense_circuit(shape, J=J):
    """The reference's twin of `circuit`."""
    weights = {
        name: ssn.sheet_weights(shape, J[name], SIGMA[name], likeness(shape[0]), False)
        for name in NAMES
    }
    return ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))


def circuit_area(stage, shape, scale=25.0, solver=SOLVER, J=J):
    maps = shape[0]
    power = PowerMap(jnp.linspace(-1.0, 0.0, maps), jnp.linspace(-0.8, -0.3, maps))
    return CircuitArea(stage, jnp.asarray(scale, float), circuit(shape, J), power, solver)


def with_circuits(seed=0, classes=CLASSES, solver=SOLVER):
    """Circuits at both layers of the network, not calibrated."""
    net = network(seed, classes)
    rows = zip(net.stages, SHAPES, (25.0, 15.0), strict=True)
    areas = tuple(circuit_area(*row, solver=solver) for row in rows)
    return VisualSystem(areas, net.readout)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def identical(a, b):
    """Every array bit for bit."""
    pairs = zip(leaves(a), leaves(b), strict=True)
    return jax.tree.structure(a) == jax.tree.structure(b) and all(
        x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs
    )
