"""Claims: which rows they make, and when they make none."""

import pytest
import xarray as xr

from cortex.experiment import Above, Claim
from cortex.sources import REQUIRED


def test_a_claim_about_a_place_that_is_not_there():
    """It has no rows where it is not made, and is a mistake where it is."""
    data = xr.Dataset({"w": ("contrast", [0.5])}, {"contrast": [10.0]})
    value = lambda d: d.w.sel(contrast=50)  # noqa: E731
    left_out = Claim("w", value, Above(0), REQUIRED, when=lambda settings: False)
    assert list(left_out.rows(None, data)) == []
    with pytest.raises(KeyError, match="contrast"):
        list(Claim("w", value, Above(0), REQUIRED).rows(None, data))
