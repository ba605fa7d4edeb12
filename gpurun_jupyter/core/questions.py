"""What a run's code asks its server, through the runner and the agent: requests of MLflow's REST beyond the run itself.

The runner leaves a question in the attempt's folder and rings; the agent, or the next one, leaves the answer there.
"""

from __future__ import annotations

import msgspec


class Question(msgspec.Struct):
    """A request: `path` is what follows the address of the tracking interface."""

    method: str
    path: str
    query: dict[str, list[str]] = {}
    body: bytes = b""


class Answer(msgspec.Struct):
    """What came of it: JSON, or the file on this machine that holds the bytes that were asked for."""

    status: int
    body: bytes = b""
    file: str | None = None
