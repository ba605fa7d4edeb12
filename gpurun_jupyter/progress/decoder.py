"""The decoder of a run's two streams of text."""

from __future__ import annotations

from typing import Literal

from gpurun_jupyter.progress.plain import Emitted
from gpurun_jupyter.progress.roster import Roster
from gpurun_jupyter.progress.screen import Screen

#: After so long without more, in seconds, whoever feeds a decoder calls `idle`.
QUIET_S = 0.1


class Decoder:
    """Terminal text in, events out. The events carry no time: whoever feeds the decoder stamps them.

    How the text is cut into pieces changes neither the text that comes out nor where the bars end up.
    """

    def __init__(self) -> None:
        bars = Roster()
        self._screens = {"stdout": Screen("stdout", bars), "stderr": Screen("stderr", bars)}

    def feed(self, text: str, stream: Literal["stdout", "stderr"]) -> list[Emitted]:
        """What came of this text: ordinary text at once and unchanged, but `\\r\\n` becomes a newline."""
        return self._screens[stream].feed(text)

    def idle(self) -> list[Emitted]:
        """Call when the run is quiet: what could have become a bar or a marker is taken as it stands."""
        return [event for screen in self._screens.values() for event in screen.idle()]

    def flush(self) -> list[Emitted]:
        """Call at the end: gives out all that is held, and the last line of each bar that had none yet."""
        return [event for screen in self._screens.values() for event in screen.end()]
