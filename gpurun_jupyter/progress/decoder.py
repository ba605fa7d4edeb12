"""The decoder of what a run says: of its two streams of text, and of what it displays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from gpurun_jupyter.core.events import Display, Output, Result
from gpurun_jupyter.progress.bars.drawn import Drawn
from gpurun_jupyter.progress.bars.roster import Roster
from gpurun_jupyter.progress.displayed import Displayed, Told
from gpurun_jupyter.progress.readers.budget import Budget
from gpurun_jupyter.progress.terminal.plain import Emitted
from gpurun_jupyter.progress.terminal.screen import Screen

#: After so long without more, in seconds, whoever feeds a decoder calls `idle`.
QUIET_S = 0.1


class Decoder:
    """Terminal text and displays in, events out. The events carry no time: whoever feeds the decoder stamps them.

    How the text is cut into pieces changes neither the text that comes out nor where the bars end up. A bar stands
    where it ended: before what was said after it, wherever that was. `drawn` takes bars that are no text or display.
    With a `budget`, not all lines of a burst are read.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        bars = Roster()
        self._epochs = bars.epochs
        self.drawn = Drawn(bars)
        self._displayed = Displayed(bars, budget)
        self._screens = {"stdout": Screen("stdout", bars, budget), "stderr": Screen("stderr", bars, budget)}

    @property
    def epoch(self) -> int | None:
        """The number of the present epoch, as the run counts them; None where it has not spoken of epochs."""
        return self._epochs.number

    def expect(self, parameters: Mapping[str, str]) -> None:
        """What the run was told: of how many epochs that speaks, unless it says so itself."""
        for name, value in parameters.items():
            self._epochs.expect(f"{name}={value}")

    def feed(self, text: str, stream: Literal["stdout", "stderr"]) -> list[Emitted | Display]:
        """What came of this text: ordinary text at once and unchanged, but `\\r\\n` becomes a newline."""
        events = self._screens[stream].feed(text)
        if not any(isinstance(event, Output) for event in events):
            return [*events]
        return [*self.make_way(), *events]

    def display(self, event: Display | Result) -> list[Told]:
        """What is to be told of a displayed object, or of a new state of it, which takes no place of its own."""
        return self._displayed.take(event)

    def make_way(self) -> list[Output | Display]:
        """Something else is about to be shown: what has ended that is no text stands before it."""
        return [*self.drawn.make_way(), *self._displayed.make_way()]

    def rest(self, stream: Literal["stdout", "stderr"]) -> list[Emitted]:
        """Call before what is said elsewhere, where that order is known: what has ended in the stream stands before."""
        return self._screens[stream].rest()

    def idle(self) -> list[Emitted]:
        """Call when the run is quiet: what could have become a bar or a marker is taken as it stands."""
        return [event for screen in self._screens.values() for event in screen.idle()]

    def flush(self) -> list[Emitted | Display]:
        """Call at the end of a cell or of the run: gives out all that is held, and a line of each bar that had none."""
        said = [event for screen in self._screens.values() for event in screen.end()]
        return [*said, *self.drawn.end(), *self._displayed.end()]
