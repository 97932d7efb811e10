import pytest

from cortex.experiment import kept as module
from cortex.experiment import load_config
from cortex.experiment.kept import kept
from cortex.settings import Row, settings

RING = "ring_normalization"


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A file of a package of one, and a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "package" / "module.py"
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(module, "_rooms", lambda: [file.parent])
    return file


def test_an_answer_is_kept_until_a_file_of_the_package_changes(package):
    assert kept("q", RING, lambda: ["first", [1, 0.1, None]]) == ("first", (1, 0.1, None))
    assert kept("q", RING, lambda: ["second"])[0] == "first"
    assert kept("other", RING, lambda: ["second"]) == ("second",)
    package.write_text("1")
    assert kept("q", RING, lambda: ["third"]) == ("third",)
    (package.parent / "more.toml").touch()
    assert kept("q", RING, lambda: ["fourth"]) == ("fourth",)


def test_what_is_no_experiment_of_the_package_is_not_kept(package):
    kept("q", "own.py", lambda: [1])
    assert kept("q", "own.py", lambda: [2]) == (2,)


@pytest.mark.parametrize("spoiled", ["", "{}", "[]", '{"state": 1'])
def test_a_spoiled_file_is_replaced(package, spoiled):
    kept("q", RING, lambda: [1])
    (file,) = module.cache_folder().rglob("*.json")
    file.write_text(spoiled)
    assert kept("q", RING, lambda: [2]) == kept("q", RING, lambda: [3]) == (2,)


def test_without_a_folder_to_keep_it_in_there_is_an_answer_all_the_same(package, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(package))
    assert kept("q", RING, lambda: [1]) == (1,)


def test_settings_come_back_as_they_were(package):
    rows = list(settings(load_config(RING)))
    for _ in range(2):
        assert [Row(*row) for row in kept("settings", RING, lambda: rows)] == rows
