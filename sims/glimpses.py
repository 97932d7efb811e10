"""Hard attention: a network that looks by glimpses learns where to look, and circuits follow it.

Shown: a handwritten digit somewhere on a canvas, among pieces of other digits. Simulated: a
recurrent network that sees a small, coarse-edged patch at a time, at places that it chooses
(trained by REINFORCE), at random ones, and once at the centre, each trained with its own kind of
places. Then the digit network with circuits sees what was chosen, covertly: the canvas, halved,
with a window of attention at the last glimpse; and overtly: a cut around it. Random places, no
choice (no window, the centre) and the digit's own place are what that is compared with. Measured:
accuracy by glimpses, where they go, E and I rates on the digit and off it, and detection.

Source: Mnih, Heess, Graves & Kavukcuoglu 2014, "Recurrent models of visual attention". Sizes, the
training, and that a glimpse becomes a gain on circuits are our design.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.signal_detection import Rates
from cortex.analysis.yes_no import said_by_detectors
from cortex.areas import SSN, VisualSystem
from cortex.attention import EnergyMatched, NoAttention, SpatialWindow
from cortex.attention.glimpses import Retina
from cortex.labelled import Labelled, coordinate, each, label
from cortex.models.digit_images import HeldOutDigits
from cortex.models.learned import trained_source
from cortex.models.learned.glimpses import CANVAS, GLIMPSES, answers
from cortex.models.learned.hard_digits import circuits_system, split
from cortex.models.networks import SolverSection, WeightsSection
from cortex.progress import stage
from cortex.settings import quantity
from cortex.sources import Source
from cortex.stimuli import Digits, halve
from cortex.stimuli.cluttered_digits import Canvas, cluttered_digits
from cortex.studies.learned_source import LearnedSettings
from cortex.tasks import Observer

POLICIES = ("learned", "random", "centre")  # centre: one glimpse there
PLACES = (*POLICIES, "digit")  # of a window or a cut; centre: no window, the eyes stay
DIGIT = 28  # px


class Settings(HeldOutDigits):
    """Settings of `glimpses`."""

    images: int = quantity(1000, "1", "images, each of another held-out digit", ge=20, le=1000)
    cases: int = quantity(200, "1", "of them also seen by the network with circuits", ge=10)
    on_digit: float = quantity(10.0, "px", "a glimpse this near a digit's middle is on it", gt=0)
    learned: LearnedSettings = LearnedSettings()
    layer: int = quantity(1, "1", "layer attended, 1 the lowest", ge=1, le=3)
    width: float = quantity(0.2, "1", "SD of the window, as a share of the image", gt=0)
    surround: float = quantity(0.25, "1", "taken from the whole map, share of the peak", ge=0)
    network: WeightsSection = WeightsSection()
    circuit: SSN = SSN()
    solver: SolverSection = SolverSection()
    detector_digits: int = quantity(2000, "1", "single digits that detectors learn from", ge=100)
    resamples: int = ex.bootstrap_resamples(1000, "images")
    level: float = ex.interval_level()


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Every trained network looks; then the circuits look at the places chosen."""
    trained, maps = s.learned.load(trained_source("glimpses")), dict.fromkeys(("row", "column"))
    training, held_out = split()[0], s.test_digits()
    shown = one_of_each(s, key, held_out, s.images, CANVAS)
    seeds = coordinate(s.learned.seeds, "1", "seed of the training")

    def glimpses(policy: str, seed: int) -> Any:
        return answers(trained[seed][0], policy, shown, jax.random.fold_in(key, 1 + seed))

    with stage("looking by glimpses"):
        right, place = each(policy=POLICIES, seed=seeds)(glimpses)
    few, last = shown.images[: s.cases], place.values[:, :, : s.cases, -1]
    places = dict(zip(POLICIES, last, strict=True))
    places["digit"] = jnp.broadcast_to(shown.places[: s.cases], last[0].shape)
    with stage("detectors of digits anywhere, and of digits in the middle"):
        system = circuits_system(s.network, s.circuit, s.solver)
        anywhere, central = (fit(s, system, key, training, side) for side in (CANVAS.side, DIGIT))
    window = EnergyMatched(SpatialWindow(width=s.width, surround=s.surround), s.learned.size)
    before = anywhere.first_pass(halved(few))
    with stage("circuits", total=2 * len(PLACES) * len(seeds)) as advance:

        def look(looking: str, where: str, seed: int) -> dict[str, Labelled]:
            at = places[where][s.learned.seeds.index(seed)]
            if looking == "covert":
                source = (NoAttention() if where == "centre" else window).at(s.layer)
                found = anywhere.next_pass(before, source(place=at))
            else:
                found = central.first_pass(cut(few, at))
            advance()
            rates: Any = found.layers[s.layer - 1].rates
            mean = rates.map(lambda r: r.mean(axis=1))
            return {
                "logits": label(found.logits, "1", "logit", case=None, category=None),
                "settled": label(found.settled, "1", "whether all circuits settled", case=None),
                "rates": label(mean, "Hz", "rate, mean over maps", case=None, **maps),
            }

        looks = each(looking=("covert", "overt"), where=PLACES, seed=seeds)(look)
    clean = one_of_each(s, key, held_out, s.images, Canvas(pieces=0)).images[: s.cases]
    known = jnp.argmax(anywhere(halved(clean)), axis=1) == shown.labels[: s.cases]
    inside = shown.inside(looks["rates"].values.shape[-2:])[: s.cases]
    number = coordinate(range(1, GLIMPSES + 1), "1", "number of glimpses")
    of: dict[str, Any] = {"image": None, "glimpse": number}
    return looks | {
        "rates": looks["rates"].sel(looking="covert"),
        "right": right.named("1", "whether the class is right", **of),
        "place": place.named("1", "place looked at, as a share of the side", **of, axis=None),
        "clean": label(known, "1", "whether the class is right without clutter", case=None),
        "digit": label(shown.places, "1", "the digit's middle", image=None, axis=None),
        "inside": label(inside, "1", "whether a place is on the digit", case=None, **maps),
        "label": label(shown.labels, "1", "class of the digit", image=None),
        "example": label(shown.images[:8], "1", "some images", drawn=None, y=None, x=None),
    }


