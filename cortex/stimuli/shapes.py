"""Masks from 0 to 1 with smooth logistic edges: lines, bars, discs, annuli, blobs.

A mask is an aperture for a grating, a drive for a sheet of cells, or, through
`to_luminance`, an image. Every edge is s(z/σ), s the logistic function: σ, here `edge`, is a
length in degrees; from 10 to 90 % an edge takes 4.4 σ. Without an `edge`, a quarter of a pixel
is used, the sharpest edge that does not alias. The edge must be above 0.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Num, ScalarLike

from cortex.stimuli._numeric import as_float
from cortex.stimuli.visual_field import VisualField


def _edge(field: VisualField, edge: ScalarLike | None) -> Array:
    return field.degrees_per_pixel / 4.0 if edge is None else as_float(edge)


def band(
    position: Num[Array, "*shape"], inner: ScalarLike, outer: ScalarLike, edge: ScalarLike
) -> Float[Array, "*shape"]:
    """1 between two positions and 0 outside: s((p − inner)/σ) · [1 − s((p − outer)/σ)].

    **Arguments:** `position` p, `inner`, `outer`, `edge` σ > 0, all in the same unit.
    **Returns:** mask, 0 to 1, of the shape of `position`.
    """
    position, edge = as_float(position), as_float(edge)
    rises = jax.nn.sigmoid((position - as_float(inner)) / edge)
    falls = jax.nn.sigmoid((as_float(outer) - position) / edge)
    return rises * falls


def line(
    position: Num[Array, "*shape"], length: ScalarLike, edge: ScalarLike
) -> Float[Array, "*shape"]:
    """Line stimulus h(x) = s((x + l/2)/σ) · [1 − s((x − l/2)/σ)] along one dimension.

    **Arguments:** `position` x from the middle of the line; `length` l ≥ 0; `edge` σ > 0; all
    in degrees.
    **Returns:** mask of the shape of `position`, at most s(l/2σ)²: a line shorter than about
    10 σ is fainter, too (1/4 at length 0).
    Source: Rubin, Van Hooser & Miller 2015, as transcribed in others' code; there σ is 0.125 of
    the distance between cells.
    """
    half = as_float(length) / 2.0
    return band(position, -half, half, edge)


def bar(
    field: VisualField,
    length: ScalarLike,
    width: ScalarLike,
    orientation: ScalarLike = 0.0,
    *,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
    edge: ScalarLike | None = None,
) -> Float[Array, "height width"]:
    """A bar: `length` along its orientation, `width` across it.

    **Arguments:** `length`, `width`, degrees; `orientation`, degrees counter-clockwise from
    horizontal; `x`, `y`: its middle, degrees; `edge`, degrees.
    **Returns:** mask, 0 to 1, [height, width].
    """
    along, across = field.rotated(orientation, x, y)
    edge = _edge(field, edge)
    return line(along, length, edge) * line(across, width, edge)


def disc(
    field: VisualField,
    diameter: ScalarLike,
    *,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
    edge: ScalarLike | None = None,
) -> Float[Array, "height width"]:
    """A disc: the line stimulus as a function of the distance from the middle.

    **Arguments:** `diameter`, degrees; `x`, `y`: the middle, degrees; `edge`, degrees.
    **Returns:** mask, 0 to 1, [height, width].
    Source: Rubin, Van Hooser & Miller 2015, Fig. 6, as transcribed in others' code; there
    `edge` is the distance between cells.
    """
    return line(field.distance(x, y), diameter, _edge(field, edge))


def annulus(
    field: VisualField,
    inner_diameter: ScalarLike,
    outer_diameter: ScalarLike,
    *,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
    edge: ScalarLike | None = None,
) -> Float[Array, "height width"]:
    """A ring-shaped mask: 1 between the two diameters.

    **Arguments:** `inner_diameter` ≤ `outer_diameter`, degrees; `x`, `y`: the middle, degrees;
    `edge`, degrees.
    **Returns:** mask, 0 to 1, [height, width].
    """
    inner, outer = as_float(inner_diameter) / 2.0, as_float(outer_diameter) / 2.0
    return band(field.distance(x, y), inner, outer, _edge(field, edge))


def blob(
    field: VisualField, sd: ScalarLike, *, x: ScalarLike = 0.0, y: ScalarLike = 0.0
) -> Float[Array, "height width"]:
    """A Gaussian exp(−d²/2 sd²) of unit peak, d the distance from (x, y).

    **Arguments:** `sd` > 0, `x`, `y`, degrees.
    **Returns:** mask, 0 to 1, [height, width].
    """
    dx, dy = field.offsets(x, y)
    return jnp.exp(-(dx * dx + dy * dy) / (2.0 * as_float(sd) ** 2))
