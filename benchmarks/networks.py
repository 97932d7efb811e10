"""Images a second, and memory, of the networks of the study, plain and with circuits.

    python benchmarks/networks.py [--network NAME ...] [--layers N ...] [--batch N ...]
                                  [--memory BYTES ...] [--calibration N] [--images N]
                                  [--out FILE.json]

With --memory, calibration and looks take as many images at a time as fit, as in `cortex run
--memory`, and --batch does not count.

Every row is measured in a process of its own, so that its peak of memory is its own; the time is
that of unattended responses of all areas and of the readout, after compilation, batches side by
side, one a core, as in the studies of detection. The photographs are cut out of the two that come
with scikit-learn. VGG-16 has random weights where no others are
found; the rows say so.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import harness
import jax
import jax.numpy as jnp
import numpy as np

from cortex.areas import SSN, map_shapes
from cortex.areas.digits_vgg import digit_network
from cortex.experiment import ConfigError
from cortex.frontends import vgg
from cortex.memory import limited, parse_bytes
from cortex.models.networks import (
    LAYERS,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    build_system,
    load_study_network,
)
from cortex.stimuli import load_digits
from cortex.tasks import batch_within, respond_to_all
from cortex.tasks.passes import pass_through

CIRCUITS: dict[str, tuple[tuple[int, ...], ...]] = {
    "digits_vgg": ((2, 5, 8),),
    "vgg16": ((13,),),
    "efficientnet_lite0": ((13,), (5, 10, 13)),
}
SETTINGS = {"efficientnet_lite0": (SSN.faithful(), SolverSection(check_every=5))}
CALIBRATION = 16  # images; more do not change the speed


def photographs(found: StudyNetwork, count: int, seed: int) -> np.ndarray:
    """Squares cut at random out of scikit-learn's photographs, or digits."""
    if found.preprocessing is None:
        return np.asarray(digit_network().images(load_digits().take(np.arange(seed, seed + count))))
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    cut = []
    for number in range(count):
        whole = load_sample_images().images[number % 2]
        side = rng.integers(100, 400)
        y, x = (rng.integers(length - side) for length in whole.shape[:2])
        cut.append(found.preprocessing.cut(Image.fromarray(whole[y : y + side, x : x + side])))
    return found.preprocessing.normalise(np.stack(cut))


def study_network(section: NetworkSection) -> tuple[StudyNetwork, str]:
    """The network, and whose weights it has."""
    try:
        return load_study_network(section), "trained"
    except ConfigError:
        if section.name != "vgg16":
            raise
    network = vgg.random_vgg16(jax.random.key(0))
    preprocessing = vgg.LAYOUTS[0].preprocessing
    return StudyNetwork("vgg16", network, vgg.LAYERS, 224, 3, preprocessing, {}), "random"


class Prepared(NamedTuple):
    """A network ready to be timed.

    Attributes:
        respond: compiled function of the system and a batch of images to the readout and whether
            all circuits settled.
        system: the network.
        shown: photographs, a whole number of batches.
        weights: whose they are.
        calibration_seconds: spent on fitting circuits into the layers.
        feature_errors: as `cortex.models.networks.Built`.
    """

    respond: Callable[[Any, Any], Any]
    system: Any
    shown: Any
    weights: str
    calibration_seconds: float
    feature_errors: dict[int, float]


