"""Figure of a sweep: lines over one axis, maps over two, small multiples beyond, from its data.

Each panel is a measure of the experiment against the settings that were swept. Open marks and
crosses are points whose states did not settle, grey ones points without a number (the circuit ran
away, or nothing could be measured); where each setting stands when it is not swept is marked by a
dotted line or a star. Bands over random samples hold 90 % of them. An axis or a colour bar is
logarithmic where a few points would leave the rest flat.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from cortex.errors import UserError
from cortex.plot import style

SAMPLE = "sample"
MOST_PANELS, MOST_MULTIPLES, MOST_LINES = 6, 24, 6
SETTLED = 0
SKEWED = 20  # times the median
BAND = (5, 95)  # percentiles of samples


@style.journal()
def draw(data: Any, chosen: Sequence[str] = ()) -> Any:
    """The measures of a sweep against the settings that were swept.

    Args:
        data: see `cortex.experiment.sweeps`.
        chosen: measures, or the part of their names before the bracket for all of that kind;
            default the headlines.

    Returns:
        matplotlib.figure.Figure
    """
    axes = [dim for dim in data["status"].dims if dim != SAMPLE]
    numeric = [dim for dim in axes if data[dim].dtype.kind in "if"]
    families = _families(data, chosen)
    if not axes:
        return _scatters(data, families)
    if len(axes) == 1 or (len(axes) == 2 and len(numeric) == 1):
        return _lines(data, families, numeric[-1] if numeric else axes[-1])
    if len(axes) == 2:
        return _maps(data, families, axes)
    return _multiples(data, families, axes, numeric)


def _families(data: Any, chosen: Sequence[str]) -> dict[str, list[str]]:
    """Names of measures by what stands before their bracket."""
    names = list(data.attrs["measures"]) or ["status"]  # where nothing could be measured
    for name in chosen:
        if name not in names and name not in map(_stem, names):
            raise UserError(f"--of {name}: no such measure, allowed: {', '.join(names)}")
    wanted = [n for n in names if n in chosen or _stem(n) in chosen] or _telling(data, names)
    found: dict[str, list[str]] = {}
    for name in wanted:
        found.setdefault(_stem(name), []).append(name)
    return found


def _telling(data: Any, names: Sequence[str]) -> list[str]:
    """Headlines if there are any, of the measures that most points have and that vary."""
    settled = data["status"].values == SETTLED

    def tells(name: str) -> bool:
        values = data[name].values[settled]
        known = values[np.isfinite(values)]
        return known.size > values.size / 2 and bool(np.ptp(known) > 1e-6 * np.abs(known).max())

    telling = [name for name in names if tells(name)] or list(names)
    return [name for name in telling if name in data.attrs["headlines"]] or telling


def _stem(name: str) -> str:
    return name.partition("[")[0]


def _condition(name: str) -> str:
    return name.partition("[")[2].rstrip("]")


def _in_words(name: str) -> str:
    """What is in the brackets of a measure's name, or the name itself, in words."""
    short = re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.3g}", name)
    return short.replace("_", " ").replace("=", " ")


def _setting(item: Any) -> str:
    """What a swept setting is, in words, with its path and unit."""
    name, words = str(item.name), str(item.attrs.get("long_name", item.name))
    return f"{_wrapped(words if words != name else _in_words(name))}\n{name}{_unit(item)}"


def _measure(item: Any) -> str:
    """The name of a measure, without its conditions, in words and with its unit."""
    return _in_words(_stem(str(item.name))) + _unit(item)


def _unit(item: Any) -> str:
    unit = item.attrs.get("units", "1")
    return "" if unit == "1" else f" ({unit})"


def _meaning(data: Any, name: str, width: int = 30) -> str:
    """What a measure is, where that says more than its name."""
    words = data[name].attrs["long_name"]
    return "" if words == name else _wrapped(words, width)


def _wrapped(words: str, width: int = 30) -> str:
    return "\n".join(textwrap.wrap(words, width))


