"""Sweeps beyond one process: chunks go to workers of `dask.distributed`, results come back.

A worker that dies costs the time of its chunk, which another one then computes. Only the process
that was started by hand writes to the folder.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np

from cortex.errors import UserError
from cortex.experiment import provenance
from cortex.experiment.sweeps.evaluate import FAILED, Evaluator, Rows
from cortex.experiment.sweeps.pace import Pace
from cortex.experiment.sweeps.plan import Sweep
from cortex.experiment.sweeps.slurm import Jobs, SlurmJob, slurm_job

WHERE = "local[:WORKERS], slurm:JOBS, or the address of a scheduler (tcp://HOST:PORT)"
AHEAD = 2  # chunks that wait for each worker
GLANCE = 0.02  # s between two looks for results
QUIET = logging.CRITICAL  # workers come and go: not for a user's screen
_HERE = re.compile(r"local(?::([1-9]\d*))?")
_SLURM = re.compile(r"slurm:([1-9]\d*)")
_ADDRESS = re.compile(r"\w+://.+")

_evaluators: dict[str, Evaluator] = {}  # of a worker, by sweep


def check_cluster(where: str) -> None:
    """`UserError` unless `where` is one of `WHERE` and the engine is installed."""
    if not any(form.fullmatch(where) for form in (_HERE, _SLURM, _ADDRESS)):
        raise UserError(f"--cluster {where}: allowed: {WHERE}")
    if importlib.util.find_spec("distributed") is None:
        raise UserError(
            f"--cluster {where}: needs distributed, found none; pip install -e '.[cluster]'"
        )
    if _SLURM.fullmatch(where) and shutil.which("sbatch") is None:
        raise UserError(f"--cluster {where}: needs sbatch of Slurm on PATH, found none")


class Cluster:
    """An engine of many processes; one worker a device.

    Attributes:
        where: `WHERE`.
        job: what jobs of Slurm ask for.
    """

    def __init__(self, where: str, chunk: int | None = None, job: Sequence[str] = ()) -> None:
        """Refuse what cannot be.

        Args:
            where: `WHERE`.
            chunk: points of a task; default about ten seconds' worth.
            job: what jobs of Slurm ask for, as "key=value"; see `slurm_job`.
        """
        check_cluster(where)
        queued = _SLURM.fullmatch(where)
        if job and not queued:
            raise UserError(f"--job: allowed with --cluster slurm:JOBS, found {where}")
        self.where, self._chunk = where, chunk
        self.job = slurm_job(job) if queued else SlurmJob()

    def __call__(self, evaluator: Evaluator, missing: np.ndarray) -> Iterator[Rows]:
        with connected(self.where, self.job) as (client, tend):
            pace = Pace(self._chunk)
            todo = _Chunks(evaluator, missing, pace)
            yield from self._results(client, tend, todo, pace)

    def _results(
        self, client: Any, tend: Callable[[], None], todo: _Chunks, pace: Pace
    ) -> Iterator[Rows]:
        from distributed import KilledWorker, as_completed

        running = as_completed()
        open_ = 0

        def fill() -> int:
            started = 0
            workers = max(1, len(client.nthreads()))
            while open_ + started < AHEAD * workers and (chunk := todo.take()):
                running.add(todo.submitted(client, *chunk))
                started += 1
            return started

        open_ += fill()
        while open_:
            while not running.has_ready():
                tend()
                time.sleep(GLANCE)
            future = next(running)
            open_ -= 1
            chunk = todo.finished(future)
            try:
                rows, seconds = future.result()
            except KilledWorker as death:
                if (lost := todo.split(*chunk)) is not None:
                    yield _lost(lost, death)
            else:
                pace.took(len(rows.points), seconds)
                yield rows
            open_ += fill()


class _Chunks:
    """What is still to be handed out, group by group, and what is under way."""

    def __init__(self, evaluator: Evaluator, missing: np.ndarray, pace: Pace) -> None:
        self._identity, self._mapped = evaluator.sweep.identity(), evaluator.mapped
        self._pace = pace
        self._most = 1 if not evaluator.compiled else None
        self._todo = [
            (number, np.intersect1d(group.points, missing, assume_unique=True))
            for number, group in enumerate(evaluator.groups)
        ]
        self._under_way: dict[str, tuple[int, np.ndarray]] = {}

    def take(self) -> tuple[int, np.ndarray] | None:
        """The next chunk: its group, and its points."""
        while self._todo:
            number, points = self._todo.pop(0)
            size = min(self._pace.size, self._most or len(points))
            if len(points) > size:
                self._todo.insert(0, (number, points[size:]))
            if len(points):
                return number, points[:size]
        return None

    def submitted(self, client: Any, group: int, points: np.ndarray) -> Any:
        # Plain data: what a worker cannot make sense of is an error of the task, told as such.
        given = self._identity, tuple(self._mapped), provenance.precision(), _versions()
        future = client.submit(compute, *given, group, points, pure=False)
        self._under_way[future.key] = group, points
        return future

    def finished(self, future: Any) -> tuple[int, np.ndarray]:
        return self._under_way.pop(future.key)

    def split(self, group: int, points: np.ndarray) -> np.ndarray | None:
        """Points that ended every worker are tried in halves; one alone is given up (returned)."""
        if len(points) == 1:
            return points
        self._todo = [(group, half) for half in np.array_split(points, 2)] + self._todo
        return None


def compute(
    identity: dict[str, Any],
    mapped: Sequence[str],
    bits: int,
    versions: str,
    group: int,
    points: np.ndarray,
) -> tuple[Rows, float]:
    """Runs on a worker: rows of some points, and the seconds that they took."""
    _require_same(versions, _versions())
    jax.config.update("jax_enable_x64", bits == 64)
    sweep = json.dumps([identity, list(mapped), bits])
    if sweep not in _evaluators:
        _evaluators.clear()
        _evaluators[sweep] = Evaluator(Sweep.of_identity(identity), mapped=mapped)
    evaluator, started = _evaluators[sweep], time.perf_counter()
    rows = evaluator(group, points)
    return rows, time.perf_counter() - started


def _lost(points: np.ndarray, death: Exception) -> Rows:
    rows = Rows(points, {"status": np.full(len(points), FAILED, np.int8)})
    rows.complaints[int(points[0])] = f"ended every worker that computed it ({death})"
    return rows


@contextmanager
def connected(
    where: str,
    job: SlurmJob = SlurmJob(),  # noqa: B008, frozen
) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A client of the cluster, and what looks after its workers; what was started ends with it.

    Args:
        where: `WHERE`.
        job: what jobs of Slurm ask for.
    """
    from distributed import Client

    with ExitStack() as stack:
        address, tend = where, _leave_alone
        if match := _HERE.fullmatch(where):
            cluster = stack.enter_context(_local(int(match[1] or os.cpu_count() or 1)))
            address = cluster.scheduler_address
        elif match := _SLURM.fullmatch(where):
            cluster = stack.enter_context(_without_workers(job.interface))
            address = cluster.scheduler_address
            jobs = Jobs(int(match[1]), job, address)
            stack.callback(jobs.close)

            def tend() -> None:
                jobs.tend({worker.name for worker in list(cluster.scheduler.workers.values())})

        try:
            client = stack.enter_context(Client(address))
        except (OSError, TimeoutError) as error:
            raise UserError(f"--cluster {where}: cannot be reached ({error})") from None
        _require_workers_like_this(client, where)
        yield client, tend


