"""Figure of `fixation_prediction`: who predicts where people look, and what suppression adds.

**a**, shuffled AUC: whether a photograph's map tells where people look on it from where they look
on others. **b**, normalized scanpath saliency, all predictors with a bias to the centre. **c**,
what circuits have more than the saliency model and than the best pointwise power of the same
features, on the same photographs. **d**, shuffled AUC on the half that is chosen on, against
contrast, which is the strength of recurrence, for the two ways to pool features. **e**, scan
paths as sequences, against those of people. **f**, the circuits chosen suppress what is large.
**g** to **i**, mean maps over photographs, each from its least to its most. n: 275 photographs, 15
people; bars are 95 % bootstrap intervals over photographs; everything is chosen on photographs of
the other half.
"""

from __future__ import annotations

from typing import Any

from cortex.plot import legend_below, style

# Colour, marker and words of each predictor, in the order of the rows.
LOOKS = {
    "another photograph": (style.GREY, "x", "another photograph"),
    "centre": (style.GREY, "+", "centre"),
    "saliency": (style.INK, "s", "saliency (Itti & Koch)"),
    "pointwise, with N": (style.ORANGE, "o", "features, with N"),
    "circuits, with N": (style.E, "o", "circuits, with N"),
    "pointwise, without N": (style.ORANGE, "D", "features, without N"),
    "circuits, without N": (style.E, "D", "circuits, without N"),
}
DRIVES = {"with N": ("-", "o"), "without N": ("--", "D")}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Nine panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(
        3, 3, height=150.0, height_ratios=(1, 1, 0.75), width_ratios=(1, 1, 1.3)
    )
    (shuffled, nss, added), (tried, paths, size), maps = panels
    _scores(shuffled, data, "alone", "shuffled AUC")
    shuffled.set_title("Which places: circuits")
    _scores(nss, data, "with centre", "NSS")
    nss.set_title("How much: no better")
    upper, lower = style.split(added)
    _added(upper, data, "shuffled AUC", "alone")
    _added(lower, data, "NSS", "with centre")
    upper.set_title("Circuits add")
    _tried(tried, data)
    _paths(paths, data)
    _size(size, data)
    mean = data.average
    shown = (data.average_eyes, *(mean.sel(predictor=p) for p in ("saliency", "circuits, with N")))
    for panel, values, title in zip(
        maps, shown, ("Where people look", "Saliency", "Circuits, with N"), strict=True
    ):
        share = (values - values.min()) / (values.max() - values.min())  # each map has its own unit
        drawn = style.unframed(panel).imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="equal")
        panel.set_title(title)
    bar = figure.colorbar(drawn, ax=list(maps), shrink=0.8, pad=0.02, aspect=12)
    bar.set_ticks([0, 1], labels=["least", "most"])
    bar.outline.set_linewidth(0.4)
    panels[0, 2] = upper
    style.letters(panels.flat)
    return figure


def _interval(panel: Any, estimate: Any, place: int, colour: Any, marker: str = "o") -> None:
    value, low, high = estimate.values
    panel.plot([low, high], [place, place], color=colour, lw=1.2)
    panel.plot(value, place, marker, ms=4, mec=colour, mfc=colour, mew=1.0)


def _rows(panel: Any, count: int, words: Any) -> None:
    panel.set_yticks(range(count), words)
    panel.set_ylim(count - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)


def _scores(panel: Any, data: Any, bias: str, measure: str) -> None:
    scores = data["mean"].sel(bias=bias, measure=measure)
    for place, (name, (colour, marker, _)) in enumerate(LOOKS.items()):
        _interval(panel, scores.sel(predictor=name), place, colour, marker)
    base = float(scores.sel(predictor="saliency", bound="value"))
    panel.axvline(base, color=style.PALE, lw=0.8, zorder=0)
    _rows(panel, len(LOOKS), [words for *_, words in LOOKS.values()])
    people = float(data.mean_ceiling.sel(measure=measure, bound="value"))
    panel.set_xlabel(f"{measure} (people: {people:.2f})")


def _added(panel: Any, data: Any, measure: str, bias: str) -> None:
    """What circuits have above the saliency model, and above the best power of the features."""
    at, words = data.difference.sel(measure=measure, bias=bias), []
    for drive, (_, marker) in DRIVES.items():
        for base, colour in {"saliency": style.INK, f"pointwise, {drive}": style.ORANGE}.items():
            estimate = at.sel(compared=f"circuits, {drive} - {base}")
            _interval(panel, estimate, len(words), colour, marker)
            less = base.partition(",")[0].replace("pointwise", "power")
            words.append(f"{drive.replace('without', 'no').replace('with ', '')}, less {less}")
    panel.axvline(0, color=style.INK, lw=0.6)
    panel.locator_params(axis="x", nbins=3, steps=[1, 2, 4, 5, 10])
    _rows(panel, len(words), words)
    panel.set_xlabel(measure)


def _tried(panel: Any, data: Any) -> None:
    """Shuffled AUC on the half that is chosen on, against contrast: the strength of recurrence."""
    for drive, (line, marker) in DRIVES.items():
        for pool, colour in (("mean", style.GREY), ("largest", style.E)):
            best = data.tried.sel(drive=drive, pool=pool).max(("width", "across"))
            look = {"color": colour, "marker": marker, "ms": 3, "label": f"{pool}, {drive}"}
            panel.plot(best.contrast, best, line, **look)
    panel.set_xscale("log")
    style.plain_log(panel.xaxis, data.tried.contrast.values)
    panel.xaxis.set_minor_locator(style.no_ticks())
    panel.set(xlabel="Contrast (%) = recurrence", ylabel="Shuffled AUC")
    legend_below(panel, 2)
    panel.set_title("Half chosen on")


def _paths(panel: Any, data: Any) -> None:
    looks = {name: look for name, look in LOOKS.items() if name in data.path.values}
    looks = {"people elsewhere": (style.GREEN, "x", "people, elsewhere")} | looks
    looks |= {"other people": (style.GREEN, "o", "other people")}
    for place, (name, (colour, marker, _)) in enumerate(looks.items()):
        _interval(panel, data.mean_path.sel(path=name), place, colour, marker)
    _rows(panel, len(looks), [words for *_, words in looks.values()])
    panel.set(xlabel="Similarity to people", xlim=(0, None))
    panel.set_title("Scan paths")


def _size(panel: Any, data: Any) -> None:
    for drive, (line, marker) in DRIVES.items():
        rates = data.discs.sel(drive=drive)
        look = {"color": style.E, "marker": marker, "ms": 3, "label": drive}
        panel.plot(data.diameter, rates / rates.max(), line, **look)
    panel.set(xlabel="Disc (places)", ylabel="E rate, of its largest", ylim=(0, 1.05))
    panel.legend()
    panel.set_title("Suppression")