def _unswept(item: Any) -> float | None:
    """Where a setting stands when it is not swept, if that is a number on its axis."""
    value = item.attrs.get("unswept")
    if not isinstance(value, int | float) or item.dtype.kind not in "if":
        return None
    return float(value) if item.values.min() <= value <= item.values.max() else None


def _mark_unswept(panel: Any, x: Any) -> None:
    place = _unswept(x)
    if place is not None:
        panel.axvline(place, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0)


def _explain(figure: Any, data: Any, *, crosses: bool, lines: bool = True) -> None:
    """What marks mean, below all panels; only of those that are there."""
    bad = data["status"].values != SETTLED
    handles = []
    if bad.any():
        cross = {"marker": "x", "color": style.E} if crosses else {"marker": "o", "mfc": "white"}
        look = {"ls": "none", "ms": 4, "mec": style.E, "label": "not settled"}
        handles.append(Line2D([], [], **{**look, **cross}))
    if crosses and bad.any():
        handles.append(Patch(fc=style.PALE, ec=style.GREY, lw=0.4, label="no number"))
    paths = [name for name in data.coords if _unswept(data[name]) is not None]
    if paths:
        dots = {"color": style.GREY, "ls": (0, (1, 1.5))} if lines else _STAR | {"ls": "none"}
        handles.append(Line2D([], [], label="where not swept", **dots))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


_STAR = {"marker": "*", "ms": 8, "color": "white", "mec": style.INK, "mew": 0.7}


def _scaled(panel: Any, data: Any, name: str, which: str = "x") -> None:
    values = data[name].values
    if name in data.attrs["logarithmic"].split() and values.max() >= 10 * values.min():
        _logarithmic(panel, which)


