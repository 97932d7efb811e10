"""Figure of `soft_attention`: where weights go, what they do to rates and to detection.

**a**, an array in which a 4 is asked for. **b** to **d**, weights of the places after each glance,
learned: mean over arrays with the digit asked for and over networks, turned so that its quadrant is
the upper left; one scale. **e**, share of the weights in that quadrant, learned and with first
weights (before learning); bands are over images, thin lines single networks. **f**, rates in the
quadrant against elsewhere, as a factor relative to no attention. **g** and **h**, what the learned
source gains over none and over first weights: in the report (logit of the digit asked for less the
mean of the others shown) and in detection (area under the ROC curve). n: 3 networks, 400 arrays;
bars and bands are 95 % bootstrap intervals.
"""

from __future__ import annotations

from typing import Any

from cortex.plot import curves, map_of, name_lines, style

from . import learned_panels

EXAMPLE = 4  # the digit asked for
GLANCES = 3


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """An example and average weights above; shares, rates, report, detection below."""
    figure = learned_panels.canvas(102)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.0, 1.4))
    above, below = top.subplots(1, 1 + GLANCES, squeeze=False)[0], bottom.subplots(1, 4)
    image = data["example"].values[learned_panels.asked_for(data, (EXAMPLE,))[0]]
    style.unframed(above[0]).imshow(image, cmap="gray_r", vmin=0, vmax=1)
    above[0].set_title(f"Asked for: {EXAMPLE}")
    weight = 100 * data.weight.sel(trained="learned").mean("seed")
    means = learned_panels.aligned(data, weight)
    most = float(means.max()) or 1.0
    for panel, glance in zip(above[1:], data.glance.values[-GLANCES:], strict=False):
        values = means.sel(glance=glance)
        map_of(panel, values, "Weight (%)", cmap="YlOrBr", vmin=0, vmax=most)
        learned_panels.asked_quadrant(panel, values.sizes["row"])
        panel.set_title(f"Weights, glance {glance:g}")
    share, rates, report, detection = below
    _shares(share, data)
    learned_panels.rate_changes(rates, data.rate_change, "quadrant / elsewhere")
    learned_panels.gained(report, data.margin_gain, "Change of\nlogit margin")
    learned_panels.gained(detection, data.detection_gain.sel(quantity="auc"), "Change of\nROC area")
    titles = ("Weights find it", "Circuits follow", "Report", "Detection")
    for panel, title in zip(below, titles, strict=True):
        panel.set_title(title)
    style.letters([*above, *below])
    return figure


def _shares(panel: Any, data: Any) -> None:
    """Share of the weights at the digit asked for, by glance; networks as thin lines."""
    names, colours = learned_panels.WORDS, learned_panels.COLOURS
    curves(panel, data.mean_share, "glance", "trained", looks=colours, names=names, marker="o")
    for name in data.trained.values:
        share = data.share.sel(trained=name).where(data.present).mean("image")
        panel.plot(data.glance, share.transpose("glance", ...), color=colours[name], lw=0.5)
    panel.axhline(0.25, color=style.GREY, lw=0.7, ls=(0, (3, 2)))
    panel.set_xticks(data.glance.values)
    panel.set_ylabel("Weights in the quadrant\nasked for")
    panel.set_ylim(0, 1)
    style.percent_axis(panel.yaxis)
    name_lines(panel)
