"""VGG-16 with circuits at all 13 layers, one image: about 27 million units.

    python benchmarks/network.py [--quick] [--out FILE.json]

The whole image through the whole system, and, as the same work for everybody, one Euler step of
3 ms of all its circuits (coupling between maps of rank 32 in layers of more than 64 maps). By hand
one writes FFT on padded maps, or, since these Gaussians are narrow, PyTorch's convolution of each
map with its taps. Circuits are calibrated on the image that is shown: good for nothing but speed.
`--quick` is the top three layers alone.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import by_hand
import harness
import limits
import networks
import numpy as np
from harness import Contender, Row, Work

from cortex.areas import SSN

LAYERS = [(64, 224)] * 2 + [(128, 112)] * 2 + [(256, 56)] * 3 + [(512, 28)] * 3 + [(512, 14)] * 3
TOP = (11, 12, 13)
STEP, STEPS = 3.0, 3  # ms; so many are timed
IMAGE, EULER = "one image", "one Euler step of all circuits"
NAMES = ("EE", "EI", "IE", "II")
SECTION = SSN()


def shapes(layers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Maps and side of the layers, 1 the lowest."""
    return [LAYERS[layer - 1] for layer in layers]


def units(layers: tuple[int, ...]) -> int:
    """E and I units of the circuits in these layers."""
    return sum(2 * maps * side**2 for maps, side in shapes(layers))


def factors(maps: int) -> dict[str, np.ndarray]:
    """A coupling between maps, rows of sum one: a matrix, or factors for many maps."""
    rng = np.random.default_rng(maps)
    if maps <= 64:
        matrix = rng.uniform(size=(maps, maps))
        return {"matrix": (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)}
    onto = rng.uniform(size=(maps, SECTION.rank))
    of = rng.uniform(size=(SECTION.rank, maps))
    onto *= 0.5 / (onto @ of.sum(1))[:, None]
    found = {"own": np.full(maps, 0.5), "onto": onto, "of": of}
    return {name: values.astype(np.float32) for name, values in found.items()}


def drive(maps: int, side: int) -> np.ndarray:
    """Some drive, most of it zero as after rectification."""
    rng = np.random.default_rng(side)
    return np.maximum(20 * rng.normal(size=(maps, side, side)) - 10, 0).astype(np.float32)


def image_work(layers: tuple[int, ...]) -> Work:
    """One photograph through VGG-16 with circuits in `layers`, or plain."""
    import jax

    prepared = networks.prepare("vgg16", layers, 1, 1, 1)

    def facts(found: Any) -> dict[str, Any]:
        settled = "settled" if bool(np.all(found[1])) else "**not settled**"
        return {"note": f"{units(layers) / 1e6:.1f} million units, {settled}" if layers else ""}

    return Work(
        lambda: jax.block_until_ready(prepared.respond(prepared.system, prepared.shown)), facts
    )


def cortex_step(layers: tuple[int, ...]) -> Work:
    """Euler steps of each circuit by `simulate`."""
    import diffrax
    import jax
    import jax.numpy as jnp

    from cortex.circuit import (
        EI,
        Circuit,
        Epoch,
        FactoredFeatures,
        Fixed,
        GaussianCoupling,
        simulate,
    )

    def circuit(maps: int, side: int) -> Circuit:
        known = {name: jnp.asarray(values) for name, values in factors(maps).items()}
        features = known.get("matrix")
        if features is None:
            features = FactoredFeatures(**known, error=0.0)
        coupling = GaussianCoupling(SECTION.J, SECTION.sigma, features, (maps, side, side))
        return Circuit(SECTION.populations, coupling)

    @jax.jit
    def run(circuit: Circuit, drive: Any) -> Any:
        epochs = [Epoch(STEP * STEPS, EI(drive, drive))]
        end = jnp.full(1, STEP * STEPS, jnp.float32)
        return simulate(circuit, epochs, end, stepping=Fixed(diffrax.Euler(), STEP)).values

    made = {shape: (circuit(*shape), jnp.asarray(drive(*shape))) for shape in shapes(layers)}
    return Work(lambda: [jax.block_until_ready(run(*made[shape])) for shape in shapes(layers)])


def taps(side: int) -> dict[str, np.ndarray]:
    """The Gaussians of the four projections, cut where they are 1e-5 of the peak."""
    found = {}
    for name in NAMES:
        sigma = getattr(SECTION, f"sigma_{name}")
        reach = min(math.ceil(sigma * math.sqrt(-2 * math.log(1e-5))), side - 1)
        bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
        found[name] = (bell / bell.sum()).astype(np.float32)
    return found


def _fraction() -> tuple[float, float]:
    return STEP / SECTION.tau_E, STEP / SECTION.tau_I


