"""Logits and rates over noisy trials: how much is noise, and what of a gain in AUC is due to what.

Logits are (..., image, trial): trials of one image differ by noise alone.
"""

import numpy as np
from jaxtyping import Bool, Float

Logits = Float[np.ndarray, "*conditions images trials"]
PARTS = ("rates", "variances", "correlations")
_LEAST = 1e-12  # of a variance, so that what does not vary can be divided by


def noise_share(
    logits: Float[np.ndarray, "*conditions categories images trials"],
) -> Float[np.ndarray, "*conditions"]:
    """Share of the variance of logits over images and trials that is within images [1].

    Both parts are means over categories, and unbiased: the variance of the images' means holds a
    trial's share of the noise, which is taken out.
    """
    within = logits.var(axis=-1, ddof=1).mean(axis=(-2, -1))
    means = logits.mean(axis=-1).var(axis=-1, ddof=1).mean(axis=-1)
    between = np.maximum(means - within / logits.shape[-1], 0.0)
    return np.asarray(within / np.maximum(within + between, _LEAST))


def area_over_trials(
    logits: Logits, present: Bool[np.ndarray, " images"]
) -> Float[np.ndarray, "*conditions"]:
    """Area under the ROC curve of single trials, all pairs of trials of different kinds; ties half.

    Args:
        logits: of the category sought.
        present: whether it is there.
    """
    from scipy.stats import rankdata  # slow to import

    flat = logits.reshape(*logits.shape[:-2], -1)
    there = np.repeat(present, logits.shape[-1])
    with_it, without = int(there.sum()), int((~there).sum())
    ranks = rankdata(flat, axis=-1)[..., there].sum(axis=-1)
    return np.asarray((ranks - with_it * (with_it + 1) / 2) / (with_it * without))


def normal_area(
    means: Float[np.ndarray, "*conditions images"],
    variances: Float[np.ndarray, "*conditions images"],
    present: Bool[np.ndarray, " images"],
    error: Float[np.ndarray, "*conditions images"] | float = 0.0,
) -> Float[np.ndarray, "*conditions"]:
    """Area under the ROC curve of single trials whose logits are normal within each image.

        mean over pairs (i with the category, j without) of Phi((m_i - m_j) / sqrt(v_i + v_j))

    Args:
        means, variances: of each image's logit.
        present: whether the category is there.
        error: variance with which the means are known; it widens the differences by chance, and
            is taken out of what they are divided by, which is exact for normal errors.
    """
    from scipy.special import ndtr  # slow to import

    spread = np.broadcast_to(np.maximum(variances - error, _LEAST), means.shape)
    apart = means[..., present, None] - means[..., None, ~present]
    width = np.sqrt(spread[..., present, None] + spread[..., None, ~present])
    return np.asarray(ndtr(apart / width).mean(axis=(-2, -1)))


def parts_of_gain(
    before: Logits,
    after: Logits,
    before_shuffled: Float[np.ndarray, "*conditions images shuffled"],
    after_shuffled: Float[np.ndarray, "*conditions images shuffled"],
    present: Bool[np.ndarray, " images"],
) -> Float[np.ndarray, "*conditions 3"]:
    """What of a gain in the area under the ROC curve is due to each of `PARTS`; they add up.

    Logits of single trials count as normal around each image's mean. The means change first, with
    the noise as before (rates alone). Then the variances of units change: the noise of the logit
    in trials that are shuffled unit by unit, which have no correlations, changes as it does, and
    what correlations add to it stays. Then that changes as well.

    Variances are means over the images of a kind, with the category or without.

    Args:
        before, after: logits of the category sought, without attention and with it.
        before_shuffled, after_shuffled: the same, trials shuffled unit by unit, once or several
            times.
        present: whether the category is there.
    """
    (m0, v0), (m1, v1) = ((x.mean(axis=-1), _variance(x, present)) for x in (before, after))
    s0, s1 = (_variance(x, present) for x in (before_shuffled, after_shuffled))
    trials = before.shape[-1]
    uncorrelated = v0 * s1 / np.maximum(s0, _LEAST)
    steps = [
        normal_area(m0, v0, present, v0 / trials),
        normal_area(m1, v0, present, v1 / trials),
        normal_area(m1, uncorrelated, present, v1 / trials),
        normal_area(m1, v1, present, v1 / trials),
    ]
    return np.diff(np.stack(steps, axis=-1), axis=-1)


def _variance(logits: Logits, present: np.ndarray) -> np.ndarray:
    """Over trials, the mean over the images of each kind, image by image."""
    found = logits.var(axis=-1, ddof=1)
    for kind in (present, ~present):
        found[..., kind] = found[..., kind].mean(axis=-1, keepdims=True)
    return found


def shuffle_trials(
    rates: Float[np.ndarray, "images trials *units"], rng: np.random.Generator
) -> Float[np.ndarray, "images trials *units"]:
    """The trials of each image in another order for each unit: no noise correlation is left."""
    order = rng.random(rates.shape).argsort(axis=1)
    return np.take_along_axis(rates, order, axis=1)


def mean_correlation(
    rates: Float[np.ndarray, "*images trials units"],
) -> Float[np.ndarray, "*images"]:
    """Mean correlation over trials of all pairs of units that vary; NaN where no two do."""
    away = rates - rates.mean(axis=-2, keepdims=True)
    size = np.sqrt((away**2).sum(axis=-2, keepdims=True))
    varies = size > 1e-6 * np.maximum(np.abs(rates).max(axis=-2, keepdims=True), _LEAST)
    unit = np.where(varies, away / np.where(varies, size, 1.0), 0.0)
    count = varies.sum(axis=(-2, -1))
    # The squared length of the sum of unit vectors is their number and twice all pairs' products.
    pairs = (unit.sum(axis=-1) ** 2).sum(axis=-1) - count
    return np.asarray(np.where(count > 1, pairs / np.maximum(count * (count - 1), 1), np.nan))
