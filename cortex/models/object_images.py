"""What networks are shown to detect objects: digits, or the user's photographs, and their parts.

Of each category some images teach detectors and give tuning values, hard images that gradients are
averaged over are composed of others, and those of the test of the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, model_validator

from cortex.areas import digits_vgg
from cortex.areas.training import distort
from cortex.errors import ConfigError, UserError
from cortex.frontends.imagenet import imagenet_class
from cortex.models.digit_images import digit_images
from cortex.models.networks import StudyNetwork
from cortex.models.study import TrainingSet
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.stimuli.image_files import ImageSet, Preprocessing, image_folder, image_list

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
AT_LEAST = 4  # images of a category that hard ones are composed of
CALIBRATION = 100  # images that inserted circuits are calibrated on
AT_A_TIME = 40  # digits that are distorted
PAIRS = 16  # pairs of ordinary images that circuits are probed with

Pictures = Float[Array, "rows channels height width"]


class ImagesSection(Section):
    """Ordinary images to learn from, and hard ones to be tested on."""

    folder: str = Field(
        "",
        description="photographs, a folder a category, for networks trained on photographs",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    list: str = Field(
        "",
        description="the same as a text file of 'FILE CATEGORY' lines",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    categories: tuple[str, ...] = Field(
        (),
        description="categories used, by folder, ImageNet name or WordNet identifier; empty: all",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    mnist: str = Field(
        "",
        description="folder of the full MNIST in IDX files; empty: the 5,000 packaged digits",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    learning: int = quantity(
        50, "1", "images of a category for detectors and tuning (35 published)", source=HERE, ge=2
    )
    detectors: int = quantity(
        0, "1", "of these, for a detector, and as many others; 0: all", source=HERE, ge=0
    )
    others: int = quantity(
        20,
        "1",
        "further images of a category, in hard ones that are learned from",
        source=HERE,
        ge=1,
    )
    hard: int = quantity(
        40,
        "1",
        "hard images a category that gradients are averaged over (45 published), even",
        source=HERE,
        ge=2,
    )
    tasks: tuple[Literal["merged", "array"], ...] = Field(
        ("merged", "array"),
        min_length=1,
        description="kinds of hard images",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    per_category: int = quantity(
        40,
        "1",
        "hard images a category, half with it (150 published)",
        source=HERE,
        ge=8,
        le=100_000,
    )
    batch: int = quantity(50, "1", "images computed at a time", source=HERE, ge=1)

    @model_validator(mode="after")
    def _one_source(self) -> ImagesSection:
        if self.folder and self.list:
            raise ValueError(f"list: found '{self.list}', allowed: '' where a folder is given")
        for name in ("per_category", "hard"):
            if (count := getattr(self, name)) % 2:
                raise ValueError(f"{name}: found {count}, allowed: an even number")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks: found {[*self.tasks]}, allowed: each one once")
        return self

    @property
    def given(self) -> bool:
        """Whether photographs are named."""
        return bool(self.folder or self.list)


class Singles(NamedTuple):
    """Single images that hard ones are composed of.

    Attributes:
        pixels: by number.
        labels: category of each.
    """

    pixels: Callable[[np.ndarray], Pictures]
    labels: np.ndarray


class StimulusSet(NamedTuple):
    """The images of a study.

    Attributes:
        ordinary: for detectors and tuning.
        learned: what hard images that are learned from are composed of.
        tested: what those of the test are composed of.
        categories: names.
    """

    ordinary: TrainingSet
    learned: Singles
    tested: Singles
    categories: tuple[str, ...]

    def calibration(self) -> Pictures:
        """Ordinary images of all categories, for circuits that are put into a network."""
        rows = self.ordinary.learning
        chosen = np.linspace(0, len(rows) - 1, min(CALIBRATION, len(rows))).astype(int)
        return self.ordinary.images(rows[chosen])

    def ordinary_pairs(self) -> tuple[Pictures, Pictures]:
        """Ordinary images and as many others, each pair of two categories."""
        rows = self.ordinary.others
        by_category = [rows[self.ordinary.labels[rows] == c] for c in range(len(self.categories))]
        count = len(by_category)
        first = [
            by_category[n % count][n // count % len(by_category[n % count])] for n in range(PAIRS)
        ]
        turned = by_category[count // 2 :] + by_category[: count // 2]
        other = [turned[n % count][n // count % len(turned[n % count])] for n in range(PAIRS)]
        return self.ordinary.images(np.array(first)), self.ordinary.images(np.array(other))


def stimulus_set(section: ImagesSection, found: StudyNetwork, seed: int) -> StimulusSet:
    """The images that a network is to look at.

    Raises:
        ConfigError: one line: no photographs for a network of photographs, photographs for one
            of digits, a category that is not there or has too few images.
    """
    if found.preprocessing is None:
        if section.given:
            name, value = ("folder", section.folder) if section.folder else ("list", section.list)
            raise ConfigError(
                f"images.{name}: found '{value}', allowed: '' ({found.name} has its own digits)"
            )
        return _digits(section, seed)
    if not section.given:
        raise ConfigError(
            f"images.folder: found '', allowed: a folder of photographs with a folder a category, "
            f"or images.list: {found.name} was trained on photographs"
        )
    return _photographs(section, found.preprocessing, seed)


def _digits(section: ImagesSection, seed: int) -> StimulusSet:
    """Digits of half to full size anywhere in the frame; hard images of held-out ones."""
    training, held_out = digit_images(section.mnist, "images.mnist")
    labels = np.asarray(training.labels)
    names = tuple(str(digit) for digit in range(digits_vgg.CLASSES))
    learning, others, _ = _split(section, labels, names, seed, rest=0)
    network = digits_vgg.digit_network()
    singles, images = network.images(held_out), network.images(training)
    key = jax.random.key(seed)

    @eqx.filter_jit
    def seen(rows: Array) -> Array:
        keys = jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)
        return jax.vmap(lambda k, x: distort(k, x, digits_vgg.PLAIN_TRAINING))(keys, images[rows])

    def drawn(rows: np.ndarray) -> Pictures:
        # Always as many at a time, so that `seen` is compiled once.
        filled = np.resize(rows, -(-len(rows) // AT_A_TIME) * AT_A_TIME).reshape(-1, AT_A_TIME)
        parts = [np.asarray(seen(jnp.asarray(chunk))) for chunk in filled]
        return jnp.asarray(np.concatenate(parts)[: len(rows)])

    return StimulusSet(
        TrainingSet(
            images=drawn,
            labels=labels,
            categories=len(names),
            learning=learning,
            others=others,
            each=section.detectors,
        ),
        learned=Singles(lambda rows: images[rows], labels),
        tested=Singles(lambda rows: singles[rows], np.asarray(held_out.labels)),
        categories=names,
    )


def _photographs(section: ImagesSection, preprocessing: Preprocessing, seed: int) -> StimulusSet:
    """The user's images, read from disk as they are asked for."""
    key = "folder" if section.folder else "list"
    try:
        found = image_folder(section.folder) if section.folder else image_list(section.list)
    except UserError as error:
        raise ConfigError(f"images.{key}: {error}") from error
    chosen = chosen_categories(found, section.categories) if section.categories else found
    if len(chosen.categories) < 4:
        raise ConfigError(
            f"images.{key}: found {len(chosen.categories)} categories, allowed: 4 or more"
        )
    parts = _split(section, chosen.labels, chosen.categories, seed, rest=AT_LEAST)
    learning, others, rest = parts

    def singles(rows: np.ndarray) -> Singles:
        part = chosen.take(rows)
        return Singles(
            lambda numbers: jnp.asarray(part.load(numbers, preprocessing)), np.asarray(part.labels)
        )

    return StimulusSet(
        TrainingSet(
            images=lambda rows: jnp.asarray(chosen.load(rows, preprocessing)),
            labels=np.asarray(chosen.labels),
            categories=len(chosen.categories),
            learning=learning,
            others=others,
            each=section.detectors,
        ),
        learned=singles(others),
        tested=singles(rest),
        categories=chosen.categories,
    )


