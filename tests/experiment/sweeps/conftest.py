"""The toy experiment: a Python file, as a user's own."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from cortex.experiment import find, load_config

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture
def drawing():
    """Asked for by tests that look at figures."""


@pytest.fixture(autouse=True)
def empty_figures(request, monkeypatch):
    """Half of the time of a sweep of the toy is drawing: nothing is drawn where nobody looks."""
    if "drawing" not in request.fixturenames:
        monkeypatch.setattr("cortex.figures.sweep.draw", lambda *_, **__: Figure())


@pytest.fixture
def toy():
    """The module of the toy, with `config(**settings of the unit)`."""
    simulate = find(str(TOY)).simulate
    module = sys.modules[simulate.__module__]

    def config(**unit):
        return load_config(TOY, [f"unit.{name}={value!r}" for name, value in unit.items()])

    return SimpleNamespace(module=module, simulate=simulate, config=config)
