"""What a process that lives in an event loop does on signals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping


@contextlib.contextmanager
def on_signals(handlers: Mapping[int, Callable[[], None]]) -> Iterator[None]:
    """Within it, these are called in the event loop that runs."""
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
