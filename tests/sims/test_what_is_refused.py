"""Settings that an experiment cannot do, and files that it does not find: one line each."""

import jax
import pytest

from cortex.experiment import ConfigError, load_settings
from cortex.stimuli.public_data import VARIABLE
from tests.refusals import refusal

SETTINGS = {
    "area_hierarchy": [("hierarchy.feedback=[-1.0, 0.5]", "hierarchy.feedback[0]: found -1.0")],
    "arousal": [
        ("trials=20", "trials: found 20, allowed: multiples of 32"),
        ("levels=[[1.0, 0.0], [0.5, -1.0], [2.0, 2.0]]", "allowed: rising"),
        ("levels=[[0.5, -1.0], [2.0, 2.0], [3.0, 3.0]]", "with [1, 0] among them"),
    ],
    "arousal_selectivity": [("orientations=8", "orientations: found 8, allowed: multiples of 6")],
    "contrast_or_response_gain": [
        ("patches=[4.0, 0.5]", "patches: found [4, 0.5], allowed: rising numbers [deg]"),
        ("fields=[2.0, 2.0]", "fields: found [2, 2], allowed: rising numbers [deg]"),
    ],
    "cued_category": [
        ("per_category=10", "a whole number >= 8 and <= 100000 and a multiple of 4"),
        ("layer=4", "layer: found 4, allowed: one of 1, 2, 3"),
        ("invalid=[10]", "invalid[0]: found 10, allowed: a whole number >= 1 and < 10"),
        ("noise=[0.5, 0.5]", "noise.values: found [0.5, 0.5], allowed: each one once"),
    ],
    "cueing": [("trials=20", "trials: found 20, allowed: multiples of 24")],
    "digits_detection": [
        ("network.layers=[4]", "network.layers: found [4], allowed: some of 1 to 3"),
        ("network.layers=[1, 2]", "allowed: all of 1 to 3, or network.how = 'inserted'"),
        ('attention.sources=["luck"]', "sources[0]: found 'luck', allowed: one of 'tuning', 'gra"),
    ],
    "fit_contrast_response": [("circuit.J_EI=0", "its log is fitted")],
    "mechanism_comparison": [
        ('mechanisms=["telepathy"]', "found ['telepathy'], allowed: arousal, place"),
        ('mechanisms=["place", "place"]', "each one once"),
        ("per_category=5", "per_category: found 5"),
    ],
    "noisy_detection": [
        ("compared.contrasts=[2.0]", "contrasts: found [2.0], allowed: 1 first"),
        ('compared.everywhere=["place"]', "everywhere: found ['place'], allowed: uniform"),
        ("before=4.0", "before: found 4 ms, allowed: multiples of 2.5 ms"),
        ("windows=[[20.0, 10.0]]", "windows: found"),
    ],
    "object_detection": [
        ("images.per_category=9", "images.per_category: found 9, allowed: an even number"),
        ('attention.sources=["luck"]', "sources[0]: found 'luck', allowed: one of 'tuning', 'gra"),
        ('attention.sources=["tuning", "tuning"]', "['tuning', 'tuning'], allowed: each one once"),
    ],
    "orientation_detection": [
        ("gratings.trials=7", "trials: found 7, allowed: an even number >= 4"),
        ("attention.control_layers=[2]", "found [2], allowed: some of [8, 13, 15, 18]"),
        ("network.circuits=[19]", "circuits: found [19], allowed: some of 1 to 18"),
    ],
    "saccades_and_tasks": [
        ("bars=37", "allowed: 16 to 36, one a cell"),
        ('tasks=["free", "purple"]', "tasks"),
        ('tasks=["red", "red"]', "each one once"),
    ],
    "saliency_search": [
        ("set_sizes=[4, 37]", "allowed: 2 to 36, one bar a cell"),
        ("set_sizes=[4, 4]", "each one once"),
        ("shown_size=40", "allowed: 2 to 36"),
        ("scan.threshold=1.0", "threshold"),
    ],
    "sheet_orientation_map": [("margin=8.0", "places: found 12, allowed: <= 1")],
    "shiftable_window": [("items=12", "found 12 items of 9 units, allowed: as many as fit")],
    "spatial_and_feature_attention": [
        ("attention.strengths=[1.0, 0.5]", "allowed: ascending"),
        ("gratings.cued=4", "cued"),
    ],
}


@pytest.mark.parametrize(
    ("name", "setting", "words"), [(name, *case) for name in SETTINGS for case in SETTINGS[name]]
)
def test_a_setting_that_cannot_be_is_refused_in_one_line(name, setting, words):
    assert words in refusal(load_settings, name, [setting], error=ConfigError)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("fixation_prediction", [], "`cortex data` says where"),
        ("fsgm_propagation", ["network.name='digits_vgg'", "network.circuits=[2]"], "'vgg16'"),
        (
            "glimpses",
            ["learned.weights='nowhere'", "images=20"],
            "nowhere/glimpses_0",
        ),
        ("orientation_detection", ["network.weights='nowhere.safetensors'"], "nowhere.safetensors"),
        ("sequence_reading", ["learned.weights='nowhere'"], "learned.weights, learned.seeds: "),
        ("soft_attention", ["learned.weights='nowhere'"], "found no file nowhere/"),
        ("task_gain_of_neurons", [], "`cortex data` says where"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(name, settings, words, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    experiment, asked = load_settings(name, settings)
    assert words in refusal(experiment.simulate, asked, jax.random.key(0))
