"""The command `cortex look`: figure and table, and one line when it cannot."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path):
    """A grey field with a red disc right of the middle and above it."""
    y, x = np.mgrid[:64, :80]
    pixels = np.full((64, 80, 3), 90, np.uint8)
    pixels[(y - 20) ** 2 + (x - 60) ** 2 < 30] = (220, 40, 40)
    path = tmp_path / "disc.png"
    Image.fromarray(pixels).save(path)
    return path


def test_look(cortex, picture, tmp_path):
    done = cortex("look", str(picture), "--task", "red,colour", "--fixations", "3")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["fixation", "row", "(%)", "column", "(%)", "time", "(ms)"]
    number, row, column, time = map(float, lines[1].split())
    assert number == 1
    # The disc is at 20.5/64 and 60.5/80; the map has places of 1/16 and 1/20.
    assert row == pytest.approx(32, abs=6)
    assert column == pytest.approx(75.6, abs=5)
    # The strongest wins after -tau log(1 - threshold).
    assert time == pytest.approx(-2400 * np.log(0.9), abs=0.6)
    assert lines[-1] == "figure   disc_red_colour.png"
    with Image.open(tmp_path / "disc_red_colour.png") as figure:
        assert figure.size[0] > 1500
    again = cortex("look", str(picture), "--task", "red,colour", code=2)
    assert again.stderr == "error: --out disc_red_colour.png: is there and is not overwritten\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.png"], "IMAGE: none.png is not there, allowed: an image file"),
        (["."], "IMAGE: . is a folder, allowed: an image file"),
        (["disc.png", "--task", "purple"], "--task: found 'purple', allowed: some of free, bright"),
        (["disc.png", "--task", ""], "--task: found '', allowed"),
        (["disc.png", "--fixations", "0"], "--fixations: found 0, allowed: 1 to 100"),
        (["disc.png", "--out", "a.jpg"], "--out a.jpg: allowed: a name that ends in .png or .pdf"),
        (["disc.png", "--out", "disc.png/x.png"], "allowed: a folder"),
    ],
)
def test_what_is_refused(cortex, picture, arguments, words):
    done = cortex("look", *arguments, code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert done.stdout == ""


def test_a_blank_image_has_no_path(cortex, tmp_path):
    Image.fromarray(np.full((64, 80), 128, np.uint8)).save(tmp_path / "blank.png")
    done = cortex("look", "blank.png", "--out", "b.pdf")
    assert done.stdout.splitlines()[1] == "nothing else is salient"
    assert (tmp_path / "b.pdf").stat().st_size > 1000
