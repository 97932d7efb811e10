"""Photographs from files: folders of categories, streamed in batches for a network.

Every image becomes red, green and blue of 8 bits: grey is copied to the three, and what is
transparent is laid on white. The orientation noted by a camera is not applied, as in the usual
programs for ImageNet.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from PIL import Image

from cortex.errors import UserError

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of red, green, blue; 0 to 255
IMAGENET_STD = (58.395, 57.12, 57.375)
SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_NAMED = 20  # files that one line names
REMEMBERED = 2048  # decoded files that `ImageSet.load` keeps: 300 MB of squares of 224 px


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of its images.

    Attributes:
        size: side of the square that the network sees [px].
        resize: length of the shorter side before the middle is cut out [px]; None squeezes the
            image to the square instead.
        filter: of the resizing, `bilinear` or `bicubic`, both smoothing before they shrink.
        mean, std: of red, green and blue (0 to 255): taken away, and divided by.
    """

    size: int
    resize: int | None
    filter: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def cut(self, image: Image.Image) -> UInt8[np.ndarray, "size size 3"]:
        """Red, green and blue of the part that is seen."""
        return np.asarray(self._square(as_rgb(image)))

    def _square(self, image: Image.Image) -> Image.Image:
        resample = _FILTERS[self.filter]
        if self.resize is None:
            return image.resize((self.size, self.size), resample)
        # Rounded as torchvision rounds.
        shorter = min(image.size)
        width, height = (self.resize * side // shorter for side in image.size)
        image = image.resize((width, height), resample)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        return image.crop((left, top, left + self.size, top + self.size))

    def normalise(
        self, pixels: UInt8[np.ndarray, "*images size size 3"]
    ) -> Float32[np.ndarray, "*images 3 size size"]:
        """What the network receives."""
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        return np.moveaxis((pixels.astype(np.float32) - mean) / std, -1, -3)

    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Preprocessing":
        """What `facts` were of."""
        return cls(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})


def as_rgb(image: Image.Image) -> Image.Image:
    """Red, green and blue of 8 bits; see the module for grey and transparent images.

    Raises:
        ValueError: grey of more than 8 bits.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        raise ValueError(f"grey of mode {image.mode}, allowed: 8 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


class Unreadable(NamedTuple):
    """A file that gave no image."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.reason})"


class Batch(NamedTuple):
    """Some of the images of a set.

    Attributes:
        images: normalised, (n, 3, size, size).
        labels: number of the category of each.
        rows: number of each in the set.
    """

    images: Float32[np.ndarray, "n 3 size size"]
    labels: Int32[np.ndarray, " n"]
    rows: Int32[np.ndarray, " n"]


@dataclass(frozen=True)
class ImageSet:
    """Image files with a category each; the images stay on disk.

    Attributes:
        paths: one a file.
        labels: number of the category of each file.
        categories: names, in alphabetical order.
    """

    paths: tuple[Path, ...]
    labels: Int32[np.ndarray, " n"]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Sequence[int] | np.ndarray) -> "ImageSet":
        """The files of the given rows, in that order; all categories stay."""
        paths = tuple(self.paths[row] for row in rows)
        return ImageSet(paths, self.labels[np.asarray(rows, int)], self.categories)

    def load(
        self, rows: Sequence[int] | np.ndarray, preprocessing: Preprocessing, workers: int = 4
    ) -> Float32[np.ndarray, "n 3 size size"]:
        """Some of the images, normalised, in the order of `rows`; a row may come twice.

        The pixels of the last `REMEMBERED` files are kept: decoding one takes a tenth of the time
        of a small network that looks at it, and hard images are made of the same ones many times.

        Args:
            rows: numbers of files in the set.
            preprocessing: of the network.
            workers: files decoded side by side.

        Raises:
            UserError: files cannot be decoded; all of them are listed.
        """
        wanted, place = np.unique(np.asarray(rows, int), return_inverse=True)
        paths = [self.paths[row] for row in wanted]
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(lambda path: _remembered(path, preprocessing), paths))
        unreadable = [one for one in found if isinstance(one, Unreadable)]
        if unreadable:
            count = f"{len(unreadable)} of {len(paths)} files"
            raise UserError(f"images: {_listed(unreadable, f'{count} cannot be decoded')}")
        pixels = [one[1] for one in found if not isinstance(one, Unreadable)]
        empty = np.zeros((0, preprocessing.size, preprocessing.size, 3), np.uint8)
        return preprocessing.normalise(np.stack(pixels)[place] if pixels else empty)

    def stream(self, preprocessing: Preprocessing, batch: int = 64, **options: Any) -> "Stream":
        """The images in batches, decoded as they are asked for; see `Stream`."""
        return Stream(self, preprocessing, batch, **options)


