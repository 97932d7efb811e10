"""What the tests of experiments on learned sources share: small settings, and common checks."""

from contextlib import contextmanager
from unittest import mock

import jax.numpy as jnp
import numpy as np

from cortex.areas.digits import CLASSES, HIDDEN
from cortex.models.learned import study
from cortex.tasks import Detectors, Observer

SMALL = ["images.per_category=8", "learned.seeds=[1]", "statistics.resamples=20"]


@contextmanager
def stub_detectors():
    """Any detectors at all: fitting real ones takes longer than all the rest."""
    weight = np.random.default_rng(0).normal(size=(CLASSES, HIDDEN))
    detectors = Detectors(jnp.asarray(weight, jnp.float32), jnp.zeros(CLASSES))
    with mock.patch.object(study, "fitted_observer", lambda system, _: Observer(system, detectors)):
        yield


def check_all(data, size):
    """Labels, settled circuits, and conditions that differ as they should."""
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name
    assert data.sizes["image"] == 80
    assert int(data["present"].sum()) == 40
    assert np.all(data["settled"])
    assert np.all(data["pattern"].sel(condition="none") == 0)
    spread = np.sqrt((data["pattern"].sel(condition="learned") ** 2).mean(("row", "column")))
    # The mean over maps of a pattern has at most the root mean square of the pattern.
    assert 0 < float(spread.max()) <= size * 1.001
    untrained, learned = (data["score"].sel(condition=name) for name in ("untrained", "learned"))
    assert not np.allclose(untrained, learned, atol=1e-3)
