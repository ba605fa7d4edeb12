"""How a run and a device are said in a line: the same words in a terminal, under a cell and in a table."""

from __future__ import annotations

import time

from gpurun_jupyter.core.bars import at_present
from gpurun_jupyter.core.devices import Agent, Device
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.numbers import written
from gpurun_jupyter.core.runs import HEARD_OF, LOGGED_KIND, Bar, Run
from gpurun_jupyter.core.units import format_elapsed

_GLYPHS = {
    State.CREATED: "○",
    State.QUEUED: "◷",
    State.LOST: "?",
    Outcome.SUCCEEDED: "✓",
    Outcome.FAILED: "✗",
    Outcome.CANCELLED: "■",
    Outcome.TIMED_OUT: "✗",
}
METRICS_SHOWN = 3
_GIGABYTE = 2**30


def glyph(run: Run) -> str:
    """The sign before a run's name; never the only thing that says how it is."""
    return _GLYPHS.get(run.outcome or run.state, "●")


def listed_name(run: Run) -> str:
    """Its name in a list; one that the code of another run logs is told from others."""
    return f"↳ {run.name} of {run.parent}" if run.parent else run.name


def state_line(run: Run, now: float | None = None) -> str:
    """`● digits  running on lab:gpu1 · 1:42 · about 3:10 left`; `now` is seconds since the epoch."""
    return f"{glyph(run)} {run.name}  {how(run, now)}"


def how(run: Run, now: float | None = None) -> str:
    """Where the run is, or how it ended, without its name."""
    if run.state is State.FINISHED:
        return _how_it_ended(run)
    if run.state is State.QUEUED and run.waiting:
        return f"queued, {ordinal(run.waiting.position)} · {run.waiting.why}"
    parts = [f"{run.state.value}{_where(run)}", elapsed(run, now), left(run), _behind_sentence(run), _silence(run)]
    return " · ".join(part for part in parts if part)


def _silence(run: Run) -> str:
    """That nothing was heard of a run for long which somebody else carries out."""
    return run.message if run.kind in HEARD_OF else ""


def elapsed(run: Run, now: float | None = None) -> str:
    """How long the run took or has been going, as `1:42`; nothing before it started."""
    if run.started_at is None:
        return ""
    end = run.finished_at or now or time.time()
    return format_elapsed(max(0.0, end - run.started_at))


def left(run: Run) -> str:
    """`about 3:10 left`, where the run says how far it is."""
    seconds = run.progress.left_s if run.progress else None
    return "" if seconds is None else f"about {format_elapsed(seconds)} left"


def behind(run: Run) -> str:
    """`syncing, behind by 0:12`, where what is shown is not what the run on another machine has come to."""
    if not run.behind_s:
        return ""
    words = f"behind by {format_elapsed(run.behind_s)}"
    return f"syncing, {words}" if run.sync == "syncing" else words


def _behind_sentence(run: Run) -> str:
    """The same where there is room for what it means."""
    return f"{behind(run)}, output continues on the machine" if behind(run) and run.sync != "syncing" else behind(run)


def percent(run: Run) -> str:
    """`64 %`, where the run says how far it is."""
    fraction = run.progress.fraction if run.progress else None
    return "" if fraction is None else f"{100 * fraction:.0f} %"


def bar(shown: Bar) -> str:
    """One bar in words: `epoch 3/8 · 38.1 it/s`."""
    count = f"{shown.done:g}" if shown.total is None else f"{shown.done:g}/{shown.total:g}"
    rate = f" · {shown.rate:.3g} it/s" if shown.rate else ""
    return f"{shown.label} {count}{rate}".strip()


def bars(run: Run) -> list[str]:
    """The bars that the run is at, in words."""
    return [bar(shown) for shown in at_present(run.progress).bars] if run.progress else []


def metrics(run: Run, most: int = METRICS_SHOWN) -> str:
    """`loss 0.118 · acc 0.962`, the first few."""
    few = list(run.metrics.items())[:most]
    return " · ".join(f"{name} {written(summary.last)}" for name, summary in few)


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def ago(then: float, now: float | None = None) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `2 days ago`, from seconds since the epoch."""
    seconds = max(0.0, (now or time.time()) - then)
    for unit_s, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            count = int(seconds // unit_s)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return "just now"


def device_row(device: Device) -> tuple[str, str, str, str]:
    """A device as its label, use, memory and what holds it."""
    use = "" if device.util is None else f"{device.util:.0f} %"
    return device.label, use, _memory(device), _holder(device)


def health(agent: Agent) -> str:
    """What is wrong with an agent; nothing if it was heard lately and all that its runs print is here."""
    if agent.health == "healthy":
        return health_of("", agent.sync, agent.behind_s) if agent.behind_s else ""
    return f"{agent.health}, last heard {ago(0.0, agent.heard_s_ago)}"


def health_of(health: str, sync: str | None, behind_s: float | None) -> str:
    """`healthy, synced`: of an agent elsewhere also whether what is shown of its runs is what they have come to."""
    way = f"behind by {format_elapsed(behind_s)}" if behind_s else ""
    return ", ".join(part for part in (health, sync if sync != "behind" else "", way) if part)


def _how_it_ended(run: Run) -> str:
    outcome = run.outcome.value.replace("_", " ") if run.outcome else "finished"
    took = elapsed(run)
    if run.outcome is Outcome.SUCCEEDED:
        return " · ".join(part for part in (f"{outcome} in {took}{_where(run)}", metrics(run)) if part)
    why = run.message or (run.reason.value.replace("_", " ") if run.reason else "")
    return f"{outcome}{f' after {took}' if took else ' before it started'}{f': {why}' if why else ''}"


def _where(run: Run) -> str:
    if not run.agent or run.kind == LOGGED_KIND:
        return ""
    return f" on {run.agent}:{','.join(run.devices)}" if run.devices else f" on {run.agent}"


def _memory(device: Device) -> str:
    if device.memory_used_bytes is None or device.memory_total_bytes is None:
        return ""
    used, total = device.memory_used_bytes / _GIGABYTE, device.memory_total_bytes / _GIGABYTE
    return f"{used:.0f}/{total:.0f} GB"


def _holder(device: Device) -> str:
    if device.holder:
        return device.holder
    if device.locked_by:
        return device.locked_by
    foreign = [process for process in device.processes if not process.ours]
    if foreign:
        who = f"{foreign[0].user}, " if foreign[0].user else ""
        return f"pid {foreign[0].pid} ({who}not ours)"
    return "free"
