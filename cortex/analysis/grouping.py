"""Whether places that belong together attend to one another, whatever lies between them."""

import numpy as np
from jaxtyping import Array, Bool, Float


def object_places(
    ink: Float[np.ndarray, "images height width"],
    other: Float[np.ndarray, "images height width"],
    shape: tuple[int, int],
    least: float = 0.1,
) -> Bool[np.ndarray, "images places"]:
    """Places of a map whose pixels hold ink of one kind, and hardly any of another.

    Args:
        ink: of the kind that counts, 0 to 1.
        other: of the other kind; at most a quarter of the first where a place is owned.
        shape: (height, width) of the map; divides that of the images.
        least: mean ink of a place's pixels, from which on it counts.

    Returns:
        Places in the order of a page.
    """
    mine, theirs = (_by_place(values, shape) for values in (ink, other))
    return (mine >= least) & (theirs <= mine / 4)


def _by_place(
    values: Float[np.ndarray, "images height width"], shape: tuple[int, int]
) -> Float[np.ndarray, "images places"]:
    images, height, width = values.shape
    rows, columns = shape
    blocks = values.reshape(images, rows, height // rows, columns, width // columns)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(images, rows * columns))


def mean_over_places(
    values: Float[Array | np.ndarray, "images maps height width"],
    places: Bool[np.ndarray, "images places"],
) -> Float[np.ndarray, " images"]:
    """Mean over maps and some places of each image; NaN where there are none."""
    by_place = np.asarray(values).mean(axis=1).reshape(places.shape)
    count = places.sum(axis=1)
    total = (by_place * places).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def mean_rows(
    weights: Float[Array | np.ndarray, "images places items"],
    places: Bool[np.ndarray, "images places"],
) -> Float[np.ndarray, "images items"]:
    """Mean of the rows of some places, by image; 0 where there are none."""
    count = np.maximum(places.sum(axis=1), 1)
    return np.asarray(np.einsum("np,npq->nq", places, np.asarray(weights)) / count[:, None])


def displacements(shape: tuple[int, int]) -> np.ndarray:
    """A number for each displacement between two places, by pair of places (places, places)."""
    rows, columns = (index.ravel() for index in np.indices(shape))
    down = rows[None, :] - rows[:, None] + shape[0] - 1
    right = columns[None, :] - columns[:, None] + shape[1] - 1
    return np.asarray(down * (2 * shape[1] - 1) + right)


def pair_counts(
    attending: Bool[np.ndarray, "images places"],
    attended: Bool[np.ndarray, "images places"],
    shape: tuple[int, int],
) -> Float[np.ndarray, "images moves"]:
    """Number of pairs of places by displacement; arguments as for `pair_sums`."""
    kept = _pairs(attending, attended)
    return _by_move(kept.astype(np.float32), shape)


def pair_sums(
    weights: Float[np.ndarray, "images places places"],
    attending: Bool[np.ndarray, "images places"],
    attended: Bool[np.ndarray, "images places"],
    shape: tuple[int, int],
) -> Float[np.ndarray, "images moves"]:
    """Sum of the weights of pairs of places, by displacement; a place with itself is no pair.

    Args:
        weights: row = the place that attends.
        attending, attended: places that count as the one and as the other.
        shape: (height, width) of the map.
    """
    return _by_move((weights * _pairs(attending, attended)).astype(np.float32), shape)


def _pairs(attending: np.ndarray, attended: np.ndarray) -> np.ndarray:
    others = ~np.eye(attending.shape[1], dtype=bool)[None]
    return np.asarray(attending[:, :, None] & attended[:, None, :] & others)


def _by_move(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sums over pairs of one displacement, (images, moves)."""
    moves = displacements(shape).ravel()
    onto = np.zeros((moves.size, (2 * shape[0] - 1) * (2 * shape[1] - 1)), np.float32)
    onto[np.arange(moves.size), moves] = 1
    return np.asarray(values.reshape(len(values), -1) @ onto)


def matched_ratio(
    same: tuple[np.ndarray, np.ndarray], different: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Mean weight of pairs of one kind relative to those of another at the same displacements.

    Each displacement counts as often as there are pairs of the rarer kind, so that how far apart
    places lie is the same for both.

    Args:
        same, different: `pair_sums` and `pair_counts` (..., moves), each summed over images.

    Returns:
        Ratio (...), 1 where it makes no difference.
    """
    least = np.minimum(same[1], different[1])
    totals = [
        (sums / np.maximum(counts, 1) * least).sum(axis=-1) for sums, counts in (same, different)
    ]
    return np.asarray(totals[0] / totals[1])
