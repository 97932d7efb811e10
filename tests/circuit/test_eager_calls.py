"""Calls outside `jax.jit`: compiled once, cached on disk, and errors that say what is allowed."""

import os
import subprocess
import sys

import diffrax
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Adaptive,
    AndersonAcceleration,
    Circuit,
    DenseCoupling,
    Epoch,
    Fixed,
    FixedPointIteration,
    Modulation,
    Populations,
    Projections,
    TimeIntegration,
    simulate,
    steady_state,
    steady_states,
)
from tests.refusals import refusal

UNITS = 3
SOLVERS = [TimeIntegration(), FixedPointIteration(), AndersonAcceleration()]
compilations = []


@jax.monitoring.register_event_duration_secs_listener
def _count(event, duration, **_):
    if event.endswith("backend_compile_duration"):
        compilations.append(event)


def circuit(weight=0.02):
    J = Projections(weight, 0.1, 0.5, 0.1)
    matrices = J.map(lambda strength: strength * jnp.eye(UNITS))
    return Circuit(
        Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0)), DenseCoupling(matrices)
    )


def both(h):
    return EI(jnp.full(UNITS, h), jnp.full(UNITS, h))


def through_time(x, **options):
    protocol = [Epoch(10.0 + x, both(x)), Epoch(20.0, both(0.0), Modulation(input=both(x)))]
    return simulate(circuit(0.02 + x / 1e4), protocol, jnp.array([5.0, 25.0]), **options)


def dynamics(x):
    return circuit().dynamics(both(x))


CALLS = {
    "steady_state": lambda x: steady_state(circuit(x / 1e3), both(x), Modulation(input=both(x))),
    "simulate": through_time,
    "steady_states": lambda x: steady_states(dynamics, x * jnp.ones(4), batch_size=2),
    "derivative": jax.grad(lambda x: steady_state(circuit(), both(x)).rates.E[0]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_second_call_with_other_numbers_compiles_nothing(call):
    first = call(5.0)
    before = len(compilations)
    second = call(6.0)
    assert len(compilations) == before > 0
    differ = [
        not np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    ]
    assert any(differ)


def test_what_is_compiled_once_is_what_is_computed_under_jit():
    for call in (CALLS["steady_state"], CALLS["simulate"]):
        eager, jitted = call(5.0), jax.jit(call)(5.0)
        for a, b in zip(jax.tree.leaves(eager), jax.tree.leaves(jitted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def programs():
    for solver, night in zip(SOLVERS, ((), (), pytest.mark.slow), strict=True):
        yield pytest.param(
            lambda x, solver=solver: steady_state(circuit(x), both(5.0), solver=solver).rates.E[0],
            id=type(solver).__name__,
            marks=night,
        )
    for stepping, night in ((Fixed(), ()), (Adaptive(), pytest.mark.slow)):
        yield pytest.param(
            lambda x, stepping=stepping: through_time(x, stepping=stepping).values.E[0, 0],
            id=type(stepping).__name__,
            marks=night,
        )


@pytest.mark.parametrize("program", list(programs()))
def test_programs_call_nothing_on_the_host(program):
    """For with a callback in it a program is not kept in JAX's cache of compilations."""
    text = jax.jit(jax.grad(program)).lower(1.0).as_text()
    assert "while" in text
    assert "callback" not in text


PROGRAM = """
import jax
from tests.circuit import test_eager_calls as calls
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event.split("/")[-1]))
found = calls.CALLS["steady_state"](5.0)
assert found.converged
print(hits.count("cache_hits"), hits.count("cache_misses"))
"""


@pytest.mark.slow
def test_a_second_process_finds_the_compiled_program(tmp_path):
    settings = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": os.getcwd(),
    }

    def run():
        command = [sys.executable, "-c", PROGRAM]
        answer = subprocess.run(
            command, env=os.environ | settings, capture_output=True, text=True, check=True
        )
        return [int(number) for number in answer.stdout.split()]

    assert run()[1] > 0
    hits, misses = run()
    assert hits > 0
    assert misses == 0


@pytest.fixture
def unchecked():
    """Without the checks of types that only the tests make."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (jnp.ones(UNITS), TypeError, "drive: found an array of shape (3,), allowed: EI(E, I)"),
        ([1.0, 2.0, 3.0], TypeError, "drive: found a list, allowed: EI(E, I)"),
        (EI(jnp.ones(UNITS), None), TypeError, "drive.I: found None, allowed: a number or"),
        (EI(jnp.ones(2), 1.0), ValueError, "drive.E: found shape (2,), allowed: () or (3,)"),
        (EI(jnp.ones((4, 3)), 1.0), ValueError, "drive.E: found shape (4, 3), allowed: () or (3,)"),
    ],
)
def test_a_drive_that_does_not_fit(given, kind, message):
    for call in (
        lambda: steady_state(circuit(), given),
        lambda: simulate(circuit(), [Epoch(10.0, given)], [5.0]),
    ):
        assert refusal(call, error=kind).startswith(message)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: steady_state(circuit(), both(1.0), initial=jnp.ones(3)),
            TypeError,
            "initial: found an array of shape (3,), allowed: EI(E, I)",
        ),
        (
            lambda: steady_state(circuit(), both(1.0), Modulation(input=EI(jnp.ones(2), 0.0))),
            ValueError,
            "modulation.input.E: found shape (2,), allowed: () or (3,)",
        ),
        (
            lambda: Modulation(drive_gain=1.2),
            TypeError,
            "modulation.drive_gain: found a float, allowed: EI(E, I)",
        ),
        (
            lambda: Populations(20.0, EI(0.04, 0.04), EI(2.0, 2.0)),
            TypeError,
            "tau: found a float, allowed: EI(E, I)",
        ),
        (
            lambda: simulate(circuit(), [Epoch(10.0, both(1.0))], []),
            ValueError,
            "times: found no times, allowed: one or more",
        ),
        (
            lambda: simulate(circuit(), [], [1.0]),
            ValueError,
            "protocol: found no epoch, allowed: one or more",
        ),
        (
            lambda: TimeIntegration(diffrax.Kvaerno3()),
            ValueError,
            "TimeIntegration.solver: found Kvaerno3, allowed: an explicit",
        ),
    ],
)
def test_other_arguments_that_do_not_fit(call, kind, message):
    assert refusal(call, error=kind).startswith(message)
