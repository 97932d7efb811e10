"""The run that the tests of an experiment look at; what looks at that of a heavy one is slow.

It is the small run, or, where a module says `SETTINGS`, one with these in place of the defaults.
"""

import pytest

from cortex.experiment import load_settings
from tests.heavy import HEAVY
from tests.small_runs import small_run


def name_of(path):
    return path.stem.removeprefix("test_")


@pytest.fixture(scope="module")
def settings(request):
    experiment, _ = load_settings(name_of(request.path))
    values = getattr(request.module, "SETTINGS", experiment.small)
    return load_settings(experiment, values=values)[1]


@pytest.fixture(scope="module")
def data(request, settings):
    name = name_of(request.path)
    if hasattr(request.module, "SETTINGS"):
        return load_settings(name)[0].run(settings)
    return small_run(name)[1]


@pytest.hookimpl(tryfirst=True)  # before slow tests are left out
def pytest_collection_modifyitems(items):
    for item in items:
        own = item.path.parent.name == "sims" and name_of(item.path) in HEAVY
        if own and "data" in item.fixturenames:
            item.add_marker(pytest.mark.slow)
