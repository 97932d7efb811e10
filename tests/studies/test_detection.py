"""Looks at hard images with and without attention, against one image at a time by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import (
    Additive,
    Multiplicative,
    QuadrantWindow,
    Sum,
    feature_pattern,
    quadrant_mask,
    spatial_pattern,
)
from cortex.studies import (
    Subject,
    activity_change,
    activity_slope,
    attend,
    by_values,
    detection_study,
    look,
)
from cortex.studies.looks import quadrant_places
from cortex.tasks import passes
from tests.areas import systems
from tests.progress import told
from tests.tasks.observers import CATEGORIES, IMAGES, NoiseTrials, observer_of

# Logits of order 5 from rates of order 50, found twice to a residual of 1e-5 times the
# amplification; in a plain network, float32 sums.
CLOSE = {"rtol": 0, "atol": 3e-3}


@pytest.fixture(scope="module")
def values():
    keys = jax.random.split(jax.random.key(2), 2)
    rows = zip(keys, systems.MAPS, strict=True)
    return tuple(0.5 * jax.random.normal(k, (CATEGORIES, n)) for k, n in rows)


def placed(values, spatial, form):
    """Feature attention and, by a fixed strength, the cued quadrant."""

    def source(layer, beta):
        feature = by_values(values, [form] * 2)(layer, beta)
        return Sum((feature, QuadrantWindow(spatial[layer - 1])), form)

    return source


@eqx.filter_jit
def one_look(observer, image, modulations):
    """One image through all areas, circuits from silence."""
    top = observer.system.respond(image, modulations)[-1]
    return observer.detectors(observer.system.readout.units(top.output))


def by_hand(observer, values, strengths, spatial, form):
    trials = NoiseTrials()
    answers = np.zeros((CATEGORIES, IMAGES))
    for c in range(CATEGORIES):
        for n in range(IMAGES):
            modulations = []
            for layer, shape in enumerate(systems.SHAPES):
                pattern = feature_pattern(values[layer][c], strengths[layer], shape[1:])
                mask = quadrant_mask(shape[1:], int(trials.quadrant[c, n]))
                place = spatial_pattern(mask, spatial[layer] * (strengths[layer] != 0), shape[0])
                modulations.append(form(pattern + place))
            image = jnp.asarray(trials.shown[c, n], jnp.float32)
            answers[c, n] = one_look(observer, image, modulations)[c]
    return answers


@pytest.mark.parametrize(
    ("kind", "form"),
    [("plain", Multiplicative(bidirectional=False)), ("circuits", Additive(2.0, to_I=0.5))],
)
def test_every_site_and_strength(kind, form, values):
    """Each from the attended layer on alone, and the same as from the image on."""
    observer = observer_of(kind)
    spatial = (0.0, 0.5)
    sites = {(1, 0): 0.8, (0, 1): 0.8, (1, 0.5): 0.4}
    source = placed(values, spatial, form)
    attentions = [attend(source, shares, beta) for shares, beta in sites.items()]
    before, after = look(observer, NoiseTrials(), attentions, batch=4)
    expected = by_hand(observer, values, (0, 0), (0, 0), form)
    np.testing.assert_allclose(before.answers, expected, **CLOSE)
    assert before.settled.all()
    image = jnp.asarray(NoiseTrials().shown[1], jnp.float32)
    respond = eqx.filter_jit(lambda x: [area.rates.E for area in observer.system.respond(x)])
    for rates, *responses in zip(before.rates, *map(respond, image), strict=True):
        np.testing.assert_allclose(rates.E[1], np.mean(responses, (0, 2, 3)), rtol=1e-3, atol=1e-4)
    for (shares, beta), found in zip(sites.items(), after, strict=True):
        # What is placed gets its share as well.
        own = [share * beta for share in shares]
        place = [share * one for share, one in zip(shares, spatial, strict=True)]
        expected = by_hand(observer, values, own, place, form)
        np.testing.assert_allclose(found.answers, expected, **CLOSE)
        assert np.abs(expected - before.answers).max() > 0.05
        # Layers below were not computed again, and are not given out as if they were.
        assert np.isnan(found.rates[0].E).all() == (shares[0] == 0)
        assert np.isfinite(found.rates[1].I).all()
        assert found.settled.all()


def test_the_batch_does_not_matter_and_images_are_made_once(values):
    observer = observer_of("plain")
    attention = attend(by_values(values, [Multiplicative()] * 2), (1, 1), 0.5)
    trials = NoiseTrials()
    before, after = look(observer, trials, [attention] * 2, batch=4)
    assert sorted(trials.asked) == [(c, s, s + 3) for c in range(3) for s in (0, 3)]
    np.testing.assert_array_equal(after[0].answers, after[1].answers)
    again, _ = look(observer, NoiseTrials(), [], batch=IMAGES)
    np.testing.assert_allclose(again.answers, before.answers, **CLOSE)
    for a, b in zip(jax.tree.leaves(again.rates), jax.tree.leaves(before.rates), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_what_did_not_settle_is_said(values):
    """One image makes the circuit run away: its answer is NaN, no other is."""
    observer = observer_of("circuits")
    J = dict(systems.J, EI=1.0)
    wild = systems.circuit_area(systems.network().stages[0], systems.SHAPES[0], J=J)
    observer = eqx.tree_at(lambda o: o.system.areas[0], observer, wild)
    trials = NoiseTrials(scale=0.01)
    trials.shown[1, 2] = 5.0
    attention = attend(by_values(values, [Multiplicative()] * 2), (0, 1), 0.1)
    before, (after,) = look(observer, trials, [attention])
    for found in (before, after):
        assert np.argwhere(np.isnan(found.answers)).tolist() == [[1, 2]]
    assert np.argwhere(~before.settled).tolist() == [[1, 2]]


def test_nothing_is_compiled_for_another_layer_category_or_strength(values):
    """Strength, source, category and the form's numbers are data."""
    observer = observer_of("plain")

    def looks(of, form, strengths):
        source = by_values(of, [form] * 2)
        sites = ((1, 0), (0, 1), (1, 1))
        attentions = [attend(source, shares, beta) for shares in sites for beta in strengths]
        look(observer, NoiseTrials(), attentions)

    looks(values, Additive(1.0), (0.5,))
    compiled = passes._pass_layer.program._cached._cache_size()
    assert compiled > 0
    looks(tuple(-v for v in values), Additive(2.0), (0.3, 0.7))
    assert passes._pass_layer.program._cached._cache_size() == compiled


