"""Jobs are watched and replaced, with a stand-in for the queue; `tests/cluster` has a real one."""

import pytest

from cortex.errors import UserError
from cortex.experiment.sweeps import slurm
from cortex.experiment.sweeps.slurm import Jobs, SlurmJob, slurm_job


class Queue:
    """Jobs by name, each with its state and reason."""

    def __init__(self):
        self.jobs, self.arrays, self.scripts, self.cancelled = {}, 0, [], []
        self.failing = None

    def __call__(self, command, *options, given=""):
        if self.failing == command:
            raise RuntimeError(f"{command}: away")
        return getattr(self, command)(*options, given=given)

    def sbatch(self, *options, given):
        self.arrays += 1
        self.scripts.append(given)
        count = int(options[-1].removeprefix("--array=1-"))
        self.jobs |= {f"{self.arrays}-{task}": "PD Resources" for task in range(1, count + 1)}
        return f"{self.arrays};site\n"

    def squeue(self, *_, given):
        return "".join(f"{job} {state}\n" for job, state in self.jobs.items())

    def scancel(self, *options, given):
        self.cancelled += options

    def run(self, *jobs):
        self.jobs |= dict.fromkeys(jobs, "R None")


@pytest.fixture
def queue(monkeypatch, tmp_path):
    found = Queue()
    monkeypatch.setattr(slurm, "_call", found)
    monkeypatch.setattr(slurm, "EVERY", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return found


@pytest.fixture
def jobs(queue):
    return Jobs(2, SlurmJob(), "tcp://10.0.0.1:1234")


def test_a_job_that_ends_is_replaced_and_one_that_waits_is_not(queue, jobs):
    jobs.tend(())
    jobs.tend(())
    assert list(queue.jobs) == ["1-1", "1-2"]
    queue.run("1-1", "1-2")
    jobs.tend({"1-1", "1-2"})
    del queue.jobs["1-1"]
    jobs.tend({"1-2"})
    jobs.tend({"1-2"})
    assert list(queue.jobs) == ["1-2", "2-1"]


def test_jobs_that_end_before_they_work_are_not_submitted_for_ever(queue, jobs):
    for _ in range(2):
        jobs.tend(())
        (jobs.folder / "1_1.log").write_text("lmod\nno such module\n")
        queue.jobs.clear()
    with pytest.raises(UserError, match=r"4 jobs ended before .*; the last said: no such module"):
        jobs.tend(())
    assert queue.arrays == 2
    jobs.close()
    assert (jobs.folder / "1_1.log").exists()


def test_however_many_end_if_each_has_worked(queue, jobs):
    for number in range(1, 20):
        jobs.tend(())
        jobs.tend({f"{number}-1", f"{number}-2"})
        queue.jobs.clear()
    assert queue.arrays == 19
    jobs.close()
    assert queue.cancelled[0] == f"--name={jobs.name}"
    assert not jobs.folder.exists()


def test_a_node_that_ends_all_its_jobs_gets_no_more_while_another_computes(queue, jobs):
    jobs.tend(())
    jobs.tend({"1-1"})
    for _ in range(9):
        queue.jobs = {"1-1": "R None"}
        jobs.tend({"1-1"})
    assert queue.arrays == 3
    queue.jobs.clear()
    with pytest.raises(UserError, match="3 jobs ended before they could work; none said anything"):
        jobs.tend(())


def test_jobs_that_would_wait_for_ever_are_refused_and_others_wait(queue, jobs):
    jobs.tend(())
    jobs.tend(())
    queue.jobs["1-2"] = "PD PartitionTimeLimit"
    with pytest.raises(UserError, match=r"wait for ever \(PartitionTimeLimit\)"):
        jobs.tend(())


def test_a_queue_that_is_away_is_waited_for_but_a_refusal_is_said(queue, jobs):
    queue.failing = "squeue"
    jobs.tend(())
    assert queue.arrays == 0
    queue.failing = "sbatch"
    with pytest.raises(UserError, match=r"^--cluster: sbatch: away"):
        jobs.tend(())


def test_what_a_user_says_stands_in_the_script_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert slurm_job() == SlurmJob()
    bare = SlurmJob().script("name", "tcp://a:1", tmp_path)
    assert not any(f"--{key}=" in bare for key in ("partition", "account", "time"))
    file = tmp_path / "cortex" / "slurm.toml"
    file.parent.mkdir()
    file.write_text("account = 'lab'\ntime = 02:00:00\nmodules = ['python/3.12']\n")
    job = slurm_job(["time=30", "queue=short", "cores=4", "options=['--gres=gpu:1']"])
    script = job.script("name", "tcp://a:1", tmp_path / "%A.log").splitlines()
    for line in (
        "#SBATCH --account=lab",
        "#SBATCH --time=30",
        "#SBATCH --partition=short",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --gres=gpu:1",
        "module load python/3.12",
        "export PJRT_NPROC=4",
    ):
        assert line in script
    assert slurm_job().time == "02:00:00"


def test_a_setting_of_jobs_that_is_none_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"^queu: unknown key 'queu' \(did you mean 'queue'\?\)"):
        slurm_job(["queu=short"])
    file = tmp_path / "cortex" / "slurm.toml"
    file.parent.mkdir()
    file.write_text("cores = 0\n")
    with pytest.raises(UserError, match=r"slurm\.toml: cores: found 0, allowed: a whole number >="):
        slurm_job()
