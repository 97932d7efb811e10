"""Results folders damaged in any way: what is read is right, or one line says what is wrong."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex.experiment import UserError, history, load_results, results
from cortex.experiment.report import write_report
from cortex.labelled import variable
from tests.experiment.test_history import folder_of
from tests.refusals import outcome

QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder as a run leaves it, with few data."""
    folder = folder_of(tmp_path_factory.mktemp("results") / "whole", seed=0)
    data = xr.Dataset({"rates": variable("unit", np.arange(9.0), "Hz", "rates")})
    results.write_data(data, folder / "result.zarr")
    return folder


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@QUICK
@given(data=st.data())
def test_a_damaged_folder_is_read_rightly_or_refused_in_one_line(whole, tmp_path, data):
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    chosen = folder / data.draw(st.sampled_from(files_of(whole)), "file")
    content = chosen.read_bytes()
    how = data.draw(st.sampled_from(["gone", "cut", "other"]), "how")
    if how == "gone":
        chosen.unlink()  # numbers that are gone are missing numbers, as Zarr has it
    elif how == "cut":
        chosen.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), "bytes")])
    else:
        chosen.write_bytes(data.draw(st.binary(max_size=40), "content"))
    for read in (load_results, history.read, write_report):
        found, line = outcome(read, folder)
        if line is not None:
            assert "\n" not in line
            assert str(folder) in line
        elif read is load_results:
            assert how != "cut" or chosen.name != "0", "data that are not whole were read"
        elif read is history.read:
            assert found.experiment


def test_a_folder_of_an_older_version_is_still_listed(whole, tmp_path):
    """Without what was added to provenance since, and with a setting that is no more."""
    folder = shutil.copytree(whole, tmp_path / "older")
    origin = json.loads((folder / "provenance.json").read_text())
    del origin["changed"], origin["started"]
    (folder / "provenance.json").write_text(json.dumps(origin))
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("width =", "breadth ="))
    assert history.read(folder).held == (1, 1)
    with pytest.raises(UserError, match="unknown key 'breadth'"):
        load_results(folder)
    write_report(folder)
