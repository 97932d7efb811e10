"""The commands `cortex weights ...`: conversion, fetching, and one line when they cannot."""

import sys

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from cortex.cli import weights as commands
from cortex.frontends import pretrained
from cortex.frontends.weights import named_arrays
from tests.frontends import small


@pytest.fixture
def weights(cortex, monkeypatch):
    """`cortex weights ...` with small networks in place of the large ones."""
    families = {family.name: family for family in (small.VGG, small.EFFICIENTNET)}
    monkeypatch.setattr(pretrained, "FAMILIES", families)
    return lambda *arguments, code=0: cortex("weights", *map(str, arguments), code=code)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(small.timm(small.network(small.VGG)), path)
    return path


def line(done):
    """The one line of an error."""
    assert done.stdout == ""
    (found,) = done.stderr.splitlines()
    assert found.startswith("error: ")
    return found


def test_convert(weights, source, tmp_path):
    done = weights("convert", source, "new/vgg16.safetensors")
    net = small.network(small.VGG)
    numbers = sum(a.size for a in named_arrays(net).values())
    assert done.stdout == (
        f"new/vgg16.safetensors  vgg16 from the layout of timm: 32 arrays, {numbers:,} numbers\n"
    )
    path = tmp_path / "new" / "vgg16.safetensors"
    with safe_open(path, framework="numpy") as file:
        assert "stages.12.convolution.weight" in set(file.keys())
    found = pretrained.load_pretrained("vgg16", path)
    np.testing.assert_array_equal(found.network.readout.fc6.weight, net.readout.fc6.weight)
    assert found.facts["file"] == "model.safetensors"
    # What is converted can be converted again, and is found where it is looked for.
    weights("convert", path, "weights/vgg16.safetensors", "--network", "vgg16")
    assert pretrained.load_pretrained("vgg16").facts == found.facts


def test_convert_says_what_is_wrong(weights, source, tmp_path):
    again = weights("convert", source, source, code=2)
    assert "model.safetensors is there and is not overwritten" in line(again)
    assert "ends in .safetensors" in line(weights("convert", source, "new.npz", code=2))
    missing = weights("convert", "nowhere.pth", "new.safetensors", code=2)
    assert "found no file nowhere.pth" in line(missing)
    other = weights("convert", source, "new.safetensors", "--network", "efficientnet_lite0", code=2)
    assert "missing array _blocks.0._bn1.bias" in line(other)
    source.write_bytes(source.read_bytes()[:-8])
    assert "no readable safetensors file" in line(
        weights("convert", source, "n.safetensors", code=2)
    )
    inside = weights("convert", source, source / "n.safetensors", code=2)
    assert "is a file, allowed: a folder" in line(inside)
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


def test_fetch(weights, source, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(commands, "_download", lambda *what: asked.append(what) or source)
    done = weights("fetch", "vgg16", "--out", "there")
    assert done.stdout.startswith("there/vgg16.safetensors  vgg16 from the layout of timm")
    ((repository, revision, file),) = asked
    assert (repository, file) == ("timm/vgg16.tv_in1k", "model.safetensors")
    assert len(revision) == 40  # no other version comes unasked
    assert pretrained.load_pretrained("vgg16", "there/vgg16.safetensors").name == "vgg16"
    assert "is not overwritten" in line(weights("fetch", "vgg16", "--out", "there", code=2))
    assert len(asked) == 1


def test_fetch_without_a_network_says_what_to_place_where(weights, monkeypatch, tmp_path):
    def fails(*_):
        try:
            raise ConnectionError("no route\nto host " + 300 * "x")
        except ConnectionError as error:
            raise LookupError("not found in the cache") from error

    monkeypatch.setattr(commands, "_download", fails)
    said = line(weights("fetch", "vgg16", code=2))
    assert "fetch vgg16: no download (ConnectionError: no route to host" in said
    assert "cortex weights convert FILE weights/vgg16.safetensors" in said
    assert len(said) < 600
    assert "package efficientnet-lite0" in line(weights("fetch", "efficientnet_lite0", code=2))
    assert list(tmp_path.iterdir()) == []


def test_fetch_without_the_client(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install -e '.[hub]'" in line(weights("fetch", "vgg16", code=2))


def test_help_is_there(weights):
    text = weights("--help").stdout
    assert "convert" in text
    assert "fetch" in text
