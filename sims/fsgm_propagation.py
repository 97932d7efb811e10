"""Feature-similarity gain applied at one layer: does it stay, fade or emerge at those above?

Shown: gratings that fill the image, in every orientation and five colours.
Simulated: a large network with attention to the orientation shown, by tuning values or by
gradient values, at one of five layers; without circuits and with circuits at some layers.
Measured: the ratio of attended to unattended activity of every map, at the layer attended and at
all above it, against how much the map prefers the orientation; the share of maps with *feature
matching* (a falling line that starts above 1); and, with two gratings in an image, how much
attention turns the response of a layer towards that to the attended orientation alone.

Source: Lindsay & Miller 2018, eLife 7:e38105, for the test. Their layers are 2, 6, 8, 10 and 12 of
the 13 of VGG-16; those of other networks have the same relative depth. Colours, circuits, and our
reading of the measure of angles are chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.analysis.propagation import propagation, propagation_dataset
from cortex.analysis.similarity_gain import turn_of_deviation, turn_towards
from cortex.experiment import (
    ConfigError,
    Measure,
    Positive,
    Progress,
    Stage,
    quantity,
)
from cortex.labelled import variable
from cortex.measures.propagation_rows import propagation_measures
from cortex.models.networks import NetworkSection, StudyNetwork, load_study_network
from cortex.models.study import CODE, HERE, PAPER, FormSection, StatisticsSection
from cortex.stimuli import FullFieldTrials, GratingField, GratingTrials
from cortex.stimuli.grating_images import ORIENTATIONS, normalised
from cortex.stimuli.trials import AbstractTrials
from cortex.studies import Looked, look
from cortex.studies import attend as attend_to
from cortex.studies.gratings import (
    Gratings,
    GratingSettings,
    LearnedGratings,
    SourceName,
    learn_gratings,
)
from cortex.tasks import area_under_curve

PUBLISHED_LAYERS, PUBLISHED_DEPTH = (2, 6, 8, 10, 12), 13
BATCH = 5  # images at a time, as many as there are colours


class FieldSection(Gratings):
    """Gratings to learn from, and to be tested with; `trials` have two of them, for angles."""

    phases: int = quantity(
        1, "1", "phases of each colour in the test, evenly spaced", source=HERE, ge=1
    )


class AttentionSection(FormSection):
    """What attention is applied by, where and how."""

    sources: tuple[SourceName, ...] = Field(
        ("tuning", "gradient"),
        min_length=1,
        description="values attention is applied by; the others are controls",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    layers: tuple[int, ...] = quantity(
        (),
        "1",
        "layers attended, one at a time, 1 the lowest; none: equivalents of the published ones",
        source=f"{PAPER}: 2, 6, 8, 10, 12 of 13",
    )
    strength: Positive = quantity(0.5, "1", "beta", source=CODE)

    @model_validator(mode="after")
    def _distinct(self) -> AttentionSection:
        for name in ("sources", "layers"):
            found = getattr(self, name)
            if len(set(found)) < len(found):
                raise ValueError(f"{name}: found {list(found)}, allowed: each one once")
        return self


class MapsSection(StatisticsSection):
    """Which maps count, and the bootstrap over them."""

    least_activity: float = quantity(
        1e-3,
        "1",
        "activity, as a share of the layer's mean, below which a map has no ratio",
        source=f"{HERE}; 0 as published",
        ge=0,
    )
    resamples: int = quantity(300, "1", "bootstrap resamples over maps", source=HERE, ge=10)


class Config(GratingSettings):
    """Configuration of `fsgm_propagation`."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(14,)
    )
    gratings: FieldSection = FieldSection(detectors=10, tuning=10, trials=4)
    attention: AttentionSection = AttentionSection()
    statistics: MapsSection = MapsSection()


