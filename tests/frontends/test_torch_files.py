"""PyTorch files read without PyTorch: both layouts, refusals, and damaged files.

The files are written here from what the format is known to be, so that these tests need no
PyTorch; where it is installed, its own files are compared too.
"""

import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from cortex.errors import UserError
from cortex.frontends.torch_files import read_torch
from tests.refusals import refusal

MAGIC = 0x1950A86A20F9469CFC6C


class Named:
    """Pickles as a name in a module that need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """Pickles as the call of a name."""

    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Named(module, name), arguments


class Storage:
    """Pickles as a reference to numbers kept elsewhere."""

    def __init__(self, key, numbers, kind="FloatStorage", tag="storage", view=()):
        self.key, self.numbers, self.kind, self.tag, self.view = key, numbers, kind, tag, view


class Writer(pickle._Pickler):
    """Plain pickles of the three above."""

    def persistent_id(self, item):
        if isinstance(item, Storage):
            kind = Named("torch", item.kind)
            return (item.tag, kind, item.key, "cpu", len(item.numbers), *item.view)
        return None

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Named):
            self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())
        elif isinstance(item, Call):
            self.save(item.function)
            self.save(tuple(item.arguments))
            self.write(pickle.REDUCE)
        else:
            super().save(item, save_persistent_id)


def tensor(storage, offset, shape, strides, name="_rebuild_tensor_v2"):
    more = (False, OrderedDict()) if name.endswith("v2") else ()
    return Call("torch._utils", name, storage, offset, shape, strides, *more)


def write(file, item):
    Writer(file, protocol=2).dump(item)


def archive(path, item, storages, order=b"little", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        with file.open("w/data.pkl", "w") as index:
            write(index, item)
        file.writestr("w/byteorder", order)
        for storage in storages:
            file.writestr(f"w/data/{storage.key}", storage.numbers.tobytes())


def stream(path, item, storages):
    with path.open("wb") as file:
        for part in (MAGIC, 1001, {"little_endian": True}, item, [s.key for s in storages]):
            write(file, part)
        for storage in storages:
            file.write(len(storage.numbers).to_bytes(8, "little") + storage.numbers.tobytes())


LAYOUTS = pytest.mark.parametrize("layout", [archive, stream])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.pth"


def simple():
    """Two storages, tensors that share, skip and turn their numbers."""
    numbers = np.arange(24, dtype=np.float32)
    first, second = Storage("0", numbers), Storage("7", np.arange(3), "LongStorage")
    tensors = OrderedDict(
        {
            "whole": tensor(first, 0, (2, 3, 4), (12, 4, 1)),
            "turned": tensor(first, 1, (4, 5), (1, 4)),
            "old": tensor(first, 20, (4,), (1,), "_rebuild_tensor"),
            "one": tensor(second, 2, (), ()),
            "none": tensor(second, 0, (0, 3), (3, 1)),
            "spread": tensor(second, 1, (3, 2), (0, 1)),
            "parameter": Call("torch._utils", "_rebuild_parameter", tensor(second, 0, (3,), (1,))),
            "epoch": 3,
        }
    )
    expected = {
        "whole": numbers.reshape(2, 3, 4),
        "turned": numbers[1:21].reshape(5, 4).T,
        "old": numbers[20:],
        "one": np.array(2),
        "none": np.zeros((0, 3), int),
        "spread": np.array([[1, 2]] * 3),
        "parameter": np.arange(3),
    }
    return tensors, (first, second), expected


@LAYOUTS
@pytest.mark.parametrize("checkpoint", [False, True])
def test_arrays(path, layout, checkpoint):
    tensors, storages, expected = simple()
    item = {"state_dict": tensors, "lr": 0.1} if checkpoint else tensors
    layout(path, item, storages)
    found = read_torch(path)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert np.shares_memory(found["whole"], found["turned"])
    with pytest.raises(ValueError, match="read-only"):
        found["whole"][...] = 0


def complaint(path):
    """The one line that reading the file gives."""
    line = refusal(read_torch, path)
    assert str(path) in line
    return line


class Evil:
    """Pickles as a call that leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


@LAYOUTS
def test_code_is_refused_and_not_run(path, tmp_path, layout):
    mark = tmp_path / "mark"
    layout(path, {"w": Evil(mark)}, ())
    assert "refused: it asks for __builtin__.exec" in complaint(path)  # its name in protocol 2
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists()  # ordinary reading would have run it


