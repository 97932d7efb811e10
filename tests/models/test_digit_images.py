"""Digits that experiments are tested on."""

import numpy as np
import pytest

from cortex.errors import UserError
from cortex.models.digit_images import HeldOutDigits
from tests.stimuli.test_datasets import some, write


def settings(which):
    return HeldOutDigits(experiment="soft_attention", tested_on=which)


def test_packaged_digits_are_held_out():
    digits = settings("packaged").test_digits()
    np.testing.assert_array_equal(np.bincount(digits.labels), [100] * 10)


def test_the_test_set_of_mnist_is_found_among_public_data(tmp_path, monkeypatch):
    monkeypatch.setenv("CORTEX_DATA", str(tmp_path))
    with pytest.raises(UserError, match="`cortex data` says where to get them"):
        settings("mnist").test_digits()
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", *some(5), part="t10k")
    assert settings("mnist").test_digits().labels.tolist() == [0, 1, 2, 3, 4]
