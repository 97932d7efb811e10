"""Workers elsewhere: the same numbers, also when one of them dies."""

import os
import signal
import threading

import numpy as np
import pytest
import xarray as xr

from cortex.errors import UserError
from cortex.experiment.sweeps import Axis, Sweep, run_sweep
from cortex.experiment.sweeps.cluster import Cluster, compute, connected


@pytest.fixture
def sweep(toy):
    config = toy.config(pause=0.2)
    gains = Axis("unit.gain", (0.0, 0.1, 0.2, 0.3, 0.4))
    return Sweep(config, (gains, Axis("unit.units", (2, 3))))


@pytest.mark.slow
def test_workers_give_the_same_numbers_and_one_may_die(sweep, tmp_path):
    pytest.importorskip("distributed")
    here = run_sweep(sweep, tmp_path / "here").data
    with connected("local:2") as (client, _):
        client.wait_for_workers(2)
        victim = next(iter(client.run(os.getpid).values()))
        killer = threading.Timer(1.0, os.kill, (victim, signal.SIGKILL))
        killer.start()
        engine = Cluster(client.scheduler.address, chunk=1)
        there = run_sweep(sweep, tmp_path / "there", engine=engine)
        killer.join()
        assert victim not in client.run(os.getpid).values()
    xr.testing.assert_identical(there.data, here)


def test_a_worker_of_another_version_refuses(sweep):
    with pytest.raises(UserError, match=r"found a worker with python .*, allowed: cortex 0\.0"):
        compute(sweep.identity(), [], 32, "cortex 0.0", 0, np.zeros(1, int))


@pytest.mark.parametrize("where", ["local:0", "slurm", "somewhere"])
def test_a_cluster_of_no_known_form_is_refused(where):
    with pytest.raises(UserError, match=r"allowed: local\[:WORKERS\]"):
        Cluster(where)


def test_jobs_are_asked_for_of_slurm_only():
    with pytest.raises(UserError, match="--job: allowed with --cluster slurm:JOBS, found local:2"):
        Cluster("local:2", job=["queue=short"])


def test_slurm_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="needs sbatch of Slurm on PATH, found none"):
        Cluster("slurm:2")
