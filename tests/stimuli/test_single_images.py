"""Single photographs: what is read, and one line for what cannot be."""

import numpy as np
import pytest
from PIL import Image

from cortex.errors import UserError
from cortex.stimuli.single_images import read_image, sample_photographs


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def saved(path, array, mode=None):
    Image.fromarray(array).convert(mode or "RGB").save(path)
    return path


def test_colours_are_as_stored(tmp_path, pixels):
    found = read_image(saved(tmp_path / "a.png", pixels), 100)
    assert found.shape == (3, 20, 30)
    np.testing.assert_allclose(found, np.moveaxis(pixels, -1, 0) / 255, atol=1e-6)


def test_a_turned_camera(tmp_path, pixels):
    """Orientation 6: to be turned by a quarter clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "c.png", exif=exif)
    found = read_image(tmp_path / "c.png", 100)
    np.testing.assert_allclose(found, np.moveaxis(np.rot90(pixels, -1), -1, 0) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "none.png", "none.png is not there, allowed: an image file"),
        (lambda p: p, "is a folder, allowed: an image file"),
        (lambda p: _text(p / "x.png"), "x.png is no image, or of an unknown format"),
        (lambda p: saved(p / "s.png", np.zeros((8, 40, 3), np.uint8)), "40 x 8 px, allowed: sides"),
        (lambda p: _cut(p / "d.png"), "cannot be read"),
        (lambda p: _deep(p / "i.png"), "allowed: 8 bits"),
    ],
)
def test_what_is_refused(tmp_path, make, words):
    with pytest.raises(UserError, match=words):
        read_image(make(tmp_path), 100)


def _text(path):
    path.write_text("no image")
    return path


def _cut(path):
    """The first half of a file."""
    whole = saved(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    path.write_bytes(whole.read_bytes()[:4000])
    return path


def _deep(path):
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(path)
    return path


def test_sample_photographs():
    found = sample_photographs(64)
    assert list(found) == ["china", "flower"]
    assert all(photo.shape == (3, 43, 64) for photo in found.values())
    assert found["flower"].max() <= 1.0