def _split(
    section: ImagesSection, labels: np.ndarray, names: tuple[str, ...], seed: int, rest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to learn from, others, and what is left, from each category at random."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum([section.learning, section.others])
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    for category, name in enumerate(names):
        rows = rng.permutation(np.flatnonzero(labels == category))
        if len(rows) < ends[-1] + rest:
            raise ConfigError(
                f"images.learning, images.others: category {name!r} has {len(rows)} images, "
                f"allowed: {ends[-1] + rest} or more ({section.learning} + {section.others}"
                + (f" + {rest} for hard images)" if rest else ")")
            )
        for part, chosen in zip(parts, np.split(rows, ends), strict=True):
            part.append(chosen)
    learning, others, left = (np.concatenate(part) for part in parts)
    return rng.permutation(learning), others, np.sort(left)


def chosen_categories(images: ImageSet, wanted: tuple[str, ...]) -> ImageSet:
    """The images of some categories, in the order of `wanted`.

    Args:
        images: of all categories.
        wanted: as the folder is called, or any name that ImageNet has for the same class.

    Raises:
        ConfigError: one of them is not there.
    """
    folders = {_folded(name): number for number, name in enumerate(images.categories)}
    numbers = []
    for name in wanted:
        also = [name]
        try:
            known = imagenet_class(name)
            also += [known.wordnet, *known.names]
        except UserError:
            pass
        here = [folders[_folded(one)] for one in also if _folded(one) in folders]
        if not here:
            allowed = " or ".join(dict.fromkeys(also))
            raise ConfigError(
                f"images.categories: found no images of {name!r}, allowed: a folder named {allowed}"
            )
        numbers.append(here[0])
    rows = [np.flatnonzero(images.labels == number) for number in numbers]
    labels = np.repeat(np.arange(len(wanted), dtype=np.int32), [len(one) for one in rows])
    paths = tuple(images.paths[row] for one in rows for row in one)
    return ImageSet(paths, labels, tuple(wanted))


def _folded(name: str) -> str:
    return name.lower().replace("_", " ").replace("-", " ")
