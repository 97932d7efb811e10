"""Rows of the experiment on glimpses: learned places against random ones, and what circuits do."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortex.experiment import Measure
from cortex.tasks import Rates, interval

MNIH = "direction: Mnih et al. 2014"
HERE = "direction: expected here"


class _Rows(list[Measure]):
    """Rows on the lower ends of bootstrap intervals over images, the same images for all."""

    def __init__(self, resamples: int, level: float, seed: int):
        super().__init__()
        self.resamples, self.level, self.seed = resamples, level, seed

    def drawn(self, count: int) -> np.ndarray:
        """Images drawn anew, (resamples, images)."""
        rng = np.random.default_rng(self.seed)
        return rng.integers(0, count, (self.resamples, count))

    def report(self, name: str, value: float) -> None:
        """A number without a claim."""
        self.append(Measure.reported(name, value, "1"))

    def low(
        self,
        name: str,
        values: np.ndarray,
        unit: str,
        provenance: str,
        effect: str,
        words: str = "",
    ) -> None:
        """Of a mean over seeds and images, (seed, image)."""
        samples = values.mean(0)[self.drawn(values.shape[1])].mean(-1)
        by_seed = ", ".join(f"{value:.3g}" for value in values.mean(1))
        words = f"; by seed {by_seed}{words}"
        self.bound(name, values.mean(), samples, unit, provenance, effect, words)

    def bound(
        self,
        name: str,
        value: float,
        samples: np.ndarray,
        unit: str,
        provenance: str,
        effect: str,
        words: str = "",
    ) -> None:
        """Expected above 0, from the samples of a bootstrap."""
        low, high = interval(samples, self.level)
        row = Measure.expecting(
            f"{name}_low",
            float(low),
            unit,
            expected="> 0",
            provenance=provenance,
            headline=True,
            effect=effect,
            note=f"{value:.3g}, {self.level:.0%} interval over images "
            f"[{low:.3g}, {high:.3g}]{words}",
        )
        self.append(row)


def glimpse_measures(
    data: xr.Dataset, resamples: int, level: float, seed: int = 0
) -> list[Measure]:
    """All rows of the experiment.

    Args:
        data: of `cortex.sims.glimpses`.
        resamples: bootstrap resamples over images.
        level: of the intervals.
        seed: of the bootstrap.
    """
    rows = _Rows(resamples, level, seed)
    _by_glimpses(rows, data)
    _circuits(rows, data)
    return list(rows)


def _by_glimpses(rows: _Rows, data: xr.Dataset) -> None:
    """Accuracy, and where glimpses go."""

    def of(name: str) -> np.ndarray:
        """(policy, seed, image, glimpse)."""
        return data[name].transpose("policy", "seed", "image", "glimpse").values.astype(float)

    right, near, on = of("right"), of("distance"), of("on_digit")
    once, most = data["right_centre"].values.astype(float), int(data["glimpse"][-1])
    for name, values in zip(data["policy"].values, right, strict=True):
        rows.report(f"accuracy[{name},1]", values[..., 0].mean())
        rows.report(f"accuracy[{name},{most}]", values[..., -1].mean())
    rows.report("accuracy[one central glimpse]", once.mean())
    rows.report("accuracy_random_over_none", (right[1, ..., -1] - once).mean())
    last = right[0, ..., -1]
    for name, gain, unit, source, effect in (
        ("accuracy_over_random", last - right[1, ..., -1], "1", MNIH, "learned places beat random"),
        ("accuracy_over_none", last - once, "1", MNIH, "learned places beat one central glimpse"),
        ("accuracy_by_glimpses", last - right[0, ..., 0], "1", MNIH, "more glimpses help"),
        ("nearer", near[1, ..., -1] - near[0, ..., -1], "px", HERE, "learned places are nearer"),
        ("on_digit", on[0, ..., -1] - on[1, ..., -1], "1", HERE, "learned places hit the digit"),
    ):
        rows.low(name, gain, unit, source, effect)


def _circuits(rows: _Rows, data: xr.Dataset) -> None:
    """Rates on the digit and off it by window; detection with windows, and at cuts."""
    by = {str(name): data.sel(window=name) for name in data["window"].values}
    for population in "EI":
        for where in ("on", "off"):
            name = f"rate_{population}_{where}"
            before = float(by["none"][name].mean())
            for window, one in by.items():
                if window != "none":
                    rows.report(f"{name}_factor[{window}]", float(one[name].mean()) / before)
        change = by["learned"][f"rate_{population}_on"] - by["random"][f"rate_{population}_on"]
        words = f"a window at the learned place raises {population} rates on the digit"
        rows.low(f"{population}_on_digit", change.values, "Hz", HERE, words)
    rows.report("chosen[no clutter]", float(data["clean"].mean()))
    _detection(rows, by, "", "a window at")
    cuts = {str(name): data.sel(fixated=name) for name in data["fixated"].values}
    _detection(rows, cuts, "cut_", "a cut around")
    settled = Measure.compared(
        "settled_share",
        np.mean([float(data[name].mean()) for name in ("settled", "cut_settled")]),
        "1",
        reference=1.0,
        absolute=0.0,
        provenance="required here: every state is a steady one",
        effect="every circuit settled",
    )
    rows.append(settled)


def _detection(rows: _Rows, by: dict[str, xr.Dataset], before: str, words: str) -> None:
    """Sensitivity, and how often the digit's detector wins: the learned place against others."""
    d = {name: _sensitivity(rows, one, before) for name, one in by.items()}
    won = {name: one[f"{before}chosen"].values.astype(float) for name, one in by.items()}
    for name, (value, _) in d.items():
        rows.report(f"{before}sensitivity[{name}]", value)
        rows.report(f"{before}chosen[{name}]", won[name].mean())
    for other in [name for name in d if name not in ("learned", "digit")]:
        than = "none" if other == "none" else "the centre" if other == "centre" else "a random one"
        (value, samples), (base, bases) = d["learned"], d[other]
        effect = f"detection: {words} the learned place beats {than}"
        name = f"{before}sensitivity_over_{other}"
        best = f"; at the digit itself {d['digit'][0] - base:.3g}"
        rows.bound(name, value - base, samples - bases, "1", HERE, effect, best)
        effect = f"the digit's detector wins more often: {words} the learned place, not {than}"
        gain, best = won["learned"] - won[other], (won["digit"] - won[other]).mean()
        compared = f"; at the digit itself {best:.3g}"
        rows.low(f"{before}chosen_over_{other}", gain, "1", HERE, effect, compared)


def _sensitivity(rows: _Rows, one: xr.Dataset, before: str) -> tuple[float, np.ndarray]:
    """d', the mean over seeds, and its bootstrap samples over images."""
    hits, false = (one[f"{before}{name}"].values.astype(float) for name in ("hit", "false_alarms"))
    value = np.mean(Rates(hits.mean(-1), false.mean(-1)).sensitivity)
    drawn = rows.drawn(hits.shape[-1])
    samples = Rates(hits[:, drawn].mean(-1), false[:, drawn].mean(-1)).sensitivity
    return float(value), np.asarray(samples).mean(0)
