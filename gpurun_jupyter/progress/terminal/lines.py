"""Reads along in ordinary text: lines that say a metric, an epoch or the columns of a table stay as they are."""

from __future__ import annotations

import re

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.readers import logged, ultralytics
from gpurun_jupyter.progress.readers.readings import Reading, without_colours
from gpurun_jupyter.progress.readers.rounds import Rounds

#: Longer lines say nothing of the kind.
MAX_CHARS = logged.MAX_CHARS
#: Printed arguments are looked for only at the beginning of a stream.
ARGUMENTS_WITHIN_CHARS = 100_000

News = list[Progress | Metric]

#: With these a line begins that may say something.
_STARTS = frozenset("{Ee")
_DICT = re.compile(r"\n\{\s*(?:'[^'\n]*'|\"[^\"\n]*\")\s*:\s*['\"]?(?:[\d.+-]|nan|NaN|inf|Inf)")
_EPOCH = re.compile(r"\n(?=[Ee](?:poch|POCH)\b)")


class Lines:
    """One stream's ordinary text, line by line. `begun` is the line that has no end yet, as far as it matters."""

    def __init__(self, bars: Roster) -> None:
        self._bars = bars
        self._rounds = Rounds()
        self._begun = ""
        self._early_chars = ARGUMENTS_WITHIN_CHARS

    def may_say(self, text: str) -> bool:
        """Whether the text has to be read: a whole line that begins like none of those that say something need not."""
        if self._begun or text[0] in _STARTS or self._early_chars > 0 or self._bars.has_table:
            return True
        if self._rounds.begins(text):
            return True
        return text.find("\n") != len(text) - 1

    def read(self, text: str) -> News:
        """Take text in; returns what its lines say. Most text is passed over without being cut into lines."""
        first = text.find("\n")
        if first < 0:
            if len(self._begun) <= MAX_CHARS:
                self._begun += text[: MAX_CHARS + 1]  # one more tells that the line is too long
            return []
        line = self._begun + text[:first] if self._begun else text[:first]
        news = self._line(line) if self._matters(line) else []
        last = text.rfind("\n")
        self._begun = text[last + 1 : last + MAX_CHARS + 2] if last + 1 < len(text) else ""
        if last > first:
            for line in self._candidates(text, first, last):
                news += self._line(line)
        return news

    def end(self) -> News:
        """The line that was begun is at its end."""
        return self.read("\n") if self._begun else []

    def _matters(self, line: str) -> bool:
        return line[:1] in _STARTS or self._early_chars > 0 or self._bars.has_table or self._rounds.begins(line)

    def _candidates(self, text: str, first: int, last: int) -> list[str]:
        """The lines between that may say something. To look for a single letter costs nothing, so that goes first."""
        early = self._early_chars > 0 and "pochs" in text.lower()
        table = self._bars.has_table and ("GPU_mem" in text or " all " in text)
        if early or table:
            return text[first + 1 : last].split("\n")
        if self._early_chars > 0:
            self._early_chars -= last - first
        starts = []
        if "{" in text and ("'" in text or '"' in text):
            starts += [found.start() for found in _DICT.finditer(text, first)]
        if "/" in text and ("poch" in text or "POCH" in text):
            starts += [found.start() for found in _EPOCH.finditer(text, first)]
        starts += self._rounds.places(text)
        return [text[start + 1 : text.find("\n", start + 1)] for start in sorted({*starts}) if first <= start < last]

    def _line(self, line: str) -> News:
        early, self._early_chars = self._early_chars > 0, self._early_chars - len(line) - 1
        if len(line) > MAX_CHARS:
            return []
        if line[:1] == "{":
            metric = logged.read(line)
            return [metric] if metric else []
        if line[:5].lower() == "epoch" and "/" in line:
            return [*self._bars.epochs.announce(line)]
        if self._rounds.begins(line) and (said := self._rounds.read(line)):
            return self._round(said)
        if self._bars.has_table:
            return self._table(line)
        if early and "pochs" in line.lower():
            self._bars.epochs.expect(line)
        return []

    def _round(self, said: Metric | Reading) -> News:
        """A bar is drawn only when it is through: each time is another epoch."""
        if isinstance(said, Metric):
            return [said]
        bar = self._bars.find("lines", said, 0)
        begins = said.complete and bar.complete
        again = self._bars.show(bar, said._replace(done=0.0, values={}), "") if begins else []
        return [*again, *self._bars.show(bar, said, "")]

    def _table(self, line: str) -> News:
        if line[:1] != " ":
            return []
        plain = without_colours(line)
        self._bars.columns = ultralytics.read_header(plain) or self._bars.columns
        values = ultralytics.read_result(plain)
        return [Metric(values=all_in_json(values))] if values else []
