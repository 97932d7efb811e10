"""How well a map predicts where people look: four measures of a map against fixations.

Places are (row, column) from 0 (top, left edge) to 1 (bottom, right edge), so that a map may have
any resolution. Which measure says what: Bylinskii et al. 2019, IEEE PAMI 41:740.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

MEASURES = ("NSS", "AUC", "shuffled AUC", "CC")
Map = Float[np.ndarray, "height width"]
Places = Float[np.ndarray, "fixations 2"]


def pixels(places: Places, shape: tuple[int, ...]) -> Int[np.ndarray, " fixations"]:
    """Number of the pixel of each place, counted along the rows of a map of this shape."""
    height, width = shape
    row, column = (np.clip((places * [height, width]).astype(int), 0, [height - 1, width - 1])).T
    return row * width + column


def fixation_map(places: Places, shape: tuple[int, int], spread: float) -> Map:
    """Share of fixations at each pixel, blurred.

    Args:
        places: fixations.
        shape: height and width of the map [px].
        spread: standard deviation of the Gaussian [px]; OSIE's authors take 24 px of 800 x 600.
    """
    from scipy.ndimage import gaussian_filter

    counts = np.bincount(pixels(places, shape), minlength=shape[0] * shape[1])
    return gaussian_filter(counts.reshape(shape) / len(places), spread, mode="constant")


def scanpath_saliency(values: Map, places: Places) -> float:
    """Normalized scanpath saliency: mean of the standardised map at fixations; chance is 0.

    A map that does not vary gives 0.

    Source: Peters, Iyer, Itti & Koch 2005, Vision Res 45:2397.
    """
    spread = values.std()
    if not spread > 0:
        return 0.0
    at = values.ravel()[pixels(places, values.shape)]
    return float((at.mean() - values.mean()) / spread)


def auc_judd(values: Map, places: Places) -> float:
    """Area under the ROC curve of fixated pixels against all others; chance is 0.5.

    A pixel that is fixated twice counts once. The area is that of all thresholds; the authors'
    program, with thresholds at fixated pixels alone, differs by less than one part in twice their
    number.

    Source: Judd, Ehinger, Durand & Torralba 2009, ICCV.
    """
    fixated = np.zeros(values.size, bool)
    fixated[pixels(places, values.shape)] = True
    return area_under_roc(values.ravel()[fixated], values.ravel()[~fixated])


def shuffled_auc(values: Map, places: Places, elsewhere: Float[np.ndarray, "others 2"]) -> float:
    """Area under the ROC curve of fixations against fixations on other images; chance is 0.5.

    What people do on every image, such as to look at its centre, gains nothing here.

    Args:
        values: the map.
        places: fixations on its image.
        elsewhere: fixations on other images.

    Source: Tatler, Baddeley & Gilchrist 2005, Vision Res 45:643.
    """
    at, other = (values.ravel()[pixels(some, values.shape)] for some in (places, elsewhere))
    return area_under_roc(at, other)


def area_under_roc(
    positive: Float[np.ndarray, " positive"], negative: Float[np.ndarray, " negative"]
) -> float:
    """Probability that a positive value exceeds a negative one, ties counted as half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    not_above = np.searchsorted(ordered, positive, "right")
    return float((below + not_above).mean() / (2 * len(negative)))


def linear_correlation(values: Map, fixated: Map) -> float:
    """Pearson's correlation of a map with the map of fixations, over pixels; chance is 0.

    0 if one of the two does not vary.

    Source: as in Bylinskii et al. 2019.
    """
    x, y = (one - one.mean() for one in (values, fixated))
    norm = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / norm) if norm > 0 else 0.0


def measured(
    values: Map, places: Places, elsewhere: Float[np.ndarray, "others 2"], fixated: Map
) -> tuple[float, float, float, float]:
    """All measures of a map, in the order of `MEASURES`; arguments as of each."""
    return (
        scanpath_saliency(values, places),
        auc_judd(values, places),
        shuffled_auc(values, places, elsewhere),
        linear_correlation(values, fixated),
    )


def agreement(
    people: Sequence[Float[np.ndarray, "_ 2"]],
    elsewhere: Float[np.ndarray, "others 2"],
    shape: tuple[int, int],
    spread: float,
) -> tuple[float, float, float, float]:
    """How well people predict each other on one image: the ceiling of all measures.

    The map of all others is compared with the fixations of one left out, mean over who that is. The
    correlation is that of the maps of two halves of the people, every other one, and so below what
    all of them would give.

    Args:
        people: fixations of each.
        elsewhere: fixations on other images.
        shape, spread: of the maps, as for `fixation_map`.
    """
    found = []
    for one, places in enumerate(people):
        others = np.concatenate([*people[:one], *people[one + 1 :]])
        values = fixation_map(others, shape, spread)
        found.append(measured(values, places, elsewhere, values)[:3])
    halves = [fixation_map(np.concatenate(people[n::2]), shape, spread) for n in (0, 1)]
    mean = np.mean(found, axis=0)
    return float(mean[0]), float(mean[1]), float(mean[2]), linear_correlation(*halves)
