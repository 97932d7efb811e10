"""A bank of Gabor filters, orientations × scales, like the simple and complex cells of V1.

Orientation is that of the bars a filter prefers, in degrees counter-clockwise from horizontal,
and phase is a cosine's, as in `cortex.stimuli.gratings`.

The filters, with (a, b) the place along and across the preferred bars:

    even(a, b) = w(a, b) [cos 2πfb − m]        odd(a, b) = w(a, b) sin 2πfb
    w(a, b) = exp(−b²/2σ² − (γ a)²/2σ²)         m = Σ w cos 2πfb / Σ w
    σ = √(ln 2 / 2) / (π f) · (2^β + 1) / (2^β − 1)

so that every filter sums to zero. Each is then scaled so that a grating of its own orientation
and frequency, contrast 100 % about a mean luminance of 0.5, gives a linear response of amplitude
exactly 1 on the pixel grid at hand. A filter of phase φ is cos φ · even − sin φ · odd, and
responds to that grating in phase ψ with cos(φ − ψ) exactly.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import ArrayLike, Float, Num, ScalarLike

from cortex.stimuli import VisualField


def _floats(value: ArrayLike | Sequence[ArrayLike]) -> Array:
    return jnp.asarray(value, dtype=float)


class Cells(eqx.Module):
    """How the cells of one orientation and scale respond to the pair of linear filters."""

    @property
    @abstractmethod
    def n_maps(self) -> int:
        """How many maps each orientation and scale has."""

    @abstractmethod
    def __call__(
        self, even: Float[Array, "filter y x"], odd: Float[Array, "filter y x"]
    ) -> Float[Array, "maps y x"]:
        """Maps ≥ 0, those of the first filter first, from the linear responses."""


class SimpleCells(Cells):
    """Half-rectified linear responses, [cos φ · even − sin φ · odd]_+, one map a phase.

    - `phases`: [phase], degrees. With the default four, every feature of an image excites some
      cell; a pair (0, 90) has half the maps.
    """

    phases: Float[Array, " phase"] = eqx.field(converter=_floats, default=(0.0, 90.0, 180.0, 270.0))

    @property
    def n_maps(self) -> int:
        """How many maps each orientation and scale has."""
        return self.phases.shape[0]

    def __call__(
        self, even: Float[Array, "filter y x"], odd: Float[Array, "filter y x"]
    ) -> Float[Array, "maps y x"]:
        """Maps ≥ 0, the phases of the first filter first."""
        angle = jnp.deg2rad(self.phases)[None, :, None, None]
        linear = jnp.cos(angle) * even[:, None] - jnp.sin(angle) * odd[:, None]
        return jax.nn.relu(linear).reshape(-1, *even.shape[1:])


class ComplexCells(Cells):
    """Amplitude √(even² + odd²) of the quadrature pair: linear in contrast, blind to phase.

    Source: Adelson & Bergen 1985 (energy model); its square root, so that the response to a
    contrast of c percent at the preferred grating is c/100.
    """

    @property
    def n_maps(self) -> int:
        """How many maps each orientation and scale has."""
        return 1

    def __call__(
        self, even: Float[Array, "filter y x"], odd: Float[Array, "filter y x"]
    ) -> Float[Array, "maps y x"]:
        """Maps ≥ 0, one a filter; the gradient at zero contrast is 0."""
        energy = even * even + odd * odd
        positive = energy > 0
        return jnp.where(positive, jnp.sqrt(jnp.where(positive, energy, 1.0)), 0.0)


class GaborBank(eqx.Module):
    """V1-like filter bank: image → maps ≥ 0, [scale × orientation (× phase), height', width'].

    - `orientation`: [orientation], preferred bars, degrees counter-clockwise from horizontal.
    - `spatial_frequency`: [scale], preferred, cycles/degree, below half a cycle a pixel.
    - `bandwidth`: β, [], full width at half height in spatial frequency, octaves, > 0.
    - `aspect_ratio`: γ, [], length of the envelope across the bars over that along them, > 0.
    - `degrees_per_pixel`: side of a pixel of the images, degrees, > 0.
    - `cells`: `ComplexCells()` or `SimpleCells(phases)`.
    - `stride`: pixels of the image between neighbouring places of a map, static.
    - `radius`: filters have (2 radius + 1)² pixels, static; without it, 3 standard deviations of
      the longest envelope, which needs the parameters to be known, not traced.

    Beyond its border an image goes on with the luminance of the border, so that a uniform field
    gives 0 everywhere.

    Raises `ValueError` if a known (not traced) parameter is out of range or a frequency would
    alias.
    Source: Daugman 1985 (filters); Jones & Palmer 1987 (fit to simple cells of cats); the
    default bandwidth and aspect ratio are our choice within the range of V1 cells.
    """

    orientation: Float[Array, " orientation"]
    spatial_frequency: Float[Array, " scale"]
    bandwidth: Float[Array, ""]
    aspect_ratio: Float[Array, ""]
    degrees_per_pixel: Float[Array, ""]
    cells: Cells
    stride: int = eqx.field(static=True)
    radius: int = eqx.field(static=True)

    def __init__(
        self,
        orientation: Num[ArrayLike, " orientation"] | Sequence[ScalarLike],
        spatial_frequency: Num[ArrayLike, " scale"] | Sequence[ScalarLike],
        degrees_per_pixel: ScalarLike,
        *,
        bandwidth: ScalarLike = 1.4,
        aspect_ratio: ScalarLike = 0.6,
        cells: Cells | None = None,
        stride: int = 1,
        radius: int | None = None,
    ) -> None:
        self.orientation = _floats(orientation)
        self.spatial_frequency = _floats(spatial_frequency)
        self.bandwidth = _floats(bandwidth)
        self.aspect_ratio = _floats(aspect_ratio)
        self.degrees_per_pixel = _floats(degrees_per_pixel)
        self.cells = ComplexCells() if cells is None else cells
        self._check_ranges()
        self.stride = stride
        self.radius = self._default_radius() if radius is None else radius
        if self.stride < 1 or self.radius < 1:
            raise ValueError(f"stride {self.stride} and radius {self.radius} must be 1 or more")

    def _check_ranges(self) -> None:
        """Refuses parameters out of range, where their values are known."""
        parameters = (
            self.spatial_frequency,
            self.bandwidth,
            self.aspect_ratio,
            self.degrees_per_pixel,
        )
        if any(isinstance(parameter, jax.core.Tracer) for parameter in parameters):
            return
        if min(float(parameter.min()) for parameter in parameters) <= 0:
            raise ValueError("frequencies, bandwidth, aspect ratio and pixel size must be above 0")
        highest, limit = float(self.spatial_frequency.max()), 0.5 / float(self.degrees_per_pixel)
        if highest >= limit:
            raise ValueError(
                f"{highest:g} cycles/degree would alias: frequencies below {limit:g},"
                " half a cycle a pixel, are allowed"
            )

    def _default_radius(self) -> int:
        """Three standard deviations of the longest envelope, in pixels."""
        longest = float(self.sigma.max()) / min(float(self.aspect_ratio), 1.0)
        return max(1, math.ceil(3.0 * longest / float(self.degrees_per_pixel)))

    @property
    def sigma(self) -> Float[Array, " scale"]:
        """Standard deviation of the envelopes across the bars, degrees, [scale]."""
        octaves = 2.0**self.bandwidth
        ratio = (octaves + 1.0) / (octaves - 1.0)
        return math.sqrt(math.log(2.0) / 2.0) / (math.pi * self.spatial_frequency) * ratio

    @property
    def n_maps(self) -> int:
        """F, the number of maps: scales × orientations × maps of the kind of cells."""
        return self.spatial_frequency.shape[0] * self.orientation.shape[0] * self.cells.n_maps

    @property
    def orientations(self) -> Float[Array, " maps"]:
        """Preferred orientation of each map, degrees, [F]."""
        repeated = jnp.repeat(self.orientation, self.cells.n_maps)
        return jnp.tile(repeated, self.spatial_frequency.shape[0])

    @property
    def scales(self) -> Float[Array, " maps"]:
        """Preferred spatial frequency of each map, cycles/degree, [F]."""
        return jnp.repeat(self.spatial_frequency, self.n_maps // self.spatial_frequency.shape[0])

    def filters(self) -> tuple[Float[Array, "filter side side"], Float[Array, "filter side side"]]:
        """The even and the odd filters, [scale × orientation, side, side], per unit luminance.

        Row 0 is the top, as in images. The response is the sum of filter × image (a correlation,
        without flipping).
        """
        side = 2 * self.radius + 1
        field = VisualField((side, side), self.degrees_per_pixel)

        def pair(frequency: Array, sigma: Array, orientation: Array) -> tuple[Array, Array]:
            along, across = field.rotated(orientation)
            envelope = jnp.exp(-(across**2 + (self.aspect_ratio * along) ** 2) / (2.0 * sigma**2))
            angle = 2.0 * jnp.pi * frequency * across
            cosine, sine = jnp.cos(angle), jnp.sin(angle)
            even = envelope * (cosine - (envelope * cosine).sum() / envelope.sum())
            odd = envelope * sine
            return even / (0.5 * (even * cosine).sum()), odd / (0.5 * (odd * sine).sum())

        over_orientations = jax.vmap(pair, in_axes=(None, None, 0))
        over_scales = jax.vmap(over_orientations, in_axes=(0, 0, None))
        even, odd = over_scales(self.spatial_frequency, self.sigma, self.orientation)
        return even.reshape(-1, side, side), odd.reshape(-1, side, side)

    def _first(self, side: int) -> int:
        """The first of the pixels at `stride` that a map samples, as centred as they can be."""
        return (side - 1) % self.stride // 2

    def output_field(self, field: VisualField) -> VisualField:
        """The visual field of the maps of an image which shows `field`.

        **Arguments:** `field`: the pixel mapping of the image.
        **Returns:** the pixel mapping of the maps, of shape (⌈height/stride⌉, ⌈width/stride⌉).
        """
        height, width = field.shape
        rows, columns = -(-height // self.stride), -(-width // self.stride)
        middle_row = self._first(height) + self.stride * (rows - 1) / 2
        middle_column = self._first(width) + self.stride * (columns - 1) / 2
        centre = jnp.stack(field.to_degrees(middle_row, middle_column))
        return VisualField((rows, columns), field.degrees_per_pixel * self.stride, centre)

    def __call__(
        self, image: Float[Array, "height width"] | Float[Array, "channel height width"]
    ) -> Float[Array, "maps out_height out_width"]:
        """Maps ≥ 0 of one image; `vmap` for a batch.

        **Arguments:** `image`: luminance 0 to 1, grey; channels, if any, are averaged to grey.
        **Returns:** [F, ⌈height/stride⌉, ⌈width/stride⌉], without unit: 1 is the response to the
        preferred grating at full contrast about 0.5.
        """
        grey = image if image.ndim == 2 else image.mean(axis=0)
        even, odd = self.filters()
        kernels = jnp.concatenate([even, odd]).astype(grey.dtype)
        padded = jnp.pad(grey, self.radius, mode="edge")
        first_row, first_column = self._first(grey.shape[0]), self._first(grey.shape[1])
        linear = jax.lax.conv_general_dilated(
            padded[None, None, first_row:, first_column:],
            kernels[:, None],
            window_strides=(self.stride, self.stride),
            padding="VALID",
            precision=jax.lax.Precision.HIGHEST,
        )[0]
        return self.cells(linear[: even.shape[0]], linear[even.shape[0] :])
