"""Output maps: functions from a circuit's E rates to the next layer's input."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SILENT = 1e-3  # Hz; what a search for a steady state leaves of silence


class AbstractOutputMap(eqx.Module):
    """What the next layer receives: a curve for each map, or a sum over the maps of a place."""

    @abc.abstractmethod
    def __call__(
        self, rates: Float[Array, "maps height width"]
    ) -> Float[Array, "maps height width"]:
        """What the next layer receives for these rates [Hz]."""

    @classmethod
    @abc.abstractmethod
    def fit(cls, rates: np.ndarray, outputs: np.ndarray) -> "AbstractOutputMap":
        """The output map that turns rates into outputs, by least squares.

        Args:
            rates: E rates [Hz], (maps, samples).
            outputs: the plain layer's output for the same samples, (maps, samples).
        """


class PowerMap(AbstractOutputMap):
    """One `scale ((r + r0)^exponent - r0^exponent)` a map: smooth, so made for training.

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
        """Least squares, map by map, over a grid of exponents; arguments as above."""
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
    """One curve a map, piecewise linear through knots found by isotonic regression.

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

        Args: as for `AbstractOutputMap.fit`.
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


class LinearMap(AbstractOutputMap):
    """`[weight x + bias]_+` of `x = sqrt(r + r0) - sqrt(r0)` at the same place: all maps together.

    A circuit mixes its maps: each unit's net input holds, besides its drive, what the others send
    it. The root undoes the transfer function of exponent 2, and a weighted sum over the maps then
    takes away what came from the others. It is what synapses onto the next layer can do: with a
    linear layer above, such as the 1 x 1 convolution after a depthwise one, `weight` is part of
    that layer's weights.

    Attributes:
        weight: (maps, maps), row = output.
        bias: (maps,).
        offset: r0 [Hz], > 0, keeps the slope at zero finite.
    """

    weight: Float[Array, "maps maps"]
    bias: Float[Array, " maps"]
    offset: float = eqx.field(static=True, default=0.05)

    def __call__(
        self, rates: Float[Array, "maps height width"]
    ) -> Float[Array, "maps height width"]:
        root = jnp.sqrt(rates + self.offset) - self.offset**0.5
        summed = jnp.einsum("fg,gyx->fyx", self.weight, root, precision="highest")
        return jnp.maximum(summed + self.bias[:, None, None], 0.0)

    @classmethod
    def fit(cls, rates: np.ndarray, outputs: np.ndarray, penalty: float = 1e-3) -> "LinearMap":
        """A straight line map by map, then ridge regression of what it leaves on all maps.

        Args:
            rates, outputs: as for `AbstractOutputMap.fit`.
            penalty: on squared weights, as a share of the mean variance of a root.
        """
        offset = cls.__dataclass_fields__["offset"].default
        root = np.sqrt(np.asarray(rates, float) + offset)
        mean, aim = root.mean(axis=1), np.asarray(outputs, float).mean(axis=1)
        root, wanted = root - mean[:, None], outputs - aim[:, None]
        covariance = root @ root.T
        ridge = penalty * np.trace(covariance) / len(covariance) + 1e-9
        own = (root * wanted).sum(axis=1) / (np.diag(covariance) + ridge)
        rest = wanted - own[:, None] * root
        weight = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), root @ rest.T).T
        weight += np.diag(own)
        bias = aim - weight @ (mean - offset**0.5)
        return cls(jnp.asarray(weight, float), jnp.asarray(bias, float), offset)
