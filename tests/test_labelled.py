"""Arrays with named axes: the same numbers as nested loops, under every transformation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import EI
from cortex.errors import UserError
from cortex.labelled import asked, coordinate, each, label, over, quality, to_dataset
from cortex.settings import Contrasts, Settings, contrasts


class Shown(Settings):
    contrasts: Contrasts = contrasts(2.0, 50.0, curve=(1.0, 100.0, 3), description="contrast")


SHOWN = {"first": np.array([1.0, 0.0]), "both": np.array([1.0, 1.0])}


def respond(contrast, shown):
    rates = contrast * jnp.sum(shown) + jnp.arange(3.0)
    return EI(rates, 2 * rates), contrast


def table():
    pair, drive = over(contrast=Shown().contrasts, shown=SHOWN)(respond)
    return pair.named("Hz", "rate", unit=coordinate([5.0, 6.0, 7.0], "deg", "place")), drive


def test_every_combination_is_computed_and_named():
    rates, drive = table()
    assert rates.dims == ("contrast", "shown", "population", "unit")
    assert drive.dims == ("contrast", "shown")
    data = to_dataset({"rates": rates, "drive": drive.named("%", "drive")})
    for contrast in (1.0, 2.0, 10.0, 50.0, 100.0):
        for shown, weights in SHOWN.items():
            expected, _ = respond(contrast, weights)
            found = data.rates.sel(contrast=contrast, shown=shown)
            np.testing.assert_allclose(found.sel(population="E"), expected.E)
            np.testing.assert_allclose(found.sel(population="I"), expected.I)
    assert data.contrast.attrs == {"units": "%", "long_name": "contrast", "asked": [2.0, 50.0]}
    assert data.rates.attrs == {"units": "Hz", "long_name": "rate"}
    assert list(asked(data).contrast.values) == [2.0, 50.0]


def test_one_after_the_other_gives_what_all_at_once_does():
    at_once = over(contrast=Shown().contrasts, shown=SHOWN)(respond)[0]
    one_by_one = over(contrast=Shown().contrasts, shown=SHOWN, sequential=("contrast",))(respond)[0]
    assert one_by_one.dims == at_once.dims
    np.testing.assert_array_equal(one_by_one.values, at_once.values)


def test_elements_that_cannot_be_stacked_are_taken_one_by_one():
    functions = {"double": lambda x: 2 * x, "square": lambda x: x * x}
    found = over(number=np.array([1.0, 3.0]), form=functions)(lambda x, form: form(x))
    assert found.dims == ("number", "form")
    np.testing.assert_array_equal(found.values, [[2, 1], [6, 9]])


def test_modules_of_one_kind_are_stacked_and_filled_up_to_one_shape():
    class Gain(eqx.Module):
        factor: jax.Array

    gains = {"none": Gain(jnp.asarray(1.0)), "ramp": Gain(jnp.arange(3.0))}
    found = over(gain=gains)(lambda gain: gain.factor * jnp.ones(3))
    np.testing.assert_array_equal(found.values, [[1, 1, 1], [0, 1, 2]])


def test_words_give_their_places_and_keys_are_keys():
    found = over(focus=("left", "right"), repeat=jax.random.split(jax.random.key(0), 3))(
        lambda focus, key: focus + 0 * jax.random.uniform(key)
    )
    np.testing.assert_array_equal(found.values, [[0, 0, 0], [1, 1, 1]])
    assert found.coords["focus"].known == ("left", "right")
    assert found.coords["repeat"].known == (0, 1, 2)


def test_axes_of_a_call_inside_a_call_follow_those_outside():
    def inner(a):
        return over(b=np.array([1.0, 2.0, 3.0]))(lambda b: a * b)

    found = over(a=np.array([1.0, 10.0]))(inner)
    assert found.dims == ("a", "b")
    np.testing.assert_array_equal(found.values, [[1, 2, 3], [10, 20, 30]])


def test_one_by_one_a_function_gets_what_stands_there_and_may_name_its_own_axes():
    """What is no program of JAX: words by themselves, inside one another as with `over`."""
    numbers = {"a": 1.0, "bc": 2.0}

    def one(word, seed):
        assert isinstance(word, str)
        inner = label(np.full(3, numbers[word] + seed), "1", "number", unit=None)
        return {"inner": inner, "pair": EI(float(seed), 2.0 * seed)}

    found = each(word=tuple(numbers), seed=(4, 7))(one)
    assert found["inner"].dims == ("word", "seed", "unit")
    data = to_dataset(found | {"pair": found["pair"].named("1", "pair")})
    assert float(data.inner.sel(word="bc", seed=7)[0]) == 9.0
    assert float(data.pair.sel(word="a", seed=4, population="I")) == 8.0


def test_through_jit_vmap_and_grad_names_stay():
    def simulate(scale):
        found = over(x=jnp.stack([scale, 2 * scale]))(lambda x: x**2)
        return {"y": found.named("1", "square")}

    whole = jax.jit(simulate)(3.0)["y"]
    np.testing.assert_allclose(to_dataset({"y": whole}).x, [3.0, 6.0])
    swept = jax.vmap(simulate)(jnp.array([1.0, 2.0]))["y"]
    np.testing.assert_allclose(swept.values, [[1, 4], [4, 16]])
    slope = jax.grad(lambda s: simulate(s)["y"].sel(x=6.0).values)(3.0)
    assert float(slope) == pytest.approx(8 * 3.0)


def test_numbers_of_a_coordinate_keep_their_digits_in_single_precision():
    data = to_dataset(
        jax.jit(lambda: {"y": over(x=np.array([0.1]))(lambda x: x).named("1", "y")})()
    )
    assert data.x.values[0] == 0.1
    assert data.x.dtype == np.float64


def test_an_axis_that_would_fill_the_memory_is_refused():
    many = np.broadcast_to(0.0, 10**9)  # takes no memory itself
    with pytest.raises(UserError, match=r"^angle: found 1,000,000,000 places, allowed: at most"):
        coordinate(many, "deg", "angle")


def test_a_function_of_some_axes_is_applied_at_every_place_of_the_others():
    rates, _ = table()
    spread = rates.apply(
        lambda a: a.max(axis=1) - a[:, 0], "shown", "unit", to={"kind": ("f", "b")}
    )
    assert spread.dims == ("contrast", "population", "kind")
    np.testing.assert_allclose(spread.values[0], [[2, 2], [4, 4]])
    swapped = rates.apply(lambda a: a.T, "shown", "unit", to={"unit": None, "shown": None})
    np.testing.assert_array_equal(
        swapped.values, np.swapaxes(rates.isel().values, 1, 3).swapaxes(1, 2)
    )


def test_parts_are_taken_by_word_number_or_place():
    rates, _ = table()
    one = rates.sel(shown="both", contrast=50.0).isel(unit=2, population=0)
    assert one.dims == ()
    assert float(one.values) == 102.0
    assert rates.isel(unit=[2, 0]).coords["unit"].known == (7.0, 5.0)
    with pytest.raises(KeyError, match="shown: found 'none', allowed: first, both"):
        rates.sel(shown="none")


def test_what_has_no_name_or_unit_is_refused_by_name():
    bare = over(x=np.array([1.0]))(lambda x: x * jnp.ones(3))
    with pytest.raises(ValueError, match=r"y: found axes \(x, None\), unit ''"):
        to_dataset({"y": bare})
    with pytest.raises(ValueError, match=r"found names for 0 axes \(none\), allowed: one for"):
        bare.named("1", "y")
    with pytest.raises(ValueError, match="y: found ArrayImpl"):
        to_dataset({"y": jnp.ones(3)})


def test_the_states_of_several_searches_are_lined_up():
    class State(eqx.Module):
        converged: jax.Array
        residual: jax.Array

    first = over(x=np.array([1.0, 2.0]))(lambda x: State(x > 1, x))
    second = over(y=np.array([3.0]))(lambda y: State(y > 1, y))
    alone = quality(first)
    assert alone["settled"].dims == ("x",)
    both = quality(first, second, course=jnp.array([False]))
    np.testing.assert_array_equal(both["settled"].values, [False, True, True, False])
    np.testing.assert_array_equal(both["residual"].values, [1, 2, 3])


def test_an_array_of_E_and_I_has_a_dimension_of_populations():
    found = label(EI(jnp.zeros(2), jnp.ones(2)), "Hz", "rate", unit=None)
    assert found.dims == ("population", "unit")
    assert float(found.sel(population="I").mean("unit").values) == 1.0
