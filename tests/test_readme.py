"""What README shows works as it stands."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from cortex.experiment import names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run_and_give_the_stated_numbers():
    alone, more = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict = {}
    exec(alone, names)
    unattended, attended = (line.get_ydata() for line in names["plt"].gca().lines)
    names["plt"].close("all")
    assert np.all(np.asarray(attended) > unattended)
    assert len(alone.strip().splitlines()) <= 20
    exec(more, names)
    course = names["course"]
    before, after = course.values[20], course.values[-1]
    assert bool(course.finished)
    assert after > 1.1 * before  # attention to the unit raises its rate
    state = names["cx"].steady_state(names["ring"], names["shown"], names["attention"])
    # 5e-3: the second course ends 200 ms after the switch, not in the limit.
    assert abs(float(after / state.rates.E[45]) - 1) < 5e-3
    assert float(names["slope"]) > 0
    assert float(names["rings"].converged.mean()) > 0.99


def test_every_figure_shown_exists():
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert shown
    for name in shown:
        assert (ROOT / name).stat().st_size > 10_000


def test_the_gallery_is_in_true_colour():
    for path in (ROOT / "figures" / "gallery").glob("*.png"):
        with Image.open(path) as picture:
            assert picture.mode != "P", path.name


def test_every_experiment_is_named_and_validated():
    table = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name in names():
        assert f"`{name}`" in results or f"cortex run {name}" in README + results, name
        assert f"| **{name}** (" in table, name
        assert (ROOT / "figures" / "gallery" / f"{name}.png").is_file(), name


def test_nothing_is_left_to_fill_in():
    assert not re.search(r"@[A-Z]+@", README)
