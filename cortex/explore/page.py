"""The page: sliders on one side, pictures on the other, redrawn while a slider moves."""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from nicegui import run, ui
from PIL import Image, ImageColor
from starlette.requests import Request

from cortex.errors import ConfigError
from cortex.plot import style
from cortex.settings import Settings, replaced, settings

from .scene import ATTENTION, END, ONSET, SCENES, WEIGHTS, Scene, Seen, look, scene_from
from .text import as_python, as_query, as_toml, from_query

SECTIONS = {"first": "First grating", "second": "Second grating", "attention": "Attention"}
FORMS = ("input to E", "gain on drive", "input to E and I")
# Neither that of E nor that of I.
_CONTROLS = "#455a64"
_TEXT = {"fontSize": 12, "color": "#222222"}
_CSS = """
body { background: #f6f7f8; }
.explore { display: grid; gap: 12px; width: 100%; max-width: 1500px; margin: 0 auto;
  grid-template-columns: 310px minmax(0, 1fr); grid-template-rows: auto auto 1fr;
  grid-template-areas: "side steady" "side course" "side regime"; }
.steady { grid-area: steady; } .course { grid-area: course; }
.regime { grid-area: regime; } .side { grid-area: side; }
.card { background: white; border-radius: 6px; padding: 10px 14px;
  box-shadow: 0 1px 2px rgba(0, 0, 0, .15); min-width: 0; }
.maps { display: grid; grid-auto-flow: column; overflow-x: auto;
  grid-auto-columns: calc(100% / 3); }
.wide { height: 340px; width: 100%; } .low { height: 250px; width: 100%; }
.numbers { display: grid; gap: 12px; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.number { font-size: 26px; font-variant-numeric: tabular-nums; line-height: 1.2; }
@media (max-width: 800px) {
  .explore { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
    grid-template-areas: "steady" "regime" "side" "course"; }
  .steady { position: sticky; top: 0; z-index: 5; }
  .wide { height: 250px; } .maps { grid-auto-columns: 50%; } .number { font-size: 20px; }
}
"""


def serve(scene: Scene, host: str, port: int, show: bool) -> None:
    """Serve the page until interrupted.

    Args:
        scene: what a link without settings shows.
        host, port: where.
        show: whether to open a browser.
    """

    def root(request: Request) -> None:
        Page(scene, request.query_params.multi_items())

    ui.run(
        root,
        host=host,
        port=port,
        title="cortex explore",
        reload=False,
        show=show,
        show_welcome_message=False,
    )


