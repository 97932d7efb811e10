"""Loading a configuration, and every way in which it is refused with one line."""

import pytest

from cortex.experiment import ConfigError, load_config
from cortex.settings import Settings, quantity, replaced, settings
from tests.refusals import refusal

RING = "ring_normalization"


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("circuit.tau_E=-5", "circuit.tau_E: found -5, allowed: a number > 0 [ms]"),
        ("circuit.tau_E=slow", "circuit.tau_E: found 'slow', allowed: a number > 0 [ms]"),
        ("circuit.tau_E=true", "circuit.tau_E: found true, allowed: a number > 0 [ms]"),
        ("circuit.J_EE=nan", "circuit.J_EE: found nan, allowed: a number >= 0 [1/(Hz deg)]"),
        ("circuit.J_EE=inf", "circuit.J_EE: found inf, allowed: a number >= 0 [1/(Hz deg)]"),
        ("circuit.units=5.5", "circuit.units: found 5.5, allowed: a whole number >= 2 and <= 4096"),
        ("contrasts=[2,-1]", "contrasts.values[1]: found -1, allowed: a number > 0"),
        (
            "contrasts.curve=[5,1,9]",
            "contrasts.curve: found [5, 1, 9], allowed: [lowest, highest, points] with 0 < lowest "
            "< highest and 2 to 10000 points",
        ),
        ("contrasts=[2,2.0]", "contrasts.values: found [2, 2], allowed: each one once"),
        (
            "orientations=[1,2,3]",
            "orientations: found [1, 2, 3], allowed: a list of 2 numbers [deg]",
        ),
        ("seed=-1", "seed: found -1, allowed: a whole number >= 0"),
        (
            "circuit.J_EE.x=5",
            "circuit.J_EE: found a section, allowed: a number >= 0 [1/(Hz deg)]",
        ),
        ("nonsense", "--set nonsense: allowed: path=value, such as seed=1"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    assert refusal(load_config, RING, [setting], error=ConfigError) == line


def test_an_unknown_key_lists_those_of_its_section():
    line = refusal(load_config, RING, ["circuit.tauE=5"])
    assert line.startswith("circuit.tauE: unknown key 'tauE' (did you mean 'tau_E'?), allowed: ")
    assert "J_EE, J_IE" in line
    assert "contrasts" not in line


def test_an_unknown_experiment_suggests_a_close_one():
    with pytest.raises(ConfigError, match=r"did you mean 'ring_normalization'\?"):
        load_config("ring_normalisation")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"experiment = 'ring_normalization'\nseed =", "not valid TOML: "),
        (b"\xff\xfe", "not a TOML file"),
        (b"seed = 1", "experiment: missing, allowed: the name of an experiment"),
        (b"experiment = 3", "experiment: found 3"),
        (b"experiment = 'ring'", "experiment: unknown experiment 'ring'"),
        (b"experiment = 'ring_normalization'\n[circuit]\nn = 'a'", "circuit.n: found 'a'"),
        (b"experiment = 'ring_normalization'\n[brain]\nn = 1", "brain: unknown key 'brain'"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_bytes(text)
    line = refusal(load_config, path, error=ConfigError)
    assert line.startswith(str(path))
    assert words in line


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "config.toml").touch()
    with pytest.raises(ConfigError, match=r"did you mean .*config\.toml"):
        load_config(tmp_path)


def test_what_stands_in_a_file_is_blamed_on_it_and_what_was_set_is_not(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("experiment = 'ring_normalization'\n[circuit]\nn = 2.2\n")
    assert load_config(path).circuit.n == 2.2
    with pytest.raises(ConfigError, match=r"^circuit\.n: found -1"):
        load_config(path, ["circuit.n=-1"])


def test_settings_are_typed_and_the_last_one_wins():
    config = load_config(RING, ["circuit.n=3", "contrasts=[5, 20.5]", "circuit.n=2.5"])
    assert config.circuit.n == 2.5
    assert config.contrasts.values == (5.0, 20.5)
    assert config.contrasts.curve == (1.0, 100.0, 49)
    assert load_config(RING, ["seed=3"], seed=4).seed == 4


def test_a_setting_cannot_smuggle_in_another_key():
    with pytest.raises(ConfigError, match=r"^circuit\.n: found .2"):
        load_config(RING, ["circuit.n=2\nexperiment='x'"])


def test_a_configuration_cannot_be_changed():
    config = load_config(RING)
    with pytest.raises(ValueError, match="frozen"):
        config.circuit.n = 3.0


def test_replaced_leaves_the_original_alone():
    config = load_config(RING)
    assert replaced(config, {"circuit.n": 3.0, "seed": 2}).circuit.n == 3.0
    assert (config.circuit.n, config.seed) == (2.0, 0)
    with pytest.raises(KeyError):
        replaced(config, {"circuit.m": 3.0})
    with pytest.raises(KeyError):
        replaced(config, {"circuit.n.m": 3.0})


def test_a_setting_carries_its_unit_and_source():
    class Cells(Settings):
        tau: float = quantity(20, "ms", "time constant", source="somebody 1999", gt=0)

    assert list(settings(Cells())) == [("tau", 20, "ms", "time constant", "somebody 1999")]


def test_a_section_given_in_part_keeps_what_it_has_by_default_where_it_stands():
    """The ring of this experiment has 60 units, not the 180 of its class."""
    name = "feature_similarity_gain"
    whole, part = load_config(name), load_config(name, ["circuit.k=0.05"])
    assert whole.circuit.units == part.circuit.units == 60 != type(whole.circuit)().units
    assert part.circuit == whole.circuit.model_copy(update={"k": 0.05})
