"""Lines and shares of a layer's maps, and the rows made of them, on made-up ratios."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.propagation import STATISTICS, propagation
from cortex.analysis.similarity_gain import by_preference
from cortex.measures.propagation_rows import propagation_measures

RNG = np.random.default_rng(6)
OF_MAP = np.repeat([1, 2, 3], [20, 30, 40])
ATTENDED = (1, 2)


def made_up():
    """Two sources; the first matches at the layer attended and not at the last one."""
    tuning = RNG.normal(size=(9, 90))
    tuning -= tuning.mean(0)
    ratio = np.full((2, 2, 9, 90), np.nan)
    for source in range(2):
        for place, attended in enumerate(ATTENDED):
            for layer in range(attended, 4):
                here = layer == OF_MAP
                strength = {True: 0.3, False: -0.3}[(layer == attended) == (source == 0)]
                ratio[source, place][:, here] = 1 + strength * tuning[:, here]
    ratio[:, :, 4, 25] = np.nan  # a map of the second layer without a line
    turns = {name: RNG.normal(size=(2, 2, 3, 9)) for name in ("turn", "turn_centred")}
    return ratio, tuning, turns


@pytest.fixture(scope="module")
def arrays():
    return made_up()


@pytest.fixture(scope="module")
def found(arrays):
    return propagation(*arrays, OF_MAP, ATTENDED, resamples=50, level=0.9)


def test_statistics_against_a_loop(arrays, found):
    ratio, tuning, turns = arrays
    for source in range(2):
        for place, attended in enumerate(ATTENDED):
            for layer in (1, 2, 3):
                at = (source, place, layer - 1)
                if layer < attended:
                    assert all(np.isnan(found[name][at]) for name in STATISTICS)
                    assert found["counted"][at] == 0
                    continue
                maps = [m for m in np.flatnonzero(layer == OF_MAP) if m != 25]
                folded = by_preference(ratio[source, place][:, maps], tuning[:, maps])
                rows = [np.polyfit(np.arange(5), folded[:, m], 1) for m in range(len(maps))]
                slopes, intercepts = np.array(rows).T
                assert found["counted"][at] == len(maps)
                share = np.mean((slopes < 0) & (intercepts > 1))
                # Least squares in float64, by another routine.
                assert found["slope_median"][at] == pytest.approx(np.median(slopes), abs=1e-9)
                assert found["intercept_median"][at] == pytest.approx(np.median(intercepts))
                assert found["matching_share"][at] == pytest.approx(share)
                for name, turn in turns.items():
                    mean = turn[source, place, layer - 1].mean()
                    assert found[f"{name}_mean"][at] == pytest.approx(mean)
                np.testing.assert_allclose(
                    found["quartiles"][at][1], np.median(folded, axis=1), rtol=1e-12
                )
                assert found["slope_median_low"][at] <= found["slope_median"][at]
                assert found["turn_mean_high"][at] >= found["turn_mean"][at]


def dataset(found):
    by_layer = ("variant", "source", "attended", "layer")
    one = {name: (by_layer, value[None]) for name, value in found.items() if value.ndim == 3}
    del one["slope"], one["intercept"]
    return xr.Dataset(
        {
            **one,
            "settled": (by_layer[:3], np.ones((1, 2, 2))),
            "settled_unattended": ("variant", [0.9]),
            "detector_auc": (("variant", "orientation"), np.full((1, 9), 0.8)),
            "feature_error": (("variant", "layer"), [[np.nan, 0.1, np.nan]]),
        },
        {
            "variant": ["circuits"],
            "source": ["tuning", "gradient"],
            "attended": list(ATTENDED),
            "layer": [1, 2, 3],
        },
    )


def test_rows(found):
    rows = {m.name: m for m in propagation_measures(dataset(found))}
    assert rows["settled_lowest[circuits]"].value == 0.9
    assert rows["feature_error[circuits,2]"].value == pytest.approx(0.1)
    assert rows["slope_median[circuits,tuning,1,at 1]"].holds is True
    assert rows["intercept_median[circuits,tuning,2,at 2]"].holds is True
    for attended in ATTENDED:
        fades = rows[f"matching_share_change[circuits,tuning,{attended},{attended} to 3]"]
        emerges = rows[f"matching_share_change[circuits,gradient,{attended},{attended} to 3]"]
        assert (fades.value, emerges.value) == (pytest.approx(-1), pytest.approx(1))
        assert fades.holds is emerges.holds is True


def test_rows_that_do_not_hold_say_so(found):
    """The sources exchanged: tuning emerges, gradients fade."""
    data = dataset(found).assign_coords(source=["gradient", "tuning"])
    rows = {m.name: m for m in propagation_measures(data)}
    changes = [m for name, m in rows.items() if name.startswith("matching_share_change")]
    assert len(changes) == 4
    assert all(m.holds is False and m.note for m in changes)
    assert rows["slope_median[circuits,tuning,1,at 1]"].holds is False
