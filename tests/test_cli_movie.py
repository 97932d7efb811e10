"""The command `cortex movie`: activity over time, and one line when there is none."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from PIL import Image

from cortex.circuit import EI, Epoch
from cortex.experiment import course, find, names
from cortex.labelled import coordinate, label, to_dataset
from cortex.models import Ring
from cortex.plot.movie import draw_frames

FILMED = ("attention_and_surround", "ring_normalization", "sheet_orientation_map")


@pytest.fixture(scope="module")
def filmed():
    """Twelve units under two gratings, one after the other, the second one twice."""
    ring = Ring(units=12)
    one, two = (20.0 * ring.bump(at, 30.0) for at in (45.0, 135.0))
    steps = [
        (Epoch(20.0, EI(one, one)), "first"),
        (Epoch(20.0, EI(one + two, one + two)), "first", "second"),
        (Epoch(20.0, EI(two, two)), "second", "attention"),
    ]
    return course(ring.circuit(), steps, every=10.0, preferred=ring.preferred())


def test_a_course_says_when_what_is_shown(filmed):
    assert filmed.shown == {"first": (0, 40), "second": (20, 60), "attention": (40, 60)}
    rates = to_dataset({"rates": filmed.rates}).rates
    assert rates.dims == ("population", "time", "preferred")
    assert rates.time.values.tolist() == [0, 10, 20, 30, 40, 50, 60]
    at = rates.sel(population="E")
    assert at.sel(time=20, preferred=45) > at.sel(time=20, preferred=135)
    assert at.sel(time=60, preferred=135) > at.sel(time=60, preferred=45)


def test_each_frame_shows_its_time_and_its_rates(filmed):
    rates = to_dataset({"rates": filmed.rates}).rates
    figure, frames = draw_frames(rates, filmed.shown, "a ring", fps=20)
    panel, bars = figure.axes
    assert [label.get_text() for label in bars.get_yticklabels()] == list(filmed.shown)
    for number, time in enumerate(frames):
        assert figure.get_suptitle() == f"a ring: {time:.0f} ms (5 times slowed)"
        assert bars.lines[0].get_xdata()[0] == time
        for line, population in zip(panel.lines, "EI", strict=True):
            shown = rates.sel(population=population).values[number]
            np.testing.assert_array_equal(line.get_ydata(), shown)
    assert time == 60


def test_a_sheet_is_drawn_as_two_maps():
    values = jnp.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    axes = {"row": jnp.arange(4.0), "column": jnp.arange(5.0)}
    along = {name: coordinate(places, "deg", "place") for name, places in axes.items()}
    time = coordinate(np.array([0.0, 5.0, 10.0]), "ms", "time")
    rates = label(EI(*values), "Hz", "rate", time=time, **along)
    shown = {"grating": (0.0, 10.0)}
    figure, frames = draw_frames(to_dataset({"r": rates}).r, shown, "a sheet", 20)
    assert len(list(frames)) == 3
    images = [image for panel in figure.axes for image in panel.images]
    assert [image.get_array().tolist() for image in images] == values[:, -1].tolist()


OWN = """
import cortex as cx
from cortex.experiment import course
from cortex.models import Ring

def watch(s):
    ring = Ring(units=12)
    drive = 20.0 * ring.bump(45.0, 30.0)
    steps = [(cx.Epoch(s.duration, cx.EI(drive, drive)), "grating")]
    return course(ring.circuit(), steps, preferred=ring.preferred())

class Settings(cx.ExperimentSettings):
    duration: float = cx.quantity(60.0, "ms", "of the grating", gt=0)

experiment = cx.Experiment(Settings, lambda s, key: {}, course=watch)
"""


def test_a_movie_of_an_experiment_of_ones_own(cortex):
    Path("own.py").write_text(OWN)
    done = cortex("movie", "own.py", "--set", "duration=30", "--out", "here/a.gif", "--fps", "10")
    assert "movie    here/a.gif" in done.stdout
    assert [path.name for path in Path("here").iterdir()] == ["a.gif"]
    check(Path("here/a.gif"), frames=7, milliseconds=100)


def check(path, frames, milliseconds):
    """A small file in which something moves."""
    assert path.stat().st_size < 3e6
    with Image.open(path) as movie:
        assert (movie.n_frames, movie.info["duration"]) == (frames, milliseconds)
        first = np.asarray(movie.convert("RGB"))
        movie.seek(frames - 1)
        assert (np.asarray(movie.convert("RGB")) != first).any()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "frames"), [*zip(FILMED, (101, 81, 101), strict=True)])
def test_an_experiment_is_filmed(cortex, name, frames):
    small = [f"--set={key}={value}" for key, value in find(name).small.items()]
    cortex("movie", name, *small)
    check(Path(f"{name}.gif"), frames, milliseconds=50)


def test_those_that_can_be_filmed_are_those_that_have_a_course():
    assert tuple(name for name in names() if find(name).course is not None) == FILMED


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["regimes"], f"regimes: has no course over time; those that have: {', '.join(FILMED)}"),
        (["ring_normalization", "--out", "a.png"], "--out a.png: allowed: a name that ends in"),
        (["ring_normalization", "--out", "old.gif"], "--out old.gif: is there and is not over"),
        (["ring_normalization", "--out", "a.mp4"], "--out a.mp4: ffmpeg is not on PATH"),
    ],
)
def test_what_cannot_be_filmed_is_refused_before_any_work(cortex, monkeypatch, arguments, line):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    Path("old.gif").write_text("kept")
    refused = cortex("movie", *arguments, code=2)
    assert line in refused.output
    assert refused.output.count("\n") == 1
    assert Path("old.gif").read_text() == "kept"
