"""Circuits over a stretch of the visual field: oriented Gabor filters drive E/I pairs.

Small grating patches at a few places of the field are what is shown. Drive is linear in contrast,
for the filters' energy is, and an empty field gives none.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import model_validator

from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    GaussianCoupling,
    OrnsteinUhlenbeck,
    Populations,
    Projections,
    circular_features,
)
from cortex.frontends.gabor import GaborBank
from cortex.settings import Settings, choice, quantity
from cortex.sources import Source
from cortex.stimuli import VisualField, disc, grating

RING = Source("rubin2015", "as on the ring, as transcribed by others")
DIGITS = Source(
    detail="chosen here, as in the circuits of the digit networks: inhibition-stabilised when "
    "driven"
)
KEPT = 0.99  # share of the noise's variance that the modes kept carry


class OrientationField(Settings):
    """Gabor filters, and the circuit they drive."""

    side: int = quantity(48, "px", "side of the images", ge=16)
    degrees_per_pixel: float = quantity(0.1, "deg", "side of a pixel", gt=0)
    stride: int = quantity(6, "px", "distance between neighbouring circuits", ge=1)
    orientations: int = quantity(6, "1", "preferred orientations, evenly", ge=3, le=360)
    frequency: float = quantity(2.0, "cycles/deg", "of filters and gratings", gt=0)
    J_EE: float = quantity(6.0, "1/Hz", "total weight from E onto E", DIGITS, ge=0)
    J_IE: float = quantity(11.0, "1/Hz", "total weight from E onto I", DIGITS, ge=0)
    J_EI: float = quantity(4.5, "1/Hz", "total weight from I onto E", DIGITS, ge=0)
    J_II: float = quantity(2.2, "1/Hz", "total weight from I onto I", DIGITS, ge=0)
    sigma_E: float = quantity(1.0, "circuits", "spread from E onto E", DIGITS, gt=0)
    sigma_I: float = quantity(1.5, "circuits", "of the other projections", DIGITS, gt=0)
    feature_width: float = quantity(32.0, "deg", "falloff over orientation", RING, gt=0)
    k: float = quantity(0.04, "Hz", "rate at an input of 1", RING, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", RING, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RING, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RING, gt=0)
    background: float = quantity(
        2.0, "%", "uniform drive without a stimulus, for spontaneous activity", ge=0
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(orientations, height, width) of the circuit."""
        across = -(-self.side // self.stride)
        return self.orientations, across, across

    @property
    def preferred(self) -> np.ndarray:
        """Preferred orientations [deg]."""
        return np.arange(self.orientations) * (180.0 / self.orientations)

    def bank(self) -> GaborBank:
        """The filters, energy of a quadrature pair."""
        return GaborBank(
            self.preferred, [self.frequency], self.degrees_per_pixel, stride=self.stride
        )

    def circuit(self) -> Circuit:
        """E/I pairs, one an orientation and place."""
        wide = self.sigma_I
        coupling = GaussianCoupling(
            J=Projections(EE=self.J_EE, EI=self.J_EI, IE=self.J_IE, II=self.J_II),
            sigma=Projections(EE=self.sigma_E, EI=wide, IE=wide, II=wide),
            features=circular_features(self.preferred, self.feature_width),
            shape=self.shape,
        )
        populations = Populations(
            tau=EI(self.tau_E, self.tau_I), k=EI(self.k, self.k), n=EI(self.n, self.n)
        )
        return Circuit(populations, coupling)


class Patches(Settings):
    """Patches of grating at some places of the field."""

    places: tuple[tuple[float, float], ...] = choice(
        ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)),
        "row and column of each place, as shares of the side",
        min_length=2,
    )
    orientations: tuple[float, float] = quantity(
        (45.0, 135.0), "deg", "the two orientations to be told apart"
    )
    diameter: float = quantity(1.2, "deg", "of a patch", gt=0)

    @model_validator(mode="after")
    def _inside(self) -> Patches:
        for place in self.places:
            if not all(0 < at < 1 for at in place):
                raise ValueError(f"places: found {list(place)}, allowed: shares between 0 and 1")
        if len(set(self.places)) < len(self.places):
            raise ValueError("places: allowed: each one once")
        return self

    def image(
        self, field: OrientationField, place: tuple[float, float], orientation: float
    ) -> Float[Array, "side side"]:
        """Luminance of a patch at full contrast on grey, 0 to 1."""
        side = field.side
        seen = VisualField((side, side), jnp.asarray(field.degrees_per_pixel))
        # Row 0 is the top, and y goes up.
        down, right = ((at - 0.5) * side * field.degrees_per_pixel for at in place)
        spot = disc(seen, self.diameter, x=right, y=-down)
        return grating(seen, orientation, field.frequency, x=right, y=-down, aperture=spot)

    def display(self, field: OrientationField) -> Float[Array, "side side"]:
        """Luminance of patches at all places at once, of both orientations in turn."""
        each = [
            self.image(field, place, self.orientations[number % 2])
            for number, place in enumerate(self.places)
        ]
        return jnp.sum(jnp.stack(each), axis=0) - 0.5 * (len(each) - 1)

    def drives(
        self, field: OrientationField, orientations: Sequence[float]
    ) -> Float[Array, "places orientations maps height width"]:
        """Drive by a patch of a contrast of 1 % at each place, of each orientation [deg]."""
        bank = field.bank()  # whose response of 1 is that to 100 %

        def one(place: tuple[float, float], orientation: float) -> Array:
            return bank(self.image(field, place, orientation))

        return jnp.stack([jnp.stack([one(p, o) for o in orientations]) for p in self.places])