def test_a_place_is_the_middle_of_its_quadrant():
    found = quadrant_places(np.array([0, 1, 2, 3, -1]))
    expected = [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75], [0.5, 0.5]]
    np.testing.assert_array_equal(found, expected)


class Nowhere(NoiseTrials):
    """Without a place that can be cued."""

    def __init__(self):
        super().__init__()
        self.quadrant[:] = -1


@pytest.fixture(scope="module")
def study(values):
    forms = [Multiplicative()] * 2
    sources = {
        "values": by_values(values, forms),
        "spatial": lambda layer, beta: QuadrantWindow(beta),
    }
    everywhere = Subject(observer_of("plain"), sources)
    unplaced = Subject(observer_of("plain"), {"values": sources["values"]}, values)
    subjects = {"first": {"nowhere": unplaced, "places": everywhere}}
    with told() as rows:
        data = detection_study(
            subjects,
            {"nowhere": Nowhere(), "places": NoiseTrials()},
            at={"layer 1": (1, 0), "layer 2": (0, 1), "all": (0.5, 0.5)},
            strengths=(0.4, 0.8),
            asked=lambda task, source, site: source == "values" or site != "all",
        )
    return data, rows


def test_a_study_has_every_combination_in_its_place(study, values):
    data, _ = study
    axes = {"variant": 1, "task": 2, "source": 2, "site": 3, "strength": 2}
    assert dict(data["score"].sizes) == axes | {"category": CATEGORIES, "image": IMAGES}
    assert list(data["source"].values) == ["values", "spatial"]
    at = {"variant": "first", "task": "places", "source": "values", "strength": 0.8}
    observer, plain = observer_of("plain"), Multiplicative()
    for site, strengths in (("layer 2", (0, 0.8)), ("all", (0.4, 0.4))):
        expected = by_hand(observer, values, strengths, (0, 0), plain)
        np.testing.assert_allclose(data["score"].sel(at | {"site": site}), expected, **CLOSE)
    assert data["present"].values.tolist() == [True, False] * 3
    rates = data["rate"].sel(at | {"site": "layer 2", "population": "E"})
    assert np.isfinite(rates).values.tolist() == [False, True]
    assert bool(data["settled"].all())


