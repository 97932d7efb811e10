"""The table over all experiments: what it holds, and what happens when one fails."""

import json
from types import SimpleNamespace

import pytest

from cortex.errors import UserError
from cortex.experiment import Measure, validation
from cortex.experiment.measures import OURS, PUBLISHED_NUMBER
from cortex.experiment.validation import Validated, summary, to_json, to_markdown, validate


def row(name, value, unit, holds=None, **more):
    return Measure(name=name, value=value, unit=unit, holds=holds, **more)


def rows():
    near = {"reference": 1.21, "relative": 0.02, "provenance": "a | b", "effect": "sum"}
    near["kind"] = PUBLISHED_NUMBER
    range_of = {"expected": "15 to 20", "provenance": "paper", "note": "It is flat."}
    range_of["kind"] = OURS
    return (
        row("w[c=2]", 1.2, "1", True, **near),
        row("peak", 14.7, "%", False, **range_of),
        row("lost", float("nan"), "Hz", False, expected="> 0", provenance="paper", kind=OURS),
    )


@pytest.fixture
def fake(monkeypatch):
    """Experiments that take no time: the first works, the second does not."""
    ran = []

    def run_experiment(config, folder, *, experiment):
        ran.append((config.experiment, folder))
        if config.experiment == "digits_detection":
            raise RuntimeError("out of\nluck")
        return SimpleNamespace(measures=[*rows(), row("other", 1.0, "1")])

    monkeypatch.setattr(validation, "run_experiment", run_experiment)
    return ran


def test_one_failure_does_not_stop_the_others(fake, tmp_path):
    out = tmp_path / "out"
    names = ["digits_detection", "ring_normalization"]
    done, folder = validate(names, out)
    assert folder == out
    assert fake == [(name, out / name) for name in names]
    assert [one.failure for one in done] == ["RuntimeError: out of luck", ""]
    assert [m.name for m in done[1].measures] == ["w[c=2]", "peak", "lost"]
    assert summary(done) == (
        "1 of 3 rows hold: 1 of 1 published numbers met, 0 of 2 requirements of our own met. "
        "Did not run: digits_detection."
    )
    found = json.loads((out / "validation.json").read_text())
    assert found[0] == {"experiment": "digits_detection", "failure": "RuntimeError: out of luck"}
    assert [row["holds"] for row in found[1:]] == [True, False, False]
    assert (out / "validation.md").read_text() == to_markdown(done)


def test_the_table_is_there_after_every_experiment(fake, tmp_path, monkeypatch):
    def stop(config, folder, *, experiment):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    one = validation.run_experiment

    def first_then_stop(config, folder, *, experiment):
        chosen = one if config.experiment == "ring_normalization" else stop
        return chosen(config, folder, experiment=experiment)

    monkeypatch.setattr(validation, "run_experiment", first_then_stop)
    with pytest.raises(KeyboardInterrupt):
        validate(["ring_normalization", "digits_detection"], out)
    assert [row["measure"] for row in json.loads((out / "validation.json").read_text())] == [
        "w[c=2]",
        "peak",
        "lost",
    ]


def test_nothing_is_written_for_an_unknown_experiment_or_a_taken_folder(fake, tmp_path):
    with pytest.raises(UserError, match="unknown experiment 'nothing'"):
        validate(["ring_normalization", "nothing"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="not empty"):
        validate(["ring_normalization"], tmp_path)
    assert fake == []


def test_markdown():
    done = [Validated("ring", rows(), 3.2), Validated("sheet", (), 1.0, "ValueError: no")]
    lines = to_markdown(done).splitlines()
    assert lines[0].startswith("1 of 3 rows hold: 1 of 1 published numbers met, ")
    assert " Did not run: sheet. 2 experiments, 0.1 min, " in lines[0]
    assert "| sum (`w[c=2]`) | a \\| b | 1.21 ± 2 % | 1.2 | yes |" in lines
    assert "| peak | paper | 15 to 20 | 14.7 % | **no** <sup>1</sup> |" in lines
    assert "| lost | paper | > 0 | none | **no** |" in lines
    assert "| did not run: ValueError: no |  |  |  | no |" in lines
    assert lines[-1] == "1. `ring`, `peak`: It is flat."
    # Every line of the table has its five cells.
    assert {line.replace("\\|", "").count("|") for line in lines if line.startswith("|")} == {6}


def test_json_has_no_number_that_is_none():
    (_, _, lost) = json.loads(to_json([Validated("ring", rows(), 1.0)]))
    assert lost["value"] is None
    assert lost["effect"] == "lost"