@dataclass
class Stream:
    """Images of a set in batches, in order; memory holds one batch.

    Iterating anew starts from the first image.

    Attributes:
        images: the files.
        preprocessing: of the network.
        batch: images at a time; fewer in the last one.
        skip_unreadable: leave out what cannot be decoded, instead of refusing the set.
        advance: told how many files are done after each batch, as by the `advance` of a
            progress bar's stage.
        workers: files decoded side by side.
        unreadable: files left out so far.
        modes: how many images so far were stored otherwise than in red, green and blue.
    """

    images: ImageSet
    preprocessing: Preprocessing
    batch: int = 64
    skip_unreadable: bool = False
    advance: Callable[[int], object] | None = None
    workers: int = 4
    unreadable: list[Unreadable] = field(default_factory=list, init=False)
    modes: Counter[str] = field(default_factory=Counter, init=False)

    def __iter__(self) -> Iterator[Batch]:
        """Batches.

        Raises:
            UserError: files cannot be decoded and are not to be skipped; they are all listed,
                for the rest of the set is tried before.
        """
        self.unreadable.clear()
        self.modes.clear()
        rows = iter(range(len(self.images)))
        with ThreadPoolExecutor(self.workers) as pool:
            while chunk := list(islice(rows, self.batch)):
                kept, pixels = [], []
                for row, found in zip(chunk, pool.map(self._load, chunk), strict=True):
                    if isinstance(found, Unreadable):
                        self.unreadable.append(found)
                    else:
                        self.modes[found[0]] += found[0] != "RGB"
                        kept.append(row)
                        pixels.append(found[1])
                if self.unreadable and not self.skip_unreadable:
                    while chunk := list(islice(rows, self.batch)):
                        rest = pool.map(self._load, chunk)
                        self.unreadable.extend(one for one in rest if isinstance(one, Unreadable))
                    count = f"{len(self.unreadable)} of {len(self.images)} files"
                    raise UserError(
                        f"images: {_listed(self.unreadable, f'{count} cannot be decoded')}; "
                        "skip_unreadable leaves them out"
                    )
                if kept:
                    yield Batch(
                        self.preprocessing.normalise(np.stack(pixels)),
                        self.images.labels[kept],
                        np.asarray(kept, np.int32),
                    )
                if self.advance is not None:
                    self.advance(len(chunk))

    def _load(self, row: int) -> tuple[str, np.ndarray] | Unreadable:
        return _decoded(self.images.paths[row], self.preprocessing)

    def notes(self) -> list[str]:
        """One line on each thing that was done to the images so far, for people to read."""
        found = [f"images of mode {m}: {n}, {_done(m)}" for m, n in self.modes.items() if n]
        if self.unreadable:
            found.append(_listed(self.unreadable, f"left out {len(self.unreadable)}"))
        return found


