"""An experiment as one object: settings, a simulation, claims, and how to draw it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex.progress import stage
from cortex.settings import ExperimentSettings

if TYPE_CHECKING:
    import xarray as xr

    from cortex.experiment.claims import Claim
    from cortex.experiment.courses import Course
    from cortex.experiment.measures import Measure


@dataclass(frozen=True)
class Experiment:
    """What is set, simulated, analysed, claimed and drawn.

    Attributes:
        settings: class of its settings.
        simulate: from settings and a random key to a dictionary of arrays that know their axes
            (`cortex.label`, `cortex.over`).
        claims: what is expected to come out.
        analyse: from settings, the dataset and a NumPy random generator to further variables, a
            dictionary of `xarray.DataArray` or a dataset; for what is not a program of JAX, such
            as fits and bootstraps. None if there is nothing to do.
        draw: from settings, dataset and rows of claims to a `matplotlib.figure.Figure`; None for
            no figure.
        conclude: from settings and dataset to what was asked, what came out and how sure that is,
            in a few sentences; they are shown below the headline rows, and kept as
            ``conclusion.txt``. None for no such sentences.
        compiled: whether `simulate` is pure, so that it is compiled whole and a sweep computes many
            points with one program. An experiment that trains, reads files or looks at numbers as
            it goes is not: each point of a sweep is then a call.
        only_analysed: names of variables that `analyse` needs and nobody after it, such as what a
            readout sees in every trial: too large to keep.
        small: settings by dotted path that make it quick, for tests and first tries.
        course: from settings to activity over time, for `cortex movie`, as
            `cortex.experiment.course` makes it; None if there is no field to watch.
        needs: names of the public data without which it cannot run (`cortex data`).
        name: its name; by default that of the file that `simulate` stands in.

    Examples:
        >>> experiment = Experiment(Settings, simulate, CLAIMS)
        >>> data = cortex.run(experiment, width=20)
    """

    settings: type[ExperimentSettings]
    simulate: Callable[[Any, Any], Mapping[str, Any]]
    claims: Sequence[Claim] = ()
    analyse: Callable[[Any, Any, Any], Any] | None = None
    draw: Callable[[Any, Any, Any], Any] | None = None
    conclude: Callable[[Any, Any], str] | None = None
    compiled: bool = True
    only_analysed: Sequence[str] = ()
    small: Mapping[str, Any] = field(default_factory=dict)
    course: Callable[[Any], Course] | None = None
    needs: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            module = self.simulate.__module__.rpartition(".")[2]
            object.__setattr__(self, "name", module)

    @property
    def summary(self) -> str:
        """First line of the docstring of the file that it stands in."""
        import sys

        module = sys.modules.get(self.simulate.__module__)
        return (module.__doc__ or "").strip().partition("\n")[0] if module else ""

    def references(self) -> list[str]:
        """BibTeX entries of the papers that its settings and claims are from, each once."""
        from cortex.settings import settings
        from cortex.sources import bibtex_of, citation, references

        claims = {claim.source.key for claim in self.claims if claim.source.key}
        cited = " ".join(row.source for row in settings(self.settings()))
        keys = [key for key in references() if key in claims or citation(key) in cited]
        return [bibtex_of(key) for key in keys]

    def named(self, name: str) -> Experiment:
        """The same experiment under another name."""
        return replace(self, name=name)

    def run(self, settings: ExperimentSettings) -> xr.Dataset:
        """Simulate and analyse.

        Args:
            settings: its settings, an instance of the class `settings`.
        """
        import jax

        from cortex.memory import refuse_too_large

        key = jax.random.key(settings.seed)
        if self.compiled:
            with stage("compiling and simulating"):
                program = _program(self.simulate, settings)
                refuse_too_large(program, key)
                found = jax.block_until_ready(program(key))
        else:
            found = self.simulate(settings, key)
        return self.dataset(settings, found)

    def dataset(self, settings: ExperimentSettings, found: Mapping[str, Any]) -> xr.Dataset:
        """What `simulate` found, and what `analyse` makes of it."""
        import numpy as np
        import xarray as xr

        from cortex.labelled import to_dataset

        data = self.labelled(settings, found)
        if self.analyse is None:
            return data
        more = self.analyse(settings, data, np.random.default_rng(settings.seed))
        more = more if isinstance(more, xr.Dataset) else to_dataset(more)
        data = data[[name for name in data.data_vars if name not in self.only_analysed]]
        return _described(data.merge(more, compat="no_conflicts", join="exact"))

    def labelled(self, settings: ExperimentSettings, found: Mapping[str, Any]) -> xr.Dataset:
        """What `simulate` found, as a dataset."""
        from cortex.labelled import to_dataset

        return to_dataset(found)

    def rows(self, settings: ExperimentSettings, data: xr.Dataset) -> list[Measure]:
        """Every claim, at every place of its value."""
        return [row for claim in self.claims for row in claim.rows(settings, data)]


def _described(data: xr.Dataset) -> xr.Dataset:
    """The data with a name for coordinates that have none: those of words name themselves."""
    for name, along in data.coords.items():
        if along.dtype.kind in "OUST":
            along.attrs = {"units": "1", "long_name": str(name).replace("_", " ")} | along.attrs
    return data


@functools.lru_cache(maxsize=4)
def _program(simulate: Callable[[Any, Any], Any], settings: ExperimentSettings) -> Any:
    """The simulation compiled for these settings; kept, so that a second run takes no time."""
    import jax

    return jax.jit(functools.partial(simulate, settings))


def run(
    experiment: str | Path | Experiment, *, out: str | Path | None = None, **settings: Any
) -> xr.Dataset:
    """Run an experiment and return its data.

    Args:
        experiment: name of a packaged experiment or of a preset, a Python file that holds one, a
            TOML file of settings, or an `Experiment`.
        out: folder for its results (data, claims, figure, settings, provenance), new or empty;
            by default nothing is written.
        **settings: settings by name; those of a section as a dict, ``circuit={"units": 90}``.

    Returns:
        The dataset, with units and names on every variable; the claims are in
        ``data.attrs["claims"]``, a line each.

    Raises:
        ConfigError: a setting that is not there or not allowed, in one line.

    Examples:
        >>> data = cortex.run("ring_normalization", contrasts=[5, 20])
        >>> data.w.sel(contrast=20, population="E")
    """
    from cortex.experiment.loading import load_settings
    from cortex.experiment.runner import run_experiment

    chosen, resolved = load_settings(experiment, values=settings)
    if out is not None:
        found = run_experiment(resolved, Path(out), experiment=chosen)
        data, rows = found.data, found.measures
    else:
        data = chosen.run(resolved)
        rows = chosen.rows(resolved, data)
    data.attrs["claims"] = [f"{row.name} = {row.value:.4g}, {row.verdict}" for row in rows]
    return data
