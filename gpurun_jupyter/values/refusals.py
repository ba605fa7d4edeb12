"""Why a value does not travel, in a sentence, and how much may."""

from __future__ import annotations

_UNITS = ("B", "KB", "MB", "GB")


class Refused(Exception):
    """Raised for a value that cannot be written or read; the message is a sentence for a person, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class OverBudget(Refused):
    """Raised for a value that is too large."""


class Unsafe(Exception):
    """Raised by a format for a value that only pickle could take; the message says why, if not for its type."""


class Budget:
    """How many bytes the variables of a run may have in all, in one direction."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.spent_bytes = 0

    def expect(self, name: str, size_bytes: int) -> None:
        """Look ahead before anything is written. Raises OverBudget where it would be too much."""
        total_bytes = self.spent_bytes + size_bytes
        if total_bytes > self.limit_bytes:
            others = f" with what goes before it {sized(total_bytes)}," if self.spent_bytes else ""
            raise self._too_large(f"The variable {name!r} has {sized(size_bytes)},{others}")

    def spend(self, name: str, size_bytes: int) -> None:
        """Count what is written. Raises OverBudget where it is too much."""
        self.spent_bytes += size_bytes
        if self.spent_bytes > self.limit_bytes:
            raise self._too_large(f"With {name!r} the variables have")

    def _too_large(self, what: str) -> OverBudget:
        return OverBudget(
            f"{what} more than the {sized(self.limit_bytes)} that travel with a run.",
            "Take a part of it, leave it in a file that both sides can read, or raise --values-limit.",
        )


def sized(size_bytes: float) -> str:
    """A size for people: `1.5 GB`, by powers of 1024."""
    power = min(len(_UNITS) - 1, max(0, (int(size_bytes).bit_length() - 1) // 10))
    size = size_bytes / 1024**power
    return f"{size:.0f} {_UNITS[power]}" if not power or size >= 100 else f"{size:.1f} {_UNITS[power]}"


def type_name(value: object) -> str:
    """The type as people write it: `dict`, `numpy.ndarray`, `__main__.Net`."""
    kind = type(value)
    name = getattr(kind, "__qualname__", kind.__name__)
    module = kind.__module__
    return name if module == "builtins" else f"{module}.{name}"