def attended_layers(config: Config, layers: int) -> tuple[int, ...]:
    """Layers attended, 1 the lowest, of a network that has `layers` of them.

    By default those whose depth, 0 at the first layer and 1 at the last, is nearest to that of
    the published ones in VGG-16; the published ones themselves for 13 layers.

    Raises
    ------
    ConfigError
        A layer that the network does not have.
    """
    beyond = [layer for layer in config.attention.layers if not 1 <= layer <= layers]
    if beyond:
        raise ConfigError(f"attention.layers: found {beyond}, allowed: 1 to {layers}")
    scale = (layers - 1) / (PUBLISHED_DEPTH - 1)
    same = [1 + int((layer - 1) * scale + 0.5) for layer in PUBLISHED_LAYERS]
    return config.attention.layers or tuple(dict.fromkeys(same))


class FirstAlone(AbstractTrials):
    """The images of two gratings without the second: what is attended, alone.

    Parameters
    ----------
    pairs
        All of them with the orientation sought, which the first grating has.
    """

    def __init__(self, pairs: GratingTrials):
        self.pairs = pairs
        self.present, self.quadrant = pairs.present, pairs.quadrant

    def images(self, category: int, start: int, stop: int) -> Array:
        """Images of one orientation, as the network expects them."""
        first = (category, slice(start, stop), slice(1))
        drawn = _draw(
            self.pairs.field,
            jnp.asarray(self.pairs.orientations[first]),
            jnp.asarray(self.pairs.colours[first]),
            jnp.asarray(self.pairs.phases[first], float),
            jnp.asarray(self.pairs.quadrants[first]),
        )
        return normalised(drawn, self.pairs.preprocessing)


