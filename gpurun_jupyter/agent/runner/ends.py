"""How what a runner carries out has ended by itself: the code of a cell, its kernel, a process."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from gpurun_jupyter.core.events import End, Error
from gpurun_jupyter.core.lifecycle import Outcome, Reason

_LONGEST_MESSAGE = 1000
_MOST_NAMES = 3


def raised(error: Error) -> End:
    """By an exception."""
    message = f"{error.name}: {error.value}".removesuffix(": ")
    return End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message=message[:_LONGEST_MESSAGE])


def exited(value: str) -> End:
    """By SystemExit with this value: nothing or 0 is success, another number an exit code, a text what went wrong."""
    if value in ("", "None", "0", "False"):
        return End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
    try:
        return of_process(int(value) % 256)  # as the operating system would have it
    except ValueError:
        return End(outcome=Outcome.FAILED, reason=Reason.EXIT_CODE, exit_code=1, message=value[:_LONGEST_MESSAGE])


def kernel_died(what: str, exit_code: int | None) -> End:
    """The kernel is gone; `what` says in the middle of what."""
    how = f"signal {-exit_code}" if exit_code is not None and exit_code < 0 else f"exit code {exit_code}"
    return End(outcome=Outcome.FAILED, reason=Reason.KERNEL_DIED, exit_code=exit_code, message=f"{what} ({how}).")


def of_process(exit_code: int) -> End:
    """By the exit code of a process, -N for signal N."""
    if exit_code == 0:
        return End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, exit_code=0)
    if exit_code < 0:
        message = f"ended by signal {_signal_name(-exit_code)}"
        return End(outcome=Outcome.FAILED, reason=Reason.SIGNAL, exit_code=exit_code, message=message)
    message = f"ended with exit code {exit_code}"
    return End(outcome=Outcome.FAILED, reason=Reason.EXIT_CODE, exit_code=exit_code, message=message)


def left_behind(end: End, names: Sequence[str]) -> End:
    """The same, but no success where these processes were at work and have to be ended."""
    if not names or end.outcome is not Outcome.SUCCEEDED:
        return end
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    message = (
        f"The code was over, but left at work what then had to be ended: {', '.join(names[:_MOST_NAMES])}{more}. Wait "
        "for what the code starts; what may be ended, start in a session of its own (start_new_session=True)."
    )
    return End(outcome=Outcome.FAILED, reason=Reason.LEFT_BEHIND, exit_code=end.exit_code, message=message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return str(number)
