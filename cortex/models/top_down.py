"""One attended pattern in the three forms that every experiment on attention compares."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.attention import Additive, Multiplicative
from cortex.circuit import Modulation
from cortex.experiment import Section, quantity

DESIGN = (
    "chosen here; that attention is an additive synaptic input: Lindsay et al. 2019, via a review"
)
HERE = "chosen here"

FORMS = ("input to E", "gain on drive", "input to E and I")
UNATTENDED_AND_FORMS = ("unattended", *FORMS)


class AttentionSection(Section):
    """Strength of attention in each of its three forms.

    The first is the default of the field's circuit model and the one that expectations are
    stated for; the other two show what depends on the form.
    """

    input: float = quantity(3.0, "%", "additive input to E at the attended peak", source=DESIGN)
    gain: float = quantity(
        0.3, "1", "relative gain on the drive of E and I at the peak", source=HERE, ge=-1
    )
    to_I: float = quantity(
        1.0, "1", "input to I relative to E in the form 'input to E and I'", source=HERE
    )


def unattended_and_forms(
    attention: AttentionSection, pattern: Float[Array, "*shape"]
) -> Modulation:
    """The four modulations of `UNATTENDED_AND_FORMS`, stacked on a first axis for `jax.vmap`.

    Parameters
    ----------
    attention
        The strengths.
    pattern
        What is attended, of the circuit's shape, 1 at the peak.

    Returns
    -------
    Modulation
        Every leaf of shape (4, *shape).

    Examples
    --------
    >>> rates = jax.vmap(lambda m: steady_state(circuit, drive, m).rates)(
    ...     unattended_and_forms(config.attention, ring_bump(preferred, 45.0))
    ... )
    """
    forms = (
        Additive(scale=0.0),
        Additive(scale=attention.input),
        Multiplicative(),
        Additive(scale=attention.input, to_I=attention.to_I),
    )
    strengths = (0.0, 1.0, attention.gain, 1.0)
    made = [form(strength * pattern) for form, strength in zip(forms, strengths, strict=True)]
    filled = [jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, pattern.shape), m) for m in made]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *filled)
