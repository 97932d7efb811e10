"""Reading the digits of a strip in the order asked for: alignment, and what it does to circuits.

Shown: four handwritten digits side by side at jittered places, among fragments of others.
Simulated: the circuits of the digit network see the whole strip; a reader encodes the columns of
the topmost circuits' E rates, the memory holds them, and at each step an exploiter attends to the
memory and names a digit: left to right, right to left, ends first, or every other. It attends by
learned additive scores, to all columns alike, or not at all (the reader's last states); the three
were trained alike. Then its weights at each step act as a gain on the circuits. Measured: the
alignment, accuracy with each kind of access, the entropy of the weights where answers are wrong;
E and I rates at the digit that is read against the others, and which digit a readout of the whole
strip names.

Source: Bahdanau, Cho & Bengio 2015 (encoder-decoder with additive scores); the task, the circuits
as what is read, and the gain on them are our design.
"""

from __future__ import annotations

from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.attention.encoder_decoder import Evenly
from cortex.attention.inspection import entropy
from cortex.labelled import Labelled, coordinate, each, label
from cortex.models.digit_images import HeldOutDigits
from cortex.models.learned import sequence_reading as reading
from cortex.models.learned import trained_source
from cortex.models.strip_network import StripLook, look_again
from cortex.progress import stage
from cortex.settings import choice, quantity
from cortex.sources import Source
from cortex.stimuli.digit_strips import Strips
from cortex.studies.learned_source import TrainedSettings

READERS = ("content", "even", "last", "flattened")
ORDERS = tuple(reading.ORDERS)
PAPER = Source("bahdanau2015", "direction: soft alignment, and a fixed vector as the bottleneck")
CONTROL = Source(detail="our control")
COMPARED = {
    "content over even": ("learned attention reads better than even weights", PAPER),
    "even over last": ("even weights read better than no attention", PAPER),
    "content over last": ("learned attention reads better than none", PAPER),
    "content over flattened": ("the learned reader needs its weights", CONTROL),
}
WORDS = {
    "accuracy": "share of digits read right",
    "accuracy_by_seed": "share of digits read right",
    "accuracy_gain": "share of digits read right, one reader minus another",
    "share": "share of the weights on the digit asked for",
    "share_by_answer": "share of the weights on the digit asked for",
    "share_over_even": "share of the weights on the digit asked for, minus that of even ones",
    "rate_change": "relative change of rates with attention",
    "rate_selection": "relative change of rates at the digit that is read minus at the others",
    "naming": "share of steps at which the strip is named as the digit asked for",
    "naming_gain": "the same, attended minus unattended",
    "entropy_gap": "entropy of the weights where answers are wrong minus where they are right",
}


class Settings(HeldOutDigits):
    """Settings of `sequence_reading`."""

    count: int = quantity(100, "1", "strips of held-out digits", ge=10, le=250)
    learned: TrainedSettings = TrainedSettings()
    strength: float = quantity(1.0, "1", "gain where the weights peak, less the mean", ge=0)
    order: Literal["left to right", "right to left", "ends first", "every other"] = choice(
        "ends first", "order in which the circuits are attended"
    )
    resamples: int = ex.bootstrap_resamples(1000, "strips")
    level: float = ex.interval_level()


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Every seed's network sees the strips; its encoder-decoders read them in every order."""
    del key  # strips come from the seed, as those of the training
    strips = reading.held_out_strips(s.seed, s.test_digits(), s.count)
    trained = s.learned.load(trained_source("sequence_reading"))
    seeds = coordinate(tuple(trained), "1", "seed of the network and of its reader")
    with stage("networks that read", total=len(trained)) as advance:
        found = each(seed=seeds)(lambda seed: of_network(s, *trained[seed], strips, advance))
    boxes = strips.on_columns(found["weight"].values.shape[-1])
    edges = np.linspace(0, strips.images.shape[2], boxes.shape[2] + 1)
    column = coordinate((edges[1:] + edges[:-1]) / 2, "px", "middle of a column")
    digit = coordinate(np.arange(1, boxes.shape[1] + 1), "1", "digit, from left to right")
    places = np.array(list(reading.ORDERS.values())) + 1
    return {
        **found,
        "labels": label(strips.labels, "1", "digit that stands there", strip=None, digit=digit),
        "left": label(strips.left, "px", "first column of its box", strip=None, digit=None),
        "box": label(boxes, "1", "share of a column in it", strip=None, digit=None, column=column),
        "place": label(places, "1", "place asked for", order=ORDERS, step=None),
        "image": label(strips.images, "1", "ink", strip=None, y=None, x=None),
    }


