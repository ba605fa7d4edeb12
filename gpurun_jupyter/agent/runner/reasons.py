"""Why an attempt failed, told from how it ended, what it said last, and what the operating system counted. Pure."""

from __future__ import annotations

import contextlib
import errno
import re
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.lifecycle import Outcome, Reason

#: How much of what a run printed last is looked at, in characters.
TAIL_CHARS = 8192

_LONGEST_NAMED = 300

_FULL = (errno.ENOSPC, errno.EDQUOT)
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # itself, or the command of a shell that passes it on
_CUDA_OOM = re.compile(
    r"CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|CUDA error: out of memory"
    r"|\bRESOURCE_EXHAUSTED\b|\bResourceExhaustedError\b|\b(?:torch\.|cuda\.|^)OutOfMemoryError\b|HIP out of memory",
    re.MULTILINE,
)
_HOST_OOM = re.compile(
    r"^(?:[\w.]*\.)?_?(?:Array)?MemoryError\b|\[Errno 12\]|std::bad_alloc|DefaultCPUAllocator: (?:can't|not enough)",
    re.MULTILINE,
)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]")
_CHILD_KILLED = re.compile(r"killed by signal: Killed|\bSIGKILL\b|^Killed\b", re.MULTILINE)
_OOM_KILL = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = re.compile(r"(?:direct cause of the following exception|another exception occurred):\s*$")


@dataclass(frozen=True)
class Evidence:
    """What is known beside how the execution ended."""

    tail: str = ""  # what it printed last, or the name and value of what the cell raised
    oom_kills: int = 0  # processes that the operating system killed for memory meanwhile
    log_failure: OSError | None = None
    gpu_peak: str = ""  # the most memory seen in use on its GPUs


def judged(end: End, evidence: Evidence) -> End:
    """The same end with the reason told more exactly, where the evidence allows."""
    if evidence.log_failure is not None:
        return _unwritten(end, evidence.log_failure)
    if end.outcome is not Outcome.FAILED or end.reason in (Reason.START_FAILED, Reason.OUTPUT_MISSING):
        return end
    said = last_error(evidence.tail)
    if _CUDA_OOM.search(said):
        peak = f" Most in use that was seen: {evidence.gpu_peak}." if evidence.gpu_peak else ""
        return _with(end, Reason.CUDA_OOM, f"The GPU had no memory left.{peak}", said, _CUDA_OOM)
    killed = end.exit_code in _KILLED or bool(_CHILD_KILLED.search(said))
    if _HOST_OOM.search(said) or (killed and evidence.oom_kills):
        return _with(end, Reason.HOST_OOM, "The machine had no memory left.", said, _HOST_OOM)
    if _DISK_FULL.search(said):
        return _with(end, Reason.DISK_FULL, "The disk is full.", said, _DISK_FULL)
    return end


def of_start_failure(error: Exception) -> End:
    """The end of an attempt that could not be started."""
    full = isinstance(error, OSError) and error.errno in _FULL
    return End(
        outcome=Outcome.FAILED, reason=Reason.DISK_FULL if full else Reason.START_FAILED, message=str(error)[:1000]
    )


def of_fault(error: Exception, own_log: Path) -> End:
    """The end of an attempt in which gpurun itself failed; `own_log` has the traceback."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return End(outcome=Outcome.FAILED, reason=Reason.DISK_FULL, message=f"The disk is full. {named(error)}")
    message = (
        f"gpurun itself failed while it carried out this run ({named(error)}); this is no fault of your code. Run it "
        f"again. Should it fail again, report it with the traceback in {own_log} on the machine that it ran on."
    )
    return End(outcome=Outcome.FAILED, reason=Reason.INTERNAL_ERROR, message=encodable(message))


def named(error: BaseException) -> str:
    """An exception as the last line of its traceback names it, not too long."""
    return encodable(traceback.format_exception_only(error)[-1].strip()[:_LONGEST_NAMED])


def encodable(text: str) -> str:
    """The text with a mark in place of what has no bytes, such as half of a surrogate pair in the name of a file."""
    return text.encode(errors="replace").decode()


def last_error(tail: str) -> str:
    """The part of the last output that tells the failure: the last traceback with those that led to it, else all.

    What was caught and survived before, such as a batch that did not fit, is no reason.
    """
    start = tail.rfind(_TRACEBACK)
    if start < 0:
        return tail
    while (before := tail.rfind(_TRACEBACK, 0, start)) >= 0 and _CHAINED.search(tail[before:start].rstrip()):
        start = before
    return tail[start:]


def oom_kills() -> int:
    """How many processes this machine, or this container, has killed for memory so far; 0 where nobody counts."""
    # one kill may count in both: all that matters is whether there was any
    return _counted(Path("/proc/vmstat")) + _counted(_own_cgroup() / "memory.events")


def _counted(path: Path) -> int:
    """The number behind `oom_kill` in a file of names and numbers. Asked twice for each run: it is not parsed whole."""
    with contextlib.suppress(OSError):
        found = _OOM_KILL.search(path.read_bytes())
        return int(found[1]) if found else 0
    return 0


def _own_cgroup() -> Path:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return Path("/sys/fs/cgroup", line[3:].lstrip("/"))
    return Path("/sys/fs/cgroup")


def _unwritten(end: End, error: OSError) -> End:
    reason = Reason.DISK_FULL if error.errno in _FULL else Reason.START_FAILED
    message = f"The run's log could not be written any more ({error.strerror}); it ends where it was."
    return msgspec.structs.replace(end, outcome=Outcome.FAILED, reason=reason, message=message)


def _with(end: End, reason: Reason, sentence: str, said: str, pattern: re.Pattern[str]) -> End:
    """The end with another reason; its message is the sentence and the line that told."""
    found = pattern.search(said)
    line = said[said.rfind("\n", 0, found.start()) + 1 :].split("\n", 1)[0].strip() if found else end.message
    return msgspec.structs.replace(end, reason=reason, message=f"{sentence} {line}"[:1000].strip())
