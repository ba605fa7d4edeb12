"""What is known of the variables that a run left."""

from __future__ import annotations

import msgspec


class Output(msgspec.Struct):
    """One variable: the sha256 of its file, its size in bytes, its Python type. `file` is its name in the attempt."""

    file: str
    digest: str
    size_bytes: int
    type: str


class Answer(msgspec.Struct):
    """What a kernel says of the variables that it was to bring in or take out; `refused` says why it did not."""

    outputs: dict[str, Output] = {}
    refused: str | None = None
