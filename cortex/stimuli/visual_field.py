"""The pixel mapping: which place in the visual field each pixel of an image shows."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array
from jaxtyping import ArrayLike, Float, ScalarLike

from cortex.stimuli._numeric import as_float, euclidean


class VisualField(eqx.Module):
    """A rectangle of the visual field, sampled at pixel centres.

    Coordinates are degrees of visual angle: x grows to the right and y grows UP.
    Pixels are (row, column), row 0 at the TOP, so that y falls as the row grows.
    The middle of the image (between the two middle pixels if a side is even) lies
    at `centre`.

    - `shape`: (height, width) in pixels, static.
    - `degrees_per_pixel`: side of a pixel, degrees, > 0.
    - `centre`: (x, y) of the middle of the image, degrees.

    Raises `ValueError` if a side of `shape` is not a positive whole number.
    """

    shape: tuple[int, int] = eqx.field(static=True)
    degrees_per_pixel: Float[Array, ""] = eqx.field(converter=as_float)
    centre: Float[Array, "2"] = eqx.field(converter=as_float, default=(0.0, 0.0))

    def __check_init__(self) -> None:
        if len(self.shape) != 2 or any(side < 1 for side in self.shape):
            raise ValueError(f"shape must be two positive sides (height, width), got {self.shape}")

    @property
    def size(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """(height, width) of the whole image, edge to edge, in degrees."""
        height, width = self.shape
        return height * self.degrees_per_pixel, width * self.degrees_per_pixel

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) edges in degrees, for `matplotlib`'s `imshow`."""
        height, width = self.size
        x, y = self.centre
        edges = (x - width / 2, x + width / 2, y - height / 2, y + height / 2)
        left, right, bottom, top = (float(edge) for edge in edges)
        return left, right, bottom, top

    def to_degrees(
        self, row: Float[ArrayLike, "*points"], column: Float[ArrayLike, "*points"]
    ) -> tuple[Float[Array, "*points"], Float[Array, "*points"]]:
        """Degrees (x, y) of places given in pixels; whole numbers are pixel centres.

        **Arguments:** `row`, `column`: pixels from the centre of the top left pixel, down and
        to the right; any real number, one shape.
        **Returns:** (x, y), degrees, of the same shape.
        """
        height, width = self.shape
        x = self.centre[0] + (as_float(column) - (width - 1) / 2) * self.degrees_per_pixel
        y = self.centre[1] - (as_float(row) - (height - 1) / 2) * self.degrees_per_pixel
        return x, y

    def to_pixels(
        self, x: Float[ArrayLike, "*points"], y: Float[ArrayLike, "*points"]
    ) -> tuple[Float[Array, "*points"], Float[Array, "*points"]]:
        """Pixels (row, column), not rounded, of places given in degrees: undoes `to_degrees`.

        **Arguments:** `x`, `y`: degrees, one shape.
        **Returns:** (row, column), pixels, of the same shape.
        """
        height, width = self.shape
        column = (as_float(x) - self.centre[0]) / self.degrees_per_pixel + (width - 1) / 2
        row = (self.centre[1] - as_float(y)) / self.degrees_per_pixel + (height - 1) / 2
        return row, column

    def coordinates(self) -> tuple[Float[Array, "height width"], Float[Array, "height width"]]:
        """(x, y) in degrees of every pixel centre, each of shape [height, width]."""
        height, width = self.shape
        rows = jnp.broadcast_to(jnp.arange(height, dtype=float)[:, None], self.shape)
        columns = jnp.broadcast_to(jnp.arange(width, dtype=float)[None, :], self.shape)
        return self.to_degrees(rows, columns)

    def offsets(
        self, x: ScalarLike = 0.0, y: ScalarLike = 0.0
    ) -> tuple[Float[Array, "height width"], Float[Array, "height width"]]:
        """(dx, dy) in degrees from the place (x, y) to every pixel centre."""
        all_x, all_y = self.coordinates()
        return all_x - as_float(x), all_y - as_float(y)

    def rotated(
        self, orientation: ScalarLike, x: ScalarLike = 0.0, y: ScalarLike = 0.0
    ) -> tuple[Float[Array, "height width"], Float[Array, "height width"]]:
        """Every pixel's place along and across bars of one orientation.

        **Arguments:** `orientation`: of the bars, degrees counter-clockwise from horizontal;
        `x`, `y`: the origin, degrees.
        **Returns:** (along, across), degrees: `along` grows in the direction of the bars,
        `across` 90° counter-clockwise from it (up, for horizontal bars).
        """
        dx, dy = self.offsets(x, y)
        angle = jnp.deg2rad(as_float(orientation))
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        return dx * cosine + dy * sine, dy * cosine - dx * sine

    def distance(self, x: ScalarLike = 0.0, y: ScalarLike = 0.0) -> Float[Array, "height width"]:
        """Distance in degrees of every pixel centre from the place (x, y)."""
        return euclidean(*self.offsets(x, y))
