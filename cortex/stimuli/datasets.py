"""Handwritten digits: loading them, and keeping some of them out of training."""

from functools import lru_cache
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from cortex.errors import UserError
from cortex.stimuli.idx import read_idx_pair


class Digits(eqx.Module):
    """Images of single digits with their labels.

    - `images`: float32 [N, 28, 28], 0 (paper) to 1 (ink).
    - `labels`: int32 [N], 0 to 9.
    """

    images: Float[Array, "n 28 28"]
    labels: Int[Array, " n"]

    def __len__(self) -> int:
        return self.labels.shape[0]

    def take(self, rows: np.ndarray) -> "Digits":
        """The digits of the given rows, in that order."""
        return Digits(self.images[rows], self.labels[rows])


def _digits(images: np.ndarray, labels: np.ndarray) -> Digits:
    """Digits of bytes 0 to 255, [N, 28, 28], and labels."""
    ink = np.asarray(images, np.float32) / np.float32(255)
    return Digits(jnp.asarray(ink), jnp.asarray(labels, dtype=jnp.int32))


@lru_cache(maxsize=1)
def _packaged_digits() -> Digits:
    return _digits(*read_idx_pair(Path(__file__).parent / "data", "train"))


def load_digits(path: str | Path | None = None, *, part: str = "train") -> Digits:
    """Real handwritten digits: 5,000 of MNIST, or the whole of it from files of the user.

    **Arguments:** `path`: none for the 5,000 packaged ones (500 a class, `data/SOURCE.md`);
    otherwise a folder with the IDX files of MNIST (`train-images-idx3-ubyte` and so on, also
    `train-images.idx3-ubyte`, also ending in `.gz`); `part`: `train` (60,000) or `t10k`
    (10,000), of the files.
    **Returns:** `Digits`.
    Raises `UserError`, one line naming the file, what was found and what is expected.
    Source: LeCun, Bottou, Bengio & Haffner 1998 (MNIST).
    """
    if part not in ("train", "t10k"):
        raise UserError(f"part of MNIST is {part!r}: 'train' or 't10k' is expected")
    if path is not None:
        return _digits(*read_idx_pair(Path(path).expanduser(), part))
    if part == "t10k":
        raise UserError("the packaged digits have no part 't10k': a folder of MNIST is expected")
    return _packaged_digits()


def shuffled_by_class(key: PRNGKeyArray, labels: Int[Array, " n"]) -> Int[Array, " n"]:
    """Row numbers grouped by class, in ascending order of class and at random within each."""
    return jnp.lexsort((jax.random.bits(key, labels.shape, jnp.uint32), labels))


def split_digits(digits: Digits, test_per_class: int = 100, seed: int = 0) -> tuple[Digits, Digits]:
    """Digits to train on and digits held out, disjoint, the same number of each class held out.

    The draw depends on the labels and the seed alone: it is the same on every machine.

    **Arguments:** `digits`; `test_per_class`: held out of each class, ≥ 0; `seed`.
    **Returns:** (train, held out), each in the original order.
    Raises `UserError` if a class would have no digit left to train on.
    """
    if test_per_class < 0:
        raise UserError(f"test_per_class is {test_per_class}: 0 or more is expected")
    order = np.asarray(shuffled_by_class(jax.random.key(seed), digits.labels))
    classes, starts, counts = np.unique(
        np.asarray(digits.labels)[order], return_index=True, return_counts=True
    )
    held_out = np.zeros(len(digits), dtype=bool)
    for label, start, count in zip(classes, starts, counts, strict=True):
        if count <= test_per_class:
            raise UserError(
                f"class {label} has {count} digits: more than test_per_class = {test_per_class}"
                " are expected"
            )
        held_out[order[start : start + test_per_class]] = True
    return digits.take(np.flatnonzero(~held_out)), digits.take(np.flatnonzero(held_out))
