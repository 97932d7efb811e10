"""Quality and correlations by layer against loops, and the rows made of them."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.agreement import POOLED, agreement
from cortex.analysis.value_agreement import chance_quality
from cortex.measures.agreement_rows import agreement_measures

RNG = np.random.default_rng(7)
MAPS = (12, 20, 30)
TUNING = [RNG.normal(size=(4, n)) for n in MAPS]
NOISE = (3.0, 1.0, 0.3)  # less and less above
GRADIENTS = {
    over: [t + s * RNG.normal(size=t.shape) for t, s in zip(TUNING, NOISE, strict=True)]
    for over in ("balanced", "category")
}
NORMALISED = {
    "layer": lambda v: v / np.abs(v).max(1, keepdims=True),
    "map": lambda v: v / np.abs(v).max(0, keepdims=True),
}


@pytest.fixture(scope="module")
def found():
    return agreement(TUNING, GRADIENTS, NORMALISED, resamples=40, level=0.9)


def test_against_a_loop(found):
    assert found["correlation"].shape == (2, 2, len(POOLED), 3)
    for layer, tuning in enumerate(TUNING):
        quality = [max(abs(v) for v in tuning[:, m]) for m in range(MAPS[layer])]
        assert found["quality_mean"][layer] == pytest.approx(np.mean(quality))
        for i, over in enumerate(GRADIENTS):
            for j, name in enumerate(NORMALISED):
                other = NORMALISED[name](GRADIENTS[over][layer])
                by_category = [np.corrcoef(tuning[c], other[c])[0, 1] for c in range(4)]
                by_map = [np.corrcoef(tuning[:, m], other[:, m])[0, 1] for m in range(MAPS[layer])]
                at = found["correlation"][i, j, :, layer]
                np.testing.assert_allclose(at, [np.mean(by_category), np.mean(by_map)], atol=1e-12)
    for name in ("quality_mean", "correlation"):
        assert np.all(found[f"{name}_low"] < found[f"{name}_high"])


def dataset(found, quality_shuffled):
    grid = ("variant", "set", "normalisation", "pooled", "layer")
    one = {
        name: (grid if name.startswith("correlation") else ("variant", "layer"), value[None])
        for name, value in found.items()
    }
    return xr.Dataset(
        {
            **one,
            "quality_shuffled_mean": (("variant", "layer"), np.full((1, 3), quality_shuffled)),
            "settled": ("variant", [1.0]),
            "detector_auc": (("variant", "category"), np.full((1, 4), 0.8)),
            "feature_error": (("variant", "layer"), np.full((1, 3), np.nan)),
        },
        {
            "variant": ["plain"],
            "set": list(GRADIENTS),
            "normalisation": list(NORMALISED),
            "pooled": list(POOLED),
            "layer": [1, 2, 3],
        },
    )


def test_rows(found):
    data = dataset(found, 1.05 * chance_quality(4, 35))
    rows = {m.name: m for m in agreement_measures(data, 35)}
    for over in GRADIENTS:
        for n, (pooled, normalised) in enumerate((("maps", 0), ("categories", 1))):
            row = rows[f"correlation_rise[plain,{over},over {pooled}]"]
            correlation = found["correlation"][list(GRADIENTS).index(over), normalised, n]
            assert row.value == pytest.approx(correlation[-1] - correlation[0])
            assert row.holds is True
    assert rows["quality_shuffled[plain]"].holds is True
    assert rows["quality_beyond_shuffled_least[plain]"].holds is True
    assert rows["correlation_low[plain,balanced,over maps,2]"].value < 1


def test_rows_that_do_not_hold_say_so(found):
    turned = {name: value[..., ::-1] for name, value in found.items()}
    rows = {m.name: m for m in agreement_measures(dataset(turned, 5.0), 35)}
    assert rows["correlation_rise[plain,balanced,over maps]"].holds is False
    assert rows["quality_shuffled[plain]"].holds is False
    assert rows["quality_beyond_shuffled_least[plain]"].holds is False
