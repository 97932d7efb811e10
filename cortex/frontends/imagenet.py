"""The names of ImageNet's 1,000 classes."""

from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from cortex.errors import UserError


class ImageNetClass(NamedTuple):
    """One of the classes that pretrained networks tell apart.

    Attributes:
        number: of its logit, 0 to 999.
        wordnet: identifier, such as `n01440764`, the name of its folder in ImageNet.
        names: the usual one first; the first of two classes may be the same word.
    """

    number: int
    wordnet: str
    names: tuple[str, ...]


@lru_cache(maxsize=1)
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """The classes of ILSVRC 2012 in their usual order, from WordNet 3.0."""
    text = resources.files("cortex.frontends").joinpath("data/imagenet_classes.txt")
    lines = [line for line in text.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = (line.split("\t") for line in lines)
    return tuple(
        ImageNetClass(number, wordnet, tuple(names.split(", ")))
        for number, (wordnet, names) in enumerate(rows)
    )


def imagenet_class(name: str) -> ImageNetClass:
    """The class of this name or WordNet identifier.

    Raises:
        UserError: there is no such class, or there are several.
    """
    found = [one for one in imagenet_classes() if name == one.wordnet or name in one.names]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(one.wordnet for one in found)
        raise UserError(f"ImageNet class {name!r}: found {several}, allowed: one of these")
    raise UserError(f"ImageNet class {name!r}: found none, allowed: a name or WordNet identifier")