@LAYOUTS
@pytest.mark.parametrize(
    "name",
    [
        ("os", "system"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_sparse_tensor"),
        ("torch", "BFloat16Storage"),
        ("collections", "Counter"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ],
)
def test_every_other_name_is_refused(path, layout, name):
    layout(path, {"w": Named(*name)}, ())
    assert f"refused: it asks for {'.'.join(name)}, allowed: arrays" in complaint(path)


def test_a_file_cannot_alter_the_reader(path):
    """BUILD sets attributes on whatever a name stands for: nothing of ours."""

    class Altered(Named):
        pass

    class Builder(Writer):
        def save(self, item, save_persistent_id=True):
            super().save(item, save_persistent_id)
            if isinstance(item, Altered):
                self.save((None, {"__defaults__": (1,), "mark": 1}))
                self.write(pickle.BUILD)

    storage = Storage("0", np.zeros(1, np.float32))
    item = {"a": Altered("torch._utils", "_rebuild_tensor_v2"), "b": tensor(storage, 0, (1,), (1,))}
    with path.open("wb") as file:
        for part in (MAGIC, 1001, {}):
            write(file, part)
        Builder(file, protocol=2).dump(item)
        write(file, ["0"])
        file.write((1).to_bytes(8, "little") + storage.numbers.tobytes())
    assert list(read_torch(path)) == ["b"]
    from cortex.frontends import torch_files

    assert not hasattr(torch_files._tensor, "mark")


@LAYOUTS
def test_whatever_is_cut_off_gives_one_line(path, layout):
    tensors, storages, _ = simple()
    layout(path, tensors, storages)
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        assert "is no PyTorch weight file, or is cut off" in complaint(path)


@LAYOUTS
def test_changed_bytes_give_arrays_or_one_line(path, layout):
    tensors, storages, _ = simple()
    layout(path, tensors, storages)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(whole)
        # Not the numbers of the pickle's opcodes that ask for memory by gigabytes.
        changed[rng.integers(len(whole))] ^= 1 << rng.integers(4)
        path.write_bytes(changed)
        try:
            read_torch(path)
        except UserError:
            refused += 1
    assert 30 < refused < 300


@LAYOUTS
@pytest.mark.parametrize(
    "view",
    [
        (0, (25,), (1,)),  # beyond the end
        (24, (1,), (1,)),
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, (-2,), (1,)),
        (0, (2**40, 2**40), (2**40, 1)),
    ],
)
def test_views_beyond_their_numbers_are_refused(path, layout, view):
    storage = Storage("0", np.arange(24, dtype=np.float32))
    layout(path, {"w": tensor(storage, *view)}, (storage,))
    assert "cut off (a tensor" in complaint(path)


@LAYOUTS
def test_storages_that_make_no_sense(path, layout):
    numbers = np.arange(4, dtype=np.float32)
    views = (("root", 0, 2),)
    for wrong, said in (
        (Storage("0", numbers, tag="module"), "no storage of numbers"),
        (Storage("0", numbers, view=views), "parts of each other"),
    ):
        layout(path, {"w": tensor(wrong, 0, (4,), (1,))}, (wrong,))
        assert said in complaint(path)
    good, double = Storage("0", numbers), Storage("0", numbers.astype(float), "DoubleStorage")
    item = {"a": tensor(good, 0, (4,), (1,)), "b": tensor(double, 0, (4,), (1,))}
    layout(path, item, (good,))
    assert "storage 0 makes no sense" in complaint(path)
    layout(path, {"w": tensor(good, 0, (4,), (1,))}, (Storage("0", numbers[:3]),))
    assert "cut off" in complaint(path)
    layout(path, {"w": tensor(good, 0, (4,), (1,))}, ())
    assert "cut off" in complaint(path)
    layout(path, {"w": tensor(None, 0, (4,), (1,))}, ())
    assert "a tensor has no storage" in complaint(path)


def test_archives_that_cannot_be_what_they_say(path):
    storage = Storage("0", np.zeros(1000, np.float32))
    item = {"w": tensor(storage, 0, (1000,), (1,))}
    archive(path, item, (storage,), order=b"big")
    assert "big-endian" in complaint(path)
    archive(path, item, (storage,), compression=zipfile.ZIP_DEFLATED)
    assert "no stored entry" in complaint(path)  # nothing grows while it is read
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/other", b"")
    assert "a zip without one data.pkl" in complaint(path)


def test_no_dictionary_of_tensors(path, tmp_path):
    for item, said in (([1], "no dictionary of tensors"), ({"a": 1}, "holds no tensor")):
        stream(path, item, ())
        assert said in complaint(path)
    path.write_bytes(pickle.dumps(5))
    assert "it does not begin as one" in complaint(path)
    assert "found no file" in complaint(tmp_path / "nowhere.pth")
    assert "found no file" in complaint(tmp_path)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_pytorch_itself(path, zipped):
    torch = pytest.importorskip("torch")
    whole = torch.arange(24.0).reshape(2, 3, 4)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 5), torch.nn.BatchNorm2d(3))
    tensors = net.state_dict() | {
        "whole": whole,
        "turned": whole.permute(2, 0, 1)[1:],
        "tied": whole,
        "spread": torch.ones(3, 1).expand(3, 5),
        "none": torch.zeros(0, 3),
        "half": torch.ones(2).half(),
        "bool": torch.tensor([True, False]),
        "double": torch.ones(1).double(),
        "byte": torch.ones(3).byte(),
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    assert zipfile.is_zipfile(path) == zipped
    found, loaded = read_torch(path), torch.load(path, weights_only=True)
    assert list(found) == list(loaded)
    for name, value in loaded.items():
        expected = value.detach().numpy()
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == expected.dtype
