"""What looks at the run of a heavy experiment is slow."""

import pytest

from tests.heavy import HEAVY

RUNS = {"data", "run"}  # fixtures of a module


@pytest.hookimpl(tryfirst=True)  # before slow tests are left out
def pytest_collection_modifyitems(items):
    for item in items:
        name = item.path.stem.removeprefix("test_")
        if item.path.parent.name == "sims" and name in HEAVY and RUNS & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
