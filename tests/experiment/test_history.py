"""Results folders listed, put side by side, and written as a page of their own."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cortex.experiment import Measure, UserError, history, load_config
from cortex.experiment.measures import to_json
from cortex.experiment.report import write_report
from cortex.experiment.written import as_toml

NAME = "ring_normalization"
PIXEL = b"\x89PNG\r\n\x1a\n<not drawn>"


def folder_of(path, settings=(), value=0.7, started="2026-11-30T10:00:00", **more):
    """A results folder without data, of a run with these settings."""
    config = load_config(NAME, settings)
    path.mkdir(parents=True)
    (path / "config.toml").write_text(as_toml(config))
    given = {"reference": 0.69, "relative": 0.05, "provenance": "Someone <2015>"}
    rows = [
        Measure(name="w[c=50]", value=value, unit="1", holds=value < 0.72, effect="sum", **given),
        Measure(name="rate", value=38.6, unit="Hz", interval=(37.0, 40.0)),
    ]
    (path / "measures.json").write_text(to_json(rows))
    origin = {"experiment": NAME, "started": started, "changed": history.changed(config)}
    (path / "provenance.json").write_text(json.dumps(origin | more))
    return path


@pytest.fixture
def two(tmp_path):
    """Two runs; the one whose name comes first was started later."""
    one = folder_of(tmp_path / "results" / NAME / "b")
    settings = ["circuit.k=0.05", "contrasts=[5, 20]"]
    later = {"value": 0.8, "started": "2026-11-30T11:00:00"}
    return one, folder_of(tmp_path / "results" / NAME / "a", settings, **later)


def test_runs_are_listed_by_time_with_what_differs(two, tmp_path):
    (tmp_path / "results" / NAME / ".half").mkdir()
    found = history.runs(root=tmp_path / "results")
    assert [run.path for run in found] == list(two)
    assert [run.held for run in found] == [(1, 1), (0, 1)]
    assert found[0].changed == {}
    assert found[1].changed == {"circuit.k": 0.05, "contrasts.values": [5.0, 20.0]}
    assert history.runs("regimes", tmp_path / "results") == []


def test_two_runs_differ_in_the_settings_that_were_changed(two):
    settings, rows = history.compared(*map(history.read, two))
    assert {pair.name: (pair.one, pair.other) for pair in settings} == {
        "circuit.k": (0.04, 0.05),
        "contrasts.values": ([2.0, 10.0, 50.0], [5.0, 20.0]),
    }
    assert [(row.name, row.one.value, row.other.value) for row in rows] == [
        ("w[c=50]", 0.7, 0.8),
        ("rate", 38.6, 38.6),
    ]


def test_the_commands_list_and_compare(two, cortex):
    listed = cortex("results").stdout
    assert f"results/{NAME}/a" in listed
    assert "circuit.k=0.05, contrasts.values=[5, 20]" in listed
    compared = cortex("compare", *map(str, two)).stdout
    (line,) = (line for line in compared.splitlines() if "w[c=50]" in line)
    assert line.split() == ["w[c=50]", "0.7", "✓", "0.8", "✗"]
    assert "38.6 [37, 40]" in compared
    assert "no results of regimes" in cortex("results", "regimes", code=2).stderr
    assert "nowhere: not a results folder" in cortex("compare", "nowhere", "a", code=2).stderr


class Page(HTMLParser):
    """Text and addresses of a page; every element is closed that has to be."""

    def __init__(self, text):
        super().__init__()
        self.words, self.addresses, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data.split()


def test_a_report_of_a_run_needs_no_other_file(two, cortex):
    (two[1] / "figure.png").write_bytes(PIXEL)
    shown = cortex("report", str(two[1]), "--out", "page.html")
    assert shown.stdout == "page.html\n"
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert [address.partition(",")[0] for address in page.addresses] == ["data:image/png;base64"]
    text = " ".join(page.words)
    assert f"cortex run {NAME} --set circuit.k=0.05 --set 'contrasts.values=[5.0, 20.0]'" in text
    assert "✗ sum w[c=50] 0.8 0.69 ± 5 % 1" in text
    assert "Someone <2015>" in text  # and not an element


def test_a_report_of_a_run_begins_with_the_claims_that_do_not_hold(two):
    rows = [
        Measure(name=name, value=1.0, unit="1", expected="> 0", holds=name == "held")
        for name in ("held", "lost")
    ]
    (two[0] / "measures.json").write_text(to_json(rows))
    words = Page(write_report(two[0]).read_text(encoding="utf-8")).words
    assert words.index("lost") < words.index("held")


def test_a_report_of_a_validation_begins_with_what_fails(tmp_path):
    folder_of(tmp_path / "good")
    folder_of(tmp_path / "bad", value=0.9)
    rows = [{"experiment": name, "holds": name == "good"} for name in ("good", "bad")]
    rows.append({"experiment": "ugly", "failure": "ValueError: no"})
    (tmp_path / "validation.json").write_text(json.dumps(rows))
    text = " ".join(Page(write_report(tmp_path).read_text(encoding="utf-8")).words)
    assert "Validation: 1 of 2 claims hold; ugly did not run: ValueError: no" in text
    assert text.index("0 of 1 claims hold") < text.index("1 of 1 claims hold")


def test_a_folder_that_holds_no_results_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="results folder"):
            write_report(folder)
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(UserError, match="not finished"):
        write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]
