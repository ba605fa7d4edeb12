"""What a kernel shows apart from printed text, as events: displays, values, errors, widgets."""

from __future__ import annotations

from typing import Any

from gpurun_jupyter.agent.kernels.displays import event_of
from gpurun_jupyter.agent.kernels.output_widgets import OutputWidgets
from gpurun_jupyter.agent.kernels.widget_bars import WidgetBars
from gpurun_jupyter.core.events import Event
from gpurun_jupyter.progress.bars.drawn import Drawn


class Shown:
    """Takes the messages of one attempt; bars that are widgets go to `drawn`."""

    def __init__(self, drawn: Drawn) -> None:
        self._bars = WidgetBars(drawn)
        self._outputs = OutputWidgets()

    def take(self, kind: str, content: dict[str, Any]) -> list[Event]:
        """The events that a message stands for."""
        if kind.startswith("comm_"):
            return [*self._bars.take(kind, content), *self._outputs.comm(kind, content)]
        if kind == "clear_output" and (events := self._outputs.clear(bool(content.get("wait")))) is not None:
            return events
        data = content.get("data") if kind in ("display_data", "execute_result") else None
        if isinstance(data, dict):
            if bars := self._bars.show(data):
                return bars  # drawn by us, not by a widget
            if self._outputs.is_view(data):
                return []
        if self._outputs.takes:
            return self._outputs.take(kind, content)
        event = event_of(kind, content)
        return [] if event is None else [event]

    def captured(self, text: str) -> list[Event] | None:
        """Printed text as a part of the widget that takes it; None where none does."""
        return self._outputs.text(text) if self._outputs.takes else None
