"""Points, their numbers and their configurations."""

import itertools
import json

import numpy as np
import pytest

from cortex.errors import UserError
from cortex.experiment import load_config
from cortex.experiment.sweeps import Axis, Sample, Sweep
from cortex.experiment.sweeps.plan import groups

CONFIG = load_config("ring_normalization")
K = Axis("circuit.k", (0.03, 0.04, 0.05))
UNITS = Axis("circuit.units", (24, 36))
TAU = Sample("circuit.tau_E", "normal", (20.0, 1.0))


def test_points_are_numbered_with_the_last_axis_fastest():
    sweep = Sweep(CONFIG, (UNITS, K), (TAU,), 2)
    assert (sweep.shape, sweep.size) == ((2, 3, 2), 12)
    assert sweep.dims == ("circuit.units", "circuit.k", "sample")
    expected = itertools.product(UNITS.values, K.values, sweep.draws["circuit.tau_E"])
    for point, (units, k, tau) in enumerate(expected):
        found = sweep.config_of(point).circuit
        assert (found.units, found.k, found.tau_E) == (units, k, tau)


def test_a_sampled_number_does_not_depend_on_the_grid():
    alone = Sweep(CONFIG, (), (TAU,), 3)
    assert alone.draws == Sweep(CONFIG, (K,), (TAU,), 3).draws


def test_groups_partition_the_points():
    sweep = Sweep(CONFIG, (UNITS, K), (TAU,), 2)
    found = groups(sweep, ["circuit.k", "circuit.tau_E"])
    assert [group.fixed for group in found] == [{"circuit.units": 24}, {"circuit.units": 36}]
    np.testing.assert_array_equal(np.concatenate([g.points for g in found]), np.arange(12))
    apart = groups(sweep, ["circuit.k"])
    assert len(apart) == 4
    for group in apart:
        for point in group.points:
            assert sweep.values(int(point)).items() >= group.fixed.items()
    assert sorted(p for group in apart for p in group.points) == list(range(12))
    assert len(groups(sweep, [])) == 12


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ((Axis("circuit.kk", (1.0,)),), "--grid circuit.kk: .*unknown key 'kk'"),
        ((Axis("circuit.k", (1.0, -1.0)),), "found -1.0, allowed: a number > 0"),
        ((Axis("circuit.k", ("x",)),), "found 'x'"),
        ((K, K), "swept twice"),
        ((), "nothing to vary"),
        ((Axis("contrasts.curve", ([1.0, 100.0, 9], [9.0, 1.0, 9])),), "contrasts.curve: found"),
    ],
)
def test_what_is_not_allowed_is_said_in_one_line(axes, words):
    with pytest.raises(UserError, match=words):
        Sweep(CONFIG, axes).check()


def test_the_digest_is_that_of_everything_that_matters():
    sweep = Sweep(CONFIG, (K, UNITS))
    others = [
        Sweep(CONFIG, (UNITS, K)),
        Sweep(CONFIG, (K,)),
        Sweep(CONFIG, (K, UNITS), kept=("w_E",)),
        Sweep(load_config("ring_normalization", seed=1), (K, UNITS)),
    ]
    digests = {item.digest() for item in (sweep, *others)}
    assert len(digests) == 5
    for item in (*others, Sweep(CONFIG, (K,), (TAU,), 2, ("w_E",))):
        assert Sweep.of_identity(json.loads(json.dumps(item.identity()))).digest() == item.digest()
    assert sweep.digest() == Sweep(load_config("ring_normalization"), (K, UNITS)).digest()
