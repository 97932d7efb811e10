"""Double precision for the tests that compare derivatives or orders of convergence."""

import pytest

from tests.circuit.twins import double_precision


@pytest.fixture
def x64():
    with double_precision():
        yield
