"""An interrupt that comes while IPython is preparing a cell reaches the cell."""

from __future__ import annotations

import signal
from typing import Any


def reach_the_code(shell: Any) -> None:
    """Once in a kernel's main thread, which has a SIGINT handler of its own while it works on a request."""
    EarlyInterrupts(shell)


class EarlyInterrupts:
    """Keeps what comes before the code of a request begins, and raises it there.

    IPython would take it for an error of one of its own callbacks, print that, and run the cell.
    """

    def __init__(self, shell: Any) -> None:
        self._kept = False
        self._begin_request = shell.kernel.pre_handler_hook
        self._run_code = shell.run_code
        shell.kernel.pre_handler_hook = self._request_begins
        shell.run_code = self._code_begins

    def _request_begins(self) -> None:
        self._kept = False  # an interrupt of the request before was for that one
        self._begin_request()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._keep)

    def _keep(self, *_: object) -> None:
        self._kept = True

    async def _code_begins(self, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if signal.getsignal(signal.SIGINT) == self._keep:  # code that awaits has one of ipykernel's
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self._kept:
                raise KeyboardInterrupt
        return await self._run_code(*args, **options)
