"""A metric's values as they are drawn small: few, whatever a run logs."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpurun_jupyter.core.numbers import Number

_MOST_VALUES = 200


@dataclass
class Curve:
    """The values of a metric in order, of a long one every second, fourth, ... value: `every` says which."""

    every: int = 1
    values: list[Number] = field(default_factory=list)
    seen: int = 0

    def add(self, value: Number) -> None:
        """Take the next value."""
        if self.seen % self.every == 0:
            self.values.append(value)
        self.seen += 1
        if len(self.values) > _MOST_VALUES:
            del self.values[1::2]
            self.every *= 2