def _unflattened(panel: Any, values: Any) -> None:
    """A logarithmic vertical axis where a few points would leave the rest one line."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if isinstance(_norm(values), LogNorm):
        _logarithmic(panel, "y")
    elif sizes.size and sizes.max() > SKEWED * np.median(sizes):
        panel.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(np.median(sizes))))


def _logarithmic(panel: Any, which: str) -> None:
    getattr(panel, f"set_{which}scale")("log")
    axis = getattr(panel, f"{which}axis")
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _grid(count: int, width: int = 3, row: float = 55.0) -> tuple[Any, list[Any]]:
    columns = 2 if count == 4 and width > 2 else min(count, width)
    rows = -(-count // columns)
    full = style.DOUBLE_COLUMN if columns > 1 else style.SINGLE_COLUMN
    figure, panels = style.figure(rows, columns, width=full, height=row * rows + 8)
    for panel in panels.flat[count:]:
        panel.set_axis_off()
    return figure, list(panels.flat[:count])


def _lines(data: Any, families: dict[str, list[str]], x: str) -> Any:
    """A panel for each kind of measure; a line for each condition, or value of the other axis."""
    shown = dict(itertools.islice(families.items(), MOST_PANELS))
    figure, panels = _grid(len(shown))
    for panel, names in zip(panels, shown.values(), strict=True):
        lines = _series(data, names, x)
        for (label, values, settled), colour in zip(
            lines, itertools.cycle(style.SERIES), strict=False
        ):
            _line(panel, data[x].values, values, settled, colour, label)
        panel.set_title(_meaning(data, names[0]))
        panel.set_xlabel(_setting(data[x]))
        panel.set_ylabel(_measure(data[names[0]]))
        _scaled(panel, data, x)
        _unflattened(panel, np.concatenate([np.ravel(values) for _, values, _ in lines]))
        _mark_unswept(panel, data[x])
        if len(lines) > 1:  # below, where they cover no line
            panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32))
    _explain(figure, data, crosses=False)
    if len(panels) > 1:
        style.letters(panels)
    return figure


def _series(data: Any, names: Sequence[str], x: str) -> list[tuple[str, Any, Any]]:
    """(Label, values (x, samples), settled (x,)) of the lines of one panel."""
    others = [dim for dim in data["status"].dims if dim not in (x, SAMPLE)]
    lines = []
    for name in names:
        combinations = itertools.product(*(range(data.sizes[dim]) for dim in others))
        for index in combinations:
            at = data.isel(dict(zip(others, index, strict=True)))
            words = [_in_words(_condition(name))] if len(names) > 1 else []
            words += [f"{dim.rpartition('.')[2]} = {_number(at[dim])}" for dim in others]
            settled = at["status"].transpose(x, ...).values == SETTLED
            values = at[name].transpose(x, ...).values
            lines.append((", ".join(words), values, settled))
    if len(lines) > MOST_LINES:
        places = np.linspace(0, len(lines) - 1, MOST_LINES).round().astype(int)
        lines = [lines[place] for place in places]
    return lines


def _line(panel: Any, x: Any, values: Any, settled: Any, colour: str, label: str) -> None:
    """One line with its points; a band over samples; open where not all states were reached."""
    place = np.arange(len(x)) if x.dtype.kind not in "if" else x
    if values.ndim > 1:
        with np.errstate(invalid="ignore"):
            low, high = np.nanpercentile(values, BAND, axis=1)
        panel.fill_between(place, low, high, color=colour, alpha=0.2, lw=0)
        values, settled = np.nanmedian(values, axis=1), settled.all(axis=1)
    connected = x.dtype.kind in "if"
    marker = "o" if len(place) <= 40 or not connected else None
    panel.plot(
        place,
        np.where(settled | connected, values, np.nan),
        marker=marker,
        ms=2.5 if connected else 4,
        ls="-" if connected else "none",
        color=colour,
        label=label or None,
    )
    panel.plot(place[~settled], values[~settled], "o", ms=4, mfc="white", mec=colour)
    if not connected:
        panel.set_xticks(place, [str(value) for value in x])
        panel.margins(x=0.15)


def _maps(data: Any, families: dict[str, list[str]], axes: Sequence[str]) -> Any:
    """A map for each measure; the last axis runs to the right."""
    names = [name for family in families.values() for name in family][:MOST_PANELS]
    figure, panels = _grid(len(names))
    for panel, name in zip(panels, names, strict=True):
        mesh = _map(panel, data, name, axes)
        bar = figure.colorbar(mesh, ax=panel, shrink=0.9, pad=0.02)
        condition = _condition(name)
        words = _measure(data[name]) + (f", {_in_words(condition)}" if condition else "")
        bar.set_label(_wrapped(words, 26))
        bar.outline.set_linewidth(0.4)
        panel.set_title(_meaning(data, name, 26))
    _explain(figure, data, crosses=True, lines=False)
    if len(panels) > 1:
        style.letters(panels)
    return figure


def _map(panel: Any, data: Any, name: str, axes: Sequence[str], norm: Any = None) -> Any:
    y, x = axes[-2], axes[-1]
    over = [dim for dim in data["status"].dims if dim == SAMPLE]
    values = data[name].median(over).transpose(y, x).values if over else data[name].values
    bad = (data["status"] != SETTLED).any(over).transpose(y, x).values
    places = [_places(data[dim]) for dim in (x, y)]
    mesh = panel.pcolormesh(
        *places,
        values,
        shading="nearest",
        cmap="viridis",
        rasterized=True,
        norm=norm or _norm(values),
    )
    panel.set_facecolor(style.PALE)
    rows, columns = np.nonzero(bad)
    panel.plot(places[0][columns], places[1][rows], "x", ms=3, mew=0.7, color=style.E)
    here = [_unswept(data[dim]) for dim in (x, y)]
    if None not in here:
        panel.plot(*([place] for place in here), **_STAR)
    panel.set_xlabel(_setting(data[x]))
    panel.set_ylabel(_setting(data[y]))
    for dim, which in ((x, "x"), (y, "y")):
        _scaled(panel, data, dim, which)
        if data[dim].dtype.kind not in "if":
            getattr(panel, f"set_{which}ticks")(_places(data[dim]), data[dim].values)
    return mesh


def _norm(values: Any) -> Any:
    """Colours by size; by its logarithm where a few points would leave the rest one colour."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = finite.min(), finite.max()
    skewed = low > 0 and high > SKEWED * np.median(finite)
    return LogNorm(low, high) if skewed else Normalize(low, high)


