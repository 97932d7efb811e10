"""What is trained for attention: found by name, kept with its curve, read again, refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.errors import UserError
from cortex.frontends.weights import named_arrays
from cortex.models.learned import NAMES, TrainedSource, base, trained_source

SEEDS = (0, 1, 2)


class Line(eqx.Module):
    """A module small enough to train at once."""

    slope: jax.Array


def trained(seed, report):
    rows = [{"loss": 1.0 / (1 + epoch)} for epoch in range(3)]
    for epoch, row in enumerate(rows):
        if report is not None:
            report(epoch, row)
    return Line(jnp.asarray([float(seed), 2.0])), rows


def line():
    def untrained(key):
        return Line(jax.random.normal(key, (2,)))

    return TrainedSource(
        "line", untrained, 3, trained, lambda module: {"slope": float(module.slope[1])}
    )


@pytest.fixture
def known(monkeypatch):
    """`line` as the only thing that is trained."""
    monkeypatch.setattr("cortex.models.learned.trained_source", lambda name: line())


def less(name):
    """Of a loss, after training."""
    return lambda facts: facts["curve"][-1][name] < facts["curve"][0][name]


# What the facts of the kept weights show that was learned; of one epoch there is nothing to show.
LEARNED = {
    "feedback": less("loss"),
    "soft": less("loss"),
    "lateral": less("loss_self"),
    "glimpse_policy": lambda facts: (
        facts["curve"][-1]["right"] > facts["curve"][-1]["right_random"]
    ),
    "glimpses": lambda facts: facts["accuracy_learned"] > facts["accuracy_random"] > 0.1,
    "sequence_reading": lambda facts: facts["held_out_content"] > facts["held_out_even"],
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept(name):
    """Three seeds, each with its training curve; something was learned, and no two are alike."""
    thing = trained_source(name)
    assert thing.name == name
    found = [thing.load(seed) for seed in SEEDS]
    for seed, (module, facts) in zip(SEEDS, found, strict=True):
        assert facts["seed"] == seed
        assert facts["command"] == f"cortex train attention {name} --seed {seed}"
        assert len(facts["curve"]) == thing.epochs
        assert name not in LEARNED or LEARNED[name](facts)
        numbers = [value for key, value in facts.items() if isinstance(value, float)]
        assert numbers
        assert np.isfinite(numbers).all()
        assert thing.file(seed).stat().st_size < 500_000
        assert all(np.isfinite(leaf).all() for leaf in named_arrays(module).values())
    first, second = (named_arrays(module) for module, _ in found[:2])
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_an_unknown_name():
    with pytest.raises(UserError, match="found 'telepathy', allowed: attention_gate, feedback"):
        trained_source("telepathy")


def test_written_and_read_again(tmp_path):
    thing = line()
    module, curve = thing.train(1, None)
    file = thing.file(1, tmp_path)
    assert thing.save(file, module, curve, {"seed": 1}) == {"slope": 2.0}
    again, facts = thing.load(1, tmp_path)
    np.testing.assert_array_equal(again.slope, module.slope)
    assert facts["curve"] == [{"loss": 1.0}, {"loss": 0.5}, {"loss": round(1 / 3, 5)}]
    with pytest.raises(UserError, match="found no file"):
        thing.load(2, tmp_path)


def test_the_command(known, cortex, tmp_path):
    done = cortex("train", "attention", "line", "--seed", "4", "--out", "w")
    assert "slope 2.000" in done.stdout
    module, facts = line().load(4, tmp_path / "w")
    np.testing.assert_array_equal(module.slope, [4.0, 2.0])
    assert facts["command"] == "cortex train attention line --seed 4"
    refused = cortex("train", "attention", "line", "--seed", "4", "--out", "w", code=2)
    assert "is there and is not overwritten" in refused.stderr


def test_the_command_names_what_can_be_trained(cortex):
    done = cortex("train", "attention", "telepathy", code=2)
    assert "allowed: " + ", ".join(base.NAMES) in done.stderr
