"""Grids and draws, from words to numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.errors import UserError
from cortex.experiment.sweeps import Axis, Sample, parse_grid, parse_sample


@pytest.mark.parametrize(
    ("text", "values", "logarithmic"),
    [
        ("circuit.k=0.1:0.3:3", (0.1, 0.2, 0.3), False),
        ("a=1:100:3,log", (1, 10, 100), True),
        ("a=1:2:3", (1.0, 1.5, 2.0), False),
        ("a=3:1:3", (3, 2, 1), False),
        ("a=1,2.5", (1, 2.5), False),
        ("a=one,two", ("one", "two"), False),
        ('a="x,y",z', ("x,y", "z"), False),
        ("a=[1,2],[3]", ([1, 2], [3]), False),
        ("a=true,false", (True, False), False),
        ("a=7", (7,), False),
    ],
)
def test_grids(text, values, logarithmic):
    axis = parse_grid(text)
    assert axis == Axis(text.partition("=")[0], values, logarithmic)
    assert [type(value) for value in axis.values] == [type(value) for value in values]


@given(
    st.floats(-1e3, 1e3).map(lambda x: round(x, 3)),
    st.floats(0.01, 1e3).map(lambda x: round(x, 3)),
    st.integers(2, 50),
)
def test_ranges_are_evenly_spaced_and_hit_their_ends(low, width, count):
    high = round(low + width, 3)
    axis = parse_grid(f"a={low}:{high}:{count}")
    np.testing.assert_allclose(axis.values, np.linspace(low, high, count), rtol=1e-9, atol=1e-9)
    assert (axis.values[0], axis.values[-1]) == (low, high)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("circuit.k", "allowed: PATH=START:END:COUNT"),
        ("=1,2", "allowed: PATH=START:END:COUNT"),
        ("a=1:2:1", "found 1 values"),
        ("a=1:1:5", "two different ends"),
        ("a=0:1:5,log", "allowed with log: > 0"),
        ("a=1,,2", "empty value"),
        ("a=1,1", "twice"),
        ("experiment=a,b", "cannot be swept"),
    ],
)
def test_a_bad_grid_is_one_line(text, words):
    with pytest.raises(UserError, match=words) as raised:
        parse_grid(text)
    assert text in str(raised.value)


def test_draws_have_their_distribution():
    draws = {
        words: np.array(parse_sample(f"a={words}").draws(4000, 1))
        for words in ("normal(2,3)", "lognormal(2,0.5)", "uniform(1,3)", "loguniform(0.01,1)")
    }
    # 4000 draws: the mean is within 4 standard errors of what it should be.
    for drawn, mean, sd in (
        (draws["normal(2,3)"], 2.0, 3.0),
        (np.log(draws["lognormal(2,0.5)"]), math.log(2), 0.5),
        (draws["uniform(1,3)"], 2.0, 2 / math.sqrt(12)),
        (np.log(draws["loguniform(0.01,1)"]), math.log(0.1), math.log(100) / math.sqrt(12)),
    ):
        assert abs(drawn.mean() - mean) < 4 * sd / math.sqrt(4000)
        assert drawn.std() == pytest.approx(sd, rel=0.05)
    assert draws["loguniform(0.01,1)"].min() >= 0.01


def test_more_draws_begin_alike_and_settings_differ():
    one, other = parse_sample("a=normal(0,1)"), parse_sample("b=normal(0,1)")
    assert one.draws(10, 3)[:4] == one.draws(4, 3)
    assert one.draws(4, 3) != one.draws(4, 4)
    assert one.draws(4, 3) != other.draws(4, 3)
    assert one == Sample("a", "normal", (0.0, 1.0))


@pytest.mark.parametrize(
    "words", ["normal(1)", "normal(1,0)", "gamma(1,2)", "uniform(2,1)", "loguniform(0,1)", "3"]
)
def test_a_bad_sample_is_one_line(words):
    with pytest.raises(UserError, match=r"allowed: .*(normal|uniform)"):
        parse_sample(f"a={words}")
