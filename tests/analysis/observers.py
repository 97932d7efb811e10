"""Scores of made-up observers: three categories, each with 80 images, the half of them present."""

import numpy as np
import xarray as xr

CATEGORIES, IMAGES = 3, 80
PRESENT = np.arange(IMAGES) % 2 == 0
SIGN = np.tile(np.where(PRESENT, 1.0, -1.0), (CATEGORIES, 1))


def noise(seed, signal=1.0, bias=0.0):
    """Scores (category, image) of an observer with this sensitivity and bias."""
    rng = np.random.default_rng(seed)
    return signal / 2 * SIGN + bias + rng.normal(size=SIGN.shape)


def labelled(scores, *dims):
    found = xr.DataArray(np.asarray(scores), dims=(*dims, "category", "image"))
    return found.assign_coords(present=("image", PRESENT))