class Page:
    """One visitor's page: a scene, its controls and its pictures."""

    def __init__(self, scene: Scene, asked: Sequence[tuple[str, str]]) -> None:
        self.scene: Any = scene
        self.busy = self.stale = False
        ui.add_css(_CSS)
        ui.colors(primary=_CONTROLS)
        try:
            self.scene = scene_from(from_query(asked)) if asked else scene
        except ConfigError as error:
            ui.notify(f"The link cannot be used: {error}", type="negative", timeout=0, close=True)
        with ui.row().classes("w-full items-center gap-3"):
            ui.label("cortex explore").classes("text-lg font-medium")
            ui.toggle(
                {"ring": "Ring", "sheet": "Sheet"},
                value=self.scene.network,
                on_change=lambda event: self.show(SCENES[event.value]()),
            ).props("dense no-caps")
            ui.space()
            for name, text in (("as Python", as_python), ("as TOML", as_toml)):
                ui.button(name, on_click=lambda text=text: self.tell(text(self.scene))).props(
                    "outline dense no-caps padding='2px 10px'"
                )
            ui.button("Reset", on_click=lambda: self.show(type(self.scene)())).props(
                "flat dense no-caps"
            )
        self.body()  # type: ignore[call-arg]  # the decorator gives it its own object
        ui.timer(0.05, self.redraw, once=True)

    @ui.refreshable_method
    def body(self) -> None:
        """Controls and pictures of the scene."""
        with ui.element("div").classes("explore"):
            with ui.element("div").classes("side card"):
                self.controls()
            with ui.element("div").classes("steady card"):
                self.caption = ui.label().classes("text-xs text-gray-600 float-right")
                self.caption.props("data-role=caption")
                ui.label(_heading(self.scene)).classes("text-sm font-medium")
                self.pictures = self.empty_pictures()
            with ui.element("div").classes("course card"):
                ui.label("Time course: first grating solid, second dashed").classes(
                    "text-sm font-medium"
                )
                self.course = ui.echart({}).classes("low")
            with ui.element("div").classes("regime numbers"):
                self.numbers = [_number(title) for title in _NUMBERS]

    def empty_pictures(self) -> list[Any]:
        """Charts of the steady state, without data."""
        if self.scene.network == "ring":
            return [ui.echart({}).classes("wide")]
        with ui.element("div").classes("maps"):
            return [ui.html("", sanitize=False) for _ in range(3)]

    def controls(self) -> None:
        """A slider for each number, by section."""
        for name, title in SECTIONS.items():
            section = getattr(self.scene, name)
            ui.label(title).classes("text-sm font-medium mt-1")
            if name == "attention":
                ui.select(list(FORMS), value=section.form, on_change=self.form_changed).props(
                    "dense options-dense outlined"
                ).classes("w-full")
                unused = "input" if section.form == "gain on drive" else "gain"
            else:
                unused = ""
            for row in settings(section, f"{name}."):
                if isinstance(row.value, float) and row.path not in (f"{name}.{unused}", _TO_I):
                    self.slider(row, _bounds(section, row.path))
        for title, paths in (("Both gratings", ("width", "diameter")), ("Weights", WEIGHTS)):
            ui.label(title).classes("text-sm font-medium mt-1")
            usual = {row.path: row.value for row in settings(type(self.scene)())}
            for row in settings(self.scene):
                if row.path in paths:
                    of_circuit = (0.0, 3 * usual[row.path])
                    self.slider(row, _bounds(self.scene, row.path) or of_circuit)

    def slider(self, row: Any, bounds: Any) -> None:
        """A slider with its words and its value."""
        low, high = bounds[0], max(bounds[1], row.value)
        step = 10.0 ** math.floor(math.log10((high - low) / 50))
        unit = "" if row.unit == "1" else f" {row.unit}"

        def moved(event: Any) -> None:
            value = round(float(event.value), 10)
            shown.text = f"{value:g}{unit}"
            self.scene = replaced(self.scene, {row.path: value})
            return self.redraw()  # type: ignore[return-value]  # awaited by the library

        with ui.element("div").classes("w-full"):
            with ui.row().classes("w-full justify-between text-xs text-gray-700 no-wrap gap-1"):
                ui.label(row.description)
                shown = ui.label(f"{row.value:g}{unit}").classes("whitespace-nowrap")
            ui.slider(min=low, max=high, step=step, value=row.value, on_change=moved).props(
                f'dense data-path={row.path} aria-label="{row.path}"'
            )

    async def form_changed(self, event: Any) -> None:
        """Another form of attention has another strength."""
        await self.show(replaced(self.scene, {"attention.form": event.value}))

    async def show(self, scene: Scene) -> None:
        """Another scene, with controls of its own."""
        self.scene = scene
        self.body.refresh()
        await self.redraw()

    def tell(self, text: str) -> None:
        """Show a text that can be copied or saved."""
        name = "scene.py" if text.startswith('"""') else "scene.toml"
        with ui.dialog(value=True), ui.card().classes("w-full").style("max-width: 900px"):
            ui.code(text, language="python" if name.endswith(".py") else "toml").classes("w-full")
            with ui.row():
                ui.button("Save", on_click=lambda: ui.download(text.encode(), name)).props("flat")

    async def redraw(self) -> None:
        """Compute and draw; while that goes on, only the last of further moves counts."""
        self.stale = True
        if self.busy:
            return
        self.busy = True
        try:
            while self.stale:
                self.stale, scene = False, self.scene
                new = type(scene) not in _COMPILED
                if new:
                    self.caption.text = "compiling, the first time only …"
                started = time.perf_counter()
                seen: Any = await run.io_bound(_look, scene)
                if self.scene.network != scene.network:
                    continue
                self.draw(scene, seen)
                took = 1000 * (time.perf_counter() - started)
                words = "compiled and computed" if new else "computed"
                self.caption.text = f"{_warning(seen)}{words} in {took:.0f} ms"
                ui.navigate.history.replace(f"?{as_query(scene)}")
        finally:
            self.busy = False

    def draw(self, scene: Any, seen: Seen) -> None:
        """Put the numbers into the pictures."""
        if scene.network == "ring":
            _fill(self.pictures[0], ring_chart(scene, seen))
        else:
            for picture, svg in zip(self.pictures, sheet_maps(scene, seen), strict=True):
                picture.set_content(svg)
        _fill(self.course, course_chart(seen))
        for labels, texts in zip(self.numbers, regime(scene, seen), strict=True):
            for label, text in zip(labels, texts, strict=True):
                label.text = text


