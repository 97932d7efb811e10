"""Axes that a missing number does not stop, and that say so where there is nothing else."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from cortex.plot import style
from cortex.plot.panel import NOTHING

MISSING = np.full((2, 2), np.nan)


@pytest.fixture
def panel():
    with style.journal():
        _, panels = style.figure(1, 1, width=60)
        yield panels[0, 0]


def said(panel):
    panel.figure.draw_without_rendering()
    return [text.get_text() for text in panel.texts]


@pytest.mark.parametrize(
    "drawn",
    [
        lambda panel: panel.plot(MISSING),
        lambda panel: panel.bar([0, 1], MISSING[0]),
        lambda panel: panel.errorbar([0, 1], MISSING[0], MISSING),
        lambda panel: panel.fill_between([0, 1], 0.0, MISSING[0]),
        lambda panel: panel.imshow(MISSING),
        lambda panel: (panel.plot(MISSING), panel.get_ylim(), panel.set_yscale("log")),
    ],
    ids=["lines", "bars", "points", "a band", "an image", "a logarithm"],
)
def test_a_panel_says_when_there_is_nothing_to_show_and_says_it_once(panel, drawn):
    drawn(panel)
    panel.axhline(1.0)
    panel.axvspan(1.0, 2.0)
    panel.set(ylim=(np.nan, np.nan), xlim=(0, np.nan))
    assert said(panel) == said(panel) == [NOTHING]


def test_a_panel_that_shows_something_or_was_left_empty_says_nothing(panel):
    assert said(panel) == []
    panel.plot(MISSING)
    panel.plot([0, 1], [0, np.nan])
    assert said(panel) == []


def test_a_limit_that_is_missing_is_left_as_it_was(panel):
    panel.plot([0, 1], [2, 4])
    before = panel.get_ylim()
    panel.set_ylim(np.nan, 8)
    assert panel.get_ylim() == (before[0], 8)
    panel.set_ylim((1, None))
    assert panel.get_ylim() == (1, 8)


def test_axes_of_other_figures_are_matplotlibs_own():
    with style.journal(), style.journal():
        pass
    assert type(style.figure(1, 1)[1][0, 0]) is Axes
