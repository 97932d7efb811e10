"""One photograph from a file, or the two that come with scikit-learn, as red, green and blue."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageOps

from cortex.errors import UserError
from cortex.stimuli.image_files import as_rgb

LEAST = 12  # px; smaller images have no scales to compare


def read_image(path: str | Path, longest: int) -> Float32[np.ndarray, "3 height width"]:
    """An image file of any kind that Pillow reads, made smaller where it is too large.

    Grey is copied to the three colours, what is transparent is laid on white, and the image is
    turned as the camera noted.

    Args:
        path: of the file.
        longest: of the longer side [px].

    Returns:
        From 0 to 1, row 0 at the top.

    Raises:
        UserError: one line: no file, no image, or one too small.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "is not there"
        raise UserError(f"IMAGE: {path} {found}, allowed: an image file")
    try:
        with Image.open(path) as image:
            turned = as_rgb(ImageOps.exif_transpose(image))
    except Image.UnidentifiedImageError:
        raise UserError(f"IMAGE: {path} is no image, or of an unknown format") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"IMAGE: {path} cannot be read ({reason})") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"IMAGE: {path} cannot be read ({error})") from None
    return _fitted(turned, longest, str(path))


def sample_photographs(longest: int) -> dict[str, Float32[np.ndarray, "3 _ _"]]:
    """A Chinese pavilion and a flower, the photographs of scikit-learn, by name."""
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    return {
        Path(name).stem: _fitted(Image.fromarray(pixels), longest, name)
        for name, pixels in zip(found.filenames, found.images, strict=True)
    }


def _fitted(image: Image.Image, longest: int, name: str) -> Float32[np.ndarray, "3 _ _"]:
    width, height = image.size
    scale = min(1.0, longest / max(width, height))
    size = (round(width * scale), round(height * scale))
    if min(size) < LEAST:
        raise UserError(
            f"IMAGE: {name} has {width} x {height} px, allowed: sides of {LEAST} px and more, also "
            f"once the longer one is {longest} px"
        )
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.moveaxis(np.asarray(image, np.float32) / 255.0, -1, 0)
