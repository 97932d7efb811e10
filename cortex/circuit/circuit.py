"""The stabilized supralinear network: populations, coupling, and how their rates change."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from .coupling import AbstractCoupling, AbstractOperator
from .modulation import Modulation
from .populations import EI, Leaf, Populations


class Circuit(eqx.Module):
    """Excitatory and inhibitory rate units with recurrent connections.

        tau_a dr_a/dt = -r_a + k_a [u_a]_+^{n_a},      a in {E, I}
        u_a = g_a h_a + gamma_a (W_aE r_E - W_aI r_I) + m_a

    with drive h, and drive gain g, recurrent gain gamma and additive input m from a
    `Modulation`. Rates are in Hz, time in ms; drive and input share one arbitrary unit, in
    which a full-contrast grating is near 100.

    Attributes:
        populations: single-unit parameters.
        coupling: recurrent connections; fixes the `shape` of each population.

    Raises:
        ValueError: a weight with the wrong sign (Dale's law), or parameters a cell whose
            shape does not fit the coupling's.

    Source: Rubin, Van Hooser & Miller 2015; the modulation is our design.
    """

    populations: Populations
    coupling: AbstractCoupling

    def __check_init__(self) -> None:
        self.coupling.check_dale()
        for field in ("tau", "k", "n"):
            for name in ("E", "I"):
                found = jnp.shape(getattr(getattr(self.populations, field), name))
                fits = len(found) <= len(self.shape) and all(
                    a in (1, b) for a, b in zip(found[::-1], self.shape[::-1], strict=False)
                )
                if not fits:
                    raise ValueError(
                        f"{field}_{name}: found shape {found}, allowed: () or {self.shape}"
                    )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each population."""
        return self.coupling.shape

    def silence(self) -> EI[Leaf]:
        """The state in which no unit fires."""
        dtype = jnp.result_type(self.populations.tau.E)
        return EI(jnp.zeros(self.shape, dtype), jnp.zeros(self.shape, dtype))

    def dynamics(self, drive: EI[Leaf], modulation: Modulation | None = None) -> "Dynamics":
        """The equations of motion under constant input, with all kernels computed."""
        return Dynamics(
            populations=self.populations,
            operator=self.coupling.operator(),
            drive=drive.map(lambda h: jnp.broadcast_to(h, self.shape)),
            modulation=Modulation() if modulation is None else modulation,
        )


class Dynamics(eqx.Module):
    """A circuit under constant drive and modulation, as functions of its rates."""

    populations: Populations
    operator: AbstractOperator
    drive: EI[Leaf]
    modulation: Modulation

    def net_input(self, rates: EI[Leaf]) -> EI[Leaf]:
        """Feed-forward, recurrent and top-down input together [units of the drive]."""
        return self.input_from(self.operator.project(rates))

    def input_from(self, projected: Any) -> EI[Leaf]:
        """The same, from the rates as the coupling's operator projects them."""
        m = self.modulation

        def total(h: Leaf, g: Leaf, w: Leaf, gamma: Leaf, a: Leaf) -> Leaf:
            return g * h + gamma * w + a

        recurrent = self.operator.expand(projected)
        return self.drive.map(total, m.drive_gain, recurrent, m.recurrent_gain, m.input)

    def steady_rate(self, rates: EI[Leaf]) -> EI[Leaf]:
        """The rates [Hz] that the units relax to under their present input."""
        return self.populations.rate(self.net_input(rates))

    def residual(self, rates: EI[Leaf]) -> EI[Leaf]:
        """`steady_rate - rates` [Hz], zero in a steady state."""
        return self.steady_rate(rates).map(lambda s, r: s - r, rates)

    def velocity(self, rates: EI[Leaf]) -> EI[Leaf]:
        """`dr/dt` [Hz/ms]."""
        return self.velocity_under(self.net_input(rates), rates)

    def velocity_under(self, net_input: EI[Leaf], rates: EI[Leaf]) -> EI[Leaf]:
        """`dr/dt` [Hz/ms] of units whose net input is known."""
        steady = self.populations.rate(net_input)
        return steady.map(lambda s, r, tau: (s - r) / tau, rates, self.populations.tau)


def largest(rates: EI[Leaf]) -> Leaf:
    """The largest absolute value over both populations (NaN if there is one)."""
    return jnp.maximum(jnp.max(jnp.abs(rates.E)), jnp.max(jnp.abs(rates.I)))
