"""Output maps: monotone functions from a circuit's E rates to the next layer's input."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SILENT = 1e-3  # Hz; what a search for a steady state leaves of silence


class AbstractOutputMap(eqx.Module):
    """One non-decreasing function a map, zero at zero."""

    @abc.abstractmethod
    def __call__(
        self, rates: Float[Array, "maps height width"]
    ) -> Float[Array, "maps height width"]:
        """What the next layer receives for these rates [Hz]."""

    @classmethod
    @abc.abstractmethod
    def fit(cls, rates: np.ndarray, outputs: np.ndarray) -> "AbstractOutputMap":
        """The map that turns rates into outputs, both (maps, samples), with least squares."""


class PowerMap(AbstractOutputMap):
    """`scale ((r + r0)^exponent - r0^exponent)`: smooth, also at zero, so made for training.

    Attributes:
        log_scale: natural logarithm of the scale, one a map.
        log_exponent: natural logarithm of the exponent, one a map.
        offset: r0 [Hz], > 0, keeps the slope at zero finite.
    """

    log_scale: Float[Array, " maps"]
    log_exponent: Float[Array, " maps"]
    offset: float = eqx.field(static=True, default=0.5)

    def __call__(
        self, rates: Float[Array, "maps height width"]
    ) -> Float[Array, "maps height width"]:
        scale = jnp.exp(self.log_scale)[:, None, None]
        exponent = jnp.exp(self.log_exponent)[:, None, None]
        rest = jnp.full_like(exponent, self.offset) ** exponent
        return scale * ((rates + self.offset) ** exponent - rest)

    @classmethod
    def fit(cls, rates: np.ndarray, outputs: np.ndarray) -> "PowerMap":
        """Least squares, map by map, over a grid of exponents.

        Args:
            rates: E rates [Hz], (maps, samples).
            outputs: the plain layer's output for the same samples, (maps, samples).
        """
        exponents = np.geomspace(0.2, 2.0, 60)
        scales, chosen = [], []
        offset = cls.__dataclass_fields__["offset"].default
        for row in zip(rates, outputs, strict=True):
            rate, output = (np.asarray(x, float) for x in row)  # a map at a time: they are many
            basis = (rate[None] + offset) ** exponents[:, None] - offset ** exponents[:, None]
            energy = np.maximum((basis**2).sum(1), 1e-12)
            projection = basis @ output
            best = int(np.argmax(projection**2 / energy))
            scales.append(max(projection[best] / energy[best], 1e-6))
            chosen.append(exponents[best])
        return cls(jnp.log(jnp.asarray(scales)), jnp.log(jnp.asarray(chosen)), offset)


class IsotonicMap(AbstractOutputMap):
    """Piecewise linear through knots found by isotonic regression: made for insertion.

    Beyond the last knot it goes on with the slope of the straight line through the origin
    and that knot. A map that was hardly active when it was fitted has its last knot next to 0:
    there the line goes through 1/20 of the layer's largest rate instead, or any activity would be
    blown up by orders of magnitude.

    Attributes:
        rates: knots [Hz], (maps, knots), non-decreasing, first 0.
        outputs: values at the knots, (maps, knots), first 0.
    """

    rates: Float[Array, "maps knots"]
    outputs: Float[Array, "maps knots"]

    def __call__(
        self, rates: Float[Array, "maps height width"]
    ) -> Float[Array, "maps height width"]:
        least = jnp.maximum(jnp.max(self.rates) / 20, 1e-6)

        def one(r: Array, x: Array, y: Array) -> Array:
            slope = y[-1] / jnp.maximum(x[-1], least)
            return jnp.interp(r, x, y) + slope * jnp.maximum(r - x[-1], 0.0)

        return jax.vmap(one)(rates, self.rates, self.outputs)

    @classmethod
    def fit(cls, rates: np.ndarray, outputs: np.ndarray, knots: int = 32) -> "IsotonicMap":
        """Isotonic regression, map by map, thinned to `knots` knots.

        Only samples with activity count, for silence sends nothing whatever the plain layer
        would have sent. (With them, and the curve moved down to meet the origin, a circuit that
        silences much of a layer would send too little where it is active.)

        Args: as for `PowerMap.fit`.
        """
        from sklearn.isotonic import IsotonicRegression  # slow to import, seldom needed

        all_x, all_y = [], []
        for row in zip(rates, outputs, strict=True):
            rate, output = (np.asarray(x, float) for x in row)  # a map at a time: they are many
            top = max(float(rate.max()), 1e-3)
            x = top * np.linspace(0.0, 1.0, knots) ** 2  # finer where most rates are
            y = np.zeros(knots)
            if np.any(active := rate > SILENT):
                fitted = IsotonicRegression(y_min=0.0, out_of_bounds="clip")
                y[1:] = fitted.fit(rate[active], output[active]).predict(x[1:])
            all_x.append(x)
            all_y.append(y)
        return cls(jnp.asarray(np.stack(all_x), float), jnp.asarray(np.stack(all_y), float))
