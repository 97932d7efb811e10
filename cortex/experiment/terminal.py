"""What the command line draws: progress bars and tables."""

from __future__ import annotations

import math
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich.progress
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cortex.experiment.measures import Measure
from cortex.progress import Advance, Listener
from cortex.settings import Row

if TYPE_CHECKING:
    from cortex.experiment.history import Pair, Run
    from cortex.experiment.validation import Validated

_PIPE_WIDTH = 160


class _RateColumn(rich.progress.ProgressColumn):
    """Steps a second, of a stage that counts them."""

    def render(self, task: rich.progress.Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g}/s" if speed and task.total != 1 else "")


class _Pace:
    """Says now and then how far a stage is, how fast, and what is left."""

    EVERY, EARLY = 10.0, 0.5  # s

    def __init__(self, say: Callable[[str], None], text: str, total: int | float) -> None:
        self._say, self._text, self._total = say, text, total
        self._done = 0.0
        self._start = self._said = time.perf_counter()
        self._mark: tuple[float, float] | None = None

    def __call__(self, steps: int | float = 1) -> None:
        self._done += steps
        now = time.perf_counter()
        if self._mark is None:
            # What was there before, and the first steps, which compile, say nothing of the rate.
            if now - self._start > self.EARLY:
                self._mark = self._done, now
            return
        if now - self._said < self.EVERY:
            return
        self._said = now
        done, since = self._mark
        rate = (self._done - done) / (now - since)
        left = (self._total - self._done) / rate
        self._say(
            f"{self._text}: {self._done:g} of {self._total:g}, {rate:.3g}/s, {left:.0f} s left"
        )


def lines() -> Listener:
    """A line on standard error as each stage starts and now and then, for logs and pipes."""
    start = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - start:7.1f} s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def listener(text: str, total: int | float | None) -> Iterator[Advance]:
        say(text)
        yield (lambda steps=1: None) if total is None else _Pace(say, text, total)

    return listener


@contextmanager
def bars() -> Iterator[Listener]:
    """A bar for each stage, with the time taken and the time left, on standard error."""
    columns = (
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        _RateColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=Console(stderr=True)) as shown:

        @contextmanager
        def listener(text: str, total: int | float | None) -> Iterator[Advance]:
            task = shown.add_task(text, total=total)
            yield lambda steps=1: shown.advance(task, steps)
            # A stage that finished is full, counted or not.
            whole = 1 if total is None else total
            shown.update(task, total=whole, completed=whole)

        yield listener


def _emit(table: Table, entries: Sequence[tuple[Text, Text]] = ()) -> None:
    """Print; a pipe or file is given room, and no blanks at the ends of lines.

    Args:
        table: what is printed.
        entries: the same for a terminal that is too narrow for the table: for each row a line,
            and what stands below it.
    """
    if not sys.stdout.isatty():
        console = Console(width=_PIPE_WIDTH)
        with console.capture() as captured:
            console.print(table)
        lines = [line.rstrip() for line in captured.get().splitlines()]
        print("\n".join(lines).strip("\n"))
        return
    console = Console()
    unbound = console.options.update(max_width=10_000)
    if not entries or console.measure(table, options=unbound).maximum <= console.width:
        console.print(table)
        return
    for head, below in entries:
        console.print(head, soft_wrap=True)
        if below:
            console.print(Padding(below, (0, 0, 0, 4)))


def _table(*columns: str, right: Sequence[str] = (), whole: Sequence[str] = ()) -> Table:
    """A table; what stands in the columns `whole` is never broken into lines."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        justify: Any = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name in whole)
    return table


class _Footnotes:
    """Sources by number, each printed once below a table."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, text: str) -> Text:
        """What stands in the table for a source; nothing for none."""
        if not text:
            return Text("")
        return Text(str(self._numbers.setdefault(text, len(self._numbers) + 1)), style="dim")

    def print(self) -> None:
        for text, number in self._numbers.items():
            wide = Console().width if sys.stdout.isatty() else _PIPE_WIDTH
            print(textwrap.fill(f"{number:>3}  {text}", wide, subsequent_indent=" " * 5))


def _bracketed(mark: Text) -> Text:
    return Text.assemble(" [", mark, "]") if mark else mark


def print_experiments(rows: Sequence[tuple[str, str, str]]) -> None:
    """Names, how long each takes, and a sentence; in a pipe a line each."""
    for name, takes, summary in rows:
        head = f"  {name:<31}{takes:>5}  "
        if not sys.stdout.isatty():
            print(head + summary)
            continue
        blank = " " * len(head)
        wide = max(Console().width, len(head) + 20)
        print(textwrap.fill(summary, wide, initial_indent=head, subsequent_indent=blank))


def print_settings(rows: Sequence[Row]) -> None:
    """The resolved configuration as a table, with its sources below."""
    columns = ("setting", "value", "unit", "meaning", "from")
    table = _table(*columns, right=("from",), whole=("setting",))
    section, sources, entries = "", _Footnotes(), []
    for row in rows:
        here = row.path.rpartition(".")[0]
        if here != section:
            table.add_section()
            section = here
        unit = _unit(row.unit)
        cells = list(map(Text, (row.path, _written(row.value), unit, row.description)))
        mark = sources.mark(row.source)
        table.add_row(*cells, mark)
        head = Text.assemble((row.path, "bold"), "  ", cells[1], " " if unit else "", unit)
        entries.append((head, cells[3] + _bracketed(mark)))
    _emit(table, entries)
    sources.print()


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    return "" if value is None else str(value)


