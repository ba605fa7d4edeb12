"""Reads along in ordinary text: lines that say a metric, an epoch or the columns of a table stay as they are."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.progress import logged, ultralytics
from gpurun_jupyter.progress.readings import without_colours
from gpurun_jupyter.progress.roster import Roster

#: Longer lines say nothing of the kind.
MAX_CHARS = logged.MAX_CHARS
#: Printed arguments are looked for only at the beginning of a stream.
ARGUMENTS_WITHIN_CHARS = 100_000

News = list[Progress | Metric]


class Lines:
    """One stream's ordinary text, line by line. `begun` is the line that has no end yet, as far as it matters."""

    def __init__(self, bars: Roster) -> None:
        self._bars = bars
        self._begun = ""
        self._early_chars = ARGUMENTS_WITHIN_CHARS

    def read(self, text: str) -> News:
        """Take text in; returns what its lines say. Most text is passed over without being cut into lines."""
        first = text.find("\n")
        if first < 0:
            if len(self._begun) <= MAX_CHARS:
                self._begun += text[: MAX_CHARS + 1]
            return []
        last = text.rfind("\n")
        news = self._line(self._begun + text[:first])
        self._begun = text[last + 1 : last + MAX_CHARS + 2]
        if last > first and self._worth_reading(text):
            for line in text[first + 1 : last].split("\n"):
                news += self._line(line)
        elif self._early_chars > 0:
            self._early_chars -= last - first
        return news

    def _worth_reading(self, text: str) -> bool:
        if "{" in text and ("\n{'" in text or '\n{"' in text):
            return True
        if "/" in text and ("poch " in text or "poch:" in text or "POCH " in text):
            return True
        return self._bars.has_table or (self._early_chars > 0 and "pochs" in text.lower())

    def _line(self, line: str) -> News:
        early, self._early_chars = self._early_chars > 0, self._early_chars - len(line) - 1
        if len(line) > MAX_CHARS:
            return []
        start = line[:1]
        if start == "{":
            metric = logged.read(line)
            return [metric] if metric else []
        if start in "Ee" and line[1:5].lower() == "poch" and "/" in line:
            return [*self._bars.epochs.announce(line)]
        if self._bars.has_table:
            return self._table(line)
        if early and "pochs" in line.lower():
            self._bars.epochs.expect(line)
        return []

    def _table(self, line: str) -> News:
        if line[:1] != " ":
            return []
        plain = without_colours(line)
        self._bars.columns = ultralytics.read_header(plain) or self._bars.columns
        values = ultralytics.read_result(plain)
        return [Metric(values=values)] if values else []
