"""Where numbers come from: every paper can be cited, every key is one."""

import re
from importlib import resources

import pytest

from cortex.sources import CHOSEN, COMPUTED, Source, citation, references


def test_a_source_is_the_paper_in_a_few_words():
    rubin = Source("rubin2015", "Fig. 1, as transcribed by three others")
    assert str(rubin) == (
        "Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 1, as transcribed by three others"
    )
    assert rubin.bibtex.startswith("@article{rubin2015,")
    assert str(CHOSEN) == "chosen here"
    assert COMPUTED.bibtex == ""


def test_a_paper_that_is_not_there_is_refused():
    with pytest.raises(KeyError, match="found 'nobody1900'"):
        Source("nobody1900")


def test_no_entry_swallows_the_next():
    text = resources.files("cortex").joinpath("references.bib").read_text(encoding="utf-8")
    assert text.count("@") == len(references())


@pytest.mark.parametrize("key", references())
def test_every_entry_is_whole(key):
    entry = references()[key]
    fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", entry, re.MULTILINE))
    assert {"author", "title", "year"} <= set(fields)
    assert entry.count("{") == entry.count("}")
    assert citation(key).startswith(fields["author"].partition(",")[0])
    assert fields["year"] in citation(key)