def print_measures(
    measures: Sequence[Measure], most: int, sourced: bool, concluded: bool = False
) -> int:
    """The measures as a table; returns how many are left out.

    Args:
        measures: rows.
        most: in a longer table only rows are shown that are claims or headlines.
        sourced: whether sources are shown.
        concluded: whether sentences follow: then headlines are all that is shown.
    """
    shown = list(measures)
    if concluded:
        shown = [m for m in shown if m.headline]
    elif len(shown) > most:
        shown = [m for m in shown if m.headline or m.claims]
    columns = ("measure", "value", "unit", "expected", "holds", *(["from"] if sourced else []))
    table = _table(*columns, right=("value", "expected", "from"), whole=("measure", "value"))
    sources = _Footnotes()
    entries = []
    for measure in shown:
        unit = _unit(measure.unit)
        cells = [
            Text(measure.name),
            Text(_with_interval(measure)),
            Text(unit),
            Text(measure.goal),
            _verdict(measure.holds),
        ]
        mark = sources.mark(measure.provenance) if sourced else Text("")
        table.add_row(*cells, *([mark] if sourced else []))
        expected = f", expected {measure.goal}" if measure.goal else ""
        below = Text(f"{_with_interval(measure)} {unit}".rstrip() + expected)
        head = Text.assemble(_verdict(measure.holds), " ", measure.name)
        entries.append((head, below + _bracketed(mark)))
    _emit(table, entries)
    sources.print()
    return len(measures) - len(shown)


def print_runs(runs: Sequence[Run]) -> None:
    """Results folders: when, what differs from the defaults, how many claims hold."""
    table = _table("folder", "started (UTC)", "hold", "settings changed", right=("hold",))
    entries = []
    for run in runs:
        held = "/".join(map(str, run.held))
        changed = ", ".join(f"{path}={_written(_tuple(v))}" for path, v in run.changed.items())
        started = run.started[:16].replace("T", " ")
        table.add_row(Text(str(run.path)), started, held, Text(changed))
        below = f"{started}, {held} hold" + (f", {changed}" if changed else "")
        entries.append((Text(str(run.path)), Text(below)))
    _emit(table, entries)


def print_compared(
    names: tuple[str, str], settings: Sequence[Pair], measures: Sequence[Pair]
) -> None:
    """What differs in the settings of two runs, and the claims of both."""
    for number, name in zip("AB", names, strict=True):
        print(f"{number}  {name}")
    table, entries = _table("setting", "A", "B", whole=("setting",)), []
    for pair in settings:
        values = [Text(_written(_tuple(value))) for value in (pair.one, pair.other)]
        table.add_row(Text(pair.name), *values)
        entries.append((Text(pair.name), Text.assemble("A ", values[0], "   B ", values[1])))
    _emit(table, entries)
    columns = ("measure", "A", "", "B", "", "unit")
    table = _table(*columns, right=("A", "B"), whole=("measure", "A", "B"))
    entries = []
    for pair in measures:
        cells: list[Text] = []
        for measure in (pair.one, pair.other):
            absent = measure is None
            cells.append(Text("—" if absent else _with_interval(measure)))
            cells.append(Text("") if absent or measure.holds is None else _verdict(measure.holds))
        unit = _unit((pair.one or pair.other).unit)
        table.add_row(Text(pair.name), *cells, unit)
        one, held, other, also = cells
        both = Text.assemble("A ", one, " ", held, "   B ", other, " ", also, "   ", unit)
        entries.append((Text(pair.name), both))
    _emit(table, entries)


def _with_interval(measure: Measure) -> str:
    if measure.interval is None:
        return _number(measure.value)
    low, high = measure.interval
    return f"{_number(measure.value)} [{low:.3g}, {high:.3g}]"


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def print_validated(done: Sequence[Validated]) -> None:
    """One table over all experiments, its sources, then why rows do not hold."""
    head = ("effect", "expected", "here", "holds", "from")
    table = _table(*head, right=("expected", "here", "from"))
    sources = _Footnotes()
    for one in done:
        table.add_section()
        table.add_row(Text(one.experiment, style="bold"), "", "", "", "")
        if one.failure:
            table.add_row(Text(f"did not run: {one.failure}"), "", "", "", _verdict(False))
        for m in one.measures:
            table.add_row(
                Text.assemble(m.claim, (f"  {m.name}" if m.effect else "", "dim")),
                Text(m.goal),
                Text(f"{_number(m.value)} {_unit(m.unit)}".rstrip()),
                _verdict(m.holds),
                sources.mark(m.provenance),
            )
    _emit(table)
    sources.print()
    for one in done:
        for m in one.measures:
            if not m.holds:
                print(f"{one.experiment}, {m.name}: does not hold. {m.note}".rstrip())


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "none"


def _verdict(holds: bool | None) -> Text:
    if holds is None:
        return Text("–")
    return Text("✓", style="green") if holds else Text("✗", style="bold red")