# As the digit network expects images: canvases at half their size, and what lies around places.
halved = jax.jit(lambda images: jax.vmap(halve)(images)[:, None])
cut = jax.jit(lambda images, places: jax.vmap(Retina(DIGIT, 1))(images, places))


def one_of_each(s: Settings, key: Array, digits: Digits, count: int, canvas: Canvas) -> Any:
    """One image of each of so many digits; their places do not depend on the clutter."""
    order = np.random.default_rng(s.seed).permutation(len(digits))[:count]
    return cluttered_digits(key, digits, jnp.asarray(order), canvas)


def fit(s: Settings, system: VisualSystem, key: Array, digits: Digits, side: int) -> Observer:
    """Detectors fitted to digits without clutter, anywhere on a canvas or on one of their size."""
    canvas = Canvas(side=side, pieces=0)
    shown = one_of_each(s, jax.random.fold_in(key, 0), digits, s.detector_digits, canvas)
    images = shown.images[:, None] if side == DIGIT else halved(shown.images)
    return Observer.fit(system, images, np.asarray(shown.labels))


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Accuracy and places by glimpses, rates and detection, with intervals over images."""
    distance = np.sqrt(((data.place - data.digit) ** 2).sum("axis")) * CANVAS.side
    glimpses = data[["right"]].assign(distance=distance, on_digit=distance < s.on_digit)
    looks = said_by_detectors(
        data.logits, data.label.isel(image=slice(s.cases)).rename(image="case")
    )
    parts = (data.inside, ~data.inside)
    rates = [data.rates.where(part).mean(("row", "column")) for part in parts]
    looks["rate"] = xr.concat(rates, "part").assign_coords(part=["on", "off"])
    options: dict[str, Any] = {"n": s.resamples, "level": s.level, "rng": rng}
    with stage("intervals"):
        found = dict(bootstrap(by_glimpses, glimpses.astype(float), "image", **options))
        found |= bootstrap(by_place, looks.astype(float), "case", **options)
    found |= {"distance": distance, "on_digit": glimpses.on_digit, "chosen": looks.chosen}
    return {
        name: found[name].assign_attrs(units=unit, long_name=text)
        for name, (unit, text) in WORDS.items()
    }


WORDS = {
    "distance": ("px", "distance to the digit"),
    "on_digit": ("1", "whether a glimpse is on the digit"),
    "chosen": ("1", "whether the digit's detector has the largest logit"),
    "accuracy": ("1", "right answers"),
    "accuracy_gain": ("1", "right answers, last learned glimpse minus others"),
    "nearer": ("px", "distance to the digit, random minus learned places"),
    "on_digit_gain": ("1", "share of glimpses on the digit, learned minus random places"),
    "detection": ("1", "detection"),
    "covert_gain": ("1", "detection, window at the learned place minus at others"),
    "overt_gain": ("1", "detection, cut around the learned place minus others"),
    "rate": ("Hz", "rate of the attended layer"),
    "rate_gain": ("Hz", "rate on the digit, learned minus random place"),
}


def by_glimpses(drawn: xr.Dataset) -> xr.Dataset:
    """Means over seeds and images, and what learned places gain at the last glimpse."""
    mean = drawn.mean(("seed", "image"))
    own, chance, centre = (mean.sel(policy=name, drop=True) for name in POLICIES)
    others = {"random places": chance.right, "one central glimpse": centre.right}
    others = {name: right.isel(glimpse=-1) for name, right in others.items()}
    others["the first glimpse"] = own.right.isel(glimpse=0)
    own, chance = own.isel(glimpse=-1, drop=True), chance.isel(glimpse=-1, drop=True)
    gains = [own.right - right.drop_vars("glimpse") for right in others.values()]
    found = {
        "accuracy": mean.right,
        "accuracy_gain": xr.concat(gains, "over").assign_coords(over=list(others)),
        "nearer": chance.distance - own.distance,
        "on_digit_gain": own.on_digit - chance.on_digit,
    }
    return xr.Dataset(found)


def by_place(drawn: xr.Dataset) -> xr.Dataset:
    """Rates and detection, means over seeds, and what the learned place gains."""
    mean = drawn.mean("case")
    sensitivity = mean.hit.copy(data=Rates(mean.hit.values, mean.false_alarms.values).sensitivity)
    both = xr.concat([sensitivity, mean.chosen], "quantity").mean("seed")
    both = both.assign_coords(quantity=["sensitivity", "chosen"])
    others = both.sel(where=["centre", "random"]).rename(where="beside")
    gain = both.sel(where="learned", drop=True) - others
    gains = {f"{name}_gain": gain.sel(looking=name, drop=True) for name in ("covert", "overt")}
    rate = mean.rate.mean("seed")
    own, chance = (rate.sel(part="on", where=name, drop=True) for name in POLICIES[:2])
    return xr.Dataset({"detection": both, "rate": rate, "rate_gain": own - chance, **gains})


def at_the_digit(d: xr.Dataset, place: Any) -> str:
    """What a window at the digit itself gains, the most that places can."""
    best = d.detection.sel(looking="covert", quantity=place["quantity"], bound="value")
    gain = float(best.sel(where="digit") - best.sel(where=place["beside"]))
    return f"a window at the digit itself gains {gain:.3g}"


MNIH = Source("mnih2014", "direction")
HERE = Source(detail="direction: expected here")
LEARNED = "learned places beat random ones and one glimpse, and more glimpses help"
EFFECTS = {
    "nearer": "learned places are nearer to the digit than random ones",
    "on_digit_gain": "and more often on it",
    "rate_gain": "a window at the learned place raises rates on the digit",
    "covert_gain": "detection: a window at the learned place beats none and a random one",
    "overt_gain": "detection: a cut around the learned place beats the centre and a random one",
}
KNOWN = {"covert_gain": at_the_digit}

CLAIMS = (
    ex.Claim("accuracy_gain", attrgetter("accuracy_gain"), ex.Above(0), MNIH, LEARNED, True),
    *(
        ex.Claim(name, attrgetter(name), ex.Above(0), HERE, effect, True, KNOWN.get(name, ""))
        for name, effect in EFFECTS.items()
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small={"images": 24, "cases": 12, "learned.seeds": [0], "detector_digits": 100}
    | {"resamples": 20},
)
