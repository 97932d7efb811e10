"""The published circuits and what drives them in float64, written from science.md 2."""

import numpy as np

from tests.reference import ssn

RING = {"EE": 0.044, "EI": 0.023, "IE": 0.042, "II": 0.018}  # a degree
LINE = {"EE": (1.0, 2 / 3), "EI": (1.0, 0.0), "IE": (1.25, 4 / 3), "II": (0.75, 0.0)}  # and deg


def ring(units=180, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0)):
    weights = {
        name: ssn.ring_weights(units, 180.0, J * 180 / units, 32.0) for name, J in RING.items()
    }
    return ssn.network(**weights, tau=tau, k=k, n=n)


def bump(units, centre, contrast=1.0):
    """Drive [units] of a grating on the ring of 180 degrees."""
    apart = np.abs(np.arange(units) * 180.0 / units - centre)
    return contrast * np.exp(-(np.minimum(apart, 180.0 - apart) ** 2) / (2 * 30.0**2))


def settled_ring(contrast, units=36, tau=(20.0, 10.0)):
    """The ring, its input by a grating at 45 deg, and its steady state by Newton's method."""
    net, given = ring(units), ssn.Input(np.tile(bump(units, 45.0, contrast), 2))
    rates, _ = ssn.euler(net, given, np.zeros(2 * units), 0.5, 2000)
    rates = ssn.newton(net, given, rates)
    net.tau = np.repeat(tau, units)  # moves no steady state
    return net, given, rates


# Forms of top-down attention by a pattern [units], "unattended" first.
FORMS = ("unattended", "input to E", "gain on drive", "input to E and I")


def attended(drive, pattern, form, strength=3.0, gain=0.3):
    """What a circuit is given by a drive [..., units] and attention."""
    to_E = strength * pattern * (form in ("input to E", "input to E and I"))
    to_I = strength * pattern * (form == "input to E and I")
    factor = 1 + gain * pattern * (form == "gain on drive")
    return ssn.Input(np.tile(factor * drive, 2), extra=np.concatenate([to_E, to_I]))


def line(units=101, n=2.0):
    weights = {name: ssn.line_weights(units, 1 / 3, *pair) for name, pair in LINE.items()}
    return ssn.network(**weights, tau=(20.0, 10.0), k=(0.01, 0.01), n=(n, n))


def places(units=101):
    """Where the pairs of the line are [deg]."""
    return (np.arange(units) - (units - 1) / 2) / 3


def segment(place, low, high):
    """A piece of a line between two places [deg], with smooth ends."""

    def logistic(x):
        return 0.5 * (1 + np.tanh(x / 2))

    sigma = 0.125 / 3
    return logistic((place - low) / sigma) * (1 - logistic((place - high) / sigma))


def gaussian(place, centre, width):
    return np.exp(-((place - centre) ** 2) / (2 * width**2))


def field(settings):
    """An `OrientationField` with borders of zeros, from its numbers."""
    similar = ssn.circular_features(settings.preferred, settings.feature_width)
    weights = {
        name: ssn.sheet_weights(
            settings.shape,
            getattr(settings, f"J_{name}"),
            settings.sigma_E if name == "EE" else settings.sigma_I,
            similar,
            periodic=False,
        )
        for name in RING
    }
    return ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