_TO_I = "attention.to_I"
_COMPILED: set[type] = set()
_NUMBERS = ("Leading eigenvalue of E", "More input to I", "Sum weight of E")


def _look(scene: Scene) -> Seen:
    seen: Seen = jax.tree.map(np.asarray, look(scene))
    _COMPILED.add(type(scene))
    return seen


def _heading(scene: Any) -> str:
    if scene.network == "sheet":
        return "Steady state: both gratings dashed, attention solid"
    return "Steady state, both gratings: attended solid, unattended dashed"


def _bounds(section: Settings, path: str) -> tuple[float, float] | None:
    """The least and the largest value that a setting of a section allows, where both are said."""
    info = type(section).model_fields.get(path.rpartition(".")[2])
    limits = [
        [value for rule in info.metadata if (value := getattr(rule, name, None)) is not None]
        for name in ("ge", "le")
        if info is not None
    ]
    return (limits[0][0], limits[1][0]) if all(limits) and limits else None


def _number(title: str) -> list[Any]:
    with ui.element("div").classes("card"):
        ui.label(title).classes("text-xs text-gray-700")
        return [ui.label().classes("number"), ui.label().classes("text-xs text-gray-700")]


def _warning(seen: Seen) -> str:
    if not np.isfinite(seen.rates.E).all():
        return "the rates grow without bound · "
    return "" if seen.settled.all() else "not settled: it swings · "


def regime(scene: Any, seen: Seen) -> list[tuple[str, str]]:
    """Each of `_NUMBERS` and what it means."""
    eigenvalue, effect, weight = map(float, (seen.eigenvalue, seen.paradoxical, seen.sum_weight))
    if not math.isfinite(eigenvalue):
        return [("–", "no steady state")] * 3
    alone = "above 1: inhibition stabilises" if eigenvalue > 1 else "below 1: E is stable alone"
    paradox = f"Hz of I per %: {'' if effect < 0 else 'not '}paradoxical"
    summed = "both < sum of each alone" if weight < 1 else "both > sum of each alone"
    pair = scene.first.contrast > 0 and scene.second.contrast > 0
    return [
        (f"{eigenvalue:.2f}", alone),
        (f"{effect:+.2f}", paradox),
        (f"{weight:.2f}", summed) if pair else ("–", "needs two gratings"),
    ]


def _axis(name: str, low: float | None = None, high: float | None = None, **more: Any) -> Any:
    lines = {"axisLine": {"show": True}, "splitLine": {"show": False}, "axisTick": {"show": True}}
    words = {"nameTextStyle": _TEXT, "axisLabel": _TEXT, "nameLocation": "middle"}
    return {"type": "value", "name": name, "min": low, "max": high, **lines, **words, **more}


