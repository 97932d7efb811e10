"""The networks of the study of attention: which one, with circuits in which of its layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field, model_validator

from cortex.areas import (
    SSN,
    AbstractArea,
    CircuitArea,
    IsotonicMap,
    LinearMap,
    VisualSystem,
    digits,
    digits_vgg,
    insert_circuits,
    without_recurrence,
)
from cortex.areas.digit_networks import DigitNetwork, as_network
from cortex.circuit import (
    FactoredFeatures,
    FixedPointIteration,
    GaussianCoupling,
)
from cortex.errors import ConfigError, UserError
from cortex.frontends import efficientnet, vgg
from cortex.frontends.conv import ConvNetwork
from cortex.frontends.pretrained import load_pretrained
from cortex.settings import Settings as Section
from cortex.settings import quantity, require_distinct
from cortex.stimuli import Digits
from cortex.stimuli.image_files import Preprocessing

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
RING = "as on the ring of Rubin et al. 2015, as transcribed by others"
DIGITS = "digits_vgg"
UNTRAINED = "untrained"
LAYERS = {
    DIGITS: len(digits_vgg.LAYERS),
    "vgg16": len(vgg.LAYERS),
    "efficientnet_lite0": len(efficientnet.LAYERS),
    UNTRAINED: 4,
}
# mu_1 .. mu_13 of the additive form, for VGG-16 on ImageNet [activity at a value of 1].
VGG16_SCALES = (20.0, 100.0, 150.0, 150.0, 240.0, 240.0, 150.0, 150.0, 80.0, 20.0, 20.0, 10.0, 1.0)


Variant = Literal["plain", "no recurrence", "circuits"]


class WeightsSection(Section):
    """Where the weights of a network are."""

    weights: str = Field(
        default="",
        description="weight file, or folder of them for digits; empty: where they are expected",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    weights_seed: int = quantity(
        0, "1", "which of the networks of digits, or of the untrained ones", source=HERE, ge=0
    )


class VariantsSection(WeightsSection):
    """The networks compared: with no circuit, with circuits, and with these lacking recurrence."""

    variants: tuple[Variant, ...] = Field(
        default=("plain", "circuits"),
        min_length=1,
        description="with no circuit; with circuits; 'no recurrence': with all weights in them 0",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    how: Literal["trained", "inserted"] = Field(
        default="trained",
        description="circuits trained in the network (of digits only), or put into the plain one",
        json_schema_extra={"unit": "1", "source": HERE},
    )


class DigitNetworks(VariantsSection):
    """The digit network of three layers, with and without circuits."""

    layers: tuple[int, ...] = quantity(
        (1, 2, 3), "1", "layers with a circuit, for inserted circuits", min_length=1
    )

    @model_validator(mode="after")
    def _layers(self) -> DigitNetworks:
        every = set(range(1, len(digits.MAPS) + 1))
        if not set(self.layers) <= every:
            found = list(self.layers)
            raise ValueError(f"layers: found {found}, allowed: some of 1 to {len(every)}")
        if self.how == "trained" and set(self.layers) != every:
            raise ValueError(
                f"layers: found {list(self.layers)}, allowed: all of 1 to {len(every)}, or "
                "network.how = 'inserted'"
            )
        return self

    def system(
        self, variant: str, circuit: SSN, solver: SolverSection, training: Digits
    ) -> VisualSystem:
        """One of the networks, its circuits as set.

        Args:
            variant: one of `variants`.
            circuit: of every layer that has one.
            solver: by which circuits settle.
            training: digits that inserted circuits are calibrated on and the readout is fitted to.

        Raises:
            ConfigError: one line, when the weights are not there or not of this network.
        """
        network, trained = digits.digit_network(), self.how == "trained"
        if variant == "no recurrence":
            whole = self.system("circuits", circuit, solver, training)
            shown = network.calibration_images(training, self.weights_seed)
            return without_recurrence(whole, shown)
        system, _ = load_digits_network(network, self, variant if trained else "plain")
        if variant == "plain":
            return system
        if trained:
            return with_settings(system, circuit, solver)
        return network.insert_and_refit(
            as_network(system),
            training,
            self.weights_seed,
            [layer - 1 for layer in self.layers],
            circuit=circuit,
            solver=solver.relax(),
        )


class NetworkSection(VariantsSection):
    """The network, with and without circuits."""

    name: Literal["digits_vgg", "vgg16", "efficientnet_lite0", "untrained"] = Field(
        default="digits_vgg",
        description="8 layers trained on digits here; 13 or 18 layers trained on ImageNet; or 4 "
        "layers of random weights, for first tries",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    circuits: tuple[int, ...] = quantity(
        (), "1", "layers with an inserted circuit, 1 the lowest", source=HERE
    )

    @model_validator(mode="after")
    def _layers(self) -> NetworkSection:
        found, layers = list(self.circuits), LAYERS[self.name]
        if not set(found) <= set(range(1, layers + 1)):
            raise ValueError(f"circuits: found {found}, allowed: some of 1 to {layers}")
        require_distinct(self, "circuits")
        if set(self.variants) == {"plain"}:
            return self
        if self.how == "trained" and self.name != DIGITS:
            raise ValueError(
                f"how: found 'trained', allowed: 'inserted' (only {DIGITS} was trained with "
                "circuits)"
            )
        if self.how == "trained" and found:
            raise ValueError(
                f"circuits: found {found}, allowed: [] (the trained network has its own), or "
                "network.how = 'inserted'"
            )
        if self.how == "inserted" and not found:
            raise ValueError(
                f"circuits: found [], allowed: some of 1 to {layers}, or "
                "network.variants = ['plain']"
            )
        return self

    def calibrates(self, variant: str) -> bool:
        """Whether ordinary images are needed: to put circuits in, or to do without recurrence."""
        return variant == "no recurrence" or (variant == "circuits" and self.how == "inserted")


class SolverSection(Section):
    """How steady states are found."""

    step: float = quantity(3.0, "ms", "Euler step of the search", source=HERE, gt=0)
    duration: float = quantity(400.0, "ms", "longest simulated time", source=HERE, gt=0)
    check_every: int = quantity(
        10, "1", "steps between looks at the residual", source=HERE, ge=1, le=1000
    )
    rtol: float = quantity(
        1e-3, "1", "residual allowed, as a share of the largest rate", source=HERE, gt=0
    )
    atol: float = quantity(1e-3, "Hz", "residual allowed besides", source=HERE, gt=0)

    def relax(self) -> FixedPointIteration:
        """The solver of areas with circuits."""
        return FixedPointIteration(
            dt=self.step,
            duration=self.duration,
            check_every=self.check_every,
            rtol=self.rtol,
            atol=self.atol,
        )


class StudyNetwork(NamedTuple):
    """A network that attention is studied in, without circuits.

    Attributes:
        name: as in the configuration.
        network: stages and readout.
        layers: names of the stages.
        size: side of its images [px].
        channels: of its images.
        preprocessing: of photographs; None for digits.
        facts: where the weights come from, as JSON can hold it.
    """

    name: str
    network: ConvNetwork
    layers: tuple[str, ...]
    size: int
    channels: int
    preprocessing: Preprocessing | None
    facts: dict[str, Any]


class Built(NamedTuple):
    """A network ready to be looked through.

    Attributes:
        system: areas and readout.
        feature_errors: by area with a circuit, 0 the lowest: what the low-rank coupling between
            maps leaves out, see `FactoredFeatures.error`; 0 where the coupling is full.
    """

    system: VisualSystem
    feature_errors: dict[int, float]


def load_study_network(section: NetworkSection) -> StudyNetwork:
    """The plain network of a configuration.

    Raises:
        ConfigError: one line, when the weights are not there or not of this network.
    """
    if section.name == DIGITS:
        system, digit_facts = load_digits_network(digits_vgg.digit_network(), section, "plain")
        names, side = digits_vgg.LAYERS, digits_vgg.SIDE
        return StudyNetwork(DIGITS, as_network(system), names, side, 1, None, digit_facts)
    if section.name == UNTRAINED:
        return untrained_network(section.weights_seed)
    try:
        found = load_pretrained(section.name, section.weights or None)
    except UserError as error:
        raise ConfigError(f"network.weights: {error}") from error
    side = found.preprocessing.size
    return StudyNetwork(*found[:3], side, 3, found.preprocessing, found.facts)


def untrained_network(seed: int) -> StudyNetwork:
    """A small network of random weights, built as EfficientNet-Lite0 is, for images of 32 px.

    Args:
        seed: of the weights.
    """
    blocks = (efficientnet.Blocks(3, 1, 1, 8, 1), efficientnet.Blocks(3, 2, 2, 8, 1))
    network = efficientnet.random_efficientnet(
        jax.random.key(seed), stem=8, blocks=blocks, head=24, classes=6
    )
    seen = Preprocessing(32, None, "bilinear", (127.0,) * 3, (128.0,) * 3)
    return StudyNetwork(UNTRAINED, network, network.names, seen.size, 3, seen, {})


def build_system(
    found: StudyNetwork,
    section: NetworkSection,
    circuit: SSN,
    solver: SolverSection,
    variant: str,
    calibration: Float[Array, "images channels height width"]
    | Float[np.ndarray, "images _ _ _"]
    | None,
    advance: Callable[[int], object] | None = None,
) -> Built:
    """The network with no circuit, or with those of the configuration.

    Inserted circuits are calibrated here. The readout stays as it was, for detectors are fitted
    afterwards on what the system sends.

    Args:
        found: of `load_study_network`.
        section, circuit, solver: of the configuration.
        variant: one of the section's.
        calibration: ordinary images, 50 or more, where `NetworkSection.calibrates`.
        advance: told how many images have settled, for each layer with an inserted circuit anew.

    Raises:
        UserError: one line: a circuit runs away on some of the images.
    """
    if variant == "plain":
        return Built(VisualSystem.plain(found.network), {})
    batch = 100 if found.size <= 64 else 10  # the lowest layers of large images fill memory
    if variant == "no recurrence":
        assert calibration is not None
        whole = build_system(found, section, circuit, solver, "circuits", calibration, advance)
        images = jnp.asarray(calibration)
        return Built(without_recurrence(whole.system, images, batch), whole.feature_errors)
    if section.how == "trained":
        trained, _ = load_digits_network(digits_vgg.digit_network(), section, "circuits")
        system = with_settings(trained, circuit, solver)
        return Built(system, feature_errors(system))
    assert calibration is not None
    system = insert_circuits(
        found.network,
        at=section.circuits,
        circuit=circuit,
        images=calibration,
        # Of photographs and a thousand classes hardly one survives curves map by map.
        output_map=IsotonicMap if found.preprocessing is None else LinearMap,
        solver=solver.relax(),
        batch=batch,
        advance=advance,
    )
    return Built(system, feature_errors(system))


def load_digits_network(
    network: DigitNetwork, section: WeightsSection, kind: str
) -> tuple[VisualSystem, dict[str, Any]]:
    """A stored network of digits and what was stored with it; `kind` is "plain" or "circuits".

    Raises:
        ConfigError: one line, when the weights are not there or not of this network.
    """
    folder = Path(section.weights).expanduser() if section.weights else None
    try:
        return network.load(network.weights_file(kind, section.weights_seed, folder), kind)
    except UserError as error:
        raise ConfigError(f"network.weights, network.weights_seed: {error}") from error


def with_settings(system: VisualSystem, circuit: SSN, solver: SolverSection) -> VisualSystem:
    """A system whose circuits have the parameters of the configuration and settle as it says."""
    areas: list[AbstractArea] = []
    for area in system.areas:
        if isinstance(area, CircuitArea):
            new = (circuit.applied_to(area.circuit), solver.relax())
            area = eqx.tree_at(lambda a: (a.circuit, a.solver), area, new)
            area = dataclasses.replace(area, baseline=circuit.baseline)
        areas.append(area)
    return VisualSystem(areas, system.readout, system.names)


def feature_errors(system: VisualSystem) -> dict[int, float]:
    """As `Built.feature_errors`."""
    errors = {}
    for number, area in enumerate(system.areas):
        if isinstance(area, CircuitArea) and isinstance(area.circuit.coupling, GaussianCoupling):
            features = area.circuit.coupling.features
            errors[number] = features.error if isinstance(features, FactoredFeatures) else 0.0
    return errors


def additive_scales(found: StudyNetwork, means: Sequence[np.ndarray]) -> tuple[float, ...]:
    """mu of the additive form at every plain area: the published ones for VGG-16.

    For other networks, which have none, the mean activity of the layer, which is our choice.

    Args:
        found: of `load_study_network`.
        means: by area (images, maps), spatial means of the unattended responses to ordinary
            images.
    """
    if found.name == "vgg16":
        return VGG16_SCALES
    return tuple(float(np.mean(area)) for area in means)