def _leave_alone() -> None:
    """What looks after workers that somebody else does."""


def _require_workers_like_this(client: Any, where: str) -> None:
    """Refuse workers that would compute with something else, or cannot compute at all.

    One that could not even read its task would try for ever.
    """
    try:
        there = client.run(_versions)
    except Exception as error:  # whatever a worker raises that lacks this package
        raise UserError(f"--cluster {where}: a worker cannot import cortex ({error})") from None
    for found in there.values():
        _require_same(_versions(), found)


def _require_same(here: str, there: str) -> None:
    if here != there:
        raise UserError(f"--cluster: found a worker with {there}, allowed: {here}, as here")


def _versions() -> str:
    known = provenance.versions()
    return ", ".join(f"{name} {known[name]}" for name in ("python", "cortex", "jax", "jaxlib"))


def _local(workers: int) -> Any:
    """Processes on this machine; each sees one accelerator, where there are any."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    names = visible or [str(number) for number in range(workers)]
    specification = {
        number: {
            "cls": Nanny,
            "options": {
                "nthreads": 1,
                "memory_limit": 0,
                "silence_logs": QUIET,
                "env": {"CUDA_VISIBLE_DEVICES": names[number % len(names)]},
            },
        }
        for number in range(workers)
    }
    scheduler = {
        "cls": Scheduler,
        "options": {"host": "127.0.0.1", "port": 0, "dashboard": False},
    }
    # The engine has workers give back memory at once: a page fault for every array of a step.
    # Its threads would all want all processors.
    environment = {
        f"distributed.nanny.pre-spawn-environ.{name}": value
        for name, value in {
            "MALLOC_TRIM_THRESHOLD_": None,
            "PJRT_NPROC": max(1, (os.cpu_count() or 1) // workers),
        }.items()
    }
    with dask.config.set(environment):
        return SpecCluster(workers=specification, scheduler=scheduler, silence_logs=QUIET)


def _without_workers(interface: str) -> Any:
    """A scheduler that workers from other machines come to."""
    from distributed import Scheduler, SpecCluster

    options = {"interface": interface or None, "port": 0, "dashboard": False}
    try:
        return SpecCluster(scheduler={"cls": Scheduler, "options": options}, silence_logs=QUIET)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"--cluster: no scheduler for jobs to come to ({error})") from None
