"""Reading IDX files, the format in which MNIST is distributed."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from cortex.errors import UserError

_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049


def _find(folder: Path, stem: str, rank: int) -> Path:
    names = [f"{stem}{mark}idx{rank}-ubyte{end}" for end in ("", ".gz") for mark in ("-", ".")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} holds none of {', '.join(names)}: one of these is expected")


def _read_bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _read_array(path: Path, magic: int, rank: int) -> np.ndarray:
    """The array of unsigned bytes of one file of the given magic number and rank."""
    data = _read_bytes(path)
    header = 4 * (1 + rank)
    if len(data) < header:
        raise UserError(f"{path} has {len(data)} bytes: an IDX header of {header} is expected")
    found, *shape = struct.unpack(f">{1 + rank}I", data[:header])
    if found != magic:
        raise UserError(f"{path} starts with the magic number {found}: {magic} is expected")
    size = 1
    for side in shape:
        size *= side
    if len(data) - header != size:
        sides = " x ".join(str(side) for side in shape)
        raise UserError(
            f"{path} holds {len(data) - header} bytes of data: {size} are expected"
            f" from its header ({sides})"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)


def read_idx_pair(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one part of MNIST.

    **Arguments:** `folder`: holds `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte`,
    each also as `.idx3-ubyte` or ending in `.gz`; `prefix`: `train` or `t10k`.
    **Returns:** bytes of images, uint8 [N, 28, 28], and labels, uint8 [N], 0 to 9.
    Raises `UserError`, one line naming the file, what it holds and what is expected.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: one with the IDX files of MNIST is expected")
    images_path = _find(folder, f"{prefix}-images", 3)
    labels_path = _find(folder, f"{prefix}-labels", 1)
    images = _read_array(images_path, _IMAGES_MAGIC, 3)
    labels = _read_array(labels_path, _LABELS_MAGIC, 1)
    if images.shape[1:] != (28, 28):
        height, width = images.shape[1:]
        raise UserError(f"{images_path} holds images of {height} x {width}: 28 x 28 is expected")
    if len(images) != len(labels):
        raise UserError(
            f"{labels_path} holds {len(labels)} labels: {len(images)} are expected,"
            f" one for each image in {images_path.name}"
        )
    if len(labels) == 0:
        raise UserError(f"{images_path} holds 0 images: at least 1 is expected")
    if labels.max() > 9:
        raise UserError(f"{labels_path} holds the label {labels.max()}: 0 to 9 are expected")
    return images, labels
