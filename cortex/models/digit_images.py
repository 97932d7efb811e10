"""Handwritten digits to learn from, and others to be tested on."""

from pathlib import Path
from typing import Literal

from cortex.errors import UserError
from cortex.settings import ExperimentSettings, choice
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.public_data import located


class HeldOutDigits(ExperimentSettings):
    """Settings of an experiment that is tested on digits which nothing was learned from."""

    tested_on: Literal["packaged", "mnist"] = choice(
        "packaged",
        "digits tested on: those of the package that were held out, or the test set of MNIST "
        "(`cortex data`), which nobody had looked at when settings were chosen",
    )

    def test_digits(self) -> Digits:
        """The digits tested on.

        Raises:
            UserError: one line: the test set of MNIST is not there.
        """
        if self.tested_on == "packaged":
            return split_digits(load_digits())[1]
        return load_digits(located("mnist"), part="t10k")


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