@eqx.filter_jit
def _draw(field: GratingField, orientation: Array, colour: Array, phase: Array, at: Array) -> Array:
    return jax.vmap(field.in_quadrants)(
        field.orientations[orientation], field.colours[colour], phase, at
    )


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns, and is tested with attention at one layer after the other."""
    found = load_study_network(config.network)
    attended = attended_layers(config, len(found.layers))
    images = config.gratings.images(found, config.seed, positive_only=True)
    full_field = FullFieldTrials(
        images.field, config.gratings.phases, preprocessing=found.preprocessing
    )
    variants = []
    for variant, ready in learn_gratings(config, found, images, batch=BATCH).items():
        system = ready.orientation.system
        conditions = len(config.attention.sources) * len(attended)
        looks = 1 + conditions + any(area.recurrent for area in system.areas)
        total = looks * (len(full_field) + len(images.trials)) + len(images.trials)
        with progress.stage(f"{variant}: gratings with attention", total=total) as stage:
            variants.append(
                attend(config, ready, full_field, images.trials, attended, stage)
                | {"feature_error": ready.feature_error}
            )
    with progress.stage("lines and intervals"):
        return label(config, found, attended, variants)


def attend(
    config: Config,
    learned: LearnedGratings,
    full_field: FullFieldTrials,
    pairs: GratingTrials,
    attended: Sequence[int],
    stage: Stage,
) -> dict[str, np.ndarray]:
    """One variant with and without attention; the maps of all layers in one row.

    Returns
    -------
    dict of arrays
        ``tuning`` and ``rate``, unattended, (orientation, map); ``values`` (source, orientation,
        map); ``ratio`` (source, attended, orientation, map); ``turn`` and ``turn_centred``
        (source, attended, recorded layer, orientation); ``settled`` (source, attended);
        ``settled_unattended`` (); ``detector_auc`` (orientation).
    """
    a, system = config.attention, learned.orientation.system
    areas = len(system.areas)
    by = {name: learned.by(name) for name in learned.values}
    alone_at = np.eye(areas)
    attentions = [
        attend_to(by[source], alone_at[layer - 1], a.strength)
        for source in a.sources
        for layer in attended
    ]

    # Searches with attention start from the states found without it. So does one more search
    # without attention, to compare with: what a search leaves of its start is then in both.
    again = [attend_to(by["nothing"], alone_at[0], 0.0)]
    again *= any(area.recurrent for area in system.areas)

    def seen(trials: AbstractTrials) -> tuple[Looked, list[Looked]]:
        unattended, outcomes = look(
            learned.orientation,
            trials,
            [*again, *attentions],
            batch=BATCH,
            answer="all",
            advance=stage.advance,
        )
        return (outcomes[0], outcomes[1:]) if again else (unattended, outcomes)

    alone, alone_attended = seen(full_field)
    both, both_attended = seen(pairs)
    first, _ = look(learned.orientation, FirstAlone(pairs), (), batch=BATCH, advance=stage.advance)
    grid = (len(a.sources), len(attended))
    E_alone, E_both, E_first = ([layer.E for layer in o.rates] for o in (alone, both, first))
    rate = np.concatenate(E_alone, axis=1)
    least = config.statistics.least_activity
    floor = np.concatenate([np.full(r.shape[1], least * r.mean()) for r in E_alone])
    counted = (rate > 0) & (rate > floor)
    ratio = np.stack(
        [np.concatenate([layer.E for layer in o.rates], axis=1) for o in alone_attended]
    )
    ratio = np.where(counted, ratio, np.nan) / np.where(counted, rate, 1.0)
    turns = {
        name: np.stack(
            [
                [
                    one(layer.E, *rates)
                    for layer, *rates in zip(o.rates, E_both, E_first, strict=True)
                ]
                for o in both_attended
            ]
        ).reshape(*grid, areas, -1)
        for name, one in (("turn", turn_towards), ("turn_centred", turn_of_deviation))
    }
    categories = len(rate)
    # A detector's logits for every image of every orientation.
    logits = alone.answers.reshape(-1, categories).T
    orientation = np.repeat(np.arange(categories), alone.answers.shape[1])
    settled = [
        (one.settled.mean() + two.settled.mean()) / 2
        for one, two in zip(alone_attended, both_attended, strict=True)
    ]
    return {
        "tuning": np.concatenate(learned.values["tuning"], axis=1),
        "values": np.stack([np.concatenate(learned.values[s], axis=1) for s in a.sources]),
        "rate": rate,
        "ratio": ratio.reshape(*grid, *rate.shape),
        **turns,
        "settled": np.array(settled).reshape(grid),
        "settled_unattended": np.array((alone.settled.mean() + both.settled.mean()) / 2),
        "detector_auc": np.array(
            [area_under_curve(row, orientation == c) for c, row in enumerate(logits)]
        ),
    }


def label(
    config: Config,
    found: StudyNetwork,
    attended: Sequence[int],
    variants: Sequence[dict[str, np.ndarray]],
) -> xr.Dataset:
    """What `attend` gave for every variant, with its lines and shares by layer, named."""
    layers = np.arange(1, len(found.layers) + 1)
    of_map = np.repeat(layers, [len(stage.convolution.bias) for stage in found.network.stages])
    s = config.statistics
    how = {"resamples": s.resamples, "level": s.level, "seed": config.seed}
    summaries = [
        propagation(
            one["ratio"],
            one["tuning"],
            {name: one[name] for name in ("turn", "turn_centred")},
            of_map,
            attended,
            **how,
        )
        for one in variants
    ]
    data = propagation_dataset(
        [one | summary for one, summary in zip(variants, summaries, strict=True)], of_map
    )
    return data.assign_coords(
        variant=variable("variant", list(config.network.variants), "1", "network"),
        source=variable("source", list(config.attention.sources), "1", "attention is applied by"),
        attended=variable("attended", list(attended), "1", "layer attended, 1 the lowest"),
        layer_name=variable("layer", list(found.layers), "1", "name of the layer"),
        orientation=variable("orientation", ORIENTATIONS, "deg", "shown and attended"),
    )


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What happens at the layer attended, and what is left of it at the last."""
    return propagation_measures(data)
