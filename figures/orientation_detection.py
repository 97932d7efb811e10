"""Figure of `orientation_detection`: gain by layer, and what it consists of.

**a**, a training grating, and images that show the sought orientation and that do not. **b**, hits
and false alarms against the strength of attention at the layer where tuning values do best, for
each variant of the network. **c** to **e**, for each variant: gain in performance, in the area
under the ROC curve, and change of the criterion by the layer attended and what attention is applied
by; yellow is what a better threshold gains without attention. Strength chosen on one half of the
images, shown on the other, and the other way round. n: 9 orientations of 32 images; bars are 95 %
bootstrap intervals over images.
"""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D

from cortex.plot import style

from .grating_panels import by_strength, gains, layout, legend, network

ROWS = (
    ("performance", "Gain in performance\n(percentage points)", 100.0),
    ("auc", "Gain in area\nunder ROC curve", 1.0),
    ("criterion", "Change of criterion\n(c, z units)", 1.0),
)
RATES = {
    "true_positive": (style.E, "there: hits"),
    "false_positive": (style.I, "not there: false alarms"),
}
THRESHOLD = {"color": style.OLIVE, "lw": 1, "ls": (0, (4, 2))}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Images and rates above; gains by site, with and without circuits side by side, below."""
    data = data.isel(task=0, network=0)
    variants = data["variant"].values.tolist()
    drawn, below, above, grid = layout(195, len(variants), len(ROWS), 1.15)
    _examples(above[0], data)
    for panel, variant in zip(above[1:], variants, strict=True):
        _rates(panel, data.sel(variant=variant), legend=panel is above[1])
    above[1].set_ylabel("Share of images said to\nshow the orientation")
    for row, (name, words, factor) in zip(grid, ROWS, strict=True):
        for panel, variant in zip(row, variants, strict=True):
            gain = factor * data["gain"].sel(variant=variant, measure=name)
            gains(panel, gain, "compared")
            _threshold(panel, gain.sel(compared="threshold").isel(site=0))
        row[0].set_ylabel(words)
    for panel, variant in zip(grid[0], variants, strict=True):
        base = data["detection_unattended"].sel(variant=variant)
        right, auc = (float(base.sel(measure=name)) for name in ("performance", "auc"))
        panel.set_title(
            f"{network(settings, variant)}\nunattended: right {style.percent(right, 1)}, "
            f"area under ROC curve {auc:.2f}",
            fontsize=7,
        )
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended (1 the lowest)")
    control = Line2D([], [], label="no attention, better threshold", **THRESHOLD)
    legend(below, data, settings.statistics.level, control)
    style.letters([*above, *grid[:, 0]])
    return drawn


def _examples(panel: Any, data: Any) -> None:
    """A training image, and a pair with and one without its orientation."""
    panel.axis("off")
    names = ("training: 40°", "40° is there", "40° is not there")
    places = ((0.0, 0.5), (0.52, 0.5), (0.52, -0.06))
    for image, name, (x, y) in zip(data["example"].values, names, places, strict=True):
        inset = style.unframed(panel.inset_axes((x, y, 0.46, 0.44)))
        inset.imshow(image)
        inset.set_title(name, fontsize=6.5, pad=2)
    text = "Bars, counter-\nclockwise from\nhorizontal"
    panel.text(0.0, 0.36, text, transform=panel.transAxes, fontsize=6.5, va="top")


def _rates(panel: Any, here: Any, legend: bool) -> None:
    """True and false positives against strength, at the layer where tuning values do best."""
    if "best_layer" not in here:
        panel.axis("off")
        return
    attended = here["detection"].sel(site=here["best_layer"].item())
    unattended = here["detection_unattended"]
    by_strength(panel, attended, unattended, "measure", RATES, legend=legend, room=1.42)


def _threshold(panel: Any, gain: Any) -> None:
    """What a better threshold brings without attention, with its interval."""
    value, low, high = (float(gain.sel(bound=end)) for end in ("value", "low", "high"))
    panel.axhspan(low, high, color=style.YELLOW, alpha=0.3, lw=0, zorder=0)
    panel.axhline(value, zorder=1, **THRESHOLD)
