"""The command `cortex sweep`: an experiment over many values of its settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cortex.cli.shared import (
    Device,
    NameOrFile,
    Precision,
    Settings,
    computing,
    short,
    shown_progress,
)
from cortex.errors import UserError


def sweep(
    name_or_file: NameOrFile,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="PATH=VALUES",
            help="A dimension: START:END:COUNT[,log], or VALUE,VALUE,...; may be repeated.",
        ),
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option(
            "--sample",
            metavar="PATH=DRAW",
            help="A setting drawn at random: normal(mean,SD), lognormal(median,SD), "
            "uniform(low,high), loguniform(low,high); may be repeated.",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--n", help="How many draws.", show_default=False)
    ] = None,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder, new or of the same sweep [results/sweeps/NAME-<digest>]."
        ),
    ] = None,
    chunk: Annotated[
        str, typer.Option("--chunk", help="Points between two writes to the folder, or auto.")
    ] = "auto",
    keep: Annotated[
        str, typer.Option("--keep", metavar="NAME,...", help="Variables kept besides measures.")
    ] = "",
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Compute in local[:WORKERS] processes, slurm:JOBS, or at a scheduler's address.",
        ),
    ] = None,
    job: Annotated[
        list[str] | None,
        typer.Option(
            "--job",
            metavar="KEY=VALUE",
            help="What jobs of Slurm ask for: queue, account, time, memory, cores, modules, "
            "before, options, interface; may be repeated.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random draw.")] = None,
    device: Annotated[Device | None, typer.Option("--device", help="Where to compute.")] = None,
    precision: Annotated[
        Precision, typer.Option("--precision", help="Bits of a floating-point number.")
    ] = Precision.single,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder only.")] = False,
) -> None:
    """Run an experiment over many values of its settings.

    Stopped at any moment, the same command goes on where it was; when all is done it does nothing.
    """
    from cortex.experiment import load_config

    config = load_config(name_or_file, settings or [], seed)
    most = _whole(chunk)
    if bool(sample) != (count is not None):
        raise UserError("--n: allowed with --sample, and needed there: how many draws")
    from cortex.experiment.sweeps.axes import parse_grid, parse_sample
    from cortex.experiment.sweeps.plan import Sweep

    plan = Sweep(
        config,
        tuple(parse_grid(text) for text in grid or []),
        tuple(parse_sample(text) for text in sample or []),
        1 if count is None else count,
        tuple(name.strip() for name in keep.split(",") if name.strip()),
    )
    with shown_progress(quiet):
        plan.check()
    if job and cluster is None:
        raise UserError("--job: allowed with --cluster slurm:JOBS")
    _prepare(cluster is not None)
    with computing(device, precision), shown_progress(quiet):
        from cortex.experiment.sweeps.runner import run_sweep

        engine = None
        if cluster is not None:
            from cortex.experiment.sweeps.cluster import Cluster

            engine = Cluster(cluster, most, job or ())
        found = run_sweep(plan, out, engine=engine, chunk=most)
    if quiet:
        typer.echo(str(found.path))
        return
    there = plan.size - found.computed
    before = f", {there} of them before" if there else ""
    typer.echo(f"{plan.size} points{before}: {_counted(found.outcomes)}")
    if found.complaints:
        point, why = next(iter(found.complaints.items()))
        where = ", ".join(f"{path}={value}" for path, value in plan.values(point).items())
        typer.echo(f"failed   {where}: {why}")
    typer.echo(f"results  {short(found.path)}")
    typer.echo(f"figure   {short(found.path / 'figure.png')}")


def _whole(chunk: str) -> int | None:
    if chunk == "auto":
        return None
    if not chunk.isdecimal() or int(chunk) < 1:
        raise UserError(f"--chunk: found {chunk!r}, allowed: auto or a whole number >= 1")
    return int(chunk)


def _counted(outcomes: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcomes.items())


def _prepare(elsewhere: bool) -> None:
    """Before JAX looks for devices: each processor is one; accelerators are for workers."""
    import jax

    try:
        if elsewhere:
            jax.config.update("jax_platforms", "cpu")
        else:
            jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    except RuntimeError:  # it has looked already, as in a session that goes on
        return
