"""Figures and axes that a missing number does not stop, and that say so."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

NOTHING = "nothing to show:\nno finite number"


class Page(Figure):
    """A figure whose titles and legends say "none" where a number is missing."""

    def draw(self, renderer: Any) -> None:
        """Draw it with these words, which are part of the layout."""
        for text in self.findobj(Text):
            text.set_text(re.sub(r"\bnan\b", "none", text.get_text()))
        super().draw(renderer)


class Panel(Axes):
    """Axes of all that is drawn in the style, under the name of matplotlib's own.

    A limit that is not finite is left as it was. If nothing that was drawn has a finite number,
    lines across the panel apart, the panel says so when it is rendered.
    """

    name = "rectilinear"

    def set_xlim(self, left: Any = None, right: Any = None, **how: Any) -> Any:
        """Set the limits that are finite; arguments of `Axes.set_xlim`."""
        ends = _finite(left, right)
        return self.get_xlim() if ends == (None, None) else super().set_xlim(*ends, **how)

    def set_ylim(self, bottom: Any = None, top: Any = None, **how: Any) -> Any:
        """Set the limits that are finite; arguments of `Axes.set_ylim`."""
        ends = _finite(bottom, top)
        return self.get_ylim() if ends == (None, None) else super().set_ylim(*ends, **how)

    def set_yscale(self, value: str, **how: Any) -> None:
        """Set the scale; a logarithm of nothing above zero gets limits that it can draw."""
        super().set_yscale(value, **how)
        if value == "log" and self.get_ylim()[0] <= 0:
            self.set_ylim(0.1, 10, auto=True)

    def draw(self, renderer: Any) -> None:
        """Draw what there is, or the words that there is nothing."""
        words = [text.get_text() for text in self.texts]
        if NOTHING not in words and self._nothing():
            middle = {"ha": "center", "va": "center", "transform": self.transAxes}
            self.text(0.5, 0.5, NOTHING, color="#767676", fontsize=7, **middle)
        super().draw(renderer)

    def _nothing(self) -> bool:
        if self.images:
            return not any(np.isfinite(image.get_array()).any() for image in self.images)
        placed = [one for one in (*self.lines, *self.patches) if self._by_numbers(one)]
        extents = (one.get_window_extent() for one in (*placed, *self.collections))
        known = [np.isfinite(extent.get_points()).all() for extent in extents]
        return bool(known) and not any(known)

    def _by_numbers(self, drawn: Any) -> bool:
        """Whether both coordinates are numbers of the axes, as those of a line across are not."""
        return all(drawn.get_transform().contains_branch_seperately(self.transData))


def _finite(low: Any, high: Any) -> tuple[Any, ...]:
    if high is None and np.iterable(low):
        low, high = low
    return tuple(None if one is None or not math.isfinite(one) else one for one in (low, high))