def prepare(
    name: str, layers: tuple[int, ...], batch: int, images: int, calibration: int = CALIBRATION
) -> Prepared:
    """The network `name` with circuits in `layers` (none: plain); batch 0: whatever fits."""
    variant = "circuits" if layers else "plain"
    section = NetworkSection(
        name=name,
        variants=(variant,),
        how="inserted" if layers else "trained",
        circuits=layers,
    )
    found, weights = study_network(section)
    settings = SETTINGS.get(name, (SSN(), SolverSection()))
    started = time.perf_counter()
    ordinary = photographs(found, calibration, 0)
    built = build_system(found, section, *settings, variant, ordinary)
    taken = time.perf_counter() - started if layers else 0.0

    @eqx.filter_jit
    def respond(system: Any, shown: Any) -> Any:
        layers, output = pass_through(system, shown)
        settled = jnp.stack([layer.settled for layer in layers])
        return jax.vmap(system.readout)(output), jnp.all(settled, axis=0)

    count = batch * max(images // batch, 1) if batch else images
    shown = jnp.asarray(photographs(found, count, calibration))
    return Prepared(respond, built.system, shown, weights, taken, built.feature_errors)


def measure(
    name: str, layers: tuple[int, ...], batch: int, images: int, calibration: int
) -> dict[str, Any]:
    """One row."""
    prepared = prepare(name, layers, batch, images, calibration)
    respond, system, shown = prepared[:3]
    started = time.perf_counter()
    jax.block_until_ready(respond(system, shown[:batch]))
    compiled = time.perf_counter() - started
    side_by_side = min(os.cpu_count() or 1, 4) if jax.default_backend() == "cpu" else 1
    batches = [shown[start : start + batch] for start in range(0, len(shown), batch)]
    started = time.perf_counter()
    with ThreadPoolExecutor(side_by_side) as pool:
        settled = [*pool.map(lambda some: np.asarray(respond(system, some)[1]), batches)]
    seconds = time.perf_counter() - started
    share = float(np.concatenate(settled).mean())
    about = respond.lower(system, shown[:batch]).compile().compiled.memory_analysis()
    taken = (about.temp_size_in_bytes + about.output_size_in_bytes) / batch
    return row(name, layers, prepared, seconds, share) | {
        "batch": batch,
        "bytes_per_unit": taken / units(system, shown[0]),
        "first_batch_seconds": compiled,
    }


def measure_within(
    name: str, layers: tuple[int, ...], limit: int, images: int, calibration: int
) -> dict[str, Any]:
    """One row under a limit of memory, calibration included; the time is that of a second pass."""
    with limited(limit):
        prepared = prepare(name, layers, 0, images, calibration)
        _, system, shown = prepared[:3]
        for _ in range(2):
            started = time.perf_counter()
            found = respond_to_all(system, [shown])
            seconds = time.perf_counter() - started
        together = batch_within(system, lambda: shown, images, passes=0)
    return row(name, layers, prepared, seconds, found.settled) | {"batch": together, "limit": limit}


def row(
    name: str, layers: tuple[int, ...], prepared: Prepared, seconds: float, settled: float
) -> dict[str, Any]:
    """What rows of both kinds have."""
    return {
        "network": name,
        "weights": prepared.weights,
        "circuits": list(layers),
        "images": len(prepared.shown),
        "images_per_second": len(prepared.shown) / seconds,
        "peak_megabytes": harness.peak_megabytes(),
        "settled": settled,
        "calibration_seconds": prepared.calibration_seconds,
        "feature_errors": {str(n + 1): error for n, error in prepared.feature_errors.items()},
    }


def units(system: Any, image: Any) -> int:
    """E and I units of all circuits, and those of the plain layers, for one image."""
    shapes = zip(system.areas, map_shapes(system, image), strict=True)
    return sum((1 + area.recurrent) * int(np.prod(shape)) for area, shape in shapes)


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    circuits = " ".join(map(str, row["circuits"])) or "none"
    worst = max(row["feature_errors"].values(), default=0.0)
    limit = f"{row['limit'] / 2**20:.0f}" if "limit" in row else ""
    of_unit = f"{row['bytes_per_unit']:.1f}" if "bytes_per_unit" in row else ""
    return (
        f"| {row['network']} | {row['weights']} | {circuits} | {limit} | {row['batch']} "
        f"| {row['images_per_second']:.2f} | {row['peak_megabytes']:.0f} | {of_unit} "
        f"| {row['settled']:.0%} | {row['calibration_seconds']:.0f} | {worst:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", nargs="+", choices=list(LAYERS), default=list(LAYERS))
    parser.add_argument("--layers", nargs="*", type=int, help="with circuits, 1 the lowest")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--memory", nargs="+", type=parse_bytes, help="such as 4GB")
    parser.add_argument("--calibration", type=int, default=CALIBRATION, help="images")
    parser.add_argument("--images", type=int, default=16, help="timed in each row")
    parser.add_argument("--out", type=Path, help="JSON file for the rows")
    given = parser.parse_args()
    print("| network | weights | circuits in layers | limit MB | batch | images/s | peak MB "
          "| bytes a unit | settled | calibration s | feature error |")  # fmt: skip
    print("| --- " * 11 + "|")
    kind, sizes = (measure_within, given.memory) if given.memory else (measure, given.batch)
    rows = []
    for name in given.network:
        layers = CIRCUITS[name] if given.layers is None else (tuple(given.layers),)
        for circuits in dict.fromkeys(((), *layers)):
            for size in sizes:
                own = name, circuits, size, given.images, given.calibration
                rows.append(harness.alone(kind, *own))
                print(line(rows[-1]), flush=True)
    if given.out is not None:
        harness.write(given.out, {"machine": harness.machine(), "rows": rows})


if __name__ == "__main__":
    main()
