"""Reading strips in the order asked for: shares and rates by hand, and what few strips show."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.models.learned import sequence_reading as reading


def test_attention_reads_best_and_moves_the_circuits(data):
    """With few strips too."""
    low = data.sel(bound="low")
    assert (low.accuracy_gain.drop_sel(compared="even over last") > 0).all()
    assert low.share_over_even > 0.5
    assert (low.rate_selection > 0.5).all()


def test_shares_by_hand(data):
    """From the weights and the digits' boxes, pixel by pixel; a column has four."""
    found = []
    for order, places in reading.ORDERS.items():
        weights = data.weight.sel(order=order).isel(seed=0).transpose("strip", "step", "column")
        of_pixels = np.repeat(weights.values / 4, 4, axis=-1)
        for strip, step in np.ndindex(10, 4):
            left = int(data.left[strip, places[step]])
            found.append(of_pixels[strip, step, left : left + 20].sum())
    assert float(data.share.sel(bound="value")) == pytest.approx(np.mean(found), abs=1e-5)


def test_rate_changes_by_hand(data):
    """Digit by digit in the order attended."""
    rates = data.rates.isel(seed=0).sel(population="E").transpose("strip", "step", "digit").values
    before = data.rates_before.isel(seed=0).sel(population="E").values
    order = reading.ORDERS["ends first"]
    own = sum(rates[:, step, digit] for step, digit in enumerate(order))
    rest = rates.sum(axis=(1, 2)) - own
    found = data.rate_change.sel(population="E", bound="value")
    alone = before.sum(axis=1)
    assert float(found.sel(at="read")) == pytest.approx((own / alone - 1).mean(), rel=1e-4)
    assert float(found.sel(at="others")) == pytest.approx((rest / alone / 3 - 1).mean(), rel=1e-4)


def test_every_order_visits_every_digit_once():
    assert all(sorted(places) == [0, 1, 2, 3] for places in reading.ORDERS.values())
    asked = reading.Asked(np.zeros((2, 1, 1)), np.array([[5, 6, 7, 8]] * 2), np.array([2, 1]))
    assert asked.wanted.tolist() == [[5, 8, 6, 7], [8, 7, 6, 5]]


def test_weights_over_windows():
    """Spread over five columns, inside the strip; their sum stays."""
    weights = np.eye(24, dtype=np.float32)[[0, 10]]
    found = np.asarray(reading.on_windows(jnp.asarray(weights)))
    np.testing.assert_allclose(found[0, :3], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(found[1, 8:13], 1 / 5, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
