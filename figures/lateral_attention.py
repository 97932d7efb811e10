"""Figure of `lateral_attention`: who attends to whom, what gains, and what detection gains.

**a**, a digit among clutter. **b** to **d**, on this image, learned self-attention (above) and
graph attention (below): weights that places of the digit give to others, gain of the drive (white:
none), and weights over two layers (rollout); each map has its scale. **e**, weight from the digit
to the digit beyond that to clutter, at the same distances; **f**, gain on the digit less on
clutter; **g**, change of E and I rates by learned attention on digit and clutter; **h**, area under
the ROC curve of detection less that without attention; **e**, **f** and **h** before learning
(grey) and after (green). n: 3 trainings, 200 images; bars are 95 % bootstrap intervals over images.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from cortex.attention.inspection import on_image
from cortex.plot import interval_bars, legend_below, map_of, merged, style

from . import learned_panels

WORDS = {"self": "self-attention", "graph": "graph attention"}
LOOKS = {"unlearned": style.GREY, "learned": style.ATTENDED}
SHAPE = (7, 7)  # places of a map
MAPS = {
    "attended": ("From the digit", "Weight (%)"),
    "gain": ("What gains", "Gain of the drive"),
    "rollout": ("Two layers on", "Rollout (%)"),
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Maps of one image above, four panels from all below; returns a `Figure`."""
    figure = learned_panels.canvas(132)
    top, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    maps = top.subplots(2, 4, width_ratios=(0.8, 1, 1, 1))
    _maps(maps, data)
    grouping, gain, rates, detection = below.subplots(1, 4, width_ratios=(1, 1, 1.3, 1))
    _by_learning(grouping, 100 * data.grouping, "Extra weight to the digit (%)")
    grouping.set_title("Who attends to whom")
    _by_learning(gain, 100 * data.gain_apart, "Gain, digit − clutter (%)")
    gain.set_title("What gains")
    _rates(rates, 100 * data.rate_change.sel(learning="learned"))
    _by_learning(detection, data.auc_over_none, "ROC area, over no attention")
    detection.set_title("Detection")
    legend_below(grouping, 2)
    style.letters([maps[0, 0], *maps[0, 1:], grouping, gain, rates, detection])
    return figure


def _example(data: Any) -> int:
    """The image in which learned self-attention sets digit and clutter most apart."""
    gain = data.gain_of.sel(source="self").isel(training=-1)
    apart = gain.sel(kind="digit") - gain.sel(kind="clutter")
    enough = (data.owned.sum("place") >= 4).all("kind")
    return int(np.nanargmax(np.where(enough.values, apart.values, -np.inf)))


def _maps(panels: Any, data: Any) -> None:
    """An image, and over it weights, gain and rollout of both kinds, learned."""
    number = _example(data)
    image = data.example.values[number]
    style.unframed(panels[0, 0]).imshow(image, cmap="gray_r", vmin=0, vmax=1)
    panels[0, 0].set_title("Digit in clutter")
    panels[1, 0].axis("off")
    for panel, (title, _) in zip(panels[0, 1:], MAPS.values(), strict=True):
        panel.set_title(title)
    for row, source in zip(panels, WORDS, strict=True):
        one = data.sel(source=source).isel(training=-1, image=number)
        for panel, (name, (_, label)) in zip(row[1:], MAPS.items(), strict=True):
            if name == "gain":
                extent = learned_panels.frame(image)
                map_of(panel, one[name].values, label, even=1.0, extent=extent)
            else:
                values = 100 * _spread(one[name], image.shape)
                map_of(panel, values, label, cmap="Greens", vmin=0)
            learned_panels.outlined(panel, image)
        row[1].set_ylabel(WORDS[source])


def _spread(places: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of places over the pixels of the image."""
    return np.asarray(on_image(jnp.asarray(places.values).reshape(SHAPE), shape))


def _by_learning(panel: Any, estimates: Any, words: str) -> None:
    """Both kinds of attention, unlearned and learned, with intervals over images."""
    interval_bars(panel, estimates.sel(learning=list(LOOKS)), "source", "learning", looks=LOOKS)
    panel.axhline(0, color=style.GREY, lw=0.6, zorder=0)
    panel.set_xticks(range(estimates.sizes["source"]), _sources(estimates))
    panel.set(xlabel="", ylabel=words)


def _sources(estimates: Any) -> list[str]:
    return [
        WORDS[str(name)].replace("attention", "\nattention") for name in estimates.source.values
    ]


def _rates(panel: Any, change: Any) -> None:
    """Change of E and I rates on the digit and on clutter, learned."""
    every = merged(change, "where", ("source", "kind"), "{1},\n{0}".format)
    interval_bars(panel, every, "where", "population", width=0.4)
    panel.axhline(0, color=style.GREY, lw=0.6, zorder=0)
    panel.set(xlabel="", ylabel="Change of rates, learned (%)", title="E and I follow")
    legend_below(panel, 2)