def test_each_task_has_its_own_subject(study):
    data, _ = study
    missing = np.isnan(data["score"]).all(("site", "strength", "category", "image"))
    where = missing.sel(variant="first").transpose("task", "source")
    assert where.values.tolist() == [[False, True], [False, False]]


def test_what_was_not_asked_is_left_out(study, values):
    data, _ = study
    missing = np.isnan(data["score"]).all(("strength", "category", "image"))
    where = missing.sel(variant="first", task="places").transpose("source", "site")
    assert where.values.tolist() == [[False] * 3, [False, False, True]]
    assert np.isnan(data["settled_share"].sel(task="places", source="spatial", site="all")).all()
    # What was asked is in its place.
    at = {"variant": "first", "task": "places", "source": "spatial", "site": "layer 2"}
    forms = [Multiplicative()] * 2
    attention = attend(lambda layer, beta: QuadrantWindow(beta, forms[layer - 1]), (0, 1), 0.8)
    _, (alone,) = look(observer_of("plain"), NoiseTrials(), [attention])
    np.testing.assert_allclose(data["score"].sel(at | {"strength": 0.8}), alone.answers, **CLOSE)


def test_all_logits_have_an_axis(values):
    own = Subject(observer_of("plain"), {"v": by_values(values, [Multiplicative()] * 2)})
    subject = {"one": {"t": own}}
    how = {"at": {"layer 2": (0, 1)}, "strengths": (0.4,)}
    every = detection_study(subject, {"t": NoiseTrials()}, answer="all", **how)
    own = detection_study(subject, {"t": NoiseTrials()}, **how)
    assert every["score"].dims[-3:] == ("category", "image", "logit")
    diagonal = [every["score"].isel(category=c, logit=c) for c in range(CATEGORIES)]
    np.testing.assert_array_equal(
        np.stack(diagonal, axis=-2), own["score"].transpose(..., "category", "image")
    )


def test_everything_has_a_unit_and_progress_is_told(study):
    data, rows = study
    for name, variable in data.variables.items():
        assert variable.attrs.get("units"), name
        assert variable.attrs.get("long_name"), name
    looks = CATEGORIES * IMAGES * (2 + 2 * 3 * 2 + 2 * 2)
    assert rows == [["first: hard images", looks, looks]]


def test_activity_follows_values():
    rng = np.random.default_rng(0)
    values, before = rng.normal(size=(3, 5)), rng.uniform(1, 5, (3, 5))
    before[:, 4] = 0  # a silent map
    assert activity_slope(before * np.exp(0.7 * values), before, values) == pytest.approx(0.7)
    assert np.isnan(activity_slope(before[:1, :2], before[:1, :2], values[:1, :2]))


def test_a_change_of_activity_has_no_sign_and_silent_maps_do_not_count():
    rng = np.random.default_rng(1)
    before, size = rng.uniform(1, 5, (3, 5)), rng.uniform(0.1, 1, (3, 5))
    sign = rng.choice([-1, 1], (3, 5))
    after = before * np.exp(sign * size)
    assert activity_change(after, before) == pytest.approx(size.mean())
    before[:, 4], after[:, 4] = 0, 7.0
    assert activity_change(after, before) == pytest.approx(size[:, :4].mean())
    silenced = np.where(np.arange(5) == 0, 0.0, before)
    assert activity_change(silenced, before) == pytest.approx(np.log(100) / 4)
    assert np.isnan(activity_change(np.full((3, 5), np.nan), before))
    assert activity_change(before, before) == 0
