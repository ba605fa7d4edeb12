"""How far the whole run is, and how long it still takes: one bar leads, and what is drawn inside it counts in part.

The leading bar is the epochs, where they are known, else the first bar that stands in no other and has a total; when it
is through, the next one that begins leads. In epoch 3 of 10, with half of the batches done, the run is at
(2 + 1/2) / 10. The time left follows from how long the way so far took by the log's own clock; without a clock, and at
the very beginning, from what the bars say themselves.
"""

from __future__ import annotations

import re

from gpurun_jupyter.core.events import Progress
from gpurun_jupyter.core.runs import Bar, Pace, RunProgress
from gpurun_jupyter.progress.bars import epochs

MAX_BARS = 8
#: Characters of a label, and of a bar's id: all of them travel with every list of runs.
LONGEST = 200
#: The clock is trusted once this share of the run has been seen to pass.
_SEEN_ENOUGH = 0.02
_DEPTH = 8  # runs name the parents of bars themselves: perhaps in a circle
#: Lightning tries its validation before it trains.
_SANITY = re.compile(r"sanity", re.IGNORECASE)
_EPOCHS_LABEL = re.compile(r"\W*epochs?\W*", re.IGNORECASE)


def with_bar(before: RunProgress, event: Progress) -> RunProgress:
    """The progress after one bar moved; `event.m` is the clock, if it is not 0."""
    name, parent = event.id[:LONGEST], event.parent and event.parent[:LONGEST]
    old = next((bar for bar in before.bars if bar.id == name), None)
    bar = Bar(name, event.label[:LONGEST], event.done, event.total, event.rate, event.left_s, parent)
    bars = [bar if one.id == bar.id else one for one in before.bars] if old else [*before.bars, bar]
    by_id = {one.id: one for one in bars}
    leader = _leader(by_id, bar, before.pace)
    bars = _newest(bars, leader, bar)
    if leader is None or not leader.total:
        said = [one.left_s for one in (by_id.get(epochs.ID), bar) if one and one.left_s is not None]
        return RunProgress(None, said[0] if said else None, bars)
    moved = old is None or old.done != bar.done
    pace = before.pace if before.pace and before.pace.bar == leader.id else None
    if pace and leader is bar and old and bar.done < old.done:
        pace = None  # it begins anew
    active = bar.id if moved and _inside(by_id, bar, leader) else pace.active if pace else leader.id
    fraction = _fraction(by_id, active, leader)
    if pace is None:
        pace = Pace(leader.id, event.m, fraction, active)
    else:
        fraction = max(fraction, before.fraction or 0.0)  # a validation within does not set it back
        pace = Pace(leader.id, pace.m, pace.fraction, active)
    return RunProgress(fraction, _left_s(pace, event.m, fraction, by_id, leader), bars, pace)


def _leader(by_id: dict[str, Bar], moved: Bar, pace: Pace | None) -> Bar | None:
    known = by_id.get(epochs.ID)
    if known:
        return known if known.total else None  # nobody knows how many there will be
    now = by_id.get(pace.bar) if pace else None
    outermost = _outermost(by_id, moved)
    if not outermost.total or outermost is now or _SANITY.match(outermost.label):
        return now
    if now is None or not now.total or _gives_way(now, outermost):
        return outermost
    return now


def _gives_way(now: Bar, other: Bar) -> bool:
    """Whether another bar leads from here on."""
    if _EPOCHS_LABEL.fullmatch(other.label):
        return True
    if epochs.is_validation(other.label) or _EPOCHS_LABEL.fullmatch(now.label):
        return False
    through = now.total is not None and now.done >= now.total
    return epochs.is_validation(now.label) or (through and other.done < (other.total or 0))


def _outermost(by_id: dict[str, Bar], bar: Bar) -> Bar:
    for _ in range(_DEPTH):
        outer = by_id.get(bar.parent) if bar.parent else None
        if outer is None:
            break
        bar = outer
    return bar


def _inside(by_id: dict[str, Bar], bar: Bar, leader: Bar) -> bool:
    return _outermost(by_id, bar) is leader


def _fraction(by_id: dict[str, Bar], active: str, leader: Bar) -> float:
    """Climb from the bar that moved last to the leader: each has done what it says and a part of the next item."""
    inner, bar = 0.0, by_id.get(active, leader)
    for _ in range(_DEPTH):
        inner = min(1.0, max(0.0, (bar.done + inner) / bar.total)) if bar.total else 0.0
        if bar is leader:
            break
        bar = by_id.get(bar.parent or "", leader)
    return inner


def _left_s(pace: Pace, m: float, fraction: float, by_id: dict[str, Bar], leader: Bar) -> float | None:
    if fraction >= 1:
        return 0.0
    passed = fraction - pace.fraction
    by_clock = (m - pace.m) * (1 - fraction) / passed if m > pace.m and passed > 0 else None
    if by_clock is not None and passed >= _SEEN_ENOUGH:
        return round(by_clock, 3)
    if leader.id == epochs.ID and leader.left_s is not None:  # it was printed
        return leader.left_s
    said = _left_by_bars(fraction, by_id, by_id.get(pace.active, leader), leader)
    return by_clock if said is None else round(said, 3)


def _left_by_bars(fraction: float, by_id: dict[str, Bar], active: Bar, leader: Bar) -> float | None:
    """From the rate that the bars show: an item of the leader takes as long as all of the bar inside it."""
    if active is leader and leader.id == epochs.ID:  # an epoch has just ended
        active = next((bar for bar in reversed(by_id.values()) if bar.parent == leader.id and bar.rate), leader)
    rate, inner_rate = _rate(leader), _rate(active)
    if active is not leader and inner_rate and active.total and leader.total:
        return (1 - fraction) * leader.total * active.total / inner_rate
    return (1 - fraction) * leader.total / rate if rate and leader.total else leader.left_s


def _rate(bar: Bar) -> float | None:
    """Items a second; the time left is drawn in whole seconds, so it tells less."""
    if bar.rate or not bar.left_s or not bar.total:
        return bar.rate
    return max(0.0, bar.total - bar.done) / bar.left_s


def _newest(bars: list[Bar], leader: Bar | None, moved: Bar) -> list[Bar]:
    """At most MAX_BARS; the oldest that neither lead nor moved go first."""
    spare = [bar for bar in bars if bar is not leader and bar is not moved]
    gone = spare[: max(0, len(bars) - MAX_BARS)]
    return [bar for bar in bars if bar not in gone]
