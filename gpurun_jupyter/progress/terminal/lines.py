"""Reads along in ordinary text: lines that say a metric, an epoch or the columns of a table stay as they are."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.bars.printed import Printed
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import ultralytics
from gpurun_jupyter.progress.readers.budget import Budget, worth_reading
from gpurun_jupyter.progress.readers.lines.reader import MAX_CHARS, LineReader, Look
from gpurun_jupyter.progress.readers.readings import without_colours

#: Printed arguments are looked for only at the beginning of a stream.
ARGUMENTS_WITHIN_CHARS = 100_000

News = list[Progress | Metric]


class Lines:
    """One stream's ordinary text, line by line. `begun` is the line that has no end yet, as far as it matters.

    With a budget not every line is read, but the last of each shape always.
    """

    def __init__(self, bars: Roster, budget: Budget | None = None) -> None:
        self._bars = bars
        self._budget = budget
        self._reader = LineReader()
        self._printed = Printed(bars)
        self._begun = ""
        self._unread = ""  # passed over in a burst, though it may be the last that comes
        self._waiting: dict[str, Look] = {}  # the last line of each shape, in the order in which they came
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
        return self._read_in_budget(whole, self._budget) if self._budget else self._read(whole.split("\n"))

    def catch_up(self) -> News:
        """Nothing came for a while: read the last of what was passed over."""
        unread, self._unread = self._unread, ""
        news = self._read_waiting() if self._waiting else []
        return [*news, *self._read(unread.split("\n"))] if unread else news

    def end(self) -> News:
        """The line that was begun is at its end."""
        return self.read("\n") if self._begun else []

    def _read_in_budget(self, text: str, budget: Budget) -> News:
        if budget.exhausted:
            self._unread = text[-MAX_CHARS:]
            return []
        self._unread, begun, news = "", budget.clock(), News()
        for line in worth_reading(text.split("\n")):
            look = self._reader.look(line)
            if look.plan is None:  # a row of a table, settings, or nothing
                news += self._line(line, look)
                continue
            self._waiting.pop(look.shape, None)
            self._waiting[look.shape] = look
            if budget.is_time():
                news += self._read_waiting()
        budget.spent_since(begun)
        return news

    def _read_waiting(self) -> News:
        waiting, self._waiting = self._waiting, {}
        return [event for look in waiting.values() for event in self._line(look.text, look)]

    def _read(self, lines: list[str]) -> News:
        return [event for line in lines for event in self._line(line, self._reader.look(line))]

    def _line(self, line: str, look: Look) -> News:
        early, self._early_chars = self._early_chars > 0, self._early_chars - len(line) - 1
        if self._bars.has_table and line[:1] == " " and (values := self._table(line)):
            return [Metric(values=all_in_json(values), by="bars/ultralytics")]
        said = self._reader.read(look)
        if not said:
            if early and "pochs" in line.lower() and len(line) <= MAX_CHARS:
                self._bars.epochs.expect(line)
            return []
        return [event for one in said for event in self._printed.tell(one)]

    def _table(self, line: str) -> dict[str, float]:
        plain = without_colours(line)
        self._bars.columns = ultralytics.read_header(plain) or self._bars.columns
        return ultralytics.read_result(plain)
