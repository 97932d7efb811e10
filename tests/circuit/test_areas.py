"""Areas coupled as one system, against block matrices and plain Euler steps in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    AreasCoupling,
    Circuit,
    DenseCoupling,
    Epoch,
    Fixed,
    LongRange,
    Populations,
    Projections,
    SparseCoupling,
    gaussian_pooling,
    jacobian_eigenvalues,
    line_coupling,
    simulate,
    steady_state,
)
from cortex.circuit.coupling.sparse import Neighbours
from tests.circuit.twins import NAMES, rates_of, sheet
from tests.derivatives import check_derivatives
from tests.reference import ssn

PLAIN = Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))
RTOL = 1e-5  # float32; all terms of a sum are positive
J = {"EE": 0.5, "EI": 0.6, "IE": 0.7, "II": 0.3}
SIGMA = {"EE": 1.0, "EI": 0.0, "IE": 2.0, "II": 0.0}


def line_twin(units):
    coupling = line_coupling(units, 1.0, Projections(**J), Projections(**SIGMA))
    return coupling, {n: ssn.line_weights(units, 1.0, J[n], SIGMA[n]) for n in NAMES}


def sparse_twin(units):
    rng = np.random.default_rng(5)
    dense = {
        n: rng.uniform(0, 1, (units, units)) * (rng.random((units, units)) < 0.4) for n in NAMES
    }
    lists = Projections(**{n: Neighbours.from_dense(dense[n]) for n in NAMES})
    return SparseCoupling(lists, (units,)), dense


def blocks(dense, long_range):
    """Block matrices of the whole system; `long_range` of (source, target, onto E, onto I)."""
    sizes = [len(area["EE"]) for area in dense]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    whole = {n: np.zeros((starts[-1], starts[-1])) for n in NAMES}
    for number, area in enumerate(dense):
        own = slice(starts[number], starts[number + 1])
        for n in NAMES:
            whole[n][own, own] = area[n]
    for source, target, E, I in long_range:  # noqa: E741
        rows, columns = (slice(starts[a], starts[a + 1]) for a in (target, source))
        whole["EE"][rows, columns] += E
        whole["IE"][rows, columns] += I
    return whole


@pytest.fixture(scope="module")
def mixed():
    """A line, a sheet of two features and a sparse area; forward, backward and a short cut."""
    twins = [line_twin(6), sheet((2, 3, 2), False), sparse_twin(4)]
    rng = np.random.default_rng(1)
    sizes = (6, 12, 4)
    long_range, plain = [], []
    for source, target in ((0, 1), (1, 2), (2, 1), (1, 0), (0, 2), (0, 1)):
        weights = rng.uniform(0, 1, (sizes[target], sizes[source]))
        E, I = rng.uniform(0, 2, sizes[target]), 0.3  # noqa: E741 - one value a unit, and one for all
        long_range.append(LongRange(source, target, weights, EI(E, I)))
        plain.append((source, target, E[:, None] * weights, I * weights))
    coupling = AreasCoupling([c for c, _ in twins], long_range)
    return coupling, blocks([d for _, d in twins], plain)


def test_all_projections_against_block_matrices(mixed):
    coupling, dense = mixed
    assert coupling.shape == (22,)
    rates = rates_of(coupling.shape)
    parts = eqx.filter_jit(lambda c, r: c.parts(r))(coupling, rates)
    matrices = eqx.filter_jit(lambda c: c.matrices())(coupling)
    for name in NAMES:
        source = np.asarray(rates.E if name[1] == "E" else rates.I, dtype=np.float64)
        np.testing.assert_allclose(getattr(parts, name), dense[name] @ source, rtol=RTOL)
        np.testing.assert_allclose(getattr(matrices, name), dense[name], rtol=RTOL, atol=1e-11)


def test_incoming_is_what_the_areas_do_not_make_themselves(mixed):
    coupling, dense = mixed
    rates = rates_of(coupling.shape, 3)
    found = eqx.filter_jit(lambda c, r: c.incoming(r))(coupling, rates)
    for values, name in ((found.E, "EE"), (found.I, "IE")):
        between = dense[name].copy()
        for start, end in ((0, 6), (6, 18), (18, 22)):
            between[start:end, start:end] = 0
        np.testing.assert_allclose(values, between @ np.asarray(rates.E, float), rtol=RTOL)


def test_batches_need_no_vmap(mixed):
    lines = AreasCoupling(mixed[0].areas[:2], [])
    rates = rates_of((3, *lines.shape))

    @jax.jit
    def both(rates):
        return lines.parts(rates).IE, jax.vmap(lines.parts)(rates).IE

    np.testing.assert_allclose(*both(rates), rtol=RTOL)


def test_split_and_join(mixed):
    coupling, _ = mixed
    values = jnp.arange(2 * 22.0).reshape(2, 22)
    areas = coupling.split(values)
    assert [a.shape for a in areas] == [(2, 6), (2, 2, 3, 2), (2, 4)]
    assert float(areas[1][1, 1, 2, 1]) == 22 + 6 + 11
    np.testing.assert_array_equal(coupling.join(areas), values)


def stack():
    """Two lines that excite each other, and the same system in the plain program."""
    (first, dense_first), (second, dense_second) = line_twin(7), line_twin(4)
    places = np.linspace(-3, 3, 7), np.linspace(-3, 3, 4)
    up = gaussian_pooling(jnp.asarray(places[1]), jnp.asarray(places[0]), 0.8)
    down = gaussian_pooling(jnp.asarray(places[0]), jnp.asarray(places[1]), 1.5)

    def mean(targets, sources, width):
        weights = np.exp(-(np.subtract.outer(targets, sources) ** 2) / (2 * width**2))
        return weights / weights.sum(axis=1)[:, None]

    np.testing.assert_allclose(up, mean(places[1], places[0], 0.8), rtol=RTOL)
    coupling = AreasCoupling(
        [first, second],
        [LongRange(0, 1, up, EI(1.5, 1.2)), LongRange(1, 0, down, EI(0.4, 0.1))],
    )
    forward, backward = mean(places[1], places[0], 0.8), mean(places[0], places[1], 1.5)
    dense = blocks(
        [dense_first, dense_second],
        [(0, 1, 1.5 * forward, 1.2 * forward), (1, 0, 0.4 * backward, 0.1 * backward)],
    )
    pair = ((20.0, 10.0), (0.04, 0.04), (2.0, 2.0))
    return Circuit(PLAIN, coupling), ssn.network(**dense, tau=pair[0], k=pair[1], n=pair[2])


def test_the_stack_is_one_system():
    """Time course, steady state and Jacobian of areas that feed each other."""
    circuit, twin = stack()
    drive = np.zeros(11)
    drive[2:5] = 25.0
    given = ssn.Input(drive=np.concatenate([drive, drive]))
    inputs = EI(jnp.asarray(drive), jnp.asarray(drive))
    _, course = ssn.euler(twin, given, np.zeros(22), 0.01, 4000)

    @jax.jit
    def solve(inputs):
        protocol, times = [Epoch(40.0, inputs)], jnp.asarray([10.0, 40.0])
        state = steady_state(circuit, inputs)
        course = simulate(circuit, protocol, times, stepping=Fixed(dt=0.25))
        return course, state, jacobian_eigenvalues(circuit, state.rates, inputs)

    found, state, modes = solve(inputs)
    for index, step in ((0, 1000), (1, 4000)):
        rates = np.concatenate([found.values.E[index], found.values.I[index]])
        # Euler at .01 ms against Heun at .25 ms; without the feedback the later one differs by 4 %.
        np.testing.assert_allclose(rates, course[step], rtol=0, atol=5e-4 * course[step].max())
    expected = ssn.steady_state(twin, given)
    assert bool(state.converged)
    reached = np.concatenate([state.rates.E, state.rates.I])
    np.testing.assert_allclose(reached, expected, rtol=1e-4, atol=1e-3)
    reference = np.sort(np.linalg.eigvals(ssn.jacobian(twin, given, expected)).real)
    np.testing.assert_allclose(np.sort(np.asarray(modes).real), reference, atol=1e-4)


def test_a_narrow_pool_reads_its_nearest_unit():
    weights = gaussian_pooling(jnp.asarray([0.1, 2.2]), jnp.arange(4.0), 1e-3)
    np.testing.assert_array_equal(weights, np.eye(4)[[0, 2]])


@pytest.mark.slow
def test_gradient_reaches_the_strength_between_areas():
    circuit, _ = stack()
    drive = jnp.full(11, 8.0)

    def response(strength):
        feedback = circuit.coupling.long_range[1]
        feedback = LongRange(1, 0, feedback.weights, EI(strength[0], 0.1))
        coupling = AreasCoupling(circuit.coupling.areas, [circuit.coupling.long_range[0], feedback])
        return steady_state(Circuit(PLAIN, coupling), EI(drive, drive)).rates.E[3]

    check_derivatives(response, jnp.array([0.4]), 0.05, rtol=0.02)  # the curvature over +-0.05


def test_what_is_refused():
    first, second = line_twin(3)[0], line_twin(2)[0]
    good = np.ones((2, 3))

    def build(*projections):
        return Circuit(PLAIN, AreasCoupling([first, second], projections))

    one = EI(1.0, 1.0)
    build(LongRange(0, 1, good, one))
    for bad, words in (
        (LongRange(0, 1, -good, one), "Dale"),
        (LongRange(0, 1, good, EI(1.0, -1.0)), "onto_I from area 0 to area 1"),
        (LongRange(0, 1, good.T, one), r"weights: found shape \(3, 2\), allowed: \(2, 3\)"),
        (LongRange(0, 1, good, EI(np.ones(3), 1.0)), r"onto_E: found shape \(3,\)"),
        (LongRange(0, 2, good, one), "two different areas of 0 to 1"),
        (LongRange(1, 1, np.ones((2, 2)), one), "two different areas"),
    ):
        with pytest.raises(ValueError, match=words):
            build(bad)
    with pytest.raises(ValueError, match="areas: found none"):
        AreasCoupling([])
    negative = np.ones((3, 3))
    negative[0, 1] = -1.0
    dense = DenseCoupling(Projections(np.ones((3, 3)), negative, np.ones((3, 3)), np.ones((3, 3))))
    with pytest.raises(ValueError, match="W_EI"):
        Circuit(PLAIN, AreasCoupling([dense]))
