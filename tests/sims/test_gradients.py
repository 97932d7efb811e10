"""Derivatives of what experiments find in their settings, through all that lies between."""

import jax
import jax.numpy as jnp
import pytest

from cortex.experiment import load_settings
from cortex.settings import replaced, settings

TO_E = {"attention": "input to E"}


def log_ratio(data):
    rates = data["rates"].sel(population="E", stimulus="large", field="small")
    attended, alone = (rates.sel(attention=a).values[-1] for a in ("input to E", "unattended"))
    return jnp.log(attended / alone)


def shifted(data):
    at = {"shown": "probe alone", "focus": "inside", "recorded": "next area", "contrast": 20.0}
    return data["centre"].sel(**at, **TO_E).values


# A setting, a step of it, and a number that is found.
CASES = {
    "area_hierarchy": (
        "attention.input",
        0.1,
        lambda data: data["rate"].sel(entry="input to E", direction="here").values[0],
    ),
    "attention_and_surround": (
        "attention.input",
        0.1,
        lambda data: data["suppression_index"].sel(focus="centre", contrast=20.0, **TO_E).values,
    ),
    "contrast_or_response_gain": ("attention.input", 0.2, log_ratio),
    "line_surround_suppression": (
        "circuit.W_EI",
        0.01,
        lambda data: data["suppression_index"].sel(contrast=10.0).values[0],
    ),
    "receptive_field_shift": ("attention.input", 0.1, shifted),
    "ring_normalization": (
        "circuit.J_EI",
        1e-4,  # the sum weight is steep and curved here
        lambda data: data["w"].sel(population="E", contrast=10.0).values,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_gradient_is_a_difference(name):
    path, step, read = CASES[name]
    experiment, _ = load_settings(name)
    _, small = load_settings(name, values=experiment.small)
    start = {row.path: row.value for row in settings(small)}[path]

    def found(value):
        return read(experiment.simulate(replaced(small, {path: value}), jax.random.key(0)))

    around = start + step * jnp.asarray([-1.0, 0.0, 1.0])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(found)))(around)
    difference = float(values[2] - values[0]) / (2 * step)
    assert abs(difference) > 1e-3
    assert float(slopes[1]) == pytest.approx(difference, rel=0.02)
