"""Layers that pretrained networks are made of, for one image; `vmap` makes batches."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

PRECISION = jax.lax.Precision.HIGHEST  # float32 sums on every device


class Convolution(eqx.Module):
    """Convolution with zero padding: each side of the output is that of the input / stride.

    Where padding is odd, the larger half comes after the last row and column, as in
    TensorFlow; with stride 1 and an odd side both halves are the same.

    Attributes:
        weight: (maps, channels of a group, side, side).
        bias: (maps,).
        stride: [px]
        groups: of channels, each seen by as many maps; 1 when every map sees all.
    """

    weight: Float[Array, "maps inputs side side"]
    bias: Float[Array, " maps"]
    stride: int = eqx.field(static=True, default=1)
    groups: int = eqx.field(static=True, default=1)

    def __call__(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "maps new_height new_width"]:
        """The net input of every map, may be negative."""
        if self.weight.shape[:2] == (self.groups, 1) and self.groups > 1:
            return self._by_places(image) + self.bias[:, None, None]
        maps = jax.lax.conv_general_dilated(
            image[None],
            self.weight,
            (self.stride, self.stride),
            "SAME",
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=self.groups,
            precision=PRECISION,
        )[0]
        return maps + self.bias[:, None, None]

    def _by_places(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "channels new_height new_width"]:
        """A sum over the kernel's places: each channel with its own kernel.

        On CPU this is 20 times as fast as XLA's convolution of as many groups as channels.
        """
        side, stride = self.weight.shape[-1], self.stride
        pads, ends = [(0, 0)], []
        for length in image.shape[1:]:
            steps = -(-length // stride)
            whole = max((steps - 1) * stride + side - length, 0)
            pads.append((whole // 2, whole - whole // 2))
            ends.append((steps - 1) * stride + 1)
        # The barrier has XLA write the padded image once: else it works out every value of it
        # anew, with what it was made by, for each of the kernel's places (2 to 3 times as long).
        padded = jax.lax.optimization_barrier(jnp.pad(image, pads))
        total = jnp.zeros((), image.dtype)
        for y, x in itertools.product(range(side), repeat=2):
            rows, columns = slice(y, y + ends[0], stride), slice(x, x + ends[1], stride)
            total = total + self.weight[:, 0, y, x, None, None] * padded[:, rows, columns]
        return total

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        maps: int,
        channels: int,
        side: int,
        stride: int = 1,
        groups: int = 1,
    ) -> "Convolution":
        """He-normal weights for rectified inputs, zero bias."""
        shape = (maps, channels // groups, side, side)
        weight = jnp.sqrt(2.0 / (shape[1] * side * side)) * jax.random.normal(key, shape)
        return cls(weight, jnp.zeros(maps), stride, groups)


class Linear(eqx.Module):
    """A layer in which every unit sees every input.

    Attributes:
        weight: (units, inputs).
        bias: (units,).
    """

    weight: Float[Array, "units inputs"]
    bias: Float[Array, " units"]

    def __call__(self, inputs: Float[Array, " inputs"]) -> Float[Array, " units"]:
        """The net input of every unit, may be negative."""
        return jnp.matmul(self.weight, inputs, precision=PRECISION) + self.bias

    @classmethod
    def random(cls, key: PRNGKeyArray, units: int, inputs: int) -> "Linear":
        """He-normal weights for rectified inputs, zero bias."""
        weight = jnp.sqrt(2.0 / inputs) * jax.random.normal(key, (units, inputs))
        return cls(weight, jnp.zeros(units))


def max_pool(
    maps: Float[Array, "maps height width"], side: int
) -> Float[Array, "maps new_height new_width"]:
    """Largest of each `side` x `side` square; what does not fill one is left out."""
    # Not `reduce_window`: XLA on CPU merges that into the matrix product of VGG's readout, which
    # then takes a hundred times as long.
    height, width = (length - length % side for length in maps.shape[1:])
    places = itertools.product(range(side), repeat=2)
    return functools.reduce(jnp.maximum, (maps[:, y:height:side, x:width:side] for y, x in places))