def of_network(
    s: Settings, trained: reading.Trained, facts: Any, strips: Strips, advance: Any
) -> dict[str, Labelled]:
    """What one network reads; and its circuits, first without attention, then at each step."""
    system = reading.strip_system(int(trained.network_seed))
    look = reading.seen(system, strips)
    readers = trained.readers.named()
    # The learned reader, its attention taken away.
    readers["flattened"] = eqx.tree_at(lambda r: r.exploiter.access, readers["content"], Evenly())
    right, weights = each(reader=READERS, order=ORDERS)(
        lambda reader, order: reading.answers(readers[reader], look, strips, order)
    )
    weight = weights.sel(reader="content").named(
        "1", "weight of a column", strip=None, step=None, column=None
    )
    attended = weight.sel(order=s.order).values

    def measured(look: StripLook) -> dict[str, Labelled]:
        columns = look.rates.map(lambda rates: rates.mean(axis=(1, 2)))
        rates = columns.map(lambda rates: reading.by_digit(rates, strips))
        named = jnp.argmax(reading.names(trained.namer, look), axis=-1)
        return {
            "rates": label(rates, "Hz", "rate", strip=None, digit=None),
            "columns": label(columns.E, "Hz", "E rate of a column", strip=None, column=None),
            "named": label(named, "1", "digit that the whole strip is named", strip=None),
            "settled": label(look.settled > 0, "1", "whether the circuits settled", strip=None),
        }

    def at_step(step: int) -> dict[str, Labelled]:
        spread = reading.on_windows(attended[:, step - 1])  # to all that items were read from
        return measured(look_again(system, look, spread, jnp.asarray(s.strength, float)))

    epochs = coordinate(np.arange(1, len(facts["curve"]) + 1), "1", "epoch of training")
    curve = each(trained=READERS[:3], epoch=epochs)(
        lambda name, epoch: facts["curve"][epoch - 1][f"accuracy_{name}"]
    )
    steps = coordinate(np.arange(1, attended.shape[1] + 1), "1", "step of the output")
    found = {f"{name}_before": array for name, array in measured(look).items()}
    found |= each(step=steps)(at_step)
    advance(1)
    return found | {
        "right": right.named("1", "whether the answer is right", strip=None, step=None),
        "weight": weight,
        "total": weight.apply(jnp.sum, "column").named("1", "sum of the weights"),
        "entropy": weight.apply(entropy, "column").named("nat", "entropy of the weights"),
        "curve": curve.named("1", "accuracy on training strips"),
    }


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Means over strips, all seeds together, with their intervals."""
    wrong = 1.0 - data.right.sel(reader="content", drop=True)
    answers = along("answer", wrong=wrong, right=1 - wrong)
    asked = data.place == data.digit
    share = (xr.dot(data.weight, data.box, dim="column") * asked).sum("digit")
    read = asked.sel(order=s.order, drop=True)
    at = along("at", read=read, others=~read)
    rates, before = ((r * at).sum(("step", "digit")) for r in (data.rates, data.rates_before))
    named = along("attention", unattended=data.named_before, attended=data.named)
    by_strip = {
        "accuracy": data.right * 1.0,
        "share": share,
        "even_share": data.box.mean("column").mean("digit"),
        "rate_change": rates / before - 1,
        "naming": (named == (data.labels * read).sum("digit")) * 1.0,
        "answers": answers,
        "shares": answers * share,
        "entropies": answers * data.entropy,
    }

    def means(drawn: xr.Dataset) -> xr.Dataset:
        mean = drawn.mean(("seed", "strip"))

        def apart(values: xr.DataArray, dim: str, one: str, other: str) -> xr.DataArray:
            return values.sel({dim: one}, drop=True) - values.sel({dim: other}, drop=True)

        gains = {two: apart(mean.accuracy, "reader", *two.split(" over ")) for two in COMPARED}
        return mean[["accuracy", "share", "rate_change", "naming"]].assign(
            accuracy_gain=along("compared", **gains),
            share_over_even=mean.share - mean.even_share,
            share_by_answer=mean.shares / mean.answers,
            rate_selection=apart(mean.rate_change, "at", "read", "others"),
            naming_gain=apart(mean.naming, "attention", "attended", "unattended"),
            entropy_gap=apart(mean.entropies / mean.answers, "answer", "wrong", "right"),
        )

    strips = xr.Dataset({k: v.mean(set(v.dims) & {"order", "step"}) for k, v in by_strip.items()})
    with stage("intervals"):
        found: xr.Dataset = bootstrap(means, strips, "strip", n=s.resamples, level=s.level, rng=rng)
    found["accuracy_by_seed"] = strips.accuracy.mean("strip")
    for name, array in found.items():
        units = "nat" if name == "entropy_gap" else "1"
        array.attrs = {"units": units, "long_name": WORDS[str(name)]}
    return found


def along(dim: str, **arrays: xr.DataArray) -> xr.DataArray:
    """Arrays lined up along a new dimension, named by their words."""
    return xr.concat(list(arrays.values()), dim).assign_coords({dim: list(arrays)})


def misread(data: xr.Dataset) -> str:
    """Where the weights lie when the answer is wrong."""
    share = float(data.share_by_answer.sel(answer="wrong", bound="value"))
    return f"{share:.0%} of the weights lie on the digit asked for: it is misread, not missed"


DESIGN = Source(detail="our design: an aligned gain selects")
SOFTMAX = Source(detail="softmax, in single precision")
DIFFUSE = Source(detail="chosen here: diffuse attention would be a sign of not knowing where")


def above_zero(name: str, source: Source, effect: str, known: Any = "", **at: Any) -> ex.Claim:
    """That an estimate is above zero."""
    return ex.Claim(name, lambda d: d[name].sel(**at), ex.Above(0), source, effect, True, known)


CLAIMS = (
    *(
        above_zero("accuracy_gain", source, effect, compared=[compared])
        for compared, (effect, source) in COMPARED.items()
    ),
    ex.Claim(
        "accuracy_gain_of_the_worst_seed",
        lambda d: d.accuracy_by_seed.sel(reader=["even", "content"]).diff("reader").min(),
        ex.Above(0),
        PAPER,
        "learned attention reads better than even weights at every seed",
    ),
    above_zero("share_over_even", PAPER, "weights lie on the digit that is read"),
    ex.Claim(
        "sum_off_one", lambda d: abs(d.total - 1).max(), ex.Below(1e-5), SOFTMAX, "weights sum to 1"
    ),
    ex.Claim(
        "lowest_weight", lambda d: d.weight.min(), ex.AtLeast(0), SOFTMAX, "no weight is negative"
    ),
    above_zero("entropy_gap", DIFFUSE, "weights are wider where answers are wrong", misread),
    above_zero("rate_selection", DESIGN, "rates rise at the digit read against the others"),
    above_zero("naming_gain", DESIGN, "the strip is named as the digit that is read"),
    ex.settled_claim(),
)

SMALL = {"count": 10, "learned.seeds": [0], "resamples": 20}
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse, compiled=False, small=SMALL)
