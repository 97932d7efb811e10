"""What the tests of experiments on learned sources share: a small run, and common checks."""

import numpy as np

from cortex.experiment import load_settings


def small_run(name, **more):
    """Settings and dataset of the experiment in its small size."""
    overrides = [
        f"{path}={value!r}" for path, value in (load_settings(name)[0].small | more).items()
    ]
    experiment, settings = load_settings(name, overrides)
    return settings, experiment.run(settings)


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
