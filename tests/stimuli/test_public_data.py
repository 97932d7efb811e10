"""Public data: found by setting or environment, missed in one line, read as their authors wrote."""

import numpy as np
import pytest

from cortex.errors import UserError
from cortex.experiment import registry
from cortex.stimuli.public_data import BY_NAME, PUBLIC, VARIABLE, absent, located
from cortex.stimuli.recordings import read_osie, read_task_gains
from tests.recordings import PEOPLE, PICTURES, UNITS, write_osie, write_v4_gain


def test_a_data_set_is_found_by_its_folder_or_by_the_one_around(tmp_path, monkeypatch):
    folder = write_osie(tmp_path / "osie")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert located("osie", folder) == folder
    assert absent(("osie", "v4_gain")) == ["osie", "v4_gain"]
    with pytest.raises(UserError, match=r"folder: found '' and no CORTEX_DATA, allowed: .*osie"):
        located("osie")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert located("osie") == folder
    assert absent(("osie", "v4_gain")) == ["v4_gain"]
    with pytest.raises(UserError, match=r"v4_gain has no \*\*/figure4_gains.mat, allowed: a fold"):
        located("v4_gain")


def test_fixations_come_by_photograph_and_person_as_shares_of_the_sides(tmp_path):
    viewings = read_osie(write_osie(tmp_path))
    assert [one.path.name for one in viewings] == [f"{1001 + n}.jpg" for n in range(PICTURES)]
    assert all(one.path.is_file() and len(one.people) == PEOPLE for one in viewings)
    assert [len(person) for person in viewings[0].people] == [3, 4, 5]
    # The square of the last picture: row 32 to 40 of 48, column 42 to 50 of 64.
    middle = np.concatenate(viewings[-1].people).mean(0)
    np.testing.assert_allclose(middle, [36 / 48, 46 / 64], atol=0.05)


def test_gains_come_by_session(tmp_path):
    sessions = read_task_gains(write_v4_gain(tmp_path))
    assert [len(one.gain) for one in sessions] == list(UNITS)
    assert all(one.gain.shape == one.selectivity.shape for one in sessions)


def test_what_is_no_such_file_is_refused_in_one_line(tmp_path):
    folder = write_osie(tmp_path)
    next(folder.glob("stimuli*/1002.jpg")).unlink()
    with pytest.raises(UserError, match=r"has no photograph 1002.jpg"):
        read_osie(folder)
    (folder / "figure4_gains.mat").write_text("nothing")
    with pytest.raises(UserError, match="holds no 'pSel' as MATLAB 5 writes it"):
        read_task_gains(folder)


def test_the_command_says_what_is_there_and_where_the_rest_goes(cortex, tmp_path):
    write_v4_gain(tmp_path / "v4_gain")
    lines = cortex("data", "--folder", str(tmp_path)).stdout.splitlines()
    assert len(lines) == len(PUBLIC)
    told = {line.split()[0]: line for line in lines}
    assert told["v4_gain"].startswith("v4_gain  there")
    assert told["osie"].startswith("osie     not there")
    assert f"goes to {tmp_path / 'osie'}" in told["osie"]
    assert all(BY_NAME[name].licence in line for name, line in told.items())


def test_experiments_name_their_data_once(cortex):
    needed = {name: registry.needs(name) for name in registry.names()}
    assert {one for names in needed.values() for one in names} <= set(BY_NAME)
    assert all(registry.find(name).needs == data for name, data in needed.items() if data)
    lines = cortex("list").stdout.splitlines()
    assert {line.split()[0] for line in lines if "(needs data: " in line} == {
        name for name, data in needed.items() if data
    }
