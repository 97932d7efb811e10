"""What the tests of experiments on learned sources share: common checks."""

import numpy as np


def check_conditions(data, size):
    """Settled circuits, and conditions that differ as they should."""
    assert int(data["present"].sum()) == data.sizes["image"] // 2
    assert np.all(data["settled"])
    assert np.all(data["pattern"].sel(condition="none") == 0)
    spread = np.sqrt((data["pattern"].sel(condition="learned") ** 2).mean(("row", "column")))
    # The mean over maps of a pattern has at most the root mean square of the pattern.
    assert 0 < float(spread.max()) <= size * 1.001
    untrained, learned = (data["score"].sel(condition=name) for name in ("untrained", "learned"))
    assert not np.allclose(untrained, learned, atol=1e-3)
