"""The limit of this machine: measured rates, and the operations and bytes that a work needs.

The limit of a work is the time that its operations take at the rate of a large matrix product,
or that its bytes take at the bandwidth of a copy, whichever is longer. Operations are those of
the cheapest matrix products known to us that keep the accuracy; a Fourier transform of a large
sheet needs fewer, though at a fraction of that rate, and may undercut this limit. Bytes are those
that must go through memory even if a whole step were one kernel.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from harness import Wanted, seconds

FLOAT = 4  # bytes
# What this project wants of a GPU, where copying is the limit.
NEAR = Wanted(fact="times_copying", at_most=4)


class Rates(NamedTuple):
    """Measured.

    Attributes:
        product: of a large matrix product [operations/s].
        copy: of a copy, bytes read and bytes written [bytes/s].
        platform: "cpu", or "gpu".
    """

    product: float
    copy: float
    platform: str


class Demand(NamedTuple):
    """What one evaluation of the circuit's equations needs."""

    operations: float
    bytes: float


def measured(copied: float, side: int = 2048) -> Rates:
    """The rates of this process's device, with float32.

    Args:
        copied: bytes of the array that is copied: as many as the work goes through, for what
            stays in the caches is copied faster. On a GPU always 512 MB, for starting a copy
            of less takes longer than the copy.
        side: of the square matrices that are multiplied.
    """
    import jax
    import jax.numpy as jnp

    key = jax.random.key(0)
    matrix = jax.random.normal(key, (side, side)) / math.sqrt(side)
    product = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    copied = copied if jax.default_backend() == "cpu" else 2**29
    array = jnp.ones(max(int(copied // FLOAT), 1024), jnp.float32)
    # Many copies in one call, each from the last one's result: a call has a price of its own.
    turns = max(8, int(2**29 // array.nbytes))
    copy = jax.jit(lambda a: jax.lax.fori_loop(0, turns, lambda _, x: x + 1.0, a))
    return Rates(
        product=2.0 * side**3 / _quickest(product, matrix),
        copy=2.0 * array.nbytes * turns / _quickest(copy, array),
        platform=jax.default_backend(),
    )


def _quickest(function: Any, argument: Any) -> float:
    """The shortest of several runs [s]: what the machine can do when it is let."""
    function(argument).block_until_ready()
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        function(argument).block_until_ready()
        taken.append(time.perf_counter() - started)
    return min(taken)


def modes(side: int, width: float, tolerance: float = 1e-5) -> int:
    """Real Fourier modes that carry a periodic Gaussian of `width` [px] along `side` places.

    The transform `exp(-(2 pi m width / side)^2 / 2)` falls below `tolerance` beyond the highest
    m counted here; each m > 0 is a sine and a cosine.
    """
    highest = math.floor(side * math.sqrt(-2 * math.log(tolerance)) / (2 * math.pi * width))
    return min(2 * highest + 1, side)


def sheet_step(features: int, side: int, batch: int, width: float) -> Demand:
    """One Euler step of a sheet of E/I pairs with Gaussian coupling over space and features.

    Operations (a multiplication and an addition are two): the states of E and I are projected on
    the modes of the rows and of the columns, mixed over features for each source, multiplied by
    the transforms of four kernels, and the inputs to E and I are brought back; then about 20 for
    power law and step. Bytes: two rates and two drives are read, two rates written.
    """
    m = modes(side, width)
    one_way = 2.0 * m * side * side + 2.0 * m * m * side
    mixing = 2.0 * features * m * m
    pairs = float(batch * features)
    operations = pairs * (4 * one_way + 2 * mixing + 8.0 * m * m + 2 * 20 * side * side)
    return Demand(operations, 6.0 * FLOAT * pairs * side * side)


def taps_step(features: int, side: int, width: float, rank: int | None) -> Demand:
    """One Euler step of a sheet with narrow Gaussians and zero borders: a few taps an axis.

    The taps reach 4.5 widths on either side (1e-4 of the peak). With a coupling between maps of
    low rank only `rank` maps and the maps themselves go through it.
    """
    taps = min(2 * math.ceil(4.5 * width) + 1, side)
    space = 4 * 2 * 2.0 * taps
    mixing = 2 * 2.0 * (features if rank is None else 2 * rank + 1)
    pairs = float(features * side * side)
    return Demand(pairs * (space + mixing + 40), 6.0 * FLOAT * pairs)


def dense_step(units: int, copies: int) -> Demand:
    """One Euler step with a matrix of units x units for `copies` stimuli at once."""
    return Demand(
        2.0 * units * units * copies + 20.0 * units * copies,
        FLOAT * (units * units + 3.0 * units * copies),
    )


def sparse_step(connections: int, units: int, copies: int) -> Demand:
    """One Euler step with lists of connections: weight and index are read once a step."""
    return Demand(
        2.0 * connections * copies + 20.0 * units * copies,
        2.0 * FLOAT * connections + 3.0 * FLOAT * units * copies,
    )


def limit(demand: Demand, evaluations: float, rates: Rates) -> dict[str, Any]:
    """The row of the limit, for `harness.limit_row`."""
    by_product = demand.operations * evaluations / rates.product
    by_copy = demand.bytes * evaluations / rates.copy
    bound = "products" if by_product > by_copy else "copying"
    rate = f"{rates.product / 1e9:.0f} GFLOP/s, {rates.copy / 1e9:.0f} GB/s"
    split = f"products {seconds(by_product)}, copying {seconds(by_copy)}"
    return {
        "median": max(by_product, by_copy),
        "operations": demand.operations * evaluations,
        "bytes": demand.bytes * evaluations,
        "gigaflops": rates.product / 1e9,
        "gigabytes_per_second": rates.copy / 1e9,
        "product_seconds": by_product,
        "copy_seconds": by_copy,
        "bound_by": bound,
        "platform": rates.platform,
        "note": f"{rate}, {evaluations:.0f} evaluations: {split}",
    }
