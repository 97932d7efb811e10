"""What is special about `fixation_prediction`: made pictures, where people look at what is odd."""

import pytest

from cortex.experiment import load_settings, registry
from tests.recordings import write_osie


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    experiment = registry.find("fixation_prediction")
    folder = write_osie(tmp_path_factory.mktemp("osie"))
    small = {**experiment.small, "folder": str(folder)}
    return experiment.run(load_settings("fixation_prediction", values=small)[1])


@pytest.mark.slow
def test_saliency_finds_where_people_look_on_made_photographs(ran):
    mean = ran["mean"].sel(bias="alone")
    assert float(mean.sel(predictor="saliency", measure="shuffled AUC", bound="value")) > 0.8
    apart = ran.difference.sel(compared="saliency - another photograph", bias="alone")
    assert (apart.sel(bound="low") > 0).all()


@pytest.mark.slow
def test_the_centre_tells_photographs_not_apart(ran):
    centre = ran.score.sel(predictor="centre", bias="alone")
    assert (centre == ran.score.sel(predictor="centre", bias="with centre")).all()
    apart = ran["mean"].sel(measure="shuffled AUC", bias="alone", bound="value")
    assert float(apart.sel(predictor="centre")) < float(apart.sel(predictor="saliency")) - 0.2
