"""Layers that pretrained networks are made of, for one image; `vmap` makes batches."""

import functools
import itertools
from collections.abc import Iterator, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

PRECISION = jax.lax.Precision.HIGHEST  # float32 sums on every device
FEW_CHANNELS = 4  # of an image: up to here patches are small enough to be written out


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
            return by_places(self.weight[:, 0], image, self.stride) + self.bias[:, None, None]
        if self.weight.shape[2:] == (1, 1) and self.stride == self.groups == 1:
            # A product: on a CPU several times as fast as a convolution.
            flat = image.reshape(image.shape[0], -1)
            maps = jnp.matmul(self.weight[:, :, 0, 0], flat, precision=PRECISION)
            return maps.reshape(-1, *image.shape[1:]) + self.bias[:, None, None]
        if self.groups == 1 and image.shape[0] <= FEW_CHANNELS:
            return by_patches(self.weight, image, self.stride) + self.bias[:, None, None]
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


def by_patches(
    weight: Float[Array, "maps channels side side"],
    image: Float[Array, "channels height width"],
    stride: int,
) -> Float[Array, "maps new_height new_width"]:
    """A convolution as one product with all patches, for the few channels of a picture.

    On a CPU 2 to 8 times as fast as XLA's.
    """
    side, size = weight.shape[-1], image.shape[1:]
    pads = [_padding(length, side, stride) for length in size]
    padded = jax.lax.optimization_barrier(jnp.pad(image, [(0, 0), *pads]))
    patches = jnp.stack(list(_places(padded, size, (side, side), stride)), axis=1)
    flat = patches.reshape(weight[0].size, -1)
    maps = jnp.matmul(weight.reshape(len(weight), -1), flat, precision=PRECISION)
    return maps.reshape(-1, *patches.shape[2:])


def _places(
    padded: Array, size: Sequence[int], sides: Sequence[int], stride: int
) -> Iterator[Array]:
    """What each place of a kernel of these sides sees of an image of this size, row by row."""
    height, width = ((-(-length // stride) - 1) * stride + 1 for length in size)
    for y, x in itertools.product(*map(range, sides)):
        yield padded[:, y : y + height : stride, x : x + width : stride]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def by_places(
    weight: Float[Array, "channels side side"],
    image: Float[Array, "channels height width"],
    stride: int,
) -> Float[Array, "channels new_height new_width"]:
    """A convolution of each channel with its own kernel, as a sum over the kernel's places.

    On CPU this is 20 times as fast as XLA's convolution of as many groups as channels. So is its
    derivative by the image, which is written out here: left to JAX, XLA works out anew, for each
    of the kernel's places, everything that the derivative arriving from above is made of.

    Args:
        weight: of each channel.
        image: as many channels.
        stride: [px]
    """
    return _summed(weight, image, stride)


def _summed(weight: Array, image: Array, stride: int) -> Array:
    side = weight.shape[-1]
    pads = [_padding(length, side, stride) for length in image.shape[1:]]
    return _sum_over_places(weight, jnp.pad(image, [(0, 0), *pads]), image.shape[1:], stride)


def _padding(length: int, side: int, stride: int) -> tuple[int, int]:
    """Before the first and after the last of a row or column."""
    whole = max((-(-length // stride) - 1) * stride + side - length, 0)
    return whole // 2, whole - whole // 2


def _sum_over_places(weight: Array, padded: Array, size: Sequence[int], stride: int) -> Array:
    # The barrier has XLA write the padded image once: else it works out every value of it
    # anew, with what it was made by, for each of the kernel's places (2 to 3 times as long).
    padded = jax.lax.optimization_barrier(padded)
    kernel = weight.reshape(len(weight), -1).T
    total = jnp.zeros((), padded.dtype)
    for factors, seen in zip(kernel, _places(padded, size, weight.shape[1:], stride), strict=True):
        total = total + factors[:, None, None] * seen
    return total


def _forward(weight: Array, image: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _summed(weight, image, stride), (weight, image)


def _backward(stride: int, kept: tuple[Array, Array], arriving: Array) -> tuple[Array, Array]:
    weight, image = kept
    by_weight = jax.vjp(lambda w: _summed(w, image, stride), weight)[1](arriving)[0]
    return by_weight, _spread_back(weight, arriving, image.shape[1:], stride)


def _spread_back(weight: Array, arriving: Array, size: tuple[int, ...], stride: int) -> Array:
    """What arrives at the outputs, by the places of the image that it came from.

    Places as far from each other as the stride see the same part of the kernel: one sum for each
    of these parts, then all of them interleaved.
    """
    side = weight.shape[-1]
    most = -(-side // stride)  # places of a part, along one side
    long = [steps + most - 1 for steps in arriving.shape[1:]]
    parts = []
    for phases in itertools.product(range(stride), repeat=2):
        rows, columns = (slice(phase, None, stride) for phase in phases)
        turned = weight[:, rows, columns][:, ::-1, ::-1]
        pads = [(max(taps - 1, 0), most - 1) for taps in turned.shape[1:]]
        parts.append(_sum_over_places(turned, jnp.pad(arriving, [(0, 0), *pads]), long, 1))
    whole = jnp.stack(jnp.broadcast_arrays(*parts)).reshape(stride, stride, -1, *long)
    whole = whole.transpose(2, 3, 0, 4, 1).reshape(-1, *(stride * n for n in long))
    before = [_padding(length, side, stride)[0] for length in size]
    wanted = [b + length for b, length in zip(before, size, strict=True)]
    unused = [(0, max(n - have, 0)) for n, have in zip(wanted, whole.shape[1:], strict=True)]
    whole = jnp.pad(whole, [(0, 0), *unused])
    return whole[:, before[0] : wanted[0], before[1] : wanted[1]]


by_places.defvjp(_forward, _backward)


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
