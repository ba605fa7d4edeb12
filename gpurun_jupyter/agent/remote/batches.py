"""Many things in a few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(
    things: Iterable[T], size_of: Callable[[T], int], largest: int, most: int | None = None
) -> Iterator[list[T]]:
    """The things in their order: together not over `largest`, and not over `most` of them; a larger one is alone."""
    batch: list[T] = []
    total = 0
    for thing in things:
        size = size_of(thing)
        if batch and (total + size > largest or len(batch) == most):
            yield batch
            batch, total = [], 0
        batch.append(thing)
        total += size
    if batch:
        yield batch
