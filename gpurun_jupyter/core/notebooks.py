"""A run as a notebook (nbformat 4): what the events of its log make of the cells that it ran."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpurun_jupyter.core.events import AnyEvent, Cell, Clear, Display, Error, Output, Result

JsonObject = dict[str, Any]

#: Where an executed notebook lies in the working directory of its run.
EXECUTED = "executed.ipynb"


class CellOutputs:
    """The outputs of one cell as a notebook keeps them; `displays` are those of all cells by display id."""

    def __init__(self, count: int, displays: dict[str, list[JsonObject]]) -> None:
        self.outputs: list[JsonObject] = []
        self.count = count
        self._displays = displays
        self._clear_next = False

    def take(self, event: AnyEvent) -> None:
        """The next event of the run."""
        if isinstance(event, Clear):
            self._clear_next = event.wait
            if not event.wait:
                self.outputs.clear()
        elif isinstance(event, Display) and event.update:
            for shown in self._displays.get(event.display_id or "", ()):
                shown.update(data=event.data, metadata=event.metadata)
        elif isinstance(event, Output | Display | Result | Error):
            if self._clear_next:
                self.outputs.clear()
                self._clear_next = False
            self._add(event)

    def _add(self, event: Output | Display | Result | Error) -> None:
        if isinstance(event, Output):
            last = self.outputs[-1] if self.outputs else {}
            if last.get("name") == event.stream:  # only streams have a name
                last["text"] += event.text
            else:
                self.outputs.append({"output_type": "stream", "name": event.stream, "text": event.text})
        elif isinstance(event, Error):
            told = {"ename": event.name, "evalue": event.value, "traceback": event.traceback}
            self.outputs.append({"output_type": "error", **told})
        else:
            shown: JsonObject = {"output_type": "display_data", "data": event.data, "metadata": event.metadata}
            if isinstance(event, Result):
                shown |= {"output_type": "execute_result", "execution_count": self.count}
            elif event.display_id:
                self._displays.setdefault(event.display_id, []).append(shown)
            self.outputs.append(shown)


def fill(notebook: JsonObject, events: Iterable[AnyEvent]) -> JsonObject:
    """Give the cells of a notebook the outputs that these events tell of; returns the notebook."""
    displays: dict[str, list[JsonObject]] = {}
    found: dict[int, CellOutputs] = {}
    current = CellOutputs(0, displays)
    for event in events:
        if isinstance(event, Cell):
            current = found[event.index] = CellOutputs(event.number, displays)
        else:
            current.take(event)
    for index, cell in found.items():  # only now: a later cell may have updated what an earlier one displayed
        notebook["cells"][index].update(execution_count=cell.count, outputs=_seen(cell.outputs))
    return notebook


def outputs_of(events: Iterable[AnyEvent]) -> list[JsonObject]:
    """The outputs of a run of one cell."""
    cell = CellOutputs(1, {})
    for event in events:
        cell.take(event)
    return _seen(cell.outputs)


def _seen(outputs: list[JsonObject]) -> list[JsonObject]:
    """Without displays that were emptied."""
    return [output for output in outputs if output.get("data") != {}]
