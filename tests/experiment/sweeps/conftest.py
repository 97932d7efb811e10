"""The toy experiment, in this process for one test at a time."""

import sys

import pytest

from cortex.experiment import registry


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(registry, "_files", registry._files)  # put back afterwards
    from tests.experiment.sweeps.registered import NAME, load_toy

    module = load_toy()
    yield module
    sys.modules.pop(NAME, None)
