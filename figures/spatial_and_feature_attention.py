"""Figure of `spatial_and_feature_attention`: attention to an orientation against that to a place.

Each point is the change by attention to an orientation (tuning values) less the change by attention
to a place, in the same images, mean over strengths; rows are the layer attended, in the network
without circuits (open) and with a circuit (filled). **a**, criterion: left of zero, attention to
the orientation lowers it more. **b**, sensitivity d′ at that criterion: left of zero, attention to
a place makes it higher. n: 9 orientations of 24 images each; bars are 95 % bootstrap intervals over
images.
"""

from __future__ import annotations

from typing import Any

from cortex.plot import forest, legend_beside, style

PANELS = {
    "criterion": ("criterion c", "An orientation lowers c more"),
    "sensitivity": ("d′", "A place leaves d′ higher"),
}
LOOKS = {
    variant: {"color": style.INDIGO, "mfc": look.get("mfc", style.INDIGO)}
    for variant, look in style.VARIANT_LOOKS.items()
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Paired differences, feature less place, of criterion and of sensitivity."""
    figure, panels = style.figure(1, 2, height=58, sharey=True)
    difference = data["feature_minus_spatial"]
    sites = [_named(data, str(site)) for site in data["site"].values]
    for panel, (name, (words, claim)) in zip(panels[0], PANELS.items(), strict=True):
        here = difference.sel(measure=name)
        forest(panel, here, "site", "variant", looks=LOOKS, names=style.VARIANTS, rows=sites)
        panel.set_xlabel(f"Change of {words}: orientation − place (z units)")
        below = here.sel(bound="high") < 0
        panel.set_title(f"{claim}: {int(below.sum())} of {below.size}")
    panels[0, 0].set_ylabel("Attended")
    legend_beside(panels[0, 1])
    style.letters(panels.flat)
    return figure


def _named(data: Any, site: str) -> str:
    """The site with its layer's name, if it is one layer."""
    if not site.startswith("layer "):
        return "all layers"
    number = int(site.removeprefix("layer "))
    return f"{site} ({data['layer_name'].sel(layer=number).item()})"