def _remembered(path: Path, preprocessing: Preprocessing) -> tuple[str, np.ndarray] | Unreadable:
    """As `_decoded`, from memory if the file has not changed since."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return _decoded(path, preprocessing)
    return _decoded_once(path, changed, preprocessing)


@functools.lru_cache(REMEMBERED)
def _decoded_once(
    path: Path, changed: int, preprocessing: Preprocessing
) -> tuple[str, np.ndarray] | Unreadable:
    return _decoded(path, preprocessing)


def _decoded(path: Path, preprocessing: Preprocessing) -> tuple[str, np.ndarray] | Unreadable:
    """How the image was stored, and the pixels that are seen; or why there are none."""
    try:
        with Image.open(path) as image:
            return image.mode, preprocessing.cut(image)
    except Image.UnidentifiedImageError:
        return Unreadable(path, "no image, or of an unknown format")
    except OSError as error:
        return Unreadable(path, (error.strerror or str(error)).lower())
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return Unreadable(path, str(error))


def _done(mode: str) -> str:
    if mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return "laid on white"
    return "grey copied to red, green and blue" if mode in ("1", "L") else "converted to RGB"


def _listed(unreadable: Sequence[Unreadable], what: str) -> str:
    more = f", and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
    return f"{what}: {', '.join(map(str, unreadable[:_NAMED]))}{more}"


def image_folder(folder: str | Path, at_least: int = 1) -> ImageSet:
    """Images in a folder a category, `FOLDER/CATEGORY/FILE`.

    Files are taken by the end of their name (`SUFFIXES`, in small letters or capitals); others,
    hidden ones, and deeper folders are passed over. The order is that of the names.

    Args:
        folder: that holds the categories.
        at_least: images that each category must have.

    Raises:
        UserError: one line: no folder, no category in it, or one with too few images.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise UserError(f"images: {folder} is no folder, allowed: one with a folder a category")
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not inside:
        state = "is empty" if not any(folder.iterdir()) else "holds no folder"
        raise UserError(f"images: {folder} {state}, allowed: a folder of images a category")
    files = {category.name: sorted(filter(_is_image, category.iterdir())) for category in inside}
    return _image_set(files, at_least, f"images: {folder}")


def image_list(path: str | Path, at_least: int = 1) -> ImageSet:
    """Images named by a text file, `FILE CATEGORY` a line.

    A tab separates the two where there is one, otherwise the last blank does. Files are
    relative to the folder of the list. Empty lines and those that start with # are passed over.

    Args:
        path: of the list.
        at_least: images that each category must have.

    Raises:
        UserError: one line: no list, a line without category, a file that is not there, an
            empty list, or a category with too few images.
    """
    path = Path(path).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"images: {path} is no readable list ({error})") from error
    files: dict[str, list[Path]] = {}
    absent = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        parts = line.rsplit("\t" if "\t" in line else None, 1)
        if len(parts) < 2:
            raise UserError(f"images: {path}: line {number} has no category: {line}")
        file = path.parent / Path(parts[0].strip()).expanduser()
        if not file.is_file():
            absent.append(Unreadable(file, f"line {number}"))
        files.setdefault(parts[1].strip(), []).append(file)
    if absent:
        raise UserError(f"images: {path}: {_listed(absent, f'{len(absent)} files are not there')}")
    if not files:
        raise UserError(f"images: {path} is empty, allowed: FILE CATEGORY a line")
    return _image_set(files, at_least, f"images: {path}")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _image_set(files: dict[str, list[Path]], at_least: int, where: str) -> ImageSet:
    categories = tuple(sorted(files))
    few = [name for name in categories if len(files[name]) < max(at_least, 1)]
    if few:
        more = f" ({len(few)} categories have too few)" if len(few) > 1 else ""
        raise UserError(
            f"{where}: category {few[0]!r} has {len(files[few[0]])} images, "
            f"allowed: {max(at_least, 1)} or more{more}"
        )
    counts = [len(files[name]) for name in categories]
    labels = np.repeat(np.arange(len(categories), dtype=np.int32), counts)
    return ImageSet(tuple(p for name in categories for p in files[name]), labels, categories)
