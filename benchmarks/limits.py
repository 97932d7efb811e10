"""The limit of this machine: measured rates, and the operations and bytes that a work needs.

The limit of a work is the time that its products take at the rate of a large matrix product, and
what is done unit by unit (modulation, power law, step, error) at the rate of one fused loop that
does nothing else; or the time that its bytes take at the bandwidth of a copy, whichever is longer.
Products are the cheapest matrix products known to us that keep the accuracy; a Fourier transform
of a large sheet needs fewer operations, though at a fraction of that rate, and may undercut this
limit. Bytes are those that must go through memory even if a whole step were one kernel.
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
        pointwise: of the equations without their coupling [units/s].
        copy: of a copy, bytes read and bytes written [bytes/s].
        platform: "cpu", or "gpu".
    """

    product: float
    pointwise: float
    copy: float
    platform: str


class Demand(NamedTuple):
    """What one evaluation of the circuit's equations needs.

    Attributes:
        operations: of products, a multiplication and an addition being two.
        units: E and I units.
        bytes: read and written.
    """

    operations: float
    units: float
    bytes: float

    def __add__(self, other: Any) -> Demand:
        return Demand(*(a + b for a, b in zip(self, other, strict=True)))


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
    drive, gain, coupled = (jnp.full_like(array, value) for value in (9.0, 1.1, 3.0))

    @jax.jit
    def steps(rates: Any, drive: Any, gain: Any, coupled: Any) -> Any:
        def step(_: int, carry: Any) -> Any:
            r, _ = carry
            goal = 0.04 * jnp.square(jnp.maximum(gain * drive + 1.1 * coupled + 0.5, 0.0))
            return r + 0.1 * (goal - r), jnp.max(jnp.abs(goal - r))

        return jax.lax.fori_loop(0, turns, step, (rates, jnp.zeros(())))

    return Rates(
        product=2.0 * side**3 / _quickest(product, matrix),
        pointwise=array.size * turns / _quickest(steps, array, drive, gain, coupled),
        copy=2.0 * array.nbytes * turns / _quickest(copy, array),
        platform=jax.default_backend(),
    )


def _quickest(function: Any, *arguments: Any) -> float:
    """The shortest of several runs [s]: what the machine can do when it is let."""
    import jax

    jax.block_until_ready(function(*arguments))
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        jax.block_until_ready(function(*arguments))
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

    Products: the states of E and I are projected on the modes of the rows and of the columns,
    mixed over features for each source, multiplied by the transforms of four kernels, and the
    inputs to E and I are brought back. Bytes: two rates and two drives are read, two rates written.
    """
    m = modes(side, width)
    one_way = 2.0 * m * side * side + 2.0 * m * m * side
    mixing = 2.0 * features * m * m
    pairs = float(batch * features)
    operations = pairs * (4 * one_way + 2 * mixing + 8.0 * m * m)
    units = 2.0 * pairs * side * side
    return Demand(operations, units, 3.0 * FLOAT * units)


def ring_step(units: int, rings: int) -> Demand:
    """One Euler step of rings of E/I pairs with one falloff: its matrix, for each population.

    Not fewer modes: the falloff with the distance round a ring has a kink opposite of each unit.
    """
    pairs = float(units * rings)
    return Demand(2 * 2.0 * units * pairs, 2 * pairs, 6.0 * FLOAT * pairs)


def taps_step(features: int, side: int, width: float, rank: int | None) -> Demand:
    """One Euler step of a sheet with narrow Gaussians and zero borders: a few taps an axis.

    The taps reach 4.5 widths on either side (1e-4 of the peak). With a coupling between maps of
    low rank only `rank` maps and the maps themselves go through it.
    """
    taps = min(2 * math.ceil(4.5 * width) + 1, side)
    space = 4 * 2 * 2.0 * taps
    mixing = 2 * 2.0 * (features if rank is None else 2 * rank + 1)
    pairs = float(features * side * side)
    return Demand(pairs * (space + mixing), 2 * pairs, 6.0 * FLOAT * pairs)


def dense_step(units: int, copies: int) -> Demand:
    """One Euler step with a matrix of units x units for `copies` stimuli at once."""
    return Demand(
        2.0 * units * units * copies,
        float(units * copies),
        FLOAT * (units * units + 3.0 * units * copies),
    )


def sparse_step(connections: int, units: int, copies: int) -> Demand:
    """One Euler step with lists of connections: weight and index are read once a step."""
    return Demand(
        2.0 * connections * copies,
        float(units * copies),
        2.0 * FLOAT * connections + 3.0 * FLOAT * units * copies,
    )


def limit(demand: Demand, evaluations: float, rates: Rates) -> dict[str, Any]:
    """The row of the limit, for `harness.limit_row`."""
    by_product = demand.operations * evaluations / rates.product
    by_unit = demand.units * evaluations / rates.pointwise
    by_copy = demand.bytes * evaluations / rates.copy
    bound = "arithmetic" if by_product + by_unit > by_copy else "copying"
    rate = (
        f"{rates.product / 1e9:.0f} GFLOP/s, {rates.pointwise / 1e9:.1f} units/ns, "
        f"{rates.copy / 1e9:.0f} GB/s"
    )
    split = (
        f"products {seconds(by_product)}, unit by unit {seconds(by_unit)}, "
        f"copying {seconds(by_copy)}"
    )
    return {
        "median": max(by_product + by_unit, by_copy),
        "operations": demand.operations * evaluations,
        "bytes": demand.bytes * evaluations,
        "gigaflops": rates.product / 1e9,
        "units_per_nanosecond": rates.pointwise / 1e9,
        "gigabytes_per_second": rates.copy / 1e9,
        "product_seconds": by_product,
        "pointwise_seconds": by_unit,
        "copy_seconds": by_copy,
        "bound_by": bound,
        "platform": rates.platform,
        "note": f"{rate}, {evaluations:.0f} evaluations: {split}",
    }
