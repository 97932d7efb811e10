"""The one interface of recurrent connections, and the four projections they consist of."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf, require
from ..show import Shown

T = TypeVar("T")


class Projections(Shown, Generic[T]):
    """A quantity of each of the four projections: `EI` is from I (presynaptic) onto E.

    Used for strengths, widths, matrices and inputs. Values are magnitudes, >= 0: the
    circuit subtracts what comes from I (Dale's law).
    """

    EE: T
    EI: T
    IE: T
    II: T

    def map(self, function: Callable[..., Any], *others: "Projections[Any]") -> "Projections[Any]":
        """Apply `function` projection by projection."""
        return Projections(
            *(
                function(getattr(self, name), *(getattr(other, name) for other in others))
                for name in ("EE", "EI", "IE", "II")
            )
        )

    def net(self) -> Any:
        """Excitation minus inhibition, an `EI` of what each target population receives."""
        onto: Any = self
        return EI(onto.EE - onto.EI, onto.IE - onto.II)

    def check_dale(self, what: str) -> None:
        """Raise ValueError if a known magnitude is negative or not finite."""
        for name in ("EE", "EI", "IE", "II"):
            require(
                getattr(self, name),
                f"{what}_{name}",
                lambda v: v >= 0,
                ">= 0 (a magnitude: the circuit itself gives inhibition its sign, Dale's law)",
            )


class AbstractOperator(eqx.Module):
    """Recurrent input as a function of the rates, ready to be applied many times.

    Attributes:
        condenses: `project` treats each population by itself, by one linear map, and gives fewer
            numbers than there are units. As rates relax towards their steady rates, so do then
            these numbers by themselves: steady states can be searched for among them.
    """

    condenses: ClassVar[bool] = False

    @abc.abstractmethod
    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        """The input that each projection carries, >= 0, of the circuit's shape."""

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        """The net recurrent input (excitation - inhibition) to E and to I."""
        return self.parts(rates).net()

    # The same in two stages, the first linear in the rates. Its result is stored where
    # derivatives are to be taken, so the smaller it is the better.

    def project(self, rates: EI[Leaf]) -> Any:
        """The rates in the form that is stored, such as on the modes that carry the weights."""
        return self(rates)

    def expand(self, projected: Any) -> EI[Leaf]:
        """The net recurrent input, from the projected rates."""
        return projected


class AbstractCoupling(Shown):
    """Recurrent connections of a circuit whose populations both have the same `shape`."""

    shape: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def operator(self) -> AbstractOperator:
        """What is computed once a simulation (kernels from widths, say)."""

    @abc.abstractmethod
    def check_dale(self) -> None:
        """Raise ValueError if a known weight has the wrong sign."""

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        """The input that each projection carries, >= 0, of the circuit's shape."""
        return self.operator().parts(rates)

    def matrices(self) -> Projections[Float[Array, "units units"]]:
        """The dense matrices, by applying the coupling to unit vectors.

        For analysis and tests of small circuits: memory is 4 units^2.
        """
        operator, size = self.operator(), _size(self.shape)

        def column(unit: Float[Array, " units"]) -> Projections[Float[Array, " units"]]:
            rates = unit.reshape(self.shape)
            return operator.parts(EI(rates, rates)).map(jnp.ravel)

        columns = jax.vmap(column)(jnp.eye(size))
        return columns.map(jnp.transpose)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
