"""Reads along in ordinary text: lines that say a metric, an epoch or the columns of a table stay as they are."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.bars.printed import Printed
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import ultralytics
from gpurun_jupyter.progress.readers.lines.reader import MAX_CHARS, LineReader
from gpurun_jupyter.progress.readers.readings import without_colours

#: Printed arguments are looked for only at the beginning of a stream.
ARGUMENTS_WITHIN_CHARS = 100_000

News = list[Progress | Metric]


class Lines:
    """One stream's ordinary text, line by line. `begun` is the line that has no end yet, as far as it matters."""

    def __init__(self, bars: Roster) -> None:
        self._bars = bars
        self._reader = LineReader()
        self._printed = Printed(bars)
        self._begun = ""
        self._unread = ""  # passed over in a burst, though it may be the last that comes
        self._early_chars = ARGUMENTS_WITHIN_CHARS

    def read(self, text: str) -> News:
        """Take text in; returns what its lines say."""
        last = text.rfind("\n")
        if last < 0:
            if len(self._begun) <= MAX_CHARS:
                self._begun += text[: MAX_CHARS + 1]  # one more tells that the line is too long
            return []
        whole = self._begun + text[:last] if self._begun else text[:last]
        self._begun = text[last + 1 : last + MAX_CHARS + 2]
        if self._bars.budget.spent:
            self._unread = whole[-MAX_CHARS:]
            return []
        self._unread = ""
        return self._read(whole)

    def catch_up(self) -> News:
        """Nothing came for a while: read the last of what was passed over."""
        unread, self._unread = self._unread, ""
        return self._read(unread) if unread else []

    def end(self) -> News:
        """The line that was begun is at its end."""
        return self.read("\n") if self._begun else []

    def _read(self, text: str) -> News:
        with self._bars.budget.spending():
            lines = self._bars.budget.affordable(text.split("\n"))
            return [event for line in lines for event in self._line(line)]

    def _line(self, line: str) -> News:
        early, self._early_chars = self._early_chars > 0, self._early_chars - len(line) - 1
        if self._bars.has_table and line[:1] == " " and (values := self._table(line)):
            return [Metric(values=all_in_json(values), by="bars/ultralytics")]
        said = self._reader.read(line)
        if not said and early and "pochs" in line.lower() and len(line) <= MAX_CHARS:
            self._bars.epochs.expect(line)
        return [event for one in said for event in self._printed.tell(one)]

    def _table(self, line: str) -> dict[str, float]:
        plain = without_colours(line)
        self._bars.columns = ultralytics.read_header(plain) or self._bars.columns
        return ultralytics.read_result(plain)
