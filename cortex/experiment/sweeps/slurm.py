"""Workers as jobs of Slurm: submitted, watched, and submitted again when they end.

Jobs are cancelled, reach the time limit of their queue, or lie on a node that goes down. What they
had in hand is computed elsewhere; here another one takes their place.
"""

from __future__ import annotations

import datetime
import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pydantic import field_validator

from cortex.errors import UserError
from cortex.experiment.kept import cache_folder
from cortex.experiment.loading import read_settings
from cortex.progress import stage
from cortex.settings import Settings, choice

EVERY = 10.0  # s between two looks at the queue
# Reasons of squeue for which a job waits until somebody changes the job or the site.
FOR_EVER = (
    "AccountNotAllowed",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
)
# The end of the job's script. The worker ends with the job, and with the sweep: one that is not
# reached for a minute has no scheduler any more.
WORKER = (
    'exec {python} -m distributed.cli.dask_worker {address} --name "$CORTEX_WORKER" --nthreads 1 '
    "--no-nanny --no-dashboard --memory-limit 0 --death-timeout 60 "
    '--local-directory "${{TMPDIR:-/tmp}}"'
)


class SlurmJob(Settings):
    """What a job of one worker asks for; what is empty is left to the site."""

    queue: str = choice("", "partition that jobs go to")
    account: str = choice("", "account that is charged")
    time: str = choice("", "longest time of a job, as sbatch has it: 30, 2:00:00, 1-00:00:00")
    memory: str = choice("4GB", "memory of a job")
    cores: int = choice(1, "processors of a job", ge=1)
    modules: tuple[str, ...] = choice((), "modules loaded before the worker starts")
    before: tuple[str, ...] = choice((), "lines of shell run before the worker starts")
    options: tuple[str, ...] = choice((), "more options of sbatch, such as --gres=gpu:1")
    interface: str = choice("", "network by which jobs reach this machine, such as ib0")

    @field_validator("time", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        """TOML reads 30 as a number, and 02:00:00 as a time of day."""
        number = isinstance(given, int) and not isinstance(given, bool)
        return str(given) if number or isinstance(given, datetime.time) else given

    def script(self, name: str, address: str, log: Path) -> str:
        """What sbatch is given for an array of jobs.

        Args:
            name: of the jobs.
            address: of the scheduler of the workers.
            log: file of what a job says, with the patterns of sbatch.
        """
        asked = {
            "job-name": name,
            "output": log,
            "ntasks": 1,
            "cpus-per-task": self.cores,
            "partition": self.queue,
            "account": self.account,
            "time": self.time,
            "mem": self.memory,
        }
        options = [f"--{key}={value}" for key, value in asked.items() if value != ""]
        # A job that Slurm itself started again would come beside the one that replaces it here.
        options += ["--no-requeue", *self.options]
        lines = [
            "#!/bin/bash -l",
            *(f"#SBATCH {option}" for option in options),
            *(f"module load {shlex.quote(module)}" for module in self.modules),
            *self.before,
            f"export PJRT_NPROC={self.cores}",  # else it takes all processors of the node
            # Not with "_" between: dask would read 3_1 as the number 31.
            'CORTEX_WORKER="$SLURM_ARRAY_JOB_ID-$SLURM_ARRAY_TASK_ID"',
            WORKER.format(python=shlex.quote(sys.executable), address=address),
        ]
        return "\n".join(lines) + "\n"


def slurm_job(given: Sequence[str] = ()) -> SlurmJob:
    """The jobs of this user.

    Args:
        given: settings as "key=value"; they win over those of the user's file.

    Raises:
        ConfigError: one line: which key or file, what was found, what is allowed.
    """
    return read_settings(SlurmJob, user_file(), given, "--job")


def user_file() -> Path:
    """Where a user says what jobs ask for at their site; it need not be there."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "cortex" / "slurm.toml"


class Jobs:
    """As many jobs as are wanted, each a worker, until `close`.

    Attributes:
        name: of each of them.
        folder: of what they say; gone after `close`, unless `tend` has raised.
    """

    def __init__(self, wanted: int, job: SlurmJob, address: str) -> None:
        self._wanted, self._job, self._address = wanted, job, address
        self.name = f"cortex-{uuid.uuid4().hex[:8]}"
        self.folder = cache_folder() / "jobs" / self.name
        self._submitted: set[str] = set()
        self._answered: set[str] = set()
        self._barren: set[str] = set()  # ended without an answer, since one answered last
        self._looked, self._said = -EVERY, ""

    def tend(self, connected: Collection[str]) -> None:
        """Look at the queue, now and then, and submit jobs for those that ended.

        Args:
            connected: names of the workers that are there.

        Raises:
            UserError: jobs are refused, wait for ever, or end before a worker answers.
        """
        if not self._answered.issuperset(connected):
            self._answered.update(connected)
            self._barren.clear()
        if time.monotonic() - self._looked < EVERY:
            return
        self._looked = time.monotonic()
        try:
            waiting = self._queue()
        except RuntimeError as error:  # the queue itself may be away for a while
            self._say(f"waiting for the queue ({error})")
            return
        ended = self._submitted - set(waiting)
        self._barren |= ended - self._answered
        self._submitted -= ended
        lacking = self._wanted - len(waiting)
        if len(self._barren) > self._wanted:
            # One node that ends all its jobs takes no more of them while others compute.
            if waiting:
                return
            raise UserError(self._why_barren())
        if lacking > 0:
            self._submit(lacking)
        elif not connected:
            reasons = sorted(set(waiting.values()))
            if wrong := [reason for reason in reasons if reason in FOR_EVER]:
                raise UserError(
                    f"--cluster: jobs would wait for ever ({wrong[0]}), allowed: what the queue "
                    f"allows (--job KEY=VALUE, or {user_file()})"
                )
            self._say(f"waiting for a job ({', '.join(reasons)})")

    def close(self) -> None:
        """End all jobs."""
        if not self.folder.exists():
            return
        try:
            _call("scancel", f"--name={self.name}", f"--user={os.getuid()}")
        except RuntimeError:  # those that it does not reach end within a minute by themselves
            return
        if not self._barren:
            _remove(self.folder)

    def _queue(self) -> dict[str, str]:
        """Jobs that wait or run, each with the reason for which it waits, or its state."""
        asked = f"--name={self.name}", "--noheader", "--array", "--format=%F-%K %t %r"
        found = {}
        for line in _call("squeue", *asked).splitlines():
            job, state, reason = line.split(maxsplit=2)
            if state != "CG":
                found[job] = reason if state == "PD" else "starting"
        return found

    def _submit(self, count: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        script = self._job.script(self.name, self._address, self.folder / "%A_%a.log")
        try:
            said = _call("sbatch", "--parsable", f"--array=1-{count}", given=script)
        except RuntimeError as error:
            raise UserError(f"--cluster: {error}") from None
        number = said.strip().partition(";")[0]
        self._submitted |= {f"{number}-{task}" for task in range(1, count + 1)}

    def _why_barren(self) -> str:
        texts = [log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log"))]
        lines = [text.strip().splitlines()[-1] for text in texts if text.strip()]
        said = f"the last said: {lines[-1]}" if lines else "none said anything"
        count = len(self._barren)
        return f"--cluster: {count} jobs ended before they could work; {said} ({self.folder})"

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            with stage(text):
                pass


def _call(*command: str, given: str = "") -> str:
    """What a command of Slurm says; RuntimeError with its last line if it fails."""
    # What a job is that this one runs in, new jobs would take for what they are asked to be.
    ours = {k: v for k, v in os.environ.items() if k == "SLURM_CONF" or not k.startswith("SLURM_")}
    done = subprocess.run(
        command, input=given, env=ours, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{command[0]}: {said[-1]}")
    return done.stdout


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()
