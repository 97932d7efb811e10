"""The stabilized supralinear network: populations, coupling, and how their rates change."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .coupling import AbstractCoupling, AbstractOperator
from .modulation import Modulation
from .populations import EI, Leaf, Populations, as_pair, check_broadcasts
from .show import Shown
from .withhold import all_finite, stand_in


class Circuit(Shown):
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
                value = getattr(getattr(self.populations, field), name)
                check_broadcasts(f"{field}_{name}", value, self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of each population."""
        return self.coupling.shape

    def silence(self) -> EI[Leaf]:
        """The state in which no unit fires."""
        dtype = jnp.result_type(self.populations.tau.E)
        return EI(jnp.zeros(self.shape, dtype), jnp.zeros(self.shape, dtype))

    def rates(self, name: str, rates: EI[Leaf]) -> EI[Leaf]:
        """The rates of an argument called `name`, in the circuit's shape."""
        pair = as_pair(name, rates, self.shape)
        return pair.map(lambda r: jnp.broadcast_to(r, self.shape))

    def dynamics(
        self,
        drive: EI[Leaf],
        modulation: Modulation | None = None,
        *,
        operator: AbstractOperator | None = None,
    ) -> "Dynamics":
        """The equations of motion under constant input, with all kernels computed.

        Args:
            drive: feed-forward drive, broadcasts to the circuit's shape.
            modulation: top-down modulation; none by default.
            operator: the coupling's operator, where it is known already.

        Raises:
            TypeError: a drive that is no `EI` of numbers.
            ValueError: a drive or a modulation whose shape does not fit the circuit's.
        """
        drive = as_pair("drive", drive, self.shape)
        modulation = Modulation() if modulation is None else modulation
        modulation.check_shape(self.shape)
        return Dynamics(
            populations=self.populations,
            operator=self.coupling.operator() if operator is None else operator,
            drive=drive.map(lambda h: jnp.broadcast_to(h, self.shape)),
            modulation=modulation,
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

    @property
    def condensed(self) -> bool:
        """Whether the rates as the coupling projects them move by themselves.

        They do where the coupling condenses and all units of a population are equally fast.
        """
        tau = self.populations.tau
        return self.operator.condenses and jnp.ndim(tau.E) == jnp.ndim(tau.I) == 0

    def valid(self) -> Bool[Array, ""]:
        """Whether the input from outside is finite at every unit, and the recurrent gain too."""
        m = self.modulation
        outside = self.drive.map(lambda h, g, a: g * h + a, m.drive_gain, m.input)
        return all_finite((outside, m.recurrent_gain))

    def only_if(self, valid: Bool[Array, ""]) -> "Dynamics":
        """The same if `valid`, else without input from outside, but with the same derivatives."""
        m = self.modulation

        def neutral(pair: EI[Leaf], value: float) -> EI[Leaf]:
            return pair.map(lambda x: stand_in(x, jnp.where(valid, x, value)))

        modulation = Modulation(
            drive_gain=neutral(m.drive_gain, 1.0),
            input=neutral(m.input, 0.0),
            recurrent_gain=neutral(m.recurrent_gain, 1.0),
            output_gain=m.output_gain,
        )
        drive = neutral(self.drive, 0.0)
        return Dynamics(self.populations, self.operator, drive, modulation)

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
