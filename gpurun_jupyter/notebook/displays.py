"""What a run displays, as displays of the cell that waits for it, with updates and clearing.

A notebook can clear only a whole cell, the view of the run included. So each display of the run gets a display id of
its own: clearing blanks it, and the next one takes its place, without a flicker where that is meant (`wait=True`).
"""

from __future__ import annotations

from typing import Any

from gpurun_jupyter.core.events import Display
from gpurun_jupyter.views.bundle import WIDGET_MIME

_BLANK = {"text/plain": ""}


class CellDisplays:
    """The displays below one view; `prefix` makes their ids the view's own."""

    def __init__(self, publisher: Any, prefix: str) -> None:
        self._publisher = publisher
        self._prefix = prefix
        self._places: list[str] = []
        self._free: list[str] = []  # places that have been cleared
        self._place_of: dict[str, str] = {}  # by the run's own display ids
        self._clear_next = False

    def show(self, event: Display) -> None:
        """Display or update."""
        if event.update:
            place = self._place_of.get(event.display_id or "")
            if place is not None:
                self._publish(event, place, update=True)
            return
        if self._clear_next:
            self._clear(keep=1)
        update = bool(self._free)
        place = self._free.pop(0) if update else self._new_place()
        if event.display_id:
            self._place_of[event.display_id] = place
        self._publish(event, place, update=update)

    def printed(self) -> None:
        """The run printed something: what was to be cleared at the next output goes now."""
        if self._clear_next:
            self._clear()

    def clear(self, wait: bool) -> None:
        """The run cleared its output; with `wait` this happens when something new comes."""
        if wait:
            self._clear_next = True
        else:
            self._clear()

    def _clear(self, keep: int = 0) -> None:
        """Blank the places, but for those that will be filled at once."""
        self._clear_next = False
        for place in self._places[keep:]:
            if place not in self._free:  # it is blank already
                self._publisher.publish(data=_BLANK, metadata={}, transient={"display_id": place}, update=True)
        self._free = [*self._places]
        self._place_of.clear()  # what was cleared cannot be updated any more, as in Jupyter

    def _new_place(self) -> str:
        self._places.append(f"{self._prefix}-{len(self._places)}")
        return self._places[-1]

    def _publish(self, event: Display, place: str, *, update: bool) -> None:
        self._publisher.publish(
            data=drawable(event.data) or _BLANK, metadata=event.metadata, transient={"display_id": place}, update=update
        )


def drawable(data: dict[str, Any]) -> dict[str, Any]:
    """Without a view of a widget that lives in the run's kernel, where something else can be drawn."""
    rest = {mime: value for mime, value in data.items() if mime != WIDGET_MIME}
    return rest or data
