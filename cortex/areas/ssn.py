"""The circuit of a layer of feature maps, as settings: inhibition-stabilised by default."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit import (
    EI,
    Circuit,
    DenseFeatures,
    FactoredFeatures,
    GaussianCoupling,
    Populations,
    Projections,
    learned_features,
)
from cortex.settings import Settings, quantity
from cortex.sources import Source

RING = Source("rubin2015", "as on its ring, Fig. 1, as transcribed by three others")
FOUND = Source(detail="found by us by trial, on feature maps of digits")
DENSE_MAPS = 64  # up to here the matrix between maps is small beside the product over places


class SSN(Settings):
    """A stabilized supralinear circuit of feature maps, coupled over places and between maps.

    The defaults are inhibition-stabilised once their layer is driven. Inhibition onto E must not
    be narrower than its recruitment, and J_IE / J_EE be at least 1.7, or sparse images let E run
    away (computed by us). Widths are in places of the layer's maps.
    """

    J_EE: float = quantity(6.0, "1/Hz", "total weight from E onto E", FOUND, ge=0)
    J_IE: float = quantity(11.0, "1/Hz", "total weight from E onto I", FOUND, ge=0)
    J_EI: float = quantity(4.5, "1/Hz", "total weight from I onto E", FOUND, ge=0)
    J_II: float = quantity(2.2, "1/Hz", "total weight from I onto I", FOUND, ge=0)
    sigma_EE: float = quantity(1.0, "px", "spread from E onto E", FOUND, gt=0)
    sigma_IE: float = quantity(1.5, "px", "spread from E onto I", FOUND, gt=0)
    sigma_EI: float = quantity(1.5, "px", "spread from I onto E", FOUND, gt=0)
    sigma_II: float = quantity(1.5, "px", "spread from I onto I", FOUND, gt=0)
    k: float = quantity(0.04, "Hz", "rate at an input of 1", RING, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", RING, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RING, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RING, gt=0)
    feature_width: float = quantity(
        28.0, "deg", "falloff over the angle between maps' mean responses", FOUND, gt=0
    )
    contrast: float = quantity(
        50.0, "contrast", "drive that a layer's 99th percentile is scaled to", FOUND, gt=0
    )
    baseline: float = quantity(
        0.0, "contrast", "steady input to E units besides the drive; keeps them active", ge=0
    )
    rank: int = quantity(
        32, "1", f"rank of the coupling between more than {DENSE_MAPS} maps; 0: full", ge=0
    )

    @classmethod
    def faithful(cls, **changes: Any) -> SSN:
        """A circuit that keeps what a pretrained network knows, with `LinearMap` as output map.

        Found by us by a random search on layer 13 of EfficientNet-Lite0 and photographs, for: all
        units active, sum weight below .95, E eigenvalue above 1.1, a paradoxical response, and
        suppression by the surround. The baseline is what keeps units active. Coupling between
        maps is wide, so that what a unit gets from the others is much the same for all of them: a
        sum over maps can take that back.

        Args:
            **changes: settings that are to differ.
        """
        weights = {"J_EE": 2.81, "J_IE": 4.66, "J_EI": 2.3, "J_II": 1.18}
        widths = {"sigma_EE": 0.95, "sigma_IE": 0.82, "sigma_EI": 1.8, "sigma_II": 1.8}
        return cls(**{**weights, **widths, "feature_width": 60.0, "baseline": 13.1, **changes})

    def circuit(self, outputs: Float[Array, "images maps height width"]) -> Circuit:
        """The circuit of a layer that gives these outputs for ordinary images."""
        return self.circuit_of(jnp.mean(outputs, axis=(2, 3)), outputs.shape[1:])

    def circuit_of(self, means: Float[Array, "images maps"], shape: tuple[int, ...]) -> Circuit:
        """The circuit of a layer (maps, height, width) whose maps have these mean responses."""
        maps, height, width = shape
        coupling = GaussianCoupling(self.J, self.sigma, self.features(means), (maps, height, width))
        return Circuit(self.populations, coupling)

    def features(self, means: Float[Array, "images maps"]) -> DenseFeatures | FactoredFeatures:
        """The coupling between maps with these mean responses, of low rank for many maps.

        For the choice of `rank` see `FactoredFeatures.fit`.
        """
        dense = learned_features(means, self.feature_width)
        if self.rank == 0 or means.shape[1] <= DENSE_MAPS:
            return DenseFeatures(dense)
        return FactoredFeatures.fit(dense, self.rank)

    def applied_to(self, circuit: Circuit) -> Circuit:
        """A circuit of feature maps with these parameters; its coupling between maps stays."""
        assert isinstance(circuit.coupling, GaussianCoupling)
        dtype = circuit.coupling.J.EE.dtype
        return eqx.tree_at(
            lambda c: (c.populations, c.coupling.J, c.coupling.sigma),
            circuit,
            jax.tree.map(lambda x: jnp.asarray(x, dtype), (self.populations, self.J, self.sigma)),
        )

    @property
    def populations(self) -> Populations:
        """Time constants, gain and exponent."""
        return Populations(EI(self.tau_E, self.tau_I), EI(self.k, self.k), EI(self.n, self.n))

    @property
    def J(self) -> Projections[Any]:
        """Total weight of each projection [1/Hz]."""
        return Projections(EE=self.J_EE, EI=self.J_EI, IE=self.J_IE, II=self.J_II)

    @property
    def sigma(self) -> Projections[Any]:
        """Width of each projection [px of the layer's maps]."""
        return Projections(EE=self.sigma_EE, EI=self.sigma_EI, IE=self.sigma_IE, II=self.sigma_II)
