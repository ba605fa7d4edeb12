"""Where a run is (state), how it ended (outcome), why (reason), and which changes of state there are.

       start          grant          runner at work
created ───► queued ─────────► starting ─────────► running ──┐
   │          │  ▲                │  │              │ │ │     │ agent out of sight
   │          │  └────────────────┼──┼──── retry ───┘ │ │     ▼
   │          │                   │  └──► stopping ◄──┘ │   lost ──► running, queued (retry)
   │          │                   │          │          │     │
   └──────────┴────► finished ◄───┴──────────┴──────────┴─────┘
"""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A word of ours that is a text: it prints as that text on every Python, as StrEnum does from 3.11 on."""

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)


class State(Word):
    """Where a run is."""

    CREATED = "created"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    LOST = "lost"
    FINISHED = "finished"


class Outcome(Word):
    """How a finished run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class Reason(Word):
    """Why a run ended as it did."""

    COMPLETED = "completed"  # the code ran to its end
    EXCEPTION = "exception"  # a cell raised
    EXIT_CODE = "exit_code"  # a process ended with another code than 0
    SIGNAL = "signal"  # a process was ended by a signal that was not ours
    CUDA_OOM = "cuda_oom"  # the GPU had no memory left
    HOST_OOM = "host_oom"  # the kernel of the operating system ended it for memory
    DISK_FULL = "disk_full"
    TIMEOUT = "timeout"  # ran longer than its --timeout
    CANCELLED_BY = "cancelled_by"  # somebody stopped it; the run's message says who
    KERNEL_DIED = "kernel_died"  # the Jupyter kernel ended in the middle of the cell
    OUTPUT_MISSING = "output_missing"  # a variable that was asked for was not defined, or could not be kept
    LEFT_BEHIND = "left_behind"  # a process that it started was at work when its code was over, and had to be ended
    RUNNER_KILLED = "runner_killed"  # the runner is gone without an exit record
    DAMAGED = "damaged"  # its record in its folder is gone or cannot be read
    UNDELIVERED = "undelivered"  # not all that it left on another machine has reached the server; its message says what
    INTERNAL_ERROR = "internal_error"  # gpurun itself failed while it carried the run out; the run's message says more
    DEVICES_TAKEN = "devices_taken"  # somebody else was quicker on this machine; the run goes back to the queue
    PREDECESSOR_FAILED = "predecessor_failed"  # a run that it was to come after did not succeed
    START_FAILED = "start_failed"  # no kernel of that name, entry point missing, archive unreadable
    AGENT_LOST = "agent_lost"  # not heard of for too long


#: The only changes of state there are. gpurun_server.queue.lifecycle.transitions applies them and refuses any other,
#: but that a run of which gpurun only hears may go on when it has finished.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.CREATED: frozenset({State.QUEUED, State.FINISHED}),
    State.QUEUED: frozenset({State.STARTING, State.FINISHED}),
    State.STARTING: frozenset({State.RUNNING, State.STOPPING, State.QUEUED, State.LOST, State.FINISHED}),
    State.RUNNING: frozenset({State.STOPPING, State.LOST, State.QUEUED, State.FINISHED}),
    State.STOPPING: frozenset({State.LOST, State.FINISHED}),
    State.LOST: frozenset({State.RUNNING, State.STOPPING, State.QUEUED, State.FINISHED}),
    State.FINISHED: frozenset(),
}

#: States in which an attempt may hold devices.
ACTIVE: frozenset[State] = frozenset({State.STARTING, State.RUNNING, State.STOPPING, State.LOST})


def allowed(before: State, after: State) -> bool:
    """Whether a run may go from `before` to `after`."""
    return after in TRANSITIONS[before]
