"""Measures of maps against fixations, and aligned scan paths, in plain float64 NumPy.

Loops over pairs and places, and the published thresholds, instead of sorted searches.
"""

import functools

import numpy as np


def pixel(place, shape):
    return tuple(min(int(at * side), side - 1) for at, side in zip(place, shape, strict=True))


def fixation_map(places, shape, spread):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    total = np.zeros(shape)
    for place in places:
        i, j = pixel(place, shape)
        total += np.exp(-((rows - i) ** 2 + (columns - j) ** 2) / (2 * spread**2))
    return total


def nss(values, places):
    z = (values - np.mean(values)) / np.std(values)
    return np.mean([z[pixel(place, values.shape)] for place in places])


def auc_of_pairs(positive, negative):
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in positive for b in negative]
    return np.mean(wins)


def auc_judd(values, places):
    fixated = {pixel(place, values.shape) for place in places}
    others = [v for at, v in np.ndenumerate(values) if at not in fixated]
    return auc_of_pairs([values[at] for at in fixated], others)


def auc_judd_published(values, places):
    """Thresholds at the fixated pixels alone, as in the benchmark's program (no ties)."""
    fixated = {pixel(place, values.shape) for place in places}
    thresholds = sorted((values[at] for at in fixated), reverse=True)
    hits, false = [0.0], [0.0]
    for number, threshold in enumerate(thresholds, 1):
        above = np.sum(values >= threshold)
        hits.append(number / len(fixated))
        false.append((above - number) / (values.size - len(fixated)))
    hits.append(1.0)
    false.append(1.0)
    return np.trapezoid(hits, false)


def auc_shuffled(values, places, elsewhere):
    here, there = ([values[pixel(p, values.shape)] for p in some] for some in (places, elsewhere))
    return auc_of_pairs(here, there)


def correlation(values, other):
    return np.corrcoef(values.ravel(), other.ravel())[0, 1]


def alignment(one, other, reach):
    """Best sum of scores over all ways to pair fixations in order, by recursion."""

    @functools.cache
    def best(i, j):
        if i == len(one) or j == len(other):
            return 0.0
        score = 1 - np.hypot(*(np.asarray(one[i]) - np.asarray(other[j]))) / reach
        return max(best(i + 1, j), best(i, j + 1), score + best(i + 1, j + 1))

    return best(0, 0) / max(len(one), len(other))
