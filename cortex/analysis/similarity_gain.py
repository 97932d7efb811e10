"""Feature-similarity gain of the maps of a network: ratios by preference, lines, matching maps.

Source: the test of Lindsay & Miller 2018, eLife 7:e38105. A map is shown the orientation that is
attended; its attended/unattended activity is ordered by how much the map prefers that orientation.
"""

from __future__ import annotations

import numpy as np
import xarray as xr


def by_preference(ratios: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Ratios ordered from a map's preferred orientation, pairs of ranks taken together.

    Args:
        ratios: attended over unattended activity of every map, the orientation shown being the one
            attended, (..., orientations, maps); an odd number of orientations, at least 3.
        values: tuning values of the same maps, (orientations, maps).

    Returns:
        Position 0 is the orientation of the largest tuning value, position 1 the mean of the next
        two, and so on: (n - 1)/2 + 1 positions. NaN where one of the two has no ratio.
    """
    if len(values) % 2 == 0 or len(values) < 3:
        raise ValueError(f"found {len(values)} orientations, allowed: an odd number >= 3")
    order = np.argsort(-values, axis=0, kind="stable")
    ranked = np.take_along_axis(ratios, np.broadcast_to(order, ratios.shape), -2)
    pairs = (ranked[..., 1::2, :] + ranked[..., 2::2, :]) / 2
    return np.concatenate([ranked[..., :1, :], pairs], -2)


def lines(by_position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares line of every map's ratio over the positions 0, 1, 2, ...

    Args:
        by_position: (..., positions, maps).

    Returns:
        slope, intercept: (..., maps); NaN for maps with a position that is not finite, as
            published.
    """
    positions = by_position.shape[-2]
    place = np.arange(positions) - (positions - 1) / 2
    with np.errstate(invalid="ignore"):  # inf - inf: the map is left out
        slope = np.einsum("p,...pm->...m", place, by_position) / (place**2).sum()
        intercept = by_position.mean(-2) - slope * (positions - 1) / 2
    known = np.isfinite(by_position).all(-2)
    return np.where(known, slope, np.nan), np.where(known, intercept, np.nan)


def matching(slope: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """1 for a map with feature matching, slope < 0 and intercept > 1; 0, or NaN without a line."""
    found = (slope < 0) & (intercept > 1)
    return np.where(np.isfinite(slope) & np.isfinite(intercept), found, np.nan)


def matching_by_chance(orientations: int) -> float:
    """Share of maps with feature matching if ratios had nothing to do with preference (ours).

    Ratios scatter around 1, independently and alike for every orientation. Slope and intercept of
    a line through positions 0, 1, 2, ... are negatively correlated, so that it is more than one
    map in four: .42 for nine orientations.

    Args:
        orientations: an odd number, at least 3.
    """
    positions = (orientations - 1) // 2 + 1
    variance = np.r_[1.0, np.full(positions - 1, 0.5)]  # of a ratio, and of means of two
    place = np.arange(positions) - (positions - 1) / 2
    slope = place / (place**2).sum()
    intercept = 1 / positions - slope * (positions - 1) / 2
    scale = np.sqrt((variance * slope**2).sum() * (variance * intercept**2).sum())
    correlation = (variance * slope * intercept).sum() / scale
    return float(0.25 - np.arcsin(correlation) / (2 * np.pi))


def turn_towards(attended: np.ndarray, unattended: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How much attention turns a population vector towards the response to what is attended.

    Args:
        attended, unattended: responses of the maps of a layer to an image with what is attended and
            something else, (..., maps).
        target: their unattended response to what is attended alone, (..., maps).

    Returns:
        cos(attended, target) - cos(unattended, target): (...,); NaN where a vector is 0 or not
            finite.

    Our reading of the published measure of vector angles, of which we know that it is a
    difference of cosines.
    """
    with_attention, without = _cosine(np.stack([attended, unattended]), target[None])
    return np.asarray(with_attention - without)


def turn_of_deviation(
    attended: np.ndarray, unattended: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """`turn_towards` for the part of responses that tells orientations apart (ours).

    Responses share what every orientation evokes, so that the angles between them are small and
    almost any change turns away. Here each kind of response is taken relative to its own mean over
    the orientations, sought in turn, so that neither this nor what attention does whatever it is
    to is left.

    Args:
        attended, unattended, target: as in `turn_towards`, (orientations, maps).
    """
    return turn_towards(
        *(r - r.mean(axis=0, keepdims=True) for r in (attended, unattended, target))
    )


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    known = np.isfinite(length) & (length > 0)
    return np.where(known, (a * b).sum(-1), np.nan) / np.where(known, length, 1.0)


def lines_by_preference(
    ratios: xr.DataArray, values: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """As `by_preference` and `lines`, for arrays that know their axes.

    Args:
        ratios: with the dimensions ``orientation`` and ``map``, and more.
        values: tuning values, with these two dimensions, and some of the others.

    Returns:
        Ratios by ``position`` in place of ``orientation``; slope and intercept of every map.
    """
    of_maps, folded = ["orientation", "map"], ["position", "map"]
    by_position = xr.apply_ufunc(
        by_preference,
        ratios,
        values,
        input_core_dims=[of_maps, of_maps],
        output_core_dims=[folded],
        vectorize=True,
    )
    slope, intercept = xr.apply_ufunc(
        lines, by_position, input_core_dims=[folded], output_core_dims=[["map"], ["map"]]
    )
    return by_position, slope, intercept
