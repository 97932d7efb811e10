"""Attention at one layer of a small random network: ratios, lines, angles, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import fsgm_propagation as figure
from cortex.sims import fsgm_propagation as fsgm

from cortex.analysis.similarity_gain import by_preference
from cortex.areas import VisualSystem
from cortex.attention import Multiplicative, feature_pattern
from cortex.errors import UserError
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.frontends.efficientnet import Blocks, random_efficientnet
from cortex.frontends.pretrained import default_weights
from cortex.models.networks import StudyNetwork
from cortex.stimuli import FullFieldTrials, GratingField, GratingTrials
from cortex.stimuli.image_files import Preprocessing
from tests.frontends import small

NAME = "fsgm_propagation"
SMALL = [
    "gratings.detectors=3",
    "gratings.tuning=4",
    "gratings.gradients=1",
    "gratings.trials=4",
    "gratings.cycles_per_pixel=0.1",
    "statistics.resamples=20",
    "statistics.least_activity=0",
]
PREPROCESSING = Preprocessing(
    size=small.SIZE, resize=None, filter="bilinear", mean=(127.0,) * 3, std=(64.0,) * 3
)
FEW = (Blocks(3, 1, 1, 8, 1), Blocks(3, 2, 3, 10, 2))
FOUND = StudyNetwork(
    "efficientnet_lite0",
    small.network(
        small.EFFICIENTNET._replace(
            random=partial(random_efficientnet, stem=8, blocks=FEW, head=20, classes=6)
        )
    ),
    ("stem", "block1", "block2", "block3", "head"),
    small.SIZE,
    3,
    PREPROCESSING,
    {},
)
ATTENDED = [1, 3, 4, 5]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, [*SMALL, 'network.variants=["plain"]'])


@pytest.fixture(scope="module")
def data(config):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fsgm, "load_study_network", lambda section: FOUND)
        patched.setattr(fsgm, "BATCH", 2)  # one size of batch: everything is compiled once
        return fsgm.run(config, Progress())


def of_layer(data, layer):
    return data.isel(variant=0, map=data["layer_of_map"].values == layer)


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(fsgm.Config(experiment=NAME, seed=0))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [(13, (2, 6, 8, 10, 12)), (18, (2, 8, 11, 14, 17)), (8, (2, 4, 5, 6, 7)), (5, (1, 3, 4, 5))],
)
def test_layers_of_the_same_depth(layers, expected):
    config = load_config(NAME)
    assert fsgm.attended_layers(config, layers) == expected
    depth = (np.array([2, 6, 8, 10, 12]) - 1) / 12
    for place in depth:  # one of them is as near as the network has one
        assert np.abs((np.array(expected) - 1) / (layers - 1) - place).min() <= 0.5 / (layers - 1)


@pytest.mark.slow
def test_axes_and_labels(data):
    condition = ("variant", "source", "attended")
    assert data["ratio"].dims == (*condition, "orientation", "map")
    assert data["matching_share"].dims == (*condition, "layer")
    assert list(data["attended"].values) == ATTENDED
    assert list(data["orientation"].values) == [20.0 * n for n in range(9)]
    maps = [stage.convolution.bias.size for stage in FOUND.network.stages]
    assert list(np.bincount(data["layer_of_map"].values)[1:]) == maps
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.slow
def test_at_the_layer_attended_the_ratio_is_the_gain(data):
    """1 + beta f, not below 0, whatever the images: nothing else acts there without a circuit."""
    for layer in ATTENDED:
        here = of_layer(data, layer)
        for source in ("tuning", "gradient"):
            found = here["ratio"].sel(source=source, attended=layer).values
            expected = np.maximum(1 + 0.5 * here["values"].sel(source=source).values, 0)
            known = np.isfinite(found)
            assert known.mean() > 0.8  # maps that are silent have no ratio
            # Sums over 1,000 places in single precision.
            np.testing.assert_allclose(found[known], expected[known], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_below_the_layer_attended_there_is_nothing(data):
    for attended in ATTENDED:
        for layer in range(1, 6):
            ratio = of_layer(data, layer)["ratio"].sel(attended=attended)
            assert np.isfinite(ratio).any() == (layer >= attended)


@pytest.mark.slow
def test_ratios_above_against_single_images(config, data):
    """One orientation: the system shown its images one by one, the gain given by hand."""
    system = VisualSystem.plain(FOUND.network)
    trials = FullFieldTrials(GratingField(small.SIZE, 0.1), 1, preprocessing=PREPROCESSING)
    orientation, attended = 5, 3
    values = of_layer(data, attended)["values"].sel(source="tuning").values[orientation]
    shape = jax.eval_shape(system.respond, trials.images(0, 0, 1)[0])[attended - 1].output.shape
    gain = Multiplicative()(feature_pattern(jnp.asarray(values, float), 0.5, shape[1:]))
    modulations = [None, None, gain, None, None]
    totals = {}
    respond = jax.jit(lambda image, given: system.respond(image, given)[-1].rates.E)
    for image in trials.images(orientation, 0, 5):
        for name, given in (("with", modulations), ("without", [None] * 5)):
            rates = np.asarray(respond(image, given), float).mean((1, 2))
            totals[name] = totals.get(name, 0) + rates
    found = of_layer(data, 5)["ratio"].sel(source="tuning", attended=attended).values[orientation]
    known = totals["without"] > 1e-4
    assert known.sum() > 10
    np.testing.assert_allclose(
        found[known], totals["with"][known] / totals["without"][known], rtol=1e-3
    )


@pytest.mark.slow
def test_lines_and_shares_follow_from_the_ratios(data):
    here = of_layer(data, 4)
    folded = by_preference(
        here["ratio"].sel(source="tuning", attended=3).values.astype(float), here["tuning"].values
    )
    known = np.isfinite(folded).all(axis=0)
    lines = np.array([np.polyfit(np.arange(5), folded[:, m], 1) for m in np.flatnonzero(known)])
    summary = data.isel(variant=0).sel(source="tuning", attended=3, layer=4)
    assert int(summary["counted"]) == known.sum()
    # Ratios are kept in single precision.
    assert float(summary["slope_median"]) == pytest.approx(np.median(lines[:, 0]), abs=1e-5)
    share = np.mean((lines[:, 0] < 0) & (lines[:, 1] > 1))
    assert float(summary["matching_share"]) == pytest.approx(share, abs=1e-6)
    assert float(summary["matching_share_low"]) <= share <= float(summary["matching_share_high"])
    np.testing.assert_allclose(
        summary["quartiles"].sel(quartile=0.5), np.median(folded[:, known], axis=1), rtol=1e-5
    )


def test_what_is_alone_is_the_first_grating():
    field = GratingField(size=32, cycles_per_pixel=0.1, background=100.0)
    pairs = GratingTrials(field, 4, 3, positive_only=True)
    both, alone = pairs.images(6, 1, 4), fsgm.FirstAlone(pairs).images(6, 1, 4)
    assert both.shape == alone.shape == (3, 3, 32, 32)
    for n, (first, second) in enumerate(pairs.quadrants[6, 1:4]):
        for quadrant in range(4):
            rows = slice(16 * (quadrant // 2), 16 * (quadrant // 2) + 16)
            columns = slice(16 * (quadrant % 2), 16 * (quadrant % 2) + 16)
            seen = np.asarray(alone[n, :, rows, columns])
            if quadrant == second:
                np.testing.assert_array_equal(seen, 100.0)
                assert np.ptp(np.asarray(both[n, :, rows, columns])) > 50
            else:  # the same image, by a program compiled apart
                np.testing.assert_allclose(seen, both[n, :, rows, columns], rtol=1e-5, atol=1e-3)
            if quadrant == first:
                assert np.ptp(seen) > 50


@pytest.mark.slow
def test_measures_and_figure(config, data):
    rows = {m.name: m for m in fsgm.measure(config, data)}
    assert rows["slope_median[plain,tuning,3,at 3]"].holds is True
    assert rows["intercept_median[plain,tuning,1,at 1]"].value > 1
    assert rows["matching_by_chance"].value == pytest.approx(0.419, abs=0.001)
    assert rows["settled_lowest[plain]"].value == 1
    assert np.isfinite(rows["matching_share_change[plain,gradient,4,4 to 5]"].value)
    assert "matching_share_change[plain,tuning,5,5 to 5]" not in rows
    assert len(figure.draw(config, data, list(rows.values())).subfigs) == 2


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("gratings.phases=0", "gratings.phases: found 0, allowed: a whole number >= 1"),
        ("attention.layers=[2, 2]", "attention.layers: found [2, 2], allowed: each one once"),
        ('attention.sources=["luck"]', "attention.sources[0]: found 'luck', allowed: one of 'tun"),
        ("network.circuits=[19]", "network.circuits: found [19], allowed: some of 1 to 18"),
        ("attention.strength=0", "attention.strength: found 0, allowed: a number > 0"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    with pytest.raises(ConfigError) as caught:
        load_config(NAME, [setting])
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_not_there():
    config = load_config(NAME, ["attention.layers=[3, 14]"])
    with pytest.raises(ConfigError, match=r"attention\.layers: found \[14\], allowed: 1 to 13"):
        fsgm.attended_layers(config, 13)


def test_digits_are_no_place_for_gratings(monkeypatch):
    config = load_config(NAME, ["network.name=digits_vgg", "network.circuits=[2]"])
    found = FOUND._replace(name="digits_vgg", channels=1, preprocessing=None)
    monkeypatch.setattr(fsgm, "load_study_network", lambda section: found)
    with pytest.raises(ConfigError, match=r"network\.name: found 'digits_vgg', allowed: 'vgg16'"):
        fsgm.run(config, Progress())


@pytest.mark.slow
def test_circuits_in_a_small_network():
    config = load_config(
        NAME,
        [
            *SMALL,
            'network.variants=["circuits"]',
            "network.circuits=[3]",
            "attention.layers=[3]",
            'attention.sources=["tuning"]',
            "gratings.tuning=6",
        ],
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fsgm, "load_study_network", lambda section: FOUND)
        patched.setattr(fsgm, "BATCH", 2)  # one size of batch: everything is compiled once
        data = fsgm.run(config, Progress())
    assert list(np.isfinite(data["feature_error"].values[0])) == [False, False, True, False, False]
    assert float(data["settled"].min()) > 0.9
    here = of_layer(data, 3)
    ratio, values = here["ratio"].values[0, 0], here["values"].values[0]
    known = np.isfinite(ratio)
    # A circuit makes something else of the gain on its drive, of the same sign on the whole.
    assert np.abs(ratio[known] - np.maximum(1 + 0.5 * values[known], 0)).max() > 0.05
    low, high = np.quantile(values[known], [0.25, 0.75])
    best, worst = (
        np.median(ratio[known][at]) for at in (values[known] > high, values[known] < low)
    )
    assert best > 1 > worst


@pytest.mark.slow
def test_the_pretrained_network():
    try:
        default_weights("efficientnet_lite0")
    except UserError:
        pytest.skip("the weights of EfficientNet-Lite0 are not installed")
    config = load_config(
        NAME,
        [*SMALL[:4], 'network.variants=["plain"]', "attention.layers=[8]", "gratings.tuning=8"],
    )
    data = fsgm.run(config, Progress()).isel(variant=0).sel(source="tuning", attended=8)
    assert float(data["matching_share"].sel(layer=8)) > 0.9
    assert float(data["matching_share"].sel(layer=18)) < 0.6
