"""ipywidgets' Output: a widget that takes what a cell shows while it is entered, as rich's live displays use it.

A front end keeps that in the widget, and clears only the widget. Here what comes before anything was cleared passes as
if there were no widget; from then on the widget's content is displays that are updated, one for each thing in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpurun_jupyter.agent.kernels.displays import event_of
from gpurun_jupyter.agent.kernels.widget_bars import WIDGET_MIME
from gpurun_jupyter.core.events import Display, Event

_MODEL = "OutputModel"
_PLAIN = "text/plain"


@dataclass
class _Content:
    """What is in a widget since it was cleared: `shown` displays, the last of which is `text`, if that is not empty."""

    cleared: bool = False
    clear_next: bool = False
    shown: int = 0
    text: str = ""
    known: set[int] = field(default_factory=set)  # displays that were told of


class OutputWidgets:
    """The Output widgets of one attempt."""

    def __init__(self) -> None:
        self._contents: dict[str, _Content] = {}
        self._entered: list[str] = []

    @property
    def takes(self) -> bool:
        """Whether what is shown now is a widget's own, and not for all to see below one another."""
        return bool(self._entered) and self._contents[self._entered[-1]].cleared

    def is_view(self, data: dict[str, Any]) -> bool:
        """Whether a mime bundle is nothing but such a widget: its content is shown as it comes."""
        view = data.get(WIDGET_MIME)
        return isinstance(view, dict) and str(view.get("model_id")) in self._contents

    def comm(self, kind: str, content: dict[str, Any]) -> list[Event]:
        """A message of a widget's comm."""
        model, data = str(content.get("comm_id", "")), content.get("data", {})
        state = data.get("state") if isinstance(data, dict) else None
        if kind == "comm_close":
            self._leave(model)
            gone = self._blank(model, 0)
            self._contents.pop(model, None)
            return gone
        if not isinstance(state, dict):
            return []
        if state.get("_model_name") == _MODEL or "msg_id" in state:  # a cell before may have made it
            self._contents.setdefault(model, _Content())
        if model not in self._contents:
            return []
        return [*self._moved(model, state), *self._set(model, state)]

    def clear(self, wait: bool) -> list[Event] | None:
        """Clear the widget that is entered; None where none is."""
        if not self._entered:
            return None
        content = self._contents[self._entered[-1]]
        content.cleared, content.clear_next = True, wait
        return [] if wait else self._begin(self._entered[-1])

    def text(self, text: str) -> list[Event]:
        """Printed text for the widget that is entered: what follows other text continues it."""
        model = self._entered[-1]
        before, content = self._next(model), self._contents[model]
        content.shown += not content.text
        content.text += text
        return [*before, self._display(model, {_PLAIN: content.text}, {})]

    def take(self, kind: str, message: dict[str, Any]) -> list[Event]:
        """Something else for the widget that is entered."""
        event = event_of(kind, message)
        data = getattr(event, "data", None)
        if event is None or data is None or (isinstance(event, Display) and event.display_id):
            return [] if event is None else [event]  # an error is everybody's; what has an id has a place
        model = self._entered[-1]
        before, content = self._next(model), self._contents[model]
        content.shown, content.text = content.shown + 1, ""
        return [*before, self._display(model, data, message.get("metadata", {}))]

    def _moved(self, model: str, state: dict[str, Any]) -> list[Event]:
        """Enter or leave."""
        if "msg_id" not in state:
            return []
        if state["msg_id"]:
            self._entered.append(model)
            return []
        self._leave(model)
        content = self._contents[model]
        return self._blank(model, content.shown) if content.cleared and not content.clear_next else []

    def _leave(self, model: str) -> None:
        self._entered = [one for one in self._entered if one != model]

    def _set(self, model: str, state: dict[str, Any]) -> list[Event]:
        """The code sets the content itself, as `append_stdout` does."""
        outputs = state.get("outputs")
        if not isinstance(outputs, (list, tuple)) or not (outputs or self._contents[model].shown):
            return []
        events = self._begin(model, keep=True)
        entered, self._entered = self._entered, [model]  # as if what follows came while it is entered
        for output in outputs:
            if not isinstance(output, dict):
                continue
            if output.get("output_type") == "stream":
                events += self.text(str(output.get("text", "")))
            elif isinstance(output.get("data"), dict):
                events += self.take("display_data", {"data": output["data"], "metadata": output.get("metadata", {})})
        self._entered = entered
        return [*events, *self._blank(model, self._contents[model].shown)]

    def _next(self, model: str) -> list[Event]:
        return self._begin(model, keep=True) if self._contents[model].clear_next else []

    def _begin(self, model: str, *, keep: bool = False) -> list[Event]:
        """Begin anew; with `keep` what is there is blanked only where nothing takes its place."""
        content = self._contents[model]
        content.clear_next, content.shown, content.text = False, 0, ""
        return [] if keep else self._blank(model, 0)

    def _blank(self, model: str, first: int) -> list[Event]:
        content = self._contents.get(model) or _Content()
        gone = sorted(number for number in content.known if number >= first)
        content.known.difference_update(gone)
        return [Display(data={}, display_id=_name(model, number), update=True) for number in gone]

    def _display(self, model: str, data: dict[str, Any], metadata: dict[str, Any]) -> Display:
        content = self._contents[model]
        number = content.shown - 1
        update = number in content.known
        content.known.add(number)
        return Display(data=data, metadata=metadata, display_id=_name(model, number), update=update)


def _name(model: str, number: int) -> str:
    return f"{model}-{number}"
