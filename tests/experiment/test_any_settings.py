"""Any setting to any value: settings that a run takes, or one line."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.experiment import load_config
from cortex.experiment.sweeps.axes import parse_grid, parse_sample
from cortex.experiment.sweeps.plan import Sweep
from cortex.experiment.written import as_toml
from cortex.settings import plain
from cortex.settings import settings as rows_of
from tests.refusals import outcome

EXPERIMENTS = ("ring_normalization", "cueing")
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.integers(-(10**12), 10**12),
    st.floats(width=32),
    st.sampled_from(["1e400", "-0.0", "0x10", "1_000", "+5", ".5", "1e-320"]),
)
WORDS = st.text("ab '\"[]{}=,.#\\ä", max_size=6)
VALUES = st.one_of(
    NUMBERS,
    st.booleans(),
    WORDS,
    st.lists(NUMBERS | WORDS | st.booleans(), max_size=4),
    st.sampled_from(["", "[]", "{}", "{values=[1]}", "plain", '["plain"]', "[[1]]", "none"]),
)


def written(value):
    """As on a command line."""
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", EXPERIMENTS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_setting_is_taken_or_refused_in_one_line(name, data):
    paths = [row.path for row in rows_of(load_config(name))]
    path = data.draw(st.sampled_from(paths) | WORDS | st.sampled_from(paths).map(lambda p: p[:-1]))
    setting = f"{path}={written(data.draw(VALUES))}"
    found, line = outcome(load_config, name, [setting])
    if line is not None:
        assert "\n" not in line
        return
    again = tomllib.loads(as_toml(found))
    assert again["experiment"] == name
    assert {key: again[key] for key in again if not isinstance(again[key], dict)} == {
        key: value for key, value in plain(found).items() if not isinstance(value, dict)
    }


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["circuit.k", "circuit.units", "circuit", "contrasts", "nothing", ""]),
    st.text("0123456789:.,elog-+[]{}x ", max_size=14) | NUMBERS.map(str),
)
def test_any_axis_of_a_sweep_is_taken_or_refused_in_one_line(path, words):
    config = load_config("ring_normalization")
    for parse, count in ((parse_grid, 1), (parse_sample, 2)):
        plan, line = outcome(checked_sweep, config, parse, f"{path}={words}", count)
        assert "\n" not in (line or "")
        assert plan is None or path in {row.path for row in rows_of(config)} | {"contrasts"}


def checked_sweep(config, parse, text, count):
    """A sweep over one axis, looked at point by point where they are few."""
    axis = parse(text)
    plan = Sweep(config, *(((axis,), ()) if count == 1 else ((), (axis,))), count)
    if plan.size < 500:
        plan.check()
    return plan