def jax_fft_step(layers: tuple[int, ...]) -> Work:
    """FFT on maps padded so far that nothing comes round."""
    import jax
    import jax.numpy as jnp

    weights = {name: getattr(SECTION, f"J_{name}") for name in NAMES}

    def prepared(maps: int, side: int) -> tuple[Any, ...]:
        wide = side + 8  # as far as the widest Gaussian reaches, and a length that is fast
        wide += -wide % 4
        kernels = {}
        for name, bell in taps(side).items():
            reach = len(bell) // 2
            line = np.zeros(wide)
            line[np.arange(-reach, reach + 1) % wide] = bell
            one = np.fft.fft(line).real
            kernel = weights[name] * np.outer(one, one[: wide // 2 + 1])
            kernels[name] = jnp.asarray(kernel[None], jnp.float32)
        mix = {name: jnp.asarray(values) for name, values in factors(maps).items()}
        return kernels, mix, jnp.asarray(drive(maps, side))

    @jax.jit
    def run(kernels: Any, mix: Any, drive: Any) -> Any:
        side, width = drive.shape[-1], kernels["EE"].shape[1]

        def mixed(r: Any) -> Any:
            flat = r.reshape(len(r), -1)
            if "matrix" in mix:
                return jnp.matmul(mix["matrix"], flat).reshape(r.shape)
            low = jnp.matmul(mix["onto"], jnp.matmul(mix["of"], flat))
            return (mix["own"][:, None] * flat + low).reshape(r.shape)

        def step(rates: Any, _: None) -> Any:
            e, i = (jnp.fft.rfft2(mixed(r), (width, width)) for r in rates)
            onto = (
                kernels["EE"] * e - kernels["EI"] * i,
                kernels["IE"] * e - kernels["II"] * i,
            )
            moved = []
            for r, z, f in zip(rates, onto, _fraction(), strict=True):
                u = drive + jnp.fft.irfft2(z, (width, width))[:, :side, :side]
                moved.append(r + f * (SECTION.k * jnp.maximum(u, 0) ** 2 - r))
            return tuple(moved), None

        return jax.lax.scan(step, (jnp.zeros_like(drive), jnp.zeros_like(drive)), None, STEPS)[0]

    made = {shape: prepared(*shape) for shape in shapes(layers)}
    return Work(lambda: [jax.block_until_ready(run(*made[shape])) for shape in shapes(layers)])


def torch_step(layers: tuple[int, ...]) -> Work:
    """Each map convolved with the taps of its Gaussians, along columns and along rows."""
    torch, device = by_hand.torch_module()
    convolve = torch.nn.functional.conv2d

    def tensor(values: Any) -> Any:
        return torch.tensor(np.asarray(values, np.float32), device=device)

    made = {}
    for maps, side in shapes(layers):
        mix = {name: tensor(values) for name, values in factors(maps).items()}
        made[maps, side] = {n: tensor(b) for n, b in taps(side).items()}, mix, drive(maps, side)
    weights = {name: getattr(SECTION, f"J_{name}") for name in NAMES}

    def layer(bells: Any, mix: Any, drive: Any) -> Any:
        given = tensor(drive)
        rates = [torch.zeros_like(given), torch.zeros_like(given)]

        def mixed(r: Any) -> Any:
            flat = r.reshape(len(r), -1)
            if "matrix" in mix:
                return (mix["matrix"] @ flat).reshape(r.shape)
            return (mix["own"][:, None] * flat + mix["onto"] @ (mix["of"] @ flat)).reshape(r.shape)

        def spread(name: str, r: Any) -> Any:
            bell, reach = bells[name], len(bells[name]) // 2
            along = convolve(r[:, None], weights[name] * bell[None, None, None], padding=(0, reach))
            return convolve(along, bell[None, None, :, None], padding=(reach, 0))[:, 0]

        for _ in range(STEPS):
            e, i = (mixed(r) for r in rates)
            onto = (spread("EE", e) - spread("EI", i), spread("IE", e) - spread("II", i))
            for number, (u, f) in enumerate(zip(onto, _fraction(), strict=True)):
                goal = SECTION.k * torch.square(torch.relu(given + u))
                rates[number] = rates[number] + f * (goal - rates[number])
        return rates[0].cpu()

    def run() -> list[Any]:
        with torch.no_grad():
            return [layer(*made[shape]) for shape in shapes(layers)]

    return Work(run)


def rows(quick: bool) -> list[Row]:
    """The table."""
    layers = TOP if quick else tuple(range(1, 14))
    found = harness.compete(
        [
            Contender(IMAGE, "without circuits", image_work, ((),)),
            Contender(IMAGE, "cortex", image_work, (layers,), rounds=3),
        ],
        rounds=2 if quick else 5,
        patience=20.0,
    )
    found += harness.compete(
        [
            Contender(EULER, "cortex", cortex_step, (layers,), share=STEPS),
            Contender(EULER, "JAX FFT", jax_fft_step, (layers,), share=STEPS),
            Contender(EULER, "PyTorch convolution", torch_step, (layers,), share=STEPS),
        ],
        rounds=2 if quick else 5,
        patience=20.0,
    )
    rates = harness.alone(limits.measured, 8.0 * units(layers))
    each = (
        limits.taps_step(maps, side, 1.5, None if maps <= 64 else SECTION.rank)
        for maps, side in shapes(layers)
    )
    demand = functools.reduce(operator.add, each)
    row = harness.limit_row(found, EULER, limits.limit(demand, 1, rates), limits.NEAR)
    return [*found, row]


if __name__ == "__main__":
    harness.main("network", __doc__, rows)
