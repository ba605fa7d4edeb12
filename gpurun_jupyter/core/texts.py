"""The text of a run's log: what it printed and, of what it showed, the plain text."""

from __future__ import annotations

from collections.abc import Mapping

from gpurun_jupyter.core.events import AnyEvent, Display, Error, Output, Result

_PLAIN = "text/plain"


class Texts:
    """Takes a log's events in order. A display says its text once, however often it is updated.

    That is when it first has one: a bar has none before it has ended. `latest` knows what displays came to later,
    `said` which of them have said it.
    """

    def __init__(self, latest: Mapping[str, str] | None = None) -> None:
        self._latest = {} if latest is None else latest
        self.said: set[str] = set()

    def of(self, event: AnyEvent | None) -> str:
        """The text of the next event, whole lines but for what was printed; an error's with its colours."""
        if isinstance(event, Output):
            return event.text
        if isinstance(event, Error):
            return "\n".join(event.traceback) + "\n"
        if isinstance(event, Result):
            return _line(text_of(event))
        return self._of_display(event) if isinstance(event, Display) else ""

    def _of_display(self, event: Display) -> str:
        name, text = event.display_id, text_of(event)
        if not name:
            return "" if event.update else _line(text)
        if not event.update:
            self.said.discard(name)  # another display of that id
        if not text or name in self.said:
            return ""
        self.said.add(name)
        return _line(self._latest.get(name, text))


def text_of(event: Display | Result) -> str:
    """The plain text of what was shown."""
    return str(event.data.get(_PLAIN, ""))


def _line(text: str) -> str:
    return text and (text if text.endswith("\n") else f"{text}\n")