def _places(item: Any) -> Any:
    return item.values if item.dtype.kind in "if" else np.arange(item.size)


def _multiples(
    data: Any, families: dict[str, list[str]], axes: Sequence[str], numeric: Sequence[str]
) -> Any:
    """Maps of the first measure over two axes, one for each combination of the others."""
    name = next(iter(families.values()))[0]
    two = list(numeric[-2:]) if len(numeric) > 1 else list(axes[-2:])
    others = [dim for dim in axes if dim not in two]
    combinations = list(itertools.product(*(range(data.sizes[dim]) for dim in others)))
    if len(combinations) > MOST_MULTIPLES:
        places = np.linspace(0, len(combinations) - 1, MOST_MULTIPLES).round().astype(int)
        combinations = [combinations[place] for place in places]
    width = data.sizes[others[-1]] if data.sizes[others[-1]] <= 6 else 4
    figure, panels = _grid(len(combinations), width, 42.0)
    norm = _norm(data[name].values)
    for panel, index in zip(panels, combinations, strict=True):
        at = data.isel(dict(zip(others, index, strict=True)))
        mesh = _map(panel, at, name, two, norm)
        words = [f"{dim.rpartition('.')[2]} = {_number(at[dim])}" for dim in others]
        panel.set_title(", ".join(words))
    bar = figure.colorbar(mesh, ax=panels, shrink=0.8, pad=0.02)
    bar.set_label(_measure(data[name]))
    _explain(figure, data, crosses=True, lines=False)
    style.letters(panels)
    if meaning := _meaning(data, name, 95):
        figure.suptitle(meaning, fontsize=8, x=0.02, ha="left")
    return figure


def _scatters(data: Any, families: dict[str, list[str]]) -> Any:
    """Each measure (rows) against each sampled setting (columns), with their rank correlation."""
    names = [name for family in families.values() for name in family][:4]
    paths = [str(name) for name, item in data.coords.items() if item.dims == (SAMPLE,)]
    paths = [path for path in paths if path != SAMPLE][:4]
    figure, panels = style.figure(
        len(names),
        len(paths),
        width=style.DOUBLE_COLUMN if len(paths) > 1 else style.SINGLE_COLUMN,
        height=45.0 * len(names) + 8,
        sharey="row",
        sharex="col",
    )
    settled = data["status"].values == SETTLED
    for (row, name), (column, path) in itertools.product(enumerate(names), enumerate(paths)):
        panel, x, y = panels[row, column], data[path].values, data[name].values
        panel.plot(x[settled], y[settled], ".", ms=3, color=style.GREEN, alpha=0.6)
        panel.plot(x[~settled], y[~settled], "o", ms=3, mfc="white", mec=style.E)
        _scaled(panel, data, path)
        _mark_unswept(panel, data[path])
        panel.set_title(f"rank correlation {style.number(_rank_correlation(x, y), 2)}")
        if row == len(names) - 1:
            panel.set_xlabel(_setting(data[path]))
        if column == 0:
            _unflattened(panel, y)
            words = (_meaning(data, name), _measure(data[name]))
            panel.set_ylabel("\n".join(filter(None, words)))
    _explain(figure, data, crosses=False)
    style.letters(panels.flat)
    return figure


def _rank_correlation(x: Any, y: Any) -> float:
    from scipy.stats import spearmanr

    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3 or np.ptp(y[known]) == 0:
        return float("nan")
    return float(spearmanr(x[known], y[known]).statistic)


def _number(item: Any) -> str:
    value = item.values[()]
    return f"{value:.3g}" if isinstance(value, float) else str(value)