def _line(name: str, x: Any, y: Any, colour: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": _points(x, y),
        "symbol": "none",
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "type": kind, "width": 2.2 if kind == "solid" else 1.4},
        **more,
    }


def _points(*columns: Any) -> list[list[Any]]:
    """Rows for a chart, five digits, nothing where there is no number."""
    table = np.stack([np.asarray(column, float) for column in columns], -1)
    return [[float(f"{v:.5g}") if math.isfinite(v) else None for v in row] for row in table]


def _legend() -> dict[str, Any]:
    return {
        "top": 0,
        "left": 62,
        "itemWidth": 24,
        "textStyle": _TEXT,
        "selectedMode": False,
        "data": ["E", "I"],
    }


def _fill(chart: Any, options: dict[str, Any]) -> None:
    chart.options.clear()
    chart.options.update(options)
    chart.update()


def ring_chart(scene: Any, seen: Seen) -> dict[str, Any]:
    """Rates and drive over preferred orientation, with attention and without."""
    period, title = scene.circuit.period, "Preferred orientation (deg)"
    around = np.arange(scene.circuit.units + 1) % scene.circuit.units  # its end is its beginning
    x = np.linspace(0, period, len(around))
    series = [
        _line(f"{name}{words}", x, getattr(seen.rates, name)[state, around], colour, kind)
        for name, colour in (("E", style.E), ("I", style.I))
        for state, words, kind in ((3, "", "solid"), (2, ", unattended", "dashed"))
    ]
    below = {"xAxisIndex": 1, "yAxisIndex": 1}
    drive = _line("drive", x, seen.drives[2, around], style.GREY, "solid", **below)
    drive["areaStyle"] = {"color": style.PALE}
    where = {"xAxis": scene.attention.place}
    marked = {"lineStyle": {"color": style.INK, "type": "dotted"}, "symbol": "none"}
    drive["markLine"] = {"silent": True, "data": [where], **marked}
    drive["markLine"]["label"] = {"formatter": "attention", "position": "end", **_TEXT}
    grid = {"left": 62, "right": 16}
    return {
        "animation": False,
        "legend": _legend(),
        "tooltip": {"trigger": "axis"},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": [{**grid, "top": 34, "bottom": "42%"}, {**grid, "top": "69%", "bottom": 44}],
        "xAxis": [
            _axis("", 0, period, interval=45) | {"axisLabel": {"show": False}},
            _axis(title, 0, period, interval=45, gridIndex=1, nameGap=26),
        ],
        "yAxis": [
            _axis("Rate (Hz)", 0, nameGap=42),
            _axis("Drive (%)", 0, nameGap=42, gridIndex=1, splitNumber=2),
        ],
        "series": [*series, drive],
    }


def course_chart(seen: Seen) -> dict[str, Any]:
    """Rates over time, with the times of the gratings and of attention."""
    series = [
        _line(f"{name}{words}", seen.times, getattr(seen.course, name)[:, at], colour, kind)
        for name, colour in (("E", style.E), ("I", style.I))
        for at, words, kind in ((0, "", "solid"), (1, ", second grating", "dashed"))
    ]
    areas = (("gratings", ONSET, ATTENTION, 0.35), ("gratings, attention", ATTENTION, END, 0.75))
    label = {"position": "top", **_TEXT}
    series[0]["markArea"] = {
        "silent": True,
        "data": [
            [
                {"name": name, "xAxis": start, "label": label, "itemStyle": _shade(opacity)},
                {"xAxis": stop},
            ]
            for name, start, stop, opacity in areas
        ],
    }
    return {
        "animation": False,
        "legend": _legend(),
        "tooltip": {"trigger": "axis"},
        "grid": {"left": 62, "right": 16, "top": 46, "bottom": 44},
        "xAxis": _axis("Time (ms)", 0, END, nameGap=26, interval=50),
        "yAxis": _axis("Rate (Hz)", 0, nameGap=42),
        "series": series,
    }


def _shade(opacity: float) -> dict[str, Any]:
    return {"color": style.PALE, "opacity": opacity}


