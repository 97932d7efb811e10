"""A sweep as jobs of a real Slurm, of one node on this machine (`tests/cluster/slurm`)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from cortex.experiment.sweeps import load_sweep

HERE = Path(__file__).parent
TOY = HERE.parent / "experiment" / "sweeps" / "toy.py"
CORTEX = Path(sys.executable).with_name("cortex")
ALIVE = "PENDING,RUNNING"
AT_HAND = shutil.which("slurmd", path=os.environ["PATH"] + ":/usr/sbin") and os.geteuid() == 0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not AT_HAND, reason="needs slurmd and root: tests/cluster/slurm install, as root"
    ),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Commands of Slurm: what they say."""
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([HERE / "slurm", "up", folder], check=True)
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")

    def call(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    yield call
    del os.environ["SLURM_CONF"]
    subprocess.run([HERE / "slurm", "down", folder], check=True)


class Sweep:
    """`cortex sweep` of the toy, which takes `pause` seconds a point, in a process of its own."""

    def __init__(self, folder, *options, points=24, pause=0.5):
        self.out, self.said = folder / "out", folder / "said"
        settings = [f"--grid=unit.gain=0:0.5:{points}", f"--set=unit.pause={pause}", "--chunk=1"]
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        environment["XDG_CONFIG_HOME"] = str(folder / "config")
        self._command = [CORTEX, "sweep", TOY, *settings, f"--out={self.out}", *options]
        with self.said.open("a") as said:
            self.process = subprocess.Popen(
                self._command, stdout=said, stderr=said, env=environment, start_new_session=True
            )

    @property
    def stored(self):
        return len(list(self.out.glob("parts/*.npz")))

    def result(self, timeout=300):
        assert self.process.wait(timeout) == 0, self.said.read_text()
        return load_sweep(self.out).data

    def refusal(self):
        """The one line of a sweep that cannot be."""
        assert self.process.wait(120) == 2, self.said.read_text()
        last = self.said.read_text().splitlines()[-1]
        assert last.startswith("error: --cluster: "), last
        return last


def until(condition, timeout=120):
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


@pytest.fixture
def jobs(slurm):
    """The jobs that are in one of some states, by default that run."""

    def of(state="RUNNING"):
        return set(slurm("squeue", "-h", "-r", f"--states={state}", "-o", "%F_%K").split())

    return of


@pytest.fixture
def sweep(tmp_path):
    """Starts a `Sweep`; none outlives the test."""
    started = []

    def start(*options, folder=tmp_path, **like):
        folder.mkdir(exist_ok=True)
        started.append(Sweep(folder, *options, **like))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


@pytest.fixture
def node(slurm):
    """Drains the node or has it resume, which it does after the test in any case."""
    name = slurm("sinfo", "-h", "-o", "%N").split()[0]

    def update(state):
        slurm("scontrol", "update", f"node={name}", f"state={state}", "reason=test")

    yield update
    if "drain" in slurm("sinfo", "-h", "-N", "-o", "%T"):
        update("resume")


def test_a_job_is_cancelled_and_the_node_drained_and_resumed(slurm, jobs, node, sweep, tmp_path):
    here = sweep(folder=tmp_path / "here", points=60).result()
    there = sweep("--cluster=slurm:2", "--job=memory=1GB", points=60)
    until(lambda: there.stored >= 3 and len(jobs()) == 2)
    first = jobs()
    slurm("scancel", min(first))
    second = until(lambda: len(jobs()) == 2 and jobs() != first and jobs())
    assert second & first == {max(first)}

    node("drain")
    slurm("scancel", *second)
    until(lambda: len(jobs("PENDING")) == 2)
    before = there.stored
    until(lambda: "waiting for a job (" in there.said.read_text())
    assert there.stored == before
    assert there.process.poll() is None
    node("resume")
    xr.testing.assert_identical(there.result(), here)
    assert not jobs(ALIVE)


def test_jobs_reach_the_time_limit_of_their_queue(slurm, jobs, sweep, tmp_path):
    like = {"points": 110, "pause": 1.0}
    there = sweep("--cluster=slurm:1", "--job=queue=short", "--job=memory=1GB", **like)
    here = sweep(folder=tmp_path / "here", **like).result()
    xr.testing.assert_identical(there.result(), here)
    assert "JobState=TIMEOUT" in slurm("scontrol", "show", "job")


def test_a_killed_sweep_leaves_no_job_and_goes_on(slurm, jobs, sweep, tmp_path):
    there = sweep("--cluster=slurm:2", "--job=memory=1GB")
    until(lambda: there.stored >= 3)
    os.killpg(there.process.pid, signal.SIGKILL)
    there.process.wait()
    until(lambda: not jobs(ALIVE))
    before = there.stored
    assert 3 <= before < 24
    sweep("--cluster=slurm:1").result()
    assert f"24 points, {before} of them before" in there.said.read_text()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("queue=nowhere", "sbatch: "),
        ("time=2:00:00", "jobs would wait for ever (PartitionTimeLimit)"),
        ("before=['echo no such module; exit 1']", "the last said: no such module"),
    ],
)
def test_jobs_that_cannot_be_are_said_in_one_line(jobs, sweep, asked, why):
    assert why in sweep("--cluster=slurm:1", f"--job={asked}").refusal()
    until(lambda: not jobs(ALIVE))


def test_the_file_of_a_user_says_what_jobs_ask_for(slurm, sweep, tmp_path):
    file = tmp_path / "config" / "cortex" / "slurm.toml"
    file.parent.mkdir(parents=True)
    kept = tmp_path / "kept"
    file.write_text(
        "queue = 'short'\ntime = 1\nmemory = '900MB'\ncores = 2\n"
        f"before = ['scontrol show job $SLURM_JOB_ID > {kept}']\n"
    )
    sweep("--cluster=slurm:1", "--job=memory=800MB", points=2).result()
    said = kept.read_text()
    for part in ("Partition=short", "TimeLimit=00:01:00", "NumCPUs=2", "MinMemoryNode=800M"):
        assert part in said
