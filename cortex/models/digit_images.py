"""Handwritten digits to learn from, and others to be tested on."""

from pathlib import Path

from cortex.errors import UserError
from cortex.stimuli import Digits, load_digits, split_digits


def digit_images(mnist: str, setting: str) -> tuple[Digits, Digits]:
    """Training and held-out digits; no held-out one was seen by the networks of the package.

    Args:
        mnist: folder of the full MNIST in IDX files; empty for the 5,000 digits of the package.
        setting: what the folder is called in the settings, for the error.

    Raises:
        UserError: one line: there is no MNIST in the folder.
    """
    if not mnist:
        return split_digits(load_digits())
    folder = Path(mnist)
    try:
        return load_digits(folder), load_digits(folder, part="t10k")
    except UserError as error:
        raise UserError(f"{setting}: {error}") from error