def sheet_maps(scene: Any, seen: Seen) -> list[str]:
    """E and I over the sheet with attention, and what attention changes in E."""
    E, I = (np.asarray(rate) for rate in (seen.rates.E, seen.rates.I))  # noqa: E741
    change = E[3] - E[2]
    most = float(np.nanmax(np.abs(change), initial=1e-3))
    diverging = [style.PURPLE, "#ffffff", style.GREEN]
    return [
        _map(scene, "E, attended (Hz)", E[3], (0, _top(E[3])), ["#ffffff", style.E]),
        _map(scene, "I, attended (Hz)", I[3], (0, _top(I[3])), ["#ffffff", style.I]),
        _map(scene, "Change of E (Hz)", change, (-most, most), diverging),
    ]


def _top(rates: np.ndarray) -> float:
    return float(np.nanmax(rates, initial=1e-3))


def _map(
    scene: Any, title: str, values: np.ndarray, limits: tuple[float, float], colours: list[str]
) -> str:
    """A map of the sheet [deg] as SVG, with the gratings (dashed) and attention (solid) on it.

    A picture of a pixel for each unit: charts of the page's library take ten times as long.
    """
    half = scene.circuit.size * scene.circuit.spacing / 2
    left, top, side = 30, 24, 164

    def at(place: float) -> float:
        return (place + half) / (2 * half) * side

    circles = "".join(
        f'<circle cx="{left + at(place):.2f}" cy="{top + side / 2}" r="{at(radius - half):.2f}" '
        f'fill="none" stroke="{style.INK}" stroke-width="1.2" stroke-dasharray="{dashes}"/>'
        for place, radius, dashes in (
            (scene.first.place, scene.diameter / 2, "4 3"),
            (scene.second.place, scene.diameter / 2, "4 3"),
            (scene.attention.place, scene.attention.width, "none"),
        )
    )
    floor = top + side
    ticks = "".join(
        f'<text x="{left + at(place):.1f}" y="{floor + 13}" text-anchor="middle">{place}</text>'
        f'<text x="{left - 5}" y="{floor - at(place) + 4:.1f}" text-anchor="end">{place}</text>'
        for place in (-2, -1, 0, 1, 2)
    )
    bar = np.linspace(*limits, 64)[None]
    frame = f'x="{left}" y="{top}" width="{side}" height="{side}"'
    return (
        '<svg viewBox="0 0 200 250" width="100%" font-size="10" fill="#222222">'
        f'<text x="{left + side / 2}" y="14" text-anchor="middle">{title}</text>'
        f"<image {frame} {_image(values[::-1], limits, colours)}/>{circles}"
        f'<rect {frame} fill="none" stroke="{style.GREY}" stroke-width="0.8"/>{ticks}'
        f'<text x="{left + side / 2}" y="{floor + 28}" text-anchor="middle">Place (deg)</text>'
        f'<image x="72" y="{floor + 40}" width="80" height="10" {_image(bar, limits, colours)}/>'
        f'<text x="66" y="{floor + 49}" text-anchor="end">{limits[0]:.3g}</text>'
        f'<text x="158" y="{floor + 49}">{limits[1]:.3g}</text></svg>'
    )


def _image(values: np.ndarray, limits: tuple[float, float], colours: list[str]) -> str:
    """Attributes of a picture with a pixel for each number."""
    stops = np.array([ImageColor.getrgb(colour) for colour in colours], float)
    shares = np.nan_to_num((values - limits[0]) / (limits[1] - limits[0])).clip(0, 1)
    along = np.linspace(0, 1, len(stops))
    pixels = np.stack([np.interp(shares, along, channel) for channel in stops.T], -1)
    buffer = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(buffer, "png")
    data = base64.b64encode(buffer.getvalue()).decode()
    look = 'preserveAspectRatio="none" style="image-rendering: pixelated"'
    return f'href="data:image/png;base64,{data}" {look}'
