"""Figure of `colour_of_orientation`: attention to an orientation, and the colour that is named.

**a**, two trials with two gratings each: bars of 40° are attended, and the network names one of
five colours. **b**, change of the share of trials in which the colour of the attended grating is
named, by the layer attended, with attention by tuning values (indigo) and gradient values (olive),
without circuits (open) and with (filled); without attention it is named about as often as the other
grating's. n: 9 orientations of 16 images; strength chosen on one half of the images, shown on the
other; bars are 95 % bootstrap intervals over images.
"""

from __future__ import annotations

from typing import Any

from cortex.plot import interval_bars, legend_beside, merged, style

SOURCES = ("tuning", "gradient")


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Two trials, and the gain at every layer in one panel."""
    figure, panels = style.figure(1, 2, height=64, width_ratios=(1, 2.6))
    _examples(panels[0, 0], data)
    _gains(panels[0, 1], data)
    style.letters(panels.flat)
    return figure


def _gains(panel: Any, data: Any) -> None:
    """Gain of the attended grating's colour by layer, one mark for each source and network."""
    gain = 100 * data["gain"].sel(named="own")
    gain = gain.sel(source=[s for s in SOURCES if s in data["source"].values])
    every = merged(gain, "series", ("source", "variant"), "{}, {}".format)
    names = [str(site).removeprefix("layer ") for site in data["site"].values]
    every = every.assign_coords(site=names)
    looks, words = {}, {}
    for series in map(str, every["series"].values):
        source, variant = series.split(", ")
        colour, marker, said = style.VALUES[source]
        fill = style.VARIANT_LOOKS[variant].get("mfc", colour)
        looks[series] = {"color": colour, "fmt": marker, "mfc": fill}
        words[series] = f"{said}, {style.VARIANTS[variant]}"
    panel.axhline(0.0, color=style.GREY, lw=0.6, zorder=0)
    interval_bars(panel, every, "site", "series", looks=looks, names=words, width=0.5)
    panel.set_xlabel("Layer attended (1 the lowest)")
    panel.set_ylabel("Attended grating's colour named:\nchange by attention (points)")
    above = every.sel(bound="low") > 0
    title = "Attention does not bring out the colour"
    if above.any():
        title = "Attention brings out the colour in some"
    count = int(every.sel(bound="value").notnull().sum())
    panel.set_title(f"{title}: above 0 in {int(above.sum())} of {count}")
    legend_beside(panel)


def _examples(panel: Any, data: Any) -> None:
    """Two trials in which 40 deg is attended, and the colours there are."""
    style.unframed(panel)
    for number, image in enumerate(data["example"].values[1:]):
        inset = style.unframed(panel.inset_axes((0.52 * number, 0.5, 0.48, 0.45)))
        inset.imshow(image)
        inset.set_title(f"trial {number + 1}", fontsize=7, pad=2)
    text = "Attended: bars of 40°.\nWhich colour?"
    panel.text(0.0, 0.44, text, transform=panel.transAxes, va="top")
    for number, rgb in enumerate(data["rgb_of_colour"].values):
        inset = style.unframed(panel.inset_axes((0.2 * number, 0.06, 0.16, 0.14)))
        inset.set_facecolor(tuple(rgb / 255))
