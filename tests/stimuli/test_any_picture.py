"""Pictures of every kind that Pillow writes, whole and cut short: an array, or one line."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cortex.stimuli.single_images import LEAST, read_image
from tests.refusals import outcome

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
FORMATS = {"PNG": ".png", "JPEG": ".jpg", "TIFF": ".tif", "GIF": ".gif", "BMP": ".bmp"}
FORMATS |= {"WEBP": ".webp", "PPM": ".ppm"}
ANIMATED = ("GIF", "TIFF", "WEBP")
TURNED = (5, 6, 7, 8)  # orientations of a camera held upright


@st.composite
def pictures(draw):
    """The bytes of a picture, its format, and whether its sides are to be swapped."""
    mode, kind = draw(st.sampled_from(MODES)), draw(st.sampled_from(list(FORMATS)))
    size = draw(st.tuples(*[st.integers(1, 30) | st.just(300)] * 2))
    seed, frames = draw(st.integers(0, 99)), draw(st.integers(1, 3))
    orientation = draw(st.sampled_from([1, *range(1, 9)]))
    rng = np.random.default_rng(seed)
    grey = Image.fromarray(rng.integers(0, 256, size[::-1], np.uint8))
    picture = grey if mode in ("I;16", "I", "F") else grey.convert("RGB")
    picture = picture.convert("I").convert(mode) if mode == "I;16" else picture.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"save_all": True, "append_images": [picture] * (frames - 1)}
    written = io.BytesIO()
    try:
        options = more if kind in ANIMATED and frames > 1 else {}
        picture.save(written, kind, exif=exif, **options)
    except (OSError, ValueError, KeyError):  # a format that has no such mode
        picture.convert("RGB").save(written, "PNG", exif=exif)
        kind, mode = "PNG", "RGB"
    keeps_exif = kind in ("PNG", "JPEG", "TIFF", "WEBP")
    return written.getvalue(), kind, mode, size, keeps_exif and orientation in TURNED


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of files that are cut
@settings(max_examples=80, deadline=None)
@given(pictures(), st.none() | st.floats(0, 0.99))
def test_any_picture_is_an_image_or_a_line(tmp_path_factory, picture, cut):
    content, kind, mode, (width, height), turned = picture
    path = tmp_path_factory.mktemp("pictures") / f"ä picture{FORMATS[kind]}"
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    found, line = outcome(read_image, path, 200)
    if line is not None:
        assert "\n" not in line
        assert path.name in line
        deep, shortened = mode in ("I;16", "I", "F"), 200 / max(width, height, 200)
        small = min(round(width * shortened), round(height * shortened)) < LEAST
        assert cut is not None or deep or small
        return
    shape = (width, height) if turned else (height, width)
    scale = min(1.0, 200 / max(shape))
    assert found.shape == (3, *(round(side * scale) for side in shape))
    assert 0.0 <= found.min() <= found.max() <= 1.0
