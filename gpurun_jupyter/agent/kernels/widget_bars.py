"""Progress bars that are widgets, as tqdm.auto and tqdm.notebook draw them in a kernel, and ipywidgets' own.

No front end is connected to the kernel of a run, so a widget would stay as it was at first. But all that a widget is
travels through the kernel's output channel as messages (comms): here they become bars of the run. So nothing has to be
set or patched in the user's environment, and code that draws such bars needs no change.
"""

from __future__ import annotations

import html
import math
import re
from typing import Any, NamedTuple

from gpurun_jupyter.core.events import Event, Output
from gpurun_jupyter.progress.bars.drawn import Drawn
from gpurun_jupyter.progress.readers import tqdm
from gpurun_jupyter.progress.readers.readings import Reading, short_label

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"

_BARS = ("FloatProgressModel", "IntProgressModel")
_COUNTER = re.compile(r"\d+(?:\.\d+)?")
_REFERENCE = "IPY_MODEL_"
#: How tqdm shows that a bar is closed: at its end, or before it.
_STYLES_AT_THE_END = ("success", "danger")
_WIDTH = 10
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%\s*$")
#: What tqdm writes instead of spaces.
_FIGURE_SPACE = "\u2007"


class _Named(NamedTuple):
    """How a bar is known: numbers do not count in its name, so that the bar of each epoch is one."""

    name: str
    parent: str | None


class WidgetBars:
    """The widgets of one attempt, as far as bars are concerned, which go to `drawn`."""

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn
        self._states: dict[str, dict[str, Any]] = {}
        self._box_of: dict[str, str] = {}  # the box that a widget stands in
        self._shown: dict[str, _Named] = {}
        self._open: list[str] = []  # bars that are not at their end, outermost first

    def take(self, kind: str, content: dict[str, Any]) -> list[Event]:
        """A message of a comm: what is new of the bar that it belongs to, once that is shown."""
        model, data = content.get("comm_id", ""), content.get("data", {})
        state = data.get("state") if isinstance(data, dict) else None
        if kind == "comm_open" and content.get("target_name") == "jupyter.widget":
            self._states[model] = {}
        if kind == "comm_close":
            self._remove(self._bar_at(model))
        elif model in self._states and isinstance(state, dict):
            self._states[model].update(state)
            for child in _children(state):
                self._box_of[child] = model
            bar = self._bar_at(model)
            if bar in self._shown:
                return self._changed(bar, state)
        return []

    def show(self, data: dict[str, Any]) -> list[Event]:
        """A displayed mime bundle: what is new of the bar that it is the widget of, or the box of."""
        view = data.get(WIDGET_MIME)
        bar = self._bar_at(str(view.get("model_id"))) if isinstance(view, dict) else None
        if bar is None:
            return []
        before: list[Output] = []
        if bar not in self._shown:
            outer = self._shown[self._open[-1]].name if self._open else None
            label = _COUNTER.sub("#", self._read(bar).label)
            self._shown[bar] = _Named(f"w{len(self._open) + 1}:{label}", outer)
            self._open.append(bar)
            before = self._drawn.begin(self._shown[bar].name)
        return [*before, *self._draw(bar)]

    def _changed(self, bar: str, state: dict[str, Any]) -> list[Event]:
        news = self._draw(bar) if {"value", "max", "description"} & state.keys() else []
        if state.get("bar_style") in _STYLES_AT_THE_END:
            self._end(bar)
            self._drawn.end_of(self._shown[bar].name)
        return news

    def _end(self, bar: str | None) -> None:
        if bar in self._open:
            self._open.remove(bar)

    def _remove(self, bar: str | None) -> None:
        self._end(bar)
        if bar in self._shown:
            self._drawn.remove(self._shown[bar].name)

    def _bar_at(self, model: str) -> str | None:
        """The bar that this widget is, holds, or stands beside."""
        if self._states.get(model, {}).get("_model_name") in _BARS:
            return model
        members = self._members(model) or self._members(self._box_of.get(model, ""))
        return next((member for member in members if self._states.get(member, {}).get("_model_name") in _BARS), None)

    def _members(self, box: str) -> list[str]:
        return _children(self._states.get(box, {}))

    def _draw(self, bar: str) -> list[Event]:
        reading, named = self._read(bar), self._shown[bar]
        if reading.complete:
            self._end(bar)
        return [*self._drawn.show(named.name, named.parent, reading, self._line(bar, reading))]

    def _line(self, bar: str, reading: Reading) -> str:
        """The bar as a line of text, as tqdm writes one; empty while its texts do not yet say what it shows."""
        texts = self._texts(bar)
        share = min(1.0, reading.done / reading.total) if reading.total else 0.0
        drawn = f"|{'█' * int(_WIDTH * share):{_WIDTH}}|"
        if len(texts) == 2:
            percent = _PERCENT.search(texts[0])
            fits = texts[1] and not (percent and reading.total and abs(float(percent[1]) - 100 * share) > 1)
            return f"{texts[0]}{drawn}{texts[1]}".strip() if fits else ""
        label = f"{reading.label}: " if reading.label else ""
        count = f"{reading.done:g}/{reading.total:g}" if reading.total else f"{reading.done:g}"
        return f"{label}{share:4.0%}{drawn} {count}" if reading.total else f"{label}{count}"

    def _read(self, bar: str) -> Reading:
        """The bar by the text around it, which knows rates and units, and by its value, which is never late."""
        state, texts = self._states[bar], self._texts(bar)
        start, end = _number(state.get("min")), _number(state.get("max"))
        done, total = _number(state.get("value")) - start, end - start or None
        if state.get("bar_style") == "info":  # so tqdm shows that it knows of no end
            done, total = 0.0, None
        if len(texts) == 2 and (reading := tqdm.read("|   |".join(texts))) is not None:
            return reading._replace(done=done) if total and reading.total == total else reading
        label = short_label(str(state.get("description") or (texts[0] if texts else "")))
        return Reading(label, done, total, None, None, {}, 0, True)

    def _texts(self, bar: str) -> list[str]:
        """The texts beside the bar, as read by people."""
        beside = [member for member in self._members(self._box_of.get(bar, "")) if member != bar]
        values = [str(self._states.get(member, {}).get("value", "")) for member in beside]
        return [html.unescape(value).replace(_FIGURE_SPACE, " ") for value in values]


def _children(state: dict[str, Any]) -> list[str]:
    children = state.get("children")
    return [str(child).removeprefix(_REFERENCE) for child in children] if isinstance(children, list | tuple) else []


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
