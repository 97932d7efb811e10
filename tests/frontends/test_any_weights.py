"""Weight files cut or changed anywhere: arrays, or one line."""

import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from cortex.frontends.torch_files import read_torch
from cortex.frontends.weights import read_safetensors
from tests.refusals import outcome

READERS = {"a.safetensors": read_safetensors, "a.pth": read_torch}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file of each kind."""
    folder = tmp_path_factory.mktemp("weights")
    save_file({"w": np.arange(12.0).reshape(3, 4)}, folder / "a.safetensors", {"cortex": "{}"})
    with zipfile.ZipFile(folder / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"w": [1, 2]}, protocol=2))
        archive.writestr("a/data/0", bytes(48))
    return folder


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_one_line(written, name, data):
    content = bytearray((written / name).read_bytes())
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
            content[place] = data.draw(st.integers(0, 255))
    path = written / f"damaged {name}"
    path.write_bytes(bytes(content))
    found, line = outcome(READERS[name], path)
    assert found is not None or ("\n" not in line and path.name in line)
