"""Which of a run's bars tell where it is: those that are over stand in its record still, for how far the whole is."""

from __future__ import annotations

import msgspec

from gpurun_jupyter.core.runs import Bar, RunProgress


def at_present(progress: RunProgress) -> RunProgress:
    """The same with the live bars alone; where all are over, with the last that began and those that it stands in."""
    live = [bar for bar in progress.bars if not is_over(bar)]
    return msgspec.structs.replace(progress, bars=live or _last_of(progress.bars))


def is_over(bar: Bar) -> bool:
    """Whether a bar has come to its end; one without a total never says so."""
    return bool(bar.total) and bar.done >= (bar.total or 0)


def _last_of(bars: list[Bar]) -> list[Bar]:
    by_id = {bar.id: bar for bar in bars}
    found: dict[str, Bar] = {}
    bar = bars[-1] if bars else None
    while bar is not None and bar.id not in found:  # runs name the parents themselves: perhaps in a circle
        found = {bar.id: bar, **found}
        bar = by_id.get(bar.parent or "")
    return [*found.values()]