class FieldNoise(Settings):
    """Input noise of the circuit: Ornstein-Uhlenbeck, shared by the E and I of a pair."""

    sd: float = quantity(2.0, "%", "standard deviation", ge=0)
    tau: float = quantity(50.0, "ms", "time constant", gt=0)
    spread: float = quantity(1.5, "circuits", "correlation over space: exp(-d²/2 spread²)", gt=0)
    orientation_spread: float = quantity(
        30.0, "deg", "correlation over orientation, of the same form", gt=0
    )

    def on(self, field: OrientationField) -> OrnsteinUhlenbeck:
        """The noise of a field's circuit, of as few modes as carry `KEPT` of each variance."""
        height, width = field.shape[1:]
        apart = np.abs(field.preferred[:, None] - field.preferred[None, :])
        angles = _factor(np.minimum(apart, 180.0 - apart), self.orientation_spread)
        rows, columns = (
            _factor(np.abs(np.arange(n)[:, None] - np.arange(n)[None, :]), self.spread)
            for n in (height, width)
        )
        factor = np.kron(angles, np.kron(rows, columns))
        return OrnsteinUhlenbeck(self.tau, self.sd, jnp.asarray(factor, float))


def _factor(distance: np.ndarray, spread: float) -> np.ndarray:
    """F with F F^T close to exp(-d^2 / 2 spread^2) and rows of unit length."""
    values, vectors = np.linalg.eigh(np.exp(-(distance**2) / (2 * spread**2)))
    values, vectors = np.maximum(values, 0.0)[::-1], vectors[:, ::-1]
    modes = int(np.searchsorted(np.cumsum(values) / values.sum(), KEPT)) + 1
    factor = vectors[:, :modes] * np.sqrt(values[:modes])[None, :]
    return np.asarray(factor / np.linalg.norm(factor, axis=1, keepdims=True))


class FixedPoint(Settings):
    """How steady states are found."""

    step: float = quantity(2.0, "ms", "Euler step of the search", gt=0)
    duration: float = quantity(2000.0, "ms", "longest simulated time", gt=0)
    rtol: float = quantity(1e-4, "1", "residual allowed, as a share of the largest rate", gt=0)
    atol: float = quantity(1e-3, "Hz", "residual allowed besides", gt=0)

    def __call__(self) -> FixedPointIteration:
        """The solver for `cortex.circuit.steady_state`."""
        return FixedPointIteration(
            dt=self.step, duration=self.duration, rtol=self.rtol, atol=self.atol
        )
