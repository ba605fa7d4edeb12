"""What printed lines say, as metrics and as bars: the epochs, and what is counted within them."""

from __future__ import annotations

from gpurun_jupyter.core.events import Metric, Progress
from gpurun_jupyter.core.numbers import all_in_json
from gpurun_jupyter.progress.bars.epochs import is_validation
from gpurun_jupyter.progress.bars.roster import LINES, Roster
from gpurun_jupyter.progress.readers.lines.plans import Counted, Said
from gpurun_jupyter.progress.readers.readings import Epoch, Reading


class Printed:
    """The lines of one stream. What a validation measures gets another name where the training says the same one."""

    def __init__(self, bars: Roster) -> None:
        self._bars = bars
        self._of_training: set[str] = set()
        self._validation = ""  # the word by which the last line with a count said that it is about one

    def tell(self, said: Said) -> list[Progress | Metric]:
        """What is new in what a line said."""
        values = self._named(said)
        epoch = self._epoch(said.epoch) if said.epoch else None
        if said.step and self._is_bar(said, said.step):
            return self._in_bar(said, said.step, epoch, values)
        news: list[Progress | Metric] = []
        if epoch:
            news += self._bars.epochs.say(epoch, heading=said.heading, over=not said.heading, left_s=said.left_s)
        if values:
            news.append(Metric(values=all_in_json(values), step=self._step(said), by=f"lines/{said.by}"))
        return news

    def _named(self, said: Said) -> dict[str, float]:
        if said.epoch or said.step:  # a line without a count sums up what was counted before it
            self._validation = said.validation
        if not self._validation:
            self._of_training.update(said.values)
            return said.values
        clash = {name for name in said.values if name in self._of_training and not is_validation(name)}
        return {f"{self._validation}/{name}" if name in clash else name: value for name, value in said.values.items()}

    def _epoch(self, counted: Counted) -> Epoch | None:
        """Which epoch it is; None where bars are drawn, which tell more than a number without an end does."""
        if counted.of is None and self._bars.draws:
            return None
        return self._bars.epochs.counted(int(counted.number), int(counted.of) if counted.of else None)

    def _is_bar(self, said: Said, step: Counted) -> bool:
        """Whether what is counted is worth a bar: not the steps of an epoch's validation, nor such without an end
        where others are drawn."""
        return not (said.validation and said.epoch) and (step.of is not None or not self._bars.draws)

    def _step(self, said: Said) -> float | None:
        """To which step values belong that are in no bar: the one that was counted last, if the line says none."""
        if said.at is not None:
            return said.at
        if said.step and not said.validation:
            return said.step.number
        return said.epoch.number if self._bars.step is None and said.epoch else self._bars.step

    def _in_bar(
        self, said: Said, step: Counted, epoch: Epoch | None, values: dict[str, float]
    ) -> list[Progress | Metric]:
        """A bar of one line is at its end each time: each time is another epoch."""
        label = said.validation or step.word.lower()
        left_s = None if epoch else said.left_s
        seen = Reading(label, step.number, step.of, None, left_s, values, 0, True, epoch, by=f"lines/{said.by}")
        bar = self._bars.find(LINES, seen, 0)
        begins = seen.complete and bar.complete
        news = self._bars.show(bar, seen._replace(done=0.0, values={}), "") if begins else []
        news += self._bars.show(bar, seen, "")
        if epoch and said.left_s is not None:
            news += self._bars.epochs.left(said.left_s)
        return news
