"""The style: one meaning a colour, and numbers as a reader expects them."""

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from cortex.plot import style


def test_no_two_meanings_share_a_colour():
    meanings = [style.E, style.I, style.ATTENDED, style.ELSEWHERE, style.UNATTENDED]
    meanings += [*style.FORMS.values(), style.WINE]
    meanings += [colour for colour, _, _ in style.VALUES.values()]
    assert len(set(map(to_hex, meanings))) == len(meanings)


def test_the_more_of_a_quantity_the_darker():
    shades = style.shades(style.E, 5)
    luminance = [np.dot((0.2126, 0.7152, 0.0722), to_rgb(shade)) for shade in shades]
    assert all(np.diff(luminance) < 0)
    assert to_hex(style.shades(style.E, 1)[0]) == style.E.lower()


def test_zero_has_no_sign_and_minus_is_a_minus():
    assert style.number(-0.001, 2) == "0.00"
    assert style.number(-0.001, 2, sign=True) == "0.00"
    assert style.number(-1.25, 1) == "−1.2"
    assert style.number(0.5, 1, sign=True) == "+0.5"


def test_a_share_is_written_one_way():
    assert style.percent(0.95) == "95 %"
    figure, panels = style.figure(1, 1)
    panels[0, 0].set_ylim(0, 1)
    style.percent_axis(panels[0, 0].yaxis)
    figure.draw_without_rendering()
    assert "100 %" in [tick.get_text() for tick in panels[0, 0].get_yticklabels()]


def test_letters_are_found_by_their_mark():
    figure, panels = style.figure(1, 3)
    style.letters(panels.flat)
    found = figure.findobj(lambda artist: artist.get_gid() == "letter")
    assert [letter.get_text() for letter in found] == ["a", "b", "c"]
